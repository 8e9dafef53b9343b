//! The OpenAPI document, written by hand and compiled in; tests hold it and
//! the code together.

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::answer::{Reply, with_type};

/// OpenAPI 3.1, in JSON.
pub const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn reply() -> Reply {
    let body = Bytes::from_static(DOCUMENT.as_bytes());
    let mut reply = with_type("application/json", StatusCode::OK, body);
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
