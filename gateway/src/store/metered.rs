//! The store as the gateway uses it: every question is timed.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    Checked, CheckedWithin, Found, Health, Idempotency, Meta, MetaRead, Sent, Started, Store,
    StoreError, Sweep, Swept, Taken, Undo,
};
use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::admission::turns::{Turns, TurnsAsk};
use crate::calls::CallAsk;
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, ReceiptApplied, Settle, Settled, Stop,
};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{CountRoutes, RouteRows};
use crate::telemetry::Metrics;
use crate::verification::{
    Check, Conversion, NumberRecord, NumberTag, Record, Resend, SendRefusal, Start, TenantTag,
};

/// A store that counts how long each step took, well or badly.
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl MeteredStore {
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
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
        self.timed("start", call).await
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
        self.timed("check", self.inner.check_within(ask, limits))
            .await
    }

    async fn cancel(
        &self,
        id: RecordId,
        tenant: TenantTag,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        self.timed("cancel", self.inner.cancel(id, tenant)).await
    }

    async fn report_outcome(
        &self,
        id: RecordId,
        tenant: TenantTag,
        conversion: Conversion,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        let call = self.inner.report_outcome(id, tenant, conversion);
        self.timed("outcome", call).await
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
        self.timed("settle", self.inner.settle(delivery, ask)).await
    }

    async fn settle_created(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let call = self.inner.settle_created(delivery, ask, record);
        self.timed("settle", call).await
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

    async fn health(&self) -> Result<Health, StoreError> {
        self.timed("health", self.inner.health()).await
    }
}
