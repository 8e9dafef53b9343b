//! What the steps of a send and a check cost at the store, asked as a gateway
//! under load asks: sixteen at once, so that they share a flush or a commit.
//! Figures are for all sixteen; the throughput is per step.

mod redis_server;

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use watchword::admission::gcra::GcraRule;
use watchword::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitStep};
use watchword::clock::{Clock as _, SystemClock};
use watchword::delivery::{DispatchPolicy, NewDelivery, Next, Outcome, Settle, SettledAttempt};
use watchword::id::{DeliveryId, RecordId, Shard};
use watchword::keys::random;
use watchword::store::embedded::{EmbeddedStore, Settings};
use watchword::store::redis::{RedisSettings, RedisStore};
use watchword::store::{Started, Store};
use watchword::verification::{
    Check, CheckAnswer, ClientClass, CodeDigest, IdentityTag, NumberTag, OperationId, Record,
    RecordKind, SendPolicy, Start, TenantTag,
};
use watchword_providers::Channel;

use redis_server::RedisServer;

const AT_ONCE: usize = 16;
const SHARDS: u64 = 64;
const TENANT: TenantTag = TenantTag(*b"tenant_a");
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const QUIET_MS: u64 = MINUTE_MS;
const LEASE_MS: u64 = 15_000;

/// A start of a number that nobody has used before, and the limits asked with it.
struct Send {
    start: Start,
    limits: Vec<LimitAsk>,
}

fn shard() -> Shard {
    let drawn = u64::from_be_bytes(random());
    Shard::of_hash(drawn % SHARDS, u16::try_from(SHARDS).unwrap_or(1))
}

fn rate(count: u32, per_ms: u64) -> GcraRule {
    GcraRule { count, per_ms }
}

fn digest() -> CodeDigest {
    CodeDigest {
        key_id: "k1".into(),
        mac: vec![7; 32],
    }
}

/// As large as a usual one, with the default limits.
fn send() -> Send {
    let start = Start {
        id: RecordId {
            shard: shard(),
            random: random(),
        },
        kind: RecordKind::Verification,
        tenant: TENANT,
        number: NumberTag(random()),
        identity: IdentityTag(random()),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 10 * MINUTE_MS,
        checks_max: 5,
        digest: Some(digest()),
        details: random::<96>().into(),
        code: Some(random::<40>().into()),
        delivery: Some(NewDelivery {
            channel: Channel::Sms,
            fallback: Vec::new(),
            first_provider: Some("hook-a".into()),
        }),
        policy: SendPolicy {
            rules: vec![
                rate(2, MINUTE_MS),
                rate(5, 10 * MINUTE_MS),
                rate(10, DAY_MS),
            ],
            resend_waits_ms: vec![30_000, 60_000, 120_000],
            sends_max: 5,
            live_max: 3,
            quiet_ms: QUIET_MS,
            lease_ms: LEASE_MS,
        },
    };
    let limit = |rule| LimitAsk {
        key: LimitKey {
            shard: shard(),
            tag: random(),
        },
        rules: vec![LimitRule::Rate(rule)],
        step: LimitStep::Take,
        operation: OperationId(random()),
    };
    Send {
        start,
        limits: vec![limit(rate(20, DAY_MS)), limit(rate(25, 5 * MINUTE_MS))],
    }
}

fn settle() -> Settle {
    Settle {
        fence: 1,
        attempt: Some(SettledAttempt {
            number: 1,
            outcome: Outcome::Submitted,
            duration_ms: 84,
            code: None,
            message_id: Some("msg_0000000000000001".into()),
        }),
        next: Next::Submitted {
            receipt_within_ms: None,
        },
        policy: DispatchPolicy {
            submissions_max: 3,
            lease_ms: LEASE_MS,
            quiet_ms: QUIET_MS,
            lost_leases_max: 3,
        },
    }
}

fn check(id: RecordId) -> Check {
    Check {
        id,
        tenant: TENANT,
        operation: OperationId(random()),
        client: ClientClass::Unknown,
        digests: vec![digest()],
    }
}

/// The record as it was created.
async fn start_one(store: &dyn Store, send: &Send) -> Box<Record> {
    let sent = store.start_within(&send.start, None, &send.limits).await;
    match sent.started {
        Ok(Started::Created { record, .. }) => Some(record),
        _ => None,
    }
    .expect("it is the number's first")
}

async fn settle_one(store: &dyn Store, id: RecordId, mut record: Box<Record>) {
    let delivery = DeliveryId {
        record: id,
        ordinal: 1,
    };
    let settled = store.settle_created(delivery, &settle(), &mut record).await;
    assert!(matches!(settled, Ok(Ok(_))), "it is leased to us");
}

async fn check_one(store: &dyn Store, id: RecordId) {
    let checked = store.check(&check(id)).await;
    assert!(
        checked.is_ok_and(|checked| checked.answer == CheckAnswer::Approved),
        "the code is right, and was not handed in before"
    );
}

fn sends() -> Vec<Send> {
    (0..AT_ONCE).map(|_| send()).collect()
}

async fn start_all(store: &dyn Store, sends: &[Send]) -> Vec<Box<Record>> {
    join_all(sends.iter().map(|send| start_one(store, send))).await
}

/// A step of records that were started before, outside of what is measured.
fn bench_after_start<S, F>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (name, runtime, store): (&str, &Runtime, &Arc<dyn Store>),
    step: S,
) where
    S: Fn(Arc<dyn Store>, RecordId, Box<Record>) -> F,
    F: Future<Output = ()>,
{
    let started = || {
        let sends = sends();
        let records = runtime.block_on(start_all(store.as_ref(), &sends));
        let ids = sends.iter().map(|send| send.start.id);
        ids.zip(records).collect::<Vec<_>>()
    };
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            started,
            |started| {
                let begun = started.into_iter();
                let steps = begun.map(|(id, record)| step(Arc::clone(store), id, record));
                runtime.block_on(join_all(steps))
            },
            BatchSize::PerIteration,
        );
    });
}

fn bench_store(criterion: &mut Criterion, name: &str, runtime: &Runtime, store: &Arc<dyn Store>) {
    let mut group = criterion.benchmark_group(format!("store/{name}"));
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    group.bench_function("start_within", |bencher| {
        bencher.iter_batched(
            sends,
            |sends| runtime.block_on(start_all(store.as_ref(), black_box(&sends))),
            BatchSize::PerIteration,
        );
    });
    let with = |name| (name, runtime, store);
    bench_after_start(&mut group, with("settle"), |store, id, record| async move {
        settle_one(store.as_ref(), id, record).await;
    });
    bench_after_start(&mut group, with("check"), |store, id, _| async move {
        check_one(store.as_ref(), id).await;
    });
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let clock = || Arc::new(|| SystemClock.now_ms());
    let server = RedisServer::start();
    let settings = RedisSettings::new(server.url());
    let redis = runtime.block_on(RedisStore::open(&settings, clock()));
    let redis: Arc<dyn Store> = Arc::new(redis.expect("the server has just started"));
    bench_store(criterion, "redis", &runtime, &redis);
    let memory = EmbeddedStore::in_memory(&Settings::default(), clock());
    let memory: Arc<dyn Store> = Arc::new(memory.expect("there is memory"));
    bench_store(criterion, "memory", &runtime, &memory);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
