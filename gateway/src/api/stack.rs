//! The inbound tower stack: what every request passes before an endpoint sees
//! it. Each layer is a function from a stage to a stage; a stage that refuses
//! says so with a [`Problem`], and only the outermost one writes HTTP.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::time::timeout;
use tower::{Service, ServiceBuilder, ServiceExt};
use tracing::error;

use super::answer::{Reply, answer};
use super::authenticate::authenticate;
use super::body::read_body;
use super::codes;
use super::endpoint::{Call, Matched};
use super::overload::shed_overload;
use super::problem::Problem;
use super::{ApiService, Edge, OnPanic, RequestBody, Surface};

/// One stage of the stack: takes `R`, replies or says what is wrong.
pub(super) trait Stage<R>:
    Service<R, Response = Reply, Error = Problem, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<R, S> Stage<R> for S where
    S: Service<R, Response = Reply, Error = Problem, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A function as a service whose clone is one more reference to it.
///
/// Every layer clones the next one for each request. With [`tower::service_fn`]
/// that copies whatever the function has captured, and so all the layers below:
/// some hundred counts of references a request, on cache lines that all cores share.
pub(super) struct Shared<F>(Arc<F>);

pub(super) fn shared<F>(function: F) -> Shared<F> {
    Shared(Arc::new(function))
}

impl<F> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R, F, Fut, T, E> Service<R> for Shared<F>
where
    F: Fn(R) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Fut {
        (self.0)(request)
    }
}

/// The stack before `endpoint`, which answers what passes.
pub(super) fn inbound<B, S>(edge: &Arc<Edge>, surface: Surface, endpoint: S) -> ApiService<B>
where
    B: RequestBody,
    S: Stage<Call>,
{
    let stack = ServiceBuilder::new()
        // Without an id nobody can find a request again; without one writer of
        // answers some would lack headers or leak what was sent.
        .layer_fn(|next| answer(edge, surface, next))
        // Without it a panic closes a connection that other requests share.
        .layer_fn(|next| catch_panic(&edge.parts.on_panic, next))
        // Without it too many requests wait in memory until all are late.
        .layer_fn(|next| shed_overload(&edge.in_flight, next))
        // Without it a request stuck on anything keeps its place for ever.
        .layer_fn(|next| bound_time(edge, next))
        // Without it strangers spend our memory and money; it comes before the
        // body, so that nobody unknown makes us read one.
        .layer_fn(|next| authenticate(edge, next))
        // Without it a body is as long, and takes as long, as its sender likes.
        .layer_fn(|next| read_body(edge, next))
        .service(endpoint);
    ApiService::new(stack)
}

pub(super) fn catch_panic<R, S>(on_panic: &Arc<OnPanic>, next: S) -> impl Stage<R> + use<R, S>
where
    R: Send + 'static,
    S: Stage<R>,
{
    let on_panic = Arc::clone(on_panic);
    shared(move |request: R| {
        let next = next.clone();
        let on_panic = Arc::clone(&on_panic);
        async move {
            // What a panic can leave half changed belongs to this request, and
            // is dropped with it.
            let Ok(result) = AssertUnwindSafe(next.oneshot(request)).catch_unwind().await else {
                // The payload may hold anything, a number too: it is not logged.
                error!("a request panicked; its caller got 500");
                on_panic();
                return Err(Problem::new(&codes::INTERNAL));
            };
            result
        }
    })
}

fn bound_time<B, S>(edge: &Edge, next: S) -> impl Stage<Matched<B>>
where
    B: RequestBody,
    S: Stage<Matched<B>>,
{
    let request_timeout = edge.settings.request_timeout;
    shared(move |request: Matched<B>| {
        let next = next.clone();
        async move {
            timeout(request_timeout, next.oneshot(request))
                .await
                .unwrap_or_else(|_| Err(Problem::new(&codes::DEADLINE_EXCEEDED).retry_after_s(1)))
        }
    })
}
