//! Numbers with an extension: dialled by calls, over providers that can, and told
//! to nobody else.

use serde_json::json;

use super::Story;
use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::{DIALS_NOTHING, ProviderEntry};
use crate::support::numbers;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// A gateway that calls over these hops, of which `hook-a` dials extensions.
async fn calling_over(hops: &[&str]) -> (Scenario, FakeProvider, Client) {
    let mut scenario = Scenario::on_embedded();
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config_without_providers();
    config.entry(&ProviderEntry::new(&hook).toml());
    config.entry(DIALS_NOTHING);
    config.entry(&format!(
        "[[routes]]\nchannel = \"voice\"\nhops = {hops:?}\n"
    ));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    (scenario, hook, client)
}

#[tokio::test]
async fn a_call_dials_the_extension_and_another_one_is_another_person() {
    let mut story = Story::begin().await;
    let number = numbers::us_number();
    let to = |extension: &str| json!({ "to": number, "extension": extension, "channel": "voice", "locale": "en" });
    story
        .scenario
        .secrets()
        .add_text("an extension", "4817263509");
    let first = story.client.start_with(&to("4817263509")).await.expect(201);
    let call = story.message_to(&number).await;
    assert_eq!(call.extension.as_deref(), Some("4817263509"));
    assert_eq!(call.locale.as_deref(), Some("en-US"), "as voices are named");
    let seen = story.client.verification(&first.id()).await.expect(200);
    assert_eq!(seen.json().get("extension"), None);

    let early = story.client.start_with(&to("4817263509")).await.expect(429);
    assert_eq!(early.code(), "resend_too_early");
    let other = story.client.start_with(&to("43")).await.expect(201);
    assert_ne!(other.id(), first.id(), "behind it is somebody else");
    let by_sms = json!({ "channel": "sms" });
    let path = format!("/v1/verifications/{}/resend", first.id());
    let refused = story.client.post(&path, &by_sms).await.expect(422);
    assert_eq!(refused.code(), "invalid_extension");
    assert_eq!(refused.json()["alternatives"], json!(["voice"]));
    story.end().await;
}

#[tokio::test]
async fn an_extension_is_digits_and_of_a_call() {
    let story = Story::begin().await;
    let number = numbers::us_number();
    for body in [
        json!({ "to": number, "extension": "42" }),
        json!({ "to": number, "extension": "42", "channel": "voice", "fallback": ["sms"] }),
        json!({ "to": number, "extension": "", "channel": "voice" }),
        json!({ "to": number, "extension": "4a", "channel": "voice" }),
        json!({ "to": number, "extension": "12345678901", "channel": "voice" }),
        json!({ "subject": "somebody", "extension": "42" }),
    ] {
        let refused = story.client.start_with(&body).await.expect(422);
        assert_eq!(refused.code(), "invalid_extension", "{body}");
        assert_eq!(refused.text("field"), "extension", "{body}");
    }
    let text = json!({ "to": number, "extension": "42", "text": "Hello" });
    let refused = story.client.post("/v1/deliveries", &text).await.expect(422);
    assert_eq!(refused.code(), "invalid_extension");
    assert_eq!(story.first.count(), 0);
    story.end().await;
}

#[tokio::test]
async fn who_cannot_dial_an_extension_is_no_hop() {
    let (scenario, hook, client) = calling_over(&["bird", "hook-a"]).await;
    let number = numbers::us_number();
    let body = json!({ "to": number, "extension": "42", "channel": "voice" });
    let id = client.start_with(&body).await.expect(201).id();
    let call = hook.submission_to(&number, ARRIVES_WITHIN).await;
    assert_eq!(call.extension.as_deref(), Some("42"));
    let seen = client.verification(&id).await.expect(200).json();
    let attempts = &seen["deliveries"][0]["attempts"];
    assert_eq!(attempts.as_array().map(Vec::len), Some(1), "{attempts}");
    assert_eq!(attempts[0]["provider"], json!("hook-a"));

    let asked = json!({ "number": number, "extension": "42", "channel": "voice" });
    let explained = client.post("/v1/explain", &asked).await.expect(200).json();
    let hops = &explained["routes"][0]["hops"];
    assert_eq!(hops[0]["skipped"], json!("extension"), "{hops}");
    assert_eq!(hops[1].get("skipped"), None, "{hops}");
    scenario.finish().await;
}

#[tokio::test]
async fn without_a_hop_that_dials_it_an_extension_is_refused() {
    let (scenario, hook, client) = calling_over(&["bird"]).await;
    let number = numbers::us_number();
    let body = json!({ "to": number, "extension": "42", "channel": "voice" });
    let refused = client.start_with(&body).await.expect(422);
    assert_eq!(refused.code(), "extension_unsupported");
    let mut text = body.clone();
    text["text"] = json!("Hello");
    let refused = client.post("/v1/deliveries", &text).await.expect(422);
    assert_eq!(refused.code(), "extension_unsupported");
    let asked = json!({ "number": number, "extension": "42", "channel": "voice" });
    let explained = client.post("/v1/explain", &asked).await.expect(200).json();
    let refusal = &explained["refusal"]["code"];
    assert_eq!(*refusal, json!("extension_unsupported"), "{explained}");
    assert_eq!(hook.count(), 0);
    scenario.finish().await;
}

#[tokio::test]
async fn a_text_with_a_code_is_said_slowly_and_again_behind_the_extension() {
    let story = Story::begin().await;
    let number = numbers::us_number();
    let body = json!({
        "to": number, "extension": "42", "channel": "voice", "locale": "de",
        "text": "Ihr Code ist 584 231. Geben Sie ihn nicht weiter.",
    });
    story.client.post("/v1/deliveries", &body).await.expect(201);
    let call = story.message_to(&number).await;
    let once = "Ihr Code ist 5, 8, 4, 2, 3, 1. Geben Sie ihn nicht weiter.";
    assert_eq!(call.speech, Some([once; 3].join(" ")));
    assert_eq!(call.locale.as_deref(), Some("de-DE"));
    assert_eq!(call.extension.as_deref(), Some("42"));
    assert_eq!(call.text, body["text"]);

    let other = numbers::us_number();
    let plain = json!({ "to": other, "channel": "voice", "text": "Your parcel is here." });
    story
        .client
        .post("/v1/deliveries", &plain)
        .await
        .expect(201);
    let call = story.message_to(&other).await;
    assert_eq!((call.speech, call.extension), (None, None));
    story.end().await;
}
