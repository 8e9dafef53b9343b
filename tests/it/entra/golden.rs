//! JWEs that a library of another language made, over HTTP.

use serde_json::{Value, json};

use super::{World, post};
use crate::support::fake_entra::{Recipient, vectors};
use crate::support::scenario::Scenario;

fn envelope(one: &Value, mode: u8) -> String {
    json!({
        "type": "microsoft.mfa.otpDeliver.v1", "channel": 1, "mode": mode,
        "encryptedDeliveryContext": one["jwe"],
    })
    .to_string()
}

#[tokio::test]
async fn another_librarys_jwes_are_opened_and_forbidden_ones_are_refused_alike() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let previous = Recipient::previous();
    let mut config = world.scenario.config(&[&world.first, &world.second]);
    config.entry(&world.entra.entry(&[&world.recipient, &previous]));
    world.config = config;
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let text = std::fs::read_to_string(vectors("jwe.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let all = |kind: &str| golden[kind].as_array().unwrap().clone();

    assert!(all("opened").len() >= 9 && all("refused").len() >= 40);
    for one in all("opened") {
        let answer = post(&client, envelope(&one, 2), None).await.expect(200);
        if let Some(nonce) = one["context"]["nonce"].as_str() {
            assert_eq!(answer.text("nonce"), nonce, "{}", one["name"]);
            world.scenario.secrets().add_text("a nonce", nonce);
        }
        assert_eq!(answer.text("correlationId"), "sign-in-of-the-head");
    }
    for (kind, error, reason) in [
        ("refused", "decryption_failed", None),
        (
            "incomplete",
            "bad_request",
            Some("incomplete delivery context"),
        ),
    ] {
        for one in all(kind) {
            let answer = post(&client, envelope(&one, 1), None).await.expect(400);
            let mut expected = json!({
                "error": error, "correlationId": "sign-in-of-the-head",
                "requestId": answer.text("requestId"),
            });
            if let Some(reason) = reason {
                expected["reason"] = json!(reason);
            }
            assert_eq!(answer.json(), expected, "{}", one["name"]);
        }
    }
    assert_eq!(world.submissions(), 0);
    world.scenario.finish().await;
}

#[tokio::test]
async fn an_envelope_that_breaks_a_rule_is_told_the_first_one() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let otp = world.otp();
    let good = world.envelope(&otp).body;
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        changed.to_string()
    };
    for (body, reason) in [
        ("{".to_owned(), "invalid JSON body"),
        ("[]".to_owned(), "invalid envelope"),
        ("{}".to_owned(), "unsupported envelope type"),
        (
            with("type", json!("microsoft.mfa.otpDeliver.v2")),
            "unsupported envelope type",
        ),
        (
            with("encryptedDeliveryContext", json!("")),
            "encryptedDeliveryContext is required",
        ),
        (with("channel", json!(3)), "unsupported channel"),
        (with("mode", json!("test")), "unsupported mode"),
        (with("ttlSeconds", json!("300")), "invalid ttlSeconds"),
        (
            with("ttlSeconds", json!(2_147_483_648_u64)),
            "invalid ttlSeconds",
        ),
    ] {
        let answer = post(&client, body, None).await.expect(400);
        assert_eq!(answer.text("error"), "bad_request");
        assert_eq!(answer.text("reason"), reason);
    }
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(33 * 1024));
    let answer = post(&client, huge, None).await.expect(413);
    assert_eq!(answer.text("error"), "body_too_large");
    assert_eq!(world.submissions(), 0);
    world.scenario.finish().await;
}
