//! The table of addresses and URLs that must not be reached, and the connector
//! against a name server that lies.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::connector::{GuardedConnector, Resolve, was_refused};
use super::*;

const NOT_PUBLIC: [&str; 54] = [
    // This host and network.
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    // Private.
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    // Carrier-grade NAT.
    "100.64.0.1",
    "100.127.255.255",
    // Link-local, and what clouds put there.
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    // Special purposes and documentation.
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    // Multicast, reserved, broadcast.
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    // The same in IPv6.
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    // Tunnels that lead to an IPv4 address.
    "2001::7f00:1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2a00:1450::5efe:7f00:1",
    "2001:db8::1",
    "3fff::1",
];

const PUBLIC: [&str; 8] = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
];

#[test]
fn only_addresses_of_the_public_internet_count_as_public() {
    for text in NOT_PUBLIC {
        let address: IpAddr = text.parse().unwrap();
        assert!(!is_public(address), "{text}");
        assert!(!UrlRules::default().allows(address), "{text}");
    }
    for text in PUBLIC {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn urls_that_lead_elsewhere_are_refused_by_their_text() {
    let rules = UrlRules::default();
    for url in [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
        "//example.com/",
        "/hooks",
        "example.com",
        "https://",
        "https:///hooks",
        // Users hide the host.
        "https://example.com@127.0.0.1/",
        "https://user:password@example.com/",
        "https://@example.com/",
        // Addresses, and what the system's resolver reads as one.
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.1./",
        "https://0/",
        "https://[example.com]/",
        "https://[127.0.0.1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        // Ports of other services.
        "https://example.com:22/",
        "https://example.com:6379/",
        "https://example.com:0/",
        // Homographs: full-width and Cyrillic letters, ideographic full stops.
        "https://ｌｏｃａｌｈｏｓｔ/",
        "https://127。0。0。1/",
        "https://еxample.com/",
        "https://example.com/#@127.0.0.1",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: inside",
    ] {
        assert!(rules.check(url).is_err(), "{url:?}");
    }
    for url in [
        "https://example.com",
        "https://example.com/hooks?a=b",
        "https://example.com.:443/hooks",
        "https://example.com:8443/hooks",
        "https://xn--exmple-cua.com/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
    ] {
        assert_eq!(rules.check(url).map(drop), Ok(()), "{url:?}");
    }
}

#[test]
fn an_operator_may_allow_networks_ports_and_clear_text() {
    let rules = UrlRules {
        allow_http: true,
        ports: [80].into(),
        networks: ["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()].into(),
    };
    for (address, is_allowed) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("::1", true),
        ("10.2.0.1", false),
        ("127.0.0.1", false),
        ("::2", false),
    ] {
        assert_eq!(
            rules.allows(address.parse().unwrap()),
            is_allowed,
            "{address}"
        );
    }
    assert!(rules.check("http://10.1.2.3/").is_ok());
    assert!(rules.check("http://10.2.0.1/").is_err());
    for text in [
        "10.0.0.0",
        "10.0.0.0/33",
        "::/129",
        "x/8",
        "10.0.0.0/-1",
        "/8",
    ] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
    let all: Network = "0.0.0.0/0".parse().unwrap();
    assert!(all.contains("203.0.113.1".parse().unwrap()));
}

/// Answers with the first list the first time, and so on; the last one stays.
#[derive(Clone)]
struct LyingNames {
    answers: &'static [&'static [&'static str]],
    asked: Arc<AtomicUsize>,
}

impl LyingNames {
    fn new(answers: &'static [&'static [&'static str]]) -> Self {
        Self {
            answers,
            asked: Arc::default(),
        }
    }
}

impl Resolve for LyingNames {
    fn addresses(&self, _name: Name) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let last = self.answers.len() - 1;
        let answer = self.answers[turn.min(last)];
        Box::pin(async move { Ok(answer.iter().map(|text| text.parse().unwrap()).collect()) })
    }
}

fn rules(ports: &[u16], networks: &[&str]) -> UrlRules {
    UrlRules {
        allow_http: true,
        ports: ports.into(),
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

/// Whether a connection to this name was refused, and how often it was asked for.
async fn is_refused(names: LyingNames, rules: &UrlRules, uri: &str) -> (bool, usize) {
    let tls = Tls::new(None).unwrap();
    let connector = GuardedConnector::over(names.clone(), &tls, (rules, Duration::from_secs(1)));
    let answer = connector.oneshot(uri.parse().unwrap()).await;
    let is_refused = answer.is_err_and(|error| was_refused(error.as_ref()));
    (is_refused, names.asked.load(Ordering::SeqCst))
}

/// What a name may say: each is refused wholly.
const INSIDE: [&[&[&str]]; 6] = [
    &[&["127.0.0.1"]],
    &[&["8.8.8.8", "127.0.0.1"]],
    &[&["::1"]],
    &[&["::ffff:127.0.0.1"]],
    &[&["169.254.169.254"]],
    &[&["fd00:ec2::254"]],
];

#[tokio::test]
async fn a_name_is_judged_by_all_that_it_resolves_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = format!("http://inside.example:{port}/");
    for answers in INSIDE {
        let open = rules(&[port], &[]);
        let (is_refused, _) = is_refused(LyingNames::new(answers), &open, &uri).await;
        assert!(is_refused, "{answers:?}");
    }
    // Its own listener was never reached.
    let none = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(none.is_err());
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connection_gains_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = format!("http://rebinding.example:{port}/");
    let open = rules(&[port], &["127.0.0.0/8"]);
    // Allowed first, then inside: it is asked for once a connection.
    let names = LyingNames::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    assert_eq!(is_refused(names.clone(), &open, &uri).await, (false, 1));
    assert_eq!(is_refused(names, &open, &uri).await, (true, 2));
}

#[tokio::test]
async fn a_redirect_inside_is_not_followed_and_no_body_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        _ = socket.read(&mut buffer).await.unwrap();
        let head = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 6\r\n\r\nsecret";
        socket.write_all(head.as_bytes()).await.unwrap();
        listener
    });
    let open = rules(&[port], &["127.0.0.0/8"]);
    let client = GuardedClient::new(&Tls::new(None).unwrap(), &open, Duration::from_secs(1));
    let request = Request::post(format!("http://127.0.0.1:{port}/"))
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    let answer = client.call(request).await.unwrap();
    assert_eq!(answer.status, StatusCode::FOUND);
    let listener = serving.await.unwrap();
    let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(again.is_err());
    // By default this machine is not reached at all.
    let closed = GuardedClient::new(
        &Tls::new(None).unwrap(),
        &rules(&[port], &[]),
        Duration::from_secs(1),
    );
    let request = Request::post(format!("http://127.0.0.1:{port}/"))
        .body(Bytes::new())
        .unwrap();
    let refused = closed.call(request).await;
    assert_eq!(refused.err(), Some(GuardedError::Refused));
}
