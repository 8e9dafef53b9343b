//! The outbound tower stack: what stands around each provider.
//!
//! One stack per provider, boxed once as [`ProviderStack`]. Dispatch first waits
//! until it is *ready* (there is room, and it is our turn), then writes the
//! attempt down, then calls: nothing waits between the record and the first byte.

pub mod breaker;
mod layers;
pub mod pace;
pub mod silence;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};
use watchword_providers::http_client::{Documents, HttpClient};
use watchword_providers::{Channel, Message, Provider, ProviderService, SubmitError, Submitted};

use breaker::{BreakerPolicy, BreakerState};
use layers::{AttemptTimeoutLayer, BreakerLayer, Breakers, PaceLayer};
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

#[cfg(test)]
mod tests;
