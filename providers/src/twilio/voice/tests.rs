//! Calls: what is asked of Twilio, what it is told, and what it is believed.

use http::{HeaderMap, Method};

use super::*;
use crate::signature::TwilioKeys;
use crate::transcripts::{self, NOW_MS};
use crate::twilio::TwilioSettings;
use crate::{CallTexts, Callback, Channel, Extension, Provider as _};

const CALL_URL: &str = "https://otp.example.com/v1/calls/twilio-voice/ref_1";
const CODE: &str = "Your code is: 4, 2, 8, 5, 1, 9.";

fn texts() -> CallTexts {
    CallTexts {
        language: "pt".into(),
        greeting: "Tom & Jerry's <Bank>. Press 1.".into(),
        code: CODE.into(),
        keys: "To hear it again, press 1.".into(),
        farewell: "Goodbye.".into(),
        reported: "Thank you.".into(),
    }
}

fn message() -> Message {
    Message {
        channel: Channel::Voice,
        speech: Some(format!("{CODE} {CODE} {CODE}").into()),
        call: Some(std::sync::Arc::new(texts())),
        call_url: Some(CALL_URL.into()),
        ..transcripts::message()
    }
}

fn ask(texts: &CallTexts) -> CallTurn<'_> {
    CallTurn::Ask {
        texts,
        call_url: CALL_URL,
        extension: None,
    }
}

fn form(message: &Message) -> std::collections::BTreeMap<String, String> {
    let request = transcripts::twilio().request(message).unwrap();
    assert!(request.uri().path().ends_with("/Calls.json"));
    form_urlencoded::parse(request.body())
        .into_owned()
        .collect()
}

fn said(turn: &CallTurn<'_>) -> String {
    let document = transcripts::twilio().call_answer(turn);
    assert_eq!(document.content_type, "text/xml");
    String::from_utf8(document.body.to_vec()).unwrap()
}

#[test]
fn a_call_asks_for_a_key_and_its_request_has_no_code() {
    let form = form(&message());
    assert_eq!(form["To"], "+14155550123");
    assert_eq!(form["From"], "+15017122661");
    assert_eq!(form["TimeLimit"], "45");
    assert!(form.contains_key("StatusCallback"));
    assert_eq!(
        form["Twiml"],
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\
         <Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" timeout=\"6\" method=\"POST\" \
         actionOnEmptyResult=\"true\" \
         action=\"https://otp.example.com/v1/calls/twilio-voice/ref_1?waited=1\">\
         <Say language=\"pt-BR\">Tom &amp; Jerry&apos;s &lt;Bank&gt;. Press 1.</Say></Gather>\
         <Hangup/></Response>"
    );
    assert!(!form.values().any(|value| value.contains("4, 2, 8")));
}

#[test]
fn an_extension_is_dialled_first_and_the_switchboard_is_no_machine() {
    let message = Message {
        extension: Extension::parse("0042"),
        ..message()
    };
    let request = TwilioProvider::new(
        TwilioSettings {
            detects_machines: true,
            ..transcripts::twilio_settings()
        },
        transcripts::clock(),
    );
    let request = request.unwrap().request(&message).unwrap();
    let form: std::collections::BTreeMap<String, String> = form_urlencoded::parse(request.body())
        .into_owned()
        .collect();
    assert_eq!(form["SendDigits"], "wwww0042");
    assert_eq!(form["TimeLimit"], "90");
    assert!(form["Twiml"].contains("<Gather"), "the greeting follows");
    assert!(!form.contains_key("MachineDetection"));
    assert!(!form["Twiml"].contains("0042"));
}

#[test]
fn a_call_without_a_url_says_everything_at_once() {
    let message = Message {
        call_url: None,
        ..message()
    };
    let form = form(&message);
    assert_eq!(form["Twiml"].matches(CODE).count(), 3);
    assert!(!form["Twiml"].contains("Gather"));
    let endless = Message {
        speech: Some("x".repeat(TWIML_CHARACTERS_MAX).into()),
        ..message
    };
    let refused = transcripts::twilio().request(&endless).err();
    assert_eq!(refused, Some(RequestError::TextTooLong));
}

#[test]
fn every_turn_is_written_and_the_code_is_said_three_times_in_one_alone() {
    let texts = &texts();
    let call_url = CALL_URL;
    let told = said(&CallTurn::Tell { texts, call_url });
    assert_eq!(told.matches(CODE).count(), 3);
    assert_eq!(told.matches("again").count(), 1);
    assert!(told.contains("actionOnEmptyResult=\"false\""));
    for (turn, words) in [
        (ask(texts), "Press 1"),
        (CallTurn::Reported { texts }, "Thank you."),
        (CallTurn::Farewell { texts }, "Goodbye."),
        (CallTurn::HangUp, "<Response><Hangup/></Response>"),
    ] {
        let said = said(&turn);
        assert!(said.contains(words) && !said.contains(CODE), "{said}");
    }
}

#[test]
fn a_voice_is_found_for_every_way_to_name_its_language() {
    for (language, voice) in [
        ("de", Some("de-DE")),
        ("en-GB", Some("en-GB")),
        ("en-ZA", Some("en-US")),
        ("ar", Some("arb")),
        ("no", Some("nb-NO")),
        ("tlh", None),
        ("", None),
    ] {
        assert_eq!(
            voice_language(VOICE_LANGUAGES, language),
            voice,
            "{language}"
        );
    }
}

/// A question or report, signed by Twilio over this URL.
fn asked(url: &str, fields: &str) -> Result<CallEvent, ReceiptError> {
    let body = format!("AccountSid=AC00000000000000000000000000000001&{fields}");
    let headers = signed(url, &body);
    transcripts::twilio().call_event(&callback(url, &headers, &body))
}

fn signed(url: &str, body: &str) -> HeaderMap {
    let keys = TwilioKeys::new(&["12345".into()]).unwrap();
    let fields = FormFields::parse(body.as_bytes()).unwrap();
    let mut headers = HeaderMap::new();
    let signature = keys.sign(url, &fields).parse().unwrap();
    headers.insert("x-twilio-signature", signature);
    headers
}

fn callback<'a>(url: &'a str, headers: &'a HeaderMap, body: &'a str) -> Callback<'a> {
    Callback {
        method: &Method::POST,
        url,
        headers,
        body: body.as_bytes(),
        now_ms: NOW_MS,
    }
}

#[test]
fn what_twilio_asks_is_read() {
    let gathered = format!("{CALL_URL}?waited=1");
    let step = |url: &str, fields: &str| asked(url, fields).map(|event| event.step);
    for (url, fields, expected) in [
        (
            CALL_URL,
            "CallSid=CA1&CallStatus=in-progress",
            CallStep::Answered,
        ),
        (
            &gathered,
            "CallSid=CA1&CallStatus=in-progress&Digits=9",
            CallStep::Key('9'),
        ),
        (
            &gathered,
            "CallSid=CA1&CallStatus=in-progress&Digits=%23",
            CallStep::Key('#'),
        ),
        (
            &gathered,
            "CallSid=CA1&CallStatus=in-progress&Digits=",
            CallStep::NoKey,
        ),
        (
            &gathered,
            "CallSid=CA1&CallStatus=in-progress",
            CallStep::NoKey,
        ),
        (
            CALL_URL,
            "CallSid=CA1&CallStatus=in-progress&AnsweredBy=machine_start",
            CallStep::Machine,
        ),
        (
            CALL_URL,
            "CallSid=CA1&CallStatus=in-progress&AnsweredBy=human",
            CallStep::Answered,
        ),
        (
            CALL_URL,
            "CallSid=CA1&CallStatus=no-answer",
            CallStep::Ended {
                status: ReceiptStatus::Undelivered,
                code: None,
            },
        ),
    ] {
        assert_eq!(step(url, fields), Ok(expected), "{fields}");
    }
    assert_eq!(
        step(CALL_URL, "CallStatus=ringing"),
        Err(ReceiptError::Malformed)
    );
    assert_eq!(step(CALL_URL, "CallSid=CA1"), Err(ReceiptError::Malformed));
}

#[test]
fn a_question_that_twilio_did_not_sign_is_not_believed() {
    let body =
        "AccountSid=AC00000000000000000000000000000001&CallSid=CA1&CallStatus=in-progress&Digits=1";
    let headers = signed(CALL_URL, body);
    let provider = transcripts::twilio();
    let refused = |url: &str, headers: &HeaderMap, body: &str| {
        provider.call_event(&callback(url, headers, body)).err()
    };
    assert_eq!(refused(CALL_URL, &headers, body), None);
    let forged = Some(ReceiptError::Signature);
    assert_eq!(refused(CALL_URL, &HeaderMap::new(), body), forged);
    let other = body.replace("Digits=1", "Digits=2");
    assert_eq!(refused(CALL_URL, &headers, &other), forged);
    let elsewhere = CALL_URL.replace("ref_1", "ref_2");
    assert_eq!(refused(&elsewhere, &headers, body), forged);
}

#[test]
fn a_calls_end_is_its_receipt() {
    let provider = transcripts::twilio();
    for (fields, expected) in [
        ("CallStatus=completed", Ok((ReceiptStatus::Delivered, None))),
        (
            "CallStatus=busy",
            Ok((ReceiptStatus::Undelivered, Some("busy"))),
        ),
        (
            "CallStatus=no-answer",
            Ok((ReceiptStatus::Undelivered, Some("no-answer"))),
        ),
        (
            "CallStatus=failed",
            Ok((ReceiptStatus::Undelivered, Some("failed"))),
        ),
        (
            "CallStatus=completed&AnsweredBy=machine_start",
            Ok((ReceiptStatus::Undelivered, Some("machine"))),
        ),
        ("CallStatus=ringing", Ok((ReceiptStatus::Sent, None))),
        ("CallStatus=odd", Err(ReceiptError::Malformed)),
    ] {
        let body = format!("AccountSid=AC00000000000000000000000000000001&CallSid=CA1&{fields}");
        let headers = signed(CALL_URL, &body);
        let receipts = provider.receipts(&callback(CALL_URL, &headers, &body));
        let seen = receipts.map(|receipts| {
            let [receipt] = &receipts[..] else {
                panic!("one receipt");
            };
            let code = receipt.code.as_ref().map(|code| code.as_str().to_owned());
            (receipt.status, code)
        });
        let expected = expected.map(|(status, code)| (status, code.map(str::to_owned)));
        assert_eq!(seen, expected, "{fields}");
    }
}
