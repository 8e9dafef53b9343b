//! One connection of the tenant to a gateway, and the moment its bytes leave.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::histogram::Histogram;
use crate::target::Endpoint;

/// Longer than any connection on one network takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How the tenant speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// By prior knowledge.
    Http2,
}

/// Somebody's turn to send on a connection.
pub(crate) struct Turn {
    sender: Sender,
    /// Shared by all turns of the connection.
    leaving: Rc<Leaving>,
    /// Which of the targets it leads to.
    pub(crate) target: usize,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Requests handed to the connection and not written yet.
#[derive(Default)]
pub(crate) struct Leaving {
    /// How late each was already, and when it was handed over.
    requests: RefCell<Vec<(Duration, Instant)>>,
    lateness: Rc<RefCell<Histogram>>,
    has_been_replaced: std::cell::Cell<bool>,
}

impl Leaving {
    fn written(&self) {
        let mut requests = self.requests.borrow_mut();
        if requests.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut lateness = self.lateness.borrow_mut();
        for (late, handed_over) in requests.drain(..) {
            lateness.record(late + now.saturating_duration_since(handed_over));
        }
    }
}

/// Opens a connection; each of the turns that it offers may be used at the same time.
pub(crate) async fn connect(
    (target, endpoint): (usize, &Endpoint),
    (protocol, streams): (Protocol, u32),
    lateness: &Rc<RefCell<Histogram>>,
) -> io::Result<Vec<Turn>> {
    let leaving = Rc::new(Leaving {
        lateness: Rc::clone(lateness),
        ..Leaving::default()
    });
    let connecting = async {
        let stream = TcpStream::connect(endpoint.address).await?;
        stream.set_nodelay(true)?;
        let watched = Watched {
            stream,
            leaving: Rc::clone(&leaving),
        };
        match &endpoint.tls {
            None => shake_hands(TokioIo::new(watched), (protocol, streams)).await,
            Some(tls) => {
                let connected = tls.connector.connect(tls.name.clone(), watched);
                let stream = TokioIo::new(connected.await?);
                shake_hands(stream, (protocol, streams)).await
            }
        }
    };
    let senders = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??;
    let turn = |sender| Turn {
        sender,
        leaving: Rc::clone(&leaving),
        target,
    };
    Ok(senders.into_iter().map(turn).collect())
}

/// Opens a connection on a stream; as many senders as may be used at once.
async fn shake_hands(
    stream: impl Read + Write + Unpin + 'static,
    (protocol, streams): (Protocol, u32),
) -> io::Result<Vec<Sender>> {
    Ok(match protocol {
        Protocol::Http1 => {
            let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
            // Whoever uses it next finds out how it ended.
            spawn_local(async move { connection.await.ok() });
            vec![Sender::Http1(sender)]
        }
        Protocol::Http2 => {
            let (sender, connection) = http2::Builder::new(OnThisThread)
                .handshake(stream)
                .await
                .map_err(io::Error::other)?;
            spawn_local(async move { connection.await.ok() });
            let senders = (0..streams).map(|_| Sender::Http2(sender.clone()));
            senders.collect()
        }
    })
}

impl Turn {
    /// Sends a request that is late by `late` already.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        late: Duration,
    ) -> hyper::Result<Response<Incoming>> {
        let handed_over = (late, Instant::now());
        self.leaving.requests.borrow_mut().push(handed_over);
        match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(request).await,
            Sender::Http2(sender) => sender.send_request(request).await,
        }
    }

    /// Waits until the connection can take another request; false if it is over.
    pub(crate) async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    pub(crate) fn is_http1(&self) -> bool {
        match self.sender {
            Sender::Http1(_) => true,
            Sender::Http2(_) => false,
        }
    }

    /// True for the first of the connection's turns that asks.
    pub(crate) fn is_to_be_replaced(&self) -> bool {
        !self.leaving.has_been_replaced.replace(true)
    }
}

/// Tells when something has been written: below TLS, where bytes leave.
struct Watched {
    stream: TcpStream,
    leaving: Rc<Leaving>,
}

impl Watched {
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(_)) = written {
            self.leaving.written();
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note(written)
    }
}

/// HTTP/2 runs its streams as tasks.
#[derive(Clone)]
struct OnThisThread;

impl<F: Future<Output: 'static> + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
