//! The attempt loop: one delivery, walked along its route until a provider has
//! it, nothing is left, or its time is over.
//!
//! Every dispatch runs in a task of its own: a caller that hangs up takes no
//! message with it. What a task does not finish, the ledger gives to another.

mod bind;
pub(crate) mod cap;
mod compose;
pub mod plan;
mod walk;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use self::compose::Composed;
use self::wording::Unreadable;
pub(crate) use self::wording::call_texts;
use crate::admission::limits::LimitAsk;
use crate::admission::memory::Remembered;
use crate::delivery::{
    DeliveryRecord, DeliveryStatus, DispatchPolicy, Due, DueKind, Finality, Next, Settled,
    SettledAttempt, Take, delivery_mut,
};
use crate::details::Opened;
use crate::feedback::FeedbackQueue;
use crate::id::DeliveryId;
use crate::keys::random;
use crate::live::Shared;
use crate::store::Taken;
use crate::telemetry::events;
use crate::verification::{NumberTag, Record};

/// How long a number called fraud is left alone, in ms.
const BLOCKED_MS: u64 = 12 * 3_600_000;
/// A delivery that this node cannot read is left to others for at least so long.
const FOREIGN_FIRST: Duration = Duration::from_secs(1);
/// Two clocks are never quite the same: a timer that is early finds nothing due.
const TIMER_MARGIN: Duration = Duration::from_millis(10);
/// How long handing back what is unfinished may take.
const HAND_BACK: Duration = Duration::from_secs(1);

/// One delivery to work on, held under its fence.
pub struct Work {
    pub delivery: DeliveryId,
    pub record: Box<Record>,
    /// Why it was taken over; `None` for the node that accepted it.
    pub why: Option<DueKind>,
    /// Told how far it got, once.
    pub done: Option<oneshot::Sender<DeliveryStatus>>,
    /// What the record keeps sealed, where it is still at hand.
    pub opened: Option<Arc<Opened>>,
    /// What was taken from the cap on submissions for the next attempt already.
    pub prepaid: Vec<LimitAsk>,
    /// Whether `record` is, to our knowledge, as the create step wrote it.
    pub is_as_created: bool,
}

impl Work {
    pub(crate) fn state(&self) -> Option<&DeliveryRecord> {
        self.record.delivery(self.delivery.ordinal)
    }

    /// Notes in our copy of the record how an attempt ended.
    fn note_settled(&mut self, settled: &SettledAttempt) {
        if let Some(state) = delivery_mut(&mut self.record, self.delivery.ordinal) {
            state.note_settled(settled);
        }
    }
}

/// Room for one more dispatch.
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// How dispatch behaves, from the configuration.
#[derive(Clone, Debug)]
pub struct DispatchLimits {
    /// Dispatches at work at once; more are refused or wait in the ledger.
    pub in_flight_max: usize,
    /// Retries waited for in memory; more wait for the sweep.
    pub timers_max: usize,
}

/// Runs dispatches and keeps count of them.
pub struct Dispatcher {
    pub(crate) shared: Shared,
    places: Arc<Semaphore>,
    timers: Arc<Semaphore>,
    tasks: TaskTracker,
    /// No new dispatch starts.
    pub(crate) stopping: CancellationToken,
    /// What still runs is handed back.
    cutting: CancellationToken,
    /// Numbers whose traffic a provider called fraud, by their tags.
    pub(crate) blocked: Remembered,
    /// What providers are to be told of their messages' codes.
    pub(crate) feedback: FeedbackQueue,
}

impl Dispatcher {
    pub fn new(shared: Shared, limits: &DispatchLimits) -> Arc<Self> {
        Arc::new(Self {
            shared,
            places: Arc::new(Semaphore::new(limits.in_flight_max)),
            timers: Arc::new(Semaphore::new(limits.timers_max)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            cutting: CancellationToken::new(),
            blocked: Remembered::default(),
            feedback: FeedbackQueue::default(),
        })
    }

    /// Room for a dispatch; `None` when the node is full or stops.
    pub fn place(&self) -> Option<Place> {
        if self.stopping.is_cancelled() {
            return None;
        }
        Arc::clone(&self.places).try_acquire_owned().ok().map(Place)
    }

    /// Runs something that must not die with the connection that asked for it.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Dispatches in a task of its own.
    pub fn dispatch(self: &Arc<Self>, work: Work, place: Place) {
        let dispatcher = Arc::clone(self);
        self.tasks
            .spawn(async move { dispatcher.work_through(work, place).await });
    }

    /// Takes a delivery if it is due, and dispatches it.
    pub async fn pick_up(self: &Arc<Self>, delivery: DeliveryId) {
        let Some(place) = self.place() else {
            return;
        };
        if let Some(work) = self.take(delivery).await {
            self.dispatch(work, place);
        }
    }

    /// Starts on what a sweep or a take has taken. `None` if there is nothing to do.
    pub fn taken(&self, taken: Taken) -> Option<Work> {
        let name = taken.delivery.to_string();
        match taken.take {
            Take::Taken { why } => {
                let work = Work {
                    delivery: taken.delivery,
                    record: taken.record?,
                    why: Some(why),
                    done: None,
                    opened: None,
                    prepaid: Vec::new(),
                    is_as_created: false,
                };
                events::LeaseTaken {
                    delivery: &name,
                    fence: work.state()?.fence,
                    why: why.as_str(),
                }
                .emit(&self.shared.metrics);
                Some(work)
            }
            Take::Poisoned => {
                events::Poisoned { delivery: &name }.emit(&self.shared.metrics);
                None
            }
            Take::Closed => {
                debug!(delivery.id = %name, "closed a delivery whose time had ended");
                None
            }
            Take::NotDue => None,
        }
    }

    async fn take(&self, delivery: DeliveryId) -> Option<Work> {
        let policy = self.policy();
        match self.shared.store.take(delivery, &policy).await {
            Ok(taken) => self.taken(taken),
            Err(error) => {
                self.shared.store_failed("take", &error);
                None
            }
        }
    }

    pub(crate) fn policy(&self) -> DispatchPolicy {
        self.shared.live.load().dispatch.policy
    }

    /// Walks the route once. `None` if the delivery is no longer ours.
    async fn deliver(self: &Arc<Self>, work: &mut Work) -> Option<Settled> {
        let live = self.shared.live.load_full();
        match Composed::of(&live, work, self.shared.store_now_ms()) {
            Ok(composed) => self.walk(&live, composed, work).await,
            Err(Unreadable::Foreign) => {
                // Another node may have the key, or the tenant: it is theirs in a
                // moment, and no lost lease counts against it.
                let [jitter] = random::<1>();
                let after = FOREIGN_FIRST + Duration::from_millis(u64::from(jitter) * 8);
                self.hand_back(work, after).await;
                None
            }
            Err(Unreadable::Ended) => {
                let reason = "not_pending".into();
                self.close(work, None, Next::Close { reason }).await
            }
            Err(Unreadable::Damaged) => {
                warn!(delivery.id = %work.delivery, "a delivery's record is damaged");
                let reason = "unreadable".into();
                let finality = Finality::Open;
                self.close(work, None, Next::Fail { reason, finality })
                    .await
            }
        }
    }

    /// Dispatches here, to the end.
    ///
    /// Not cancel safe: dropped in mid-attempt, a message may be on its way
    /// while its attempt stays open until its lease is lost.
    pub async fn work_through(self: Arc<Self>, mut work: Work, place: Place) {
        loop {
            let settled = tokio::select! {
                settled = self.deliver(&mut work) => settled,
                () = self.cutting.cancelled() => {
                    self.hand_back(&work, Duration::ZERO).await;
                    return;
                }
            };
            let Some(settled) = settled else {
                return;
            };
            self.ended(&work, &settled);
            if let Some(done) = work.done.take() {
                // Whoever waited may have gone.
                _ = done.send(settled.status);
            }
            let next = if let Some(ordinal) = settled.fallback {
                self.fallback(&work, ordinal).await
            } else {
                self.due(&work, settled.due).await
            };
            match next {
                Some(next) => work = next,
                None => break,
            }
        }
        drop(place);
    }

    /// The delivery over the next channel, which the settle has just made.
    async fn fallback(&self, work: &Work, ordinal: u8) -> Option<Work> {
        let delivery = DeliveryId {
            record: work.delivery.record,
            ordinal,
        };
        match self.shared.store.get(delivery.record).await {
            Ok(found) => Some(Work {
                delivery,
                record: found?.record,
                why: None,
                done: None,
                opened: None,
                prepaid: Vec::new(),
                is_as_created: false,
            }),
            Err(error) => {
                // Its lease runs out, and a sweep goes on with it.
                self.shared.store_failed("get", &error);
                None
            }
        }
    }

    /// What is due at once goes on here; what is due later gets a timer.
    async fn due(self: &Arc<Self>, work: &Work, due: Option<Due>) -> Option<Work> {
        let due = due?;
        if self.stopping.is_cancelled() {
            return None;
        }
        match due.kind {
            DueKind::Retry | DueKind::Undelivered => {}
            // The sweep looks at receipt deadlines: they are many, and nobody waits.
            DueKind::Receipt | DueKind::Lease | DueKind::Handover => return None,
        }
        let wait_ms = due.at_ms.saturating_sub(self.shared.store_now_ms());
        if wait_ms == 0 {
            return self.take(work.delivery).await;
        }
        self.wait_for(work.delivery, Duration::from_millis(wait_ms) + TIMER_MARGIN);
        None
    }

    /// Waits in memory for a retry; if this node dies, a sweep finds it.
    fn wait_for(self: &Arc<Self>, delivery: DeliveryId, wait: Duration) {
        let Ok(timer) = Arc::clone(&self.timers).try_acquire_owned() else {
            return;
        };
        let dispatcher = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(wait) => dispatcher.pick_up(delivery).await,
                // The entry stands in the ledger: any node takes it when it is due.
                () = dispatcher.stopping.cancelled() => {}
            }
            drop(timer);
        });
    }

    fn ended(&self, work: &Work, settled: &Settled) {
        if !settled.status.is_closed() {
            return;
        }
        let Some(state) = work.state() else {
            return;
        };
        let live = self.shared.live.load();
        let name = work.delivery.to_string();
        events::DeliveryEnded {
            tenant: live.tenants.name_of(work.record.tenant),
            delivery: &name,
            provider: state.attempts.last().map(|attempt| &*attempt.provider),
            channel: state.channel,
            status: settled.status.as_str(),
            reason: (settled.status == DeliveryStatus::Failed)
                .then_some(state.reason.as_deref())
                .flatten(),
            delivered_after: None,
        }
        .emit(&self.shared.metrics);
    }

    /// Stops: no new dispatch starts, those at work may finish for so long.
    /// What is not finished by then is handed back, due now.
    ///
    /// Returns how many were cut off.
    pub async fn drain(&self, within: Duration) -> usize {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait())
            .await
            .is_ok()
        {
            return 0;
        }
        let cut = self.tasks.len();
        self.cutting.cancel();
        // Only the time to write it down; a lease that stays runs out by itself.
        drop(tokio::time::timeout(HAND_BACK, self.tasks.wait()).await);
        cut
    }

    /// Makes an unfinished delivery due for any node to go on with. Its open
    /// attempt may have gone out, and will count as unknown.
    async fn hand_back(&self, work: &Work, after: Duration) {
        let Some(state) = work.state() else {
            return;
        };
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let handed = self
            .shared
            .store
            .hand_back(work.delivery, state.fence, after_ms)
            .await;
        if let Err(error) = handed {
            self.shared.store_failed("hand_back", &error);
        }
    }

    /// How many more dispatches may start now.
    pub fn room(&self) -> u16 {
        if self.stopping.is_cancelled() {
            return 0;
        }
        u16::try_from(self.places.available_permits()).unwrap_or(u16::MAX)
    }

    /// Dispatches as soon as there is room. What was taken from the ledger is
    /// held under a lease, so the wait is short or somebody else goes on.
    pub async fn dispatch_when_room(self: &Arc<Self>, work: Work) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        match place {
            Ok(place) if !self.stopping.is_cancelled() => self.dispatch(work, Place(place)),
            Ok(_) | Err(_) => self.hand_back(&work, Duration::ZERO).await,
        }
    }

    /// Remembers that a provider called traffic to this number fraud.
    pub(crate) fn block(&self, number: NumberTag) {
        self.blocked
            .refuse(number.0, self.shared.store_now_ms() + BLOCKED_MS);
    }
}
