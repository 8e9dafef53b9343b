//! Plivo's documented answers over a real connection, its calls, its settings.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, NOW_MS, RECEIPT_URL, outcome_words};
use crate::{CallStep, CallTexts, Extension};

const CALL_URL: &str = "https://otp.example.com/v1/calls/plivo/ref_1";

fn values() -> Values {
    let base_url = Uri::from_static("https://api.plivo.com");
    Values::default()
        .with("auth_id", Value::Text("MA0000000000000000TEST".into()))
        .with("auth_token", Value::Secrets(vec!["token".into()]))
        .with("sender", Value::Text("+15017122661".into()))
        .with("caller", Value::Text("+15017122661".into()))
        .with("base_url", Value::Url(base_url))
}

fn made(values: &Values) -> Result<PlivoProvider, ConnectError> {
    transcripts::given(
        values,
        KIND.channels,
        Receipts::Reference,
        PlivoProvider::new,
    )
}

fn provider() -> PlivoProvider {
    made(&values()).unwrap()
}

fn call_texts() -> Arc<CallTexts> {
    Arc::new(CallTexts {
        language: "de".into(),
        greeting: "ACME & Co. Bitte 1.".into(),
        code: "5, 8, 4, 2.".into(),
        keys: "1 noch einmal, 9 melden.".into(),
        farewell: "Auf Wiederhören.".into(),
        reported: "Danke.".into(),
    })
}

fn call() -> Message {
    transcripts::call(call_texts(), CALL_URL)
}

fn signed(url: &str, token: &str, body: &[u8]) -> HeaderMap {
    let signed = PlivoSigned {
        method: &Method::POST,
        url,
        body,
    };
    let keys = PlivoKeys::new(&[token.into()]).unwrap();
    keys.sign(&signed, "12345")
}

fn event(url: &str, headers: &HeaderMap, body: &[u8]) -> Result<CallEvent, ReceiptError> {
    provider().call_event(&Callback {
        method: &Method::POST,
        url,
        headers,
        body,
        now_ms: NOW_MS,
    })
}

#[test]
fn the_transcripts_play() {
    transcripts::play("plivo", &provider(), |secret, body| {
        let token = if secret.is_empty() { "token" } else { secret };
        signed(RECEIPT_URL, token, body)
    });
}

#[tokio::test]
async fn the_transcripts_answers_mean_the_same_over_a_real_connection() {
    transcripts::play_served("plivo", |base_url| {
        Arc::new(made(&values().with("base_url", Value::Url(base_url))).unwrap())
    })
    .await;
}

/// Plivo's answers name no code: each documented status is a row.
#[tokio::test]
async fn every_documented_answer_is_played_over_a_real_connection() {
    let rows = [
        (
            202,
            r#"{"message_uuid":["db3c-1"],"api_id":"a"}"#,
            "submitted as db3c-1",
        ),
        (
            400,
            r#"{"error":"invalid dst"}"#,
            "refused for this provider",
        ),
        (401, "", "credentials refused"),
        (403, "", "credentials refused"),
        (404, r#"{"error":"not found"}"#, "refused for this provider"),
        (405, "", "refused for this provider"),
        (429, "", "throttled"),
        (500, r#"{"error":"server error"}"#, "unknown"),
        (503, "", "refused for now"),
        (202, "<html>", "unknown"),
    ];
    let answers = rows.map(|(status, body, _)| Played::json(status, body));
    let server = PlayedServer::start(answers.into()).await;
    let values = values().with("base_url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(made(&values).unwrap());
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, rows.len()).await;
    for ((status, body, words), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *words, "{status} {body}");
    }
    let first = "POST /v1/Account/MA0000000000000000TEST/Message/ HTTP/1.1\r\n";
    assert!(requests[0].starts_with(first));
}

#[tokio::test]
async fn calls_are_made_over_a_real_connection() {
    let answers = vec![
        Played::json(201, r#"{"message":"call fired","request_uuid":"9834a-1"}"#),
        Played::json(400, r#"{"error":"invalid from"}"#),
    ];
    let server = PlayedServer::start(answers).await;
    let values = values().with("base_url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(made(&values).unwrap());
    let (outcomes, requests) = server.submit_all(provider, call(), 2).await;
    let words: Vec<_> = outcomes.iter().map(outcome_words).collect();
    assert_eq!(words, ["submitted as 9834a-1", "refused for this provider"]);
    let first = "POST /v1/Account/MA0000000000000000TEST/Call/ HTTP/1.1\r\n";
    assert!(requests[0].starts_with(first));
}

#[test]
fn every_row_of_the_receipt_table_is_read() {
    let provider = provider();
    for (verdict, codes) in DELIVERY.0 {
        for code in *codes {
            let body = format!("MessageUUID=u1&Status=undelivered&ErrorCode={code}");
            let headers = signed(RECEIPT_URL, "token", body.as_bytes());
            let receipts = provider.receipts(&Callback {
                method: &Method::POST,
                url: RECEIPT_URL,
                headers: &headers,
                body: body.as_bytes(),
                now_ms: NOW_MS,
            });
            let receipt = receipts.unwrap().remove(0);
            assert_eq!(receipt.status, ReceiptStatus::Undelivered, "{code}");
            assert_eq!(receipt.code, ProviderCode::new(code));
            let is_final = *verdict == Verdict::Number;
            assert_eq!(receipt.is_final_for_number, is_final, "{code}");
        }
    }
}

#[test]
fn a_call_asks_for_what_to_say_and_ends_after_45_s() {
    let values = values().with("machine_detection", Value::Text("on".into()));
    let request = made(&values).unwrap().request(&call()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let expected = serde_json::json!({
        "from": "15017122661",
        "to": "14155550123",
        "answer_url": CALL_URL,
        "answer_method": "POST",
        "hangup_url": CALL_URL,
        "hangup_method": "POST",
        "time_limit": 45,
        "ring_timeout": 30,
        "machine_detection": "hangup",
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
fn an_extension_goes_along_and_the_switchboard_is_no_machine() {
    let mut message = call();
    message.extension = Extension::parse("0042");
    let values = values().with("machine_detection", Value::Text("on".into()));
    let request = made(&values).unwrap().request(&message).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["send_digits"], "wwww0042");
    assert_eq!(sent["time_limit"], 90);
    assert_eq!(sent.get("machine_detection"), None);
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
         <GetDigits action=\"https://otp.example.com/v1/calls/plivo/ref_1\" \
         method=\"POST\" numDigits=\"1\" timeout=\"6\" finishOnKey=\"none\" retries=\"1\" log=\"false\">\
         <Speak voice=\"WOMAN\" language=\"de-DE\">ACME &amp; Co. Bitte 1.</Speak></GetDigits>\
         <Redirect method=\"POST\">https://otp.example.com/v1/calls/plivo/ref_1?waited=1\
         </Redirect><Hangup/></Response>"
    );
    let told = document(CallTurn::Tell { texts, call_url });
    assert_eq!(told.matches("5, 8, 4, 2.").count(), 3);
    assert!(told.contains("noch einmal") && told.contains("Wiederhören"));
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
    let waited = format!("{CALL_URL}?waited=1");
    for (url, fields, step) in [
        (
            CALL_URL,
            "CallStatus=in-progress&Event=StartApp",
            CallStep::Answered,
        ),
        (
            CALL_URL,
            "CallStatus=in-progress&Digits=1",
            CallStep::Key('1'),
        ),
        (CALL_URL, "CallStatus=in-progress&Digits=", CallStep::NoKey),
        (
            &waited,
            "CallStatus=in-progress&Event=Redirect",
            CallStep::NoKey,
        ),
        (
            CALL_URL,
            "CallStatus=in-progress&Machine=true",
            CallStep::Machine,
        ),
        (
            CALL_URL,
            "CallStatus=busy&HangupCauseCode=3010",
            CallStep::Ended {
                status: ReceiptStatus::Undelivered,
                code: ProviderCode::new("3010"),
            },
        ),
    ] {
        let body = format!("CallUUID=u1&{fields}");
        let headers = signed(url, "token", body.as_bytes());
        let told = event(url, &headers, body.as_bytes()).unwrap();
        assert_eq!(Some(told.call_id), MessageId::new("u1"));
        assert_eq!(told.step, step, "{fields}");

        let forged = signed(url, "another", body.as_bytes());
        let refused = event(url, &forged, body.as_bytes()).err();
        assert_eq!(refused, Some(ReceiptError::Signature), "{fields}");
    }
    let body = b"CallUUID=u1&CallStatus=in-progress";
    let headers = signed(CALL_URL, "token", body);
    let refused = event(&waited, &headers, body).err();
    assert_eq!(refused, Some(ReceiptError::Signature));
}

/// V2 covers no parameter: by it alone, a key could be put into any question.
#[test]
fn a_v2_signature_shows_a_receipt_and_gets_no_code() {
    let by_url = |body: &'static [u8], url| {
        let signed = PlivoSigned {
            method: &Method::POST,
            url,
            body,
        };
        let keys = PlivoKeys::new(&["token".into()]).unwrap();
        keys.sign_url(&signed, "12345")
    };
    let allowing = made(&values().with("allow_v2_signatures", Value::Flag(true))).unwrap();
    let strict = provider();
    let body = b"MessageUUID=u1&Status=delivered&CallUUID=u1&CallStatus=in-progress&Digits=1";
    let headers = by_url(body, RECEIPT_URL);
    let callback = Callback {
        method: &Method::POST,
        url: RECEIPT_URL,
        headers: &headers,
        body,
        now_ms: NOW_MS,
    };
    let refused = Some(ReceiptError::Signature);
    assert_eq!(strict.receipts(&callback).err(), refused);
    assert_eq!(strict.call_event(&callback).err(), refused);
    assert!(allowing.receipts(&callback).is_ok());
    assert_eq!(allowing.call_event(&callback).err(), refused);
    assert!(strict.capabilities().receipts_signed);
    // So that none of them sends a message again.
    assert!(!allowing.capabilities().receipts_signed);

    let headers = signed(RECEIPT_URL, "token", body);
    let in_full = Callback {
        headers: &headers,
        ..callback
    };
    assert!(allowing.receipts(&in_full).is_ok());
    assert!(allowing.call_event(&in_full).is_ok());
}

#[test]
fn conversions_are_reported_for_texts_if_it_is_on() {
    let id = ProviderCode::new("db3ce55a-7f1d-11e1-8ea7-1231380bc196").unwrap();
    let feedback = |provider: &PlivoProvider, channel, was_used| {
        provider.feedback(&Feedback {
            message_id: &id,
            channel,
            was_used,
            at_ms: NOW_MS,
        })
    };
    assert!(feedback(&provider(), Channel::Sms, true).is_none());
    let on = made(&values().with("feedback", Value::Flag(true))).unwrap();
    assert!(feedback(&on, Channel::Voice, true).is_none());
    let request = feedback(&on, Channel::Sms, true).unwrap();
    assert_eq!(
        request.uri().path(),
        "/v1/account/MA0000000000000000TEST/message/db3ce55a-7f1d-11e1-8ea7-1231380bc196/conversion/"
    );
    assert_eq!(
        request.body(),
        r#"{"status":"CONVERTED","timestamp":"2023-11-14T22:13:20Z"}"#
    );
    let unused = feedback(&on, Channel::Sms, false).unwrap();
    assert!(unused.body().starts_with(br#"{"status":"NOT_CONVERTED""#));
    let message = on.request(&transcripts::message()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(message.body()).unwrap();
    assert_eq!(sent["trackable"], true);
}

#[test]
fn a_powerpack_picks_the_sender_and_settings_that_cannot_work_are_named() {
    let mut given = Values::default();
    given.set("auth_id", Value::Text("MA1".into()));
    given.set("auth_token", Value::Secrets(vec!["token".into()]));
    given.set(
        "base_url",
        Value::Url(Uri::from_static("https://a.example")),
    );
    let refused = |values: &Values| match made(values) {
        Err(ConnectError::Setting { key, .. }) => Some(key),
        Err(ConnectError::Randomness) | Ok(_) => None,
    };
    assert_eq!(refused(&given), Some("caller"));
    given.set("caller", Value::Text("+15017122661".into()));
    let without = made(&given).unwrap();
    let missing = without.request(&transcripts::message()).err();
    assert_eq!(missing, Some(RequestError::SenderMissing));

    given.set("powerpack_uuid", Value::Text("pp-1".into()));
    let request = made(&given).unwrap().request(&transcripts::message());
    let sent: serde_json::Value = serde_json::from_slice(request.unwrap().body()).unwrap();
    assert_eq!(sent["powerpack_uuid"], "pp-1");
    assert!(sent.get("src").is_none());
    given.set("sender", Value::Text("ACME".into()));
    assert_eq!(refused(&given), Some("powerpack_uuid"));
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
        let headers = signed(CALL_URL, "token", &body);
        prop_assert!(event(CALL_URL, &headers, &body).is_err());
    }
}
