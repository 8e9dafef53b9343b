//! Calls over Infobip, which asks nothing while they last: their texts go along,
//! and the keys that were pressed are told at the end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::fake_infobip::FakeInfobip;
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// A call that Infobip has been asked to make.
struct Call {
    scenario: Scenario,
    gateway: Gateway,
    client: Client,
    id: String,
    call: Value,
    code: String,
    _infobip: FakeInfobip,
}

impl Call {
    async fn begin() -> Self {
        let mut scenario = Scenario::on_embedded();
        let infobip = FakeInfobip::start(Duration::ZERO).await;
        let mut config = scenario.config_without_providers();
        config.entry(&format!(
            r#"[[providers]]
id = "infobip"
kind = "infobip"
channels = ["voice"]
base_url = "{}"
api_key = "key of nobody"
caller = "+14155550100"
scenarios = ["en=6298AA7707903A4ED680B436929681AD"]

[[routes]]
channel = "voice"
hops = ["infobip"]
"#,
            infobip.base_url(),
        ));
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        let number = numbers::us_number();
        let body = json!({ "to": number, "channel": "voice" });
        let id = client.start_with(&body).await.expect(201).id();
        let call = infobip.message(0, ARRIVES_WITHIN).await;
        let call = call.expect("Infobip is asked for a call");
        let said = call["parameters"]["code"].as_str().unwrap_or_default();
        let code: String = said.chars().filter(char::is_ascii_digit).collect();
        scenario.secrets().add_number(&number);
        scenario.secrets().add_code(&code);
        Self {
            scenario,
            gateway,
            client,
            id,
            call,
            code,
            _infobip: infobip,
        }
    }

    async fn ends_with(&self, collected: Value) {
        let reported = FakeInfobip::report_call(&self.call, &collected).await;
        reported.expect(204);
    }

    /// Waits for the statuses of the verification and of its delivery.
    async fn becomes(&self, verification: &str, delivery: &str) {
        let in_time = eventually(ARRIVES_WITHIN, async || {
            let seen = self.client.verification(&self.id).await.expect(200).json();
            seen["status"] == verification && seen["deliveries"][0]["status"] == delivery
        });
        assert!(in_time.await, "it is never {verification}, {delivery}");
    }

    async fn reports(&self) -> f64 {
        let counted = self.gateway.metric("watchword_calls_reported_total", &[]);
        counted.await
    }
}

#[tokio::test]
async fn a_call_that_nobody_asked_for_is_reported_by_its_key_and_canceled() {
    let call = Call::begin().await;
    assert_eq!(call.call["scenarioId"], "6298AA7707903A4ED680B436929681AD");
    assert_eq!(call.code.len(), 10);
    call.ends_with(json!({ "start": "1", "then": "9" })).await;
    call.becomes("canceled", "delivered").await;
    assert_eq!(call.reports().await, 1.0);
    let refused = call.client.check(&call.id, &call.code).await.expect(410);
    assert_eq!(refused.code(), "canceled");
    call.scenario.finish().await;
}

#[tokio::test]
async fn a_call_is_delivered_by_the_key_that_says_the_code_and_by_no_silence() {
    let call = Call::begin().await;
    call.ends_with(json!({ "start": "1", "then": "" })).await;
    call.becomes("pending", "delivered").await;
    assert_eq!(call.reports().await, 0.0);
    call.client.check(&call.id, &call.code).await.expect(200);
    call.scenario.finish().await;

    let call = Call::begin().await;
    call.ends_with(json!({ "start": "" })).await;
    call.becomes("pending", "undelivered").await;
    assert_eq!(call.reports().await, 0.0);
    call.scenario.finish().await;
}
