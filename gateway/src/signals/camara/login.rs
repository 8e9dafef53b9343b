//! How a network knows us: not at all, by a token that was given to us, or by
//! tokens that it grants us as an OAuth 2.0 client.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::{Serializer, byte_serialize};
use http::header::InvalidHeaderValue;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use watchword_providers::Secret;
use watchword_providers::http_client::HttpClient;
use zeroize::Zeroizing;

use super::CamaraError;
use crate::config::{CamaraClient, CamaraLogin};
use crate::signals::NoAnswer;

/// Shorter than a question is under way, so that its end is noted.
const GRANT_TIMEOUT: Duration = Duration::from_secs(5);
/// After a refusal nobody asks again for so long.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Of a token that does not say how long it lives, and the longest one is used.
const LIFETIME_UNSAID: Duration = Duration::from_secs(300);
const LIFETIME_MAX: Duration = Duration::from_secs(86_400);
/// A token that ends sooner is not used any more: it would end on its way.
const SPARE: Duration = Duration::from_secs(30);

/// How the network knows us.
pub(super) enum Login {
    None,
    Token(HeaderValue),
    Client(Box<Tokens>),
}

/// Tokens, one after the other.
pub(super) struct Tokens {
    client: HttpClient,
    ask: Ask,
    /// Locked while one is being granted: the others wait for that one.
    slot: Mutex<Slot>,
}

/// What is sent for a token.
struct Ask {
    url: Uri,
    authorization: HeaderValue,
    body: Bytes,
}

#[derive(Clone)]
enum Slot {
    Empty,
    Granted { token: HeaderValue, until: Instant },
    Refused { until: Instant },
}

#[derive(Deserialize)]
struct Grant {
    access_token: Secret,
    token_type: String,
    expires_in: Option<u64>,
}

impl Login {
    pub(super) fn new(login: &CamaraLogin, client: &HttpClient) -> Result<Self, CamaraError> {
        Ok(match login {
            CamaraLogin::None => Self::None,
            CamaraLogin::Token(token) => {
                Self::Token(bearer(token.expose()).map_err(|_| CamaraError::Token)?)
            }
            CamaraLogin::Client(named) => Self::Client(Box::new(Tokens {
                client: client.clone(),
                ask: Ask::new(named)?,
                slot: Mutex::new(Slot::Empty),
            })),
        })
    }

    /// What goes with a question.
    pub(super) async fn authorization(&self) -> Result<Option<HeaderValue>, NoAnswer> {
        match self {
            Self::None => Ok(None),
            Self::Token(token) => Ok(Some(token.clone())),
            Self::Client(tokens) => tokens.token().await.map(Some),
        }
    }

    /// The network does not take this token any more.
    pub(super) async fn refused(&self, refused: Option<&HeaderValue>) {
        match self {
            Self::None | Self::Token(_) => {}
            Self::Client(tokens) => {
                let mut slot = tokens.slot.lock().await;
                // Another one may have been granted since.
                let is_it = matches!(&*slot, Slot::Granted { token, .. } if Some(token) == refused);
                if is_it {
                    *slot = Slot::refused();
                }
            }
        }
    }
}

impl Tokens {
    async fn token(&self) -> Result<HeaderValue, NoAnswer> {
        let mut slot = self.slot.lock().await;
        let now = Instant::now();
        match &*slot {
            Slot::Granted { token, until } if now < *until => return Ok(token.clone()),
            Slot::Refused { until } if now < *until => return Err(NoAnswer::NoToken),
            Slot::Empty | Slot::Granted { .. } | Slot::Refused { .. } => {}
        }
        let granted = self.grant().await;
        *slot = granted.clone().map_or_else(Slot::refused, |(token, used)| {
            let until = Instant::now() + used;
            Slot::Granted { token, until }
        });
        granted.map(|(token, _)| token).ok_or(NoAnswer::NoToken)
    }

    /// A token, and for how long it is used.
    async fn grant(&self) -> Option<(HeaderValue, Duration)> {
        let answer = self.client.call(self.ask.request());
        let answer = tokio::time::timeout(GRANT_TIMEOUT, answer).await;
        let answer = answer.ok()?.ok()?;
        if answer.status != StatusCode::OK {
            return None;
        }
        granted(&answer.body)
    }
}

impl Slot {
    fn refused() -> Self {
        Self::Refused {
            until: Instant::now() + REFUSED_FOR,
        }
    }
}

impl Ask {
    fn new(named: &CamaraClient) -> Result<Self, CamaraError> {
        // RFC 6749, 2.3.1: both are encoded before they are put together.
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let secret = Zeroizing::new(encoded(named.secret.expose()));
        let both = Zeroizing::new(format!("{}:{}", encoded(&named.id), *secret));
        let mut body = Serializer::new(String::new());
        body.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &named.scope {
            body.append_pair("scope", scope);
        }
        Ok(Self {
            url: named.token_url.parse().map_err(|_| CamaraError::TokenUrl)?,
            authorization: sensitive(&format!("Basic {}", STANDARD.encode(both.as_bytes())))
                .map_err(|_| CamaraError::Token)?,
            body: body.finish().into(),
        })
    }

    fn request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, form);
        headers.insert(header::ACCEPT, json);
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        request
    }
}

/// What was granted.
fn granted(answer: &[u8]) -> Option<(HeaderValue, Duration)> {
    let grant: Grant = serde_json::from_slice(answer).ok()?;
    if !grant.token_type.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let lives = grant
        .expires_in
        .map_or(LIFETIME_UNSAID, Duration::from_secs);
    let lives = lives.min(LIFETIME_MAX);
    let used = lives.saturating_sub(SPARE).max(lives / 2);
    Some((bearer(grant.access_token.expose()).ok()?, used))
}

fn bearer(token: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}
