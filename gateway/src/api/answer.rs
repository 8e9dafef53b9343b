//! The outermost layer: names the request, finds its endpoint, and writes the
//! answer, whatever became of it. The only place where problems become HTTP.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tokio::time::Instant;
use tower::{Service, ServiceExt};
use tracing::{Instrument, error, info_span};

use super::codes;
use super::endpoint::{self, Endpoint, Face, Matched};
use super::entra;
use super::problem::Problem;
use super::request_id::{RequestId, X_REQUEST_ID};
use super::stack::{Stage, shared};
use super::{Edge, RequestBody, Surface};

/// An answer before it gets the headers that all have.
pub(super) type Reply = Response<Bytes>;

/// The store's promise, on every answer of the API.
const WATCHWORD_DURABILITY: HeaderName = HeaderName::from_static("watchword-durability");

/// A JSON answer. Whatever is JSON here may hold personal data, so it may not be stored.
pub(super) fn json(status: StatusCode, content: &impl Serialize) -> Result<Reply, Problem> {
    let body = serde_json::to_vec(content).map_err(|source| {
        error!(error = %source, "an answer could not be written as JSON");
        Problem::new(&codes::INTERNAL)
    })?;
    Ok(with_type("application/json", status, Bytes::from(body)))
}

pub(super) fn with_type(content_type: &'static str, status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

/// The endpoint's name for requests that match none.
const UNMATCHED: &str = "unmatched";

pub(super) fn answer<B, S>(
    edge: &Arc<Edge>,
    surface: Surface,
    next: S,
) -> impl Service<
    Request<B>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static
where
    B: RequestBody,
    S: Stage<Matched<B>>,
{
    let edge = Arc::clone(edge);
    shared(move |request: Request<B>| {
        let edge = Arc::clone(&edge);
        let next = next.clone();
        async move {
            let started_at = Instant::now();
            let id = RequestId::of(request.headers());
            let method = request.method().clone();
            let found = endpoint::find(surface, &method, request.uri().path());
            let endpoint = found.as_ref().ok().map(|(endpoint, _)| *endpoint);
            let name = endpoint.map_or(UNMATCHED, |endpoint| endpoint.name);
            let face = endpoint::face(endpoint, request.uri().path());
            let correlation = match face {
                Face::Own => None,
                Face::Entra => entra::correlation_of(request.headers()),
            };
            let span = info_span!("request", request.id = %id, endpoint = name);
            let result = match found {
                Ok(found) => {
                    let matched = matched(found, request, (face, &id));
                    next.oneshot(matched).instrument(span).await
                }
                Err(problem) => Err(problem),
            };
            let result = in_words_of(face, result, (&id, correlation.as_deref()));
            let mut response = finish(result, &method, &id);
            if let Ok(promise) = HeaderValue::from_str((edge.parts.durability)()) {
                response.headers_mut().insert(WATCHWORD_DURABILITY, promise);
            }
            (edge.parts.observe)(name, response.status(), started_at.elapsed());
            Ok(response)
        }
    })
}

/// What is wrong, as the face says it.
fn in_words_of(
    face: Face,
    result: Result<Reply, Problem>,
    names: (&RequestId, Option<&str>),
) -> Result<Reply, Problem> {
    match face {
        Face::Own => result,
        Face::Entra => Ok(result.unwrap_or_else(|problem| entra::in_face(problem, names))),
    }
}

fn matched<B>(
    (endpoint, parameters): (&'static Endpoint, endpoint::Parameters),
    request: Request<B>,
    (face, id): (Face, &RequestId),
) -> Matched<B> {
    let (mut head, body) = request.into_parts();
    match face {
        Face::Own => {}
        // Its answers carry the name in their body too.
        Face::Entra => drop(head.extensions.insert(id.clone())),
    }
    Matched {
        endpoint,
        parameters,
        head,
        body,
    }
}

/// Adds what the answers of every listener carry.
pub(super) fn finish(
    result: Result<Reply, Problem>,
    method: &Method,
    id: &RequestId,
) -> Response<Full<Bytes>> {
    let mut reply = result.unwrap_or_else(|problem| problem.into_reply(id));
    let body_length = reply.body().len();
    let has_body = body_length > 0;
    let headers = reply.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if method == Method::HEAD && has_body {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body_length));
        *reply.body_mut() = Bytes::new();
    }
    reply.map(Full::new)
}
