//! A tenant is told what became of its verifications, signed, at least once:
//! whoever dies in between, and however long its endpoint is down.

mod outage;
mod replays;
mod reports;

use std::time::Duration;

use serde_json::json;

use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::GatewayConfig;
use crate::support::numbers;
use crate::support::scenario::Scenario;
use crate::support::sink::{Sink, Told};

const SOON: Duration = Duration::from_secs(10);
/// A watch's lease, the next sweep, and a busy machine.
const AFTER_A_CRASH: Duration = Duration::from_secs(90);

/// A provider, and the tenant `acme` with a webhook.
async fn prepare(
    scenario: &mut Scenario,
    sink: &Sink,
    more: &str,
) -> (FakeProvider, GatewayConfig) {
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config(&[&hook]);
    tell(&mut config, sink, more);
    (hook, config)
}

/// Has the tenant `acme` told at this sink.
fn tell(config: &mut GatewayConfig, sink: &Sink, more: &str) {
    config.set("webhooks", "allow_http", "true");
    config.set("webhooks", "allow_networks", r#"["127.0.0.0/8"]"#);
    config.set("webhooks", "ports", &format!(r#"["{}"]"#, sink.port()));
    // Behind the entry of `acme`, which is the first.
    config.webhook(&sink.tenant_entry(more));
}

fn of_kind<'a>(told: &'a [Told], kind: &'a str) -> impl Iterator<Item = &'a Told> {
    told.iter().filter(move |told| told.kind() == kind)
}

async fn tells_what_happens(mut scenario: Scenario) {
    let sink = Sink::start().await;
    let (hook, config) = prepare(&mut scenario, &sink, "").await;
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let body = json!({"to": number, "reference": "order-7"});
    let id = client.start_with(&body).await.expect(201).id();
    let is_submitted = |told: &[Told]| of_kind(told, "delivery.submitted").count() == 1;
    assert!(sink.has_been_told(is_submitted, SOON).await);
    let code = hook.submissions_to(&number)[0].code.clone();
    client.check(&id, &code).await.expect(200);
    let is_approved = |told: &[Told]| of_kind(told, "verification.approved").count() == 1;
    assert!(sink.has_been_told(is_approved, SOON).await);

    let told = sink.told();
    let approved = of_kind(&told, "verification.approved").next().expect("one");
    let data = &approved.body["data"];
    assert_eq!(data["verification_id"], json!(id));
    assert_eq!(data["status"], json!("approved"));
    assert_eq!(data["reference"], json!("order-7"));
    assert_eq!(approved.body["id"], json!(approved.webhook_id));
    let submitted = of_kind(&told, "delivery.submitted").next().expect("one");
    assert_eq!(submitted.body["data"]["provider"], json!("hook-a"));
    // Neither the code nor the number: only what a mask leaves of it.
    for one in &told {
        let text = one.body.to_string();
        assert!(!text.contains(&code) && !text.contains(&number), "{text}");
    }
    assert_eq!(told.len(), 2, "{told:?}");
    scenario.finish().await;
}

#[tokio::test]
async fn a_tenant_is_told_of_submission_and_approval_over_redis() {
    tells_what_happens(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn a_tenant_is_told_of_submission_and_approval_over_the_embedded_store() {
    tells_what_happens(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn a_tenant_that_asked_for_some_events_hears_of_those_with_full_numbers_if_it_asked() {
    let mut scenario = Scenario::on_redis().await;
    let sink = Sink::start().await;
    let more = "events = [\"verification.canceled\"]\nfull_numbers = true";
    let (_hook, config) = prepare(&mut scenario, &sink, more).await;
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    client.cancel(&id).await.expect(200);
    assert!(sink.has_been_told(|told| told.len() == 1, SOON).await);
    let told = sink.told().remove(0);
    assert_eq!(told.kind(), "verification.canceled");
    assert_eq!(told.body["data"]["to"], json!(number));
    // Another tenant has no webhooks: nobody is told.
    let other = gateway.client(&scenario.other.api_key);
    let id = other.start(&numbers::us_number()).await.expect(201).id();
    other.cancel(&id).await.expect(200);
    let second = client.start(&numbers::us_number()).await.expect(201).id();
    client.cancel(&second).await.expect(200);
    assert!(sink.has_been_told(|told| told.len() == 2, SOON).await);
    assert_eq!(
        sink.told()[1].body["data"]["verification_id"],
        json!(second)
    );
    scenario.finish().await;
}

/// Kills the only node while its tenant's endpoint is down, and starts it again.
async fn survives_a_kill(mut scenario: Scenario) {
    const SENDS: usize = 10;
    let sink = Sink::start().await;
    sink.answer_with(503);
    let (_hook, mut config) = prepare(&mut scenario, &sink, "").await;
    config.set(
        "webhooks",
        "retry_waits_s",
        "[5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]",
    );
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let mut ids = Vec::new();
    for _ in 0..SENDS {
        let id = client.start(&numbers::us_number()).await.expect(201).id();
        client.cancel(&id).await.expect(200);
        ids.push(json!(id));
    }
    // Some it has tried to tell, others it has only accepted.
    assert!(sink.has_been_told(|told| !told.is_empty(), SOON).await);
    gateway.kill().await;
    sink.answer_with(204);
    gateway.start(&config).await;
    let is_told = |told: &[Told], id: &serde_json::Value| {
        of_kind(told, "verification.canceled")
            .any(|one| one.status == 204 && one.body["data"]["verification_id"] == *id)
    };
    let all = |told: &[Told]| ids.iter().all(|id| is_told(told, id));
    assert!(
        sink.has_been_told(all, AFTER_A_CRASH).await,
        "{:?}",
        sink.told()
    );
    // The same event has the same id and says the same, in every try.
    let told = sink.told();
    for one in &told {
        for other in told.iter().filter(|it| it.webhook_id == one.webhook_id) {
            assert_eq!(one.body, other.body);
        }
    }
    scenario.finish().await;
}

#[tokio::test]
async fn no_event_is_lost_when_the_node_is_killed_over_redis() {
    survives_a_kill(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn no_event_is_lost_when_the_node_is_killed_over_the_embedded_store() {
    survives_a_kill(Scenario::on_embedded()).await;
}
