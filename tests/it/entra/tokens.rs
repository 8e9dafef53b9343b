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

const ELSEWHERE: &str = "99999999-4b5a-6978-8796-a5b4c3d2e1f0";

/// Tokens of the right key that say the wrong thing: each with its status and the
/// reason in metrics.
fn wrong_claims(signing: &TokenKey) -> Vec<(String, u16, &'static str)> {
    let (past, future) = (now_s() - 120, now_s() + 120);
    let foreign = format!("https://sts.windows.net/{ELSEWHERE}/");
    [
        (json!({ "exp": past }), 401, "expired"),
        (json!({ "nbf": future }), 401, "not_yet_valid"),
        (json!({ "iat": future }), 401, "not_yet_valid"),
        (json!({ "iss": foreign }), 401, "issuer"),
        (json!({ "tid": ELSEWHERE }), 401, "directory"),
        (json!({ "aud": "api://other" }), 401, "audience"),
        (json!({ "appid": ELSEWHERE }), 403, "caller"),
        (json!({ "appid": null }), 403, "caller"),
    ]
    .map(|(changes, status, reason)| (signing.token(&claims(changes)), status, reason))
    .into()
}

/// Tokens that say the right thing and are not signed by the issuer.
fn wrong_signatures(signing: &TokenKey) -> Vec<(String, u16, &'static str)> {
    let right = claims(json!({}));
    let changed = {
        let good = signing.token(&right);
        let other = signing.token(&claims(json!({ "oid": "somebody-else" })));
        let (head, signature) = (good.split('.').next(), good.rsplit('.').next());
        let parts = [head, other.split('.').nth(1), signature];
        parts.map(|part| part.expect("a token has three")).join(".")
    };
    let stranger = TokenKey::drawn("signing");
    vec![
        (signing.token_of_none(&right), 401, "malformed"),
        (signing.token_of_public_key(&right), 401, "algorithm"),
        (stranger.token(&right), 401, "signature"),
        (changed, 401, "signature"),
        (signing.named("nobody").token(&right), 401, "unknown_key"),
        ("x".to_owned(), 401, "malformed"),
    ]
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_before_the_body_is_read() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let gateway = world.started("one").await;
    let wrong = [
        wrong_claims(&world.signing),
        wrong_signatures(&world.signing),
    ];
    for (token, status, name) in wrong.concat() {
        let refusals = async || {
            let reason = format!("reason=\"{name}\"");
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
