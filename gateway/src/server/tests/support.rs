//! A server on a free port, and clients that can misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::*;
use crate::telemetry::Metrics;

/// Far beyond any deadline in these tests: reaching it means "never".
pub(super) const NEVER: Duration = Duration::from_secs(20);

/// A deadline that a test waits out.
pub(super) const SHORT: Duration = Duration::from_millis(250);

/// Generous bounds, so that only the one a test names can be reached.
pub(super) fn patient() -> ServerSettings {
    ServerSettings {
        connections_max: 64,
        first_byte_timeout: NEVER * 2,
        handshake_timeout: NEVER * 2,
        header_timeout: NEVER * 2,
        body_timeout: NEVER * 2,
        request_timeout: NEVER * 2,
        idle_timeout: NEVER * 2,
        body_bytes_max: 64,
        ..ServerSettings::default()
    }
}

/// What the handler waits for and tells.
#[derive(Clone, Default)]
pub(super) struct Handler {
    /// `/wait` answers when told.
    pub(super) answer: Arc<Notify>,
    /// How many `/wait` requests have begun.
    pub(super) waiting: Arc<watch::Sender<usize>>,
    settings: Arc<ServerSettings>,
}

impl Handler {
    async fn handle(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let text = match request.uri().path() {
            "/wait" => {
                self.waiting.send_modify(|waiting| *waiting += 1);
                self.answer.notified().await;
                Bytes::from("waited")
            }
            "/panic" => panic!("a bug of ours"),
            "/body" => {
                let limit = self.settings.body_bytes_max;
                let deadline = Instant::now() + self.settings.body_timeout;
                match read_body(request.into_body(), limit, deadline).await {
                    Ok(body) => body,
                    Err(error) => Bytes::from(error.to_string()),
                }
            }
            _ => Bytes::from("hello"),
        };
        Ok(Response::new(Full::new(text)))
    }

    pub(super) fn header_bytes_max(&self) -> usize {
        self.settings.header_bytes_max
    }

    pub(super) async fn until_waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        within(waiting.wait_for(|&waiting| waiting >= count))
            .await
            .unwrap();
    }
}

pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    pub(super) handler: Handler,
    pub(super) metrics: ConnectionMetrics,
    pub(super) trigger: ShutdownTrigger,
    pub(super) served: JoinHandle<Drained>,
}

impl TestServer {
    pub(super) fn start(settings: ServerSettings) -> Self {
        Self::start_with(settings, None)
    }

    pub(super) fn start_with(settings: ServerSettings, tls: Option<TlsReloader>) -> Self {
        let socket = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let metrics = Metrics::default().connections("main");
        let handler = Handler {
            settings: Arc::new(settings.clone()),
            ..Handler::default()
        };
        let listener = Listener {
            socket,
            tls,
            metrics: metrics.clone(),
        };
        let (trigger, shutdown) = shutdown_channel();
        let service = {
            let handler = handler.clone();
            service_fn(move |request| handler.clone().handle(request))
        };
        let served = tokio::spawn(serve(listener, service, settings, shutdown));
        Self {
            address,
            handler,
            metrics,
            trigger,
            served,
        }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address)).await.unwrap()
    }

    /// Connects and says something, complete or not.
    pub(super) async fn say(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Drains, so that every connection is counted, and answers with how many
    /// ended for this reason.
    pub(super) async fn closed_by(self, reason: &'static str) -> u64 {
        let metrics = self.metrics.clone();
        self.drain().await;
        metrics.closed_count(reason)
    }

    pub(super) async fn drain(self) -> Drained {
        self.trigger.trigger();
        within(self.served).await.unwrap()
    }
}

/// Fails the test instead of hanging it.
pub(super) async fn within<F: Future>(future: F) -> F::Output {
    timeout(NEVER, future).await.expect("this ends long before")
}

/// Everything the server sends until it closes.
pub(super) async fn until_closed<T: AsyncRead + Unpin>(stream: &mut T) -> String {
    let mut text = Vec::new();
    // A reset is an end too: what we sent was not read.
    within(stream.read_to_end(&mut text)).await.ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// One HTTP/1.1 request on a connection that stays open; answers with head and body.
pub(super) async fn get<T>(stream: &mut T, path: &str) -> String
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_answer(stream).await
}

/// One answer with a `content-length`.
pub(super) async fn read_answer<T: AsyncRead + Unpin>(stream: &mut T) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let read = within(stream.read_buf(&mut answer)).await.unwrap();
        assert!(read > 0, "closed after {text:?}");
    }
}

pub(super) type Http2Sender = http2::SendRequest<Empty<Bytes>>;

/// An HTTP/2 client on a stream, its connection driven in the background.
pub(super) async fn http2<T>(stream: T) -> (Http2Sender, JoinHandle<()>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = within(handshake).await.unwrap();
    let driven = tokio::spawn(async move {
        connection.await.ok();
    });
    (sender, driven)
}

pub(super) fn request(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://localhost{path}");
    Request::get(uri).body(Empty::new()).unwrap()
}

pub(super) async fn text(response: Response<Incoming>) -> String {
    let body = within(response.into_body().collect()).await.unwrap();
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

/// Makes a TLS connection that trusts these certificates and offers these protocols.
pub(super) async fn tls_connect(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}
