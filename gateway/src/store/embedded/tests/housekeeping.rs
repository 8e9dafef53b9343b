//! What expires is forgotten on time and deleted soon after.

use watchword_providers::ReceiptStatus;

use super::*;
use crate::admission::gcra::GcraRule;
use crate::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitStep};
use crate::admission::turns::{TurnRule, TurnsAsk};
use crate::calls::{CallAsk, CallKey};
use crate::delivery::AttemptReceipt;
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{Area, CountRoutes, HOUR_MS, RouteCounts, RouteKey};
use crate::store::embedded::Settings;
use crate::store::webhooks::{WatchAsk, WatchStore as _};
use crate::store::{IDEMPOTENCY_KEPT_MS, Idempotency};
use crate::verification::{CheckAnswer, FAILURES_KEPT_MS};

fn in_memory(hand: &Hand) -> EmbeddedStore {
    EmbeddedStore::in_memory(&Settings::default(), hand.clock()).unwrap()
}

fn limit() -> LimitAsk {
    LimitAsk {
        key: LimitKey {
            shard: id(0).shard,
            tag: [5; 16],
        },
        rules: vec![LimitRule::Rate(GcraRule {
            count: 1,
            per_ms: 1000,
        })],
        step: LimitStep::Take,
        operation: OperationId([5; 16]),
    }
}

fn counted(now_ms: u64) -> CountRoutes {
    let key = RouteKey {
        provider: "one".into(),
        channel: Channel::Sms,
        area: Area::default(),
    };
    CountRoutes {
        hour: now_ms / HOUR_MS,
        operation: OperationId([6; 16]),
        rows: vec![(key, RouteCounts::default())],
    }
}

fn call(kept_until_ms: u64) -> CallAsk {
    CallAsk {
        key: CallKey {
            shard: id(1).shard,
            tag: [7; 16],
        },
        call: [8; 16],
        kept_until_ms,
    }
}

fn message(tag: u8) -> MessageKey {
    MessageKey {
        shard: id(0).shard,
        tag: [tag; 16],
    }
}

fn sent() -> AttemptReceipt {
    AttemptReceipt {
        status: ReceiptStatus::Sent,
        at_ms: 1,
        code: None,
        is_final_for_number: false,
    }
}

fn reference(expires_at_s: u64) -> ReceiptReference {
    ReceiptReference {
        tenant: TenantTag([1; 8]),
        delivery: first_of(1),
        attempt: 1,
        channel: Channel::Sms,
        area: Area::of_bytes(*b"US\0\0\x05\x87"),
        created_at_ms: 0,
        begun_after_ms: 0,
        expires_at_s,
    }
}

fn turns() -> TurnsAsk {
    TurnsAsk {
        key: limit().key,
        rule: TurnRule {
            interval_ns: 1_000_000_000,
            behind_us: 0,
            ahead_us: 0,
        },
        count: 1,
        operation: OperationId([5; 16]),
    }
}

#[tokio::test]
async fn a_tombstone_is_kept_for_its_retention_and_not_longer() {
    let hand = Hand::new();
    let store = in_memory(&hand);
    created(&store, 1).await;
    hand.advance(600_000 + DAY_MS - 1);
    assert!(store.get(id(1)).await.unwrap().is_some());
    hand.advance(1);
    assert!(store.get(id(1)).await.unwrap().is_none());
    let answer = store.check(&check(1, "right")).await.unwrap().answer;
    assert_eq!(answer, CheckAnswer::NotFound);
}

#[tokio::test]
async fn an_idempotency_key_is_forgotten_after_a_day() {
    let hand = Hand::new();
    let store = in_memory(&hand);
    let key = Idempotency {
        tag: [9; 16],
        fingerprint: [1; 16],
    };
    store.start(&start(1), Some(&key)).await.unwrap();
    store.confirm(id(1).shard, &key).await.unwrap();
    hand.advance(IDEMPOTENCY_KEPT_MS - 1);
    let answer = store.start(&start(2), Some(&key)).await.unwrap();
    assert!(matches!(answer, Started::Replayed { .. }), "{answer:?}");
    hand.advance(1);
    let answer = store.start(&start(2), Some(&key)).await.unwrap();
    assert!(matches!(answer, Started::Created { .. }), "{answer:?}");
}

#[tokio::test]
async fn the_reaper_leaves_nothing_behind() {
    let hand = Hand::new();
    let store = in_memory(&hand);
    let key = Idempotency {
        tag: [9; 16],
        fingerprint: [1; 16],
    };
    store.start(&start(1), Some(&key)).await.unwrap();
    for number in 2..200 {
        created(&store, number).await;
    }
    store.check(&check(1, "wrong")).await.unwrap();
    store.limits(&[limit()]).await.unwrap();
    for tag in 0..3 {
        store.match_receipt(message(tag), &sent()).await.unwrap();
    }
    // One is found in time, and kept for as long as its receipts may come.
    let target = reference(hand.clock()() / 1000 + 86_400);
    store.bind_message(message(0), &target).await.unwrap();
    store
        .bind_call(&call(target.expires_at_ms()))
        .await
        .unwrap();
    store.turns(&turns()).await.unwrap();
    let watch = WatchAsk {
        id: id(1),
        tenant: TenantTag([1; 8]),
        look_after_ms: 10_000,
        keep_for_ms: DAY_MS,
    };
    store.watch(&watch).await.unwrap();
    store.count_routes(&counted(hand.clock()())).await.unwrap();
    assert!(store.counts().iter().all(|count| *count > 0));

    // The number whose check failed is remembered longest.
    hand.advance(HOUR_MS + 2 * DAY_MS);
    for _ in 0..20 {
        store.limits(&[]).await.unwrap();
    }
    assert_eq!(store.counts().iter().sum::<u64>(), 2);
    let (number, _) = store.number(id(1).shard, NumberTag([1; 16])).await.unwrap();
    assert_eq!(number.failures.unknown.count, 1);
    hand.advance(FAILURES_KEPT_MS);
    store.limits(&[]).await.unwrap();
    assert_eq!(store.counts(), [0; PERISHABLE.len()]);
    assert_eq!(store.sweep(&sweep()).await.unwrap().depth, 0);
}

#[tokio::test]
async fn time_never_goes_back() {
    let hand = Hand::new();
    let store = in_memory(&hand);
    let before_ms = created(&store, 1).await.created_at_ms;
    hand.0.fetch_sub(60_000, Ordering::SeqCst);
    assert_eq!(created(&store, 2).await.created_at_ms, before_ms);
    assert_eq!(store.health().await.unwrap().clock_skew_ms, 60_000);
    hand.advance(60_001);
    assert_eq!(created(&store, 3).await.created_at_ms, before_ms + 1);
    assert_eq!(store.health().await.unwrap().clock_skew_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn the_store_in_memory_stands_under_a_paused_clock() {
    let hand = Hand::new();
    let store = in_memory(&hand);
    let before = tokio::time::Instant::now();
    for number in 1..100 {
        created(&store, number).await;
    }
    assert_eq!(tokio::time::Instant::now(), before);
}
