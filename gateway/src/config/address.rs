//! URLs in the configuration.

use std::net::IpAddr;

use http::Uri;

/// An absolute `http` or `https` URL without credentials in it.
pub(super) fn parse_url(text: &str) -> Result<Uri, String> {
    let fix = "must be a URL such as https://otp.example.com";
    let url: Uri = text.parse().map_err(|_| fix.to_owned())?;
    let has_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    if !has_scheme || url.host().is_none_or(str::is_empty) {
        return Err(fix.to_owned());
    }
    if authority.contains('@') {
        return Err("must not carry credentials: the provider has keys for them".to_owned());
    }
    Ok(url)
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// `redis://` or `rediss://`, with a host, and a database number if anything.
///
/// The mistakes do not repeat the URL: it may carry a password.
pub(super) fn check_redis_url(text: &str) -> Result<(), String> {
    let fix = || "must be redis://host:6379/0 or rediss://user:password@host:6379/0".to_owned();
    let rest = text
        .strip_prefix("redis://")
        .or_else(|| text.strip_prefix("rediss://"))
        .ok_or_else(fix)?;
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host_fits = host.parse::<http::uri::Authority>().is_ok_and(|authority| {
        // A port that is no number is no port to the parser, so the lengths tell.
        let port = authority.port().map_or(0, |port| port.as_str().len() + 1);
        !authority.host().is_empty() && authority.host().len() + port == host.len()
    });
    let database_fits = database.is_empty() || database.parse::<u16>().is_ok();
    if host_fits && database_fits {
        Ok(())
    } else {
        Err(fix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_url_needs_a_known_scheme_a_host_and_a_plain_database_number() {
        for right in [
            "redis://127.0.0.1:6379/0",
            "rediss://user:p@ss@cache.internal",
            "redis://[::1]:6379",
        ] {
            assert_eq!(check_redis_url(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "unix:///run/redis",
            "redis://",
            "redis://h/x",
            "http://h",
            "redis://h:x",
        ] {
            assert!(check_redis_url(wrong).is_err(), "{wrong}");
        }
    }
}
