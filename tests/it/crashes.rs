//! An accepted send survives the death of its node, of every node at once, and
//! an orderly end: it is submitted, and twice only if it was in flight.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::support::client::Client;
use crate::support::fake_provider::{Behaviour, FakeProvider};
use crate::support::gateway_config::{GatewayConfig, ProviderEntry};
use crate::support::gateway_process::Gateway;
use crate::support::scenario::Scenario;
use crate::support::{numbers, random_bytes};

/// Sends in flight around a kill.
const SENDS: usize = 200;
/// Sends that are done before it.
const EARLIER: usize = 20;
/// The shortest lease the configuration takes.
const SHORT_LEASE: Duration = Duration::from_secs(5);
const DEFAULT_LEASE: Duration = Duration::from_secs(15);
/// What comes on top of a lease before a lost send is done: the next sweep, the
/// provider's answer, and a busy machine.
const AFTER_LEASE: Duration = Duration::from_secs(5);
/// What is on its way between gateway and provider for so long, on a busy machine
/// where 200 sends at once fill every queue, is still in flight.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// Submissions a node makes at once where a test bounds them.
const AT_ONCE: usize = 10;

/// A moment within the given bounds, in ms, that no two runs share.
fn some_time(bounds: std::ops::Range<u64>) -> Duration {
    let random = u64::from_le_bytes(random_bytes());
    Duration::from_millis(bounds.start + random % (bounds.end - bounds.start))
}

/// One start, and its id if it was accepted.
struct Sent {
    /// Which of the nodes was asked.
    node: usize,
    number: String,
    id: Option<String>,
}

struct Crash {
    scenario: Scenario,
    hook: FakeProvider,
    config: GatewayConfig,
    lease: Duration,
}

impl Crash {
    /// The provider takes 50 to 300 ms.
    async fn prepare(mut scenario: Scenario, lease: Duration) -> Self {
        let hook = scenario.provider("hook-a").await;
        hook.choose(|_| Behaviour::AcceptAfter(some_time(50..300)));
        let mut config = scenario.config(&[&hook]);
        config.set("dispatch", "lease_s", &lease.as_secs().to_string());
        Self {
            scenario,
            hook,
            config,
            lease,
        }
    }

    async fn node(&mut self, name: &str) -> Gateway {
        self.scenario.started(name, &self.config).await
    }

    /// Starts verifications at once, over the nodes in turn.
    async fn send(&self, nodes: &[Gateway], count: usize) -> Vec<Sent> {
        let clients: Vec<Client> = nodes
            .iter()
            .map(|node| self.scenario.client(node))
            .collect();
        let sends = clients
            .iter()
            .enumerate()
            .cycle()
            .take(count)
            .map(async |(node, client)| {
                let number = numbers::us_number();
                let answer = client.try_start(&number).await.ok();
                let accepted = answer.filter(|answer| answer.status == 201);
                Sent {
                    node,
                    number,
                    id: accepted.map(|answer| answer.id()),
                }
            });
        join_all(sends).await
    }

    /// Waits until some messages have reached the provider and others have not.
    async fn is_in_mid_flight(&self) {
        let more = usize::try_from(some_time(5..150).as_millis()).expect("a small number");
        let some = self.hook.count() + more;
        let has_begun = self.hook.has_count(some, Duration::from_secs(10)).await;
        assert!(
            has_begun,
            "only {} messages were sent at all",
            self.hook.count()
        );
    }

    /// At most what was in flight on these nodes at that moment has gone twice,
    /// and what they had `in_hand`: given to the HTTP client, not yet written.
    fn assert_duplicates_were_in_flight(
        &self,
        sent: &[Sent],
        (nodes, at): (std::ops::Range<usize>, Instant),
        in_hand: usize,
    ) {
        let numbers = sent.iter().filter(|one| nodes.contains(&one.node));
        let numbers = numbers.map(|one| one.number.as_str()).collect();
        let in_flight = self.hook.in_flight_at(at, ON_THE_WAY, &numbers);
        let duplicates = self.hook.duplicates();
        println!("{in_flight} in flight on what was hit, {duplicates} duplicates");
        assert!(
            duplicates <= in_flight + in_hand,
            "{duplicates} duplicates of {in_flight} in flight"
        );
    }

    /// Waits until each accepted send is submitted, at most until its lease has
    /// run out and some, and until the provider's own log says so too.
    async fn assert_all_submitted(&self, node: &Gateway, sent: &[Sent]) {
        let client = self.scenario.client(node);
        let deadline = Instant::now() + self.lease + AFTER_LEASE;
        let started = Instant::now();
        let accepted: Vec<(&String, &String)> = sent
            .iter()
            .filter_map(|one| Some((one.id.as_ref()?, &one.number)))
            .collect();
        for (id, number) in &accepted {
            let status = loop {
                let seen = client.verification(id).await.expect(200).json();
                let status = seen["deliveries"][0]["status"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                if status != "queued" || deadline < Instant::now() {
                    break status;
                }
                sleep(Duration::from_millis(50)).await;
            };
            let last = number.get(number.len() - 2..).unwrap_or_default();
            assert_eq!(
                status,
                "submitted",
                "{id} to ..{last}, {:?} after",
                started.elapsed()
            );
            assert!(
                !self.hook.submissions_to(number).is_empty(),
                "{id} never reached the provider"
            );
        }
        println!(
            "{} accepted sends were submitted after {:?}",
            accepted.len(),
            started.elapsed()
        );
    }
}

/// Kills the first nodes while sends are in flight and starts again the first of
/// them. What had been submitted before stays as it is.
async fn kill_in_mid_flight(crash: Crash, nodes: &[Gateway], killed: usize, started_again: usize) {
    let earlier = crash.send(nodes, EARLIER).await;
    crash.assert_all_submitted(&nodes[0], &earlier).await;
    let kill = async {
        crash.is_in_mid_flight().await;
        let at = Instant::now();
        join_all(nodes.iter().take(killed).map(Gateway::kill)).await;
        at
    };
    let (sent, killed_at) = tokio::join!(crash.send(nodes, SENDS), kill);
    for node in nodes.iter().take(started_again) {
        node.start(&crash.config).await;
    }
    let survivor = nodes
        .iter()
        .find(|node| node.is_running())
        .expect("one is running");
    crash.assert_all_submitted(survivor, &sent).await;
    crash.assert_duplicates_were_in_flight(&sent, (0..killed, killed_at), 0);
    for one in &earlier {
        assert_eq!(
            crash.hook.submissions_to(&one.number).len(),
            1,
            "sent again though done"
        );
    }
    crash.scenario.finish().await;
}

#[tokio::test]
async fn when_one_of_two_nodes_is_killed_the_other_finishes_its_sends() {
    let mut crash = Crash::prepare(Scenario::on_redis().await, DEFAULT_LEASE).await;
    let nodes = [crash.node("one").await, crash.node("two").await];
    kill_in_mid_flight(crash, &nodes, 1, 0).await;
}

#[tokio::test]
async fn when_every_node_is_killed_at_once_they_finish_their_sends_after_a_restart() {
    let mut crash = Crash::prepare(Scenario::on_redis().await, SHORT_LEASE).await;
    let nodes = [crash.node("one").await, crash.node("two").await];
    kill_in_mid_flight(crash, &nodes, 2, 2).await;
}

#[tokio::test]
async fn a_killed_node_with_an_embedded_store_finishes_its_sends_after_a_restart() {
    let mut crash = Crash::prepare(Scenario::on_embedded(), SHORT_LEASE).await;
    let nodes = [crash.node("one").await];
    kill_in_mid_flight(crash, &nodes, 1, 1).await;
}

#[tokio::test]
async fn a_node_that_is_asked_to_end_in_mid_flight_loses_and_repeats_nothing() {
    let mut crash = Crash::prepare(Scenario::on_redis().await, DEFAULT_LEASE).await;
    let nodes = [crash.node("one").await, crash.node("two").await];
    let [ending, staying] = &nodes;
    let end = async {
        crash.is_in_mid_flight().await;
        ending.terminate().await
    };
    let (sent, ended) = tokio::join!(crash.send(&nodes, SENDS), end);
    assert!(ended.success(), "it ended with {ended}");
    crash.assert_all_submitted(staying, &sent).await;
    assert_eq!(crash.hook.duplicates(), 0);
    crash.scenario.finish().await;
}

#[tokio::test]
async fn a_node_that_freezes_past_its_lease_does_not_send_again_what_another_took_over() {
    let mut crash = Crash::prepare(Scenario::on_redis().await, SHORT_LEASE).await;
    // A few at a time, so that most still wait when the node freezes.
    let narrow = ProviderEntry::new(&crash.hook).line(&format!("concurrency_max = {AT_ONCE}"));
    crash.config.only_provider(narrow);
    let nodes = [crash.node("one").await, crash.node("two").await];
    let [freezing, staying] = &nodes;
    let freeze = async {
        crash.is_in_mid_flight().await;
        let at = Instant::now();
        freezing.freeze();
        // Long enough for the other to have taken over and sent everything.
        sleep(SHORT_LEASE + AFTER_LEASE).await;
        freezing.resume();
        at
    };
    let (sent, frozen_at) = tokio::join!(crash.send(&nodes, SENDS), freeze);
    crash.assert_all_submitted(staying, &sent).await;
    crash.assert_duplicates_were_in_flight(&sent, (0..1, frozen_at), AT_ONCE);
    crash.scenario.finish().await;
}
