//! Resolves, judges every address, and connects to one of those just judged:
//! between the check and the connection nothing is asked again.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt as _};

use super::address::{UrlRules, literal, port_of};
use crate::http_client::Tls;

type BoxError = Box<dyn StdError + Send + Sync>;

/// More addresses than any connection attempt has time for.
const ADDRESSES_MAX: usize = 16;

/// An address may not be connected to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the address is not allowed")]
struct Forbidden;

/// Whether a call failed since its address is not allowed.
pub(super) fn was_refused(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Forbidden>() {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            // `source` would step over the error that an I/O error wraps.
            Some(io_error) => io_error.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    false
}

/// A connector that gives up after a time, whichever step hangs.
#[derive(Clone)]
pub(super) struct GuardedConnector<R = GaiResolver> {
    inner: HttpsConnector<Tcp<R>>,
    timeout: Duration,
}

impl GuardedConnector {
    pub(super) fn new(tls: &Tls, rules: &UrlRules, timeout: Duration) -> Self {
        Self::over(GaiResolver::new(), tls, (rules, timeout))
    }
}

impl<R> GuardedConnector<R> {
    pub(super) fn over(resolver: R, tls: &Tls, (rules, timeout): (&UrlRules, Duration)) -> Self {
        let tcp = Tcp {
            resolver,
            rules: rules.clone(),
        };
        Self {
            inner: HttpsConnector::from((tcp, Arc::clone(tls.client_config()))),
            timeout,
        }
    }
}

impl<R> Service<Uri> for GuardedConnector<R>
where
    R: Resolve,
{
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.inner.clone().oneshot(uri));
        Box::pin(async move { connecting.await? })
    }
}

/// Says what a name means now.
pub(super) trait Resolve: Clone + Send + Sync + 'static {
    fn addresses(&self, name: Name) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

impl Resolve for GaiResolver {
    fn addresses(&self, name: Name) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let answer = self.clone().oneshot(name);
        Box::pin(async move {
            let found = answer.await?;
            Ok(found.take(ADDRESSES_MAX).map(|found| found.ip()).collect())
        })
    }
}

/// TCP to addresses that the rules allow.
#[derive(Clone)]
pub(super) struct Tcp<R> {
    resolver: R,
    rules: UrlRules,
}

impl<R: Resolve> Service<Uri> for Tcp<R> {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let port = port_of(&uri);
            let addresses = this.judged(uri.host().unwrap_or_default()).await?;
            let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in addresses {
                match TcpStream::connect(SocketAddr::new(address, port)).await {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        return Ok(TokioIo::new(stream));
                    }
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        })
    }
}

impl<R: Resolve> Tcp<R> {
    /// What a host means, if all of it may be connected to: a name that points
    /// inside as well is up to something.
    pub(super) async fn judged(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = match literal(host) {
            Some(address) => vec![address],
            None => {
                let name: Name = host
                    .parse()
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                self.resolver.addresses(name).await?
            }
        };
        if addresses.iter().all(|address| self.rules.allows(*address)) {
            Ok(addresses)
        } else {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, Forbidden))
        }
    }
}
