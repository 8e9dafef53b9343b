//! A provider's rate is the fleet's: nodes that share a store keep to it
//! together, and one that is busy alone has all of it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::{GatewayConfig, ProviderEntry};
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

const RATE_PER_S: f64 = 20.0;
/// A turn may be used so long after its moment, and no later.
const EXCESS: Duration = Duration::from_millis(250);

fn rate(rate_per_s: f64) -> String {
    format!("rate_per_s = {rate_per_s:?}")
}

/// One paced provider, and a fleet in which a node's even part is next to nothing.
async fn paced() -> (Scenario, FakeProvider, GatewayConfig) {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config(&[]);
    config
        .fleet_size(100)
        .provider(ProviderEntry::new(&hook).line(&rate(RATE_PER_S)));
    (scenario, hook, config)
}

/// Asks for so many codes at once.
async fn start_many(client: &Client, count: usize) {
    let number = || async { client.start(&numbers::us_number()).await.expect(201) };
    join_all((0..count).map(|_| number())).await;
}

/// However late messages arrive, no more can have come than turns since the start.
fn assert_kept_to_the_rate(hook: &FakeProvider, started: Instant) {
    let mut arrivals: Vec<Instant> = hook
        .submissions()
        .iter()
        .map(|submission| submission.arrived_at)
        .collect();
    arrivals.sort_unstable();
    for (earlier, arrived_at) in (0_u32..).zip(arrivals) {
        let passed = arrived_at - started + EXCESS;
        let most = RATE_PER_S * passed.as_secs_f64() + 1.0;
        let count = f64::from(earlier + 1);
        assert!(count <= most, "{count} messages in {passed:?}");
    }
}

#[tokio::test]
async fn two_busy_nodes_keep_to_the_rate_of_the_fleet() {
    let (mut scenario, hook, config) = paced().await;
    let one = scenario.started("one", &config).await;
    let two = scenario.started("two", &config).await;
    let (first, second) = (scenario.client(&one), scenario.client(&two));
    let started = Instant::now();
    tokio::join!(start_many(&first, 40), start_many(&second, 40));
    assert!(
        hook.has_count(80, Duration::from_secs(30)).await,
        "{} of 80 messages came",
        hook.count()
    );
    assert_kept_to_the_rate(&hook, started);
    scenario.finish().await;
}

#[tokio::test]
async fn a_node_that_is_busy_alone_has_the_rate_of_the_fleet() {
    let (mut scenario, hook, config) = paced().await;
    let one = scenario.started("one", &config).await;
    let _idle = scenario.started("two", &config).await;
    let client = scenario.client(&one);
    let started = Instant::now();
    start_many(&client, 60).await;
    // Three seconds' worth. With a hundredth of the rate it would be five minutes'.
    assert!(
        hook.has_count(60, Duration::from_secs(30)).await,
        "{} of 60 messages came",
        hook.count()
    );
    assert_kept_to_the_rate(&hook, started);
    scenario.finish().await;
}

#[tokio::test]
async fn a_reload_changes_the_rate() {
    let (mut scenario, hook, mut config) = paced().await;
    config.only_provider(ProviderEntry::new(&hook).line(&rate(0.01)));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    start_many(&client, 1).await;
    assert!(hook.has_count(1, ARRIVES_WITHIN).await);
    config.only_provider(ProviderEntry::new(&hook).line(&rate(RATE_PER_S)));
    gateway.reload(&config);
    let is_reloaded = eventually(ARRIVES_WITHIN, async || {
        gateway.log().matches("configuration in force").count() == 2
    });
    assert!(is_reloaded.await, "not reloaded:\n{}", gateway.log());
    start_many(&client, 10).await;
    // At the old rate the next one would come in a hundred seconds.
    assert!(
        hook.has_count(11, Duration::from_secs(30)).await,
        "{} of 11 messages came",
        hook.count()
    );
    scenario.finish().await;
}
