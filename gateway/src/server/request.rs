//! On an open connection: what surrounds every request, whatever it asks.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use super::HttpService;
use super::pace::{Pace, RequestInFlight};
use crate::telemetry::ConnectionMetrics;

/// The service of one connection: gives each request its deadline, and every
/// client an answer, even when the handler hangs or panics.
pub(super) struct RequestService<S> {
    pub(super) inner: S,
    pub(super) request_timeout: Duration,
    pub(super) pace: Arc<Pace>,
    pub(super) metrics: ConnectionMetrics,
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for RequestService<S> {
    type Response = Response<TrackedBody<S::ResponseBody>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = self.pace.request();
        let deadline = Instant::now() + self.request_timeout;
        let inner = self.inner.clone();
        let metrics = self.metrics.clone();
        // Not even calling it may unwind into the connection, which other
        // requests may share.
        let answer = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
        Box::pin(async move {
            let response = match timeout_at(deadline, answer).await {
                Ok(Ok(Ok(response))) => response.map(Either::Left),
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(panic)) => panicked(&metrics, &*panic),
                Err(_) => timed_out(),
            };
            Ok(response.map(|body| TrackedBody { body, in_flight }))
        })
    }
}

fn panicked<B>(
    metrics: &ConnectionMetrics,
    panic: &(dyn Any + Send),
) -> Response<Either<B, Full<Bytes>>> {
    metrics.panicked();
    // A literal is ours; a formatted message may show what came from outside.
    let message = panic.downcast_ref::<&'static str>().copied();
    error!(panic = message, "a request ended in a panic, answered 500");
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        r#"{"type":"about:blank","title":"Internal error","status":500,"code":"internal_error"}"#,
    )
}

fn timed_out<B>() -> Response<Either<B, Full<Bytes>>> {
    warn!("a request took too long, answered 503");
    let mut response = problem(
        StatusCode::SERVICE_UNAVAILABLE,
        r#"{"type":"about:blank","title":"The request took too long","status":503,"code":"request_timeout","retry_after":1}"#,
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn problem<B>(status: StatusCode, json: &'static str) -> Response<Either<B, Full<Bytes>>> {
    let mut response = Response::new(Either::Right(Full::from(json)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A response's body. Its request is in flight until hyper drops it.
pub(super) struct TrackedBody<B> {
    body: Either<B, Full<Bytes>>,
    #[expect(dead_code, reason = "held for its drop")]
    in_flight: RequestInFlight,
}

impl<B> Body for TrackedBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
