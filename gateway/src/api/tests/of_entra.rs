//! What Microsoft Entra meets: who is let in before a body is read, the rules in
//! their order, and errors in its own shape from every layer.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::bounds::Silent;
use super::*;
use crate::api::endpoint::Parameters;
use crate::api::entra;
use crate::api::entra::EntraCaller;
use crate::entra::envelope::{self, Mode};
use crate::entra::{jwe, jwks, token};

const SEND_OTP: &str = "/api/SendOtp";
/// When the tokens of the vectors are valid.
pub(super) const NOW_S: u64 = 1_800_000_000;

/// One directory, by the vectors' keys.
pub(super) fn directories(tenant: Arc<Tenant>) -> Directories {
    let vectors = token::tests::vectors();
    let rules = token::tests::rules(&vectors);
    let directory = EntraDirectory {
        tenant,
        signing_keys: jwks::tests::known(&vectors["jwks"].to_string(), &rules),
        rules,
        decryption_keys: Arc::new(jwe::tests::keys()),
        budget: Duration::from_millis(2_300),
        validity_s: 600,
    };
    Directories::new(vec![Arc::new(directory)])
}

/// Reads a request as the endpoint does, but for the encrypted part.
pub(super) fn read(asked: &Asked) -> Result<(), Problem> {
    let envelope = envelope::parse(&asked.body);
    envelope
        .map(drop)
        .map_err(|_| Problem::from(TokenRefusal::Malformed))
}

/// As the endpoint, over a provider that takes everything.
pub(super) async fn answer(caller: &EntraCaller, asked: &Asked) -> Reply {
    match entra::read(caller, asked).await {
        Ok(otp) => otp.accepted(),
        Err(refused) => refused.reply(),
    }
}

fn token(name: &str) -> String {
    let vectors = token::tests::vectors();
    let mut list = vectors["tokens"].as_array().unwrap().iter();
    let vector = list.find(|vector| vector["name"] == name).unwrap();
    vector["token"].as_str().unwrap().to_owned()
}

fn encrypted(kind: &str, name: &str) -> String {
    let mut list = jwe::tests::vectors(kind).into_iter();
    list.find(|(known, _, _)| known == name).unwrap().1
}

fn with(changes: Value) -> Value {
    let mut envelope = json!({
        "type": "microsoft.mfa.otpDeliver.v1", "channel": "sms", "mode": "live",
        "encryptedDeliveryContext": encrypted("opened", "the newest key"),
    });
    let changes = changes.as_object().unwrap().clone();
    envelope.as_object_mut().unwrap().extend(changes);
    envelope
}

fn request(headers: &[(&str, &str)], body: &Value) -> Request<Full<Bytes>> {
    let mut request = Request::post(SEND_OTP)
        .header("authorization", format!("Bearer {}", token("version 1")))
        .header("x-request-id", "test-1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

async fn answered(headers: &[(&str, &str)], changes: Value) -> Answered {
    TestApi::new().send(request(headers, &with(changes))).await
}

/// A body that never comes, and may not be asked for.
struct Unread;

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        panic!("the body is read")
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_token_and_no_body_is_read_before() {
    let api = TestApi::new();
    let good = format!("Bearer {}", token("version 1"));
    let expired = format!("Bearer {}", token("expired"));
    let other = format!("Bearer {}", token("another application"));
    let two: [&str; 2] = [&good, &good];
    let one_of_each: [&str; 2] = [&good, "Bearer all"];
    for (authorization, status, error) in [
        (&[][..], 401, "unauthorized"),
        (&["Bearer all"], 401, "unauthorized"),
        (&[good.trim_start_matches("Bearer ")], 401, "unauthorized"),
        (&two, 401, "unauthorized"),
        (&one_of_each, 401, "unauthorized"),
        (&[&expired], 401, "unauthorized"),
        (&[&other], 403, "caller_not_listed"),
    ] {
        let mut request = Request::post(SEND_OTP)
            .header("x-request-id", "test-1")
            .header("x-ms-correlation-id", "c-head");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let answer = api.send(request.body(Unread).unwrap()).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.json(),
            json!({"error": error, "correlationId": "c-head", "requestId": "test-1"})
        );
        assert_eq!(answer.header("content-type"), "application/json");
        let asks_for_one = answer.header("www-authenticate").starts_with("Bearer");
        assert_eq!(asks_for_one, status == 401);
    }
}

#[tokio::test]
async fn without_a_configured_directory_nobody_is_let_in() {
    struct WithoutEntra;

    impl Directory for WithoutEntra {
        fn caller(&self, _: &[u8; 32]) -> Option<Caller> {
            None
        }

        fn operator(&self, _: &[u8; 32]) -> Option<Operator> {
            None
        }
    }

    let bearer = token("version 1");
    let refusal = WithoutEntra.entra(Some(&bearer)).await.err();
    assert_eq!(refusal, Some(TokenRefusal::Unconfigured));
    let none = Directories::default().admit(Some(&bearer), NOW_S).await;
    assert_eq!(none.err(), Some(TokenRefusal::Unconfigured));
}

#[tokio::test]
async fn a_request_is_answered_with_its_nonce_and_its_names() {
    for (headers, changes, correlation) in [
        (&[][..], json!({}), "test-1"),
        (&[("x-ms-correlation-id", "head-1")], json!({}), "head-1"),
        (
            &[("x-ms-correlation-id", "head-1")],
            json!({"correlationId": "body-1", "mode": 2, "channel": 2}),
            "body-1",
        ),
    ] {
        let answer = answered(headers, changes).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json(),
            json!({
                "nonce": "golden-nonce-7d1c", "correlationId": correlation,
                "providerStatus": "accepted",
            })
        );
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_drawn_request_id_is_the_same_in_head_and_body() {
    let api = TestApi::new();
    let mut request = request(&[], &with(json!({"mode": 3})));
    request.headers_mut().remove("x-request-id");
    let answer = api.send(request).await;
    assert!(answer.header("x-request-id").starts_with("req_"));
    assert_eq!(answer.json()["requestId"], answer.header("x-request-id"));
}

#[tokio::test]
async fn envelope_encryption_and_context_are_judged_in_this_order() {
    let wrong = "wrong";
    let tampered = encrypted("refused", "changed tag");
    let blank = encrypted("incomplete", "nonce blank");
    let id = ("x-ms-client-request-id", "with a space");
    let steps = [
        (
            json!({"type": wrong, "channel": wrong}),
            "bad_request",
            Some("unsupported envelope type"),
        ),
        (
            json!({"channel": wrong, "mode": wrong}),
            "bad_request",
            Some("unsupported channel"),
        ),
        (
            json!({"ttlSeconds": "1", "encryptedDeliveryContext": tampered}),
            "bad_request",
            Some("invalid ttlSeconds"),
        ),
        (
            json!({"encryptedDeliveryContext": tampered}),
            "decryption_failed",
            None,
        ),
        (
            json!({"encryptedDeliveryContext": blank}),
            "bad_request",
            Some("incomplete delivery context"),
        ),
        (
            json!({}),
            "bad_request",
            Some("invalid x-ms-client-request-id"),
        ),
    ];
    for (step, (mut changes, error, reason)) in steps.into_iter().enumerate() {
        changes["correlationId"] = json!("c-1");
        let answer = answered(&[id], changes).await;
        let mut expected = json!({"error": error, "requestId": "test-1"});
        if let Some(reason) = reason {
            expected["reason"] = json!(reason);
        }
        // Of an envelope that cannot be read, as the first three, there is no correlation id.
        if step >= 3 {
            expected["correlationId"] = json!("c-1");
        }
        assert_eq!((answer.status, answer.json()), (400, expected));
    }
    let api = TestApi::new();
    for (body, reason) in [("{", "invalid JSON body"), ("[]", "invalid envelope")] {
        let (head, _) = request(&[], &json!({})).into_parts();
        let answer = api
            .send(Request::from_parts(head, Full::new(Bytes::from(body))))
            .await;
        assert_eq!(
            (answer.status, &answer.json()["reason"]),
            (400, &json!(reason))
        );
    }
}

#[tokio::test]
async fn whatever_cannot_be_decrypted_is_answered_alike() {
    let mut answers = HashSet::new();
    for (name, jwe, _) in jwe::tests::vectors("refused") {
        if jwe.trim().is_empty() {
            continue;
        }
        let changes = json!({"encryptedDeliveryContext": jwe, "correlationId": "c-1"});
        let answer = answered(&[], changes).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.insert(answer.body);
    }
    assert_eq!(answers.len(), 1);
    let only = answers.into_iter().next().unwrap();
    let only: Value = serde_json::from_slice(&only).unwrap();
    let expected =
        json!({"error": "decryption_failed", "correlationId": "c-1", "requestId": "test-1"});
    assert_eq!(only, expected);
}

/// A request that is let in, opened.
async fn otp(headers: &[(&'static str, &str)], changes: Value) -> entra::Otp {
    let api = TestApi::new();
    let bearer = token("version 1");
    let directory = api.edge.parts.directory.entra(Some(&bearer)).await.unwrap();
    let caller = EntraCaller {
        directory,
        received_at: Instant::now(),
    };
    let asked = asked(headers, &with(changes).to_string());
    entra::read(&caller, &asked).await.ok().unwrap()
}

#[tokio::test]
async fn a_request_becomes_a_delivery_as_it_is() {
    let id = [("x-ms-client-request-id", "attempt-1")];
    let full = json!({
        "channel": 1, "ttlSeconds": 90,
        "encryptedDeliveryContext": encrypted("opened", "all fields"),
    });
    let first = otp(&id, full.clone()).await;
    assert_eq!(first.mode(), Mode::Live);
    let request = first.request();
    assert_eq!(request.to, "+14255550123");
    assert_eq!(request.channel, Some(Channel::Sms));
    assert_eq!(request.locale.as_deref(), Some("en-US"));
    assert_eq!(request.validity_s, Some(90));
    assert_eq!(
        request.text,
        "Use verification code 483920 for Contoso authentication."
    );
    let again = otp(&id, full).await;
    let (key, again) = (&request.idempotency, &again.request().idempotency);
    let (key, again) = (key.as_ref().unwrap(), again.as_ref().unwrap());
    assert_eq!((&*key.key, &key.content), ("attempt-1", &again.content));
    assert!(!String::from_utf8_lossy(&key.content).contains("nonce"));

    let plain = otp(&[], json!({})).await;
    assert_eq!(plain.request().validity_s, Some(600));
    assert!(plain.request().idempotency.is_none() && plain.request().locale.is_none());
    let long = otp(&[], json!({"ttlSeconds": 2_147_483_647_u64})).await;
    assert_eq!(long.request().validity_s, Some(86_400));
}

#[tokio::test]
async fn a_call_is_asked_for_with_its_extension_and_a_text_without() {
    let full = encrypted("opened", "all fields");
    let text = otp(&[], json!({"encryptedDeliveryContext": full})).await;
    assert!(text.request().extension.is_none());
    let changes = json!({"channel": "voice", "encryptedDeliveryContext": full});
    let call = otp(&[], changes).await;
    let extension = call.request().extension.as_ref().unwrap();
    assert_eq!(extension.expose(), "123");
}

#[tokio::test]
async fn an_attempt_has_one_name_that_can_be_written() {
    let long = "x".repeat(128);
    assert_eq!(
        answered(&[("x-ms-client-request-id", &long)], json!({}))
            .await
            .status,
        200
    );
    let too_long = "x".repeat(129);
    let name = "x-ms-client-request-id";
    for headers in [
        &[(name, &*too_long)][..],
        &[(name, "")],
        &[(name, "a b")],
        &[(name, "ä")],
        &[(name, "a"), (name, "a")],
    ] {
        let answer = answered(headers, json!({})).await;
        assert_eq!(answer.json()["reason"], "invalid x-ms-client-request-id");
    }
}

#[tokio::test]
async fn every_layer_speaks_the_words_of_the_contract() {
    let api = TestApi::new();
    let error = |answer: &Answered| {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["requestId"], answer.header("x-request-id"));
        assert!(answer.json().get("code").is_none());
        (
            answer.status,
            answer.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    let padding = "x".repeat(32 * 1024);
    let answer = api
        .send(request(&[], &with(json!({ "padding": padding }))))
        .await;
    assert_eq!(error(&answer), is(413, "body_too_large"));
    let padding = "x".repeat(16 * 1024);
    let answer = api
        .send(request(&[], &with(json!({ "padding": padding }))))
        .await;
    assert_eq!(answer.status, 200);

    let answer = api.get(SEND_OTP).await;
    assert_eq!(error(&answer), is(405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "POST");
    for other in ["/api/sendotp", "/api/SendOtp/", "/api"] {
        assert_eq!(api.post(other, "{}").await.problem(), is(404, "not_found"));
    }

    let settings = ApiSettings {
        in_flight_max: 1,
        ..ApiSettings::default()
    };
    let full = TestApi::with(Ok(()), settings, None);
    let stuck = Request::post("/v1/receipts/hook-a/good")
        .body(Silent)
        .unwrap();
    let mut stuck = Box::pin(full.send(stuck));
    assert!(stuck.as_mut().now_or_never().is_none());
    let answer = full.send(request(&[], &with(json!({})))).await;
    assert_eq!(error(&answer), is(503, "overloaded"));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for_longer_than_the_caller_does() {
    let api = TestApi::new();
    let before = Instant::now();
    let (head, _) = request(&[], &json!({})).into_parts();
    let answer = api.send(Request::from_parts(head, Silent)).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (408, &json!("body_timeout"))
    );
    assert!(before.elapsed() <= Duration::from_millis(2_301));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_decryption_is_answered_when_its_time_is_over() {
    let directories = directories(caller([]).tenant);
    let directory = directories.iter().next().unwrap();
    let keys = Arc::clone(&directory.decryption_keys);
    let entra_caller = EntraCaller {
        directory: Arc::clone(directory),
        received_at: Instant::now(),
    };
    let (head, ()) = Request::post(SEND_OTP).body(()).unwrap().into_parts();
    let asked = Asked {
        parameters: Parameters::default(),
        head,
        body: Bytes::from(with(json!({})).to_string()),
    };
    let others = futures_util::future::join_all((0..jwe::AT_ONCE_MAX).map(|_| keys.place())).await;
    assert!(keys.place().now_or_never().is_none());
    let late = answer(&entra_caller, &asked).await;
    assert_eq!(late.status(), 504);
    assert!(entra_caller.received_at.elapsed() <= Duration::from_millis(2_301));
    drop(others);
    let entra_caller = EntraCaller {
        received_at: Instant::now(),
        ..entra_caller
    };
    assert_eq!(answer(&entra_caller, &asked).await.status(), 200);
}
