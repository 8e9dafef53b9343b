//! A tenant's cap on submissions a day: the bound on what fraud can cost.

use serde_json::json;

use super::{Story, api_key, tenant_entry};
use crate::support::client::Client;
use crate::support::fake_provider::Behaviour;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::ARRIVES_WITHIN;

async fn capped(max: u32) -> (Story, Client) {
    let key = api_key();
    let settings = format!(
        "regions = [\"US\", \"GB\"]\nsubmissions_per_day_max = [{{ region = \"US\", channel = \"sms\", max = {max} }}]"
    );
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
