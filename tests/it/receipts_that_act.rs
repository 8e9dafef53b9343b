//! What receipts set going, what their absence does, and what it may cost.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::fake_infobip::FakeInfobip;
use crate::support::fake_provider::Submission;
use crate::support::fake_twilio::FakeTwilio;
use crate::support::gateway_config::{GatewayConfig, ProviderEntry};
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::receipts::Receipt;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::sink::{Sink, Told};

/// The shortest deadline there is, a sweep, and a busy machine.
const SILENCE_IS_NOTICED: Duration = Duration::from_secs(25);

/// Channel and status of each delivery, and of each of its attempts the provider
/// and what was reported.
fn story(verification: &Value) -> Value {
    let attempts = |delivery: &Value| -> Vec<Value> {
        let attempts = delivery["attempts"].as_array().into_iter().flatten();
        attempts
            .map(|attempt| json!([attempt["provider"], attempt["receipt"]["status"]]))
            .collect()
    };
    let deliveries = verification["deliveries"].as_array().into_iter().flatten();
    deliveries
        .map(|delivery| json!([delivery["channel"], delivery["status"], attempts(delivery)]))
        .collect()
}

async fn comes_to(client: &Client, id: &str, expected: &Value) {
    let seen = async || client.verification(id).await.expect(200).json();
    let in_time = eventually(ARRIVES_WITHIN, async || story(&seen().await) == *expected);
    let in_time = in_time.await;
    let seen = seen().await;
    assert!(in_time, "it never came to {expected}: {seen}");
}

/// Gives the tenant a webhook at the sink.
fn tells(config: &mut GatewayConfig, sink: &Sink) {
    config.set("webhooks", "allow_http", "true");
    config.set("webhooks", "allow_networks", r#"["127.0.0.0/8"]"#);
    config.set("webhooks", "ports", &format!(r#"["{}"]"#, sink.port()));
    config.webhook(&sink.tenant_entry(""));
}

/// How the SMS, the call and the verification ended, each told once.
fn all_ends(told: &[Told]) -> bool {
    let ends = [
        "delivery.undelivered",
        "delivery.delivered",
        "verification.approved",
    ];
    ends.iter()
        .all(|end| told.iter().filter(|one| one.kind() == *end).count() == 1)
}

#[tokio::test]
async fn a_lost_sms_goes_over_another_provider_then_a_call_and_is_approved() {
    let mut scenario = Scenario::on_embedded();
    let mut config = scenario.config_without_providers();
    config.set("server", "allow_sandbox", "true");
    let sink = Sink::start().await;
    tells(&mut config, &sink);
    config.entry(
        r#"[[providers]]
id = "sandbox-a"
kind = "sandbox"
channels = ["sms"]
undelivered_ratio = 1.0

[[providers]]
id = "sandbox-b"
kind = "sandbox"
channels = ["sms"]
undelivered_ratio = 1.0

[[providers]]
id = "sandbox-voice"
kind = "sandbox"
channels = ["voice"]

[[routes]]
channel = "sms"
hops = ["sandbox-a", "sandbox-b"]

[[routes]]
channel = "voice"
hops = ["sandbox-voice"]
"#,
    );
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    scenario.secrets().add_number(&number);
    let body = json!({ "to": number, "fallback": ["voice"] });
    let id = client.start_with(&body).await.expect(201).id();
    let lost = json!([["sandbox-a", "undelivered"], ["sandbox-b", "undelivered"]]);
    let expected = json!([
        ["sms", "undelivered", lost],
        ["voice", "delivered", [["sandbox-voice", "delivered"]]],
    ]);
    comes_to(&client, &id, &expected).await;
    let path = format!(
        "/v1/sandbox/messages?to=%2B{}",
        number.trim_start_matches('+')
    );
    let inbox = client.get(&path).await.expect(200).json();
    let heard: Vec<&Value> = inbox.as_array().into_iter().flatten().collect();
    let [call] = heard.as_slice() else {
        panic!("the handset received {inbox}, not one call");
    };
    assert_eq!(call["provider"], "sandbox-voice");
    let text = call["text"].as_str().unwrap_or_default();
    let code: String = text.chars().filter(char::is_ascii_digit).take(10).collect();
    scenario.secrets().add_code(&code);
    client.check(&id, &code).await.expect(200);
    let seen = client.verification(&id).await.expect(200).json();
    assert_eq!(
        (&seen["status"], story(&seen)),
        (&json!("approved"), expected)
    );
    assert!(
        sink.has_been_told(all_ends, ARRIVES_WITHIN).await,
        "{:?}",
        sink.told()
    );
    scenario.finish().await;
}

#[tokio::test]
async fn a_phone_that_nobody_takes_up_rings_twice_and_then_a_text_comes() {
    let mut scenario = Scenario::on_embedded();
    let mut config = scenario.config_without_providers();
    config.set("server", "allow_sandbox", "true");
    for voice in ["voice-a", "voice-b", "voice-c"] {
        config.entry(&format!(
            "[[providers]]\nid = \"{voice}\"\nkind = \"sandbox\"\nchannels = [\"voice\"]\n\
             answered_by = \"nobody\"\n"
        ));
    }
    config.entry(
        r#"[[providers]]
id = "text"
kind = "sandbox"
channels = ["sms"]

[[routes]]
channel = "voice"
hops = ["voice-a", "voice-b", "voice-c"]

[[routes]]
channel = "sms"
hops = ["text"]
"#,
    );
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    scenario.secrets().add_number(&number);
    let body = json!({ "to": number, "channel": "voice", "fallback": ["sms"] });
    let id = client.start_with(&body).await.expect(201).id();
    let calls = json!([["voice-a", "undelivered"], ["voice-b", "undelivered"]]);
    let expected = json!([
        ["voice", "undelivered", calls],
        ["sms", "delivered", [["text", "delivered"]]],
    ]);
    comes_to(&client, &id, &expected).await;
    scenario.finish().await;
}

/// A first provider that reports, never by itself, and a second that does not.
async fn two_hops(
    scenario: &mut Scenario,
) -> (
    GatewayConfig,
    [crate::support::fake_provider::FakeProvider; 2],
) {
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let mut config = scenario.config_without_providers();
    let reports = ProviderEntry::new(&first).with_receipts();
    config.provider(reports.line("receipt_deadline_s = 5"));
    config.provider(ProviderEntry::new(&second));
    config.set("dispatch", "sweep_interval_ms", "200");
    (config, [first, second])
}

async fn silences(gateway: &Gateway, decided: &str) -> f64 {
    let name = "watchword_silences_total";
    gateway.metric(name, &["hook-a", decided]).await
}

async fn reported_missing(gateway: &Gateway) -> bool {
    let readiness = gateway.readiness_document().await;
    readiness["receipts_missing"] == json!(["hook-a"])
}

#[tokio::test]
async fn when_every_receipt_is_lost_an_alarm_is_raised_and_a_tenth_is_sent_again() {
    const SENDS: usize = 200;
    let mut scenario = Scenario::on_redis().await;
    let (config, [first, second]) = two_hops(&mut scenario).await;
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let starts = (0..SENDS).map(async |_| client.start(&numbers::us_number()).await.expect(201));
    join_all(starts).await;
    assert!(first.has_count(SENDS, ARRIVES_WITHIN).await);
    let noticed = eventually(SILENCE_IS_NOTICED, async || {
        (silences(&gateway, "").await - 200.0).abs() < 0.5
    });
    assert!(noticed.await, "{} silences", silences(&gateway, "").await);
    let again = second.count();
    assert!((1..=SENDS / 10).contains(&again), "{again} were sent again");
    assert_eq!((first.count(), second.duplicates()), (SENDS, 0));
    assert!(silences(&gateway, "suspended").await > 100.0);
    let alarms = gateway.metric("watchword_alarms_total", &["receipts_missing"]);
    assert!((alarms.await - 1.0).abs() < 0.5, "one alarm, and only one");
    assert!(reported_missing(&gateway).await);
    assert_eq!(
        gateway.readiness().await,
        Some(200),
        "it serves all the same"
    );

    // The receipts come after all: half of them are enough to go on.
    let late: Vec<Submission> = first.submissions();
    for message in &late {
        let receipt = Receipt::of(&first, message, "delivered");
        receipt.post().await.expect(204);
    }
    assert!(!reported_missing(&gateway).await, "it recovers by itself");
    let suspended = gateway.metric("watchword_silence_suspended", &["hook-a"]);
    assert!(suspended.await < 0.5);
    scenario.finish().await;
}

#[tokio::test]
async fn silence_sends_one_message_over_the_next_provider() {
    let mut scenario = Scenario::on_embedded();
    let (config, [_, second]) = two_hops(&mut scenario).await;
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    second.submission_to(&number, SILENCE_IS_NOTICED).await;
    let expected = json!([["sms", "submitted", [["hook-a", null], ["hook-b", null]]]]);
    comes_to(&client, &id, &expected).await;
    scenario.finish().await;
}

#[tokio::test]
async fn silence_from_a_region_without_true_receipts_is_not_waited_for() {
    let mut scenario = Scenario::on_embedded();
    let first = scenario.provider("hook-a").await;
    let mut config = scenario.config_without_providers();
    let entry = ProviderEntry::new(&first).with_receipts();
    config.provider(entry.line(r#"receipts_unreliable = ["GB"]"#));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    for (number, due) in [
        (numbers::gb_number(), Value::Null),
        (numbers::us_number(), json!("receipt_deadline")),
    ] {
        let id = client.start(&number).await.expect(201).id();
        comes_to(
            &client,
            &id,
            &json!([["sms", "submitted", [["hook-a", null]]]]),
        )
        .await;
        let seen = client.verification(&id).await.expect(200).json();
        assert_eq!(seen["deliveries"][0]["due"], due);
    }
    scenario.finish().await;
}

/// From the last attempt's beginning to the moment it is looked at again, in s.
fn deadline_s(verification: &Value) -> i64 {
    let delivery = &verification["deliveries"][0];
    let at = |time: &Value| -> jiff::Timestamp {
        let time = time.as_str().expect("a time");
        time.parse().expect("RFC 3339")
    };
    let begun = at(&delivery["attempts"][0]["started_at"]);
    at(&delivery["due_at"]).as_second() - begun.as_second()
}

#[tokio::test]
async fn how_long_to_wait_is_learned_from_the_receipts_of_a_destination() {
    let mut scenario = Scenario::on_embedded();
    let first = scenario.provider("hook-a").await;
    let mut config = scenario.config_without_providers();
    let entry = ProviderEntry::new(&first).with_receipts();
    config.provider(entry.line("receipt_deadline_min_s = 20"));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let deadline_to = async |number: String| {
        let id = client.start(&number).await.expect(201).id();
        let submitted = json!([["sms", "submitted", [["hook-a", null]]]]);
        comes_to(&client, &id, &submitted).await;
        deadline_s(&client.verification(&id).await.expect(200).json())
    };
    for _ in 0..50 {
        let number = numbers::us_number();
        client.start(&number).await.expect(201);
        let message = first.submission_to(&number, ARRIVES_WITHIN).await;
        let receipt = Receipt::of(&first, &message, "delivered");
        receipt.post().await.expect(204);
    }
    let learned = deadline_to(numbers::us_number()).await;
    assert!(
        (20..=22).contains(&learned),
        "{learned} s, not the shortest"
    );
    let configured = deadline_to(numbers::gb_number()).await;
    assert!((60..=62).contains(&configured), "{configured} s elsewhere");
    scenario.finish().await;
}

/// Infobip signs nothing; it answers after so long.
async fn over_infobip(trust: bool, answers_after: Duration) -> Value {
    let mut scenario = Scenario::on_embedded();
    let second = scenario.provider("hook-b").await;
    let infobip = FakeInfobip::start(answers_after).await;
    let mut config = scenario.config_without_providers();
    let more = ProviderEntry::new(&second);
    config.entry(&format!(
        r#"[[providers]]
id = "infobip"
kind = "infobip"
channels = ["sms"]
base_url = "{}"
api_key = "key of nobody"
sender = "+14155550100"
trust_unsigned_receipts = {trust}

{}
[[routes]]
channel = "sms"
hops = ["infobip", "hook-b"]
"#,
        infobip.base_url(),
        more.toml(),
    ));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::gb_number();
    scenario.secrets().add_number(&number);
    let id = client.start(&number).await.expect(201).id();
    let message = infobip.message(0, ARRIVES_WITHIN).await;
    let message = message.expect("Infobip gets the message");
    let text = message["content"]["text"].as_str().unwrap_or_default();
    let code: String = text.chars().filter(char::is_ascii_digit).take(10).collect();
    scenario.secrets().add_code(&code);
    FakeInfobip::report_lost(&message).await.expect(204);
    let is_decided = eventually(ARRIVES_WITHIN, async || {
        let seen = client.verification(&id).await.expect(200).json();
        seen["deliveries"][0]["status"] == "undelivered" || second.count() > 0
    });
    assert!(is_decided.await, "nothing came of the receipt");
    client.check(&id, &code).await.expect(200);
    let seen = client.verification(&id).await.expect(200).json();
    assert_eq!(second.count(), usize::from(trust));
    scenario.finish().await;
    story(&seen)
}

#[tokio::test]
async fn an_unsigned_receipt_is_shown_and_sends_nothing() {
    let shown = json!([["sms", "undelivered", [["infobip", "undelivered"]]]]);
    // Also when it comes before the submit answer.
    for answers_after in [Duration::ZERO, Duration::from_secs(1)] {
        assert_eq!(over_infobip(false, answers_after).await, shown);
    }
}

#[tokio::test]
async fn an_unsigned_receipt_acts_if_the_operator_trusts_it() {
    for answers_after in [Duration::ZERO, Duration::from_secs(1)] {
        let seen = over_infobip(true, answers_after).await;
        assert_eq!(seen[0][2][1][0], "hook-b", "{seen}");
    }
}

#[tokio::test]
async fn a_provider_is_told_once_that_a_code_was_used() {
    let mut scenario = Scenario::on_embedded();
    let twilio = FakeTwilio::start().await;
    let mut config = scenario.config_without_providers();
    config.entry(&twilio.entry("sms", "sender = \"+14155550100\"\nfeedback = true"));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let message = twilio.first_message(ARRIVES_WITHIN).await;
    let message = message.expect("Twilio gets the message");
    let code = message.form["Body"].get(..10).unwrap_or_default();
    scenario.secrets().add_number(&number);
    scenario.secrets().add_code(code);
    scenario.secrets().add_text("a token", &twilio.auth_token);
    comes_to(
        &client,
        &id,
        &json!([["sms", "submitted", [["twilio-sms", null]]]]),
    )
    .await;
    client.check(&id, code).await.expect(200);
    // What the tenant says afterwards is known already.
    let outcome = json!({ "outcome": "used" });
    let path = format!("/v1/verifications/{id}/outcome");
    client.post(&path, &outcome).await.expect(200);
    let told = twilio.request(1, ARRIVES_WITHIN).await;
    let told = told.expect("Twilio is told");
    let expected = format!("/Messages/{}/Feedback.json", message.sid);
    assert!(told.path.ends_with(&expected), "{}", told.path);
    assert_eq!(told.form["Outcome"], "confirmed");
    let taken = eventually(ARRIVES_WITHIN, async || {
        let name = "watchword_feedback_total";
        (gateway.metric(name, &["taken"]).await - 1.0).abs() < 0.5
    });
    assert!(taken.await, "it is counted");
    assert!(
        twilio
            .request(2, Duration::from_millis(500))
            .await
            .is_none()
    );
    scenario.finish().await;
}
