//! At accept: one connection, from its first byte to what ended it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::HttpService;
use super::drive::drive;
use super::pace::{Pace, Protocol};
use super::permits::Permit;
use super::request::RequestService;
use super::settings::ServerSettings;
use super::shutdown::Shutdown;
use super::stream::{PacedStream, tell_protocol};
use crate::telemetry::ConnectionMetrics;

/// The smallest read buffer hyper takes.
const BUFFER_BYTES_MIN: usize = 8_192;
/// How much of one request's body, and of all on one connection, a client may
/// send before somebody reads it. hyper's own 1 MiB, times the connections we
/// allow, would be more memory than the machine has.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;

/// What ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// In good order, by either side.
    Finished,
    /// The client broke it off, or what it sent is not HTTP.
    Broken,
    /// Nothing came, or not enough to know the protocol.
    FirstByte,
    /// The TLS handshake failed or took too long.
    Handshake,
    /// A request's head took too long.
    Header,
    Idle,
    Aged,
    /// Silent, and its place was needed.
    Evicted,
    /// Ended within the drain.
    Drained,
    /// Dropped by us: at the end of the drain, or in a panic.
    Cut,
}

impl ConnectionEnd {
    /// The `reason` in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Broken => "broken",
            Self::FirstByte => "first_byte",
            Self::Handshake => "handshake",
            Self::Header => "header",
            Self::Idle => "idle",
            Self::Aged => "age",
            Self::Evicted => "evicted",
            Self::Drained => "drained",
            Self::Cut => "cut",
        }
    }
}

/// Everything one connection needs.
pub(super) struct Connection<S> {
    pub(super) permit: Permit,
    pub(super) service: S,
    /// The certificate in force when the connection was accepted.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) settings: Arc<ServerSettings>,
    pub(super) metrics: ConnectionMetrics,
    pub(super) shutdown: Shutdown,
}

impl<S: HttpService> Connection<S> {
    pub(super) async fn run(mut self, stream: TcpStream) {
        let _open = self.metrics.opened();
        let mut ended = Ended {
            metrics: self.metrics.clone(),
            end: ConnectionEnd::Cut,
        };
        // Answers are small and complete: waiting to fill a packet only delays
        // them. Without it the connection works all the same.
        stream.set_nodelay(true).ok();
        ended.end = match self.open(stream).await {
            Ok((Opened::Clear(stream, front), protocol)) => {
                self.speak(stream, front, protocol).await
            }
            Ok((Opened::Tls(stream), protocol)) => {
                self.speak(*stream, Bytes::new(), protocol).await
            }
            Err(end) => end,
        };
    }

    /// Waits for the first byte and whatever comes before HTTP.
    async fn open(&mut self, stream: TcpStream) -> Result<(Opened, Protocol), ConnectionEnd> {
        let mut shutdown = self.shutdown.clone();
        let first_byte_by = Instant::now() + self.settings.first_byte_timeout;
        tokio::select! {
            biased;
            () = self.permit.evicted() => return Err(ConnectionEnd::Evicted),
            () = shutdown.requested() => return Err(ConnectionEnd::Drained),
            first_byte = timeout_at(first_byte_by, first_byte(&stream)) => match first_byte {
                Ok(Ok(())) => self.permit.spoken(),
                Ok(Err(_)) => return Err(ConnectionEnd::Broken),
                Err(_) => return Err(ConnectionEnd::FirstByte),
            },
        }
        tokio::select! {
            biased;
            () = shutdown.requested() => Err(ConnectionEnd::Drained),
            opened = self.agree(stream, first_byte_by) => opened,
        }
    }

    /// Agrees on the protocol: by ALPN within TLS, by its first bytes without.
    async fn agree(
        &self,
        mut stream: TcpStream,
        first_byte_by: Instant,
    ) -> Result<(Opened, Protocol), ConnectionEnd> {
        let Some(config) = &self.tls else {
            let told = timeout_at(first_byte_by, tell_protocol(&mut stream)).await;
            let (protocol, front) = told
                .map_err(|_| ConnectionEnd::FirstByte)?
                .map_err(|_| ConnectionEnd::Broken)?;
            return Ok((Opened::Clear(stream, front), protocol));
        };
        let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
        let shaken = timeout(self.settings.handshake_timeout, handshake).await;
        let Ok(Ok(stream)) = shaken else {
            return Err(ConnectionEnd::Handshake);
        };
        let (_, session) = stream.get_ref();
        let protocol = match session.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        Ok((Opened::Tls(Box::new(stream)), protocol))
    }

    /// Speaks HTTP until the connection ends.
    async fn speak<T>(self, stream: T, front: Bytes, protocol: Protocol) -> ConnectionEnd
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pace = Pace::new(protocol, &self.settings);
        let io = TokioIo::new(PacedStream::new(stream, front, Arc::clone(&pace)));
        let service = RequestService {
            inner: self.service,
            request_timeout: self.settings.request_timeout,
            pace: Arc::clone(&pace),
            metrics: self.metrics,
        };
        let settings = &self.settings;
        match protocol {
            Protocol::Http1 => {
                let connection = http1_builder(settings).serve_connection(io, service);
                drive(connection, &pace, settings, &self.permit, self.shutdown).await
            }
            Protocol::Http2 => {
                let connection = http2_builder(settings).serve_connection(io, service);
                drive(connection, &pace, settings, &self.permit, self.shutdown).await
            }
        }
    }
}

/// A connection on which HTTP can begin.
enum Opened {
    /// With what was read to tell the protocol.
    Clear(TcpStream, Bytes),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Counts the end of a connection, even if its task is dropped or panics.
struct Ended {
    metrics: ConnectionMetrics,
    end: ConnectionEnd,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.metrics.closed(self.end.as_str());
    }
}

/// Returns when the client has sent something, which stays to be read.
async fn first_byte(stream: &TcpStream) -> io::Result<()> {
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn http1_builder(settings: &ServerSettings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper's deadline also runs while a connection idles; `Pace` keeps both.
        .header_read_timeout(None)
        .max_header_size(settings.header_bytes_max)
        // The buffer holds a head and as much again of a body.
        .max_buf_size(
            settings
                .header_bytes_max
                .saturating_mul(2)
                .max(BUFFER_BYTES_MIN),
        );
    builder
}

fn http2_builder(settings: &ServerSettings) -> http2::Builder<TokioExecutor> {
    let header_bytes_max = u32::try_from(settings.header_bytes_max).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes_max)
        .max_concurrent_streams(settings.http2_streams_max)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(settings.http2_ping_interval)
        .keep_alive_timeout(settings.http2_ping_timeout);
    builder
}
