//! Whom the tester trusts where a gateway speaks TLS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::tenant::connection::Protocol;

/// More than any bundle of authorities holds.
const CERTIFICATES_MAX: usize = 1_000;

/// The authorities whose certificates are taken.
#[derive(Clone)]
pub(crate) struct Trust(Arc<RootCertStore>);

impl Trust {
    /// Those that browsers trust.
    pub(crate) fn public() -> Self {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self(Arc::new(roots))
    }

    /// Only those of a PEM file.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(path);
        let certificates = certificates.with_context(|| format!("opening {shown}"))?;
        for certificate in certificates.take(CERTIFICATES_MAX) {
            let certificate = certificate.with_context(|| format!("reading {shown}"))?;
            let added = roots.add(certificate);
            added.with_context(|| format!("{shown} holds what is no authority"))?;
        }
        ensure!(!roots.is_empty(), "{shown} holds no certificate in PEM");
        Ok(Self(Arc::new(roots)))
    }

    /// How the tenant connects. All connections share it, and so resume the
    /// sessions of each other.
    pub(crate) fn of_tenant(&self, protocol: Protocol) -> anyhow::Result<Arc<ClientConfig>> {
        let mut config = self.config()?;
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Ok(Arc::new(config))
    }

    /// Without a protocol, for a client that adds its own.
    pub(crate) fn config(&self) -> anyhow::Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.0));
        Ok(config.with_no_client_auth())
    }
}

/// How one gateway is spoken to over TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    /// Whose certificate it must be.
    pub(crate) name: ServerName<'static>,
}

impl Tls {
    pub(crate) fn to(host: &str, config: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let name = ServerName::try_from(host.to_owned());
        Ok(Self {
            connector: TlsConnector::from(Arc::clone(config)),
            name: name.with_context(|| format!("no certificate can name {host:?}"))?,
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tls").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_refused_with_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let refusal = |path: &Path| format!("{:#}", Trust::read(path).err().unwrap());
        assert!(refusal(&path).contains("ca.pem"));
        std::fs::write(&path, "nothing of the kind").unwrap();
        assert!(refusal(&path).contains("holds no certificate"));
        std::fs::write(
            &path,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        assert!(refusal(&path).contains("no authority"));
    }
}
