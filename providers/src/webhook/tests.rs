//! What the transcripts do not tell: settings, age, ids and arbitrary bytes.

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::{MessageId, transcripts};

fn provider(receipts: Receipts) -> WebhookProvider {
    let settings = WebhookSettings {
        url: Uri::from_static("http://127.0.0.1:9001/send?token=hidden"),
        secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
        channels: vec![Channel::Sms],
        receipts,
        sender: None,
    };
    assert!(!format!("{settings:?}").contains("hidden"));
    WebhookProvider::new(settings, Clock::from_fn(|| 1_700_000_000_000)).unwrap()
}

fn receipts(
    provider: &WebhookProvider,
    body: &[u8],
    now_ms: u64,
) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
    let mut headers = HeaderMap::new();
    let id = HeaderValue::from_static("rcp_1");
    provider.keys.sign(&mut headers, id, 1_700_000_000, body);
    provider.receipts(&Callback {
        method: &Method::POST,
        url: "https://otp.example.com/v1/receipts/hook/ref",
        headers: &headers,
        body,
        now_ms,
    })
}

#[test]
fn a_signed_receipt_that_is_too_old_changes_nothing() {
    let provider = provider(Receipts::Reference);
    let body = br#"{"status":"delivered"}"#;
    assert!(receipts(&provider, body, 1_700_000_300_000).is_ok());
    let late = receipts(&provider, body, 1_700_000_301_000);
    assert_eq!(late, Err(ReceiptError::Stale));
}

#[test]
fn a_provider_without_receipts_expects_none() {
    let provider = provider(Receipts::None);
    let answer = receipts(&provider, br#"{"status":"delivered"}"#, 1_700_000_000_000);
    assert_eq!(answer, Err(ReceiptError::NotExpected));
}

#[test]
fn a_receipt_by_message_id_names_its_message_and_the_request_no_url() {
    let provider = provider(Receipts::MessageId);
    let request = provider.request(&transcripts::message()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["receipt_url"], serde_json::Value::Null);
    let read = |body: &[u8]| receipts(&provider, body, 1_700_000_000_000);
    let named = |id: &str| MessageId::new(id);
    // As many write them: digits, and as a number. Nothing of it may be shown.
    for (body, id) in [
        (r#"{"message_id": "m-1", "status": "delivered"}"#, "m-1"),
        (
            r#"{"message_id": "14155550123", "status": "delivered"}"#,
            "14155550123",
        ),
        (
            r#"{"message_id": 14155550123, "status": "delivered"}"#,
            "14155550123",
        ),
    ] {
        let receipt = read(body.as_bytes()).unwrap().remove(0);
        assert_eq!(receipt.message_id, named(id), "{body}");
        assert_eq!(receipt.status, ReceiptStatus::Delivered);
        assert!(!format!("{receipt:?}").contains(id), "{receipt:?}");
    }
    for body in [
        r#"{"status": "delivered"}"#,
        r#"{"message_id": "", "status": "delivered"}"#,
        r#"{"message_id": "a b", "status": "delivered"}"#,
        r#"{"message_id": {}, "status": "delivered"}"#,
        r#"{"message_id": "m-1"}"#,
        r#"[{"message_id": "m-1", "status": "delivered"}]"#,
    ] {
        assert_eq!(
            read(body.as_bytes()),
            Err(ReceiptError::Malformed),
            "{body}"
        );
    }
    let long = format!(
        r#"{{"message_id": "{}", "status": "sent"}}"#,
        "m".repeat(201)
    );
    assert_eq!(read(long.as_bytes()), Err(ReceiptError::Malformed));
    let mut headers = HeaderMap::new();
    let forged = WebhookKeys::new(&["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()]).unwrap();
    let body = br#"{"message_id": "m-1", "status": "delivered"}"#;
    forged.sign(
        &mut headers,
        HeaderValue::from_static("rcp_1"),
        1_700_000_000,
        body,
    );
    let answer = provider.receipts(&Callback {
        method: &Method::POST,
        url: "https://otp.example.com/v1/receipts/hook",
        headers: &headers,
        body,
        now_ms: 1_700_000_000_000,
    });
    assert_eq!(answer, Err(ReceiptError::Signature));
}

#[test]
fn settings_that_cannot_work_are_named() {
    let settings = WebhookSettings {
        url: Uri::from_static("https://example.com/send"),
        secrets: vec!["s".into()],
        channels: vec![Channel::Voice],
        receipts: Receipts::None,
        sender: None,
    };
    let refused = |change: fn(&mut WebhookSettings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        WebhookProvider::new(settings, Clock::system()).err()
    };
    assert_eq!(refused(|_| {}), None);
    assert!(matches!(
        refused(|settings| settings.secrets.clear()),
        Some(ConnectError::Setting { key: "secret", .. })
    ));
    for url in [
        "/send",
        "ftp://example.com/",
        "http://user:pass@example.com/",
    ] {
        let settings = WebhookSettings {
            url: url.parse().unwrap(),
            ..settings.clone()
        };
        let refused = WebhookProvider::new(settings, Clock::system()).err();
        let is_named = matches!(refused, Some(ConnectError::Setting { key: "url", .. }));
        assert!(is_named, "{url}");
    }
}

proptest! {
    #[test]
    fn arbitrary_answers_and_receipts_never_panic(
        status in 100..1000_u16,
        body in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let provider = provider(Receipts::Reference);
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.clone().into(),
        };
        let is_submitted = provider.classify(&response).is_ok();
        prop_assert_eq!(is_submitted, (200..300).contains(&status));
        prop_assert_eq!(
            receipts(&provider, &body, 1_700_000_000_000),
            Err(ReceiptError::Malformed)
        );
    }

    #[test]
    fn arbitrary_json_values_never_panic(
        message_id in "[\\PC]{0,80}",
        at in "[0-9TZ:+.-]{0,30}",
        code in any::<i64>(),
    ) {
        let provider = provider(Receipts::Reference);
        let body = serde_json::json!({
            "status": "undelivered", "message_id": message_id, "error": code, "at": at, "final": 1,
        });
        let body = serde_json::to_vec(&body).unwrap();
        let receipts = receipts(&provider, &body, 1_700_000_000_000).unwrap();
        prop_assert!(!receipts[0].is_final_for_number);
        let response = Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
        };
        let submitted = provider.classify(&response).unwrap();
        prop_assert_eq!(submitted.message_id, MessageId::new(&message_id));
    }
}
