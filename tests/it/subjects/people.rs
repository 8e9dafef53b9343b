//! A real gateway, an identity service that hears its webhooks, and the phones
//! of its people.

use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::fake_provider::{FakeProvider, Submission};
use crate::support::gateway_config::GatewayConfig;
use crate::support::gateway_process::Gateway;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::sink::{Sink, Told};
use crate::support::{hex, random_bytes};

/// Who asks about people, and what reaches them.
pub(super) struct People {
    pub(super) scenario: Scenario,
    pub(super) config: GatewayConfig,
    pub(super) gateway: Gateway,
    pub(super) client: Client,
    /// An operator's.
    pub(super) ada: Client,
    pub(super) carrier: FakeProvider,
    pub(super) sink: Sink,
}

impl People {
    pub(super) async fn begin(scenario: Scenario) -> Self {
        Self::begin_with(scenario, |_| {}).await
    }

    /// With these settings beside the usual ones.
    pub(super) async fn begin_with(
        mut scenario: Scenario,
        configure: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let sink = Sink::start().await;
        let carrier = scenario.provider("carrier").await;
        let mut config = scenario.config(&[&carrier]);
        config.set("webhooks", "allow_http", "true");
        config.set("webhooks", "allow_networks", r#"["127.0.0.0/8"]"#);
        config.set("webhooks", "ports", &format!(r#"["{}"]"#, sink.port()));
        config.set(
            "limits",
            "sends_per_subject",
            "[{ count = 1000000, per_s = 1 }]",
        );
        // What a killed gateway was at is taken up after this: the shortest there is,
        // so that it arrives within the time that a story waits.
        config.set("dispatch", "lease_s", "5");
        config.webhook(&sink.tenant_entry(""));
        let ada = format!("op_{}", hex(&random_bytes::<24>()));
        scenario.secrets().add_text("an operator's key", &ada);
        config.entry(&operator_entry("ada", &ada));
        configure(&mut config);
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        Self {
            ada: client.with_key(&ada),
            scenario,
            config,
            gateway,
            client,
            carrier,
            sink,
        }
    }

    /// A subject with one active number; its method.
    pub(super) async fn enrol(&self, subject: &str, number: &str) -> String {
        let path = format!("/v1/subjects/{subject}/methods");
        let body = json!({"phone": number, "evidence": [{"type": "session"}]});
        let added = self.client.post(&path, &body).await.expect(201).json();
        let method = text(&added["method"]["id"]);
        let code = self.message_to(number, 1).await.code;
        let path = format!("{path}/{method}/confirm");
        let confirmed = self.client.post(&path, &json!({"code": code})).await;
        let confirmed = confirmed.expect(200).json();
        assert_eq!(confirmed["method"]["status"], json!("active"));
        method
    }

    /// Asks for another number on strong evidence and types its code back.
    pub(super) async fn change(&self, subject: &str, to: &str) -> Value {
        let path = format!("/v1/subjects/{subject}/number-changes");
        let evidence = json!([{"type": "stronger_factor"}]);
        let body = json!({"to": to, "evidence": evidence});
        let asked = self.client.post(&path, &body).await.expect(201).json();
        let change = text(&asked["number_change"]["id"]);
        let code = self.message_to(to, 1).await.code;
        let path = format!("{path}/{change}/confirm");
        let confirmed = self.client.post(&path, &json!({"code": code})).await;
        confirmed.expect(200).json()["number_change"].clone()
    }

    /// The message with this number, counted from 1, that reached a phone.
    pub(super) async fn message_to(&self, phone: &str, number: usize) -> Submission {
        let arrived = self.carrier.has_count_to(phone, number, ARRIVES_WITHIN);
        assert!(arrived.await, "message {number} did not come");
        self.carrier.submissions_to(phone).swap_remove(number - 1)
    }

    /// Waits for an event of this kind about a subject.
    pub(super) async fn told(&self, subject: &str, kind: &str, within: Duration) -> Told {
        let is_it = |told: &Told| told.kind() == kind && told.body["data"]["subject"] == subject;
        let in_time = self
            .sink
            .has_been_told(|told| told.iter().any(is_it), within);
        let in_time = in_time.await;
        let all = self.sink.told();
        let found = all.iter().rev().find(|told| is_it(told)).cloned();
        assert!(in_time, "{kind} was not told within {within:?}: {all:?}");
        found.expect("it was just seen")
    }

    /// A verification, answered once the message was submitted.
    pub(super) async fn start_and_wait(&self, body: &Value) -> Answer {
        let request = Request::post(format!("{}/v1/verifications", self.client.base()))
            .header("content-type", "application/json")
            .header("prefer", "wait=5")
            .body(Bytes::from(body.to_string()))
            .expect("a well-formed request");
        self.client.send(request).await
    }

    pub(super) async fn end(self) {
        self.scenario.finish().await;
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What stands behind words in a notice: a token, with its dash.
pub(super) fn token(notice: &Submission, behind: &str) -> String {
    const LENGTH: usize = 9;
    let (_, rest) = notice
        .text
        .split_once(behind)
        .expect("a notice of a change");
    rest.chars().take(LENGTH).collect()
}

fn operator_entry(name: &str, key: &str) -> String {
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    format!(
        "[[operators]]\nname = \"{name}\"\nkeys = [{{ id = \"{name}-1\", sha256 = \"{}\" }}]\n",
        hex(digest.as_ref())
    )
}
