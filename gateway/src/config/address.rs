//! Addresses in the configuration: networks of trusted proxies and URLs.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;

/// A network in CIDR form, such as `10.0.0.0/8`; a lone address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether `address` lies in it. IPv4 written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, width) = bits_of(address.to_canonical());
        let (own_bits, own_width) = bits_of(self.address);
        let shift = u32::from(own_width - self.prefix_bits);
        width == own_width && shifted(bits, shift) == shifted(own_bits, shift)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fix = || "must be a network such as 10.0.0.0/8 or fd00::/8".to_owned();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fix())?;
        let (bits, width) = bits_of(address);
        let prefix_bits = prefix.map_or(Ok(width), |prefix| prefix.parse().map_err(|_| fix()))?;
        if prefix_bits > width {
            return Err(fix());
        }
        let host_width = u32::from(width - prefix_bits);
        // 10.1.2.3/8 is a slip more often than it is meant.
        if shifted(bits, host_width)
            .checked_shl(host_width)
            .unwrap_or(0)
            != bits
        {
            return Err(format!(
                "has address bits beyond /{prefix_bits}: write the network's first address"
            ));
        }
        Ok(Self {
            address,
            prefix_bits,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_bits)
    }
}

fn bits_of(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (Ipv6Addr::to_bits(address), 128),
    }
}

fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

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
    fn a_network_holds_its_addresses_and_no_others() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ];
        for (network, address, inside) in table {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.1.2.3/8",
            "::1/129",
            "host/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong:?}");
        }
    }

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
