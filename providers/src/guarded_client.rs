//! The client for URLs that are not the operator's: it connects only to public
//! addresses, whatever a name resolves to in the moment of connecting.

mod address;
mod connector;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub use self::address::{Network, UrlRules, is_public};
use self::connector::GuardedConnector;
use crate::http_client::Tls;

/// Webhooks go to many hosts, each now and then.
const IDLE_CONNECTIONS_MAX: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest response head over HTTP/1.1.
const RESPONSE_HEAD_BYTES_MAX: usize = 16 * 1024;
const USER_AGENT: &str = concat!("watchword/", env!("CARGO_PKG_VERSION"));

/// Why a guarded call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardedError {
    /// The URL, or an address behind its name, is not one we may call.
    #[error("the address is not allowed")]
    Refused,
    #[error("no complete answer")]
    NoAnswer,
}

/// What a guarded call is told. The body is not read: nobody may see it.
#[derive(Clone, Debug)]
pub struct GuardedAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// Calls URLs of others. Clones share connections.
///
/// Follows no redirects, uses no proxy, reads no body.
#[derive(Clone)]
pub struct GuardedClient {
    client: Client<GuardedConnector, Full<Bytes>>,
    rules: UrlRules,
}

impl GuardedClient {
    /// Opens nothing yet.
    pub fn new(tls: &Tls, rules: &UrlRules, connect_timeout: Duration) -> Self {
        let connector = GuardedConnector::new(tls, rules, connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .build(connector);
        Self {
            client,
            rules: rules.clone(),
        }
    }

    /// Sends a request and waits for the head of the answer. Has no timeout of
    /// its own beyond connecting.
    ///
    /// # Errors
    ///
    /// [`GuardedError`].
    pub async fn call(&self, request: Request<Bytes>) -> Result<GuardedAnswer, GuardedError> {
        self.rules
            .check(&request.uri().to_string())
            .map_err(|_| GuardedError::Refused)?;
        let mut request = request.map(Full::new);
        request
            .headers_mut()
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        match self.client.request(request).await {
            Ok(answer) => {
                let (head, _) = answer.into_parts();
                Ok(GuardedAnswer {
                    status: head.status,
                    headers: head.headers,
                })
            }
            Err(error) if connector::was_refused(&error) => Err(GuardedError::Refused),
            Err(_) => Err(GuardedError::NoAnswer),
        }
    }
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GuardedClient")
    }
}
