//! The layers around one provider: our turn, the breaker of the channel, and the
//! time of one attempt.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service};
use watchword_providers::{Channel, ProviderService, SubmitError, Submitted};

use super::breaker::{Breaker, BreakerPolicy, Generation, Verdict};
use super::pace::Pace;
use super::{StackEvents, Submission};

/// One breaker per channel: a provider's voice may be down while its SMS works.
pub(super) struct Breakers {
    provider: Arc<str>,
    sms: Mutex<Breaker>,
    voice: Mutex<Breaker>,
    events: Arc<dyn StackEvents>,
}

impl Breakers {
    pub(super) fn new(
        provider: Arc<str>,
        policy: BreakerPolicy,
        events: Arc<dyn StackEvents>,
    ) -> Self {
        Self {
            provider,
            sms: Mutex::new(Breaker::new(policy)),
            voice: Mutex::new(Breaker::new(policy)),
            events,
        }
    }

    pub(super) fn with<T>(&self, channel: Channel, step: impl FnOnce(&mut Breaker) -> T) -> T {
        let breaker = match channel {
            Channel::Sms => &self.sms,
            Channel::Voice => &self.voice,
        };
        step(&mut breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ended(
        &self,
        (channel, begun): (Channel, Generation),
        result: &Result<Submitted, SubmitError>,
    ) {
        let verdict = verdict(result);
        if verdict == Verdict::Hopeless {
            self.events.credentials_refused(&self.provider);
        }
        let changed = self.with(channel, |breaker| {
            breaker.call_ended(verdict, begun, Instant::now())
        });
        if let Some(state) = changed {
            self.events.breaker_changed(&self.provider, channel, state);
        }
    }
}

/// What a result says about the provider, rather than about the message.
fn verdict(result: &Result<Submitted, SubmitError>) -> Verdict {
    match result {
        Ok(_) => Verdict::Works,
        Err(SubmitError::Credentials { .. }) => Verdict::Hopeless,
        Err(SubmitError::Unreachable | SubmitError::Unknown { .. }) => Verdict::Fails,
        Err(error @ SubmitError::Refused { .. }) => {
            if error.is_only_for_now() {
                Verdict::Fails
            } else {
                Verdict::Works
            }
        }
        Err(SubmitError::Fraud { .. }) => Verdict::Works,
        Err(SubmitError::Throttled { .. } | SubmitError::Shed) => Verdict::Neutral,
    }
}

type StackFuture = BoxFuture<'static, Result<Submitted, SubmitError>>;

/// Our own pace towards the provider.
#[derive(Clone)]
pub(super) struct PaceLayer {
    pub(super) pace: Option<Arc<Pace>>,
}

pub(super) struct Paced<S> {
    inner: S,
    pace: Option<Arc<Pace>>,
    /// Our place in line, while we wait.
    waiting: Option<Waiting>,
    /// The turn is ours until we call.
    has_turn: bool,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<S> Paced<S> {
    fn new(inner: S, pace: Option<Arc<Pace>>) -> Self {
        Self {
            inner,
            pace,
            waiting: None,
            has_turn: false,
        }
    }
}

impl<S: Clone> Clone for Paced<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.pace.clone())
    }
}

impl<S> Layer<S> for PaceLayer {
    type Service = Paced<S>;

    fn layer(&self, inner: S) -> Paced<S> {
        Paced::new(inner, self.pace.clone())
    }
}

impl<S> Service<Submission> for Paced<S>
where
    S: Service<Submission, Response = Submitted, Error = SubmitError>,
{
    type Response = Submitted;
    type Error = SubmitError;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        ready!(self.inner.poll_ready(context))?;
        let Some(pace) = &self.pace else {
            return Poll::Ready(Ok(()));
        };
        if !self.has_turn && self.waiting.is_none() {
            self.has_turn = pace.try_turn();
        }
        if !self.has_turn {
            let turn = || -> Waiting { Box::pin(Arc::clone(pace).turn()) };
            ready!(self.waiting.get_or_insert_with(turn).as_mut().poll(context));
            self.waiting = None;
            self.has_turn = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, submission: Submission) -> S::Future {
        self.has_turn = false;
        self.inner.call(submission)
    }
}

/// Tells the breaker how every call ended.
#[derive(Clone)]
pub(super) struct BreakerLayer {
    pub(super) breakers: Arc<Breakers>,
}

#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    breakers: Arc<Breakers>,
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            breakers: Arc::clone(&self.breakers),
        }
    }
}

impl<S> Service<Submission> for Guarded<S>
where
    S: Service<Submission, Response = Submitted, Error = SubmitError>,
    S::Future: Send + 'static,
{
    type Response = Submitted;
    type Error = SubmitError;
    type Future = StackFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, submission: Submission) -> StackFuture {
        let channel = submission.message.channel;
        let breakers = Arc::clone(&self.breakers);
        let begun = breakers.with(channel, |breaker| breaker.call_begins(Instant::now()));
        let call = self.inner.call(submission);
        Box::pin(async move {
            let result = call.await;
            breakers.ended((channel, begun), &result);
            result
        })
    }
}

/// Ends an attempt that takes too long: the message may have gone.
#[derive(Clone)]
pub(super) struct AttemptTimeoutLayer {
    pub(super) attempt_timeout: Duration,
}

#[derive(Clone)]
pub(super) struct AttemptTimeout {
    inner: ProviderService,
    attempt_timeout: Duration,
}

impl Layer<ProviderService> for AttemptTimeoutLayer {
    type Service = AttemptTimeout;

    fn layer(&self, inner: ProviderService) -> AttemptTimeout {
        AttemptTimeout {
            inner,
            attempt_timeout: self.attempt_timeout,
        }
    }
}

impl Service<Submission> for AttemptTimeout {
    type Response = Submitted;
    type Error = SubmitError;
    type Future = StackFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, submission: Submission) -> StackFuture {
        let mut call = self.inner.call(submission.message);
        let own = Instant::now() + self.attempt_timeout;
        let deadline = submission.cut_off.map_or(own, |cut_off| cut_off.min(own));
        let mut alarm = Box::pin(sleep_until(deadline));
        Box::pin(poll_fn(move |context| {
            let too_late = Err(SubmitError::Unknown { code: None });
            // Asked first: after a standstill of the whole process the call must
            // not go on and write what another node has sent meanwhile.
            if Instant::now() >= deadline {
                return Poll::Ready(too_late);
            }
            if let Poll::Ready(result) = call.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            alarm.as_mut().poll(context).map(|()| too_late)
        }))
    }
}
