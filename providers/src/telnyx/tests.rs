//! Telnyx's documented answers over a real connection, its calls, its settings.

use http::{HeaderMap, Method};
use proptest::prelude::*;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::signature::telnyx_tests::{account, sign};
use crate::transcripts::{self, NOW_MS, outcome_words, verdict_words};
use crate::{CallStep, CallTexts, Extension, MessageId, ProviderCode};

const CALL_URL: &str = "https://otp.example.com/v1/calls/telnyx/ref_1";

fn values() -> Values {
    let base_url = Uri::from_static("https://api.telnyx.com");
    Values::default()
        .with("api_key", Value::Secret("KEY1".into()))
        .with("public_key", Value::Text(account(7).1.into()))
        .with("sender", Value::Text("ACME".into()))
        .with("account_sid", Value::Text("acc-1".into()))
        .with("texml_application_id", Value::Text("app-1".into()))
        .with("caller", Value::Text("+15017122661".into()))
        .with("base_url", Value::Url(base_url))
}

fn made(values: &Values) -> Result<TelnyxProvider, ConnectError> {
    transcripts::given(
        values,
        KIND.channels,
        Receipts::Reference,
        TelnyxProvider::new,
    )
}

fn provider() -> TelnyxProvider {
    made(&values()).unwrap()
}

fn call_texts() -> Arc<CallTexts> {
    Arc::new(CallTexts {
        language: "pt-BR".into(),
        greeting: "ACME & Cia. Tecle 1.".into(),
        code: "5, 8, 4, 2.".into(),
        keys: "1 repete, 9 denuncia.".into(),
        farewell: "Tchau.".into(),
        reported: "Obrigado.".into(),
    })
}

fn call() -> Message {
    transcripts::call(call_texts(), CALL_URL)
}

fn signed(body: &[u8]) -> HeaderMap {
    sign(&account(7).0, NOW_MS / 1000, body)
}

fn callback<'a>(url: &'a str, headers: &'a HeaderMap, body: &'a [u8]) -> Callback<'a> {
    Callback {
        method: &Method::POST,
        url,
        headers,
        body,
        now_ms: NOW_MS,
    }
}

#[test]
fn the_transcripts_play() {
    transcripts::play("telnyx", &provider(), |secret, body| {
        let seed = if secret.is_empty() { 7 } else { 8 };
        sign(&account(seed).0, NOW_MS / 1000, body)
    });
}

#[tokio::test]
async fn the_transcripts_answers_mean_the_same_over_a_real_connection() {
    transcripts::play_served("telnyx", |base_url| {
        Arc::new(made(&values().with("base_url", Value::Url(base_url))).unwrap())
    })
    .await;
}

#[tokio::test]
async fn every_row_of_the_error_table_is_played_over_a_real_connection() {
    let mut expected = Vec::new();
    let mut answers = Vec::new();
    for (verdict, codes) in SUBMISSION.0 {
        for code in *codes {
            let body = format!(r#"{{"errors":[{{"code":"{code}","title":"what is wrong"}}]}}"#);
            answers.push(Played::json(400, body));
            expected.push((*code, *verdict));
        }
    }
    let count = answers.len();
    assert!(count > 50);
    let server = PlayedServer::start(answers).await;
    let values = values().with("base_url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(made(&values).unwrap());
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, count).await;
    for ((code, verdict), outcome) in expected.into_iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), verdict_words(verdict, code));
    }
    assert!(requests[0].starts_with("POST /v2/messages HTTP/1.1\r\n"));
}

#[tokio::test]
async fn calls_are_made_over_a_real_connection() {
    let answers = vec![
        Played::json(200, r#"{"from":"+1","to":"+2","status":"queued"}"#),
        Played::json(422, r#"{"errors":[{"code":"10015"}]}"#),
        Played::json(401, r#"{"errors":[{"code":"10009"}]}"#),
    ];
    let server = PlayedServer::start(answers).await;
    let values = values().with("base_url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(made(&values).unwrap());
    let (outcomes, requests) = server.submit_all(provider, call(), 3).await;
    let words: Vec<_> = outcomes.iter().map(outcome_words).collect();
    assert_eq!(
        words,
        [
            "submitted",
            "refused for this provider, code 10015",
            "credentials refused, code 10009",
        ]
    );
    let first = "POST /v2/texml/Accounts/acc-1/Calls HTTP/1.1\r\n";
    assert!(requests[0].starts_with(first));
}

#[test]
fn a_call_asks_for_what_to_say() {
    let values = values().with("machine_detection", Value::Text("on".into()));
    let request = made(&values).unwrap().request(&call()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let expected = serde_json::json!({
        "ApplicationSid": "app-1",
        "From": "+15017122661",
        "To": "+14155550123",
        "Url": CALL_URL,
        "UrlMethod": "POST",
        "StatusCallback": CALL_URL,
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": "completed",
        "MachineDetection": "Enable",
        "TimeLimit": 45,
        "Timeout": 30,
    });
    assert_eq!(sent, expected);

    let mut silent = call();
    silent.call_url = None;
    assert_eq!(
        provider().request(&silent).err(),
        Some(RequestError::Channel)
    );
    let mut georgian = call();
    let mut texts = (*call_texts()).clone();
    texts.language = "ka".into();
    georgian.call = Some(Arc::new(texts));
    let refused = provider().request(&georgian).err();
    assert_eq!(refused, Some(RequestError::Channel));
}

#[test]
fn an_extension_is_played_before_the_greeting() {
    let mut message = call();
    message.extension = Extension::parse("0042");
    let values = values().with("machine_detection", Value::Text("on".into()));
    let request = made(&values).unwrap().request(&message).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["MachineDetection"], "Disable", "a switchboard is one");
    assert_eq!(sent["TimeLimit"], 90);
    let texts = call_texts();
    let document = provider().call_answer(&CallTurn::Ask {
        texts: &texts,
        call_url: CALL_URL,
        extension: message.extension.as_ref(),
    });
    let document = String::from_utf8(document.body.to_vec()).unwrap();
    let (before, after) = document.split_once("<Gather").unwrap();
    assert!(before.ends_with("<Response><Play digits=\"wwww0042\"></Play>"));
    assert!(!after.contains("0042"), "{after}");
}

#[test]
fn documents_say_what_each_turn_says() {
    let texts = call_texts();
    let document = |turn: CallTurn<'_>| {
        let document = provider().call_answer(&turn);
        assert_eq!(document.content_type, "application/xml");
        String::from_utf8(document.body.to_vec()).unwrap()
    };
    let (texts, call_url) = (&*texts, CALL_URL);
    assert_eq!(
        document(CallTurn::Ask {
            texts,
            call_url,
            extension: None,
        }),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\
         <Gather action=\"https://otp.example.com/v1/calls/telnyx/ref_1\" method=\"POST\" \
         numDigits=\"1\" finishOnKey=\"\" timeout=\"6\"><Say voice=\"alice\" language=\"pt-BR\">\
         ACME &amp; Cia. Tecle 1.</Say></Gather><Redirect method=\"POST\">\
         https://otp.example.com/v1/calls/telnyx/ref_1?waited=1</Redirect><Hangup/></Response>"
    );
    let told = document(CallTurn::Tell { texts, call_url });
    assert_eq!(told.matches("5, 8, 4, 2.").count(), 3);
    assert!(told.contains("9 denuncia") && told.contains("Tchau"));
    for turn in [
        CallTurn::Reported { texts },
        CallTurn::Farewell { texts },
        CallTurn::HangUp,
    ] {
        let document = document(turn);
        assert!(document.ends_with("<Hangup/></Response>"), "{turn:?}");
        assert!(!document.contains("5, 8"), "{turn:?}");
    }
}

#[test]
fn signed_events_tell_keys_and_ends_and_unsigned_ones_nothing() {
    let provider = provider();
    let waited = format!("{CALL_URL}?waited=1");
    for (url, fields, step) in [
        (CALL_URL, "CallStatus=in-progress", CallStep::Answered),
        (
            CALL_URL,
            "CallStatus=in-progress&AnsweredBy=human",
            CallStep::Answered,
        ),
        (CALL_URL, "Digits=9", CallStep::Key('9')),
        (CALL_URL, "CallStatus=in-progress&Digits=", CallStep::NoKey),
        (&waited, "CallStatus=in-progress", CallStep::NoKey),
        (CALL_URL, "AnsweredBy=machine_start", CallStep::Machine),
        (
            CALL_URL,
            "CallStatus=no-answer",
            CallStep::Ended {
                status: ReceiptStatus::Undelivered,
                code: ProviderCode::new("no-answer"),
            },
        ),
    ] {
        let body = format!("CallSid=v3_1&{fields}");
        let headers = signed(body.as_bytes());
        let told = provider.call_event(&callback(url, &headers, body.as_bytes()));
        let told = told.unwrap();
        assert_eq!(Some(told.call_id), MessageId::new("v3_1"));
        assert_eq!(told.step, step, "{fields}");

        let unsigned = HeaderMap::new();
        let refused = provider.call_event(&callback(url, &unsigned, body.as_bytes()));
        assert_eq!(refused.err(), Some(ReceiptError::Signature), "{fields}");
    }
    let body = b"CallSid=v3_1&CallStatus=in-progress";
    let old = sign(&account(7).0, NOW_MS / 1000 - 301, body);
    let refused = provider.call_event(&callback(CALL_URL, &old, body));
    assert_eq!(refused.err(), Some(ReceiptError::Stale));
}

#[test]
fn during_rotation_the_next_key_is_believed_too() {
    let body =
        br#"{"data":{"event_type":"message.sent","payload":{"id":"m1","to":[{"status":"sent"}]}}}"#;
    let next = sign(&account(8).0, NOW_MS / 1000, body);
    let receipts = |provider: &TelnyxProvider| provider.receipts(&callback(CALL_URL, &next, body));
    assert_eq!(receipts(&provider()), Err(ReceiptError::Signature));
    let values = values().with("public_key_next", Value::Text(account(8).1.into()));
    assert!(receipts(&made(&values).unwrap()).is_ok());
}

#[test]
fn a_profile_picks_the_sender_and_settings_that_cannot_work_are_named() {
    let mut given = Values::default();
    given.set("api_key", Value::Secret("KEY1".into()));
    given.set(
        "base_url",
        Value::Url(Uri::from_static("https://a.example")),
    );
    let refused = |values: &Values| match made(values) {
        Err(ConnectError::Setting { key, .. }) => Some(key),
        Err(ConnectError::Randomness) | Ok(_) => None,
    };
    for (missing, value) in [
        ("account_sid", "acc-1".to_owned()),
        ("texml_application_id", "app-1".to_owned()),
        ("caller", "+15017122661".to_owned()),
        ("public_key", account(7).1),
    ] {
        assert_eq!(refused(&given), Some(missing));
        given.set(missing, Value::Text(value.into()));
    }
    let without = made(&given).unwrap();
    let missing = without.request(&transcripts::message()).err();
    assert_eq!(missing, Some(RequestError::SenderMissing));
    given.set("messaging_profile_id", Value::Text("profile-1".into()));
    let request = made(&given).unwrap().request(&transcripts::message());
    let sent: serde_json::Value = serde_json::from_slice(request.unwrap().body()).unwrap();
    assert_eq!(sent["messaging_profile_id"], "profile-1");
    assert!(sent.get("from").is_none());
    assert!(public_key("AAAA").is_err());
}

proptest! {
    #[test]
    fn arbitrary_answers_and_callbacks_never_panic(
        status in 100..1000_u16,
        body in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let provider = provider();
        let response = Response {
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.clone().into(),
        };
        prop_assert!(provider.classify(&response).is_err());
        // Whatever is signed is read, and nothing of it panics.
        let headers = signed(&body);
        prop_assert!(provider.receipts(&callback(CALL_URL, &headers, &body)).is_err());
        prop_assert!(provider.call_event(&callback(CALL_URL, &headers, &body)).is_err());
    }
}
