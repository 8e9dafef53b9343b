//! Whatever comes in from outside is answered with a 4xx and a stable code or
//! cut off; honest callers notice nothing.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_process::Gateway;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::{numbers, random_bytes};

/// Longest wait for the gateway to give a hostile connection up: its own
/// deadlines, and some.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(15);

async fn one_node() -> (Scenario, FakeProvider, Gateway, Client) {
    node_with(&[]).await
}

/// Gives a slow connection up after a second.
async fn impatient_node() -> (Scenario, FakeProvider, Gateway, Client) {
    node_with(&[
        "first_byte_timeout_ms",
        "header_timeout_ms",
        "body_timeout_ms",
    ])
    .await
}

async fn node_with(short_deadlines: &[&'static str]) -> (Scenario, FakeProvider, Gateway, Client) {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config(&[&hook]);
    for deadline in short_deadlines {
        config.set("server", deadline, "1000");
    }
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    (scenario, hook, gateway, client)
}

async fn assert_honest_ones_are_served(client: &Client, hook: &FakeProvider) {
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let code = hook.submission_to(&number, ARRIVES_WITHIN).await.code;
    client.check(&id, &code).await.expect(200);
}

/// Sends bytes and reads until the connection ends; the status of the first
/// answer, if there is one.
async fn send_raw(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut answer = Vec::new();
    let exchange = async {
        let mut socket = TcpStream::connect(address).await.ok()?;
        // Either may fail since the other side has heard enough.
        let wrote = socket.write_all(bytes).await.is_ok();
        let read = socket.read_to_end(&mut answer).await.is_ok();
        Some((wrote, read))
    };
    let ended = timeout(GIVES_UP_WITHIN, exchange).await;
    assert!(
        ended.is_ok(),
        "the connection stayed open: {:?}",
        String::from_utf8_lossy(bytes)
    );
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("HTTP/1.")?.get(2..5)?;
    status.parse().ok()
}

fn request(head: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{head} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn assert_client_error(status: Option<u16>, what: &str) {
    if let Some(status) = status {
        assert!((400..500).contains(&status), "{what} was answered {status}");
    }
}

/// Noise as it is, as a body and as HTTP/2.
async fn assert_noise_is_refused(address: SocketAddr, key: &str) {
    let noise = random_bytes::<512>();
    let length = usize::from(noise[0]) * 2 + 1;
    let noise = &noise[..length.min(512)];
    let as_is = send_raw(address, noise).await;
    assert_client_error(as_is, &format!("{noise:?}"));
    let as_body = send_raw(address, &request("POST /v1/verifications", key, noise)).await;
    assert!(as_body.is_some(), "a whole request got no answer");
    assert_client_error(as_body, &format!("the body {noise:?}"));
    send_raw(
        address,
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], noise].concat(),
    )
    .await;
}

#[tokio::test]
async fn random_bytes_are_refused_or_cut_off() {
    let (scenario, hook, gateway, client) = impatient_node().await;
    let key = scenario.acme.api_key.clone();
    let rounds = (0..150).map(|_| assert_noise_is_refused(gateway.address(), &key));
    join_all(rounds).await;
    assert_honest_ones_are_served(&client, &hook).await;
    scenario.finish().await;
}

#[tokio::test]
async fn broken_json_and_wrong_types_are_named_with_a_stable_code() {
    let (scenario, hook, gateway, client) = one_node().await;
    let key = scenario.acme.api_key.clone();
    let whole = json!({ "to": numbers::us_number(), "client": { "ip": "192.0.2.1" } }).to_string();
    for length in 0..whole.len() {
        let truncated = request("POST /v1/verifications", &key, &whole.as_bytes()[..length]);
        let status = send_raw(gateway.address(), &truncated).await;
        assert!(
            matches!(status, Some(400 | 422)),
            "{length} bytes of it: {status:?}"
        );
    }
    let number = numbers::us_number();
    let to = |more: Value| {
        let mut body = json!({ "to": number });
        let more = more.as_object().expect("fields").clone();
        body.as_object_mut().expect("fields").extend(more);
        body
    };
    for body in [
        json!(null),
        json!([]),
        json!("text"),
        json!(7),
        json!({}),
        json!({ "to": 14_155_550_123_u64 }),
        json!({ "to": null }),
        json!({ "to": "" }),
        json!({ "to": "+1415555\u{0}0123" }),
        json!({ "to": "+".repeat(32) }),
        json!({ "to": "9".repeat(5_000) }),
        to(json!({ "channel": "pigeon" })),
        to(json!({ "channel": ["sms"] })),
        to(json!({ "locale": "not a locale" })),
        to(json!({ "client": "192.0.2.1" })),
        to(json!({ "client": { "ip": "300.0.0.1" } })),
        to(json!({ "code": 123_456 })),
        to(json!({ "code": "١٢٣٤٥٦" })),
        to(json!({ "bind": { "amount": 1 } })),
        to(json!({ "fallback": "voice" })),
        to(json!({ "unknown": true })),
        to(json!({ "subject": "x".repeat(10_000) })),
    ] {
        let answer = client.post("/v1/verifications", &body).await;
        let shown = body.to_string();
        assert!(
            answer.status.is_client_error(),
            "{shown}: {}",
            answer.status
        );
        assert!(!answer.code().is_empty(), "{shown}: no code");
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{shown}"
        );
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = request("POST /v1/verifications", &key, deep.as_bytes());
    assert_client_error(send_raw(gateway.address(), &nested).await, "deep nesting");
    assert_eq!(hook.count(), 0, "none of these was sent");
    assert_honest_ones_are_served(&client, &hook).await;
    scenario.finish().await;
}

#[tokio::test]
async fn huge_and_misframed_requests_are_refused_or_cut_off() {
    let (scenario, hook, gateway, client) = impatient_node().await;
    let key = scenario.acme.api_key.clone();
    let huge = request("POST /v1/verifications", &key, &vec![b' '; 20_000_000]);
    assert_client_error(send_raw(gateway.address(), &huge).await, "20 MB");
    let chunks =
        b"POST /v1/verifications HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = [&chunks[..], &b"ffff\r\n"[..], &vec![b'x'; 1_000_000]].concat();
    assert_client_error(
        send_raw(gateway.address(), &chunked).await,
        "endless chunks",
    );
    let long_path = request(&format!("GET /{}", "a".repeat(100_000)), &key, b"");
    assert_client_error(send_raw(gateway.address(), &long_path).await, "a long path");
    let many = format!(
        "GET /v1/x HTTP/1.1\r\nhost: g\r\n{}\r\n",
        "a: b\r\n".repeat(20_000)
    );
    assert_client_error(
        send_raw(gateway.address(), many.as_bytes()).await,
        "many headers",
    );
    for framing in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: -1",
        "content-length: 99999999999999999999",
        "content-length: 5\r\ntransfer-encoding: chunked",
    ] {
        let bytes = format!(
            "POST /v1/verifications HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\n{framing}\r\n\r\n{{}}..."
        );
        assert_client_error(send_raw(gateway.address(), bytes.as_bytes()).await, framing);
    }
    assert_honest_ones_are_served(&client, &hook).await;
    scenario.finish().await;
}

#[tokio::test]
async fn slow_requests_are_given_up() {
    let (scenario, hook, gateway, client) = impatient_node().await;
    let body = request(
        "POST /v1/verifications",
        &scenario.acme.api_key,
        &[b' '; 64],
    );
    let beginnings = [
        &b""[..],
        b"P",
        b"POST /v1/verifications HTTP/1.1\r\nhos",
        &body[..body.len() - 32],
    ];
    let slow = beginnings.map(async |beginning| {
        let started = Instant::now();
        let mut socket = TcpStream::connect(gateway.address())
            .await
            .expect("it listens");
        socket.write_all(beginning).await.expect("it reads");
        let mut answer = Vec::new();
        let ended = timeout(GIVES_UP_WITHIN, socket.read_to_end(&mut answer)).await;
        assert!(
            ended.is_ok(),
            "open for ever after {} bytes",
            beginning.len()
        );
        println!(
            "given up {} bytes in, after {:?}",
            beginning.len(),
            started.elapsed()
        );
        assert!(started.elapsed() < Duration::from_secs(4));
        assert!(
            !answer.starts_with(b"HTTP/1.1 5"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    });
    join_all(slow).await;
    assert_honest_ones_are_served(&client, &hook).await;
    scenario.finish().await;
}

#[tokio::test]
async fn two_thousand_silent_connections_do_not_delay_honest_ones() {
    const SILENT: usize = 2_000;
    let files = rlimit::increase_nofile_limit(16_384).expect("the limit can be read");
    assert!(
        files > 5_000,
        "this test needs more than the {files} open files it may have"
    );
    let (scenario, hook, gateway, client) = one_node().await;
    let mut silent = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        silent.push(
            TcpStream::connect(gateway.address())
                .await
                .expect("it listens"),
        );
    }
    let started = Instant::now();
    for _ in 0..20 {
        assert_honest_ones_are_served(&client, &hook).await;
    }
    let each = started.elapsed() / 20;
    println!("a start, its message and its check take {each:?} beside {SILENT} silent connections");
    assert!(each < Duration::from_millis(500), "{each:?} each");
    let fresh = gateway.client(&scenario.acme.api_key);
    assert_honest_ones_are_served(&fresh, &hook).await;
    assert_eq!(silent.len(), SILENT);
    drop(silent);
    scenario.finish().await;
}
