//! Beside the token: the signing keys that the issuer publishes. Fetched ahead
//! of need and kept, so that a request hardly ever waits for them; never asked
//! for in a hurry, for whoever makes up a key's name could make us ask.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use watchword_providers::http_client::HttpClient;

use crate::telemetry::{Metrics, events};

/// The largest document that is read. Microsoft's is a tenth of it.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
const KEYS_MAX: usize = 64;
const MODULUS_BYTES_MIN: usize = 256;
const MODULUS_BYTES_MAX: usize = 1_024;
/// 65537 takes three; the library computes with eight at most.
const EXPONENT_BYTES_MAX: usize = 8;

const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// Issuers publish a key days before they use it.
const REFRESH_EVERY: Duration = Duration::from_secs(3_600);
/// Nobody makes us ask more often.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// While there are no keys at all, nobody can be let in.
const AGAIN_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// A key that has been withdrawn opens no door for longer than this, even if the
/// issuer cannot be reached.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// A caller with a key that we do not know is answered after so long.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Strangers who make up names must not take all places of the gateway while an
/// issuer hangs: whoever comes when so many wait is answered at once.
const WAITING_MAX: usize = 64;

/// Where an issuer's keys are, and whose they have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksSource {
    pub url: Uri,
    /// A key that is published for another directory only is not used.
    pub directory: String,
    pub issuers: Vec<String>,
}

/// Why a fetch has not brought newer keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// No complete answer in time, or one that is too long.
    #[error("unreachable")]
    Unreachable,
    /// A redirect too: it is not followed.
    #[error("answered with another status than 200")]
    Status,
    #[error("not a JSON web key set")]
    NotAKeySet,
    #[error("more keys than are read")]
    TooManyKeys,
    #[error("no key that could sign a token")]
    NoKey,
}

impl JwksError {
    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Status => "status",
            Self::NotAKeySet => "not_a_key_set",
            Self::TooManyKeys => "too_many_keys",
            Self::NoKey => "no_key",
        }
    }
}

/// Why a token's key is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMissing {
    /// The issuer does not publish it.
    Unknown,
    /// The issuer has not been heard for a day, or never.
    Unavailable,
}

/// The keys of one issuer. Shared by all requests, and kept over reloads.
pub struct SigningKeys {
    source: JwksSource,
    client: HttpClient,
    known: ArcSwapOption<KeySet>,
    refresh: Mutex<Refresh>,
    waiting: Semaphore,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Refresh {
    asked_at: Option<Instant>,
    /// Ends, by an error, when the fetch does.
    running: Option<watch::Receiver<()>>,
}

struct KeySet {
    keys: Vec<SigningKey>,
    fetched_at: Instant,
}

#[derive(Debug)]
struct SigningKey {
    id: String,
    key: Arc<DecodingKey>,
}

impl KeySet {
    fn find(&self, id: &str) -> Option<Arc<DecodingKey>> {
        let found = self.keys.iter().find(|key| key.id == id);
        found.map(|found| Arc::clone(&found.key))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKeys({})", self.source.url)
    }
}

impl SigningKeys {
    /// Fetches nothing yet.
    pub fn new(source: JwksSource, client: HttpClient, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            source,
            client,
            known: ArcSwapOption::empty(),
            refresh: Mutex::default(),
            waiting: Semaphore::new(WAITING_MAX),
            metrics,
        })
    }

    pub fn source(&self) -> &JwksSource {
        &self.source
    }

    /// How long ago the issuer was last heard, and how many keys it published.
    pub fn state(&self) -> Option<(Duration, usize)> {
        let known = self.known.load();
        let known = known.as_ref()?;
        Some((known.fetched_at.elapsed(), known.keys.len()))
    }

    /// The key of this name. One that is not known may be new: the issuer is
    /// asked, once for all who wait and at most once a minute.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the fetch goes on for the others.
    ///
    /// # Errors
    ///
    /// [`KeyMissing`], after half a second at the latest.
    pub async fn key(self: &Arc<Self>, id: &str) -> Result<Arc<DecodingKey>, KeyMissing> {
        if let Some(key) = self.usable().and_then(|known| known.find(id)) {
            return Ok(key);
        }
        if let Some(mut running) = self.refresh()
            && let Ok(_place) = self.waiting.try_acquire()
        {
            // The sender says nothing; it is dropped when the fetch has ended.
            _ = timeout(WAIT_MAX, running.changed()).await;
        }
        let known = self.usable().ok_or(KeyMissing::Unavailable)?;
        known.find(id).ok_or(KeyMissing::Unknown)
    }

    /// Refreshes keys that are an hour old, or not there, in the background.
    pub fn keep_fresh(self: &Arc<Self>) {
        let is_fresh = self.state().is_some_and(|(age, _)| age < REFRESH_EVERY);
        if !is_fresh {
            drop(self.refresh());
        }
    }

    fn usable(&self) -> Option<Arc<KeySet>> {
        let known = self.known.load_full()?;
        (known.fetched_at.elapsed() < AGE_MAX).then_some(known)
    }

    /// What ends when a fetch does: the one that runs, or a new one; `None` if it
    /// is too early for another.
    fn refresh(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let now = Instant::now();
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        if refresh.running.is_some() {
            return refresh.running.clone();
        }
        let pause = if self.usable().is_some() {
            AGAIN_AFTER
        } else {
            AGAIN_WITHOUT_KEYS
        };
        let was_asked_lately = |at: Instant| now.duration_since(at) < pause;
        if refresh.asked_at.is_some_and(was_asked_lately) {
            return None;
        }
        refresh.asked_at = Some(now);
        let (fetching, running) = watch::channel(());
        refresh.running = Some(running.clone());
        drop(refresh);
        let keys = Arc::clone(self);
        // A task of its own: whoever asked first may go away, the others wait on.
        tokio::spawn(async move {
            let ended = Ended(Arc::clone(&keys));
            events::EntraKeysFetched {
                directory: &keys.source.directory,
                fetched: keys.fetch().await,
            }
            .emit(&keys.metrics);
            drop(ended);
            drop(fetching);
        });
        Some(running)
    }

    async fn fetch(&self) -> Result<usize, JwksError> {
        let request = Request::get(&self.source.url).body(Bytes::new());
        let request = request.map_err(|_| JwksError::Unreachable)?;
        let call = self.client.call_up_to(request, DOCUMENT_BYTES_MAX);
        let response = timeout(FETCH_TIMEOUT, call).await;
        let response = response
            .map_err(|_| JwksError::Unreachable)?
            .map_err(|_| JwksError::Unreachable)?;
        if response.status != StatusCode::OK {
            return Err(JwksError::Status);
        }
        let keys = parse(&response.body, &self.source)?;
        let count = keys.len();
        self.known.store(Some(Arc::new(KeySet {
            keys,
            fetched_at: Instant::now(),
        })));
        Ok(count)
    }
}

/// Lets the next fetch begin, however this one ended.
struct Ended(Arc<SigningKeys>);

impl Drop for Ended {
    fn drop(&mut self) {
        let refresh = self.0.refresh.lock();
        refresh.unwrap_or_else(PoisonError::into_inner).running = None;
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    r#use: Option<String>,
    alg: Option<String>,
    issuer: Option<String>,
}

/// The keys of a document that may sign tokens of this source.
fn parse(body: &[u8], source: &JwksSource) -> Result<Vec<SigningKey>, JwksError> {
    let document: Document = serde_json::from_slice(body).map_err(|_| JwksError::NotAKeySet)?;
    if document.keys.len() > KEYS_MAX {
        return Err(JwksError::TooManyKeys);
    }
    let mut keys: Vec<SigningKey> = Vec::new();
    for key in document.keys {
        // One of a kind that we do not know takes nothing from the others.
        let Some(key) = usable_key(key, source) else {
            continue;
        };
        if !keys.iter().any(|known| known.id == key.id) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(JwksError::NoKey);
    }
    Ok(keys)
}

fn usable_key(jwk: Value, source: &JwksSource) -> Option<SigningKey> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let is_for_signing = jwk.kty == "RSA"
        && jwk.r#use.is_none_or(|r#use| r#use == "sig")
        && jwk.alg.is_none_or(|alg| alg == "RS256");
    let is_for_us = jwk.issuer.is_none_or(|issuer| signs_for(&issuer, source));
    (is_for_signing && is_for_us && !jwk.kid.is_empty()).then_some(())?;
    let modulus = URL_SAFE_NO_PAD.decode(&jwk.n).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(&jwk.e).ok()?;
    let is_sized = (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&modulus.len())
        && modulus.first().is_some_and(|first| *first >= 0x80)
        && (1..=EXPONENT_BYTES_MAX).contains(&exponent.len());
    is_sized.then(|| SigningKey {
        id: jwk.kid,
        key: Arc::new(DecodingKey::from_rsa_raw_components(&modulus, &exponent)),
    })
}

/// Microsoft writes beside a key whose tokens it signs: those of every directory
/// (`{tenantid}`), or of one. Keys of personal accounts stand among the others.
fn signs_for(issuer: &str, source: &JwksSource) -> bool {
    let issuer = issuer.to_ascii_lowercase();
    issuer.contains("{tenantid}")
        || issuer.contains(&source.directory.to_ascii_lowercase())
        || source
            .issuers
            .iter()
            .any(|ours| ours.eq_ignore_ascii_case(&issuer))
}

#[cfg(test)]
pub(crate) mod tests;
