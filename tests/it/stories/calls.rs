//! Calls that ask for a key: who is told a code, and who is not.

mod extensions;
mod own_texts;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::fake_twilio::{FakeTwilio, TwilioMessage};
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

const CALL_ID: &str = "CA00112233445566778899aabbccddeeff";
const OTHER_CALL_ID: &str = "CAffeeddccbbaa99887766554433221100";

/// A call that Twilio has been asked to make.
struct Call {
    scenario: Scenario,
    twilio: FakeTwilio,
    client: Client,
    /// Where what became of it is asked.
    path: String,
    id: String,
    message: TwilioMessage,
}

impl Call {
    /// To tell a code, over the only provider there is.
    async fn begin() -> Self {
        Self::begin_over(&["twilio-voice"]).await
    }

    /// To tell a code, over the first of these.
    async fn begin_over(providers: &[&str]) -> Self {
        Self::begin_with((providers, ""), "/v1/verifications", json!({})).await
    }

    /// Over the first of these providers, all of which have these settings too.
    async fn begin_with(
        (providers, settings): (&[&str], &str),
        path: &str,
        mut body: Value,
    ) -> Self {
        let mut scenario = Scenario::on_embedded();
        let twilio = FakeTwilio::start().await;
        let mut config = scenario.config_without_providers();
        for provider in providers {
            let entry = twilio.voice_entry(provider);
            config.entry(&format!("{entry}{settings}\n"));
        }
        config.entry(&format!(
            "[[routes]]\nchannel = \"voice\"\nhops = {providers:?}\n"
        ));
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        let number = numbers::us_number();
        scenario.secrets().add_number(&number);
        body["to"] = json!(number);
        body["channel"] = json!("voice");
        let id = client.post(path, &body).await.expect(201).id();
        let message = twilio.first_message(ARRIVES_WITHIN).await;
        let message = message.expect("Twilio is asked for a call");
        Self {
            scenario,
            twilio,
            client,
            path: format!("{path}/{id}"),
            id,
            message,
        }
    }

    /// What the call is told when it asks so.
    async fn asks(&self, call_id: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.twilio.auth_token.clone();
        self.asks_signed_by(&token, call_id, fields).await
    }

    async fn asks_signed_by(&self, token: &str, call_id: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = BTreeMap::from([("CallSid", call_id), ("CallStatus", "in-progress")]);
        form.extend(fields.iter().copied());
        self.twilio.post(self.message.call_url(), form, token).await
    }

    async fn presses(&self, key: &str) -> String {
        said(&self.asks(CALL_ID, &[("Digits", key)]).await.expect(200))
    }

    async fn seen(&self) -> Value {
        self.client.get(&self.path).await.expect(200).json()
    }

    /// Its delivery, which is all there is of a text of the tenant's own.
    async fn delivery(&self) -> Value {
        let seen = self.seen().await;
        seen.get("deliveries")
            .map_or(seen.clone(), |all| all[0].clone())
    }

    async fn delivery_becomes(&self, status: &str) {
        let looks_right = eventually(ARRIVES_WITHIN, async || {
            self.delivery().await["status"] == json!(status)
        });
        assert!(looks_right.await, "it is never {status}");
    }

    /// The provider reports that the call is over.
    async fn is_over(&self) {
        let report = self.twilio.end_call(&self.message, CALL_ID).await;
        report.expect(204);
    }

    /// The call was lost for this reason, its delivery waits for the end of it,
    /// and is undelivered then.
    async fn is_lost_when_over(&self, reason: &str) {
        let waiting = self.delivery().await;
        assert_eq!(waiting["status"], json!("submitted"));
        assert_eq!(waiting["due"], json!("undelivered"));
        self.is_over().await;
        self.delivery_becomes("undelivered").await;
        let receipt = &self.delivery().await["attempts"][0]["receipt"];
        assert_eq!(receipt["status"], json!("undelivered"));
        assert_eq!(receipt["code"], json!(reason));
    }

    async fn end(self) {
        self.scenario.finish().await;
    }
}

fn said(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

/// The code that was said, if one was: its digits stand apart.
fn code_in(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("Your code is: ")?;
    let (code, _) = rest.split_once("</Say>")?;
    Some(code.chars().filter(char::is_ascii_digit).collect())
}

#[tokio::test]
async fn a_call_says_the_code_after_a_key_and_nothing_after_the_approval() {
    let mut call = Call::begin().await;
    assert!(call.message.path.ends_with("/Calls.json"));
    assert_eq!(code_in(&call.message.form["Twiml"]), None);

    let told = call.presses("1").await;
    let code = code_in(&told).expect("the code is said");
    call.scenario.secrets().add_code(&code);
    assert_eq!(told.matches("Your code is: ").count(), 3);
    call.delivery_becomes("delivered").await;
    assert_eq!(code_in(&call.presses("1").await), Some(code.clone()));
    // The end of the call does not take it back.
    call.is_over().await;
    call.delivery_becomes("delivered").await;

    call.client.check(&call.id, &code).await.expect(200);
    let after = call.presses("1").await;
    assert!(after.contains("<Response><Hangup/></Response>"), "{after}");
    call.end().await;
}

#[tokio::test]
async fn nobody_who_presses_no_key_gets_a_code() {
    let call = Call::begin().await;
    let silent = said(&call.asks(CALL_ID, &[]).await.expect(200));
    assert_eq!(code_in(&silent), None);
    assert!(silent.contains("Goodbye."), "{silent}");
    call.is_lost_when_over("no-key").await;
    assert_eq!(call.seen().await["status"], json!("pending"));
    call.end().await;
}

#[tokio::test]
async fn a_machine_gets_no_code() {
    let call = Call::begin().await;
    let machine = [("AnsweredBy", "machine_start"), ("Digits", "1")];
    let heard = said(&call.asks(CALL_ID, &machine).await.expect(200));
    assert!(heard.contains("<Response><Hangup/></Response>"), "{heard}");
    call.is_lost_when_over("machine").await;
    call.end().await;
}

#[tokio::test]
async fn no_second_call_is_made_before_the_first_one_has_ended() {
    let call = Call::begin_over(&["twilio-a", "twilio-b"]).await;
    call.asks(CALL_ID, &[]).await.expect(200);
    // Somebody else's call, asked for later, is the next that Twilio hears of.
    let number = numbers::us_number();
    let body = json!({ "to": number, "channel": "voice" });
    call.client.start_with(&body).await.expect(201);
    let next = call.twilio.request(1, ARRIVES_WITHIN).await;
    assert_eq!(next.expect("it is asked for").form["To"], number);
    let waiting = call.delivery().await;
    assert_eq!(waiting["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(waiting["attempts"][0]["receipt"]["code"], json!("no-key"));

    call.is_over().await;
    let second = call.twilio.request(2, ARRIVES_WITHIN).await;
    let second = second.expect("the number is called again");
    assert_eq!(second.form["To"], call.message.form["To"]);
    // The first call's end, told twice, does not cut the second one's short.
    call.delivery_becomes("submitted").await;
    let form = BTreeMap::from([("CallSid", OTHER_CALL_ID), ("CallStatus", "in-progress")]);
    let token = &call.twilio.auth_token;
    let silent = call.twilio.post(second.call_url(), form, token).await;
    assert_eq!(code_in(&said(&silent.expect(200))), None);
    let due_at = call.delivery().await["due_at"].clone();
    call.is_over().await;
    assert_eq!(call.delivery().await["due_at"], due_at);
    let report = call.twilio.end_call(&second, OTHER_CALL_ID).await;
    report.expect(204);
    call.delivery_becomes("undelivered").await;
    let delivery = call.delivery().await;
    let by = |attempt: usize| delivery["attempts"][attempt]["provider"].clone();
    assert_eq!((by(0), by(1)), (json!("twilio-a"), json!("twilio-b")));
    call.end().await;
}

#[tokio::test]
async fn a_call_that_may_still_be_on_the_line_is_not_taken_for_silent() {
    let soon = "receipt_deadline_s = 5\nreceipt_deadline_min_s = 5";
    let providers: &[&str] = &["twilio-a", "twilio-b"];
    let call = Call::begin_with((providers, soon), "/v1/verifications", json!({})).await;
    // The deadline goes by, and is set again for when the call must be over.
    let waits = eventually(ARRIVES_WITHIN, async || {
        let delivery = call.delivery().await;
        let moment = |text: &Value| text.as_str()?.parse::<Timestamp>().ok();
        let begun_at = moment(&delivery["attempts"][0]["started_at"]);
        let due_at = moment(&delivery["due_at"]);
        begun_at.zip(due_at).is_some_and(|(begun_at, due_at)| {
            due_at.duration_since(begun_at) >= SignedDuration::from_secs(75)
        })
    });
    assert!(waits.await, "{}", call.delivery().await);
    let delivery = call.delivery().await;
    assert_eq!(delivery["status"], json!("submitted"));
    assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(1));
    call.end().await;
}

#[tokio::test]
async fn a_key_pressed_late_is_heard_and_nobody_calls_again() {
    let mut call = Call::begin_over(&["twilio-a", "twilio-b"]).await;
    call.asks(CALL_ID, &[]).await.expect(200);
    let code = code_in(&call.presses("1").await).expect("the code is said");
    call.scenario.secrets().add_code(&code);
    call.is_over().await;
    call.delivery_becomes("delivered").await;
    let delivery = call.delivery().await;
    assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(1));
    call.end().await;
}

#[tokio::test]
async fn the_report_key_cancels_the_verification() {
    let mut call = Call::begin().await;
    let code = code_in(&call.presses("1").await).expect("the code is said");
    call.scenario.secrets().add_code(&code);
    let reported = call.presses("9").await;
    assert!(reported.contains("no longer valid"), "{reported}");
    assert_eq!(call.seen().await["status"], json!("canceled"));
    let checked = call.client.check(&call.id, &code).await.expect(410);
    assert_eq!(checked.code(), "canceled");
    assert_eq!(code_in(&call.presses("1").await), None);
    call.end().await;
}

#[tokio::test]
async fn a_question_that_the_provider_did_not_sign_or_of_a_second_call_is_told_nothing() {
    let mut call = Call::begin().await;
    let key = [("Digits", "1")];
    let forged = call.asks_signed_by("another token", CALL_ID, &key).await;
    assert_eq!(forged.expect(403).code(), "receipt_refused");
    let bare = http::Request::post(call.message.call_url()).body("Digits=1".into());
    let bare = Client::without_key().send(bare.expect("a request")).await;
    assert_eq!(bare.expect(403).code(), "receipt_refused");

    let code = code_in(&call.presses("1").await).expect("the code is said");
    call.scenario.secrets().add_code(&code);
    let other = said(&call.asks(OTHER_CALL_ID, &key).await.expect(200));
    assert_eq!(code_in(&other), None);
    assert!(other.contains("<Response><Hangup/></Response>"), "{other}");
    assert_eq!(code_in(&call.presses("1").await), Some(code));
    call.end().await;
}

#[tokio::test]
async fn a_call_that_asks_on_and_on_is_ended() {
    let mut call = Call::begin().await;
    let mut told = Vec::new();
    for _ in 0..10 {
        told.push(code_in(&call.presses("1").await));
    }
    let code = told[0].clone().expect("the code is said");
    call.scenario.secrets().add_code(&code);
    assert_eq!(told.iter().flatten().count(), 8);
    call.end().await;
}

/// What the simulated handset of this configuration heard of one call.
async fn handset_hears(settings: &str) -> (Scenario, Client, String, String) {
    let mut scenario = Scenario::on_embedded();
    let mut config = scenario.config_without_providers();
    config.entry(&format!(
        "[[providers]]\nid = \"sandbox\"\nkind = \"sandbox\"\nchannels = [\"voice\"]\n{settings}\n\
         [[routes]]\nchannel = \"voice\"\nhops = [\"sandbox\"]\n"
    ));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    scenario.secrets().add_number(&number);
    let body = json!({ "to": number, "channel": "voice" });
    let id = client.start_with(&body).await.expect(201).id();
    let inbox = async || {
        let heard = client.get("/v1/sandbox/messages").await.expect(200).json();
        heard[0]["text"].as_str().map(str::to_owned)
    };
    let came = eventually(ARRIVES_WITHIN, async || inbox().await.is_some()).await;
    assert!(came, "the handset never heard anything");
    let heard = inbox().await.unwrap_or_default();
    (scenario, client, id, heard)
}

#[tokio::test]
async fn a_handset_of_the_sandbox_presses_a_key_and_hears_the_code() {
    let (mut scenario, client, id, heard) = handset_hears("").await;
    let code = heard.get(..10).expect("the text begins with the code");
    scenario.secrets().add_code(code);
    client.check(&id, code).await.expect(200);
    let seen = client.verification(&id).await.expect(200).json();
    assert_eq!(seen["deliveries"][0]["status"], json!("delivered"));
    scenario.finish().await;
}

#[tokio::test]
async fn a_handset_of_the_sandbox_that_presses_no_key_or_reports_hears_no_code() {
    for (settings, status, words) in [
        ("pressed_key = \"none\"", "pending", "Goodbye."),
        ("pressed_key = \"9\"", "canceled", "no longer valid"),
    ] {
        let (scenario, client, id, heard) = handset_hears(settings).await;
        assert!(
            heard.contains(words) && !heard.contains("Your code is"),
            "{heard}"
        );
        let seen = client.verification(&id).await.expect(200).json();
        assert_eq!(seen["status"], json!(status));
        scenario.finish().await;
    }
}
