//! Bodies of requests, within bounds, and of answers, some of which break off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

const BODY_BYTES_MAX: usize = 64 * 1024;

/// A whole body; `None` if it breaks off or is too long.
pub(super) async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut whole = Bytes::new();
    let mut longer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.ok()?.into_data() else {
            continue;
        };
        if whole.len() + longer.len() + part.len() > BODY_BYTES_MAX {
            return None;
        }
        // A message comes in one piece as a rule, and is not copied then.
        if whole.is_empty() && longer.is_empty() {
            whole = part;
        } else {
            longer.extend_from_slice(&std::mem::take(&mut whole));
            longer.extend_from_slice(&part);
        }
    }
    Some(if longer.is_empty() {
        whole
    } else {
        longer.freeze()
    })
}

/// A body that may break off.
pub(super) struct Answer {
    left: Option<Bytes>,
    end: End,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Breaks off, once what came before it has been written out.
    Broken,
    BreaksNow,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.left.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Broken => {
                self.end = End::BreaksNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::BreaksNow => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.as_ref().map_or(0, |bytes| bytes.len() as u64);
        // One byte that never comes.
        SizeHint::with_exact(left + u64::from(self.end != End::Whole))
    }
}

pub(super) fn reply((status, body): (StatusCode, Bytes)) -> Response<Answer> {
    respond(status, body, End::Whole)
}

/// An answer of which the end never comes.
pub(super) fn broken(body: Bytes) -> Response<Answer> {
    respond(StatusCode::OK, body, End::Broken)
}

fn respond(status: StatusCode, body: Bytes, end: End) -> Response<Answer> {
    let mut response = Response::new(Answer {
        left: (!body.is_empty()).then_some(body),
        end,
    });
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
