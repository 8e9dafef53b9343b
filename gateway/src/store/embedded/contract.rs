//! The contract, question by question: which step answers it, and what its
//! answer promises. Reads do not wait for the writer.

use async_trait::async_trait;

use super::EmbeddedStore;
use super::codec::{decode, record_key, slot_key};
use super::file::Snapshot;
use super::steps;
use super::tables::{self, StepError, StoredNumber, kept_until_ms};
use super::writer::{Promise, unavailable};
use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::admission::turns::{Turns, TurnsAsk};
use crate::calls::CallAsk;
use crate::delivery::{
    self, ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, ReceiptApplied, Settle, Settled,
    Stop,
};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{CountRoutes, HourCounts, RouteRows};
use crate::store::{
    Checked, CheckedWithin, FORMAT_VERSION, Found, Health, Idempotency, Meta, MetaRead,
    RecordFormats, Sent, Started, Store, StoreError, Sweep, Swept, Taken, Undo,
};
use crate::verification::{
    Check, Conversion, NumberRecord, NumberTag, Record, Resend, SendRefusal, Start, TenantTag,
};

impl EmbeddedStore {
    fn find(&self, snapshot: &Snapshot, id: RecordId) -> Result<Option<Found>, StepError> {
        let Some(bytes) = snapshot.get(tables::RECORDS, &record_key(id))? else {
            return Ok(None);
        };
        let record: Record = decode(&bytes)?;
        let now_ms = self.shared.now_ms();
        let is_kept = now_ms < kept_until_ms(&record, self.retention_ms);
        Ok(is_kept.then(|| Found {
            id,
            record: Box::new(record),
            now_ms,
        }))
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn start(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        let (ask, idempotency) = (ask.clone(), idempotency.copied());
        self.ask(Promise::Durable, move |tables| {
            steps::sends::start(tables, &ask, idempotency.as_ref(), None)
        })
        .await
    }

    async fn start_within(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        let (ask, idempotency) = (ask.clone(), idempotency.copied());
        let limits = limits.to_vec();
        let started = self.ask(Promise::Durable, move |tables| {
            steps::sends::start(tables, &ask, idempotency.as_ref(), Some(&limits))
        });
        Sent {
            started: started.await,
            apart: None,
        }
    }

    async fn resend(
        &self,
        ask: &Resend,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        let (ask, idempotency) = (ask.clone(), idempotency.copied());
        self.ask(Promise::Durable, move |tables| {
            steps::sends::resend(tables, &ask, idempotency.as_ref())
        })
        .await
    }

    async fn undo(&self, ask: &Undo) -> Result<(), StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Durable, move |tables| {
            steps::sends::undo(tables, &ask)
        })
        .await
    }

    async fn confirm(&self, shard: Shard, idempotency: &Idempotency) -> Result<(), StoreError> {
        let idempotency = *idempotency;
        self.ask(Promise::Durable, move |tables| {
            steps::idempotency::confirm(tables, shard, &idempotency)
        })
        .await
    }

    async fn check(&self, ask: &Check) -> Result<Checked, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Durable, move |tables| steps::check(tables, &ask))
            .await
    }

    async fn check_within(
        &self,
        ask: &Check,
        limits: &[LimitAsk],
    ) -> Result<CheckedWithin, StoreError> {
        let (ask, limits) = (ask.clone(), limits.to_vec());
        self.ask(Promise::Durable, move |tables| {
            steps::check_within(tables, &ask, &limits)
        })
        .await
    }

    async fn cancel(
        &self,
        id: RecordId,
        tenant: TenantTag,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        self.ask(Promise::Durable, move |tables| {
            steps::cancel(tables, id, tenant)
        })
        .await
    }

    async fn report_outcome(
        &self,
        id: RecordId,
        tenant: TenantTag,
        conversion: Conversion,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        self.ask(Promise::Durable, move |tables| {
            steps::report_outcome(tables, (id, tenant), conversion)
        })
        .await
    }

    async fn begin(
        &self,
        delivery: DeliveryId,
        ask: &Begin,
    ) -> Result<Result<(), Stop>, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Durable, move |tables| {
            steps::deliveries::begin(tables, delivery, &ask)
        })
        .await
    }

    async fn settle(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Done, move |tables| {
            steps::deliveries::settle(tables, delivery, &ask)
        })
        .await
    }

    async fn settle_created(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let settled = self.settle(delivery, ask).await;
        if let Ok(Ok(_)) = settled {
            // What is stored is what counts; this is the caller's copy.
            _ = delivery::settle(record, delivery.ordinal, ask, self.shared.now_ms());
        }
        settled
    }

    async fn apply_receipt(
        &self,
        delivery: DeliveryId,
        ask: &ApplyReceipt,
    ) -> Result<ReceiptApplied, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Done, move |tables| {
            steps::deliveries::apply_receipt(tables, delivery, &ask)
        })
        .await
    }

    async fn bind_message(
        &self,
        key: MessageKey,
        target: &ReceiptReference,
    ) -> Result<Option<AttemptReceipt>, StoreError> {
        let target = *target;
        self.ask(Promise::Done, move |tables| {
            steps::messages::bind(tables, key, &target)
        })
        .await
    }

    async fn match_receipt(
        &self,
        key: MessageKey,
        receipt: &AttemptReceipt,
    ) -> Result<Option<ReceiptReference>, StoreError> {
        let receipt = receipt.clone();
        self.ask(Promise::Done, move |tables| {
            steps::messages::meet(tables, key, &receipt)
        })
        .await
    }

    async fn bind_call(&self, ask: &CallAsk) -> Result<Option<u32>, StoreError> {
        let ask = *ask;
        self.ask(Promise::Durable, move |tables| {
            steps::calls::bind(tables, &ask)
        })
        .await
    }

    async fn take(
        &self,
        delivery: DeliveryId,
        policy: &DispatchPolicy,
    ) -> Result<Taken, StoreError> {
        let policy = *policy;
        self.ask(Promise::Done, move |tables| {
            steps::deliveries::take(tables, delivery, &policy)
        })
        .await
    }

    async fn sweep(&self, ask: &Sweep) -> Result<Swept, StoreError> {
        let ask = *ask;
        self.ask(Promise::Done, move |tables| {
            steps::deliveries::sweep(tables, &ask)
        })
        .await
    }

    async fn hand_back(
        &self,
        delivery: DeliveryId,
        fence: u32,
        after_ms: u64,
    ) -> Result<Result<(), Stop>, StoreError> {
        self.ask(Promise::Done, move |tables| {
            steps::deliveries::hand_back(tables, delivery, (fence, after_ms))
        })
        .await
    }

    async fn limits(&self, asks: &[LimitAsk]) -> Result<Vec<Result<(), Denied>>, StoreError> {
        let asks = asks.to_vec();
        self.ask(Promise::Done, move |tables| {
            steps::limits::limits(tables, &asks)
        })
        .await
    }

    async fn turns(&self, ask: &TurnsAsk) -> Result<Turns, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Done, move |tables| {
            steps::turns::turns(tables, &ask)
        })
        .await
    }

    async fn count_routes(&self, ask: &CountRoutes) -> Result<(), StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Done, move |tables| {
            steps::counts::count(tables, &ask)
        })
        .await
    }

    async fn route_counts(&self, hour: u64) -> Result<RouteRows, StoreError> {
        self.shared.read(|snapshot| {
            let stored = snapshot.get(tables::COUNTS, &steps::counts::hour_key(hour))?;
            let Some(bytes) = stored else {
                return Ok(Vec::new());
            };
            let counts: HourCounts = decode(&bytes)?;
            let is_kept = self.shared.now_ms() < counts.kept_until_ms;
            Ok(if is_kept { counts.rows() } else { Vec::new() })
        })
    }

    async fn get(&self, id: RecordId) -> Result<Option<Found>, StoreError> {
        self.shared.read(|snapshot| self.find(snapshot, id))
    }

    async fn get_all(&self, ids: &[RecordId]) -> Result<Vec<Found>, StoreError> {
        self.shared.read(|snapshot| {
            let found = ids.iter().map(|id| self.find(snapshot, *id));
            found.filter_map(Result::transpose).collect()
        })
    }

    async fn number(
        &self,
        shard: Shard,
        number: NumberTag,
    ) -> Result<(NumberRecord, u64), StoreError> {
        self.shared.read(|snapshot| {
            let now_ms = self.shared.now_ms();
            let bytes = snapshot.get(tables::NUMBERS, &slot_key(shard, &number.0))?;
            let stored: Option<StoredNumber> = bytes.map(|bytes| decode(&bytes)).transpose()?;
            let kept = stored.filter(|stored| now_ms < stored.kept_until_ms);
            Ok((kept.map(|kept| kept.number).unwrap_or_default(), now_ms))
        })
    }

    async fn lift_failures(&self, shard: Shard, number: NumberTag) -> Result<(), StoreError> {
        self.ask(Promise::Durable, move |tables| {
            steps::lift_failures(tables, shard, number)
        })
        .await
    }

    async fn meta(&self) -> Result<MetaRead, StoreError> {
        let stored = self.shared.read(Snapshot::meta)?;
        Ok(MetaRead {
            revision: stored.as_ref().map_or(0, |stored| stored.revision),
            meta: stored.map(|stored| stored.meta),
            now_ms: self.shared.now_ms(),
        })
    }

    async fn write_meta(&self, meta: &Meta, revision: u64) -> Result<bool, StoreError> {
        let meta = meta.clone();
        self.ask(Promise::Durable, move |tables| {
            steps::write_meta(tables, &meta, revision)
        })
        .await
    }

    fn record_formats(&self) -> RecordFormats {
        RecordFormats {
            written: FORMAT_VERSION,
            read: &[FORMAT_VERSION],
        }
    }

    async fn health(&self) -> Result<Health, StoreError> {
        if self.shared.has_failed() {
            return Err(unavailable("its storage has failed"));
        }
        Ok(Health {
            durability: self.durability,
            clock_skew_ms: self.shared.skew_ms(),
            memory_used_ratio: None,
        })
    }
}
