//! Calls by a scenario: what goes along, what their reports tell, and that the
//! scenario on Infobip's page fits both.

use http::HeaderMap;
use serde_json::{Value as Json, json};

use super::super::{InfobipProvider, KIND};
use super::*;
use crate::contract::REPORT_KEY;
use crate::kind::Value;
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, NOW_MS, RECEIPT_URL, outcome_words};
use crate::{Callback, Channel, DeliveryReceipt, Provider as _, ReceiptStatus, Receipts};

const SCENARIO: &str = "6298AA7707903A4ED680B436929681AD";

fn made(base_url: Uri, scenarios: &[&str]) -> Result<InfobipProvider, ConnectError> {
    let scenarios = scenarios.iter().map(|text| Arc::from(*text)).collect();
    let values = Values::default()
        .with("base_url", Value::Url(base_url))
        .with("api_key", Value::Secret("key".into()))
        .with("caller", Value::Text("+385123456".into()))
        .with("scenarios", Value::Texts(scenarios));
    transcripts::given(&values, KIND.channels, Receipts::Reference, |given| {
        InfobipProvider::new(given)
    })
}

fn provider(scenarios: &[&str]) -> InfobipProvider {
    made(Uri::from_static("https://xxxxx.api.infobip.com"), scenarios).unwrap()
}

fn call(language: &str) -> Message {
    let mut message = transcripts::message();
    message.channel = Channel::Voice;
    message.speech = Some("Your code is 4, 2, 8.".into());
    message.call = Some(Arc::new(CallTexts {
        language: language.into(),
        greeting: "Acme calls. Press 1.".into(),
        code: "Your code is 4, 2, 8.".into(),
        keys: "1 repeats, 9 reports.".into(),
        farewell: "Goodbye.".into(),
        reported: "Thank you.".into(),
    }));
    message
}

fn sent(message: &Message, scenarios: &[&str]) -> Result<(String, Json), RequestError> {
    let request = provider(scenarios).request(message)?;
    let body = serde_json::from_slice(request.body()).unwrap();
    Ok((request.uri().path().to_owned(), body))
}

#[test]
fn a_call_by_a_scenario_gives_it_all_that_it_says() {
    let en = format!("en={SCENARIO}");
    let (path, body) = sent(&call("en-GB"), &["de=D0", &en]).unwrap();
    assert_eq!(path, "/voice/ivr/1/messages");
    let message = json!({
        "scenarioId": SCENARIO,
        "from": "385123456",
        "destinations": [{ "to": "14155550123", "messageId": "att_07c1e0" }],
        "parameters": {
            "greeting": "Acme calls. Press 1.",
            "code": "Your code is 4, 2, 8.",
            "keys": "1 repeats, 9 reports.",
            "farewell": "Goodbye.",
            "reported": "Thank you.",
        },
        "ringTimeout": 30,
        "callTimeout": 45,
        "validityPeriod": 9,
        "notifyUrl": RECEIPT_URL,
        "notifyContentType": "application/json",
        "notifyContentVersion": 2,
        "callbackData": "att_07c1e0",
    });
    assert_eq!(body, json!({ "messages": [message] }));
}

#[test]
fn a_language_without_a_scenario_is_not_read_by_another_one_s_voice() {
    let refused = sent(&call("fr"), &["de=D0", "en=E0"]);
    assert_eq!(refused, Err(RequestError::Channel));
    let mut long = call("en");
    let mut texts = (**long.call.as_ref().unwrap()).clone();
    texts.code = "4, ".repeat(SAID_CHARACTERS_MAX).into();
    long.call = Some(Arc::new(texts));
    let refused = sent(&long, &["en=E0"]);
    assert_eq!(refused, Err(RequestError::TextTooLong));
    // Without any it is as it always was.
    let (path, body) = sent(&call("fr"), &[]).unwrap();
    assert_eq!(path, "/tts/3/advanced");
    assert_eq!(body["messages"][0]["text"], "Your code is 4, 2, 8.");
}

#[test]
fn a_malformed_scenario_is_named() {
    for text in ["", "en", "en=", "=E0", "en=a b", "en=../x"] {
        let refused = made(Uri::from_static("https://a.example"), &[text]);
        let refused = refused.err().map(|error| error.to_string());
        let is_named = refused.is_some_and(|text| text.starts_with("scenarios: must be"));
        assert!(is_named, "{text}");
    }
}

#[tokio::test]
async fn a_scenario_s_answers_mean_what_a_message_s_do() {
    let status = |group: u8, name: &str| {
        let status = json!({ "groupId": group, "name": name });
        json!({ "messages": [{ "messageId": "att_07c1e0", "status": status }] }).to_string()
    };
    let answers = vec![
        Played::json(200, status(1, "PENDING_ACCEPTED")),
        Played::json(200, status(5, "REJECTED_NOT_ENOUGH_CREDITS")),
        Played::json(
            400,
            r#"{"requestError":{"serviceException":{"messageId":"BAD_REQUEST"}}}"#,
        ),
    ];
    let server = PlayedServer::start(answers).await;
    let provider = Arc::new(made(server.base_url.clone(), &["en=E0"]).unwrap());
    let (outcomes, _) = server.submit_all(provider, call("en"), 3).await;
    let words: Vec<_> = outcomes.iter().map(outcome_words).collect();
    assert_eq!(
        words,
        [
            "submitted as att_07c1e0",
            "refused for this provider, code REJECTED_NOT_ENOUGH_CREDITS",
            "refused for this provider, code BAD_REQUEST",
        ]
    );
}

/// What a report of a call says, and whether the call was reported.
fn told(group: u8, voice_call: &Json) -> (DeliveryReceipt, bool) {
    let body = json!({ "results": [{
        "messageId": "att_07c1e0",
        "status": { "groupId": group, "name": "STATUS" },
        "voiceCall": voice_call,
    }] })
    .to_string();
    let callback = Callback {
        method: &http::Method::POST,
        url: RECEIPT_URL,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        now_ms: NOW_MS,
    };
    let provider = provider(&["en=E0"]);
    let mut receipts = provider.receipts(&callback).unwrap();
    (receipts.remove(0), provider.was_reported(&callback))
}

#[test]
fn a_report_tells_whether_the_code_was_said_and_whether_it_was_asked_for() {
    let collected = |keys: &str| json!({ "ivr": { "collectedDtmfs": keys } });
    let delivered = ReceiptStatus::Delivered;
    let lost = ReceiptStatus::Undelivered;
    for (group, call, status, code, is_reported) in [
        (3, collected(r#"{"start":"1"}"#), delivered, "STATUS", false),
        (
            3,
            collected(r#"{"start":"1","then":"1"}"#),
            delivered,
            "STATUS",
            false,
        ),
        (
            3,
            collected(r#"{"start":"9"}"#),
            delivered,
            "reported",
            true,
        ),
        (
            3,
            collected(r#"{"start":"1","then":"9"}"#),
            delivered,
            "reported",
            true,
        ),
        (3, collected(r#"{"start":9}"#), delivered, "reported", true),
        (3, collected(r#"{"start":""}"#), lost, "no-key", false),
        (3, collected(r#"{"start":"5"}"#), lost, "no-key", false),
        (3, collected(r#"{"start":null}"#), lost, "no-key", false),
        (3, collected("{}"), lost, "no-key", false),
        (
            3,
            json!({ "dtmfCodes": "1", "ivr": {} }),
            delivered,
            "STATUS",
            false,
        ),
        (
            3,
            json!({ "dtmfCodes": "19", "ivr": {} }),
            delivered,
            "reported",
            true,
        ),
        (
            3,
            json!({ "dtmfCodes": null, "ivr": {} }),
            lost,
            "no-key",
            false,
        ),
        (2, collected("{}"), lost, "STATUS", false),
        (1, collected("{}"), ReceiptStatus::Sent, "STATUS", false),
        // No scenario: nothing was waited for.
        (
            3,
            json!({ "dtmfCodes": "9", "ivr": null }),
            delivered,
            "STATUS",
            false,
        ),
        (3, json!(null), delivered, "STATUS", false),
    ] {
        let (receipt, was_reported) = told(group, &call);
        assert_eq!(receipt.status, status, "{group} {call}");
        assert_eq!(receipt.code.unwrap().as_str(), code, "{group} {call}");
        assert_eq!(was_reported, is_reported, "{group} {call}");
    }
}

/// Every text that a scenario says, and every key it decides by.
fn collect(action: &Json, said: &mut Vec<String>, keys: &mut Vec<String>) {
    match action {
        Json::Array(actions) => actions.iter().for_each(|one| collect(one, said, keys)),
        Json::Object(fields) => {
            said.extend(
                fields
                    .get("say")
                    .map(|text| text.as_str().unwrap().to_owned()),
            );
            if let Some(Json::Object(cases)) = fields.get("case") {
                keys.extend(cases.keys().filter(|key| *key != "__default").cloned());
            }
            fields.values().for_each(|one| collect(one, said, keys));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn the_scenario_on_the_page_says_what_is_sent_after_the_keys_that_are_read() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers/infobip.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (scenario, _) = rest.split_once("```").unwrap();
    let scenario: Json = serde_json::from_str(scenario).unwrap();
    let (mut said, mut keys) = (Vec::new(), Vec::new());
    collect(&scenario["script"], &mut said, &mut keys);

    let (_, body) = sent(&call("en"), &["en=E0"]).unwrap();
    for name in body["messages"][0]["parameters"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(said.contains(&format!("${{{name}}}")), "{name} is not said");
    }
    let code = said.iter().filter(|text| *text == "${code}");
    assert!(code.count() > crate::contract::CODE_REPETITIONS);
    // The first thing said is the greeting, and the code follows a key.
    assert_eq!(scenario["script"][0]["say"], "${greeting}");
    assert_eq!(scenario["script"][1]["options"]["sendToReports"], "ALWAYS");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys, ["1".to_owned(), REPORT_KEY.to_string()]);
}
