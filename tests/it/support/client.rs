//! Calls the API as an identity service does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Nothing that works takes so long: a test that waits longer has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Cheap to clone; clones share their connections.
#[derive(Clone)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) took: Duration,
}

/// No answer: the connection failed or was closed.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl Answer {
    /// The body; `Null` if it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The stable code of a refusal, or nothing.
    pub(crate) fn code(&self) -> String {
        self.text("code")
    }

    pub(crate) fn id(&self) -> String {
        self.text("id")
    }

    /// A field at the top of the document, or nothing.
    pub(crate) fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }

    /// # Panics
    ///
    /// If the status is another one; shows the answer.
    pub(crate) fn expect(self, status: u16) -> Self {
        let shown = String::from_utf8_lossy(&self.bytes);
        assert_eq!(
            self.status.as_u16(),
            status,
            "answered {}: {shown}",
            self.status
        );
        self
    }
}

/// How many answers of each status and code there are; the code of a success is empty.
pub(crate) fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts
            .entry((answer.status.as_u16(), answer.code()))
            .or_default() += 1;
    }
    counts
}

/// A tally as a test writes it down.
pub(crate) fn counts<const LENGTH: usize>(
    expected: [(u16, &str, usize); LENGTH],
) -> BTreeMap<(u16, String), usize> {
    expected
        .map(|(status, code, count)| ((status, code.to_owned()), count))
        .into()
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            base: format!("http://{address}"),
            key: Some(key.to_owned()),
            ..Self::without_key()
        }
    }

    pub(crate) fn without_key() -> Self {
        Self {
            http: legacy::Client::builder(TokioExecutor::new()).build_http(),
            base: String::new(),
            key: None,
        }
    }

    /// What the paths of this client's requests are put behind.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) async fn start(&self, number: &str) -> Answer {
        self.start_with(&json!({ "to": number })).await
    }

    pub(crate) async fn start_with(&self, body: &Value) -> Answer {
        self.post("/v1/verifications", body).await
    }

    pub(crate) async fn check(&self, id: &str, code: &str) -> Answer {
        self.check_with(id, &json!({ "code": code })).await
    }

    pub(crate) async fn check_with(&self, id: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/verifications/{id}/check"), body)
            .await
    }

    pub(crate) async fn resend(&self, id: &str) -> Answer {
        self.post(&format!("/v1/verifications/{id}/resend"), &json!({}))
            .await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        let request = Request::delete(format!("{}/v1/verifications/{id}", self.base));
        self.send(request.body(Bytes::new()).expect("a well-formed request"))
            .await
    }

    pub(crate) async fn verification(&self, id: &str) -> Answer {
        self.get(&format!("/v1/verifications/{id}")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("{}{path}", self.base));
        self.send(request.body(Bytes::new()).expect("a well-formed request"))
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.post_request(path, body, None)).await
    }

    /// With an `Idempotency-Key`.
    pub(crate) async fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        self.send(self.post_request(path, body, Some(key))).await
    }

    fn post_request(&self, path: &str, body: &Value, key: Option<&str>) -> Request<Bytes> {
        let mut request = Request::post(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request
            .body(body.to_string().into())
            .expect("a well-formed request")
    }

    /// # Panics
    ///
    /// If nothing answers.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri().path());
        let answer = self.try_send(request).await;
        answer.unwrap_or_else(|NoAnswer| panic!("no answer to {what}"))
    }

    pub(crate) async fn try_start(&self, number: &str) -> Result<Answer, NoAnswer> {
        let body = json!({ "to": number });
        self.try_send(self.post_request("/v1/verifications", &body, None))
            .await
    }

    pub(crate) async fn try_send(&self, mut request: Request<Bytes>) -> Result<Answer, NoAnswer> {
        if let Some(key) = &self.key {
            let value = format!("Bearer {key}")
                .parse()
                .expect("keys are visible ASCII");
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, value);
        }
        let started = Instant::now();
        let exchange = async {
            let response = self.http.request(request.map(Full::new)).await.ok()?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await.ok()?.to_bytes();
            Some((head, bytes))
        };
        let (head, bytes) = tokio::time::timeout(ANSWER_WITHIN, exchange)
            .await
            .ok()
            .flatten()
            .ok_or(NoAnswer)?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            bytes,
            took: started.elapsed(),
        })
    }
}
