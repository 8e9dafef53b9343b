//! Limits seen from outside: what is refused, for whom, and for whom not.

use serde_json::json;

use super::{Story, list_path};
use crate::support::client::Answer;
use crate::support::codes::wrong_codes;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::ARRIVES_WITHIN;

#[tokio::test]
async fn a_number_gets_its_burst_and_strangers_do_not_use_up_that_of_known_browsers() {
    let story = Story::begin_with(|config| {
        config.set("limits", "sends_per_number", "[{ count = 2, per_s = 600 }]");
        config.set("codes", "live_max", "10");
    })
    .await;
    let number = numbers::us_number();
    let start = async |purpose: &str, known: bool| {
        let client = json!({ "known": known });
        let body = json!({ "to": number, "purpose": purpose, "client": client });
        story.client.start_with(&body).await
    };
    let first = start("one", false).await.expect(201).id();
    start("two", false).await.expect(201);
    let refused = start("three", false).await.expect(429);
    assert_eq!(refused.code(), "send_limit");
    assert!(!refused.text("available_at").is_empty());
    // A cancellation gives nothing back.
    story.client.cancel(&first).await.expect(200);
    assert_eq!(start("three", false).await.expect(429).code(), "send_limit");
    start("three", true).await.expect(201);
    start("four", true).await.expect(201);
    assert_eq!(start("five", true).await.expect(429).code(), "send_limit");
    story.client.start(&numbers::us_number()).await.expect(201);
    story.end().await;
}

#[tokio::test]
async fn an_address_has_a_limit_across_numbers() {
    let mut story = Story::begin_with(|config| {
        config.set(
            "limits",
            "sends_per_address",
            "[{ count = 3, per_s = 300 }]",
        );
    })
    .await;
    let refused_number = numbers::us_number();
    story.scenario.secrets().add_number(&refused_number);
    let start = async |number: &str, ip: &str| -> Answer {
        let body = json!({ "to": number, "client": { "ip": ip } });
        story.client.start_with(&body).await
    };
    for ip in ["192.0.2.7", "192.0.2.7", "192.0.2.7"] {
        start(&numbers::us_number(), ip).await.expect(201);
    }
    let refused = start(&refused_number, "192.0.2.7").await.expect(429);
    assert_eq!(refused.code(), "address_limit");
    assert!(refused.headers.contains_key("retry-after"));
    let list = story.client.get(&list_path(&refused_number)).await;
    assert_eq!(list.expect(200).json()["verifications"], json!([]));
    // Of the same /64, which is one customer's.
    for ip in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:a:b:c:3"] {
        start(&numbers::us_number(), ip).await.expect(201);
    }
    let refused = start(&refused_number, "2001:db8:1:2::9").await;
    assert_eq!(refused.expect(429).code(), "address_limit");
    start(&refused_number, "192.0.2.8").await.expect(201);
    story.client.start(&numbers::us_number()).await.expect(201);
    story.end().await;
}

#[tokio::test]
async fn wrong_checks_of_an_address_are_limited_and_right_ones_do_not_count() {
    let story = Story::begin_with(|config| {
        config.set(
            "limits",
            "failed_checks_per_address",
            "[{ count = 2, per_s = 600 }]",
        );
    })
    .await;
    let check = async |id: &str, code: &str, ip: &str| {
        let body = json!({ "code": code, "client": { "ip": ip } });
        story.client.check_with(id, &body).await
    };
    let start = async || {
        let number = numbers::us_number();
        let id = story.client.start(&number).await.expect(201).id();
        (id, story.message_to(&number).await.code)
    };
    for _ in 0..4 {
        let (id, code) = start().await;
        // A check is counted until it turns out right, and taken back a moment later.
        let is_approved = eventually(ARRIVES_WITHIN, async || {
            check(&id, &code, "192.0.2.7").await.status == 200
        });
        assert!(is_approved.await, "right checks used up the limit");
    }
    let (id, code) = start().await;
    for wrong in wrong_codes(&code).take(2) {
        let mismatch = check(&id, &wrong, "192.0.2.9").await;
        assert_eq!(mismatch.code(), "code_mismatch");
        // What cannot be a code costs nothing.
        let invalid = check(&id, "12", "192.0.2.9").await;
        assert_eq!(invalid.code(), "invalid_code");
    }
    let refused = check(&id, &code, "192.0.2.9").await.expect(429);
    assert_eq!(refused.code(), "address_limit");
    let seen = story.client.verification(&id).await.expect(200).json();
    assert_eq!(
        seen["checks_remaining"],
        json!(3),
        "refused, so not evaluated"
    );
    check(&id, &code, "192.0.2.10").await.expect(200);
    story.end().await;
}
