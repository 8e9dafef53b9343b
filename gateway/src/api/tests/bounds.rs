//! What no request may do: send too much, take too long, push in, bring the
//! process down; and what a provider's callback meets.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::*;
use futures_util::FutureExt;

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let api = TestApi::new();
    let request = Request::post("/v1/verifications")
        .header("authorization", "Bearer all")
        .header("content-length", "16385")
        .body(Silent)
        .unwrap();
    // Reading would wait for ever: the answer is there at once.
    let answer = api.send(request).now_or_never().expect("answered at once");
    assert_eq!(answer.problem(), is(413, "body_too_large"));
}

#[tokio::test]
async fn a_body_that_turns_out_too_long_is_refused() {
    let api = TestApi::new();
    let answer = api
        .post("/v1/verifications", &" ".repeat(16 * 1024 + 1))
        .await;
    assert_eq!(answer.problem(), is(413, "body_too_large"));
    let most = api.post("/v1/verifications", &" ".repeat(16 * 1024)).await;
    assert_eq!(most.problem(), is(400, "malformed_json"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let api = TestApi::new();
    let request = Request::post("/v1/verifications")
        .header("authorization", "Bearer all")
        .body(Silent)
        .unwrap();
    assert_eq!(api.send(request).await.problem(), is(408, "body_timeout"));
}

#[tokio::test]
async fn a_stranger_does_not_make_us_read_a_body() {
    let api = TestApi::new();
    for path in [
        "/v1/verifications",
        "/v1/receipts/hook-a/forged",
        "/v1/receipts/hook-z",
        // Anybody can name a key that is not here.
        "/v1/receipts/hook-a/rotated",
    ] {
        let request = Request::post(path).body(Silent).unwrap();
        let answer = api.send(request).now_or_never().expect("answered at once");
        assert!(matches!(answer.status, 401 | 404 | 503), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_answered() {
    let settings = ApiSettings {
        request_timeout: Duration::from_secs(3),
        ..ApiSettings::default()
    };
    let api = TestApi::with(Ok(()), settings, None);
    let request = Request::post("/v1/receipts/hook-a/good")
        .body(Silent)
        .unwrap();
    let answer = api.send(request).await;
    assert_eq!(answer.problem(), is(503, "deadline_exceeded"));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn with_no_place_left_requests_are_refused_at_once() {
    let settings = ApiSettings {
        in_flight_max: 1,
        ..ApiSettings::default()
    };
    let api = TestApi::with(Ok(()), settings, None);
    let stuck = Request::post("/v1/receipts/hook-a/good")
        .body(Silent)
        .unwrap();
    let mut stuck = Box::pin(api.send(stuck));
    assert!(stuck.as_mut().now_or_never().is_none());
    let answer = api.get("/docs").await;
    assert_eq!(answer.problem(), is(503, "overloaded"));
    assert_eq!(answer.header("retry-after"), "1");
    drop(stuck);
    assert_eq!(api.get("/docs").await.status, 200);
}

#[tokio::test]
async fn a_panic_becomes_an_answer_and_is_counted() {
    struct Panicking;

    impl SandboxInbox for Panicking {
        fn messages(&self, _: &str, _: Option<&str>) -> Vec<InboxMessage> {
            panic!("as a bug would")
        }
    }

    let settings = ApiSettings::default();
    let sandbox: Arc<dyn SandboxInbox> = Arc::new(Panicking);
    let api = TestApi::with(Ok(()), settings, Some(sandbox));
    assert_eq!(api.get("/docs").await.status, 200);
    assert_eq!(api.panics.load(Ordering::Relaxed), 0);
    let answer = api.get("/v1/sandbox/messages").await;
    assert_eq!(answer.problem(), is(500, "internal_error"));
    assert_eq!(api.panics.load(Ordering::Relaxed), 1);
    assert!(!String::from_utf8_lossy(&answer.body).contains("bug"));
}

#[tokio::test]
async fn a_receipt_reaches_the_sink_as_the_provider_sent_it() {
    let api = TestApi::new();
    let request = Request::post("/v1/receipts/hook-a/good?a=%20b")
        .header("x-signature", "s")
        .body(Full::new(Bytes::from_static(b"status=delivered")))
        .unwrap();
    assert_eq!(api.send(request).await.status, 204);
    let seen = api.sink.seen.lock().unwrap();
    let (url, headers, body) = &seen[0];
    assert_eq!(
        url,
        "https://otp.example.com/v1/receipts/hook-a/good?a=%20b"
    );
    assert_eq!(headers["x-signature"], "s");
    assert_eq!(body.as_ref(), b"status=delivered");
}

#[tokio::test]
async fn what_the_sink_says_becomes_a_status() {
    let table = [
        (Ok(()), 204),
        (Err(ReceiptRefusal::NotFound), 404),
        (Err(ReceiptRefusal::UnknownKey), 503),
        (Err(ReceiptRefusal::NotBelieved), 403),
        (Err(ReceiptRefusal::Unavailable), 503),
    ];
    for (answer, status) in table {
        let api = TestApi::with(answer, ApiSettings::default(), None);
        for path in ["/v1/receipts/hook-a/good", "/v1/receipts/hook-a"] {
            assert_eq!(api.post(path, "").await.status, status, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_receipt_under_a_key_that_is_not_here_may_come_again() {
    let api = TestApi::new();
    let answer = api.post("/v1/receipts/hook-a/rotated", "").await;
    assert_eq!(answer.problem(), is(503, "unknown_key"));
    assert_eq!(answer.header("retry-after"), "5");
    assert!(api.sink.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let api = TestApi::new();
    let request = Request::post("/v1/verifications")
        .header("authorization", "Bearer all")
        .body(Broken)
        .unwrap();
    assert_eq!(
        api.send(request).await.problem(),
        is(400, "body_unreadable")
    );
}

/// A body whose sender says nothing, for ever.
pub(super) struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that breaks off.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
