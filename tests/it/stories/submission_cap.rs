//! A tenant's cap on submissions a day: the bound on what fraud can cost.

use serde_json::json;

use super::{Story, api_key, tenant_entry};
use crate::support::client::Client;
use crate::support::fake_provider::Behaviour;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::ARRIVES_WITHIN;

async fn capped(max: u32) -> (Story, Client) {
    bounded(&format!(
        "submissions_per_day_max = [{{ region = \"US\", channel = \"sms\", max = {max} }}]"
    ))
    .await
}

async fn bounded(setting: &str) -> (Story, Client) {
    let key = api_key();
    let settings = format!("regions = [\"US\", \"GB\"]\n{setting}");
    let entry = tenant_entry("shop", &[(key.as_str(), r#""verify", "read""#)], &settings);
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    let shop = story.client_of(&key);
    (story, shop)
}

/// Starts a verification and waits until its delivery is submitted.
async fn submitted(shop: &Client) {
    let id = shop.start(&numbers::us_number()).await.expect(201).id();
    let is_submitted = eventually(ARRIVES_WITHIN, async || {
        let seen = shop.verification(&id).await.expect(200).json();
        seen["deliveries"][0]["status"] == json!("submitted")
    });
    assert!(is_submitted.await, "it was never submitted");
}

#[tokio::test]
async fn a_cap_counts_what_may_have_been_sent_and_not_what_was_asked_for() {
    let (story, shop) = capped(3).await;
    // The first provider may have sent it, so there are two submissions.
    story.first.next([Behaviour::CloseMidBody]);
    submitted(&shop).await;
    assert_eq!((story.first.count(), story.second.count()), (1, 1));
    submitted(&shop).await;
    let refused = shop.start(&numbers::us_number()).await.expect(429);
    assert_eq!(refused.code(), "submission_cap");
    assert!(refused.json()["retry_after"].as_u64() > Some(0));
    assert!(!refused.text("available_at").is_empty());
    assert_eq!(story.first.count() + story.second.count(), 3);
    // Another region has no cap, and another tenant has its own.
    shop.start(&numbers::gb_number()).await.expect(201);
    story.client.start(&numbers::us_number()).await.expect(201);
    story.end().await;
}

#[tokio::test]
async fn an_attempt_that_was_refused_does_not_count() {
    let (story, shop) = capped(1).await;
    story.first.always(Behaviour::Status(404));
    submitted(&shop).await;
    assert_eq!((story.first.count(), story.second.count()), (1, 1));
    let refused = shop.start(&numbers::us_number()).await.expect(429);
    assert_eq!(refused.code(), "submission_cap");
    story.end().await;
}

#[tokio::test]
async fn a_ramp_counts_what_may_have_been_sent_to_whatever_region() {
    let ramp = "ramp = { since = \"2999-01-01\", first_day_max = 3 }";
    let (story, shop) = bounded(ramp).await;
    story.first.next([Behaviour::CloseMidBody]);
    submitted(&shop).await;
    assert_eq!((story.first.count(), story.second.count()), (1, 1));
    shop.start(&numbers::gb_number()).await.expect(201);
    let refused = shop.start(&numbers::us_number()).await.expect(429);
    assert_eq!(refused.code(), "tenant_ramp");
    story.client.start(&numbers::us_number()).await.expect(201);
    story.end().await;
}

#[tokio::test]
async fn what_one_cap_refuses_the_other_has_not_counted() {
    let both = "ramp = { since = \"2999-01-01\", first_day_max = 3 }\n\
                submissions_per_day_max = [{ region = \"US\", max = 1 }]";
    let (story, shop) = bounded(both).await;
    // The second provider is not asked: the region's cap is used up by the first.
    story.first.next([Behaviour::CloseMidBody]);
    let id = shop.start(&numbers::us_number()).await.expect(201).id();
    let has_failed = eventually(ARRIVES_WITHIN, async || {
        let seen = shop.verification(&id).await.expect(200).json();
        seen["deliveries"][0]["status"] == json!("failed")
    });
    assert!(has_failed.await);
    assert_eq!((story.first.count(), story.second.count()), (1, 0));
    for _ in 0..2 {
        shop.start(&numbers::gb_number()).await.expect(201);
        let refused = shop.start(&numbers::us_number()).await.expect(429);
        assert_eq!(refused.code(), "submission_cap");
    }
    let refused = shop.start(&numbers::gb_number()).await.expect(429);
    assert_eq!(refused.code(), "tenant_ramp");
    story.end().await;
}
