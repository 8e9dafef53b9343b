//! Resolves a provider's name, and lives on with the last good answer when the
//! name server is slow or gone.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tokio::time::{Instant, timeout};
use tower::Service;

/// How long an answer is used without asking again. Providers move addresses
/// within minutes; a connection lasts longer than this anyway.
const FRESH: Duration = Duration::from_secs(30);

/// How long an answer is used when there is no new one.
const LAST_GOOD: Duration = Duration::from_secs(60 * 60);

/// More addresses than any connection attempt has time for.
const ADDRESSES_MAX: usize = 16;

/// The name resolves to nothing, or there was no answer in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(super) struct NoAddress;

/// The resolver of one client. It keeps one answer: a client calls one host.
#[derive(Clone)]
pub(super) struct Resolver<R = GaiResolver> {
    inner: R,
    timeout: Duration,
    last: Arc<Mutex<Option<Answer>>>,
}

#[derive(Clone)]
struct Answer {
    name: Name,
    addresses: Vec<SocketAddr>,
    at: Instant,
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
            last: Arc::default(),
        }
    }

    /// What was resolved for this name, not longer than `age_max` ago.
    fn last(&self, name: &Name, age_max: Duration) -> Option<Vec<SocketAddr>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = last.as_ref()?;
        let is_usable = answer.name == *name && answer.at.elapsed() <= age_max;
        is_usable.then(|| answer.addresses.clone())
    }

    fn remember(&self, answer: Answer) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(answer);
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
            if let Some(addresses) = this.last(&name, FRESH) {
                return Ok(addresses.into_iter());
            }
            let addresses: Vec<_> = match timeout(this.timeout, this.inner.call(name.clone())).await
            {
                Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
                Ok(Err(_)) | Err(_) => Vec::new(),
            };
            if addresses.is_empty() {
                let last_good = this.last(&name, LAST_GOOD).ok_or(NoAddress)?;
                return Ok(last_good.into_iter());
            }
            this.remember(Answer {
                name,
                addresses: addresses.clone(),
                at: Instant::now(),
            });
            Ok(addresses.into_iter())
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
}
