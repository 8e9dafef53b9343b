//! Sinch's documented answers over a real connection, its feedback, its settings.

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, outcome_words};
use crate::{MessageId, ProviderCode};

fn provider(base_url: Uri, change: impl FnOnce(Values) -> Values) -> SinchProvider {
    let values = Values::default()
        .with("service_plan_id", Value::Text("plan-1".into()))
        .with("api_token", Value::Secret("token".into()))
        .with("base_url", Value::Url(base_url));
    transcripts::given(
        &change(values),
        KIND.channels,
        Receipts::Reference,
        |given| SinchProvider::new(given).unwrap(),
    )
}

#[test]
fn the_transcripts_play() {
    let provider = provider(Uri::from_static(BASE_URL), |values| {
        values.with("callback_secret", Value::Secret("secret".into()))
    });
    transcripts::play("sinch", &provider, |secret, body| {
        let secret = if secret.is_empty() { "secret" } else { secret };
        let keys = SinchKeys::new(&[secret.into()]).unwrap();
        let mut headers = http::HeaderMap::new();
        keys.sign(&mut headers, transcripts::NOW_MS / 1000, body);
        headers
    });
}

#[tokio::test]
async fn every_documented_answer_is_understood() {
    let error = |code: &str| format!(r#"{{"code":"{code}","text":"what is wrong"}}"#);
    let rows = [
        (
            201,
            r#"{"id":"01FC66621VHDBN119Z8PMV1QPU"}"#.to_owned(),
            "submitted as 01FC66621VHDBN119Z8PMV1QPU",
        ),
        (
            400,
            error("syntax_invalid_json"),
            "refused for this provider, code syntax_invalid_json",
        ),
        (
            400,
            error("syntax_invalid_parameter_format"),
            "refused for this provider, code syntax_invalid_parameter_format",
        ),
        (
            400,
            error("syntax_constraint_violation"),
            "refused for this provider, code syntax_constraint_violation",
        ),
        (401, String::new(), "credentials refused"),
        (402, String::new(), "refused for this provider"),
        (
            403,
            error("unknown_campaign"),
            "refused for this provider, code unknown_campaign",
        ),
        (403, String::new(), "credentials refused"),
        (404, String::new(), "refused for this provider"),
        (429, String::new(), "throttled"),
        (500, String::new(), "unknown"),
        (503, String::new(), "refused for now"),
        (200, "<html>".to_owned(), "unknown"),
    ];
    let answers = rows
        .iter()
        .map(|(status, body, _)| Played::json(*status, body.as_str()));
    let server = PlayedServer::start(answers.collect()).await;
    let provider = Arc::new(provider(server.base_url.clone(), |values| values));
    let (outcomes, requests) = server
        .submit_all(provider, transcripts::message(), rows.len())
        .await;
    for ((_, body, expected), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *expected, "{body}");
    }
    assert!(requests[0].starts_with("POST /xms/v1/plan-1/batches HTTP/1.1\r\n"));
}

#[test]
fn only_a_used_code_is_reported() {
    let id = ProviderCode::new("01FC66621VHDBN119Z8PMV1QPU").unwrap();
    let feedback = |provider: &SinchProvider, was_used| {
        provider.feedback(&Feedback {
            message_id: &id,
            channel: Channel::Sms,
            was_used,
            at_ms: transcripts::NOW_MS,
        })
    };
    let base_url = Uri::from_static(BASE_URL);
    let off = provider(base_url.clone(), |values| values);
    assert!(feedback(&off, true).is_none());
    let on = provider(base_url, |values| {
        values.with("feedback", Value::Flag(true))
    });
    assert!(feedback(&on, false).is_none());
    let request = feedback(&on, true).unwrap();
    let path = "/xms/v1/plan-1/batches/01FC66621VHDBN119Z8PMV1QPU/delivery_feedback";
    assert_eq!(request.uri().path(), path);
    assert_eq!(request.body(), r#"{"recipients":[]}"#);
    let message = on.request(&transcripts::message()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(message.body()).unwrap();
    assert_eq!(sent["feedback_enabled"], true);
}

#[test]
fn callbacks_without_a_secret_are_marked_as_unsigned() {
    let provider = provider(Uri::from_static(BASE_URL), |values| values);
    assert!(!provider.capabilities().receipts_signed);
    let headers = http::HeaderMap::new();
    let receipts = provider.receipts(&Callback {
        method: &http::Method::POST,
        url: "https://otp.example.com/",
        headers: &headers,
        body: br#"{"type":"recipient_delivery_report_sms","batch_id":"01FC","status":"Delivered","code":0}"#,
        now_ms: transcripts::NOW_MS,
    });
    let receipts = receipts.unwrap();
    assert_eq!(receipts[0].status, ReceiptStatus::Delivered);
    assert_eq!(receipts[0].message_id, MessageId::new("01FC"));
}
