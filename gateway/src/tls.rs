//! Before accept: the certificate we serve, and how it is replaced while
//! connections stay open.
//!
//! TLS 1.2 and 1.3; ALPN offers `h2` before `http/1.1`. A new pair of files is
//! checked whole before it replaces the old one; connections made before keep
//! the certificate they were made with.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

/// Larger than any chain of certificates in use.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's own certificate first, then the chain.
    pub certificate: PathBuf,
    /// PEM, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// What a reload did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// New connections get another certificate, which expires then (seconds
    /// since the Unix epoch).
    Changed { not_after_s: i64 },
    /// The files hold what is already served.
    Unchanged,
}

/// Why a pair of files cannot be served. Nothing is changed by it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    #[error("{} is not a certificate we can read", .0.display())]
    MalformedCertificate(PathBuf),
    #[error("the key does not fit the certificate")]
    Unusable(#[source] rustls::Error),
}

/// The TLS settings of a listener, replaceable while it runs. Clones share them.
#[derive(Clone, Debug)]
pub struct TlsReloader {
    files: Arc<TlsFiles>,
    served: Arc<ArcSwap<Served>>,
}

/// One certificate in use.
#[derive(Debug)]
struct Served {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    not_after_s: i64,
}

impl TlsReloader {
    /// Reads and checks the files.
    ///
    /// # Errors
    ///
    /// The files cannot be served; the error says which and why.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let served = Served::load(&files)?;
        Ok(Self {
            files: Arc::new(files),
            served: Arc::new(ArcSwap::from_pointee(served)),
        })
    }

    /// Reads the files again and serves them to new connections. Reads from
    /// disk: call it from a blocking thread or where a pause is harmless.
    ///
    /// # Errors
    ///
    /// The files cannot be served; the old certificate stays.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        let new = Served::load(&self.files)?;
        if new.chain == self.served.load().chain {
            return Ok(Reloaded::Unchanged);
        }
        let not_after_s = new.not_after_s;
        self.served.store(Arc::new(new));
        Ok(Reloaded::Changed { not_after_s })
    }

    /// When the served certificate expires, in seconds since the Unix epoch.
    pub fn not_after_s(&self) -> i64 {
        self.served.load().not_after_s
    }

    /// What a new connection is to be made with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.served.load().config)
    }
}

impl Served {
    fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = read_chain(&files.certificate)?;
        let key = read_key(&files.key)?;
        let not_after_s = chain
            .first()
            .and_then(expiry_s)
            .ok_or_else(|| TlsError::MalformedCertificate(files.certificate.clone()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = config(&provider, chain.clone(), key).map_err(TlsError::Unusable)?;
        Ok(Self {
            config: Arc::new(config),
            chain,
            not_after_s,
        })
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    // Fails unless the key is the certificate's own.
    let certified = CertifiedKey::from_der(chain, key, provider)?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Tickets instead of the default cache of 256 sessions, which many clients
    // would wash out. Their keys end with this certificate.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::MalformedCertificate(path.to_owned()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey(path.to_owned()))
}

/// Reads a file whole, up to a bound; the copy in memory is wiped when dropped.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let mut pem = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut pem))
        .map_err(|source| TlsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    Ok(pem)
}

fn expiry_s(certificate: &CertificateDer<'static>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tempfile::TempDir;

    /// A certificate and its key on disk, replaceable.
    pub(crate) struct TestFiles {
        directory: TempDir,
    }

    impl TestFiles {
        pub(crate) fn new(host: &str) -> Self {
            let files = Self {
                directory: TempDir::new().unwrap(),
            };
            files.replace(host);
            files
        }

        pub(crate) fn paths(&self) -> TlsFiles {
            TlsFiles {
                certificate: self.directory.path().join("certificate.pem"),
                key: self.directory.path().join("key.pem"),
            }
        }

        /// Writes a new pair for this host and answers with its certificate.
        pub(crate) fn replace(&self, host: &str) -> CertificateDer<'static> {
            let (certificate, key) = pair(host);
            std::fs::write(self.paths().certificate, certificate.pem()).unwrap();
            std::fs::write(self.paths().key, key.serialize_pem()).unwrap();
            certificate.der().clone()
        }

        /// Writes a key that belongs to no certificate here.
        pub(crate) fn break_key(&self) {
            let (_, key) = pair("elsewhere");
            std::fs::write(self.paths().key, key.serialize_pem()).unwrap();
        }
    }

    fn pair(host: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2100, 1, 1);
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn the_expiry_is_the_certificates_own() {
        let tls = TlsReloader::load(TestFiles::new("localhost").paths()).unwrap();
        const YEAR_2100_S: i64 = 4_102_444_800;
        assert_eq!(tls.not_after_s(), YEAR_2100_S);
    }

    #[test]
    fn a_reload_of_the_same_files_changes_nothing() {
        let files = TestFiles::new("localhost");
        let tls = TlsReloader::load(files.paths()).unwrap();
        let before = tls.config();

        assert_eq!(tls.reload().unwrap(), Reloaded::Unchanged);
        assert!(Arc::ptr_eq(&before, &tls.config()));
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused_and_the_old_pair_stays() {
        let files = TestFiles::new("localhost");
        let tls = TlsReloader::load(files.paths()).unwrap();
        let before = tls.config();

        files.break_key();
        assert!(matches!(tls.reload(), Err(TlsError::Unusable(_))));
        assert!(Arc::ptr_eq(&before, &tls.config()));
    }

    #[test]
    fn files_that_are_missing_empty_or_garbage_are_told_apart() {
        let files = TestFiles::new("localhost");
        let paths = files.paths();

        std::fs::write(&paths.certificate, "").unwrap();
        let empty = TlsReloader::load(paths.clone());
        assert!(
            matches!(empty, Err(TlsError::NoCertificate(_))),
            "{empty:?}"
        );

        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&paths.certificate, garbage).unwrap();
        let garbage = TlsReloader::load(paths.clone());
        assert!(
            matches!(garbage, Err(TlsError::MalformedCertificate(_))),
            "{garbage:?}"
        );

        files.replace("localhost");
        std::fs::write(&paths.key, "not a key").unwrap();
        assert!(matches!(
            TlsReloader::load(paths.clone()),
            Err(TlsError::NoKey(_))
        ));

        std::fs::remove_file(&paths.key).unwrap();
        assert!(matches!(
            TlsReloader::load(paths),
            Err(TlsError::Unreadable { .. })
        ));
    }
}
