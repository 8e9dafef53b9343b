//! First stop: takes connections, one task for each, until told to drain.
//!
//! The accept loop is our own since the usual ones leave holes that a slow or
//! silent client can sit in: a connection that sends nothing, a TLS handshake
//! that never ends, a request head that drips. Here each of these has a
//! deadline, and the number of connections has a bound.
//!
//! A client that hangs up makes hyper drop the handler's future at its next
//! `.await`. What must happen anyway (a dispatch, a settle) runs in a task of
//! its own, never in the handler.

mod accept;
mod body;
mod connection;
mod drive;
mod pace;
mod permits;
mod process;
mod request;
mod settings;
mod shutdown;
mod stream;

pub use accept::bind;
pub use body::{BodyError, read_body};
pub use process::{ProcessLimits, prepare_process};
pub use settings::ServerSettings;
pub use shutdown::{Shutdown, ShutdownTrigger, shutdown_channel};

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, error};

use self::accept::Acceptor;
use self::connection::Connection;
use self::permits::Permits;
use crate::telemetry::ConnectionMetrics;
use crate::tls::TlsReloader;

/// Answers requests: what the accept loop drives.
///
/// It never fails: whatever goes wrong has an HTTP answer. A tower service
/// becomes one through [`hyper_util::service::TowerToHyperService`].
pub trait HttpService:
    hyper::service::Service<
        Request<Incoming>,
        Response = Response<Self::ResponseBody>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    type ResponseBody: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;
}

impl<S, B> HttpService for S
where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<B>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    type ResponseBody = B;
}

/// Where connections come from.
#[derive(Debug)]
pub struct Listener {
    /// Made by [`bind`].
    pub socket: TcpListener,
    /// `None` serves clear text: HTTP/1.1, and HTTP/2 by prior knowledge.
    pub tls: Option<TlsReloader>,
    pub metrics: ConnectionMetrics,
}

/// How the connections ended that were open when the drain began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    pub finished: usize,
    /// Dropped at the end of the drain timeout, their requests unanswered.
    pub cut: usize,
}

/// Serves connections until `shutdown` is triggered, then drains: no new
/// connection, GOAWAY or `Connection: close` on the open ones, and after
/// `drain_timeout` what is left is cut.
///
/// # Cancel safety
///
/// Dropped, it drops every connection at once.
pub async fn serve<S: HttpService>(
    listener: Listener,
    service: S,
    settings: ServerSettings,
    shutdown: Shutdown,
) -> Drained {
    let drain_timeout = settings.drain_timeout;
    let mut server = Server {
        permits: Permits::new(settings.connections_max),
        settings: Arc::new(settings),
        tls: listener.tls,
        metrics: listener.metrics,
        service,
        shutdown,
        connections: JoinSet::new(),
    };
    server.accept_until_shutdown(listener.socket).await;
    let open = server.connections.len();
    let in_time = timeout(drain_timeout, server.finish_all()).await;
    let cut = match in_time {
        Ok(()) => 0,
        Err(_) => server.connections.len(),
    };
    server.connections.shutdown().await;
    Drained {
        finished: open.saturating_sub(cut),
        cut,
    }
}

struct Server<S> {
    settings: Arc<ServerSettings>,
    tls: Option<TlsReloader>,
    metrics: ConnectionMetrics,
    service: S,
    shutdown: Shutdown,
    permits: Permits,
    connections: JoinSet<()>,
}

impl<S: HttpService> Server<S> {
    /// Returns with the socket closed, so that the system refuses what comes.
    async fn accept_until_shutdown(&mut self, socket: TcpListener) {
        let mut acceptor = Acceptor::new(socket, self.permits.clone(), self.metrics.clone());
        let mut shutdown = self.shutdown.clone();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                Some(ended) = self.connections.join_next() => self.ended(ended),
                (stream, permit) = acceptor.next() => self.spawn(stream, permit),
            }
        }
    }

    fn spawn(&mut self, stream: TcpStream, permit: permits::Permit) {
        let connection = Connection {
            permit,
            service: self.service.clone(),
            tls: self.tls.as_ref().map(TlsReloader::config),
            settings: Arc::clone(&self.settings),
            metrics: self.metrics.clone(),
            shutdown: self.shutdown.clone(),
        };
        self.connections.spawn(connection.run(stream));
    }

    async fn finish_all(&mut self) {
        while let Some(ended) = self.connections.join_next().await {
            self.ended(ended);
        }
    }

    fn ended(&self, ended: Result<(), JoinError>) {
        match ended {
            Ok(()) => {}
            Err(error) if error.is_panic() => {
                self.metrics.panicked();
                error!("a connection ended in a panic");
            }
            Err(_) => debug!("a connection was cut"),
        }
    }
}

#[cfg(test)]
mod tests;
