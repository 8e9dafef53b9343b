//! Delivery receipts: believed only with a signature, counted once, only ever
//! forward, and acted upon when they say that nothing arrived.

use std::time::Duration;

use serde_json::json;

use crate::support::client::Client;
use crate::support::fake_provider::{FakeProvider, Submission};
use crate::support::gateway_config::ProviderEntry;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::receipts::Receipt;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

struct Sent {
    scenario: Scenario,
    first: FakeProvider,
    second: FakeProvider,
    client: Client,
    id: String,
    message: Submission,
}

/// A message that was submitted to the first of two providers.
async fn sent() -> Sent {
    let mut scenario = Scenario::on_redis().await;
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let mut config = scenario.config_without_providers();
    for provider in [&first, &second] {
        config.provider(ProviderEntry::new(provider).with_receipts());
    }
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let message = first.submission_to(&number, ARRIVES_WITHIN).await;
    let sent = Sent {
        scenario,
        first,
        second,
        client,
        id,
        message,
    };
    sent.assert_becomes("submitted").await;
    sent
}

impl Sent {
    async fn delivery_status(&self) -> String {
        let seen = self.client.verification(&self.id).await.expect(200).json();
        seen["deliveries"][0]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    async fn assert_becomes(&self, status: &str) {
        let in_time = eventually(ARRIVES_WITHIN, async || {
            self.delivery_status().await == status
        });
        assert!(
            in_time.await,
            "it is {} and never {status}",
            self.delivery_status().await
        );
    }

    fn receipt(&self, status: &str) -> Receipt {
        Receipt::of(&self.first, &self.message, status)
    }
}

#[tokio::test]
async fn a_signed_receipt_moves_a_delivery_forward_and_never_back() {
    let sent = sent().await;
    sent.receipt("sent").post().await.expect(204);
    assert_eq!(sent.delivery_status().await, "submitted");
    let delivered = sent.receipt("delivered");
    delivered.post().await.expect(204);
    sent.assert_becomes("delivered").await;
    // Again, and then what contradicts it: the network is not always in order.
    delivered.post().await.expect(204);
    sent.receipt("undelivered").post().await.expect(204);
    sent.receipt("sent").post().await.expect(204);
    assert_eq!(sent.delivery_status().await, "delivered");
    assert_eq!((sent.first.count(), sent.second.count()), (1, 0));
    sent.scenario.finish().await;
}

#[tokio::test]
async fn a_forged_stale_or_misdirected_receipt_changes_nothing() {
    let sent = sent().await;
    sent.receipt("delivered").forged().post().await.expect(403);
    sent.receipt("delivered").stale().post().await.expect(403);
    let altered = sent.receipt("delivered").altered_at_its_end();
    altered.post().await.expect(404);
    // The first provider's message, signed by the second.
    let foreign = Receipt::of(&sent.second, &sent.message, "delivered")
        .post()
        .await;
    foreign.expect(403);
    assert_eq!(sent.delivery_status().await, "submitted");
    sent.scenario.finish().await;
}

#[tokio::test]
async fn an_undelivered_message_goes_out_over_the_next_provider_with_the_same_code() {
    let sent = sent().await;
    let undelivered = sent.receipt("undelivered");
    undelivered.post().await.expect(204);
    let again = sent
        .second
        .submission_to(&sent.message.to, ARRIVES_WITHIN)
        .await;
    assert_eq!(again.code, sent.message.code);
    undelivered.post().await.expect(204);
    sent.assert_becomes("submitted").await;
    sent.client.check(&sent.id, &again.code).await.expect(200);
    let again_and_again = sent.second.has_count(2, Duration::from_secs(1)).await;
    assert!(!again_and_again, "a repeated receipt sent another message");
    let seen = sent.client.verification(&sent.id).await.expect(200).json();
    assert_eq!(
        seen["deliveries"][0]["attempts"].as_array().map(Vec::len),
        Some(2),
        "{}",
        json!(seen)
    );
    sent.scenario.finish().await;
}
