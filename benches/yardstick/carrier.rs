//! The simulated carrier: reads a message, gives it a name and says that it has it.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Response, StatusCode, request};
use http_body_util::Full;

use super::server;

/// Messages taken since the start, so that each gets a name of its own.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// `GET` tells how many messages it has taken; anything else is one more.
pub(crate) async fn answer(head: request::Parts, _body: Bytes) -> Response<Full<Bytes>> {
    if head.method == Method::GET {
        let body = TAKEN.load(Ordering::Relaxed).to_string();
        return server::json(StatusCode::OK, body.into_bytes());
    }
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    let body = format!(r#"{{"message_id":"msg_{number:016}"}}"#);
    server::json(StatusCode::OK, body.into_bytes())
}
