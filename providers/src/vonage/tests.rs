//! Vonage's documented answers over a real connection, its receipts, its settings.

mod calls;

use http::Method;
use proptest::prelude::*;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::signature::{application_key_pem, sha256_hex};
use crate::transcripts::{self, NOW_MS, RECEIPT_URL, outcome_words, verdict_words};
use crate::{CallStep, CallTexts, MessageId, ProviderCode, ReceiptStatus};

const SECRET: &str = "sig-secret";
const CALL_URL: &str = "https://otp.example.com/v1/calls/vonage/ref_1";

fn values() -> Values {
    let url = |url: &'static str| Value::Url(Uri::from_static(url));
    Values::default()
        .with("api_key", Value::Text("abcd1234".into()))
        .with("api_secret", Value::Secret("secret".into()))
        .with("signature_secret", Value::Secrets(vec![SECRET.into()]))
        .with("signature_method", Value::Text("sha256".into()))
        .with("sender", Value::Text("ACME".into()))
        .with("sms_url", url("https://rest.nexmo.com"))
        .with("api_url", url("https://api.nexmo.com"))
}

fn made(values: &Values, channels: &[Channel]) -> Result<VonageProvider, ConnectError> {
    transcripts::given(values, channels, Receipts::Reference, VonageProvider::new)
}

fn sms() -> VonageProvider {
    made(&values(), &[Channel::Sms]).unwrap()
}

/// With voice, and the settings that it needs.
fn calling(change: impl FnOnce(Values) -> Values) -> Result<VonageProvider, ConnectError> {
    let values = values()
        .with("application_id", Value::Text("app-1".into()))
        .with("private_key", Value::Secret(application_key_pem().0.into()));
    made(&change(values), KIND.channels)
}

fn call_texts() -> Arc<CallTexts> {
    Arc::new(CallTexts {
        language: "en-GB".into(),
        greeting: "ACME & Co. Press 1.".into(),
        code: "Your code is 5, 8, 4, 2.".into(),
        keys: "Press 1 to repeat, 9 to report.".into(),
        farewell: "Goodbye.".into(),
        reported: "Thank you.".into(),
    })
}

fn call() -> Message {
    transcripts::call(call_texts(), CALL_URL)
}

fn signed(body: &[u8]) -> HeaderMap {
    let keys = VonageJwtKeys::new(&[SECRET.into()]).unwrap();
    let claims = serde_json::json!({
        "iss": "Vonage", "iat": NOW_MS / 1000, "jti": "1", "api_key": "abcd1234",
        "payload_hash": sha256_hex(body),
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, keys.sign(&claims).parse().unwrap());
    headers
}

fn callback<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Callback<'a> {
    Callback {
        method: &Method::POST,
        url: CALL_URL,
        headers,
        body,
        now_ms: NOW_MS,
    }
}

#[test]
fn the_transcripts_play() {
    transcripts::play("vonage", &sms(), |secret, body| {
        let is_event = body.starts_with(b"{") && !body.windows(5).any(|part| part == b"\"sig\"");
        if !is_event {
            return HeaderMap::new();
        }
        if secret.is_empty() {
            return signed(body);
        }
        let keys = VonageJwtKeys::new(&[secret.into()]).unwrap();
        let claims = serde_json::json!({
            "iat": NOW_MS / 1000, "payload_hash": sha256_hex(body),
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, keys.sign(&claims).parse().unwrap());
        headers
    });
}

#[tokio::test]
async fn the_transcripts_answers_mean_the_same_over_a_real_connection() {
    transcripts::play_served("vonage", |base_url| {
        Arc::new(
            made(
                &values().with("sms_url", Value::Url(base_url)),
                &[Channel::Sms],
            )
            .unwrap(),
        )
    })
    .await;
}

#[tokio::test]
async fn every_row_of_the_error_table_is_played_over_a_real_connection() {
    let mut expected = Vec::new();
    let mut answers = Vec::new();
    for (verdict, codes) in SUBMISSION.0 {
        for code in *codes {
            let body = format!(r#"{{"message-count":"1","messages":[{{"status":"{code}"}}]}}"#);
            answers.push(Played::json(200, body));
            expected.push((*code, *verdict));
        }
    }
    let count = answers.len();
    assert_eq!(count, 19);
    let server = PlayedServer::start(answers).await;
    let values = values().with("sms_url", Value::Url(server.base_url.clone()));
    let provider = Arc::new(made(&values, &[Channel::Sms]).unwrap());
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, count).await;
    for ((code, verdict), outcome) in expected.into_iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), verdict_words(verdict, code));
    }
    assert!(requests[0].starts_with("POST /sms/json HTTP/1.1\r\n"));
}

/// Each in every callback form that an account can be set to, and signed by `sig`.
#[test]
fn receipts_come_in_the_query_too() {
    let mut parameters: Parameters = [
        ("messageId", "0A01"),
        ("status", "failed"),
        ("err-code", "3"),
        ("api-key", "abcd1234"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let keys = VonageSigKeys::new(VonageSigMethod::Sha256, &[SECRET.into()]).unwrap();
    keys.sign(&mut parameters, NOW_MS);
    let mut query = form_urlencoded::Serializer::new(String::new());
    let url = format!(
        "https://otp.example.com/v1/receipts/hook-a/ref_1?{}",
        query.extend_pairs(&parameters).finish()
    );
    let headers = HeaderMap::new();
    let receipts = |url: &str| {
        sms().receipts(&Callback {
            method: &Method::GET,
            url,
            headers: &headers,
            body: b"",
            now_ms: NOW_MS,
        })
    };
    let receipt = &receipts(&url).unwrap()[0];
    assert_eq!(receipt.status, ReceiptStatus::Undelivered);
    assert!(receipt.is_final_for_number);
    let forged = url.replace("failed", "delivered");
    assert_eq!(receipts(&forged), Err(ReceiptError::Signature));
    assert_eq!(receipts(RECEIPT_URL), Err(ReceiptError::Signature));
}

#[test]
fn without_the_secret_submissions_are_signed() {
    let mut given = Values::default();
    for key in ["api_key", "signature_method", "sender"] {
        let text = Arc::clone(values().text(key).unwrap());
        given.set(key, Value::Text(text));
    }
    given.set("signature_secret", Value::Secrets(vec![SECRET.into()]));
    for key in ["sms_url", "api_url"] {
        given.set(key, Value::Url(values().url(key).unwrap().clone()));
    }
    let provider = made(&given, &[Channel::Sms]).unwrap();
    let request = provider.request(&transcripts::message()).unwrap();
    let sent = crate::signature::parse_parameters(request.body()).unwrap();
    assert!(!sent.contains_key("api_secret"));
    let keys = VonageSigKeys::new(VonageSigMethod::Sha256, &[SECRET.into()]).unwrap();
    assert_eq!(keys.verify(&sent, NOW_MS), Ok(NOW_MS / 1000));

    let refused = made(&given.with("feedback", Value::Flag(true)), &[Channel::Sms]);
    assert!(matches!(
        refused,
        Err(ConnectError::Setting {
            key: "feedback",
            ..
        })
    ));
}

#[test]
fn conversions_are_reported_for_texts_alone() {
    let id = ProviderCode::new("0A0000000123ABCD1").unwrap();
    let feedback = |provider: &VonageProvider, channel| {
        provider.feedback(&Feedback {
            message_id: &id,
            channel,
            was_used: true,
            at_ms: NOW_MS,
        })
    };
    assert!(feedback(&sms(), Channel::Sms).is_none());
    let on = values().with("feedback", Value::Flag(true));
    let on = made(&on, &[Channel::Sms]).unwrap();
    assert!(feedback(&on, Channel::Voice).is_none());
    let request = feedback(&on, Channel::Sms).unwrap();
    assert_eq!(request.uri(), "https://api.nexmo.com/conversions/sms");
    let body = std::str::from_utf8(request.body()).unwrap();
    assert_eq!(
        body,
        "api_key=abcd1234&delivered=true&message-id=0A0000000123ABCD1\
         &timestamp=2023-11-14+22%3A13%3A20&api_secret=secret"
    );
}

#[test]
fn settings_that_cannot_work_are_named() {
    let refused = |change: fn(Values) -> Values| match calling(change) {
        Err(ConnectError::Setting { key, .. }) => Some(key),
        Err(ConnectError::Randomness) | Ok(_) => None,
    };
    assert_eq!(refused(|values| values), None);
    let no_key = |values: Values| values.with("private_key", Value::Secret("text".into()));
    assert_eq!(refused(no_key), Some("private_key"));
    let without_application = made(&values(), KIND.channels).err();
    assert!(matches!(
        without_application,
        Some(ConnectError::Setting {
            key: "application_id",
            ..
        })
    ));
}

proptest! {
    #[test]
    fn arbitrary_answers_and_callbacks_never_panic(
        status in 100..1000_u16,
        body in prop::collection::vec(any::<u8>(), 0..256),
        url in ".{0,64}",
    ) {
        let provider = sms();
        let response = Response {
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.clone().into(),
        };
        prop_assert!(provider.classify(&response).is_err());
        for method in [Method::GET, Method::POST] {
            let headers = HeaderMap::new();
            let receipts = provider.receipts(&Callback {
                method: &method,
                url: &url,
                headers: &headers,
                body: &body,
                now_ms: NOW_MS,
            });
            prop_assert!(receipts.is_err());
        }
        let headers = signed(&body);
        // Whatever is signed is read, and nothing of it panics.
        let read = provider.call_event(&callback(&headers, &body));
        prop_assert!(read.is_err());
        prop_assert!(provider.receipts(&callback(&headers, &body)).is_err());
    }
}
