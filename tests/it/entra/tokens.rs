//! Who is let in, decided before a byte of the body is read.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATH, World};
use crate::support::fake_entra::{TokenKey, claims, claims_v2, now_s};
use crate::support::gateway_process::Gateway;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// Sends a head that announces a body and asks whether to send it; what comes back.
async fn head_alone(gateway: &Gateway, authorization: &str) -> String {
    let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n\
         content-length: 3000\r\nexpect: 100-continue\r\n{authorization}\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let more = timeout(ARRIVES_WITHIN, socket.read_buf(&mut answer)).await;
        let more = more.expect("it waits for the body").unwrap();
        assert_ne!(more, 0, "the connection was closed without an answer");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// Each with the status it deserves and the reason in metrics.
fn refused(signing: &TokenKey) -> Vec<(&'static str, String, u16, &'static str)> {
    let by = |changes| signing.token(&claims(changes));
    let stranger = TokenKey::drawn("signing");
    let now_s = now_s();
    let good = by(json!({}));
    let changed = {
        let mut parts = good.split('.');
        let (head, _, signature) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        let other = by(json!({ "oid": "somebody-else" }));
        let payload = other.split('.').nth(1).unwrap();
        format!("{head}.{payload}.{signature}")
    };
    let elsewhere = "99999999-4b5a-6978-8796-a5b4c3d2e1f0";
    vec![
        ("expired", by(json!({ "exp": now_s - 120 })), 401, "expired"),
        (
            "early",
            by(json!({ "nbf": now_s + 120 })),
            401,
            "not_yet_valid",
        ),
        (
            "issued later",
            by(json!({ "iat": now_s + 120 })),
            401,
            "not_yet_valid",
        ),
        (
            "a foreign issuer",
            by(json!({ "iss": format!("https://sts.windows.net/{elsewhere}/") })),
            401,
            "issuer",
        ),
        (
            "a foreign directory",
            by(json!({ "tid": elsewhere })),
            401,
            "directory",
        ),
        (
            "another audience",
            by(json!({ "aud": "api://other" })),
            401,
            "audience",
        ),
        (
            "another application",
            by(json!({ "appid": elsewhere })),
            403,
            "caller",
        ),
        (
            "no application",
            by(json!({ "appid": null })),
            403,
            "caller",
        ),
        (
            "no algorithm",
            signing.token_of_none(&claims(json!({}))),
            401,
            "malformed",
        ),
        (
            "HS256 with the public key",
            signing.token_of_public_key(&claims(json!({}))),
            401,
            "algorithm",
        ),
        (
            "a stranger's key",
            stranger.token(&claims(json!({}))),
            401,
            "signature",
        ),
        ("changed claims", changed, 401, "signature"),
        (
            "an unknown key",
            signing.named("nobody").token(&claims(json!({}))),
            401,
            "unknown_key",
        ),
        ("no token at all", "x".to_owned(), 401, "malformed"),
    ]
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_before_the_body_is_read() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let gateway = world.started("one").await;
    for (name, token, status, reason) in refused(&world.signing) {
        let refusals = async || {
            let reason = format!("reason=\"{reason}\"");
            gateway
                .metric("watchword_entra_tokens_refused_total", &[&reason])
                .await
        };
        let before = refusals().await;
        let answer = head_alone(&gateway, &bearer(&token)).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{name}: {answer}");
        assert!((refusals().await - before - 1.0).abs() < 0.1, "{name}");
        if token.len() > 4 {
            world.scenario.secrets().add_text("a refused token", &token);
        }
    }
    let good = world.token();
    let twice = format!("{}{}", bearer(&good), bearer(&good));
    for (name, authorization) in [
        ("none", String::new()),
        ("basic", "authorization: Basic YTpi\r\n".to_owned()),
        ("two tokens", twice),
    ] {
        let answer = head_alone(&gateway, &authorization).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{name}: {answer}");
    }
    for token in [good, world.signing.token(&claims_v2())] {
        let answer = head_alone(&gateway, &bearer(&token)).await;
        assert!(answer.starts_with("HTTP/1.1 100"), "a good one: {answer}");
    }
    assert_eq!(world.submissions(), 0);
    let opened = gateway.metric("watchword_entra_decryptions_total", &[]);
    assert!(opened.await < 0.1, "something was decrypted");
    world.scenario.finish().await;
}

#[tokio::test]
async fn without_a_directory_nobody_is_let_in() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let config = world.scenario.config(&[&world.first]);
    let gateway = world.scenario.started("one", &config).await;
    let token = world.token();
    let answer = head_alone(&gateway, &bearer(&token)).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    world.scenario.finish().await;
}
