//! Bird's call flows, and its answers over a real connection.

use http::HeaderMap;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, outcome_words};

fn provider(base_url: Uri) -> BirdVoiceProvider {
    let values = Values::default()
        .with("access_key", Value::Secret("key".into()))
        .with("caller", Value::Text("+15017122661".into()))
        .with("base_url", Value::Url(base_url));
    transcripts::given(&values, KIND.channels, Receipts::None, |given| {
        BirdVoiceProvider::new(given).unwrap()
    })
}

fn call(texts: Option<CallTexts>) -> Message {
    let mut message = transcripts::message();
    message.channel = Channel::Voice;
    message.speech = Some("Your code is 4, 2, 8.".into());
    message.call = texts.map(Arc::new);
    message
}

fn texts() -> CallTexts {
    CallTexts {
        language: "de".into(),
        greeting: "Acme ruft an. Drücken Sie eine Taste.".into(),
        code: "Ihr Code ist 4, 2, 8.".into(),
        keys: "1 wiederholt, 9 meldet.".into(),
        farewell: "Auf Wiederhören.".into(),
        reported: "Danke.".into(),
    }
}

fn steps_of(message: &Message) -> serde_json::Value {
    let provider = provider(Uri::from_static(BASE_URL));
    let request = provider.request(message).unwrap();
    assert_eq!(request.uri(), "https://voice.messagebird.com/calls");
    let mut sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["source"], "15017122661");
    assert_eq!(sent["destination"], "14155550123");
    sent["callFlow"]["steps"].take()
}

#[test]
fn no_key_no_code_and_another_key_says_it_again_once() {
    let steps = steps_of(&call(Some(texts())));
    let steps = steps.as_array().unwrap();
    let words: Vec<_> = steps
        .iter()
        .map(|step| {
            let said = step["options"]["payload"].as_str();
            let action = step["action"].as_str().unwrap();
            let goto = step["onKeypressGoto"].as_str();
            let id = step["id"].as_str().map(|id| format!("{id}: "));
            let goto = goto.map(|goto| format!(" -> {goto}"));
            let (id, goto) = (id.unwrap_or_default(), goto.unwrap_or_default());
            format!("{id}{}{goto}", said.unwrap_or(action))
        })
        .collect();
    assert_eq!(
        words,
        [
            "Acme ruft an. Drücken Sie eine Taste. -> code",
            "pause -> code",
            "Auf Wiederhören.",
            "hangup",
            "code: Ihr Code ist 4, 2, 8. -> again",
            "pause -> again",
            "Ihr Code ist 4, 2, 8. -> again",
            "pause -> again",
            "Ihr Code ist 4, 2, 8. -> again",
            "pause -> again",
            "Auf Wiederhören.",
            "hangup",
            "again: Ihr Code ist 4, 2, 8.",
            "pause",
            "Ihr Code ist 4, 2, 8.",
            "pause",
            "Ihr Code ist 4, 2, 8.",
            "pause",
            "Auf Wiederhören.",
            "hangup",
        ]
    );
    assert_eq!(steps[0]["options"]["ifMachine"], "hangup");
    assert_eq!(steps[0]["options"]["language"], "de-DE");
}

#[test]
fn without_sentences_it_is_all_said_at_once() {
    let steps = steps_of(&call(None));
    assert_eq!(steps[0]["options"]["payload"], "Your code is 4, 2, 8.");
    assert_eq!(steps[0]["options"]["ifMachine"], "hangup");
    assert_eq!(steps[1]["action"], "hangup");
}

#[test]
fn a_language_without_a_voice_is_left_to_others() {
    let provider = provider(Uri::from_static(BASE_URL));
    let mut message = call(None);
    message.locale = "sw".into();
    let refused = provider.request(&message).err();
    assert_eq!(refused, Some(RequestError::Malformed));
    message.channel = Channel::Sms;
    let refused = provider.request(&message).err();
    assert_eq!(refused, Some(RequestError::Channel));
    message = call(None);
    message.speech = Some("x".repeat(TEXT_CHARACTERS_MAX + 1).into());
    let refused = provider.request(&message).err();
    assert_eq!(refused, Some(RequestError::TextTooLong));
}

#[tokio::test]
async fn every_documented_answer_is_understood_over_a_connection() {
    let made = r#"{"data":[{"id":"f1aa71c0-8f2a-4fe8-b5ef-9a330454ef58","status":"queued"}]}"#;
    let error = |code: u8| format!(r#"{{"errors":[{{"code":{code},"message":"text"}}]}}"#);
    let rows = [
        (
            201,
            made.to_owned(),
            "submitted as f1aa71c0-8f2a-4fe8-b5ef-9a330454ef58",
        ),
        (401, error(2), "credentials refused, code 2"),
        (422, error(10), "refused for this provider, code 10"),
        (402, error(25), "refused for this provider, code 25"),
        (404, error(20), "refused for this provider, code 20"),
        (400, error(13), "refused for this provider, code 13"),
        (429, String::new(), "throttled"),
        (500, error(99), "unknown, code 99"),
        (503, String::new(), "refused for now"),
        (200, r#"{"data":[]}"#.to_owned(), "unknown"),
    ];
    let answers = rows
        .iter()
        .map(|(status, body, _)| Played::json(*status, body.as_str()));
    let server = PlayedServer::start(answers.collect()).await;
    let provider = Arc::new(provider(server.base_url.clone()));
    let message = call(Some(texts()));
    let (outcomes, _) = server.submit_all(provider, message, rows.len()).await;
    for ((_, _, expected), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *expected);
    }
}

#[test]
fn no_callback_is_expected() {
    let headers = HeaderMap::new();
    let receipts = provider(Uri::from_static(BASE_URL)).receipts(&Callback {
        method: &http::Method::POST,
        url: "https://otp.example.com/",
        headers: &headers,
        body: b"{}",
        now_ms: transcripts::NOW_MS,
    });
    assert_eq!(receipts, Err(ReceiptError::NotExpected));
}
