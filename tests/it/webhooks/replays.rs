//! An operator has a tenant told again, over the listener and by the command.

use std::fs;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{SOON, prepare};
use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::GatewayConfig;
use crate::support::process::eventually;
use crate::support::scenario::Scenario;
use crate::support::sink::{Sink, Told};
use crate::support::{hex, numbers, random_bytes};

const PATH: &str = "/v1/admin/webhooks/replay";

/// A tenant whose endpoint is told one kind of event and tried twice, and an
/// operator.
struct Story {
    scenario: Scenario,
    sink: Sink,
    _hook: FakeProvider,
    client: Client,
    operator: Client,
    key: String,
}

impl Story {
    async fn begin(mut scenario: Scenario) -> Self {
        let sink = Sink::start().await;
        let more = "events = [\"verification.canceled\"]";
        let (hook, mut config) = prepare(&mut scenario, &sink, more).await;
        config.set("webhooks", "retry_waits_s", "[1]");
        let key = operator(&mut config);
        let gateway = scenario.started("one", &config).await;
        scenario.secrets().add_text("an API key", &key);
        let client = scenario.client(&gateway);
        Self {
            operator: client.with_key(&key),
            scenario,
            sink,
            _hook: hook,
            client,
            key,
        }
    }

    /// Cancels a verification; the event as it was told first.
    async fn cancel(&self) -> Told {
        let before = self.sink.told().len();
        let started = self.client.start(&numbers::us_number()).await;
        self.client
            .cancel(&started.expect(201).id())
            .await
            .expect(200);
        self.told(before + 1).await
    }

    /// The event that was told as this one, counted from 1.
    async fn told(&self, count: usize) -> Told {
        let has_come = self.sink.has_been_told(|told| told.len() >= count, SOON);
        assert!(has_come.await, "{:?}", self.sink.told());
        self.sink.told().swap_remove(count - 1)
    }

    /// Asks for a replay until so many events are told again: while somebody is
    /// at work on a record, it is left alone.
    async fn replay(&self, what: &Value, count: usize) {
        let expected = json!({ "events": count, "busy": 0, "more": false });
        let is_done = async || self.operator.post(PATH, what).await.json() == expected;
        assert!(eventually(SOON, is_done).await, "never {count} of {what}");
    }
}

/// Adds an operator, whose key this is.
fn operator(config: &mut GatewayConfig) -> String {
    let key = format!("wk_{}", hex(&random_bytes::<24>()));
    let sha256 = hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    config.entry(&format!(
        "[[operators]]\nname = \"ada\"\nkeys = [{{ id = \"o1\", sha256 = \"{sha256}\" }}]\n"
    ));
    key
}

fn of_all_time() -> Value {
    json!({ "tenant": "acme", "from": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" })
}

async fn is_told_again(scenario: Scenario) {
    let story = Story::begin(scenario).await;
    story.sink.answer_with(503);
    let first = story.cancel().await;
    story.told(2).await;
    story.sink.answer_with(204);
    let well = story.cancel().await;
    assert_eq!(well.status, 204);

    // What was given up is due again; what was told is not.
    story.replay(&of_all_time(), 1).await;
    let again = story.told(4).await;
    assert_eq!(again.status, 204);
    assert_eq!(
        (&again.webhook_id, &again.body),
        (&first.webhook_id, &first.body)
    );
    story.replay(&of_all_time(), 0).await;

    // Told or not, an event can be named.
    let named = json!({ "tenant": "acme", "event_id": well.webhook_id, "endpoint": "main" });
    story.replay(&named, 1).await;
    assert_eq!(story.told(5).await.body, well.body);
    let mut all = of_all_time();
    all["with_told"] = json!(true);
    story.replay(&all, 2).await;
    story.told(7).await;
    story.scenario.finish().await;
}

#[tokio::test]
async fn an_operator_has_events_told_again_over_redis() {
    is_told_again(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn an_operator_has_events_told_again_over_the_embedded_store() {
    is_told_again(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn a_replay_takes_an_operator_and_something_that_is_kept() {
    let story = Story::begin(Scenario::on_embedded()).await;
    let told = story.cancel().await;
    let named = |tenant: &str, id: &str| json!({ "tenant": tenant, "event_id": id });
    let own = named("acme", &told.webhook_id);
    // A tenant's key is no operator's.
    story.client.post(PATH, &own).await.expect(401);
    for (body, status) in [
        (named("acme", "evt_none"), 404),
        // Whose it is not, and who does not exist.
        (named("other", &told.webhook_id), 404),
        (named("nobody", &told.webhook_id), 404),
        (
            json!({ "tenant": "acme", "from": "2026-11-20T00:00:00Z" }),
            422,
        ),
        (
            json!({ "tenant": "acme", "from": "yesterday", "until": "today" }),
            422,
        ),
        (json!({ "tenant": "acme", "event": told.webhook_id }), 422),
    ] {
        story.operator.post(PATH, &body).await.expect(status);
    }
    assert_eq!(story.sink.told().len(), 1);
    story.scenario.finish().await;
}

#[tokio::test]
async fn the_command_has_an_event_told_again() {
    let story = Story::begin(Scenario::on_embedded()).await;
    let told = story.cancel().await;
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("operator-key");
    fs::write(&key_file, &story.key).unwrap();
    let is_done = async || {
        let run = Command::new(env!("CARGO_BIN_EXE_watchword"))
            .args(["webhooks", "replay", "--tenant", "acme", "--with-told"])
            .args(["--from", "2000-01-01T00:00:00Z"])
            .args(["--until", "2100-01-01T00:00:00Z"])
            .args(["--url", story.operator.base(), "--key-file"])
            .arg(&key_file)
            .output();
        let run = run.await.expect("the binary was built with this test");
        assert!(run.status.success(), "{run:?}");
        run.stdout == b"1 event is told again\n"
    };
    assert!(eventually(SOON, is_done).await);
    assert_eq!(story.told(2).await.body, told.body);
    story.scenario.finish().await;
}
