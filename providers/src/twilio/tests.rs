//! What no transcript shows: settings, credentials, feedback, arbitrary bytes.

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::transcripts::{self, NOW_MS};

fn settings() -> TwilioSettings {
    TwilioSettings {
        channels: vec![Channel::Sms, Channel::Voice],
        caller: Some("+15017122661".into()),
        detects_machines: false,
        account_sid: "AC1".into(),
        auth_tokens: vec!["token".into()],
        api_key: None,
        sender: Some(TwilioSender::From("+15017122661".into())),
        base_url: "http://127.0.0.1:9002/".parse().unwrap(),
        receipts: Receipts::Reference,
        feedback: false,
    }
}

fn provider(change: impl FnOnce(&mut TwilioSettings)) -> Result<TwilioProvider, ConnectError> {
    let mut settings = settings();
    change(&mut settings);
    TwilioProvider::new(settings, transcripts::clock())
}

fn feedback_on(message_id: &ProviderCode, was_used: bool) -> Feedback<'_> {
    Feedback {
        message_id,
        channel: Channel::Sms,
        was_used,
        at_ms: NOW_MS,
    }
}

fn body_of(request: &Request<Bytes>) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

#[test]
fn a_fixed_sender_an_api_key_and_a_base_url_are_used() {
    let provider = provider(|settings| {
        settings.api_key = Some(TwilioApiKey {
            sid: "SK1".into(),
            secret: "key secret".into(),
        });
    });
    let request = provider.unwrap().request(&transcripts::message()).unwrap();
    assert_eq!(
        request.uri().to_string(),
        "http://127.0.0.1:9002/2010-04-01/Accounts/AC1/Messages.json"
    );
    let expected = format!("Basic {}", STANDARD.encode("SK1:key secret"));
    assert_eq!(request.headers()[header::AUTHORIZATION], *expected);
    assert!(body_of(&request).contains("&From=%2B15017122661&"));
}

#[test]
fn without_a_sender_of_its_own_it_takes_the_message_s_and_refuses_one_that_has_none() {
    let provider = provider(|settings| settings.sender = None).unwrap();
    let mut message = transcripts::message();
    message.sender = None;
    assert_eq!(
        provider.request(&message).err(),
        Some(RequestError::SenderMissing)
    );

    message.sender = Some("ACME".into());
    let request = provider.request(&message).unwrap();
    assert!(body_of(&request).contains("&From=ACME&"));
}

#[test]
fn credentials_do_not_print() {
    let settings = settings();
    assert!(!format!("{settings:?}").contains("\"token\""));
    let provider = provider(|_| {}).unwrap();
    let request = provider.request(&transcripts::message()).unwrap();
    let shown = format!("{:?}", request.headers());
    assert!(!shown.contains("Basic"), "{shown}");
}

#[test]
fn feedback_is_announced_and_given_if_it_is_on() {
    let message_id = ProviderCode::new("SM1").unwrap();
    let off = provider(|_| {}).unwrap();
    assert!(off.feedback(&feedback_on(&message_id, true)).is_none());

    let on = provider(|settings| settings.feedback = true).unwrap();
    let request = on.request(&transcripts::message()).unwrap();
    assert!(body_of(&request).contains("&ProvideFeedback=true"));
    let feedback = on.feedback(&feedback_on(&message_id, true)).unwrap();
    assert_eq!(
        feedback.uri().path(),
        "/2010-04-01/Accounts/AC1/Messages/SM1/Feedback.json"
    );
    assert_eq!(body_of(&feedback), "Outcome=confirmed");
    let unused = on.feedback(&feedback_on(&message_id, false)).unwrap();
    assert_eq!(body_of(&unused), "Outcome=unconfirmed");
    let not_a_sid = ProviderCode::new("..")
        .or(ProviderCode::new("a..b"))
        .unwrap();
    assert!(on.feedback(&feedback_on(&not_a_sid, true)).is_none());
}

#[test]
fn a_callback_without_a_signature_is_not_read() {
    let headers = HeaderMap::new();
    let receipts = provider(|_| {}).unwrap().receipts(&Callback {
        method: &Method::POST,
        url: "https://otp.example.com/",
        headers: &headers,
        body: b"AccountSid=AC1&MessageSid=SM1&MessageStatus=delivered",
        now_ms: NOW_MS,
    });
    assert_eq!(receipts, Err(ReceiptError::Signature));
}

#[test]
fn settings_that_cannot_work_are_named() {
    let refused = |change: fn(&mut TwilioSettings)| match provider(change).err() {
        Some(ConnectError::Setting { key, .. }) => Some(key),
        Some(ConnectError::Randomness) | None => None,
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(
        refused(|settings| settings.account_sid = "AC1/../AC2".into()),
        Some("account_sid")
    );
    assert_eq!(
        refused(|settings| settings.sender = Some(TwilioSender::From("".into()))),
        Some("sender")
    );
    assert_eq!(
        refused(|settings| settings.auth_tokens.clear()),
        Some("auth_token")
    );
    assert_eq!(
        refused(|settings| settings.base_url = Uri::from_static("/")),
        Some("base_url")
    );
}

proptest! {
    #[test]
    fn arbitrary_answers_and_receipts_never_panic(
        status in 100..1000_u16,
        body in prop::collection::vec(any::<u8>(), 0..256),
        signature in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let provider = provider(|_| {}).unwrap();
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.clone().into(),
        };
        prop_assert!(provider.classify(&response).is_err());

        let mut headers = HeaderMap::new();
        if let Ok(signature) = HeaderValue::from_bytes(&signature) {
            headers.insert("x-twilio-signature", signature);
        }
        let receipts = provider.receipts(&Callback {
            method: &Method::POST,
            url: "https://otp.example.com/",
            headers: &headers,
            body: &body,
            now_ms: NOW_MS,
        });
        prop_assert!(receipts.is_err());
    }
}
