//! MessageBird's documented answers over a real connection, its reports, its
//! conversions.

use http::{HeaderMap, Method};

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::signature::messagebird_signature;
use crate::transcripts::{self, NOW_MS, RECEIPT_URL, outcome_words};

const SIGNING_KEY: &str = "36efdd1aace2e26cd490f0d951138253bef2f7c6";

fn provider(base_url: Uri, change: impl FnOnce(Values) -> Values) -> BirdProvider {
    let values = Values::default()
        .with("access_key", Value::Secret("key".into()))
        .with("signing_key", Value::Secrets(vec![SIGNING_KEY.into()]))
        .with("sender", Value::Text("ACME".into()))
        .with("base_url", Value::Url(base_url));
    transcripts::given(
        &change(values),
        KIND.channels,
        Receipts::Reference,
        |given| BirdProvider::new(given).unwrap(),
    )
}

fn signed(secret: &str, url: &str, body: &[u8]) -> HeaderMap {
    let secret = if secret.is_empty() {
        SIGNING_KEY
    } else {
        secret
    };
    let token = messagebird_signature(secret, url, body, NOW_MS / 1000);
    let mut headers = HeaderMap::new();
    headers.insert("messagebird-signature-jwt", token.parse().unwrap());
    headers
}

#[test]
fn the_transcripts_play() {
    let provider = provider(Uri::from_static(BASE_URL), |values| values);
    transcripts::play("bird", &provider, |secret, body| {
        signed(secret, RECEIPT_URL, body)
    });
}

#[tokio::test]
async fn every_row_of_the_table_is_understood_over_a_connection() {
    let rows = [
        (401, "2", "credentials refused, code 2"),
        (422, "9", "refused for this provider, code 9"),
        (422, "10", "refused for this provider, code 10"),
        (404, "20", "refused for this provider, code 20"),
        (400, "21", "refused for this provider, code 21"),
        (402, "25", "refused for this provider, code 25"),
        (500, "99", "unknown, code 99"),
        (429, "98", "throttled"),
        (503, "98", "refused for now, code 98"),
    ];
    for (_, codes) in API_ERRORS.0 {
        for code in *codes {
            assert!(rows.iter().any(|(_, row, _)| row == code), "{code}");
        }
    }
    let answers = rows.iter().map(|(status, code, _)| {
        let error = format!(r#"{{"code":{code},"description":"text","parameter":null}}"#);
        Played::json(*status, format!(r#"{{"errors":[{error}]}}"#))
    });
    let server = PlayedServer::start(answers.collect()).await;
    let provider = Arc::new(provider(server.base_url.clone(), |values| values));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, rows.len()).await;
    for ((_, _, expected), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *expected);
    }
    assert!(requests[0].starts_with("POST /messages HTTP/1.1\r\n"));
}

#[test]
fn a_report_by_get_is_in_the_query_and_signed_with_it() {
    let provider = provider(Uri::from_static(BASE_URL), |values| values);
    let url = "https://otp.example.com/v1/receipts/bird/ref_1?id=e807&status=delivered";
    let read = |url: &str, headers: &HeaderMap| {
        provider.receipts(&Callback {
            method: &Method::GET,
            url,
            headers,
            body: b"",
            now_ms: NOW_MS,
        })
    };
    let headers = signed("", url, b"");
    let receipts = read(url, &headers).unwrap();
    assert_eq!(receipts[0].status, ReceiptStatus::Delivered);
    assert_eq!(receipts[0].message_id, MessageId::new("e807"));
    let changed = read(&url.replace("delivered", "expired"), &headers);
    assert_eq!(changed, Err(ReceiptError::Signature));
    assert_eq!(read(url, &HeaderMap::new()), Err(ReceiptError::Signature));
}

#[test]
fn conversions_are_reported_where_the_account_has_an_address_for_them() {
    let id = ProviderCode::new("e8077d803532c0b5937c639b60216938").unwrap();
    let feedback = Feedback {
        message_id: &id,
        channel: Channel::Sms,
        was_used: true,
        at_ms: NOW_MS,
    };
    let off = provider(Uri::from_static(BASE_URL), |values| values);
    assert!(!off.capabilities().feedback && off.feedback(&feedback).is_none());
    let url = Uri::from_static("https://rest.messagebird.com/conversions");
    let on = provider(Uri::from_static(BASE_URL), |values| {
        values.with("conversions_url", Value::Url(url.clone()))
    });
    let request = on.feedback(&feedback).unwrap();
    assert_eq!(request.uri(), &url);
    let expected = r#"{"service":"sms","id":"e8077d803532c0b5937c639b60216938","success":true}"#;
    assert_eq!(request.body(), expected);
}
