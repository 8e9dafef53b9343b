//! What calls have to tell: a person who did not ask for the code, and a call
//! that nobody took.

use std::collections::BTreeMap;

use serde_json::json;

use super::{SOON, of_kind, tell};
use crate::support::client::{Answer, Client};
use crate::support::fake_twilio::{FakeTwilio, TwilioMessage};
use crate::support::numbers;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::sink::Sink;

const CALL_ID: &str = "CA00112233445566778899aabbccddeeff";

/// A call to a number of the tenant's, who is told what becomes of it.
struct Call {
    scenario: Scenario,
    sink: Sink,
    twilio: FakeTwilio,
    message: TwilioMessage,
    client: Client,
    id: String,
}

impl Call {
    async fn begin(mut scenario: Scenario) -> Self {
        let sink = Sink::start().await;
        let twilio = FakeTwilio::start().await;
        let mut config = scenario.config_without_providers();
        tell(&mut config, &sink, "");
        config.entry(&twilio.voice_entry("twilio-voice"));
        config.entry("[[routes]]\nchannel = \"voice\"\nhops = [\"twilio-voice\"]\n");
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        let number = numbers::us_number();
        scenario.secrets().add_number(&number);
        let body = json!({ "to": number, "channel": "voice" });
        let id = client.start_with(&body).await.expect(201).id();
        let message = twilio.first_message(ARRIVES_WITHIN).await;
        Self {
            scenario,
            sink,
            twilio,
            message: message.expect("Twilio is asked for a call"),
            client,
            id,
        }
    }

    /// The call asks what to say, with this key pressed or none.
    async fn asks(&self, key: Option<&str>) -> Answer {
        let mut form = BTreeMap::from([("CallSid", CALL_ID), ("CallStatus", "in-progress")]);
        form.extend(key.map(|key| ("Digits", key)));
        let url = self.message.call_url();
        let token = &self.twilio.auth_token;
        self.twilio.post(url, form, token).await.expect(200)
    }

    async fn is_told(&self, kind: &str) {
        let has_come = self
            .sink
            .has_been_told(|told| of_kind(told, kind).count() == 1, SOON);
        assert!(has_come.await, "{kind}: {:?}", self.sink.told());
    }
}

async fn reported(scenario: Scenario) {
    let call = Call::begin(scenario).await;
    call.is_told("delivery.submitted").await;
    call.asks(Some("9")).await;
    call.is_told("verification.reported").await;
    call.is_told("verification.canceled").await;
    let told = call.sink.told();
    let sequence_of = |kind| {
        let event = of_kind(&told, kind).next().expect("it has come");
        assert_eq!(event.body["data"]["verification_id"], json!(call.id));
        event.body["sequence"].as_u64()
    };
    assert!(sequence_of("verification.reported") < sequence_of("verification.canceled"));
    let seen = call.client.verification(&call.id).await.expect(200);
    assert_eq!(seen.text("status"), "canceled");
    // Pressed again, it is the same report.
    call.asks(Some("9")).await;
    call.twilio
        .end_call(&call.message, CALL_ID)
        .await
        .expect(204);
    assert_eq!(
        of_kind(&call.sink.told(), "verification.reported").count(),
        1
    );
    call.scenario.finish().await;
}

#[tokio::test]
async fn a_tenant_is_told_that_a_call_was_reported_over_redis() {
    reported(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn a_tenant_is_told_that_a_call_was_reported_over_the_embedded_store() {
    reported(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn a_tenant_is_told_why_a_call_said_no_code() {
    let call = Call::begin(Scenario::on_embedded()).await;
    call.asks(None).await;
    call.twilio
        .end_call(&call.message, CALL_ID)
        .await
        .expect(204);
    call.is_told("delivery.undelivered").await;
    let told = call.sink.told();
    let lost = of_kind(&told, "delivery.undelivered").next();
    let data = &lost.expect("it has come").body["data"];
    assert_eq!(data["reason"], json!("no-key"));
    assert_eq!(data["provider"], json!("twilio-voice"));
    call.scenario.finish().await;
}
