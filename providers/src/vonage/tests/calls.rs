//! Calls: what they are asked for with, what they are told, whom they believe.

use super::*;
use crate::Extension;

#[tokio::test]
async fn calls_are_made_over_a_real_connection() {
    let answers = vec![
        Played::json(201, r#"{"uuid":"63f61863-4a51-4f6b","status":"started"}"#),
        Played::json(
            401,
            r#"{"type":"UNAUTHORIZED","error_title":"Unauthorized"}"#,
        ),
        Played::json(429, r#"{"title":"Rate Limit Hit"}"#),
        Played::json(400, r#"{"title":"Bad Request"}"#),
        Played::json(500, ""),
    ];
    let count = answers.len();
    let server = PlayedServer::start(answers).await;
    let base_url = Value::Url(server.base_url.clone());
    let provider = calling(|values| values.with("api_url", base_url)).unwrap();
    let (outcomes, requests) = server.submit_all(Arc::new(provider), call(), count).await;
    let words: Vec<_> = outcomes.iter().map(outcome_words).collect();
    assert_eq!(
        words,
        [
            "submitted as 63f61863-4a51-4f6b",
            "credentials refused",
            "throttled",
            "refused for this provider",
            "unknown",
        ]
    );
    assert!(requests[0].starts_with("POST /v1/calls HTTP/1.1\r\n"));
}

#[test]
fn a_call_greets_and_waits_for_a_key_before_it_asks_for_the_rest() {
    let provider = calling(|values| {
        values
            .with("caller", Value::Text("+442079460000".into()))
            .with("machine_detection", Value::Text("on".into()))
    });
    let request = provider.unwrap().request(&call()).unwrap();
    assert_eq!(request.uri(), "https://api.nexmo.com/v1/calls");
    let authorization = &request.headers()[header::AUTHORIZATION];
    assert!(authorization.is_sensitive());
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let expected = serde_json::json!({
        "to": [{ "type": "phone", "number": "14155550123" }],
        "from": { "type": "phone", "number": "442079460000" },
        "event_url": [RECEIPT_URL],
        "machine_detection": "hangup",
        "length_timer": 45,
        "ringing_timer": 30,
        "ncco": [
            {
                "action": "talk", "language": "en-GB", "bargeIn": true,
                "text": "<speak>ACME &amp; Co. Press 1.</speak>",
            },
            {
                "action": "input", "type": ["dtmf"],
                "dtmf": { "maxDigits": 1, "timeOut": 6 },
                "eventUrl": [CALL_URL], "eventMethod": "POST",
            },
        ],
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_call_that_cannot_ask_says_everything_and_unknown_languages_are_refused() {
    let provider = calling(|values| values).unwrap();
    let mut message = call();
    message.call_url = None;
    message.speech = Some("Your code is 5, 8, 4, 2.".into());
    let request = provider.request(&message).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["random_from_number"], true);
    assert_eq!(sent["ncco"][0]["text"], "Your code is 5, 8, 4, 2.");
    assert_eq!(sent["ncco"].as_array().unwrap().len(), 1);

    message.locale = "ka".into();
    let refused = provider.request(&message).err();
    assert_eq!(refused, Some(RequestError::Channel));
    assert_eq!(sms().request(&call()).err(), Some(RequestError::Channel));
}

#[test]
fn the_code_is_said_slowly_and_three_times_and_a_key_ends_it() {
    let texts = call_texts();
    let document = sms().call_answer(&CallTurn::Tell {
        texts: &texts,
        call_url: CALL_URL,
    });
    assert_eq!(document.content_type, "application/json");
    let ncco: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
    let spoken = ncco[0]["text"].as_str().unwrap();
    assert_eq!(spoken.matches("5, 8, 4, 2.").count(), 3);
    assert_eq!(spoken.matches("<prosody rate='slow'>").count(), 3);
    assert_eq!(ncco[0]["bargeIn"], true);
    assert_eq!(ncco[1]["eventUrl"][0], CALL_URL);
    let others = [
        CallTurn::Reported { texts: &texts },
        CallTurn::Farewell { texts: &texts },
        CallTurn::HangUp,
    ];
    for turn in others {
        let document = sms().call_answer(&turn);
        let ncco: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
        assert_eq!(ncco.as_array().unwrap().len(), 1, "{turn:?}");
        assert!(!ncco.to_string().contains("5, 8"), "{turn:?}");
    }
}

#[test]
fn signed_events_tell_keys_and_ends_and_unsigned_ones_nothing() {
    let provider = calling(|values| values).unwrap();
    for (body, step) in [
        (
            r#"{"uuid":"u1","dtmf":{"digits":"1","timed_out":false}}"#,
            CallStep::Key('1'),
        ),
        (
            r#"{"uuid":"u1","dtmf":{"digits":"","timed_out":true}}"#,
            CallStep::NoKey,
        ),
        (r#"{"uuid":"u1","dtmf":{"digits":null}}"#, CallStep::NoKey),
    ] {
        let headers = signed(body.as_bytes());
        let event = provider.call_event(&callback(&headers, body.as_bytes()));
        let event = event.unwrap();
        assert_eq!(Some(event.call_id), MessageId::new("u1"));
        assert_eq!(event.step, step, "{body}");

        let unsigned = HeaderMap::new();
        let refused = provider.call_event(&callback(&unsigned, body.as_bytes()));
        assert_eq!(refused.err(), Some(ReceiptError::Signature));
    }
    let headers = signed(b"{}");
    let other_body = br#"{"uuid":"u1","dtmf":{"digits":"1"}}"#;
    let refused = provider.call_event(&callback(&headers, other_body));
    assert_eq!(refused.err(), Some(ReceiptError::Signature));
}

#[test]
fn a_token_for_another_account_or_application_is_refused() {
    let provider = calling(|values| values).unwrap();
    let body = br#"{"uuid":"u1","dtmf":{"digits":"1"}}"#;
    let keys = VonageJwtKeys::new(&[SECRET.into()]).unwrap();
    for (name, value, is_ours) in [
        ("api_key", "abcd1234", true),
        ("api_key", "zzzz9999", false),
        ("application_id", "app-1", true),
        ("application_id", "app-2", false),
    ] {
        let claims = serde_json::json!({
            "iat": NOW_MS / 1000, "payload_hash": sha256_hex(body), name: value,
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, keys.sign(&claims).parse().unwrap());
        let event = provider.call_event(&callback(&headers, body));
        assert_eq!(event.is_ok(), is_ours, "{name} {value}");
    }
}

#[test]
fn an_extension_is_the_first_that_a_call_dials() {
    let values = |values: Values| values.with("machine_detection", Value::Text("on".into()));
    let sent = |message: &Message| -> serde_json::Value {
        let request = calling(values).unwrap().request(message).unwrap();
        serde_json::from_slice(request.body()).unwrap()
    };
    let mut message = call();
    assert_eq!(sent(&message)["to"][0].get("dtmfAnswer"), None);
    assert_eq!(sent(&message)["machine_detection"], "hangup");
    message.extension = Extension::parse("0042");
    let sent = sent(&message);
    assert_eq!(sent["to"][0]["dtmfAnswer"], "pppp0042");
    assert_eq!(sent["length_timer"], 90);
    assert_eq!(sent.get("machine_detection"), None, "a switchboard is one");
}
