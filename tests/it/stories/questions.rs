//! Questions that send nothing: they use nothing up and show nobody else's.

use serde_json::{Value, json};

use super::{Story, api_key, tenant_entry};
use crate::support::client::Client;
use crate::support::numbers;

async fn explain(client: &Client, number: &str) -> Value {
    let body = json!({ "number": number });
    client.post("/v1/explain", &body).await.expect(200).json()
}

/// What is left for clients that are not known.
fn left(explained: &Value) -> Value {
    let limits = explained["limits"].as_array().into_iter().flatten();
    let mut unknown = limits.filter(|limit| limit["client"] == json!("unknown"));
    unknown
        .next()
        .map_or(Value::Null, |limit| limit["left"].clone())
}

#[tokio::test]
async fn explain_and_lookup_use_nothing_up_and_show_only_the_callers_own_counters() {
    let story = Story::begin_with(|config| {
        config.set("limits", "sends_per_number", "[{ count = 2, per_s = 600 }]");
    })
    .await;
    let (acme, number) = (&story.client, numbers::us_number());
    let other = acme.with_key(&story.scenario.other.api_key);
    for _ in 0..5 {
        let explained = explain(acme, &number).await;
        assert_eq!(explained["accepted"], json!(true));
        assert_eq!(left(&explained), json!(2));
        let question = json!({ "number": number });
        let looked_up = acme.post("/v1/numbers/lookup", &question).await;
        let looked_up = looked_up.expect(200).json();
        assert_eq!(looked_up["e164"], json!(number));
        assert_eq!(looked_up["region"], json!("US"));
        assert_eq!(
            looked_up["channels"][0],
            json!({ "channel": "sms", "allowed": true })
        );
    }
    acme.start(&number).await.expect(201);
    story.message_to(&number).await;
    let explained = explain(acme, &number).await;
    assert_eq!(
        (left(&explained), &explained["live_count"]),
        (json!(1), &json!(1))
    );
    let hops = &explained["routes"][0]["hops"];
    assert_eq!(
        hops[0],
        json!({ "provider": "hook-a", "breaker": "closed" })
    );
    let body = json!({ "to": number, "purpose": "payment" });
    acme.start_with(&body).await.expect(201);
    let explained = explain(acme, &number).await;
    assert_eq!(explained["accepted"], json!(false));
    assert_eq!(explained["refusal"]["code"], json!("send_limit"));

    let theirs = explain(&other, &number).await;
    assert_eq!(theirs["accepted"], json!(true));
    assert_eq!(
        (left(&theirs), &theirs["live_count"]),
        (json!(2), &json!(0))
    );
    story.end().await;
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_sees_numbers_masked_without_one() {
    let [verifies, reads, explains] = [api_key(), api_key(), api_key()];
    let keys = [
        (verifies.as_str(), r#""verify""#),
        (reads.as_str(), r#""read""#),
        (explains.as_str(), r#""explain""#),
    ];
    let entry = tenant_entry("shop", &keys, r#"regions = ["US"]"#);
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    let [verifier, reader, explainer] =
        [&verifies, &reads, &explains].map(|key| story.client_of(key));
    let number = numbers::us_number();
    let started = verifier.start(&number).await.expect(201);
    assert_eq!(started.text("to"), number, "who sends it may see it");
    let (id, code) = (started.id(), story.message_to(&number).await.code);

    let question = json!({ "number": number });
    let text = json!({ "to": number, "text": "Hello" });
    let refused = [
        verifier.verification(&id).await,
        verifier.post("/v1/numbers/lookup", &question).await,
        verifier.post("/v1/explain", &question).await,
        verifier.post("/v1/deliveries", &text).await,
        reader.start(&number).await,
        reader.check(&id, &code).await,
        reader.resend(&id).await,
        reader.cancel(&id).await,
        reader.post("/v1/explain", &question).await,
        explainer.start(&number).await,
        explainer.verification(&id).await,
    ];
    for answer in refused {
        assert_eq!(answer.expect(403).code(), "scope_missing");
    }
    let (start, rest) = number.split_at(2);
    let (middle, end) = rest.split_at(rest.len() - 2);
    let masked = format!("{start}{}{end}", "*".repeat(middle.len()));
    let seen = reader.verification(&id).await.expect(200);
    assert_eq!(seen.text("to"), masked);
    reader
        .post("/v1/numbers/lookup", &question)
        .await
        .expect(200);
    explain(&explainer, &number).await;
    verifier.check(&id, &code).await.expect(200);
    story.end().await;
}
