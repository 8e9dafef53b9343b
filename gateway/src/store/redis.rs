//! The store in Redis: every step is one script, atomic and idempotent, in one
//! hash slot. What a script decides is what [`crate::verification`] and
//! [`crate::delivery`] decide; the conformance suite holds them together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use ::redis::Value;
use futures_util::future::join;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::admission::limits::{LimitAsk, LimitStep};
use crate::delivery::{Settle, Settled};
use crate::id::{DeliveryId, RecordId, SHARDS_MAX};
use crate::store::subjects::Guard;
use crate::store::{
    CheckedWithin, FORMAT_VERSION, Health, Idempotency, Meta, Sent, Started, Store, StoreError,
};
use crate::verification::{Check, CheckAnswer, Record, Start};
use answers::CREATED_FIRST;
use first::{FirstStart, Keeping};
use keys::Keys;
use known::KnownSettle;
use link::{Call, Link};
pub use settings::RedisSettings;

mod answers;
mod asks;
mod calls;
mod contract;
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
mod subjects;
mod webhooks;

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

    /// Starts, with the limits that are part of the step, and under a generation
    /// if it was judged by one.
    async fn make(
        &self,
        ask: &Start,
        guard: Option<&Guard>,
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
        keys.extend(asked.iter().map(|ask| self.limit_key(ask)));
        keys.extend(idempotency.map(|key| self.keys.idempotency(shard, key.tag)));
        let keeping = Keeping {
            retention_ms: self.retention_ms,
            epoch: terms.epoch,
        };
        let first = FirstStart::new(ask, asked, terms.at_ms(), keeping);
        let mut call = Call {
            script: &scripts::START,
            keys,
            arguments: terms.start(ask, idempotency, limits, first.as_ref()),
        };
        if let Some(guard) = guard {
            call.script = &scripts::START_GUARDED;
            call.keys.push(self.keys.subject(guard.key));
            call.arguments
                .push(guard.generation.to_string().into_bytes());
        }
        let mut answer = self.run_one(call, terms).await?;
        if answer.code == CREATED_FIRST {
            answer.now_ms = terms.at_ms();
            let created = first.map(|first| first.record);
            return answer.started(ask.id, asked.len(), |_| created);
        }
        answer.started(ask.id, asked.len(), |now_ms| first::created(ask, now_ms))
    }

    /// As [`Self::make`], with the limits in the step where its store allows that.
    async fn make_within(
        &self,
        ask: &Start,
        guard: Option<&Guard>,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        if self.is_cluster {
            // Their slots are not the record's.
            let making = self.make(ask, guard, idempotency, None);
            let (started, limits) = join(making, self.limits(limits)).await;
            return Sent {
                started,
                apart: Some(limits),
            };
        }
        Sent {
            started: self.make(ask, guard, idempotency, Some(limits)).await,
            apart: None,
        }
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
        // One that cannot be given back now is stricter for a while, and no reason
        // to keep an answer from whoever asked.
        if give_back.len() < limits.len() {
            _ = self.limits(&give_back).await;
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
            _ = self.limits(&give_back).await;
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
