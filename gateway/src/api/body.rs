//! Reads the body: refused by its announced length before a byte is read, by
//! its real length while reading, and not waited for longer than its timeout.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::ServiceExt;

use super::codes;
use super::endpoint::{Admitted, Asked, Call, Identity};
use super::problem::Problem;
use super::stack::{Stage, shared};
use super::{ApiSettings, Edge, RequestBody};

/// Providers put many receipts into one call.
const RECEIPT_BYTES_MAX: usize = 64 * 1024;

pub(super) fn read_body<B, S>(edge: &Arc<Edge>, next: S) -> impl Stage<Admitted<B>>
where
    B: RequestBody,
    S: Stage<Call>,
{
    let edge = Arc::clone(edge);
    shared(move |request: Admitted<B>| {
        let edge = Arc::clone(&edge);
        let next = next.clone();
        async move {
            let Asked {
                parameters,
                head,
                body,
            } = request.asked;
            let body = if takes_body(&request.endpoint.method) {
                let bytes_max = bytes_max(&edge.settings, &request.identity);
                read(body, &head.headers, bytes_max, &edge.settings).await?
            } else {
                Bytes::new()
            };
            let asked = Asked {
                parameters,
                head,
                body,
            };
            next.oneshot(Call::new(request.identity, asked)).await
        }
    })
}

/// No `DELETE` does: many clients and proxies drop its body.
fn takes_body(method: &Method) -> bool {
    method == Method::POST || method == Method::PUT
}

fn bytes_max(settings: &ApiSettings, identity: &Identity) -> usize {
    match identity {
        Identity::Provider(_) => RECEIPT_BYTES_MAX,
        Identity::Nobody(_)
        | Identity::Tenant(..)
        | Identity::Sandbox(_)
        | Identity::Operator(..)
        | Identity::Subject(..) => settings.body_bytes_max,
    }
}

async fn read<B: RequestBody>(
    body: B,
    headers: &HeaderMap,
    bytes_max: usize,
    settings: &ApiSettings,
) -> Result<Bytes, Problem> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let too_large = || Problem::new(&codes::BODY_TOO_LARGE);
    if announced.is_some_and(|length| is_more_than(length, bytes_max)) {
        return Err(too_large());
    }
    let reading = pin!(Limited::new(body, bytes_max).collect());
    match timeout(settings.body_timeout, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(source)) if source.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(&codes::BODY_UNREADABLE)),
        Err(_) => Err(Problem::new(&codes::BODY_TIMEOUT)),
    }
}

/// A length too large for the type is too large for us too; other nonsense is
/// left to the HTTP layer, which knows how the body is framed.
fn is_more_than(length: &str, bytes_max: usize) -> bool {
    let is_number = !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit());
    is_number
        && length
            .parse::<usize>()
            .map_or(true, |length| length > bytes_max)
}
