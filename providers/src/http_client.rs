//! The shared HTTP client: a request goes out, and what comes back is a complete
//! and bounded answer, or the one thing dispatch must know about a failure:
//! whether the provider may have seen the message.

mod connector;
mod documents;
mod resolver;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;
use tracing::warn;

use self::connector::{ConnectFailure, Connector};
pub use self::connector::{Tls, TlsError};
pub use self::documents::Documents;
use crate::{Message, Provider, ProviderCode, RefusalScope, Response, SubmitError, Submitted};

/// The longest body that is read. Providers answer with a few hundred bytes.
pub const RESPONSE_BODY_BYTES_MAX: usize = 64 * 1024;

/// The longest response head over HTTP/1.1.
const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// As many as one provider may have attempts in flight by default.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// A connection over HTTP/2 that answers no ping is given up: otherwise every
/// message would wait on a dead socket until its attempt times out.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(5);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(2);

const USER_AGENT: &str = concat!("watchword/", env!("CARGO_PKG_VERSION"));

/// How connections are made and kept.
#[derive(Clone, Copy, Debug)]
pub struct ClientSettings {
    /// The longest wait for name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. It should be shorter than the
    /// provider's own keep-alive: a connection that the provider closes just as
    /// we write to it leaves an unknown outcome.
    pub idle_timeout: Duration,
}

impl Default for ClientSettings {
    /// 2 s to connect, as long as a lost SYN takes to be repeated and answered;
    /// 20 s idle, below the 60 s of common load balancers.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(20),
        }
    }
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing of the request was written.
    #[error("unreachable")]
    Unreachable,
    /// Some of the request may have been written.
    #[error("no complete answer")]
    Ambiguous,
}

/// One provider's pool of connections. Clones share it.
///
/// Follows no redirects, uses no proxy, decodes no content encoding.
#[derive(Clone)]
pub struct HttpClient {
    client: Arc<Client<Connector, Full<Bytes>>>,
}

impl HttpClient {
    /// Opens nothing yet.
    pub fn new(tls: &Tls, settings: &ClientSettings) -> Self {
        let connector = Connector::new(tls, settings.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            // Without a timer of its own the pool would never close what is idle.
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // Repeats only what was never written, on a connection that was reused.
            .retry_canceled_requests(true)
            .http1_max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .http2_keep_alive_interval(HTTP2_PING_INTERVAL)
            .http2_keep_alive_timeout(HTTP2_PING_TIMEOUT)
            .build(connector);
        Self {
            client: Arc::new(client),
        }
    }

    /// Sends a request and waits for the complete answer, whatever its status.
    ///
    /// Has no timeout of its own beyond connecting: the caller drops the future,
    /// and must. Besides a server that never answers there is a race in hyper's
    /// queue (hyperium/hyper#4122): a request handed to a connection in the very
    /// instant in which it closes can lie there unwritten, and the call waits on.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes the connection (HTTP/1.1) or resets the stream
    /// (HTTP/2); the request may have been carried out all the same.
    ///
    /// # Errors
    ///
    /// [`CallError::Ambiguous`] also for an answer that breaks off, cannot be
    /// parsed, or is longer than [`RESPONSE_BODY_BYTES_MAX`].
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response, CallError> {
        self.call_up_to(request, RESPONSE_BODY_BYTES_MAX).await
    }

    /// Like [`HttpClient::call`], for an answer that may be longer or has to be
    /// shorter than those of providers.
    ///
    /// # Errors
    ///
    /// [`CallError::Ambiguous`] also for an answer longer than `body_bytes_max`.
    pub async fn call_up_to(
        &self,
        request: Request<Bytes>,
        body_bytes_max: usize,
    ) -> Result<Response, CallError> {
        let called = self.try_call_up_to(request, body_bytes_max).await;
        called.map_err(|failure| match failure {
            Failure::Connect(_) => CallError::Unreachable,
            Failure::Ambiguous => CallError::Ambiguous,
        })
    }

    async fn try_call(&self, request: Request<Bytes>) -> Result<Response, Failure> {
        self.try_call_up_to(request, RESPONSE_BODY_BYTES_MAX).await
    }

    async fn try_call_up_to(
        &self,
        request: Request<Bytes>,
        body_bytes_max: usize,
    ) -> Result<Response, Failure> {
        let mut request = request.map(Full::new);
        request
            .headers_mut()
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| Failure::of(&error))?.into_parts();
        let body = read_bounded(body, body_bytes_max)
            .await
            .ok_or(Failure::Ambiguous)?;
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HttpClient")
    }
}

enum Failure {
    Connect(ConnectFailure),
    Ambiguous,
}

impl Failure {
    /// An error is of connecting only if hyper vouches for it: the connector
    /// failed, the error belongs to no connection, or the request was handed
    /// back unwritten.
    fn of(error: &ClientError) -> Self {
        let was_handed_back = std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            .is_some_and(hyper::Error::is_canceled);
        if error.is_connect() || error.connect_info().is_none() || was_handed_back {
            Self::Connect(ConnectFailure::of(error))
        } else {
            Self::Ambiguous
        }
    }
}

/// The whole body, or `None` if it breaks off or is too long.
///
/// A length that is announced as too long is believed; nothing is read then.
async fn read_bounded(mut body: Incoming, bytes_max: usize) -> Option<Bytes> {
    let announced = body.size_hint().lower();
    if announced > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return None;
    }
    // Nearly every answer is one chunk, and that is never copied.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.ok()?.into_data() else {
            continue;
        };
        if first.len().max(joined.len()) + chunk.len() > bytes_max {
            return None;
        }
        if first.is_empty() {
            first = chunk;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&chunk);
    }
    Some(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

/// An HTTP provider as the service that dispatch calls. Clones share everything.
#[derive(Clone)]
pub struct HttpProvider {
    id: Arc<str>,
    provider: Arc<dyn Provider>,
    client: HttpClient,
}

impl HttpProvider {
    /// `id` is the provider's name in the logs.
    pub fn new(id: &str, provider: Arc<dyn Provider>, client: HttpClient) -> Self {
        Self {
            id: id.into(),
            provider,
            client,
        }
    }
}

impl fmt::Debug for HttpProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpProvider")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Service<Arc<Message>> for HttpProvider {
    type Response = Submitted;
    type Error = SubmitError;
    type Future = BoxFuture<'static, Result<Submitted, SubmitError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Arc<Message>) -> Self::Future {
        // Another provider may well carry what this one cannot put into its form.
        let refused = |code| SubmitError::Refused {
            scope: RefusalScope::Provider,
            code,
        };
        let cannot_dial =
            message.extension.is_some() && !self.provider.capabilities().dials_extensions;
        let request = if cannot_dial {
            Err(refused(ProviderCode::new("extension")))
        } else {
            let request = self.provider.request(&message);
            request.map_err(|_| refused(None))
        };
        let this = self.clone();
        Box::pin(async move {
            match this.client.try_call(request?).await {
                Ok(response) => this.provider.classify(&response),
                Err(Failure::Connect(reason)) => {
                    warn!(
                        provider.name = %this.id,
                        reason = reason.as_str(),
                        "no connection to {}", this.id
                    );
                    Err(SubmitError::Unreachable)
                }
                Err(Failure::Ambiguous) => Err(SubmitError::Unknown { code: None }),
            }
        })
    }
}
