//! Which published keys are used, and when an issuer is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use serde_json::json;
use tokio::net::TcpListener;
use watchword_providers::http_client::{ClientSettings, Tls};

use super::*;
use crate::entra::token::TokenRules;

const DIRECTORY: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

fn source(url: &str) -> JwksSource {
    JwksSource {
        url: url.parse().unwrap(),
        directory: DIRECTORY.to_owned(),
        issuers: vec!["https://issuer.example.com".to_owned()],
    }
}

/// The key that a document has under a name.
pub(in crate::entra) fn key_of(
    document: &str,
    rules: &TokenRules,
    id: &str,
) -> Option<Arc<DecodingKey>> {
    let source = JwksSource {
        url: Uri::from_static("https://login.microsoftonline.com/keys"),
        directory: rules.directory.clone(),
        issuers: rules.issuers.clone(),
    };
    let keys = parse(document.as_bytes(), &source).unwrap();
    let found = keys.into_iter().find(|key| key.id == id);
    found.map(|found| found.key)
}

/// The keys of a document, just fetched from where nobody answers.
pub(crate) fn known(document: &str, rules: &TokenRules) -> Arc<SigningKeys> {
    let source = JwksSource {
        url: Uri::from_static("http://127.0.0.1:1/keys"),
        directory: rules.directory.clone(),
        issuers: rules.issuers.clone(),
    };
    let keys = parse(document.as_bytes(), &source).unwrap();
    let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
    let signing_keys = SigningKeys::new(source, client, Arc::default());
    signing_keys.known.store(Some(Arc::new(KeySet {
        keys,
        fetched_at: Instant::now(),
    })));
    signing_keys
}

/// A modulus of 2048 bits that nobody has the factors of.
fn modulus() -> String {
    URL_SAFE_NO_PAD.encode([0xc5; 256])
}

fn jwk(id: &str) -> Value {
    json!({"kty": "RSA", "kid": id, "n": modulus(), "e": "AQAB"})
}

fn with(changes: Value) -> Value {
    let mut jwk = jwk("k");
    let changes = changes.as_object().unwrap().clone();
    jwk.as_object_mut().unwrap().extend(changes);
    jwk
}

fn ids(document: &Value) -> Result<Vec<String>, JwksError> {
    let source = source("https://issuer.example.com/keys");
    let keys = parse(document.to_string().as_bytes(), &source)?;
    Ok(keys.into_iter().map(|key| key.id).collect())
}

#[test]
fn a_key_that_may_sign_for_the_directory_is_used() {
    for good in [
        json!({}),
        json!({"use": "sig", "alg": "RS256", "x5c": ["a"], "new": 1}),
        json!({"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}),
        json!({"issuer": format!("https://sts.windows.net/{}/", DIRECTORY.to_uppercase())}),
        json!({"issuer": "https://issuer.example.com"}),
        json!({"n": URL_SAFE_NO_PAD.encode([0x80; 512])}),
    ] {
        let document = json!({"keys": [with(good.clone())]});
        assert_eq!(ids(&document).unwrap(), ["k"], "{good}");
    }
}

#[test]
fn any_other_key_is_left_out_and_takes_nothing_from_the_others() {
    for bad in [
        json!({"kty": "EC"}),
        json!({"kty": 1}),
        json!({"use": "enc"}),
        json!({"alg": "RS512"}),
        json!({"alg": "none"}),
        json!({"kid": ""}),
        json!({"kid": null}),
        json!({"n": "AQAB"}),
        json!({"n": URL_SAFE_NO_PAD.encode([0x7f; 256])}),
        json!({"n": URL_SAFE_NO_PAD.encode([0x80; 255])}),
        json!({"n": URL_SAFE_NO_PAD.encode([0x80; 1_025])}),
        json!({"n": "not base64!"}),
        json!({"e": ""}),
        json!({"e": URL_SAFE_NO_PAD.encode([1; 9])}),
        json!({"issuer": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}),
    ] {
        let document = json!({"keys": [with(bad.clone()), jwk("other")]});
        assert_eq!(ids(&document).unwrap(), ["other"], "{bad}");
        let alone = json!({"keys": [with(bad)]});
        assert_eq!(ids(&alone), Err(JwksError::NoKey));
    }
}

#[test]
fn a_document_has_its_bounds() {
    assert_eq!(ids(&json!({"keys": []})), Err(JwksError::NoKey));
    for other in [json!({}), json!([]), json!({"keys": {}}), json!(null)] {
        assert_eq!(ids(&other), Err(JwksError::NotAKeySet), "{other}");
    }
    let many = |count: usize| {
        let keys = (0..count).map(|number| jwk(&number.to_string()));
        json!({"keys": keys.collect::<Vec<_>>()})
    };
    assert_eq!(ids(&many(KEYS_MAX)).unwrap().len(), KEYS_MAX);
    assert_eq!(ids(&many(KEYS_MAX + 1)), Err(JwksError::TooManyKeys));
    assert_eq!(ids(&json!({"keys": [jwk("k"), jwk("k")]})).unwrap(), ["k"]);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        _ = parse(&body, &source("https://issuer.example.com/keys"));
    }
}

/// An issuer on this machine that answers what it is told to, and counts.
struct Issuer {
    url: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Issuer {
    async fn start(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let asked: Arc<AtomicUsize> = Arc::default();
        let answer = Arc::new(Mutex::new((200, document.to_string())));
        let (counting, answering) = (Arc::clone(&asked), Arc::clone(&answer));
        let service = service_fn(move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            let (status, body) = answering.lock().unwrap().clone();
            let answer = Response::builder().status(status);
            let answer = answer.header("location", "/elsewhere");
            let answer = answer.body(Full::new(Bytes::from(body)));
            std::future::ready(answer)
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = hyper::server::conn::http1::Builder::new();
                let connection = serving.serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(connection);
            }
        });
        Self { url, asked, answer }
    }

    fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn keys(&self) -> Arc<SigningKeys> {
        let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
        SigningKeys::new(source(&self.url), client, Arc::default())
    }
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for the fetch that runs, if one does.
async fn fetched(keys: &SigningKeys) {
    let running = keys.refresh.lock().unwrap().running.clone();
    if let Some(mut running) = running {
        assert!(running.changed().await.is_err());
    }
}

#[tokio::test]
async fn all_who_wait_for_the_first_keys_wait_for_one_fetch() {
    let issuer = Issuer::start(&json!({"keys": [jwk("a")]})).await;
    let keys = issuer.keys();
    assert!(keys.state().is_none());
    let asking = (0..20).map(|_| keys.key("a"));
    let found = futures_util::future::join_all(asking).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 1);
    assert_eq!(keys.state().unwrap().1, 1);
}

#[tokio::test]
async fn an_unknown_key_has_the_issuer_asked_once_a_minute() {
    let issuer = Issuer::start(&json!({"keys": [jwk("a")]})).await;
    let keys = issuer.keys();
    assert!(keys.key("a").await.is_ok());
    issuer.answers(200, &json!({"keys": [jwk("b")]}).to_string());
    for _ in 0..5 {
        assert_eq!(keys.key("b").await.unwrap_err(), KeyMissing::Unknown);
    }
    assert_eq!(issuer.asked(), 1);
    pass(AGAIN_AFTER).await;
    assert!(keys.key("b").await.is_ok());
    // What the issuer has withdrawn lets nobody in.
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unknown);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn keys_are_refreshed_every_hour_without_anybody_waiting() {
    let issuer = Issuer::start(&json!({"keys": [jwk("a")]})).await;
    let keys = issuer.keys();
    keys.keep_fresh();
    fetched(&keys).await;
    keys.keep_fresh();
    assert_eq!(issuer.asked(), 1);
    issuer.answers(200, &json!({"keys": [jwk("a"), jwk("b")]}).to_string());
    pass(REFRESH_EVERY).await;
    keys.keep_fresh();
    fetched(&keys).await;
    assert_eq!((issuer.asked(), keys.state().unwrap().1), (2, 2));
}

#[tokio::test]
async fn old_keys_stay_good_for_a_day_while_the_issuer_fails() {
    let issuer = Issuer::start(&json!({"keys": [jwk("a")]})).await;
    let keys = issuer.keys();
    assert!(keys.key("a").await.is_ok());
    for (status, body) in [
        (500, "{}"),
        (302, ""),
        (200, "nothing"),
        (200, "{\"keys\":[]}"),
    ] {
        issuer.answers(status, body);
        pass(REFRESH_EVERY).await;
        keys.keep_fresh();
        fetched(&keys).await;
        assert!(keys.key("a").await.is_ok(), "{status}");
    }
    assert_eq!(issuer.asked(), 5);
    pass(AGE_MAX).await;
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unavailable);
}

#[tokio::test]
async fn without_any_keys_nobody_is_told_that_a_token_is_bad() {
    let issuer = Issuer::start(&json!({})).await;
    issuer.answers(503, "");
    let keys = issuer.keys();
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unavailable);
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unavailable);
    assert_eq!(issuer.asked(), 1);
    issuer.answers(200, &json!({"keys": [jwk("a")]}).to_string());
    pass(AGAIN_WITHOUT_KEYS).await;
    assert!(keys.key("a").await.is_ok());
}

#[tokio::test]
async fn a_document_longer_than_the_bound_is_not_read() {
    let padding = "x".repeat(DOCUMENT_BYTES_MAX);
    let issuer = Issuer::start(&json!({"keys": [jwk("a")], "padding": padding})).await;
    let keys = issuer.keys();
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unavailable);
    let padding = "x".repeat(DOCUMENT_BYTES_MAX - 1_000);
    issuer.answers(
        200,
        &json!({"keys": [jwk("a")], "padding": padding}).to_string(),
    );
    pass(AGAIN_WITHOUT_KEYS).await;
    assert!(keys.key("a").await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_hangs_is_not_waited_for_by_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
    let keys = SigningKeys::new(source(&url), client, Arc::default());
    let before = Instant::now();
    assert_eq!(keys.key("a").await.unwrap_err(), KeyMissing::Unavailable);
    assert!(before.elapsed() < FETCH_TIMEOUT);
    drop(listener);
}

#[tokio::test]
async fn only_so_many_wait_for_an_issuer_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
    let keys = SigningKeys::new(source(&url), client, Arc::default());
    let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(keys.key("a"))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    let answered = keys.key("a").now_or_never();
    assert_eq!(answered.unwrap().unwrap_err(), KeyMissing::Unavailable);
    waiting.pop();
    assert!(keys.key("a").now_or_never().is_none());
    drop(listener);
}
