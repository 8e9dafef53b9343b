//! jambonz' documented answers, by hand and over a real connection, its calls.

use http::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::kind::{Value, Values};
use crate::signature::jambonz_tests::signed;
use crate::transcripts::{self, NOW_MS};
use crate::{CallStep, CallTexts, Extension, MessageId, ReceiptStatus};

const SECRET: &str = "wh_secret";
const CALL_URL: &str = "https://otp.example.com/v1/calls/jambonz/ref_1";

fn values() -> Values {
    Values::default()
        .with(
            "base_url",
            Value::Url(Uri::from_static("https://jambonz.example.com/api")),
        )
        .with("account_sid", Value::Text("acc-1".into()))
        .with("api_key", Value::Secret("key-1".into()))
        .with("webhook_secret", Value::Secrets(vec![SECRET.into()]))
        .with("caller", Value::Text("+15017122661".into()))
}

fn made(values: &Values) -> Arc<dyn Provider> {
    transcripts::given(values, KIND.channels, Receipts::Reference, make).unwrap()
}

fn texts() -> CallTexts {
    CallTexts {
        language: "en-GB".into(),
        greeting: "ACME & Co. Press 1.".into(),
        code: "Your code is 5, 8, 4, 2.".into(),
        keys: "Press 1 to repeat, 9 to report.".into(),
        farewell: "Goodbye.".into(),
        reported: "Thank you.".into(),
    }
}

fn call() -> Message {
    transcripts::call(texts(), CALL_URL)
}

fn verbs(provider: &dyn Provider, turn: &CallTurn<'_>) -> Json {
    let document = provider.call_answer(turn);
    assert_eq!(document.content_type, "application/json");
    serde_json::from_slice(&document.body).unwrap()
}

fn asked(url: &str, event: &Json) -> Result<CallEvent, ReceiptError> {
    let body = event.to_string();
    made(&values()).call_event(&Callback {
        method: &Method::POST,
        url,
        headers: &signed(SECRET, NOW_MS, body.as_bytes()),
        body: body.as_bytes(),
        now_ms: NOW_MS,
    })
}

#[test]
fn the_transcripts_play() {
    transcripts::play("jambonz", &*made(&values()), |secret, body| {
        let secret = if secret.is_empty() { SECRET } else { secret };
        signed(secret, NOW_MS, body)
    });
}

#[tokio::test]
async fn a_call_and_its_answers_go_over_a_real_connection() {
    use crate::rows::{Answer, PlayedServer};
    let rows = [
        (201, r#"{"sid":"c1"}"#, "submitted as c1"),
        (480, "{}", "refused for now, code 480"),
        (429, "{}", "throttled"),
        (401, "{}", "credentials refused, code 401"),
        (400, r#"{"msg":"x"}"#, "refused for this provider, code 400"),
        (503, "", "refused for now, code 503"),
        (500, "", "unknown, code 500"),
        (200, "<html>", "unknown"),
    ];
    let answers = rows.map(|(status, body, _)| Answer::json(status, body));
    let server = PlayedServer::start(answers.into()).await;
    let provider = made(&values().with("base_url", Value::Url(server.base_url.clone())));
    let (outcomes, requests) = server.submit_all(provider, call(), rows.len()).await;
    for ((status, _, words), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(transcripts::outcome_words(outcome), *words, "{status}");
    }
    assert!(requests[0].starts_with("POST /v1/Accounts/acc-1/Calls HTTP/1.1\r\n"));
    assert!(
        !requests[0].contains("5, 8, 4, 2"),
        "the code waits for a key"
    );
}

#[test]
fn a_call_asks_what_to_say_and_listens_for_machines_if_told() {
    let body = |values: &Values| -> Json {
        let request = made(values).request(&call()).unwrap();
        serde_json::from_slice(request.body()).unwrap()
    };
    let plain = body(&values());
    assert_eq!(
        plain["call_hook"],
        json!({"url": CALL_URL, "method": "POST"})
    );
    assert_eq!(plain["timeLimit"], 45);
    assert_eq!(
        (&plain["amd"], &plain["app_json"]),
        (&Json::Null, &Json::Null)
    );
    let listening = values().with("machine_detection", Value::Text("on".into()));
    let receipt_url = transcripts::RECEIPT_URL;
    assert_eq!(body(&listening)["amd"], json!({"actionHook": receipt_url}));
    let nobody = Values::default();
    let made = transcripts::given(&nobody, KIND.channels, Receipts::Reference, make);
    assert!(made.is_err());
}

#[test]
fn an_extension_is_dialled_before_the_greeting_and_before_the_text() {
    let listening = values().with("machine_detection", Value::Text("on".into()));
    let body = |message: &Message| -> Json {
        let request = made(&listening).request(message).unwrap();
        serde_json::from_slice(request.body()).unwrap()
    };
    let verbs =
        |body: &Json| -> Json { serde_json::from_str(body["app_json"].as_str().unwrap()).unwrap() };
    let mut message = call();
    message.extension = Extension::parse("0042");
    let asking = body(&message);
    let dialled = [
        json!({"verb": "pause", "length": 2}),
        json!({"verb": "dtmf", "dtmf": "0042", "duration": 250}),
    ];
    let asked = verbs(&asking);
    assert_eq!(asked.as_array().unwrap()[..2], dialled);
    assert_eq!(asked[2]["verb"], "gather");
    assert_eq!(
        (&asking["call_hook"], &asking["amd"]),
        (&Json::Null, &Json::Null),
        "a switchboard is a machine"
    );
    assert_eq!(asking["timeLimit"], 90);

    message.call_url = None;
    let at_once = verbs(&body(&message));
    assert_eq!(at_once.as_array().unwrap()[..2], dialled);
    assert_eq!(at_once[2]["verb"], "say");
}

#[test]
fn a_call_without_a_caller_is_for_another_provider() {
    let mut provider = values();
    provider.set("caller", Value::Flag(false));
    assert_eq!(
        made(&provider).request(&call()).err(),
        Some(RequestError::SenderMissing)
    );
}

#[test]
fn each_turn_has_its_verbs() {
    let texts = texts();
    let provider = made(&values());
    let call_url = CALL_URL;
    let ask = verbs(
        &*provider,
        &CallTurn::Ask {
            texts: &texts,
            call_url,
            extension: None,
        },
    );
    assert_eq!(ask[0]["verb"], "gather");
    assert_eq!(ask[0]["timeout"], 6);
    assert_eq!(ask[0]["actionHook"], format!("{CALL_URL}?waited=1"));
    assert_eq!(
        ask[0]["say"]["text"],
        "<speak>ACME &amp; Co. Press 1.</speak>"
    );
    assert_eq!(ask[1]["verb"], "hangup");
    let tell = verbs(
        &*provider,
        &CallTurn::Tell {
            texts: &texts,
            call_url,
        },
    );
    let told = tell[0]["say"]["text"].as_str().unwrap();
    assert_eq!(told.matches("5, 8, 4, 2").count(), 3);
    assert_eq!(told.matches("Press 1 to repeat").count(), 1);
    assert_eq!(tell[0]["say"]["synthesizer"]["language"], "en-GB");
    for (turn, words) in [
        (CallTurn::Reported { texts: &texts }, "Thank you."),
        (CallTurn::Farewell { texts: &texts }, "Goodbye."),
    ] {
        let said = verbs(&*provider, &turn);
        assert_eq!(said[0]["text"], format!("<speak>{words}</speak>"));
        assert_eq!(said[1]["verb"], "hangup");
    }
    let ended = verbs(&*provider, &CallTurn::HangUp);
    assert_eq!(ended, json!([{"verb": "hangup"}]));
    let plain = values().with("speech_markup", Value::Text("text".into()));
    let told = verbs(
        &*made(&plain),
        &CallTurn::Tell {
            texts: &texts,
            call_url,
        },
    );
    let told = told[0]["say"]["text"].as_str().unwrap();
    assert!(!told.contains('<'), "{told}");
    assert_eq!(told.matches("5, 8, 4, 2").count(), 3);
}

#[test]
fn questions_of_a_call_are_told_apart() {
    let waited = format!("{CALL_URL}?waited=1");
    let event = |more: Json| {
        let mut event = json!({"call_sid": "c1", "call_status": "in-progress"});
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        event
    };
    for (url, more, step) in [
        (CALL_URL, json!({}), CallStep::Answered),
        (
            &*waited,
            json!({"digits": "1", "reason": "dtmfDetected"}),
            CallStep::Key('1'),
        ),
        (
            &*waited,
            json!({"digits": "", "reason": "timeout"}),
            CallStep::NoKey,
        ),
        (&*waited, json!({"reason": "timeout"}), CallStep::NoKey),
        (
            &*waited,
            json!({"call_status": "completed"}),
            CallStep::Ended {
                status: ReceiptStatus::Delivered,
                code: None,
            },
        ),
    ] {
        let event = asked(url, &event(more)).unwrap();
        assert_eq!(event.step, step, "{url}");
        assert_eq!(Some(event.call_id), MessageId::new("c1"));
    }
    assert_eq!(asked(CALL_URL, &json!({})), Err(ReceiptError::Malformed));
    let forged = made(&values()).call_event(&Callback {
        method: &Method::POST,
        url: CALL_URL,
        headers: &HeaderMap::new(),
        body: br#"{"call_sid":"c1"}"#,
        now_ms: NOW_MS,
    });
    assert_eq!(forged, Err(ReceiptError::Signature));
}

proptest! {
    #[test]
    fn arbitrary_events_never_panic(body in ".{0,80}") {
        let provider = made(&values());
        let headers = signed(SECRET, NOW_MS, body.as_bytes());
        let callback = Callback {
            method: &Method::POST,
            url: CALL_URL,
            headers: &headers,
            body: body.as_bytes(),
            now_ms: NOW_MS,
        };
        _ = provider.receipts(&callback);
        _ = provider.call_event(&callback);
    }
}
