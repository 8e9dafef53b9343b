//! The outbound tower stack: what stands around each provider.
//!
//! One stack per provider, boxed once as [`ProviderStack`]. Dispatch first waits
//! until it is *ready* (there is room, and it is our turn), then writes the
//! attempt down, then calls: nothing waits between the record and the first byte.

pub mod breaker;
pub mod pace;
pub mod silence;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use watchword_providers::http_client::{Documents, HttpClient};
use watchword_providers::{Channel, Message, Provider, ProviderService, SubmitError, Submitted};

use breaker::{Breaker, BreakerPolicy, BreakerState, Generation, Verdict};
use pace::{Pace, Sharing};
use silence::{Silence, SilenceSettings};

/// What to do when the provider has no room, or it is not our turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// There is another hop: go on to it, once it is known whether it is our turn.
    Shed,
    /// It is the last hop: wait until then.
    WaitUntil(Instant),
}

/// How one provider is treated.
#[derive(Clone, Debug)]
pub struct StackSettings {
    /// Submissions under way at once.
    pub concurrency_max: usize,
    pub attempt_timeout: Duration,
    /// When silence is a reason to send again; `None`: no receipts.
    pub silence: Option<SilenceSettings>,
    /// Whether what its receipts say may send a message again: they are signed,
    /// or the operator trusts them.
    pub receipts_act: bool,
    /// For reports of which codes were used; `None` if it takes none.
    pub feedback: Option<HttpClient>,
    /// `None`: as many submissions as come.
    pub pace: Option<Arc<Pace>>,
    pub breaker: BreakerPolicy,
}

/// Told when a breaker changes its state, when credentials are refused, and
/// when a node goes by its own turns or the fleet's again.
pub trait StackEvents: Send + Sync + 'static {
    fn breaker_changed(&self, provider: &str, channel: Channel, state: BreakerState);
    fn credentials_refused(&self, provider: &str);
    fn sharing_changed(&self, provider: &str, sharing: Sharing);
}

/// A provider with everything that stands around it.
pub struct ProviderStack {
    pub id: Arc<str>,
    pub provider: Arc<dyn Provider>,
    /// What its receipts have taught; `None` if it sends none.
    pub silence: Option<Silence>,
    /// Whether what its receipts say may send a message again.
    pub receipts_act: bool,
    pub feedback: Option<HttpClient>,
    pub attempt_timeout: Duration,
    /// What its callbacks are verified with, if that has to be fetched.
    pub documents: Option<Documents>,
    service: BoxedStack,
    breakers: Arc<Breakers>,
    pace: Option<Arc<Pace>>,
}

/// A message on its way to a provider.
pub struct Submission {
    pub message: Arc<Message>,
    /// Its attempt ends by then, if its own timeout is not sooner.
    pub cut_off: Option<Instant>,
}

impl From<Arc<Message>> for Submission {
    fn from(message: Arc<Message>) -> Self {
        Self {
            message,
            cut_off: None,
        }
    }
}

type BoxedStack = BoxCloneSyncService<Submission, Submitted, SubmitError>;

/// A place at the provider, and our turn: whoever holds it may submit one message.
pub struct Ready(BoxedStack);

impl Ready {
    /// Submits one message. Not cancel safe: dropped, it may have been sent.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] says what dispatch should do next.
    pub async fn submit(mut self, submission: Submission) -> Result<Submitted, SubmitError> {
        self.0.call(submission).await
    }
}

impl ProviderStack {
    pub fn new(
        (id, provider, service): (Arc<str>, Arc<dyn Provider>, ProviderService),
        settings: &StackSettings,
        events: Arc<dyn StackEvents>,
    ) -> Self {
        let breakers = Arc::new(Breakers::new(Arc::clone(&id), settings.breaker, events));
        let stack = ServiceBuilder::new()
            // Without it a slow provider would gather every send of the node in its queue.
            .layer(GlobalConcurrencyLimitLayer::new(settings.concurrency_max))
            // Without it a burst of ours becomes their 429s, and a walk of retries.
            .layer(PaceLayer {
                pace: settings.pace.clone(),
            })
            // Without it nobody learns from failures until the person gives up.
            .layer(BreakerLayer {
                breakers: Arc::clone(&breakers),
            })
            // Without it a provider that never answers holds the code until it is useless.
            .layer(AttemptTimeoutLayer {
                attempt_timeout: settings.attempt_timeout,
            })
            .service(service);
        Self {
            id,
            provider,
            silence: settings
                .silence
                .clone()
                .map(|silence| Silence::new(silence, Instant::now())),
            receipts_act: settings.receipts_act,
            feedback: settings.feedback.clone(),
            attempt_timeout: settings.attempt_timeout,
            documents: None,
            service: BoxCloneSyncService::new(stack),
            breakers,
            pace: settings.pace.clone(),
        }
    }

    /// The same, with a place for what callbacks are verified with.
    #[must_use]
    pub fn with_documents(mut self, documents: Option<Documents>) -> Self {
        self.documents = documents;
        self
    }

    /// Waits for room and for our turn, as long as `patience` allows.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is held or used up until it returns.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Shed`].
    pub async fn ready(&self, patience: Patience) -> Result<Ready, SubmitError> {
        let mut service = self.service.clone();
        let is_ready = match patience {
            Patience::Shed => tokio::select! {
                biased;
                ready = service.ready() => ready.is_ok(),
                () = self.answers() => false,
            },
            Patience::WaitUntil(deadline) => timeout_at(deadline, service.ready())
                .await
                .is_ok_and(|ready| ready.is_ok()),
        };
        is_ready.then_some(Ready(service)).ok_or(SubmitError::Shed)
    }

    /// Ends once no answer is to come that may bring our turn at once.
    async fn answers(&self) {
        if let Some(pace) = &self.pace {
            pace.answers().await;
        }
    }

    pub fn breaker_state(&self, channel: Channel) -> BreakerState {
        self.breakers
            .with(channel, |breaker| breaker.state(Instant::now()))
    }

    /// Whether routing should leave it out, if another provider is left.
    pub fn is_ejected(&self, channel: Channel) -> bool {
        self.breakers
            .with(channel, |breaker| breaker.is_ejected(Instant::now()))
    }
}

/// One breaker per channel: a provider's voice may be down while its SMS works.
struct Breakers {
    provider: Arc<str>,
    sms: Mutex<Breaker>,
    voice: Mutex<Breaker>,
    events: Arc<dyn StackEvents>,
}

impl Breakers {
    fn new(provider: Arc<str>, policy: BreakerPolicy, events: Arc<dyn StackEvents>) -> Self {
        Self {
            provider,
            sms: Mutex::new(Breaker::new(policy)),
            voice: Mutex::new(Breaker::new(policy)),
            events,
        }
    }

    fn with<T>(&self, channel: Channel, step: impl FnOnce(&mut Breaker) -> T) -> T {
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
struct PaceLayer {
    pace: Option<Arc<Pace>>,
}

struct Paced<S> {
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
struct BreakerLayer {
    breakers: Arc<Breakers>,
}

#[derive(Clone)]
struct Guarded<S> {
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
struct AttemptTimeoutLayer {
    attempt_timeout: Duration,
}

#[derive(Clone)]
struct AttemptTimeout {
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

#[cfg(test)]
mod tests;
