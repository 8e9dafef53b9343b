//! Stands before a gateway that speaks clear text, and speaks TLS for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Runs in a thread of its own until it is dropped.
pub(super) struct TlsProxy {
    pub(super) url: String,
    directory: TempDir,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    http1: AtomicU64,
    resumed: AtomicU64,
}

impl TlsProxy {
    pub(super) fn before(gateway: SocketAddr) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let here = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = listen(listener, acceptor, (gateway, here)) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            url: format!("https://localhost:{}", address.recv().unwrap().port()),
            directory,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The authority to trust.
    pub(super) fn authority(&self) -> PathBuf {
        Path::join(self.directory.path(), "ca.pem")
    }

    /// Connections that agreed on HTTP/1.1.
    pub(super) fn http1(&self) -> u64 {
        self.seen.http1.load(Ordering::SeqCst)
    }

    /// Connections that went on with an earlier one's session.
    pub(super) fn resumed(&self) -> u64 {
        self.seen.resumed.load(Ordering::SeqCst)
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || std::thread::panicking());
    }
}

async fn listen(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    (gateway, seen): (SocketAddr, Arc<Seen>),
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            // Whoever does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let (_, session) = stream.get_ref();
            if session.alpn_protocol() == Some(b"http/1.1") {
                seen.http1.fetch_add(1, Ordering::SeqCst);
            }
            if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                seen.resumed.fetch_add(1, Ordering::SeqCst);
            }
            let mut behind = TcpStream::connect(gateway).await.unwrap();
            // Either side may end it.
            copy_bidirectional(&mut stream, &mut behind).await.ok();
        });
    }
}
