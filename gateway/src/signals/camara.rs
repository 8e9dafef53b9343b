//! Asks a network that speaks CAMARA: one POST for each question, answered in
//! time or not at all.

mod login;
mod question;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use lru::LruCache;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{info, warn};
use watchword_providers::http_client::{CallError, ClientSettings, HttpClient, Tls, TlsError};

use self::login::Login;
use self::question::Asked;
use super::{NoAnswer, Question, Reply, Signals};
use crate::config::{CamaraPaths, CamaraSettings};
use crate::keys::random;
use crate::subjects::evidence::Finding;

/// As many answers are remembered, each for so long: a person who asks for a code
/// again is not asked about again.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::new(1_024).expect("1024 is not zero");
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Questions under way at once. More wait, within their timeout: a network that
/// hangs shall not take a socket for every code we send.
const IN_FLIGHT_MAX: usize = 64;

/// Connecting, logging in and answering may take longer than a person waits. It
/// goes on for whoever asks next: a far network would never be reached otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than for messages, of which one may not be sent twice: a question can
/// be asked again, and people who change numbers come seldom.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// An answer is one flag.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

const CORRELATOR: HeaderName = HeaderName::from_static("x-correlator");

/// A network's API in CAMARA's shapes.
pub struct Camara {
    network: Arc<Network>,
    paths: CamaraPaths,
    timeout: Duration,
    in_flight: Arc<Semaphore>,
    /// Whether the last question got no answer: said once, not for every question.
    is_failing: AtomicBool,
}

/// What a question that is under way holds on to.
struct Network {
    client: HttpClient,
    base_url: String,
    login: Login,
    /// By a digest of what was asked: no number is kept for the cache's sake.
    remembered: Mutex<LruCache<[u8; 32], Remembered>>,
}

#[derive(Clone, Copy)]
struct Remembered {
    finding: Finding,
    until: Instant,
}

/// Why a network cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum CamaraError {
    #[error("the token is not what a header can carry")]
    Token,
    #[error("token_url is no URL")]
    TokenUrl,
    #[error("the URL of {0} is none")]
    Url(&'static str),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Camara {
    /// Opens no connection yet.
    ///
    /// # Errors
    ///
    /// [`CamaraError`]: it could never be asked.
    pub fn new(settings: CamaraSettings) -> Result<Self, CamaraError> {
        let paths = &settings.paths;
        let named = [
            ("sim_swap_path", &paths.sim_swap),
            ("device_swap_path", &paths.device_swap),
            ("recycling_path", &paths.recycling),
            ("forwarding_path", &paths.forwarding),
        ];
        for (name, path) in named {
            let url = format!("{}{path}", settings.base_url);
            url.parse::<Uri>().map_err(|_| CamaraError::Url(name))?;
        }
        let client = ClientSettings {
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        };
        let client = HttpClient::new(&Tls::new(None)?, &client);
        let network = Network {
            login: Login::new(&settings.login, &client)?,
            client,
            base_url: settings.base_url,
            remembered: Mutex::new(LruCache::new(REMEMBERED_MAX)),
        };
        Ok(Self {
            network: Arc::new(network),
            paths: settings.paths,
            timeout: settings.timeout,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            is_failing: AtomicBool::new(false),
        })
    }

    async fn answer(&self, asked: Asked) -> Reply {
        let permit = Arc::clone(&self.in_flight).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let network = Arc::clone(&self.network);
        // A task of its own, ended by its timeout and counted by its permit.
        let asking = tokio::spawn(async move {
            let _permit = permit;
            let found = tokio::time::timeout(ANSWER_TIMEOUT, network.find(&asked)).await;
            let finding = found.unwrap_or(Err(NoAnswer::Late))?;
            // A failure is not: the next question may find the network well again.
            network.remember(asked.name(), finding);
            Ok(finding)
        });
        asking.await.unwrap_or(Err(NoAnswer::BrokenOff))
    }

    /// Says when answers begin to fail, and when they are back.
    fn note(&self, question: &Question<'_>, failure: Option<NoAnswer>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !was_failing => warn!(
                question = question.as_str(),
                status = status(failure),
                "a network does not say whether numbers are still whose they were ({failure}): until it does, codes are sent without",
            ),
            None if was_failing => {
                info!("the network says again whether numbers are still whose they were");
            }
            Some(_) | None => {}
        }
    }
}

impl Network {
    async fn find(&self, asked: &Asked) -> Reply {
        let authorization = self.login.authorization().await?;
        let request = self.request(asked, authorization.as_ref());
        let answer = self.client.call(request).await;
        let answer = answer.map_err(|error| match error {
            CallError::Unreachable => NoAnswer::Unreachable,
            CallError::Ambiguous => NoAnswer::BrokenOff,
        })?;
        match answer.status {
            StatusCode::OK if answer.body.len() <= ANSWER_BYTES_MAX => asked
                .read(&answer.body)
                .map(super::finding)
                .ok_or(NoAnswer::Unreadable),
            StatusCode::OK => Err(NoAnswer::Unreadable),
            StatusCode::UNAUTHORIZED => {
                self.login.refused(authorization.as_ref()).await;
                Err(NoAnswer::Status(StatusCode::UNAUTHORIZED))
            }
            _ if question::knows_nothing(&answer.body) => Ok(Finding::Unknown),
            status => Err(NoAnswer::Status(status)),
        }
    }

    fn request(&self, asked: &Asked, authorization: Option<&HeaderValue>) -> Request<Bytes> {
        let url = format!("{}{}", self.base_url, asked.path);
        let correlator = u128::from_be_bytes(random());
        let mut request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(CORRELATOR, format!("{correlator:032x}"))
            .body(asked.body.clone())
            .expect("the URLs were tried when this was made");
        if let Some(authorization) = authorization {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn recall(&self, name: &[u8; 32]) -> Option<Finding> {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = remembered.get(name).copied();
        known
            .filter(|known| Instant::now() < known.until)
            .map(|known| known.finding)
    }

    fn remember(&self, name: [u8; 32], finding: Finding) {
        let until = Instant::now() + REMEMBERED_FOR;
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(name, Remembered { finding, until });
    }
}

#[async_trait]
impl Signals for Camara {
    /// # Cancel safety
    ///
    /// Dropped, or given up as late, the answer is there for who asks next.
    async fn ask(&self, question: Question<'_>) -> Reply {
        let asked = Asked::new(&question, &self.paths);
        if let Some(finding) = self.network.recall(&asked.name()) {
            return Ok(finding);
        }
        let answer = tokio::time::timeout(self.timeout, self.answer(asked)).await;
        let answer = answer.unwrap_or(Err(NoAnswer::Late));
        self.note(&question, answer.err());
        answer
    }
}

fn status(failure: NoAnswer) -> Option<u16> {
    match failure {
        NoAnswer::Status(status) => Some(status.as_u16()),
        NoAnswer::Nobody
        | NoAnswer::NoToken
        | NoAnswer::Late
        | NoAnswer::Unreachable
        | NoAnswer::BrokenOff
        | NoAnswer::Unreadable => None,
    }
}
