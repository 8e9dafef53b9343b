//! A store in memory that loses answers, or lets somebody else go first, as it is
//! told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::admission::turns::{Turns, TurnsAsk};
use crate::calls::CallAsk;
use crate::clock::Clock;
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, ReceiptApplied, Settle, Settled, Stop,
};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::keys::random;
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{CountRoutes, RouteRows};
use crate::store::embedded::{EmbeddedStore, Settings};
use crate::store::subjects::{
    Guard, NoteNumber, NumberKey, NumberNote, SubjectPage, SubjectRead, SubjectStore, TakeSubjects,
    WriteSubject, Written,
};
use crate::store::webhooks::{SaveWatch, TakeWatches, WatchAsk, WatchPage, WatchStore, Watched};
use crate::store::{
    Checked, CheckedWithin, Found, Health, Idempotency, Meta, MetaRead, RecordFormats, Sent,
    Started, Store, StoreError, Sweep, Swept, Taken, Undo,
};
use crate::subjects::model::SubjectKey;
use crate::verification::{
    Check, Conversion, NumberRecord, NumberTag, OperationId, Record, Resend, SendRefusal, Start,
    TenantTag,
};

/// Some day in 2026.
const START_MS: u64 = 1_790_000_000_000;

/// What becomes of a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Play {
    /// Somebody else writes first.
    Overtaken,
    AnswerLost,
    /// And somebody else writes before it is asked again.
    AnswerLostAndOvertaken,
    /// Whether it did is not known either.
    NeverArrives,
    Refused,
    /// The node that asks stands still first.
    Stalled {
        for_ms: u64,
    },
}

#[derive(Clone, Debug)]
pub(super) struct HandClock(Arc<AtomicU64>);

impl Clock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct ScriptedStore {
    inner: EmbeddedStore,
    clock: HandClock,
    plays: Mutex<VecDeque<Play>>,
    loses_taking: AtomicBool,
}

impl ScriptedStore {
    pub(super) fn new() -> Self {
        let clock = HandClock(Arc::new(AtomicU64::new(START_MS)));
        let hand = clock.clone();
        let now = Arc::new(move || hand.now_ms());
        Self {
            inner: EmbeddedStore::in_memory(&Settings::default(), now).unwrap(),
            clock,
            plays: Mutex::default(),
            loses_taking: AtomicBool::new(false),
        }
    }

    pub(super) fn clock(&self) -> HandClock {
        self.clock.clone()
    }

    pub(super) fn pass_time(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// Of the next writes, one after the other.
    pub(super) fn plays(&self, plays: impl IntoIterator<Item = Play>) {
        self.plays.lock().unwrap().extend(plays);
    }

    /// The answer that names the next subjects that are due.
    pub(super) fn loses_taking(&self) {
        self.loses_taking.store(true, Ordering::Relaxed);
    }

    async fn somebody_else_writes(&self, key: SubjectKey) {
        let stored = self.inner.subject(key).await.unwrap().stored.unwrap();
        let ask = WriteSubject {
            key,
            tenant: stored.tenant,
            revision: stored.revision,
            operation: OperationId(random()),
            not_after_ms: None,
            generation: stored.generation,
            sealed: Some(stored.sealed),
            due_at_ms: None,
            ends_codes: false,
            audit: Vec::new(),
            audit_keep: 16,
            events: Vec::new(),
        };
        let written = self.inner.write_subject(&ask).await.unwrap();
        assert_eq!(written, Written::Written);
    }
}

fn lost() -> StoreError {
    StoreError::OutcomeUnknown {
        reason: "as it was told".into(),
    }
}

/// Hands steps over to the store behind.
macro_rules! passed_on {
    ($contract:ident { $(fn $step:ident($($name:ident: $of:ty),*) -> $answer:ty;)+ } $($own:tt)*) => {
        #[async_trait]
        impl $contract for ScriptedStore {
            $(async fn $step(&self, $($name: $of),*) -> $answer {
                self.inner.$step($($name),*).await
            })+

            $($own)*
        }
    };
}

passed_on!(SubjectStore {
    fn subject(key: SubjectKey) -> Result<SubjectRead, StoreError>;
    fn subjects_under_other_keys(shard: Shard, key_id: &str, from: (Option<&[u8]>, u16)) -> Result<SubjectPage, StoreError>;
    fn subject_audit(key: SubjectKey, from: u32, count: u16) -> Result<Vec<Vec<u8>>, StoreError>;
    fn number_note(key: NumberKey) -> Result<NumberNote, StoreError>;
    fn note_number(key: NumberKey, note: &NoteNumber) -> Result<bool, StoreError>;
    fn start_guarded(ask: &Start, guard: &Guard, idempotency: Option<&Idempotency>, limits: &[LimitAsk]) -> Sent;
}
    async fn write_subject(&self, ask: &WriteSubject) -> Result<Written, StoreError> {
        let play = self.plays.lock().unwrap().pop_front();
        match play {
            None => self.inner.write_subject(ask).await,
            Some(Play::Overtaken) => {
                self.somebody_else_writes(ask.key).await;
                self.inner.write_subject(ask).await
            }
            Some(Play::AnswerLost) => {
                self.inner.write_subject(ask).await?;
                Err(lost())
            }
            Some(Play::AnswerLostAndOvertaken) => {
                self.inner.write_subject(ask).await?;
                self.somebody_else_writes(ask.key).await;
                Err(lost())
            }
            Some(Play::NeverArrives) => Err(lost()),
            Some(Play::Refused) => Err(StoreError::Unavailable {
                reason: "as it was told".into(),
            }),
            Some(Play::Stalled { for_ms }) => {
                self.pass_time(for_ms);
                self.inner.write_subject(ask).await
            }
        }
    }

    async fn take_subjects(&self, ask: &TakeSubjects) -> Result<Vec<SubjectKey>, StoreError> {
        let taken = self.inner.take_subjects(ask).await?;
        if self.loses_taking.swap(false, Ordering::Relaxed) {
            return Err(lost());
        }
        Ok(taken)
    }
);

passed_on!(WatchStore {
    fn watch(ask: &WatchAsk) -> Result<(), StoreError>;
    fn take_watch(id: RecordId, lease_ms: u64) -> Result<Option<Watched>, StoreError>;
    fn take_watches(ask: &TakeWatches) -> Result<Vec<Watched>, StoreError>;
    fn save_watch(ask: &SaveWatch) -> Result<bool, StoreError>;
    fn note_report(id: RecordId) -> Result<(), StoreError>;
    fn list_watches(shard: Shard, from: Option<&[u8]>, count: u16) -> Result<WatchPage, StoreError>;
});

passed_on!(Store {
    fn start(ask: &Start, idempotency: Option<&Idempotency>) -> Result<Started, StoreError>;
    fn start_within(ask: &Start, idempotency: Option<&Idempotency>, limits: &[LimitAsk]) -> Sent;
    fn resend(ask: &Resend, idempotency: Option<&Idempotency>) -> Result<Started, StoreError>;
    fn undo(ask: &Undo) -> Result<(), StoreError>;
    fn confirm(shard: Shard, idempotency: &Idempotency) -> Result<(), StoreError>;
    fn check(ask: &Check) -> Result<Checked, StoreError>;
    fn check_within(ask: &Check, limits: &[LimitAsk]) -> Result<CheckedWithin, StoreError>;
    fn cancel(id: RecordId, tenant: TenantTag) -> Result<Result<Found, SendRefusal>, StoreError>;
    fn report_outcome(id: RecordId, tenant: TenantTag, conversion: Conversion) -> Result<Result<Found, SendRefusal>, StoreError>;
    fn begin(delivery: DeliveryId, ask: &Begin) -> Result<Result<(), Stop>, StoreError>;
    fn settle(delivery: DeliveryId, ask: &Settle) -> Result<Result<Settled, Stop>, StoreError>;
    fn settle_created(delivery: DeliveryId, ask: &Settle, record: &mut Record) -> Result<Result<Settled, Stop>, StoreError>;
    fn apply_receipt(delivery: DeliveryId, ask: &ApplyReceipt) -> Result<ReceiptApplied, StoreError>;
    fn bind_message(key: MessageKey, target: &ReceiptReference) -> Result<Option<AttemptReceipt>, StoreError>;
    fn match_receipt(key: MessageKey, receipt: &AttemptReceipt) -> Result<Option<ReceiptReference>, StoreError>;
    fn bind_call(ask: &CallAsk) -> Result<Option<u32>, StoreError>;
    fn take(delivery: DeliveryId, policy: &DispatchPolicy) -> Result<Taken, StoreError>;
    fn sweep(ask: &Sweep) -> Result<Swept, StoreError>;
    fn hand_back(delivery: DeliveryId, fence: u32, after_ms: u64) -> Result<Result<(), Stop>, StoreError>;
    fn limits(asks: &[LimitAsk]) -> Result<Vec<Result<(), Denied>>, StoreError>;
    fn turns(ask: &TurnsAsk) -> Result<Turns, StoreError>;
    fn count_routes(ask: &CountRoutes) -> Result<(), StoreError>;
    fn route_counts(hour: u64) -> Result<RouteRows, StoreError>;
    fn get(id: RecordId) -> Result<Option<Found>, StoreError>;
    fn get_all(ids: &[RecordId]) -> Result<Vec<Found>, StoreError>;
    fn number(shard: Shard, number: NumberTag) -> Result<(NumberRecord, u64), StoreError>;
    fn lift_failures(shard: Shard, number: NumberTag) -> Result<(), StoreError>;
    fn meta() -> Result<MetaRead, StoreError>;
    fn write_meta(meta: &Meta, revision: u64) -> Result<bool, StoreError>;
    fn health() -> Result<Health, StoreError>;
}
    fn record_formats(&self) -> RecordFormats {
        self.inner.record_formats()
    }
);
