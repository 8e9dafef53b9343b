//! One way to a program under test that carries one request at a time: a
//! connection, clear or under TLS, one of several streams of an HTTP/2 connection,
//! or a new connection for every request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::requests::Ready;
use super::wire::{self, Reading};

/// Streams that share an HTTP/2 connection.
pub(crate) const STREAMS: u32 = 16;
const BUFFER_BYTES: usize = 4_096;
const ANSWER_BYTES_MAX: usize = 16_384;

/// How the programs are spoken to.
#[derive(Clone)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    /// HTTP/1.1 under TLS.
    Tls(Arc<ClientConfig>),
    /// HTTP/1.1, with a new connection for every request, under TLS or in clear.
    Fresh(Option<Arc<ClientConfig>>),
}

pub(crate) enum Line {
    Http1(Http1<TcpStream>),
    Tls(Box<Http1<TlsStream<TcpStream>>>),
    Http2 {
        sender: SendRequest<Full<Bytes>>,
        host: SocketAddr,
        authorization: HeaderValue,
    },
    Fresh {
        host: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        resumed: u64,
    },
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Line {
    /// Opens as many lines as may be used at the same time.
    pub(crate) async fn open(
        protocol: &Protocol,
        (host, api_key): (SocketAddr, &str),
        count: u32,
    ) -> anyhow::Result<Vec<Self>> {
        let mut lines = Vec::new();
        match protocol {
            Protocol::Http1 => {
                for _ in 0..count {
                    lines.push(Self::Http1(Http1::new(connect(host).await?)));
                }
            }
            Protocol::Tls(config) => {
                for _ in 0..count {
                    let stream = connect_tls(host, config).await?;
                    lines.push(Self::Tls(Box::new(Http1::new(stream))));
                }
            }
            Protocol::Fresh(tls) => {
                let line = || Self::Fresh {
                    host,
                    tls: tls.clone(),
                    resumed: 0,
                };
                lines.extend(std::iter::repeat_with(line).take(count as usize));
            }
            Protocol::Http2 => {
                let authorization = HeaderValue::try_from(format!("Bearer {api_key}"))?;
                for _ in 0..count.div_ceil(STREAMS) {
                    let io = TokioIo::new(connect(host).await?);
                    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                    // Whoever uses it next finds out how it ended.
                    spawn_local(async move { connection.await.ok() });
                    let line = || Self::Http2 {
                        sender: sender.clone(),
                        host,
                        authorization: authorization.clone(),
                    };
                    lines.extend(std::iter::repeat_with(line).take(STREAMS as usize));
                }
                lines.truncate(count as usize);
            }
        }
        Ok(lines)
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, request: &Ready) -> io::Result<Answer> {
        match self {
            Self::Http1(line) => line.ask(request).await,
            Self::Tls(line) => line.ask(request).await,
            Self::Fresh {
                host, tls: None, ..
            } => Http1::new(connect(*host).await?).ask(request).await,
            Self::Fresh {
                host,
                tls: Some(config),
                resumed,
            } => {
                let mut line = Http1::new(connect_tls(*host, config).await?);
                let answer = line.ask(request).await?;
                let (_, session) = line.stream.get_ref();
                *resumed += u64::from(session.handshake_kind() == Some(HandshakeKind::Resumed));
                Ok(answer)
            }
            Self::Http2 {
                sender,
                host,
                authorization,
            } => ask_http2(sender, (*host, authorization), request).await,
        }
    }

    /// TLS sessions that were resumed since this was last asked.
    pub(crate) fn take_resumed(&mut self) -> u64 {
        match self {
            Self::Fresh { resumed, .. } => std::mem::take(resumed),
            Self::Http1(_) | Self::Tls(_) | Self::Http2 { .. } => 0,
        }
    }
}

/// A connection that carries one request at a time.
pub(crate) struct Http1<S> {
    stream: S,
    received: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http1<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            received: BytesMut::with_capacity(BUFFER_BYTES),
        }
    }

    async fn ask(&mut self, request: &Ready) -> io::Result<Answer> {
        let Self { stream, received } = self;
        stream.write_all(&request.bytes).await?;
        // TLS may keep some of it back until it is told that this was all.
        stream.flush().await?;
        let answer = wire::receive(stream, received, Reading::Answers).await?;
        let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
        let whole = received.split_to(answer.body.end);
        // Where nobody keeps the body, the buffer is used again.
        received.reserve(BUFFER_BYTES);
        Ok(Answer {
            status: answer.status,
            body: whole.freeze().slice(answer.body),
        })
    }
}

async fn ask_http2(
    sender: &mut SendRequest<Full<Bytes>>,
    (host, authorization): (SocketAddr, &HeaderValue),
    request: &Ready,
) -> io::Result<Answer> {
    let body = request.bytes.get(request.body.clone()).unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::AUTHORIZATION, authorization.clone());
    headers.insert::<HeaderName>(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let mut asked = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *asked.method_mut() = Method::POST;
    *asked.uri_mut() = format!("http://{host}{}", request.path)
        .parse()
        .map_err(io::Error::other)?;
    *asked.headers_mut() = headers;
    sender.ready().await.map_err(io::Error::other)?;
    let answer = sender.send_request(asked).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(Answer {
        status,
        body: body.to_bytes(),
    })
}

async fn connect(host: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects and shakes hands.
pub(crate) async fn connect_tls(
    host: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = connect(host).await?;
    let name = ServerName::IpAddress(host.ip().into());
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
}
