//! On the way in: a request's body, read up to a bound and a deadline.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

/// Why a body was not read. The connection is of no further use after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// 413.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// 408.
    #[error("the body did not arrive in time")]
    Timeout,
    /// Nobody is left to answer.
    #[error("the body broke off")]
    Broken,
}

/// Reads a whole body of at most `limit` bytes until `deadline`. One that is
/// announced as larger is refused before a byte of it is read.
///
/// # Errors
///
/// Each says which status to answer with.
pub async fn read_body(
    body: Incoming,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    timeout_at(deadline, collect(body, limit))
        .await
        .unwrap_or(Err(BodyError::Timeout))
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    // Most bodies come in one piece, which then needs no copy.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            // Trailers say nothing to us.
            continue;
        };
        if first.len() + joined.len() + piece.len() > limit {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&piece);
        }
    }
    if joined.is_empty() {
        Ok(first)
    } else {
        Ok(joined.freeze())
    }
}
