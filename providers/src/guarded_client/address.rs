//! Which URLs and which addresses may be called for somebody else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;

/// The longest URL that is called.
const URL_LENGTH_MAX: usize = 512;

/// A range of addresses, as `10.0.0.0/8` or `::1/128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same_prefix(
                own.to_bits().into(),
                other.to_bits().into(),
                32,
                self.prefix,
            ),
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_prefix(own.to_bits(), other.to_bits(), 128, self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_prefix(one: u128, other: u128, width: u32, prefix: u8) -> bool {
    let ignored = width.saturating_sub(u32::from(prefix));
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FIX: &str = "must be a network such as \"10.1.0.0/16\" or \"fd00::/8\"";
        let (address, prefix) = text.split_once('/').ok_or(FIX)?;
        let address: IpAddr = address.parse().map_err(|_| FIX)?;
        let prefix: u8 = prefix.parse().map_err(|_| FIX)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= width)
            .then_some(Self { address, prefix })
            .ok_or(FIX)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

/// What the operator lets others' URLs be. By default `https` to public
/// addresses on ports 443 and 8443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRules {
    pub allow_http: bool,
    pub ports: Arc<[u16]>,
    /// Reachable although they are not public.
    pub networks: Arc<[Network]>,
}

impl Default for UrlRules {
    fn default() -> Self {
        Self {
            allow_http: false,
            ports: [443, 8443].into(),
            networks: [].into(),
        }
    }
}

impl UrlRules {
    /// Whether an address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        is_public(address)
            || self
                .networks
                .iter()
                .any(|network| network.contains(address) || network.contains(plain))
    }

    /// Whether a URL may be called at all, as far as its text says. Names are
    /// judged by what they resolve to, in the moment of connecting.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a person should fix it.
    pub fn check(&self, text: &str) -> Result<Uri, String> {
        if text.len() > URL_LENGTH_MAX {
            return Err(format!("must be at most {URL_LENGTH_MAX} characters"));
        }
        if !text.is_ascii() {
            return Err("must be ASCII: write the host in punycode (xn--..)".to_owned());
        }
        if text.contains('#') {
            return Err("may not have a fragment (#)".to_owned());
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| "must be a URL such as \"https://example.com/hooks\"".to_owned())?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if self.allow_http => {}
            Some("http") => {
                return Err(
                    "must begin with https:// (webhooks.allow_http = true is for development)"
                        .to_owned(),
                );
            }
            _ => return Err("must begin with https://".to_owned()),
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err("may not hold a user or a password".to_owned());
        }
        self.check_host(uri.host().unwrap_or_default())?;
        let port = port_of(&uri);
        if !self.ports.contains(&port) {
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            return Err(format!(
                "has port {port}; webhooks.ports allows {}",
                ports.join(", ")
            ));
        }
        Ok(uri)
    }

    fn check_host(&self, host: &str) -> Result<(), String> {
        if host.is_empty() {
            return Err("must name a host".to_owned());
        }
        if let Some(address) = literal(host) {
            return if self.allows(address) {
                Ok(())
            } else {
                Err("must not be a private, local or reserved address".to_owned())
            };
        }
        if host.contains(['[', ']', ':', '%', '\\']) {
            return Err("must name a host".to_owned());
        }
        if is_number_in_disguise(host) {
            return Err("must name a host, or an address as four decimal numbers".to_owned());
        }
        let bare = host.trim_end_matches('.').to_ascii_lowercase();
        let is_local = bare == "localhost" || bare.ends_with(".localhost");
        if is_local && self.networks.is_empty() {
            return Err("must not be this machine".to_owned());
        }
        Ok(())
    }
}

/// The port that a URL goes to.
pub(super) fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("http") => 80,
        _ => 443,
    })
}

/// The address a host is, if it is none that must be resolved.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    match bare {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// `127.1`, `0x7f.0.0.1`, `2130706433`: the system's resolver reads them as
/// addresses. A name's last label is never a number.
fn is_number_in_disguise(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|label| {
        let digits = label
            .strip_prefix("0x")
            .or_else(|| label.strip_prefix("0X"));
        match digits {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => label.bytes().all(|byte| byte.is_ascii_digit()),
        }
    })
}

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Reserved ranges of IPv4, by the registry of special-purpose addresses.
const RESERVED_V4: [([u8; 4], u8); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Metadata services of clouds among others.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved and broadcast.
    ([224, 0, 0, 0], 3),
];

/// A platform's virtual public address for its own services.
const PLATFORM_V4: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(network, prefix): &([u8; 4], u8)| {
        let network = Network {
            address: Ipv4Addr::from(*network).into(),
            prefix: *prefix,
        };
        network.contains(address.into())
    };
    address != PLATFORM_V4 && !RESERVED_V4.iter().any(is_in)
}

/// Only 2000::/3 is given out; within it these are not, or lead elsewhere:
/// protocol assignments with Teredo, documentation, 6to4, AS112.
const RESERVED_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// What maps or translates to IPv4 lies outside 2000::/3 and is refused with it:
/// `::ffff:0:0/96`, `64:ff9b::/96`, `64:ff9b:1::/48`.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_in = |(network, prefix): &(Ipv6Addr, u8)| {
        let network = Network {
            address: IpAddr::V6(*network),
            prefix: *prefix,
        };
        network.contains(address.into())
    };
    let [first, ..] = address.octets();
    // An interface identifier that embeds an IPv4 address (ISATAP) tunnels to it.
    let [_, _, _, _, high, low, ..] = address.segments();
    let is_tunnel = matches!(high, 0 | 0x200) && low == 0x5efe;
    first >> 5 == 1 && !is_tunnel && !RESERVED_V6.iter().any(is_in)
}
