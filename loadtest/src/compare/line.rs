//! One way to a program under test that carries one request at a time: an HTTP/1.1
//! connection, or one of several streams of an HTTP/2 connection.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::requests::Ready;
use super::wire::{self, Reading};

/// Streams that share an HTTP/2 connection.
pub(super) const STREAMS: u32 = 16;
const BUFFER_BYTES: usize = 4_096;
const ANSWER_BYTES_MAX: usize = 16_384;

/// How the programs are spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

pub(super) enum Line {
    Http1 {
        stream: TcpStream,
        received: BytesMut,
    },
    Http2 {
        sender: SendRequest<Full<Bytes>>,
        host: SocketAddr,
        authorization: HeaderValue,
    },
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Line {
    /// Opens as many lines as may be used at the same time.
    pub(super) async fn open(
        protocol: Protocol,
        (host, api_key): (SocketAddr, &str),
        count: u32,
    ) -> anyhow::Result<Vec<Self>> {
        let mut lines = Vec::new();
        match protocol {
            Protocol::Http1 => {
                for _ in 0..count {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    lines.push(Self::Http1 {
                        stream,
                        received: BytesMut::with_capacity(BUFFER_BYTES),
                    });
                }
            }
            Protocol::Http2 => {
                let authorization = HeaderValue::try_from(format!("Bearer {api_key}"))?;
                for _ in 0..count.div_ceil(STREAMS) {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    let io = TokioIo::new(stream);
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
    pub(super) async fn ask(&mut self, request: &Ready) -> io::Result<Answer> {
        match self {
            Self::Http1 { stream, received } => {
                stream.write_all(&request.bytes).await?;
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
            Self::Http2 {
                sender,
                host,
                authorization,
            } => {
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
        }
    }
}
