//! The store as the gateway uses it: every question is timed, and what may
//! have to be told by webhooks is noted.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join;
use tokio::time::Instant;

use super::subjects::{
    Guard, NoteNumber, NumberKey, NumberNote, SubjectPage, SubjectRead, SubjectStore, TakeSubjects,
    WriteSubject, Written,
};
use super::webhooks::{SaveWatch, TakeWatches, WatchAsk, WatchPage, WatchStore, Watched};
use super::{
    Checked, CheckedWithin, Found, Health, Idempotency, Meta, MetaRead, RecordFormats, Sent,
    Started, Store, StoreError, Sweep, Swept, Taken, Undo,
};
use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::admission::turns::{Turns, TurnsAsk};
use crate::calls::CallAsk;
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DeliveryStatus, DispatchPolicy, ReceiptApplied, Settle,
    Settled, Stop,
};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{CountRoutes, RouteRows};
use crate::subjects::model::SubjectKey;
use crate::telemetry::Metrics;
use crate::verification::{
    Check, CheckAnswer, Conversion, NumberRecord, NumberTag, Record, Resend, SendRefusal, Start,
    TenantTag,
};
use crate::webhooks::Lookout;

/// A store that counts how long each step took, well or badly.
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    lookout: Arc<Lookout>,
}

impl MeteredStore {
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>, lookout: Arc<Lookout>) -> Self {
        Self {
            inner,
            metrics,
            lookout,
        }
    }

    /// Starts, and has the record watched if its tenant wants to hear of it: the
    /// watch goes first, in the same flush, so that no send is made without it.
    async fn start_watched(
        &self,
        ask: &Start,
        starting: impl Future<Output = Sent> + Send,
    ) -> Sent {
        let Some(watch) = self.lookout.watch_of(ask.tenant, ask.id) else {
            return starting.await;
        };
        let watching = self.timed("watch", self.inner.watch(&watch));
        let (watched, sent) = join(watching, starting).await;
        match &sent.started {
            Ok(Started::Created { .. }) | Err(_) if watched.is_err() => {
                self.lookout.watch_again(watch);
            }
            Ok(Started::Resent { id, .. }) => {
                // Of this one only its new delivery is news.
                _ = self.lookout.watch_of(ask.tenant, *id);
            }
            Ok(_) | Err(_) => {}
        }
        sent
    }

    fn settled(&self, delivery: DeliveryId, settled: &Result<Result<Settled, Stop>, StoreError>) {
        // A retry or the next hop is no news.
        if let Ok(Ok(settled)) = settled
            && settled.status != DeliveryStatus::Queued
        {
            self.lookout.maybe_changed(delivery.record);
        }
    }

    async fn timed<T>(&self, step: &'static str, call: impl Future<Output = T> + Send) -> T {
        let started = Instant::now();
        let answer = call.await;
        self.metrics.store_step(step, started.elapsed());
        answer
    }
}

#[async_trait]
impl Store for MeteredStore {
    async fn start(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        self.timed("start", self.inner.start(ask, idempotency))
            .await
    }

    async fn start_within(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        let call = self.inner.start_within(ask, idempotency, limits);
        self.start_watched(ask, self.timed("start", call)).await
    }

    async fn resend(
        &self,
        ask: &Resend,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        self.timed("resend", self.inner.resend(ask, idempotency))
            .await
    }

    async fn undo(&self, ask: &Undo) -> Result<(), StoreError> {
        self.timed("undo", self.inner.undo(ask)).await
    }

    async fn confirm(&self, shard: Shard, idempotency: &Idempotency) -> Result<(), StoreError> {
        self.timed("confirm", self.inner.confirm(shard, idempotency))
            .await
    }

    async fn check(&self, ask: &Check) -> Result<Checked, StoreError> {
        self.timed("check", self.inner.check(ask)).await
    }

    async fn check_within(
        &self,
        ask: &Check,
        limits: &[LimitAsk],
    ) -> Result<CheckedWithin, StoreError> {
        let checked = self
            .timed("check", self.inner.check_within(ask, limits))
            .await;
        if let Ok(CheckedWithin::Checked(checked)) = &checked
            && has_decided(checked.answer)
        {
            self.lookout.changed(ask.tenant, ask.id);
        }
        checked
    }

    async fn cancel(
        &self,
        id: RecordId,
        tenant: TenantTag,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        let canceled = self.timed("cancel", self.inner.cancel(id, tenant)).await;
        if !matches!(canceled, Ok(Err(_))) {
            self.lookout.changed(tenant, id);
        }
        canceled
    }

    async fn report_outcome(
        &self,
        id: RecordId,
        tenant: TenantTag,
        conversion: Conversion,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        let call = self.inner.report_outcome(id, tenant, conversion);
        let noted = self.timed("outcome", call).await;
        if !matches!(noted, Ok(Err(_))) {
            self.lookout.changed(tenant, id);
        }
        noted
    }

    async fn begin(
        &self,
        delivery: DeliveryId,
        ask: &Begin,
    ) -> Result<Result<(), Stop>, StoreError> {
        self.timed("begin", self.inner.begin(delivery, ask)).await
    }

    async fn settle(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let settled = self.timed("settle", self.inner.settle(delivery, ask)).await;
        self.settled(delivery, &settled);
        settled
    }

    async fn settle_created(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let call = self.inner.settle_created(delivery, ask, record);
        let settled = self.timed("settle", call).await;
        self.settled(delivery, &settled);
        settled
    }

    async fn apply_receipt(
        &self,
        delivery: DeliveryId,
        ask: &ApplyReceipt,
    ) -> Result<ReceiptApplied, StoreError> {
        self.timed("receipt", self.inner.apply_receipt(delivery, ask))
            .await
    }

    async fn bind_message(
        &self,
        key: MessageKey,
        target: &ReceiptReference,
    ) -> Result<Option<AttemptReceipt>, StoreError> {
        self.timed("bind_message", self.inner.bind_message(key, target))
            .await
    }

    async fn match_receipt(
        &self,
        key: MessageKey,
        receipt: &AttemptReceipt,
    ) -> Result<Option<ReceiptReference>, StoreError> {
        self.timed("match_receipt", self.inner.match_receipt(key, receipt))
            .await
    }

    async fn bind_call(&self, ask: &CallAsk) -> Result<Option<u32>, StoreError> {
        self.timed("bind_call", self.inner.bind_call(ask)).await
    }

    async fn take(
        &self,
        delivery: DeliveryId,
        policy: &DispatchPolicy,
    ) -> Result<Taken, StoreError> {
        self.timed("take", self.inner.take(delivery, policy)).await
    }

    async fn sweep(&self, ask: &Sweep) -> Result<Swept, StoreError> {
        self.timed("sweep", self.inner.sweep(ask)).await
    }

    async fn hand_back(
        &self,
        delivery: DeliveryId,
        fence: u32,
        after_ms: u64,
    ) -> Result<Result<(), Stop>, StoreError> {
        let call = self.inner.hand_back(delivery, fence, after_ms);
        self.timed("hand_back", call).await
    }

    async fn limits(&self, asks: &[LimitAsk]) -> Result<Vec<Result<(), Denied>>, StoreError> {
        self.timed("limits", self.inner.limits(asks)).await
    }

    async fn turns(&self, ask: &TurnsAsk) -> Result<Turns, StoreError> {
        self.timed("turns", self.inner.turns(ask)).await
    }

    async fn count_routes(&self, ask: &CountRoutes) -> Result<(), StoreError> {
        self.timed("count_routes", self.inner.count_routes(ask))
            .await
    }

    async fn route_counts(&self, hour: u64) -> Result<RouteRows, StoreError> {
        self.timed("route_counts", self.inner.route_counts(hour))
            .await
    }

    async fn get(&self, id: RecordId) -> Result<Option<Found>, StoreError> {
        self.timed("get", self.inner.get(id)).await
    }

    async fn get_all(&self, ids: &[RecordId]) -> Result<Vec<Found>, StoreError> {
        self.timed("get_all", self.inner.get_all(ids)).await
    }

    async fn number(
        &self,
        shard: Shard,
        number: NumberTag,
    ) -> Result<(NumberRecord, u64), StoreError> {
        self.timed("number", self.inner.number(shard, number)).await
    }

    async fn lift_failures(&self, shard: Shard, number: NumberTag) -> Result<(), StoreError> {
        self.timed("lift_failures", self.inner.lift_failures(shard, number))
            .await
    }

    async fn meta(&self) -> Result<MetaRead, StoreError> {
        self.timed("meta", self.inner.meta()).await
    }

    async fn write_meta(&self, meta: &Meta, revision: u64) -> Result<bool, StoreError> {
        self.timed("write_meta", self.inner.write_meta(meta, revision))
            .await
    }

    fn record_formats(&self) -> RecordFormats {
        self.inner.record_formats()
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.timed("health", self.inner.health()).await
    }
}

/// Whether a check has ended its verification.
fn has_decided(answer: CheckAnswer) -> bool {
    match answer {
        CheckAnswer::Approved => true,
        CheckAnswer::Mismatch { checks_remaining } => checks_remaining == 0,
        CheckAnswer::NotPending { .. }
        | CheckAnswer::TooManyFailures { .. }
        | CheckAnswer::UnknownKey
        | CheckAnswer::KeyReused
        | CheckAnswer::NotFound => false,
    }
}

#[async_trait]
impl WatchStore for MeteredStore {
    async fn watch(&self, ask: &WatchAsk) -> Result<(), StoreError> {
        self.timed("watch", self.inner.watch(ask)).await
    }

    async fn take_watch(&self, id: RecordId, lease_ms: u64) -> Result<Option<Watched>, StoreError> {
        self.timed("take_watch", self.inner.take_watch(id, lease_ms))
            .await
    }

    async fn take_watches(&self, ask: &TakeWatches) -> Result<Vec<Watched>, StoreError> {
        self.timed("take_watches", self.inner.take_watches(ask))
            .await
    }

    async fn save_watch(&self, ask: &SaveWatch) -> Result<bool, StoreError> {
        self.timed("save_watch", self.inner.save_watch(ask)).await
    }

    async fn note_report(&self, id: RecordId) -> Result<(), StoreError> {
        let noted = self.timed("note_report", self.inner.note_report(id)).await;
        self.lookout.maybe_changed(id);
        noted
    }

    async fn list_watches(
        &self,
        shard: Shard,
        from: Option<&[u8]>,
        count: u16,
    ) -> Result<WatchPage, StoreError> {
        let call = self.inner.list_watches(shard, from, count);
        self.timed("list_watches", call).await
    }
}

#[async_trait]
impl SubjectStore for MeteredStore {
    async fn subject(&self, key: SubjectKey) -> Result<SubjectRead, StoreError> {
        self.timed("subject", self.inner.subject(key)).await
    }

    async fn write_subject(&self, ask: &WriteSubject) -> Result<Written, StoreError> {
        self.timed("write_subject", self.inner.write_subject(ask))
            .await
    }

    async fn take_subjects(&self, ask: &TakeSubjects) -> Result<Vec<SubjectKey>, StoreError> {
        self.timed("take_subjects", self.inner.take_subjects(ask))
            .await
    }

    async fn subjects_under_other_keys(
        &self,
        shard: Shard,
        key_id: &str,
        from: (Option<&[u8]>, u16),
    ) -> Result<SubjectPage, StoreError> {
        let call = self.inner.subjects_under_other_keys(shard, key_id, from);
        self.timed("subjects_under_other_keys", call).await
    }

    async fn subject_audit(
        &self,
        key: SubjectKey,
        from: u32,
        count: u16,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let call = self.inner.subject_audit(key, from, count);
        self.timed("subject_audit", call).await
    }

    async fn number_note(&self, key: NumberKey) -> Result<NumberNote, StoreError> {
        self.timed("number_note", self.inner.number_note(key)).await
    }

    async fn note_number(&self, key: NumberKey, note: &NoteNumber) -> Result<bool, StoreError> {
        self.timed("note_number", self.inner.note_number(key, note))
            .await
    }

    async fn start_guarded(
        &self,
        ask: &Start,
        guard: &Guard,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        let call = self.inner.start_guarded(ask, guard, idempotency, limits);
        self.start_watched(ask, self.timed("start_guarded", call))
            .await
    }
}
