//! Requests by template: what goes out, every row over a real connection,
//! receipts, and what is refused before anything is sent.

use proptest::prelude::*;
use serde_json::json;

use super::super::KIND;
use super::*;
use crate::kind::Value;
use crate::rows::{Answer, PlayedServer};
use crate::transcripts::{self, NOW_MS, outcome_words};
use crate::{Channel, ReceiptStatus};

fn texts(list: &[&str]) -> Value {
    Value::Texts(list.iter().map(|text| Arc::from(*text)).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// An API with a JSON body, codes in its errors, and words in its receipts.
fn values() -> Values {
    Values::default()
        .with(
            "url",
            Value::Url(Uri::from_static("https://api.example.com/sms?v=2")),
        )
        .with(
            "json",
            text(
                r#"{"msg": {"dst": ["{to_digits}"], "src": "{sender}", "body": "{text}"},
                "ttl": "{validity_s:number}", "ref": "{reference}", "cb": "{receipt_url}"}"#,
            ),
        )
        .with("headers", texts(&["X-Api-Key: {credential}"]))
        .with("credential", Value::Secret("k-1".into()))
        .with("success", texts(&["/state=ok", "/state=queued"]))
        .with("message_id_at", text("/id"))
        .with("error_at", text("/error/code"))
        .with(
            "errors",
            texts(&[
                "11=number",
                "12=provider",
                "13=now",
                "14=fraud",
                "15=throttled",
                "16=credentials",
                "17=unknown",
                "404=number",
            ]),
        )
        .with("receipt_verification", text("reference"))
        .with("receipt_status_at", text("/status"))
        .with("receipt_error_at", text("/code"))
        .with(
            "receipt_words",
            texts(&["DELIVERED=delivered", "FAILED=undelivered"]),
        )
}

fn made(values: &Values, receipts: Receipts) -> Result<TemplatedProvider, ConnectError> {
    transcripts::given(values, KIND.channels, receipts, TemplatedProvider::new)
}

fn provider(values: &Values) -> TemplatedProvider {
    made(values, Receipts::Reference).unwrap()
}

#[test]
fn a_json_api_gets_its_document() {
    let request = provider(&values())
        .request(&transcripts::message())
        .unwrap();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://api.example.com/sms?v=2");
    assert_eq!(request.headers()["x-api-key"], "k-1");
    assert!(request.headers()["x-api-key"].is_sensitive());
    assert_eq!(request.headers()["content-type"], "application/json");
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let expected = json!({
        "msg": {"dst": ["14155550123"], "body": "428519 is your code & nobody's else – Zoë"},
        "ttl": 540, "ref": "att_07c1e0", "cb": transcripts::RECEIPT_URL,
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_form_and_a_url_are_escaped_and_signed_in() {
    let form = Values::default()
        .with("url", Value::Url(Uri::from_static("http://127.0.0.1:9/s")))
        .with(
            "form",
            texts(&["to={to}", "msg=[{text}]=", "from={sender}"]),
        )
        .with("query", texts(&["key={credential}", "v={validity_min}"]))
        .with("auth", text("basic"))
        .with("user", text("me"))
        .with("credential", Value::Secret("p&w".into()));
    let request = made(&form, Receipts::None).unwrap();
    let request = request.request(&transcripts::message()).unwrap();
    assert_eq!(request.uri(), "http://127.0.0.1:9/s?key=p%26w&v=9");
    assert_eq!(request.headers()["authorization"], "Basic bWU6cCZ3");
    let sent: Vec<_> = form_urlencoded::parse(request.body()).collect();
    let expected = [
        ("to".into(), "+14155550123".into()),
        (
            "msg".into(),
            "[428519 is your code & nobody's else – Zoë]=".into(),
        ),
    ];
    assert_eq!(sent, expected);
    let get = Values::default()
        .with(
            "url",
            Value::Url(Uri::from_static("http://127.0.0.1:9/s?a=b")),
        )
        .with("query", texts(&["to={to}", "t={text}"]))
        .with("auth", text("bearer"))
        .with("credential", Value::Secret("tok".into()))
        .with("method", text("GET"));
    let request = made(&get, Receipts::None).unwrap();
    let request = request.request(&transcripts::message()).unwrap();
    assert_eq!((request.method(), request.body().len()), (&Method::GET, 0));
    assert_eq!(request.headers()["authorization"], "Bearer tok");
    let query = request.uri().query().unwrap();
    assert!(
        query.starts_with("a=b&to=%2B14155550123&t=428519+is"),
        "{query}"
    );
}

#[tokio::test]
async fn every_row_means_over_a_real_connection_what_it_says() {
    let error = |code: u64| format!(r#"{{"state":"no","error":{{"code":{code}}}}}"#);
    let rows = [
        (
            200,
            r#"{"state":"ok","id":"m-1"}"#.into(),
            "submitted as m-1",
        ),
        (202, r#"{"state":"queued"}"#.into(), "submitted"),
        (200, error(11), "refused for the number, code 11"),
        (400, error(12), "refused for this provider, code 12"),
        (400, error(13), "refused for now, code 13"),
        (400, error(14), "refused as fraud, code 14"),
        (400, error(15), "throttled"),
        (400, error(16), "credentials refused, code 16"),
        (400, error(17), "unknown, code 17"),
        (200, error(99), "refused for this provider, code 99"),
        (400, error(99), "refused for this provider, code 99"),
        (404, "{}".into(), "refused for the number"),
        (401, "{}".into(), "credentials refused"),
        (429, String::new(), "throttled"),
        (503, String::new(), "refused for now"),
        (500, String::new(), "unknown"),
        (200, "<html>".into(), "unknown"),
    ];
    let answers = rows
        .iter()
        .map(|(status, body, _)| Answer::json(*status, body.clone()));
    let server = PlayedServer::start(answers.collect()).await;
    let values = values().with("url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(provider(&values));
    let message = transcripts::message();
    let (outcomes, _) = server.submit_all(provider, message, rows.len()).await;
    for ((status, body, words), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *words, "{status} {body}");
    }
}

#[tokio::test]
async fn where_the_status_alone_decides_it_does() {
    let values = values()
        .with("success", Value::Texts(Vec::new()))
        .with("success_status", texts(&["201"]));
    let answers = [201, 200].map(|status| Answer::json(status, "{}"));
    let server = PlayedServer::start(answers.into()).await;
    let values = values.with("url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(provider(&values));
    let (outcomes, _) = server.submit_all(provider, transcripts::message(), 2).await;
    let words: Vec<_> = outcomes.iter().map(outcome_words).collect();
    assert_eq!(words, ["submitted", "unknown"]);
}

fn read(
    provider: &TemplatedProvider,
    query: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<DeliveryReceipt, ReceiptError> {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let receipts = provider.receipts(&Callback {
        method: &Method::POST,
        url: &format!("{}{query}", transcripts::RECEIPT_URL),
        headers: &headers,
        body: body.as_bytes(),
        now_ms: NOW_MS,
    });
    receipts.map(|mut receipts| receipts.remove(0))
}

#[test]
fn receipts_are_read_by_words_from_json_forms_and_urls() {
    let by_pointer = provider(&values());
    assert!(!by_pointer.capabilities().receipts_signed);
    for (body, status, is_final) in [
        (r#"{"status":"DELIVERED"}"#, ReceiptStatus::Delivered, false),
        (
            r#"{"status":"FAILED","code":11}"#,
            ReceiptStatus::Undelivered,
            true,
        ),
        (
            r#"{"status":"FAILED","code":12}"#,
            ReceiptStatus::Undelivered,
            false,
        ),
        (
            r#"{"status":"ON_ITS_WAY","code":11}"#,
            ReceiptStatus::Sent,
            false,
        ),
    ] {
        let receipt = read(&by_pointer, "", &[], body).unwrap();
        assert_eq!(
            (receipt.status, receipt.is_final_for_number),
            (status, is_final),
            "{body}"
        );
    }
    for body in ["", "{}", "[]", r#"{"status":{}}"#] {
        assert_eq!(
            read(&by_pointer, "", &[], body),
            Err(ReceiptError::Malformed),
            "{body}"
        );
    }
    let by_field = provider(&values().with("receipt_status_at", text("st")));
    for (query, body) in [("&st=DELIVERED", ""), ("", "a=b&st=DELIVERED")] {
        let receipt = read(&by_field, query, &[], body).unwrap();
        assert_eq!(receipt.status, ReceiptStatus::Delivered);
    }
    let silent = made(&values(), Receipts::None).unwrap();
    let read = read(&silent, "", &[], r#"{"status":"DELIVERED"}"#);
    assert_eq!(read, Err(ReceiptError::NotExpected));
}

#[test]
fn a_receipt_is_believed_by_its_secret_or_its_hmac() {
    let body = r#"{"status":"DELIVERED"}"#;
    let secrets = Value::Secrets(vec!["new".into(), "old".into()]);
    let values = values()
        .with("receipt_secret", secrets)
        .with("receipt_header", text("X-Proof"));
    let with = |word: &str| provider(&values.clone().with("receipt_verification", text(word)));
    let by_secret = with("secret");
    assert!(by_secret.capabilities().receipts_signed);
    assert!(read(&by_secret, "", &[("x-proof", "old")], body).is_ok());
    for wrong in ["", "ole", "oldd", "other"] {
        let refused = read(&by_secret, "", &[("x-proof", wrong)], body);
        assert_eq!(refused, Err(ReceiptError::Signature), "{wrong}");
    }
    let by_hmac = with("hmac-sha256");
    // Made with Python's `hmac.new(b"old", body, "sha256")`.
    let hex = "d7230841ea02b9d2b78e6f8325d64fca51f0a14c679ce21f5894b55cd244a4e5";
    let base64 = "1yMIQeoCudK3jm+DJdZPylHwoUxnnOIfWJS1XNJEpOU=";
    let prefixed = format!("sha256={hex}");
    for tag in [hex, base64, &prefixed] {
        assert!(
            read(&by_hmac, "", &[("x-proof", tag)], body).is_ok(),
            "{tag}"
        );
        let flipped = body.replace("DELIVERED", "DELIVERER");
        let refused = read(&by_hmac, "", &[("x-proof", tag)], &flipped);
        assert_eq!(refused, Err(ReceiptError::Signature));
    }
    for wrong in ["", "zz", "sha256=", &hex.replace('0', "1")] {
        let refused = read(&by_hmac, "", &[("x-proof", wrong)], body);
        assert_eq!(refused, Err(ReceiptError::Signature), "{wrong}");
    }
    assert_eq!(read(&by_hmac, "", &[], body), Err(ReceiptError::Signature));
}

/// One setting that cannot work, beside others that can.
fn assert_refused(receipts: Receipts, set: (&'static str, Value), key: &str, words: &str) {
    match made(&values().with(set.0, set.1), receipts).err() {
        Some(ConnectError::Setting { key: found, fix }) => {
            assert_eq!(found, key, "{fix}");
            assert!(fix.contains(words), "{key}: {fix}");
        }
        other => panic!("{key}: {words}: {other:?}"),
    }
}

#[test]
fn a_request_that_cannot_work_is_refused_with_its_setting_and_what_would() {
    for (template, key, words) in [
        (
            r#"{"a":"{nummer}"}"#,
            "json",
            "unknown placeholder {nummer}",
        ),
        ("{", "json", "is no JSON"),
        (r#"["{to}"]"#, "json", "{text}"),
        (r#"["{text}"]"#, "json", "{to}"),
        (r#"["{text}{to}"]"#, "receipt_status_at", "{receipt_url}"),
    ] {
        assert_refused(Receipts::Reference, ("json", text(template)), key, words);
    }
    for (set, list, key, words) in [
        ("form", "a=b", "json", "not both"),
        ("query", "ab", "query", "no a=b"),
        ("headers", "a b: c", "headers", "no header is called"),
        ("headers", "Host: c", "headers", "leave it out"),
        ("headers", "X: {text}", "headers", "any script"),
    ] {
        assert_refused(Receipts::Reference, (set, texts(&[list])), key, words);
    }
    for (set, word, key, words) in [
        ("method", "GET", "method", "query"),
        ("auth", "basic", "user", "needs it"),
    ] {
        assert_refused(Receipts::Reference, (set, text(word)), key, words);
    }
    let without_credential = Values::default()
        .with("url", Value::Url(Uri::from_static("http://127.0.0.1:9/s")))
        .with("query", texts(&["k={credential}", "t={to}{text}"]));
    assert!(matches!(
        made(&without_credential, Receipts::None).err(),
        Some(ConnectError::Setting {
            key: "credential",
            ..
        })
    ));
}

#[test]
fn rules_that_cannot_work_are_refused_with_their_setting_and_what_would() {
    for (set, list, words) in [
        ("success", "state=ok", "JSON pointer"),
        ("success_status", "500", "200 to 399"),
        ("errors", "1=fatal", "there are number"),
        ("receipt_words", "A=gone", "there are delivered"),
    ] {
        assert_refused(Receipts::Reference, (set, texts(&[list])), set, words);
    }
    for (set, value, key, words) in [
        ("receipt_words", texts(&[]), "receipt_words", "missing"),
        (
            "receipt_status_at",
            Value::Flag(false),
            "receipt_status_at",
            "missing",
        ),
        (
            "receipt_verification",
            text("secret"),
            "receipt_secret",
            "missing",
        ),
        (
            "receipt_verification",
            text("signature"),
            "secret",
            "missing",
        ),
    ] {
        assert_refused(Receipts::Reference, (set, value), key, words);
    }
    let reference = ("receipt_verification", text("reference"));
    assert_refused(
        Receipts::MessageId,
        reference,
        "receipt_verification",
        "anybody",
    );
}

#[test]
fn only_what_the_channel_list_has_is_carried() {
    let sms = transcripts::given(
        &values(),
        &[Channel::Sms],
        Receipts::Reference,
        TemplatedProvider::new,
    );
    let mut message = transcripts::message();
    message.channel = Channel::Voice;
    assert_eq!(
        sms.unwrap().request(&message).err(),
        Some(RequestError::Channel)
    );
    message.speech = Some("4, 2.".into());
    let request = provider(&values()).request(&message).unwrap();
    assert!(String::from_utf8_lossy(request.body()).contains("4, 2."));
}

proptest! {
    #[test]
    fn whatever_is_in_a_text_the_document_stays_one(said in ".{0,60}") {
        let mut message = transcripts::message();
        message.text = said.as_str().into();
        let request = provider(&values()).request(&message).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        prop_assert_eq!(sent["msg"]["body"].as_str(), Some(&*said));
    }

    #[test]
    fn arbitrary_receipts_never_panic(body in ".{0,60}", tag in "[ -~]{0,70}") {
        let values = values()
            .with("receipt_secret", Value::Secrets(vec!["s".into()]))
            .with("receipt_header", text("x-proof"))
            .with("receipt_verification", text("hmac-sha256"));
        prop_assert!(read(&provider(&values), "", &[("x-proof", &tag)], &body).is_err());
    }
}
