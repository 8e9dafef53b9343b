//! The call to the carrier: the bytes that the gateway's `webhook` provider posts,
//! signature included.

use std::io;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

const ANSWER_BYTES_MAX: usize = 64 * 1024;
const IDLE_CONNECTIONS_MAX: usize = 256;
const USER_AGENT: &str = "watchword/0.1.0";

/// What is posted.
#[derive(Serialize)]
pub(crate) struct Submission<'a> {
    pub(crate) reference: &'a str,
    pub(crate) to: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) text: &'a str,
    pub(crate) speech: Option<&'a str>,
    pub(crate) sender: Option<&'a str>,
    pub(crate) locale: &'a str,
    #[serde(serialize_with = "as_rfc3339")]
    pub(crate) expires_at: Timestamp,
    pub(crate) receipt_url: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    message_id: String,
}

/// The one provider.
#[derive(Clone)]
pub(crate) struct Carrier {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    signing: hmac::Key,
}

impl Carrier {
    pub(crate) fn new(url: Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self {
            client,
            url,
            signing: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
        }
    }

    /// The carrier's name for the message it took.
    pub(crate) async fn submit(&self, submission: &Submission<'_>) -> anyhow::Result<String> {
        let body = Bytes::from(serde_json::to_vec(submission)?);
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers(submission.reference, &body)?;
        let response = self.client.request(request).await?;
        if !response.status().is_success() {
            return Err(io::Error::other("the carrier refused").into());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(serde_json::from_slice::<Answer>(&body)?.message_id)
    }

    fn headers(&self, reference: &str, body: &[u8]) -> anyhow::Result<HeaderMap> {
        let timestamp = Timestamp::now().as_second().to_string();
        let mut signed = hmac::Context::with_key(&self.signing);
        for part in [reference, ".", &timestamp, "."] {
            signed.update(part.as_bytes());
        }
        signed.update(body);
        let signature = format!("v1,{}", STANDARD.encode(signed.sign()));
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert("webhook-id", reference.try_into()?);
        headers.insert("webhook-timestamp", timestamp.try_into()?);
        headers.insert("webhook-signature", signature.try_into()?);
        Ok(headers)
    }
}

pub(crate) fn as_rfc3339<S: Serializer>(
    timestamp: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(timestamp)
}
