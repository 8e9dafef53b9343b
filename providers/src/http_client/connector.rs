//! Opens connections: name resolution, TCP and TLS under one deadline.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::{Service, ServiceExt as _};

use super::resolver::Resolver;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Whom we trust: Mozilla's roots, and the operator's own.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

/// The extra roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the extra certificates are not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("the extra certificates hold none")]
    Empty,
    #[error("an extra certificate cannot be a root")]
    Root(#[source] rustls::Error),
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl Tls {
    /// Reads what clients of all providers share; `extra_roots_pem` is the
    /// content of a file with further root certificates.
    ///
    /// # Errors
    ///
    /// The extra roots hold no certificate, or one that cannot be used.
    pub fn new(extra_roots_pem: Option<&[u8]>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(pem) = extra_roots_pem {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(TlsError::Pem)?;
                roots.add(certificate).map_err(TlsError::Root)?;
            }
            if roots.len() == before {
                return Err(TlsError::Empty);
            }
        }
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn client_config(&self) -> &Arc<ClientConfig> {
        &self.0
    }
}

/// A connector that gives up after a time, whichever step hangs.
#[derive(Clone)]
pub(super) struct Connector {
    /// Behind one pointer: the client clones its connector for every request,
    /// and nearly none needs a new connection.
    inner: Arc<HttpsConnector<HttpConnector<Resolver>>>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(tls: &Tls, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(timeout / 2));
        tcp.set_nodelay(true);
        // An address that does not answer leaves time for the next one.
        tcp.set_connect_timeout(Some(timeout));
        // The scheme decides on TLS, not the TCP connector.
        tcp.enforce_http(false);
        Self {
            inner: Arc::new(HttpsConnector::from((tcp, Arc::clone(&tls.0)))),
            timeout,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = HttpsConnector::clone(&self.inner);
        let connecting = tokio::time::timeout(self.timeout, inner.oneshot(uri));
        Box::pin(async move { connecting.await? })
    }
}

/// Why there is no connection, for the log: never decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectFailure {
    Name,
    Refused,
    Tls,
    Timeout,
    Closed,
    Other,
}

impl ConnectFailure {
    /// Finds the reason in what lies beneath an error.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.is::<tokio::time::error::Elapsed>() {
                return Self::Timeout;
            }
            if error.is::<rustls::Error>() {
                return Self::Tls;
            }
            if error.is::<super::resolver::NoAddress>() {
                return Self::Name;
            }
            if error.is::<hyper::Error>() {
                return Self::Closed;
            }
            next = match error.downcast_ref::<io::Error>() {
                Some(io_error) if io_error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Self::Refused;
                }
                Some(io_error) if io_error.kind() == io::ErrorKind::TimedOut => {
                    return Self::Timeout;
                }
                // `source` would step over the error that an I/O error wraps.
                Some(io_error) => io_error.get_ref().map(|inner| inner as _),
                None => error.source(),
            };
        }
        Self::Other
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name not resolved",
            Self::Refused => "connection refused",
            Self::Tls => "TLS handshake failed",
            Self::Timeout => "timed out",
            Self::Closed => "closed before use",
            Self::Other => "network error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_beneath_other_errors() {
        let wrapped = io::Error::other(super::super::resolver::NoAddress);
        assert_eq!(ConnectFailure::of(&wrapped), ConnectFailure::Name);
        let unknown = io::Error::other("something else");
        assert_eq!(ConnectFailure::of(&unknown), ConnectFailure::Other);
    }
}
