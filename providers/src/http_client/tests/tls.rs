//! Providers over TLS: whom we believe, and HTTP/2.

use std::sync::atomic::{AtomicU32, Ordering};

use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

/// A certificate authority, and a server that proves itself with a certificate of it.
struct Pki {
    authority_pem: String,
    acceptor: TlsAcceptor,
}

impl Pki {
    fn new(host: &str, expires_in_year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
        let server_key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(vec![host.to_owned()]).unwrap();
        server.not_after = date_time_ymd(expires_in_year, 1, 1);
        let server = server.signed_by(&server_key, &authority).unwrap();
        let private_key = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], private_key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            authority_pem: authority.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    fn trusted(&self) -> Tls {
        Tls::new(Some(self.authority_pem.as_bytes())).unwrap()
    }
}

#[tokio::test]
async fn a_provider_that_cannot_prove_itself_is_unreachable() {
    let good = Pki::new("127.0.0.1", 2100);
    let wrong_host = Pki::new("other.example", 2100);
    let expired = Pki::new("127.0.0.1", 2000);
    let unknown_authority = Tls::new(None).unwrap();
    for (story, pki, tls) in [
        ("unknown authority", &good, unknown_authority),
        ("wrong host", &wrong_host, wrong_host.trusted()),
        ("expired", &expired, expired.trusted()),
    ] {
        let (listener, url) = listen().await;
        let acceptor = pki.acceptor.clone();
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.is_ok()
        });
        let url = url.replace("http:", "https:");
        let outcome = client_with(&tls, Duration::from_secs(5))
            .try_call(post(&url))
            .await;
        let is_tls = matches!(outcome, Err(Failure::Connect(ConnectFailure::Tls)));
        assert!(is_tls, "{story}");
        assert!(
            !served.await.unwrap(),
            "{story}: the handshake went through"
        );
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_is_unreachable_after_the_connect_timeout() {
    let (listener, url) = listen().await;
    let url = url.replace("http:", "https:");
    let tls = Tls::new(None).unwrap();
    let client = client_with(&tls, Duration::from_millis(50));
    let outcome = client.call(post(&url)).await;
    assert_eq!(outcome.err(), Some(CallError::Unreachable));
    drop(listener);
}

#[tokio::test]
async fn http2_is_spoken_with_a_trusted_provider_that_offers_it() {
    let pki = Pki::new("127.0.0.1", 2100);
    let (listener, url) = listen().await;
    let acceptor = pki.acceptor.clone();
    let connections = Arc::new(AtomicU32::new(0));
    let accepted = Arc::clone(&connections);
    let served = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            accepted.fetch_add(1, Ordering::Relaxed);
            let stream = acceptor.accept(stream).await.unwrap();
            let answer = hyper::service::service_fn(|request: Request<Incoming>| async move {
                let body = Full::new(Bytes::from(format!("{:?}", request.version())));
                Ok::<_, std::convert::Infallible>(http::Response::new(body))
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), answer));
        }
    });
    let client = client_with(&pki.trusted(), Duration::from_secs(5));
    let url = url.replace("http:", "https:");
    for _ in 0..3 {
        let response = client.call(post(&url)).await.unwrap();
        assert_eq!(response.body, "HTTP/2.0");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    served.abort();
}

#[test]
fn extra_roots_must_be_certificates() {
    let refused = |pem: &[u8]| Tls::new(Some(pem)).err();
    assert!(matches!(refused(b"no PEM at all"), Some(TlsError::Empty)));
    let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(refused(broken), Some(TlsError::Pem(_))));
    let not_one = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(refused(not_one), Some(TlsError::Root(_))));
}
