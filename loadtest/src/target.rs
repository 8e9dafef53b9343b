//! The gateway under test: where it is, and whether it may be tested at all.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use http::{HeaderValue, Uri};
use rustls::ClientConfig;

use crate::tls::Tls;

/// One gateway.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// As given, without a path.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) authority: HeaderValue,
    /// `None`: clear text.
    pub(crate) tls: Option<Tls>,
}

/// Whether only this machine may be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    LoopbackOnly,
    /// The operator says that the target is theirs.
    Anywhere,
}

impl Endpoint {
    /// Reads `http://host:port` or `https://host:port`, which is spoken to by `config`.
    ///
    /// # Errors
    ///
    /// Says what to write instead.
    pub(crate) fn parse(
        text: &str,
        reach: Reach,
        config: &Arc<ClientConfig>,
    ) -> anyhow::Result<Self> {
        let uri: Uri = text.parse().with_context(|| format!("target {text:?}"))?;
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => bail!("target {text:?}: write http://HOST:PORT or https://HOST:PORT"),
        };
        ensure!(
            matches!(uri.path(), "" | "/") && uri.query().is_none(),
            "target {text}: write it without a path"
        );
        let authority = uri.authority().context("a target names a host")?;
        ensure!(
            !authority.as_str().contains('@'),
            "a target has no user and no password; the key goes into WATCHWORD_LOADTEST_API_KEY"
        );
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(port);
        let tls = match scheme {
            "https" => Some(Tls::to(host, config)?),
            _ => None,
        };
        let address = (host, port)
            .to_socket_addrs()
            .with_context(|| format!("target {text}: no such host"))?
            .next()
            .with_context(|| format!("target {text}: the host has no address"))?;
        if reach == Reach::LoopbackOnly && !address.ip().is_loopback() {
            bail!(
                "target {text} is not on this machine. Load on a system of others is an attack; \
                 if this one is yours, say so with --i-own-this-target"
            );
        }
        Ok(Self {
            url: format!("{scheme}://{authority}"),
            address,
            authority: HeaderValue::from_str(authority.as_str())?,
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::connection::Protocol;
    use crate::tls::Trust;

    fn parse(text: &str, reach: Reach) -> anyhow::Result<Endpoint> {
        let config = Trust::public().of_tenant(Protocol::Http1)?;
        Endpoint::parse(text, reach, &config)
    }

    fn refusal(text: &str) -> String {
        let error = parse(text, Reach::LoopbackOnly).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn only_this_machine_is_loaded_unless_the_operator_says_so() {
        assert!(refusal("http://192.0.2.1:8080").contains("--i-own-this-target"));
        assert!(parse("http://192.0.2.1:8080", Reach::Anywhere).is_ok());
        let here = parse("http://127.0.0.1:8080/", Reach::LoopbackOnly).unwrap();
        assert_eq!(here.url, "http://127.0.0.1:8080");
        assert!(parse("http://[::1]:8080", Reach::LoopbackOnly).is_ok());
        let there = parse("https://localhost", Reach::LoopbackOnly).unwrap();
        assert_eq!(
            (&*there.url, there.address.port()),
            ("https://localhost", 443)
        );
        assert!(here.tls.is_none() && there.tls.is_some());
    }

    #[test]
    fn what_cannot_be_a_target_is_refused_with_a_reason() {
        for (text, reason) in [
            ("127.0.0.1:8080", "http://HOST:PORT"),
            ("ftp://127.0.0.1", "https://HOST:PORT"),
            ("http://127.0.0.1/v1", "without a path"),
            ("http://key@127.0.0.1/", "no password"),
        ] {
            assert!(refusal(text).contains(reason), "{text}: {}", refusal(text));
        }
    }
}
