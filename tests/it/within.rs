//! Texts that must be sent within their caller's budget, while providers hang,
//! the store stops and nodes die: told in time, and nothing goes out later.

mod node;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};
use watchword::delivery::{DeliveryRecord, DeliveryStatus, Outcome};
use watchword::id::DeliveryId;
use watchword::service::{Client, DeliverRequest, IdempotencyKey, ServiceError, WithinEnd};
use watchword_providers::Channel;

use self::node::{Ended, Node};
use crate::support::fake_provider::{Behaviour, FakeProvider};
use crate::support::gateway_config::{GatewayConfig, ProviderEntry};
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::redis_proxy::{Fault, RedisProxy};
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

const BUDGET: Duration = Duration::from_millis(1500);
/// What a shared, unoptimised machine may add to an answer's time.
const SLACK: Duration = Duration::from_millis(400);
/// Any lease is over by then.
const LEASES_OVER: Duration = Duration::from_secs(60);
/// As long as a late message would take to show up.
const QUIET: Duration = Duration::from_secs(3);

/// Two providers and what knows of them.
struct World {
    scenario: Scenario,
    first: FakeProvider,
    second: FakeProvider,
    config: GatewayConfig,
    number: String,
}

impl World {
    async fn on(mut scenario: Scenario) -> Self {
        let first = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let mut config = scenario.config_without_providers();
        for provider in [&first, &second] {
            config.provider(ProviderEntry::new(provider));
        }
        Self {
            scenario,
            first,
            second,
            config,
            number: numbers::us_number(),
        }
    }

    async fn on_redis() -> Self {
        Self::on(Scenario::on_redis().await).await
    }

    /// Through this proxy.
    async fn behind(proxy: impl AsyncFn(&Scenario) -> RedisProxy) -> (Self, RedisProxy) {
        let mut world = Self::on_redis().await;
        let proxy = proxy(&world.scenario).await;
        world.config.store_redis(&proxy.url());
        (world, proxy)
    }

    fn request(&self) -> DeliverRequest {
        DeliverRequest {
            extension: None,
            to: self.number.clone(),
            region: None,
            channel: Some(Channel::Sms),
            text: "Use 5839201746 to sign in.".to_owned(),
            speech: None,
            locale: None,
            validity_s: None,
            reference: None,
            client: Client::default(),
            idempotency: Some(IdempotencyKey {
                key: "request-1".to_owned(),
                content: Bytes::from_static(b"one"),
            }),
            wait: None,
        }
    }

    /// The delivery that the first provider has seen, as the store has it.
    async fn delivery(&self, node: &Node) -> DeliveryRecord {
        let message = self.first.submission_to(&self.number, ARRIVES_WITHIN).await;
        // Every message is named after its attempt.
        let (name, _attempt) = message.webhook_id.rsplit_once('-').unwrap();
        let id = DeliveryId::parse(name).unwrap();
        let found = node.shared.store.get(id.record).await.unwrap().unwrap();
        found.record.delivery(id.ordinal).unwrap().clone()
    }

    async fn ends_as(&self, node: &Node, status: DeliveryStatus) -> DeliveryRecord {
        let has_ended = eventually(ARRIVES_WITHIN, async || {
            self.delivery(node).await.status == status
        });
        assert!(has_ended.await, "{:?}", self.delivery(node).await);
        self.delivery(node).await
    }

    /// Waits until the first provider has been asked.
    async fn reaches_the_first(&self) {
        let reached = self.first.submission_to(&self.number, ARRIVES_WITHIN);
        reached.await;
    }
}

fn assert_in_time(ended: &Ended, end: WithinEnd) {
    assert_eq!(ended.0, Ok(end));
    assert!(ended.1 < BUDGET + SLACK, "it took {:?}", ended.1);
}

#[tokio::test]
async fn a_hanging_provider_leaves_the_next_one_its_time() {
    for scenario in [Scenario::on_embedded(), Scenario::on_redis().await] {
        let world = World::on(scenario).await;
        world.first.always(Behaviour::Hang);
        let node = Node::start(&world.config).await;
        let ended = node.asked(world.request(), BUDGET).await.unwrap();
        assert_in_time(&ended, WithinEnd::Accepted);
        assert_eq!(world.second.submissions_to(&world.number).len(), 1);
        let delivery = world.ends_as(&node, DeliveryStatus::Submitted).await;
        let outcomes: Vec<Outcome> = delivery.attempts.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::Unknown, Outcome::Submitted]);
        node.crash().await;
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn if_all_hang_the_caller_is_told_in_time_and_nothing_goes_out_later() {
    for scenario in [Scenario::on_embedded(), Scenario::on_redis().await] {
        let world = World::on(scenario).await;
        world.first.always(Behaviour::Hang);
        world.second.always(Behaviour::Hang);
        let node = Node::start(&world.config).await;
        let ended = node.asked(world.request(), BUDGET).await.unwrap();
        assert_in_time(&ended, WithinEnd::TimedOut);
        let delivery = world.ends_as(&node, DeliveryStatus::Failed).await;
        assert_eq!(delivery.reason.as_deref(), Some("outcome_unknown"));
        world.first.always(Behaviour::Accept);
        world.second.always(Behaviour::Accept);
        sleep(QUIET).await;
        assert_eq!((world.first.count(), world.second.count()), (1, 1));
        node.crash().await;
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn what_a_dead_node_was_at_is_sent_by_nobody() {
    for scenario in [Scenario::on_embedded(), Scenario::on_redis().await] {
        let world = World::on(scenario).await;
        world.first.always(Behaviour::Hang);
        let node = Node::start(&world.config).await;
        let asked = node.asked(world.request(), BUDGET);
        world.reaches_the_first().await;
        node.crash().await;
        assert!(asked.await.unwrap_err().is_cancelled());
        // Its lease has run out: the next node's first sweep takes it over.
        let next = Node::start_later(&world.config, LEASES_OVER).await;
        let delivery = world.ends_as(&next, DeliveryStatus::Failed).await;
        assert_eq!(delivery.reason.as_deref(), Some("outcome_unknown"));
        let again = next.asked(world.request(), BUDGET).await.unwrap();
        assert_in_time(&again, WithinEnd::TimedOut);
        assert_eq!((world.first.count(), world.second.count()), (1, 0));
        next.crash().await;
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn a_repeated_request_is_told_the_same_on_another_node() {
    let world = World::on_redis().await;
    world.first.always(Behaviour::Hang);
    let slow = Duration::from_millis(300);
    world.second.always(Behaviour::AcceptAfter(slow));
    let (one, other) = (
        Node::start(&world.config).await,
        Node::start(&world.config).await,
    );
    let first = one.asked(world.request(), BUDGET);
    world.reaches_the_first().await;
    let again = other.asked(world.request(), BUDGET);
    assert_in_time(&first.await.unwrap(), WithinEnd::Accepted);
    assert_in_time(&again.await.unwrap(), WithinEnd::Accepted);
    let later = other.asked(world.request(), BUDGET).await.unwrap();
    assert_in_time(&later, WithinEnd::Accepted);
    assert_eq!((world.first.count(), world.second.count()), (1, 1));
    let mut changed = world.request();
    changed.idempotency = changed.idempotency.map(|named| IdempotencyKey {
        content: Bytes::from_static(b"another"),
        ..named
    });
    let (reused, _) = other.asked(changed, BUDGET).await.unwrap();
    assert_eq!(reused, Err(ServiceError::IdempotencyKeyReused));
    one.crash().await;
    other.crash().await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn while_the_store_stands_still_the_caller_is_told_in_time_and_nothing_more_begins() {
    let world = World::on_redis().await;
    world.first.always(Behaviour::Hang);
    let node = Node::start(&world.config).await;
    let asked = node.asked(world.request(), BUDGET);
    world.reaches_the_first().await;
    world.scenario.redis().freeze();
    assert_in_time(&asked.await.unwrap(), WithinEnd::TimedOut);
    world.scenario.redis().resume();
    sleep(QUIET).await;
    node.crash().await;
    let next = Node::start_later(&world.config, LEASES_OVER).await;
    world.ends_as(&next, DeliveryStatus::Failed).await;
    assert_eq!((world.first.count(), world.second.count()), (1, 0));
    next.crash().await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn what_a_provider_took_while_the_store_stood_still_is_told_as_taken() {
    let world = World::on_redis().await;
    let node = Node::start(&world.config).await;
    let slow = Duration::from_millis(500);
    world.first.always(Behaviour::AcceptAfter(slow));
    let asked = node.asked(world.request(), BUDGET);
    world.reaches_the_first().await;
    world.scenario.redis().freeze();
    assert_in_time(&asked.await.unwrap(), WithinEnd::Accepted);
    world.scenario.redis().resume();
    world.ends_as(&node, DeliveryStatus::Submitted).await;
    let again = node.asked(world.request(), BUDGET).await.unwrap();
    assert_in_time(&again, WithinEnd::Accepted);
    node.crash().await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_send_that_a_stopped_store_made_after_all_goes_out_to_nobody() {
    let world = World::on_redis().await;
    let node = Node::start(&world.config).await;
    world.scenario.redis().freeze();
    let (end, took) = node.asked(world.request(), BUDGET).await.unwrap();
    assert!(took < BUDGET + SLACK, "it took {took:?}");
    assert!(
        matches!(end, Err(ServiceError::Unavailable { .. })),
        "{end:?}"
    );
    world.scenario.redis().resume();
    sleep(QUIET).await;
    let next = Node::start_later(&world.config, LEASES_OVER).await;
    sleep(QUIET).await;
    assert_eq!((world.first.count(), world.second.count()), (0, 0));
    node.crash().await;
    next.crash().await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn an_attempt_whose_beginning_is_confirmed_too_late_does_not_go_out() {
    let (world, proxy) =
        World::behind(async |scenario| RedisProxy::start(scenario.redis().address()).await).await;
    world.first.always(Behaviour::Hang);
    let node = Node::start(&world.config).await;
    let asked = node.asked(world.request(), BUDGET);
    world.reaches_the_first().await;
    // The next attempt's beginning is asked for, and confirmed when there is
    // hardly any time left.
    let asked_at = Instant::now();
    sleep_until(asked_at + BUDGET / 5).await;
    proxy.set(Fault::Blackhole).await;
    sleep_until(asked_at + BUDGET - Duration::from_millis(100)).await;
    proxy.set(Fault::Pass).await;
    assert_in_time(&asked.await.unwrap(), WithinEnd::TimedOut);
    sleep(QUIET).await;
    assert_eq!((world.first.count(), world.second.count()), (1, 0));
    node.crash().await;
    let next = Node::start_later(&world.config, LEASES_OVER).await;
    world.ends_as(&next, DeliveryStatus::Failed).await;
    assert_eq!(world.second.count(), 0);
    next.crash().await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_node_that_stood_still_past_the_budget_sends_nothing_more() {
    let world = World::on_redis().await;
    let node = Node::start(&world.config).await;
    // The refusal is there when it wakes, and the next hop would be asked at once.
    let stops = node.stopper(BUDGET * 2);
    world.first.choose(move |_| {
        stops();
        Behaviour::Status(404)
    });
    let asked = node.asked(world.request(), BUDGET);
    let (end, _) = asked.await.unwrap();
    assert_eq!(end, Ok(WithinEnd::TimedOut));
    sleep(QUIET).await;
    assert_eq!(world.second.count(), 0);
    node.crash().await;
    world.scenario.finish().await;
}
