//! The gateway under test: where it is, and whether it may be tested at all.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderValue, Uri};

/// One gateway.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// As given, without a path.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) authority: HeaderValue,
}

/// Whether only this machine may be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    LoopbackOnly,
    /// The operator says that the target is theirs.
    Anywhere,
}

impl Endpoint {
    /// Reads `http://host:port`.
    ///
    /// # Errors
    ///
    /// Says what to write instead.
    pub(crate) fn parse(text: &str, reach: Reach) -> anyhow::Result<Self> {
        let uri: Uri = text.parse().with_context(|| format!("target {text:?}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => bail!(
                "target {text}: the tester speaks clear text only; run it beside the gateway, \
                 behind its TLS proxy"
            ),
            _ => bail!("target {text:?}: write http://HOST:PORT"),
        }
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
        let port = authority.port_u16().unwrap_or(80);
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
            url: format!("http://{authority}"),
            address,
            authority: HeaderValue::from_str(authority.as_str())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = Endpoint::parse(text, Reach::LoopbackOnly).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn only_this_machine_is_loaded_unless_the_operator_says_so() {
        assert!(refusal("http://192.0.2.1:8080").contains("--i-own-this-target"));
        assert!(Endpoint::parse("http://192.0.2.1:8080", Reach::Anywhere).is_ok());
        let here = Endpoint::parse("http://127.0.0.1:8080/", Reach::LoopbackOnly).unwrap();
        assert_eq!(here.url, "http://127.0.0.1:8080");
        assert!(Endpoint::parse("http://[::1]:8080", Reach::LoopbackOnly).is_ok());
    }

    #[test]
    fn what_cannot_be_a_target_is_refused_with_a_reason() {
        for (text, reason) in [
            ("127.0.0.1:8080", "http://HOST:PORT"),
            ("https://127.0.0.1", "clear text"),
            ("http://127.0.0.1/v1", "without a path"),
            ("http://key@127.0.0.1/", "no password"),
        ] {
            assert!(refusal(text).contains(reason), "{text}: {}", refusal(text));
        }
    }
}
