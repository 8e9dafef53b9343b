//! The tenant's own text over the same engine.

use serde_json::json;

use super::{Story, api_key, tenant_entry};
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::ARRIVES_WITHIN;

#[tokio::test]
async fn a_text_goes_out_as_it_is_and_its_delivery_can_be_followed() {
    let story = Story::begin().await;
    let client = &story.client;
    let number = numbers::us_number();
    let text = "Grüße! Ihr Paket\nliegt bereit: Fach 12 \u{1f4e6}";
    let body = json!({ "to": number, "channel": "sms", "text": text, "reference": "parcel-7" });
    let sent = client.post("/v1/deliveries", &body).await.expect(201);
    let id = sent.id();
    let path = format!("/v1/deliveries/{id}");
    assert_eq!(sent.headers["location"], path.as_str());
    assert_eq!(story.message_to(&number).await.text, text);
    let is_submitted = eventually(ARRIVES_WITHIN, async || {
        client.get(&path).await.expect(200).text("status") == "submitted"
    });
    assert!(is_submitted.await, "the delivery was never submitted");
    let seen = client.get(&path).await.expect(200).json();
    assert_eq!(seen["to"], json!(number));
    assert_eq!(seen["reference"], json!("parcel-7"));
    assert_eq!(seen["attempts"][0]["provider"], json!("hook-a"));
    assert_eq!(seen.get("conversion"), None);

    let used = json!({ "outcome": "used" });
    let reported = client.post(&format!("{path}/outcome"), &used).await;
    assert_eq!(reported.expect(200).text("conversion"), "used");
    assert_eq!(
        client.get(&path).await.expect(200).text("conversion"),
        "used"
    );
    // The record behind it is no verification, whatever it is called.
    let (record, _ordinal) = id.split_at(id.len() - 1);
    for verification in [id.clone(), record.replace("dlv_", "vrf_")] {
        client.verification(&verification).await.expect(404);
        client.check(&verification, "123456").await.expect(404);
        client.resend(&verification).await.expect(404);
        client.cancel(&verification).await.expect(404);
        let outcome = format!("/v1/verifications/{verification}/outcome");
        client.post(&outcome, &used).await.expect(404);
    }
    let other = client.with_key(&story.scenario.other.api_key);
    other.get(&path).await.expect(404);
    assert_eq!(story.first.count(), 1);
    story.end().await;
}

#[tokio::test]
async fn a_text_needs_its_scope_and_a_validity_within_bounds() {
    let key = api_key();
    let entry = tenant_entry(
        "shop",
        &[(key.as_str(), r#""verify", "read""#)],
        r#"regions = ["US"]"#,
    );
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    let shop = story.client_of(&key);
    let number = numbers::us_number();
    let body = json!({ "to": number, "text": "Hello" });
    let refused = shop.post("/v1/deliveries", &body).await.expect(403);
    assert_eq!(refused.code(), "scope_missing");
    for (validity_s, status) in [(0, 422), (86_401, 422), (1, 201), (86_400, 201)] {
        let body = json!({ "to": number, "text": "Hello", "validity_s": validity_s });
        let answer = story.client.post("/v1/deliveries", &body).await;
        let answer = answer.expect(status);
        if status == 422 {
            assert_eq!(answer.code(), "invalid_validity");
            assert_eq!(answer.text("field"), "validity_s");
        }
    }
    story.end().await;
}

#[tokio::test]
async fn a_call_says_the_tenants_own_speech() {
    let story = Story::begin().await;
    let number = numbers::us_number();
    let body = json!({
        "to": number, "channel": "voice", "text": "Your parcel is here", "speech": "Hello. Your parcel is here.",
    });
    story.client.post("/v1/deliveries", &body).await.expect(201);
    let message = story.message_to(&number).await;
    assert_eq!(message.channel, "voice");
    assert_eq!(
        message.speech.as_deref(),
        Some("Hello. Your parcel is here.")
    );
    story.end().await;
}
