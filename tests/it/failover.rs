//! A code arrives through the second provider whatever is wrong with the
//! first, and a provider that keeps failing is left alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_provider::{Behaviour, FakeProvider, RefusedAddress};
use crate::support::gateway_config::ProviderEntry;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// Short, so that a silent provider does not hold up the test; yet longer than
/// an honest one ever takes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(600);
/// What a shared, unoptimised machine may add.
const SLACK: Duration = Duration::from_secs(1);

/// The attempts of the first delivery, as provider and outcome.
fn attempts(verification: &Value) -> Vec<(String, String)> {
    let attempts = verification["deliveries"][0]["attempts"].as_array();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    attempts
        .into_iter()
        .flatten()
        .map(|attempt| (word(&attempt["provider"]), word(&attempt["outcome"])))
        .collect()
}

/// A gateway before a first provider at this address and a second one that is well.
struct TwoHops {
    scenario: Scenario,
    second: FakeProvider,
    client: crate::support::client::Client,
}

impl TwoHops {
    async fn start(first: impl FnOnce(FakeProvider) -> ProviderEntry) -> (Self, FakeProvider) {
        let mut scenario = Scenario::on_redis().await;
        let hook_a = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let mut config = scenario.config_without_providers();
        let wide = "breaker = { attempts_min = 1000 }";
        config.provider(
            first(hook_a.clone())
                .attempt_timeout(ATTEMPT_TIMEOUT)
                .line(wide),
        );
        config.provider(ProviderEntry::new(&second).attempt_timeout(ATTEMPT_TIMEOUT));
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        let hops = Self {
            scenario,
            second,
            client,
        };
        (hops, hook_a)
    }

    /// Starts a verification; its code must come through the second provider in
    /// time, be right, and leave these attempts behind.
    async fn assert_fails_over(&self, what: &str, first_outcome: &str) {
        let number = numbers::us_number();
        let started_at = tokio::time::Instant::now();
        let id = self.client.start(&number).await.expect(201).id();
        let message = self.second.submission_to(&number, ARRIVES_WITHIN).await;
        let took = message.arrived_at - started_at;
        println!("{what}: the code came through the second provider after {took:?}");
        assert!(took < ATTEMPT_TIMEOUT + SLACK, "{what}: it took {took:?}");
        let is_settled = eventually(ARRIVES_WITHIN, async || {
            let seen = self.client.verification(&id).await.expect(200).json();
            seen["deliveries"][0]["status"] == json!("submitted")
        });
        assert!(is_settled.await, "{what}: the delivery was never submitted");
        let seen = self.client.verification(&id).await.expect(200).json();
        let expected = [("hook-a", first_outcome), ("hook-b", "submitted")];
        let expected =
            expected.map(|(provider, outcome)| (provider.to_owned(), outcome.to_owned()));
        assert_eq!(attempts(&seen), expected, "{what}");
        self.client.check(&id, &message.code).await.expect(200);
    }
}

#[tokio::test]
async fn a_code_arrives_through_the_second_provider_whatever_the_first_does() {
    let (hops, first) = TwoHops::start(|first| ProviderEntry::new(&first)).await;
    let elsewhere = FakeProvider::start("elsewhere").await;
    for (behaviour, outcome) in [
        (Behaviour::Status(500), "unknown"),
        (Behaviour::Status(503), "refused"),
        (Behaviour::Status(404), "refused"),
        (Behaviour::Throttle(1), "throttled"),
        (Behaviour::Hang, "unknown"),
        (Behaviour::CloseAtOnce, "unknown"),
        (Behaviour::CloseMidBody, "unknown"),
        (Behaviour::Garbage, "unknown"),
        (Behaviour::Drip, "unknown"),
        (Behaviour::Huge, "unknown"),
        (Behaviour::Redirect(elsewhere.url()), "unknown"),
    ] {
        first.always(behaviour.clone());
        hops.assert_fails_over(&format!("{behaviour:?}"), outcome)
            .await;
        // A success in between: five failures in a row would open the breaker.
        first.always(Behaviour::Accept);
        let number = numbers::us_number();
        hops.client.start(&number).await.expect(201);
        first.submission_to(&number, ARRIVES_WITHIN).await;
    }
    assert_eq!(elsewhere.count(), 0, "redirects are not followed");
    hops.scenario.finish().await;
}

#[tokio::test]
async fn a_code_arrives_through_the_second_provider_if_the_first_cannot_be_reached() {
    let refused = RefusedAddress::new();
    let url = refused.url();
    let (hops, _) = TwoHops::start(|first| ProviderEntry::new(&first).at(&url)).await;
    hops.assert_fails_over("connection refused", "unreachable")
        .await;
    hops.scenario.finish().await;
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_not_called_first_any_more() {
    let mut scenario = Scenario::on_redis().await;
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let gateway = scenario
        .started("one", &scenario.config(&[&first, &second]))
        .await;
    let client = scenario.client(&gateway);
    first.always(Behaviour::Status(500));
    let send = async || {
        let number = numbers::us_number();
        client.start(&number).await.expect(201);
        second.submission_to(&number, ARRIVES_WITHIN).await;
    };
    // The breaker's default: half of at least 10 attempts within 10 s.
    for _ in 0..12 {
        send().await;
    }
    let called = first.count();
    for _ in 0..20 {
        send().await;
    }
    assert_eq!(
        first.count(),
        called,
        "the first provider was called all the same"
    );
    assert_eq!(second.count(), 32);
    let open = gateway
        .metric("watchword_breaker_state", &["hook-a", "sms"])
        .await;
    assert!(
        (open - 2.0).abs() < f64::EPSILON,
        "its breaker shows {open}, not 2 for open"
    );
    scenario.finish().await;
}

#[tokio::test]
async fn what_has_ended_is_written_down_before_the_last_hop_is_waited_for() {
    let mut scenario = Scenario::on_redis().await;
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let mut config = scenario.config_without_providers();
    config.provider(ProviderEntry::new(&first));
    config.provider(ProviderEntry::new(&second).line("concurrency_max = 1"));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    first.always(Behaviour::Status(503));
    second.always(Behaviour::AcceptAfter(Duration::from_secs(1)));
    let [early, late] = [numbers::us_number(), numbers::us_number()];
    client.start(&early).await.expect(201);
    second.submission_to(&early, ARRIVES_WITHIN).await;
    let id = client.start(&late).await.expect(201).id();
    let ended = [("hook-a".to_owned(), "refused".to_owned())];
    let is_written = eventually(ARRIVES_WITHIN, async || {
        let seen = client.verification(&id).await.expect(200).json();
        attempts(&seen) == ended
    });
    assert!(is_written.await, "its end waited for the second provider");
    second.submission_to(&late, ARRIVES_WITHIN).await;
    scenario.finish().await;
}

#[tokio::test]
async fn a_final_refusal_stops_the_route() {
    let mut scenario = Scenario::on_redis().await;
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let gateway = scenario
        .started("one", &scenario.config(&[&first, &second]))
        .await;
    let client = scenario.client(&gateway);
    first.always(Behaviour::RefuseForGood);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let has_failed = eventually(ARRIVES_WITHIN, async || {
        client.verification(&id).await.expect(200).text("status") == "failed"
    });
    assert!(has_failed.await, "the verification did not fail");
    assert_eq!((first.count(), second.count()), (1, 0));
    assert_eq!(
        client.check(&id, &first.submissions()[0].code).await.code(),
        "failed"
    );
    scenario.finish().await;
}

#[tokio::test]
async fn when_sms_fails_the_code_is_read_out_if_the_request_allows_it() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let gateway = scenario.started("one", &scenario.config(&[&hook])).await;
    let client = scenario.client(&gateway);
    hook.choose(|message| match message.channel.as_str() {
        "sms" => Behaviour::Status(404),
        _ => Behaviour::Accept,
    });
    let number = numbers::us_number();
    let body = json!({ "to": number, "fallback": ["voice"] });
    let id = client.start_with(&body).await.expect(201).id();
    assert!(
        hook.has_count_to(&number, 2, ARRIVES_WITHIN).await,
        "no call followed"
    );
    let messages = hook.submissions_to(&number);
    let channels: Vec<&str> = messages
        .iter()
        .map(|message| message.channel.as_str())
        .collect();
    assert_eq!(channels, ["sms", "voice"]);
    client.check(&id, &messages[0].code).await.expect(200);
    scenario.finish().await;
}
