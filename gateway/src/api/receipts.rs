//! `/v1/receipts/..` and `/v1/calls/..`: the HTTP half of a provider's callback. Whether it is
//! believed, and what it changes, is for the sink to say.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use watchword_providers::CallDocument;

use super::answer::{Reply, empty, with_type};
use super::codes;
use super::endpoint::Asked;
use super::problem::Problem;
use crate::receipts::ReceiptRefusal;

/// A provider's call to us, whole, as its signature scheme needs it.
pub struct ReceiptCall {
    pub provider: Box<str>,
    /// From the path: names the attempt. `None` where the body does.
    pub reference: Option<Box<str>>,
    pub method: Method,
    /// The public URL the provider called, with its query.
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Takes the callbacks of providers.
#[async_trait]
pub trait ReceiptSink: Send + Sync {
    /// Whether such a callback can be one of ours, from the path alone: is the
    /// provider known, and the reference's MAC right. Asked before the body is
    /// read, so it must be cheap and must not ask the store.
    fn admits(&self, provider: &str, reference: Option<&str>) -> Result<(), ReceiptRefusal>;

    /// # Cancel safety
    ///
    /// The future is dropped if the provider hangs up: what must be finished
    /// belongs into a task of its own.
    async fn receive(&self, call: ReceiptCall) -> Result<(), ReceiptRefusal>;

    /// What this provider has to read once its receipt was taken; empty for most.
    fn answer_to(&self, provider: &str) -> &'static str;

    /// As [`Self::admits`], of a call that asks what to say.
    fn admits_call(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal>;

    /// What a call does next, in the provider's form.
    async fn answer(&self, call: ReceiptCall) -> Result<CallDocument, ReceiptRefusal>;
}

pub(super) async fn receive(
    sink: &dyn ReceiptSink,
    public_url: &str,
    asked: Asked,
) -> Result<Reply, Problem> {
    let text = sink.answer_to(&asked.parameters.first);
    sink.receive(call(public_url, asked)).await?;
    Ok(match text {
        "" => empty(StatusCode::NO_CONTENT),
        text => with_type(
            "text/plain",
            StatusCode::OK,
            Bytes::from_static(text.as_bytes()),
        ),
    })
}

pub(super) async fn answer(
    sink: &dyn ReceiptSink,
    public_url: &str,
    asked: Asked,
) -> Result<Reply, Problem> {
    let document = sink.answer(call(public_url, asked)).await?;
    let mut reply = with_type(document.content_type, StatusCode::OK, document.body);
    // It may hold a code.
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

fn call(public_url: &str, asked: Asked) -> ReceiptCall {
    let uri = &asked.head.uri;
    let path_and_query = uri
        .path_and_query()
        .map_or(uri.path(), |both| both.as_str());
    ReceiptCall {
        provider: asked.parameters.first,
        reference: asked.parameters.second,
        url: format!("{public_url}{path_and_query}"),
        method: asked.head.method,
        headers: asked.head.headers,
        body: asked.body,
    }
}

/// When a provider should call again: by then most of what passes has passed.
const AGAIN_AFTER_S: u64 = 5;

impl From<ReceiptRefusal> for Problem {
    fn from(refusal: ReceiptRefusal) -> Self {
        match refusal {
            ReceiptRefusal::NotFound => Self::new(&codes::NOT_FOUND),
            ReceiptRefusal::UnknownKey => {
                Self::new(&codes::UNKNOWN_KEY).retry_after_s(AGAIN_AFTER_S)
            }
            ReceiptRefusal::NotBelieved => Self::new(&codes::RECEIPT_REFUSED),
            ReceiptRefusal::Unavailable => {
                Self::new(&codes::RECEIPT_UNAVAILABLE).retry_after_s(AGAIN_AFTER_S)
            }
        }
    }
}
