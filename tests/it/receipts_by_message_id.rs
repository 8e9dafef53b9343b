//! Receipts of providers that name their own message ids: they find their
//! attempt by an index, from any node, and wait for it if they come first.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::fake_provider::{Behaviour, FakeProvider, Submission};
use crate::support::gateway_config::{GatewayConfig, ProviderEntry};
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::receipts::Receipt;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// How long a provider takes that reports before it answers.
const ANSWERS_LATE: Duration = Duration::from_millis(1500);

/// A gateway with two providers that report by their own ids.
struct World {
    scenario: Scenario,
    first: FakeProvider,
    second: FakeProvider,
    config: GatewayConfig,
    gateway: Gateway,
    node: Client,
}

/// A message at a provider.
struct Sent {
    id: String,
    message: Submission,
}

impl World {
    async fn on(mut scenario: Scenario) -> Self {
        let first = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let mut config = scenario.config_without_providers();
        for provider in [&first, &second] {
            let entry = ProviderEntry::new(provider).with_receipts_by_message_id();
            config.provider(entry.attempt_timeout(Duration::from_secs(4)));
        }
        let gateway = scenario.started("one", &config).await;
        Self {
            node: scenario.client(&gateway),
            scenario,
            first,
            second,
            config,
            gateway,
        }
    }

    /// A message that has just arrived at the first provider.
    async fn arrived(&self) -> Sent {
        let number = numbers::us_number();
        let id = self.node.start(&number).await.expect(201).id();
        let message = self.first.submission_to(&number, ARRIVES_WITHIN).await;
        assert_eq!(message.receipt_url, None, "it would not be called");
        Sent { id, message }
    }

    /// A message whose answer has been written down.
    async fn submitted(&self) -> Sent {
        let sent = self.arrived().await;
        self.assert_becomes(&sent, "submitted").await;
        sent
    }

    fn receipt(&self, sent: &Sent, status: &str) -> Receipt {
        let message_id = self.first.message_id_of(&sent.message);
        Receipt::naming(&message_id, &self.first, &self.node, status)
    }

    async fn status(&self, sent: &Sent) -> String {
        let seen = self.node.verification(&sent.id).await.expect(200).json();
        let status = seen["deliveries"][0]["status"].as_str();
        status.unwrap_or_default().to_owned()
    }

    async fn assert_becomes(&self, sent: &Sent, status: &str) {
        let in_time = eventually(ARRIVES_WITHIN, async || self.status(sent).await == status);
        assert!(
            in_time.await,
            "it is {} and never {status}",
            self.status(sent).await
        );
    }

    async fn has_counted(&self, line: &str) -> bool {
        let metrics = self.gateway.metrics().await;
        metrics.lines().any(|found| found == line)
    }

    /// Entries in the ledgers of all shards.
    fn due(&self) -> u64 {
        let redis = self.scenario.redis();
        let ledgers: Vec<String> = redis.command("KEYS ww:*ledger");
        let depths = ledgers.iter();
        depths
            .map(|ledger| redis.command::<u64>(&format!("ZCARD {ledger}")))
            .sum()
    }
}

async fn a_receipt_is_counted_whenever_it_comes(scenario: Scenario) {
    let world = World::on(scenario).await;
    let sent = world.submitted().await;
    world.receipt(&sent, "sent").post().await.expect(204);
    assert_eq!(world.status(&sent).await, "submitted");
    let delivered = world.receipt(&sent, "delivered");
    delivered.post().await.expect(204);
    world.assert_becomes(&sent, "delivered").await;
    delivered.post().await.expect(204);
    world.receipt(&sent, "undelivered").post().await.expect(204);
    assert_eq!(world.status(&sent).await, "delivered");
    let early = r#"watchword_receipts_waiting_total{provider="hook-a"} 1"#;
    assert!(!world.has_counted(early).await);

    world.first.always(Behaviour::AcceptAfter(ANSWERS_LATE));
    let sent = world.arrived().await;
    world.receipt(&sent, "delivered").post().await.expect(204);
    assert!(world.has_counted(early).await, "nobody knows the id yet");
    assert_eq!(world.status(&sent).await, "queued");
    world.assert_becomes(&sent, "delivered").await;
    assert_eq!((world.first.count(), world.second.count()), (2, 0));
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_receipt_after_and_before_the_submit_answer_is_counted_on_redis() {
    a_receipt_is_counted_whenever_it_comes(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn a_receipt_after_and_before_the_submit_answer_is_counted_on_embedded() {
    a_receipt_is_counted_whenever_it_comes(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn an_undelivered_message_goes_out_over_the_next_provider_from_whichever_node() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let other = world.scenario.started("two", &world.config).await;
    let other = world.scenario.client(&other);
    let sent = world.submitted().await;
    let undelivered = world.receipt(&sent, "undelivered").at_node(&other);
    undelivered.post().await.expect(204);
    let to = &sent.message.to;
    let again = world.second.submission_to(to, ARRIVES_WITHIN).await;
    assert_eq!(again.code, sent.message.code);
    undelivered.post().await.expect(204);
    // The second provider's id names the second attempt.
    let message_id = world.second.message_id_of(&again);
    let named = Receipt::naming(&message_id, &world.second, &other, "delivered");
    named.post().await.expect(204);
    world.assert_becomes(&sent, "delivered").await;
    assert_eq!((world.first.count(), world.second.count()), (1, 1));
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_message_reported_lost_before_its_answer_goes_out_over_the_next_provider() {
    let world = World::on(Scenario::on_redis().await).await;
    world.first.always(Behaviour::AcceptAfter(ANSWERS_LATE));
    let sent = world.arrived().await;
    world.receipt(&sent, "undelivered").post().await.expect(204);
    let to = &sent.message.to;
    let again = world.second.submission_to(to, ARRIVES_WITHIN).await;
    assert_eq!(again.code, sent.message.code);
    world.assert_becomes(&sent, "submitted").await;
    assert_eq!((world.first.count(), world.second.count()), (1, 1));
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_receipt_that_is_forged_stale_or_anothers_changes_nothing() {
    let world = World::on(Scenario::on_redis().await).await;
    let sent = world.submitted().await;
    let keys = || world.scenario.redis().command::<u64>("DBSIZE");
    let names = || {
        world
            .scenario
            .redis()
            .command::<Vec<String>>("KEYS ww:*}m:*")
    };
    assert!(eventually(ARRIVES_WITHIN, async || names().len() == 1).await);
    let before = keys();
    let delivered = || world.receipt(&sent, "delivered");
    delivered().forged().post().await.expect(403);
    delivered().stale().post().await.expect(403);
    let unknown = Receipt::naming("m-1", &world.first, &world.node, "delivered");
    unknown.forged().post().await.expect(403);
    assert_eq!(keys(), before, "what is not believed is not kept");
    // The second provider knows the first one's id, and signs as itself.
    let message_id = world.first.message_id_of(&sent.message);
    let foreign = Receipt::naming(&message_id, &world.second, &world.node, "delivered");
    foreign.post().await.expect(204);
    assert_eq!(keys(), before + 1, "it waits for a message of its own");
    assert_eq!(world.status(&sent).await, "submitted");
    let waits = r#"watchword_receipts_waiting_total{provider="hook-b"} 1"#;
    assert!(world.has_counted(waits).await);
    world.scenario.finish().await;
}

#[tokio::test]
async fn only_providers_that_report_so_have_a_path_of_their_own() {
    let mut scenario = Scenario::on_embedded();
    let by_url = scenario.provider("hook-a").await;
    let silent = scenario.provider("hook-b").await;
    let mut config = scenario.config_without_providers();
    config.provider(ProviderEntry::new(&by_url).with_receipts());
    config.provider(ProviderEntry::new(&silent));
    let gateway = scenario.started("one", &config).await;
    let node = scenario.client(&gateway);
    let unknown = FakeProvider::start("hook-c").await;
    for provider in [&by_url, &silent, &unknown] {
        let receipt = Receipt::naming("m-1", provider, &node, "delivered");
        receipt.post().await.expect(404);
    }
    scenario.finish().await;
}

#[tokio::test]
async fn a_message_without_an_id_is_not_taken_for_lost() {
    let world = World::on(Scenario::on_redis().await).await;
    let named = world.submitted().await;
    assert_eq!(world.due(), 1, "its receipt has a deadline");
    world.receipt(&named, "delivered").post().await.expect(204);
    // It is accepted, and the answer is an empty document.
    world.first.always(Behaviour::Status(200));
    world.submitted().await;
    assert_eq!(world.due(), 0, "no receipt can come");
    world.scenario.finish().await;
}
