//! The contract, question by question: which script answers it, and with which
//! keys. What the gateway decides itself stands in `first` and `known`.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::time::timeout;

use super::answers::{Answer, WITHHELD};
use super::asks::Terms;
use super::link::{CALL_MAX, Call};
use super::pack::NUMBER_MAX;
use super::{RedisStore, SWEEP_WINDOW, damaged_meta, format, read_meta, scripts, unavailable};
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
use crate::store::{
    Checked, CheckedWithin, FORMAT_VERSION, Found, Health, Idempotency, Meta, MetaRead,
    RecordFormats, Sent, Started, Store, StoreError, Sweep, Swept, Taken, Undo,
};
use crate::verification::{
    Check, Conversion, NumberRecord, NumberTag, Record, Resend, SendRefusal, Start, TenantTag,
};

#[async_trait]
impl Store for RedisStore {
    async fn start(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        self.make(ask, None, idempotency, None).await
    }

    async fn start_within(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        self.make_within(ask, None, idempotency, limits).await
    }

    async fn resend(
        &self,
        ask: &Resend,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        if self.is_nearly_full() {
            return Err(StoreError::Full);
        }
        let mut keys = self.record_and_ledger(ask.id);
        keys.extend(idempotency.map(|key| self.keys.idempotency(ask.id.shard, key.tag)));
        self.run(&scripts::RESEND, keys, |terms| {
            terms.resend(ask, idempotency)
        })
        .await?
        .started(ask.id, 0, |_| None)
    }

    async fn undo(&self, ask: &Undo) -> Result<(), StoreError> {
        let mut keys = self.record_and_ledger(ask.id);
        let idempotency = ask.idempotency.as_ref();
        keys.extend(idempotency.map(|key| self.keys.idempotency(ask.id.shard, key.tag)));
        self.run(&scripts::UNDO, keys, |terms| terms.undo(ask))
            .await?;
        Ok(())
    }

    async fn confirm(&self, shard: Shard, idempotency: &Idempotency) -> Result<(), StoreError> {
        let keys = vec![self.keys.idempotency(shard, idempotency.tag)];
        self.run(&scripts::CONFIRM, keys, |terms| terms.confirm(idempotency))
            .await?;
        Ok(())
    }

    async fn check(&self, ask: &Check) -> Result<Checked, StoreError> {
        let keys = self.record_and_ledger(ask.id);
        self.run(&scripts::CHECK, keys, |terms| terms.check(ask, &[]))
            .await?
            .checked()
    }

    async fn check_within(
        &self,
        ask: &Check,
        limits: &[LimitAsk],
    ) -> Result<CheckedWithin, StoreError> {
        if self.is_cluster && !limits.is_empty() {
            return self.check_beside(ask, limits).await;
        }
        let mut keys = self.record_and_ledger(ask.id);
        keys.extend(limits.iter().map(|ask| self.limit_key(ask)));
        let terms = |terms: Terms| terms.check(ask, limits);
        let mut answer = self.run(&scripts::CHECK, keys, terms).await?;
        if answer.code == WITHHELD {
            return Ok(CheckedWithin::Withheld {
                limits: answer.limits(limits.len())?,
                now_ms: answer.now_ms,
            });
        }
        answer.checked().map(CheckedWithin::Checked)
    }

    async fn cancel(
        &self,
        id: RecordId,
        tenant: TenantTag,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        let keys = self.record_and_ledger(id);
        self.run(&scripts::CANCEL, keys, |terms| terms.cancel(tenant))
            .await?
            .changed(id)
    }

    async fn report_outcome(
        &self,
        id: RecordId,
        tenant: TenantTag,
        conversion: Conversion,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        let keys = self.record_and_ledger(id);
        self.run(&scripts::OUTCOME, keys, |terms| {
            terms.outcome(tenant, conversion)
        })
        .await?
        .changed(id)
    }

    async fn begin(
        &self,
        delivery: DeliveryId,
        ask: &Begin,
    ) -> Result<Result<(), Stop>, StoreError> {
        let keys = self.record_and_ledger(delivery.record);
        self.run(&scripts::BEGIN, keys, |terms| {
            terms.begin_attempt(delivery.ordinal, ask)
        })
        .await?
        .stopped()
    }

    async fn settle(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let keys = self.record_and_ledger(delivery.record);
        self.run(&scripts::SETTLE, keys, |terms| {
            terms.settle(delivery.ordinal, ask)
        })
        .await?
        .settled()
    }

    async fn settle_created(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        if let Some(settled) = self.settle_known(delivery, ask, record).await? {
            return Ok(Ok(settled));
        }
        self.settle(delivery, ask).await
    }

    async fn apply_receipt(
        &self,
        delivery: DeliveryId,
        ask: &ApplyReceipt,
    ) -> Result<ReceiptApplied, StoreError> {
        let keys = self.record_and_ledger(delivery.record);
        self.run(&scripts::RECEIPT, keys, |terms| {
            terms.receipt(delivery.ordinal, ask)
        })
        .await?
        .receipt_applied()
    }

    async fn bind_message(
        &self,
        key: MessageKey,
        target: &ReceiptReference,
    ) -> Result<Option<AttemptReceipt>, StoreError> {
        let keys = vec![self.keys.message(key)];
        self.run(&scripts::BIND_MESSAGE, keys, |terms| {
            terms.bind_message(target)
        })
        .await?
        .waiting_receipt()
    }

    async fn match_receipt(
        &self,
        key: MessageKey,
        receipt: &AttemptReceipt,
    ) -> Result<Option<ReceiptReference>, StoreError> {
        let keys = vec![self.keys.message(key)];
        self.run(&scripts::MATCH_RECEIPT, keys, |terms| {
            terms.match_receipt(receipt)
        })
        .await?
        .receipt_target()
    }

    async fn bind_call(&self, ask: &CallAsk) -> Result<Option<u32>, StoreError> {
        let keys = vec![self.keys.call(ask.key)];
        self.run(&scripts::BIND_CALL, keys, |terms| terms.bind_call(ask))
            .await?
            .call_questions()
    }

    async fn take(
        &self,
        delivery: DeliveryId,
        policy: &DispatchPolicy,
    ) -> Result<Taken, StoreError> {
        let keys = self.record_and_ledger(delivery.record);
        self.run(&scripts::TAKE, keys, |terms| {
            terms.take(delivery.ordinal, policy)
        })
        .await?
        .taken(delivery)
    }

    async fn sweep(&self, ask: &Sweep) -> Result<Swept, StoreError> {
        let keys = vec![self.keys.ledger(ask.shard)];
        let skip = self.skips.get(usize::from(ask.shard.number()));
        let from = skip.map_or(0, |skip| u64::from(skip.load(Ordering::Relaxed)));
        let window = SWEEP_WINDOW + u64::from(ask.count_max);
        let (swept, next) = self
            .run(&scripts::SWEEP, keys, |terms| {
                terms.sweep(ask, from, window)
            })
            .await?
            .swept(ask.shard)?;
        if let Some(skip) = skip {
            skip.store(u32::try_from(next).unwrap_or(0), Ordering::Relaxed);
        }
        Ok(swept)
    }

    async fn hand_back(
        &self,
        delivery: DeliveryId,
        fence: u32,
        after_ms: u64,
    ) -> Result<Result<(), Stop>, StoreError> {
        let keys = self.record_and_ledger(delivery.record);
        self.run(&scripts::HAND_BACK, keys, |terms| {
            terms.hand_back(delivery.ordinal, fence, after_ms)
        })
        .await?
        .stopped()
    }

    async fn limits(&self, asks: &[LimitAsk]) -> Result<Vec<Result<(), Denied>>, StoreError> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let terms = self.terms();
        let call = |ask: &LimitAsk| Call {
            script: &scripts::LIMIT,
            keys: vec![self.limit_key(ask)],
            arguments: terms.limit(ask),
        };
        let calls: Vec<Call> = asks.iter().map(call).collect();
        let answers = self.run_all(&calls, terms).await?;
        answers.into_iter().map(Answer::allowed).collect()
    }

    async fn turns(&self, ask: &TurnsAsk) -> Result<Turns, StoreError> {
        let keys = vec![self.keys.turns(ask.key.shard, ask.key.tag)];
        self.run(&scripts::TURNS, keys, |terms| terms.turns(ask))
            .await?
            .turns()
    }

    async fn count_routes(&self, ask: &CountRoutes) -> Result<(), StoreError> {
        let keys = vec![self.keys.counts(ask.hour)];
        self.run(&scripts::COUNT_ROUTES, keys, |terms| {
            terms.count_routes(ask)
        })
        .await?;
        Ok(())
    }

    async fn route_counts(&self, hour: u64) -> Result<RouteRows, StoreError> {
        let keys = vec![self.keys.counts(hour)];
        let answer = self.run(&scripts::READ_ROUTES, keys, Terms::plain).await?;
        let now_ms = answer.now_ms;
        let Some(packed) = answer.value()? else {
            return Ok(Vec::new());
        };
        let (kept_until_ms, rows) = format::route_rows(&packed)?;
        Ok(if now_ms < kept_until_ms {
            rows
        } else {
            Vec::new()
        })
    }

    async fn get(&self, id: RecordId) -> Result<Option<Found>, StoreError> {
        Ok(self.get_all(&[id]).await?.pop())
    }

    async fn get_all(&self, ids: &[RecordId]) -> Result<Vec<Found>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let terms = self.terms();
        // One script may only touch one shard.
        let groups: Vec<&[RecordId]> = ids.chunk_by(|one, next| one.shard == next.shard).collect();
        let call = |group: &&[RecordId]| Call {
            script: &scripts::GET,
            keys: group.iter().map(|id| self.keys.record(*id)).collect(),
            arguments: terms.plain(),
        };
        let calls: Vec<Call> = groups.iter().map(call).collect();
        let answers = self.run_all(&calls, terms).await?;
        let mut found = Vec::with_capacity(ids.len());
        for (group, answer) in groups.iter().zip(answers) {
            found.extend(answer.found(group)?);
        }
        Ok(found)
    }

    async fn number(
        &self,
        shard: Shard,
        number: NumberTag,
    ) -> Result<(NumberRecord, u64), StoreError> {
        let keys = vec![self.keys.number(shard, number)];
        let answer = self.run(&scripts::READ_NUMBER, keys, Terms::plain).await?;
        let now_ms = answer.now_ms;
        let known = match answer.value()? {
            Some(packed) => format::number(&packed, shard)?,
            None => NumberRecord::default(),
        };
        Ok((known, now_ms))
    }

    async fn lift_failures(&self, shard: Shard, number: NumberTag) -> Result<(), StoreError> {
        let keys = vec![self.keys.number(shard, number)];
        self.run(&scripts::LIFT, keys, Terms::plain).await?;
        Ok(())
    }

    async fn meta(&self) -> Result<MetaRead, StoreError> {
        let keys = vec![self.keys.meta()];
        let answer = self.run(&scripts::READ_META, keys, Terms::plain).await?;
        let now_ms = answer.now_ms;
        let (revision, packed) = answer.meta()?;
        let meta = packed.as_deref().map(read_meta).transpose()?;
        if let Some(meta) = &meta {
            self.epoch.store(meta.epoch, Ordering::Relaxed);
        }
        Ok(MetaRead {
            meta,
            revision,
            now_ms,
        })
    }

    async fn write_meta(&self, meta: &Meta, revision: u64) -> Result<bool, StoreError> {
        let mut packed = vec![FORMAT_VERSION];
        let body = rmp_serde::to_vec(meta).map_err(|_| damaged_meta())?;
        packed.extend_from_slice(&body);
        let keys = vec![self.keys.meta()];
        let answer = self
            .run(&scripts::WRITE_META, keys, |terms| {
                terms.write_meta(revision.min(NUMBER_MAX), &packed)
            })
            .await?;
        let is_written = answer.code == 1;
        if is_written {
            self.epoch.store(meta.epoch, Ordering::Relaxed);
        }
        Ok(is_written)
    }

    fn record_formats(&self) -> RecordFormats {
        RecordFormats {
            written: format::FORMAT,
            read: &[format::FORMAT],
        }
    }

    async fn health(&self) -> Result<Health, StoreError> {
        timeout(CALL_MAX, self.ask_health())
            .await
            .unwrap_or_else(|_| Err(unavailable("Redis did not answer in time")))
    }
}
