//! Resolves a provider's name, and lives on with the last good answer when the
//! name server is slow or gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::Service;

/// How long an answer is used without asking again. Providers move addresses
/// within minutes; a connection lasts longer than this anyway.
const FRESH: Duration = Duration::from_secs(30);

/// How long an answer is used when there is no new one.
const LAST_GOOD: Duration = Duration::from_secs(60 * 60);

/// How long nobody asks after a lookup failed. The system's resolver blocks a
/// thread for as long as it likes, even when nobody waits for it any more.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// More addresses than any connection attempt has time for.
const ADDRESSES_MAX: usize = 16;

/// The name resolves to nothing, or there was no answer in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(super) struct NoAddress;

/// The resolver of one client. It knows one name, since a client calls one
/// host, and asks for it once at a time: who comes meanwhile waits for that.
#[derive(Clone)]
pub(super) struct Resolver<R = GaiResolver> {
    inner: R,
    timeout: Duration,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    answer: Option<Answer>,
    failed_at: Option<Instant>,
}

struct Answer {
    name: Name,
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Known {
    /// What was resolved for this name, not longer than `age_max` ago.
    fn addresses(&self, name: &Name, age_max: Duration) -> Option<vec::IntoIter<SocketAddr>> {
        let answer = self.answer.as_ref()?;
        let is_usable = answer.name == *name && answer.at.elapsed() <= age_max;
        is_usable.then(|| answer.addresses.clone().into_iter())
    }

    fn failed_just_now(&self) -> bool {
        self.failed_at
            .is_some_and(|at| at.elapsed() < PAUSE_AFTER_FAILURE)
    }
}

impl Resolver {
    /// Waits at most `timeout` for the system's resolver.
    pub(super) fn new(timeout: Duration) -> Self {
        Self::over(GaiResolver::new(), timeout)
    }
}

impl<R> Resolver<R> {
    fn over(inner: R, timeout: Duration) -> Self {
        Self {
            inner,
            timeout,
            known: Arc::default(),
        }
    }
}

impl<R, I> Service<Name> for Resolver<R>
where
    R: Service<Name, Response = I> + Clone + Send + 'static,
    R::Future: Send,
    I: Iterator<Item = SocketAddr> + Send,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NoAddress;
    type Future = BoxFuture<'static, Result<Self::Response, NoAddress>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), NoAddress>> {
        // The system's resolver is always ready: it has threads of its own.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let mut this = self.clone();
        Box::pin(async move {
            let mut known = this.known.lock().await;
            if let Some(fresh) = known.addresses(&name, FRESH) {
                return Ok(fresh);
            }
            if !known.failed_just_now() {
                let lookup = this.inner.call(name.clone());
                let addresses: Vec<_> = match timeout(this.timeout, lookup).await {
                    Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
                    Ok(Err(_)) | Err(_) => Vec::new(),
                };
                if addresses.is_empty() {
                    known.failed_at = Some(Instant::now());
                } else {
                    known.answer = Some(Answer {
                        name: name.clone(),
                        addresses,
                        at: Instant::now(),
                    });
                }
            }
            known.addresses(&name, LAST_GOOD).ok_or(NoAddress)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tower::{ServiceExt as _, service_fn};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    /// A name server that answers with `answers[n]` the n-th time: an address,
    /// or silence.
    fn name_server(
        answers: &'static [Option<u8>],
    ) -> impl Service<Name, Response = vec::IntoIter<SocketAddr>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static {
        let asked = Arc::new(AtomicU32::new(0));
        service_fn(move |_name| {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            let answer = answers[usize::try_from(turn).unwrap()];
            async move {
                match answer {
                    Some(last_byte) => {
                        Ok(vec![SocketAddr::from(([192, 0, 2, last_byte], 0))].into_iter())
                    }
                    None => std::future::pending().await,
                }
            }
        })
    }

    fn name() -> Name {
        "provider.example".parse().unwrap()
    }

    async fn resolve<R>(resolver: &Resolver<R>) -> Option<u8>
    where
        Resolver<R>: Service<Name, Response = vec::IntoIter<SocketAddr>, Error = NoAddress> + Clone,
    {
        let mut addresses = resolver.clone().oneshot(name()).await.ok()?;
        match addresses.next()? {
            SocketAddr::V4(address) => Some(address.ip().octets()[3]),
            SocketAddr::V6(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_used_for_half_a_minute_and_then_asked_for_again() {
        let resolver = Resolver::over(name_server(&[Some(1), Some(2)]), TIMEOUT);
        assert_eq!(resolve(&resolver).await, Some(1));
        tokio::time::advance(FRESH).await;
        assert_eq!(resolve(&resolver).await, Some(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(resolve(&resolver).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_name_server_is_bridged_by_the_last_good_answer_for_an_hour() {
        let resolver = Resolver::over(name_server(&[Some(1), None, None]), TIMEOUT);
        assert_eq!(resolve(&resolver).await, Some(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(resolve(&resolver).await, Some(1));
        tokio::time::advance(LAST_GOOD).await;
        assert_eq!(resolve(&resolver).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_never_resolved_has_no_address() {
        let resolver = Resolver::over(name_server(&[None]), TIMEOUT);
        let before = Instant::now();
        assert_eq!(resolve(&resolver).await, None);
        assert_eq!(before.elapsed(), TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_are_one_question_and_a_failure_is_not_repeated_at_once() {
        let resolver = Resolver::over(name_server(&[Some(1), None, Some(3)]), TIMEOUT);
        let all = || futures_util::future::join_all((0..50).map(|_| resolve(&resolver)));
        assert_eq!(all().await, [Some(1); 50]);
        tokio::time::advance(FRESH * 2).await;
        // The second question gets no answer: fifty live on with the first one.
        assert_eq!(all().await, [Some(1); 50]);
        tokio::time::advance(PAUSE_AFTER_FAILURE).await;
        assert_eq!(all().await, [Some(3); 50]);
    }
}
