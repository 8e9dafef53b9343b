//! The store in Redis: every step is one script, atomic and idempotent, in one
//! hash slot. What a script decides is what [`crate::verification`] and
//! [`crate::delivery`] decide; the conformance suite holds them together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use ::redis::Value;
use async_trait::async_trait;
use futures_util::future::join;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::admission::gcra::Denied;
use crate::admission::limits::{LimitAsk, LimitStep};
use crate::admission::turns::{Turns, TurnsAsk};
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, ReceiptApplied, Settle, Settled, Stop,
};
use crate::id::{DeliveryId, RecordId, SHARDS_MAX, Shard};
use crate::receipts::{MessageKey, ReceiptReference};
use crate::store::{
    Checked, CheckedWithin, FORMAT_VERSION, Found, Health, Idempotency, Meta, MetaRead, Sent,
    Started, Store, StoreError, Sweep, Swept, Taken, Undo,
};
use crate::verification::{
    Check, CheckAnswer, Conversion, NumberRecord, NumberTag, Record, Resend, SendRefusal, Start,
    TenantTag,
};
use answers::{Answer, CREATED_FIRST, WITHHELD};
use asks::Terms;
use first::{FirstStart, Keeping};
use keys::Keys;
use known::KnownSettle;
use link::{CALL_MAX, Call, Link};
use pack::NUMBER_MAX;
pub use settings::RedisSettings;

mod answers;
mod asks;
mod calls;
mod first;
mod format;
mod keys;
mod known;
mod link;
mod pack;
mod packing;
mod scripts;
mod server;
mod settings;

/// Tells the gateway's time, in ms since the Unix epoch.
pub type UnixClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// More than this between two clocks, and neither is trusted. The scripts say the same.
const SKEW_MAX_MS: u64 = 5_000;
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Entries one sweep looks at beyond those it may take.
const SWEEP_WINDOW: u64 = 256;

/// The store in Redis.
pub struct RedisStore {
    shared: Arc<Shared>,
    keys: Keys,
    clock: UnixClock,
    retention_ms: u64,
    /// Then a step may only touch one slot.
    is_cluster: bool,
    /// The server's clock minus ours, as last learned.
    offset_ms: AtomicI64,
    /// No more than that difference: what is reckoned by it has come.
    least_offset_ms: AtomicI64,
    shift_ms: AtomicI64,
    epoch: AtomicU32,
    /// Per shard: how many due entries of another format a sweep passes over.
    skips: Box<[AtomicU32]>,
    /// Ends with the store.
    _watcher: JoinSet<()>,
}

struct Shared {
    link: Link,
    memory_guard_ratio: f64,
    is_nearly_full: AtomicBool,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects and makes sure that the server is fit to be relied on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] with what to do: it cannot be reached, is
    /// too old, or would evict records. [`StoreError::ClockSkew`].
    pub async fn open(settings: &RedisSettings, clock: UnixClock) -> Result<Self, StoreError> {
        let keys = Keys::new(&settings.prefix)
            .ok_or_else(|| unavailable("the prefix of the keys may not hold braces"))?;
        let link = Link::connect(settings).await?;
        let asked_at_ms = clock();
        let server_ms = server::clock_ms(&link).await?;
        let offset_ms = difference(server_ms, asked_at_ms);
        let least_offset_ms = difference(server_ms, clock() + 1);
        if offset_ms.unsigned_abs() > SKEW_MAX_MS {
            return Err(StoreError::ClockSkew { skew_ms: offset_ms });
        }
        let info = server::info(&link).await?;
        if info.major_version < 7 {
            return Err(unavailable("Redis must be version 7 or later"));
        }
        if info.evicts {
            return Err(unavailable(
                "Redis would evict records when full: set maxmemory-policy to noeviction",
            ));
        }
        let shared = Arc::new(Shared {
            link,
            memory_guard_ratio: settings.memory_guard_ratio,
            is_nearly_full: AtomicBool::new(false),
        });
        shared.note(&info);
        shared.link.load(&scripts::all()).await;
        let mut watcher = JoinSet::new();
        watcher.spawn(watch(Arc::clone(&shared)));
        Ok(Self {
            shared,
            keys,
            clock,
            retention_ms: settings.retention_ms,
            is_cluster: info.is_cluster,
            offset_ms: AtomicI64::new(offset_ms),
            least_offset_ms: AtomicI64::new(least_offset_ms),
            shift_ms: AtomicI64::new(0),
            epoch: AtomicU32::new(0),
            skips: (0..SHARDS_MAX).map(|_| AtomicU32::new(0)).collect(),
            _watcher: watcher,
        })
    }

    /// Moves the store's clock against the server's, for tests.
    pub fn set_clock_shift_ms(&self, shift_ms: i64) {
        self.shift_ms.store(shift_ms, Ordering::Relaxed);
    }

    fn is_nearly_full(&self) -> bool {
        self.shared.is_nearly_full.load(Ordering::Relaxed)
    }

    /// Starts, with the limits that are part of the step.
    async fn make(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: Option<&[LimitAsk]>,
    ) -> Result<Started, StoreError> {
        if self.is_nearly_full() {
            return Err(StoreError::Full);
        }
        let terms = self.terms();
        let shard = ask.id.shard;
        let asked = limits.unwrap_or_default();
        let mut keys = Vec::with_capacity(8);
        keys.push(self.keys.record(ask.id));
        keys.push(self.keys.number(shard, ask.number));
        keys.push(self.keys.ledger(shard));
        keys.extend(
            asked
                .iter()
                .map(|ask| self.keys.limit(ask.key.shard, ask.key.tag)),
        );
        keys.extend(idempotency.map(|key| self.keys.idempotency(shard, key.tag)));
        let keeping = Keeping {
            retention_ms: self.retention_ms,
            epoch: terms.epoch,
        };
        let first = FirstStart::new(ask, asked, terms.at_ms(), keeping);
        let call = Call {
            script: &scripts::START,
            keys,
            arguments: terms.start(ask, idempotency, limits, first.as_ref()),
        };
        let mut answer = self.run_one(call, terms).await?;
        let created = if answer.code == CREATED_FIRST {
            answer.now_ms = terms.at_ms();
            first.map(|first| first.record)
        } else {
            first::created(ask, answer.now_ms)
        };
        answer.started(ask.id, asked.len(), created)
    }

    /// A check whose limits lie in other slots: they are taken from first, and
    /// get it back unless the code was wrong.
    async fn check_beside(
        &self,
        ask: &Check,
        limits: &[LimitAsk],
    ) -> Result<CheckedWithin, StoreError> {
        let answers = self.limits(limits).await?;
        let taken = limits.iter().zip(&answers);
        let give_back: Vec<LimitAsk> = taken
            .filter(|(_, answer)| answer.is_ok())
            .map(|(ask, _)| LimitAsk {
                step: LimitStep::GiveBack,
                ..ask.clone()
            })
            .collect();
        if give_back.len() < limits.len() {
            self.limits(&give_back).await?;
            return Ok(CheckedWithin::Withheld {
                limits: answers,
                now_ms: self.terms().at_ms(),
            });
        }
        let checked = self.check(ask).await;
        let may_be_wrong = match &checked {
            Ok(checked) => matches!(checked.answer, CheckAnswer::Mismatch { .. }),
            // Where the guess may have been evaluated it stays counted.
            Err(error) => matches!(error, StoreError::OutcomeUnknown { .. }),
        };
        if !may_be_wrong {
            self.limits(&give_back).await?;
        }
        checked.map(CheckedWithin::Checked)
    }

    fn limit_key(&self, ask: &LimitAsk) -> String {
        self.keys.limit(ask.key.shard, ask.key.tag)
    }

    /// Settles by what we know of the record. `None` if it is no longer so.
    async fn settle_known(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Option<Settled>, StoreError> {
        let terms = self.terms();
        let Some(known) = KnownSettle::new(delivery, ask, record, terms) else {
            return Ok(None);
        };
        let call = Call {
            script: &scripts::SETTLE_KNOWN,
            keys: self.record_and_ledger(delivery.record),
            arguments: known.arguments,
        };
        let answered = self.shared.link.run(&[call]).await?;
        let is_done = matches!(answered.values.as_slice(), [Value::Int(1)]);
        Ok(is_done.then_some(known.settled))
    }

    fn record_and_ledger(&self, id: RecordId) -> Vec<String> {
        vec![self.keys.record(id), self.keys.ledger(id.shard)]
    }
}

impl Shared {
    fn note(&self, info: &server::ServerInfo) {
        let is_over = |ratio| ratio >= self.memory_guard_ratio;
        let is_nearly_full = info.memory_used_ratio().is_some_and(is_over);
        self.is_nearly_full.store(is_nearly_full, Ordering::Relaxed);
    }
}

/// Keeps an eye on the server's memory.
async fn watch(shared: Arc<Shared>) {
    let mut ticks = interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Ok(info) = server::info(&shared.link).await {
            shared.note(&info);
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn start(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError> {
        self.make(ask, idempotency, None).await
    }

    async fn start_within(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        if self.is_cluster {
            // Their slots are not the record's.
            let (started, limits) = join(self.start(ask, idempotency), self.limits(limits)).await;
            return Sent {
                started,
                apart: Some(limits),
            };
        }
        Sent {
            started: self.make(ask, idempotency, Some(limits)).await,
            apart: None,
        }
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
        .started(ask.id, 0, None)
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
            keys: vec![self.keys.limit(ask.key.shard, ask.key.tag)],
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

    async fn health(&self) -> Result<Health, StoreError> {
        timeout(CALL_MAX, self.ask_health())
            .await
            .unwrap_or_else(|_| Err(unavailable("Redis did not answer in time")))
    }
}

impl RedisStore {
    async fn ask_health(&self) -> Result<Health, StoreError> {
        let link = &self.shared.link;
        let asked_at = Instant::now();
        let asked_at_ms = (self.clock)();
        let server_ms = server::clock_ms(link).await?;
        let half_trip_ms = u64::try_from(asked_at.elapsed().as_millis() / 2).unwrap_or(0);
        let info = server::info(link).await?;
        self.shared.note(&info);
        Ok(Health {
            durability: server::durability(link, &info).await?,
            clock_skew_ms: difference(server_ms, asked_at_ms.saturating_add(half_trip_ms)),
            memory_used_ratio: info.memory_used_ratio(),
        })
    }
}

fn read_meta(packed: &[u8]) -> Result<Meta, StoreError> {
    let (version, body) = packed.split_first().ok_or_else(damaged_meta)?;
    if *version != FORMAT_VERSION {
        return Err(StoreError::UnknownFormat);
    }
    rmp_serde::from_slice(body).map_err(|_| damaged_meta())
}

fn damaged_meta() -> StoreError {
    StoreError::Damaged {
        reason: Arc::from("meta is not in its format"),
    }
}

fn difference(one_ms: u64, other_ms: u64) -> i64 {
    let apart = i64::try_from(one_ms.abs_diff(other_ms)).unwrap_or(i64::MAX);
    if one_ms >= other_ms { apart } else { -apart }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: Arc::from(reason),
    }
}
