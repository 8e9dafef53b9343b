//! The part of a send that must not die with its caller: ask the store and
//! every limit in one flush, then dispatch. Runs in a task of its own.

mod made;
mod undoing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use self::made::{Made, Step};
use super::error::ServiceError;
use super::limits::NamedLimit;
use super::refusals::{Refusal, first_refusal};
use super::{Answer, OVERLOADED, Service, unavailable};
use crate::admission::limits::LimitAsk;
use crate::delivery::DeliveryStatus;
use crate::details::Opened;
use crate::dispatch::{Dispatcher, Place, Work};
use crate::id::{DeliveryId, RecordId};
use crate::keys::random;
use crate::live::Shared;
use crate::store::subjects::Guard;
use crate::store::{Idempotency, Sent, Started, StoreError};
use crate::verification::{OperationId, Record, Resend, Start};

/// How often, and how far apart, a send whose making was not answered is looked for.
const LOOKS: u32 = 5;
const LOOK_PAUSE: Duration = Duration::from_millis(300);

/// What is to be sent, judged and sealed.
pub(super) enum SendAsk {
    Start(Box<Start>),
    Resend(Box<Resend>),
}

/// A send ready to be made.
pub(super) struct Send {
    pub ask: SendAsk,
    pub idempotency: Option<Idempotency>,
    pub limits: Vec<NamedLimit>,
    /// Of a start addressed to a subject: what it was judged by.
    pub guard: Option<Guard>,
    /// What a start has sealed.
    pub opened: Option<Arc<Opened>>,
    pub wait: Option<Duration>,
}

impl Send {
    fn paid_submission(&self) -> Vec<LimitAsk> {
        let caps = self.limits.iter().filter(|named| named.is_cap());
        caps.map(|named| named.ask.clone()).collect()
    }
}

/// A send that was accepted.
pub(super) struct Accepted {
    pub id: RecordId,
    pub record: Box<Record>,
    pub now_ms: u64,
    /// What this send has sealed, if it made the record.
    pub opened: Option<Arc<Opened>>,
}

/// How often, and how far apart, a waiter asks whether the request with its
/// idempotency key has been decided.
const WAITER_ROUNDS: u32 = 20;
const WAITER_PAUSE: Duration = Duration::from_millis(50);

impl Service {
    /// Makes a send. Once it has begun it goes on, whoever waits for it.
    pub(super) async fn send(&self, send: Send) -> Answer<Accepted> {
        if let Some(refusal) = self.remembered_refusal(&send.limits) {
            return Err(refusal);
        }
        if !self.shared.is_durable.load(Ordering::Relaxed) {
            return Err(ServiceError::Unavailable {
                code: "store_unavailable",
                retry_after_s: 5,
            });
        }
        let place = self.dispatcher.place().ok_or(OVERLOADED)?;
        let wait = send.wait;
        let (done, submitted) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let sending = Sending {
            shared: self.shared.clone(),
            dispatcher: Arc::clone(&self.dispatcher),
        };
        // Dropping its handle leaves it running: it ends by itself.
        drop(
            self.dispatcher
                .spawn(sending.run(send, place, (answer, done))),
        );
        let accepted = answered.await.map_err(|_| OVERLOADED)??;
        let Some(wait) = wait else {
            return Ok(accepted);
        };
        // How it went is read back from the record; not hearing of it in time is no error.
        drop(tokio::time::timeout(wait, submitted).await);
        match self.shared.store.get(accepted.id).await {
            Ok(Some(found)) => Ok(Accepted {
                id: found.id,
                record: found.record,
                now_ms: found.now_ms,
                opened: accepted.opened,
            }),
            Ok(None) | Err(_) => Ok(accepted),
        }
    }
}

/// What the task of one send holds.
struct Sending {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

impl Sending {
    /// Makes the send, answers, and goes on with its dispatch: one task from
    /// the store's answer to the end, for a second one would wake a second core.
    ///
    /// Not cancel safe: between the store's answer and the dispatch, the task
    /// holds the only quick way to the person.
    async fn run(
        self,
        send: Send,
        place: Place,
        (answer, done): (
            oneshot::Sender<Answer<Accepted>>,
            oneshot::Sender<DeliveryStatus>,
        ),
    ) {
        let (accepted, work) = match self.begin(&send, done).await {
            Ok(begun) => begun,
            Err(error) => {
                // Whoever asked may have gone.
                _ = answer.send(Err(error));
                return;
            }
        };
        _ = answer.send(Ok(accepted));
        let Some(work) = work else {
            return;
        };
        drop(send);
        // The answer is written first, on this core: that is a few microseconds.
        tokio::task::yield_now().await;
        self.dispatcher.work_through(work, place).await;
    }

    /// Makes the send. What is to be dispatched is there if this made it.
    async fn begin(
        &self,
        send: &Send,
        done: oneshot::Sender<DeliveryStatus>,
    ) -> Answer<(Accepted, Option<Work>)> {
        let made = self.make(send).await?;
        let Made {
            id,
            record,
            ordinal,
            now_ms,
            step,
        } = made;
        let opened = send.opened.as_ref().filter(|_| step == Step::Created);
        let accepted = Accepted {
            id,
            record,
            now_ms,
            opened: opened.map(Arc::clone),
        };
        if step == Step::Replayed {
            return Ok((accepted, None));
        }
        let work = ordinal.map(|ordinal| Work {
            delivery: DeliveryId {
                record: id,
                ordinal,
            },
            record: accepted.record.clone(),
            why: None,
            done: Some(done),
            opened: opened.map(Arc::clone),
            prepaid: send.paid_submission(),
            is_as_created: step == Step::Created,
        });
        Ok((accepted, work))
    }

    /// Makes the send, once whoever else is at work on its idempotency key has decided.
    async fn make(&self, send: &Send) -> Answer<Made> {
        let mut asks: Vec<LimitAsk> = send.limits.iter().map(|named| named.ask.clone()).collect();
        for _ in 0..WAITER_ROUNDS {
            match self.make_once(send, &asks).await {
                Err(ServiceError::IdempotencyInProgress) => {}
                made => return made,
            }
            tokio::time::sleep(WAITER_PAUSE).await;
            for ask in &mut asks {
                ask.operation = OperationId(random());
            }
        }
        Err(ServiceError::IdempotencyInProgress)
    }

    /// Asks the store and the limits in one flush.
    async fn make_once(&self, send: &Send, asks: &[LimitAsk]) -> Answer<Made> {
        let Sent { started, apart } = self.start(send, asks).await;
        let Some(answers) = apart else {
            return self.made_within(send, started).await;
        };
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                if matches!(error, StoreError::OutcomeUnknown { .. }) {
                    // Where it may have been made it stays counted.
                    match answers {
                        Ok(answers) if first_refusal(&send.limits, &answers).is_some() => {}
                        Ok(_) => self.look_again(send, Vec::new()),
                        Err(_) => self.look_again(send, asks.to_vec()),
                    }
                } else {
                    self.give_back(asks, answers.as_deref().unwrap_or_default());
                }
                return Err(self.failed(&error));
            }
        };
        match self.made(started, send) {
            Ok(made) if made.step != Step::Replayed => {
                let made = self.judge(send, made, (asks, answers)).await?;
                self.confirm(send, made.id);
                Ok(made)
            }
            made => {
                self.give_back(asks, answers.as_deref().unwrap_or_default());
                made
            }
        }
    }

    /// What came of a send whose limits were part of the step.
    async fn made_within(&self, send: &Send, started: Result<Started, StoreError>) -> Answer<Made> {
        match started {
            Ok(Started::Withheld { limits, now_ms }) => {
                let refusal =
                    first_refusal(&send.limits, &limits).unwrap_or_else(Refusal::unanswered);
                self.remember_refusal(&refusal);
                if send.idempotency.is_some() {
                    // Nothing was made: without it the key is merely asked anew.
                    _ = self.undo(send, (send.ask.id(), false), &refusal).await;
                }
                Err(refusal.error(now_ms))
            }
            Ok(started) => self.made(started, send),
            Err(error) => {
                if matches!(error, StoreError::OutcomeUnknown { .. }) {
                    self.look_again(send, Vec::new());
                }
                Err(self.failed(&error))
            }
        }
    }

    fn failed(&self, error: &StoreError) -> ServiceError {
        self.shared.store_failed("start", error);
        unavailable(error)
    }

    /// The caller is told that the store did not answer. If it has made the send
    /// all the same, and every limit allows it (`unanswered` are still to be
    /// asked), it goes out at once rather than when its lease has run out.
    fn look_again(&self, send: &Send, unanswered: Vec<LimitAsk>) {
        let (id, operation) = (send.ask.id(), send.ask.operation());
        let is_start = matches!(send.ask, SendAsk::Start(_));
        let prepaid = send.paid_submission();
        let (shared, dispatcher) = (self.shared.clone(), Arc::clone(&self.dispatcher));
        self.dispatcher.spawn(async move {
            for _ in 0..LOOKS {
                tokio::time::sleep(LOOK_PAUSE).await;
                let Ok(Some(found)) = shared.store.get(id).await else {
                    continue;
                };
                let made = (1_u8..)
                    .zip(&found.record.deliveries)
                    .find(|(ordinal, delivery)| {
                        let is_ours = delivery.operation == Some(operation);
                        is_ours || is_start && *ordinal == 1
                    });
                let untouched = made.filter(|(_, delivery)| delivery.is_untouched());
                // What a limit refuses now is left to the sweep: it was never refused.
                let answers = shared.store.limits(&unanswered).await;
                let is_allowed = answers.is_ok_and(|answers| answers.iter().all(Result::is_ok));
                if is_allowed
                    && let (Some((ordinal, _)), Some(place)) = (untouched, dispatcher.place())
                {
                    let work = Work {
                        delivery: DeliveryId {
                            record: id,
                            ordinal,
                        },
                        record: found.record,
                        why: None,
                        done: None,
                        opened: None,
                        prepaid,
                        is_as_created: false,
                    };
                    dispatcher.dispatch(work, place);
                }
                return;
            }
        });
    }

    fn made(&self, started: Started, send: &Send) -> Answer<Made> {
        Made::of(started, send, self.shared.store_now_ms())
    }

    async fn start(&self, send: &Send, limits: &[LimitAsk]) -> Sent {
        let (store, key) = (&self.shared.store, send.idempotency.as_ref());
        match &send.ask {
            SendAsk::Start(start) => match &send.guard {
                None => store.start_within(start, key, limits).await,
                Some(guard) => store.start_guarded(start, guard, key, limits).await,
            },
            SendAsk::Resend(resend) => {
                let (started, limits) =
                    tokio::join!(store.resend(resend, key), store.limits(limits));
                Sent {
                    started,
                    apart: Some(limits),
                }
            }
        }
    }

    /// Lets those who wait with the same idempotency key know at once that the
    /// send is accepted. If this is lost they learn it from the first attempt's end.
    fn confirm(&self, send: &Send, id: RecordId) {
        let Some(idempotency) = send.idempotency else {
            return;
        };
        let shared = self.shared.clone();
        self.dispatcher.spawn(async move {
            if let Err(error) = shared.store.confirm(id.shard, &idempotency).await {
                shared.store_failed("confirm", &error);
            }
        });
    }
}

impl SendAsk {
    fn operation(&self) -> OperationId {
        match self {
            Self::Start(start) => OperationId(start.id.random),
            Self::Resend(resend) => resend.operation,
        }
    }

    fn id(&self) -> RecordId {
        match self {
            Self::Start(start) => start.id,
            Self::Resend(resend) => resend.id,
        }
    }
}
