//! A certificate of the run's own for `127.0.0.1`, served by gateways and the
//! carrier, and how the generator trusts it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::gateway::TlsFiles;

/// Certificate and key, drawn anew.
pub(crate) struct Certificate {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// Whether a client comes back with a ticket.
#[derive(Clone, Copy)]
pub(crate) enum Tickets {
    Kept,
    Thrown,
}

impl Certificate {
    pub(crate) fn draw() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        let certificate = parameters.self_signed(&key)?;
        Ok(Self { certificate, key })
    }

    /// Writes both into the directory.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<TlsFiles> {
        let files = TlsFiles {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        std::fs::write(&files.certificate, self.certificate.pem())
            .and_then(|()| std::fs::write(&files.key, self.key.serialize_pem()))
            .context("writing a certificate")?;
        Ok(files)
    }

    /// For a server of HTTP/2.
    pub(crate) fn server(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.der()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    /// For a client of HTTP/1.1 that trusts this certificate alone.
    pub(crate) fn client(&self, tickets: Tickets) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der())?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        match tickets {
            Tickets::Kept => {}
            Tickets::Thrown => config.resumption = Resumption::disabled(),
        }
        Ok(Arc::new(config))
    }

    fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
