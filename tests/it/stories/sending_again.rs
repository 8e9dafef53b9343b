//! "I got nothing": when the same start sends the same code again.

use std::time::Duration;

use serde_json::json;

use super::Story;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::ARRIVES_WITHIN;

/// The shortest wait that can be configured.
const RESEND_WAIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_same_start_sends_the_same_code_over_another_provider_once_it_is_time() {
    let story = Story::begin_with(|config| {
        config.set("codes", "resend_waits_s", "[10]");
        config.set("codes", "sends_max", "2");
    })
    .await;
    let client = &story.client;
    let number = numbers::us_number();
    let started = client.start(&number).await.expect(201);
    let id = started.id();
    let message = story.message_to(&number).await;

    let early = client.start(&number).await.expect(429);
    assert_eq!(early.code(), "resend_too_early");
    let seen = early.json();
    assert_eq!(seen["available_at"], started.json()["next"]["sms_at"]);
    let retry_after = seen["retry_after"].as_u64().unwrap_or_default();
    assert!((1..=10).contains(&retry_after), "{seen}");
    assert_eq!(
        early.headers["retry-after"],
        retry_after.to_string().as_str()
    );
    assert_eq!(
        client.resend(&id).await.expect(429).code(),
        "resend_too_early"
    );

    // Who asks all the while waits no longer than who does not.
    let asked_at = tokio::time::Instant::now();
    let is_resent = eventually(RESEND_WAIT * 2, async || {
        let again = client.start(&number).await;
        again.status == 201 && again.id() == id
    });
    assert!(is_resent.await, "it was never sent again");
    assert!(asked_at.elapsed() < RESEND_WAIT + Duration::from_secs(3));
    let again = story.second.submission_to(&number, ARRIVES_WITHIN).await;
    assert_eq!(again.code, message.code);
    assert_eq!(story.first.count(), 1, "a provider already tried goes last");

    let exhausted = client.start(&number).await.expect(429);
    assert_eq!(exhausted.code(), "sends_exhausted");
    client.check(&id, &message.code).await.expect(200);
    story.end().await;
}

#[tokio::test]
async fn a_start_of_another_identity_is_a_verification_of_its_own() {
    let story = Story::begin().await;
    let number = numbers::us_number();
    let bodies = [
        json!({ "to": number }),
        json!({ "to": number, "purpose": "payment" }),
        json!({ "to": number, "subject": "somebody" }),
    ];
    let mut ids = Vec::new();
    for body in &bodies {
        ids.push(story.client.start_with(body).await.expect(201).id());
    }
    assert!(story.first.has_count_to(&number, 3, ARRIVES_WITHIN).await);
    let messages = story.first.submissions_to(&number);
    for (position, message) in messages.iter().enumerate() {
        let others = messages.iter().skip(position + 1);
        assert!(others.clone().all(|other| other.code != message.code));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let fourth = json!({ "to": number, "subject": "somebody else" });
    let refused = story.client.start_with(&fourth).await.expect(429);
    assert_eq!(refused.code(), "too_many_pending");
    story.end().await;
}
