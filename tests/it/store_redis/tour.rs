//! Every question of the contract once, in an order in which each has something to do.

use watchword::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitStep};
use watchword::admission::turns::{TurnRule, TurnsAsk};
use watchword::clock::{Clock as _, SystemClock};
use watchword::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, Next, Outcome, Settle, SettledAttempt,
};
use watchword::id::DeliveryId;
use watchword::receipts::MessageKey;
use watchword::routing::{Area, CountRoutes, HOUR_MS, RouteCounts, RouteKey};
use watchword::store::redis::RedisStore;
use watchword::store::{
    CheckedWithin, FORMAT_VERSION, Idempotency, KeyInUse, Meta, Started, Store, Sweep, Undo,
    WrappedKey,
};
use watchword::verification::{
    CheckAnswer, ClientClass, Conversion, NumberTag, OperationId, Resend,
};
use watchword_providers::{Channel, ReceiptStatus};

use super::{asks, messages, subjects};

/// Walks through all steps; calls `between` before each.
pub(crate) async fn walk(store: &RedisStore, between: impl Fn()) {
    between();
    write_meta(store).await;
    between();
    assert_eq!(store.meta().await.unwrap().meta, Some(meta()));
    let idempotency = Idempotency {
        tag: [1; 16],
        fingerprint: [2; 16],
    };
    between();
    let started = store.start(&asks::start(1), Some(&idempotency)).await;
    assert!(
        matches!(started, Ok(Started::Created { .. })),
        "{started:?}"
    );
    between();
    store.confirm(asks::shard(), &idempotency).await.unwrap();
    between();
    let replayed = store.start(&asks::start(9), Some(&idempotency)).await;
    assert!(
        matches!(replayed, Ok(Started::Replayed { .. })),
        "{replayed:?}"
    );
    between();
    assert!(store.get(asks::record_id(1)).await.unwrap().is_some());
    walk_dispatch(store, &between).await;
    between();
    let wrong = store.check(&asks::check(1, "000000", 1)).await.unwrap();
    assert_eq!(
        wrong.answer,
        CheckAnswer::Mismatch {
            checks_remaining: 4
        }
    );
    between();
    let (number, _) = store
        .number(asks::shard(), NumberTag([1; 16]))
        .await
        .unwrap();
    assert_eq!(number.failures.unknown.count, 1);
    between();
    store
        .lift_failures(asks::shard(), NumberTag([1; 16]))
        .await
        .unwrap();
    walk_resend(store, &between).await;
    between();
    let reported = store.report_outcome(asks::record_id(1), asks::TENANT, Conversion::Converted);
    assert!(reported.await.unwrap().is_ok());
    between();
    let right = store.check(&asks::check(1, "123456", 2)).await.unwrap();
    assert_eq!(right.answer, CheckAnswer::Approved);
    between();
    store.start(&asks::start(2), None).await.unwrap();
    between();
    assert!(
        store
            .cancel(asks::record_id(2), asks::TENANT)
            .await
            .unwrap()
            .is_ok()
    );
    walk_limits(store, &between).await;
    subjects::walk(store, &between).await;
    between();
    store.health().await.unwrap();
}

async fn walk_limits(store: &RedisStore, between: &impl Fn()) {
    between();
    store.limits(&[limit(1), limit(2)]).await.unwrap()[1].unwrap();
    between();
    // Limits of other shards: in the step on one server, beside it on a cluster.
    let limits = [limit(3), limit(4)];
    let sent = store.start_within(&asks::start(3), None, &limits).await;
    let Ok(Started::Created { mut record, .. }) = sent.started else {
        panic!("{sent:?}");
    };
    between();
    let ask = submitted(1);
    let settled = store.settle_created(first_delivery(3), &ask, &mut record);
    settled.await.unwrap().unwrap();
    between();
    // The same of a check.
    let (wrong, limits) = (asks::check(3, "000000", 7), [limit(5), limit(6)]);
    let checked = store.check_within(&wrong, &limits).await.unwrap();
    let CheckedWithin::Checked(checked) = checked else {
        panic!("a limit that is not full refused");
    };
    assert!(matches!(checked.answer, CheckAnswer::Mismatch { .. }));
    between();
    // The right code takes from no limit, or gives it back.
    let of_one = LimitAsk {
        rules: vec![LimitRule::Daily { max: 1 }],
        ..limit(7)
    };
    let right = asks::check(3, "123456", 8);
    let checked = store.check_within(&right, std::slice::from_ref(&of_one));
    let CheckedWithin::Checked(checked) = checked.await.unwrap() else {
        panic!("a limit that is not full refused");
    };
    assert_eq!(checked.answer, CheckAnswer::Approved);
    between();
    let anew = LimitAsk {
        operation: asks::operation(9),
        ..of_one
    };
    store.limits(&[anew]).await.unwrap()[0].unwrap();
    between();
    assert_eq!(store.turns(&turns(1)).await.unwrap().count, 1);
    count_routes(store, between).await;
}

async fn count_routes(store: &RedisStore, between: &impl Fn()) {
    let hour = SystemClock.now_ms() / HOUR_MS;
    let key = RouteKey {
        provider: "hook-a".into(),
        channel: Channel::Sms,
        area: Area::default(),
    };
    let counts = RouteCounts {
        submitted: 3,
        ..RouteCounts::default()
    };
    let counted = CountRoutes {
        hour,
        operation: OperationId([7; 16]),
        rows: vec![(key, counts)],
    };
    between();
    store.count_routes(&counted).await.unwrap();
    between();
    assert_eq!(store.route_counts(hour).await.unwrap(), counted.rows);
}

async fn walk_dispatch(store: &RedisStore, between: &impl Fn()) {
    let delivery = first_delivery(1);
    between();
    store.settle(delivery, &retry()).await.unwrap().unwrap();
    between();
    store.begin(delivery, &begin(2)).await.unwrap().unwrap();
    between();
    store
        .settle(delivery, &submitted(2))
        .await
        .unwrap()
        .unwrap();
    between();
    store.apply_receipt(delivery, &receipt(2)).await.unwrap();
    walk_message_id(store, between).await;
    between();
    store.take(delivery, &asks::DISPATCH).await.unwrap();
    between();
    store.sweep(&sweep()).await.unwrap();
    between();
    store.hand_back(delivery, 1, 0).await.unwrap().unwrap();
}

/// Both orders, each in a shard of its own.
async fn walk_message_id(store: &RedisStore, between: &impl Fn()) {
    let key = |tag: u8| MessageKey {
        shard: watchword::id::Shard::new(u16::from(tag)).unwrap(),
        tag: [tag; 16],
    };
    let target = messages::target(1, asks::unix_ms());
    let said = receipt(1).receipt;
    between();
    assert_eq!(store.match_receipt(key(1), &said).await.unwrap(), None);
    between();
    let waited = store.bind_message(key(1), &target).await.unwrap();
    assert_eq!(waited, Some(said.clone()));
    between();
    assert_eq!(store.bind_message(key(2), &target).await.unwrap(), None);
    between();
    let found = store.match_receipt(key(2), &said).await.unwrap();
    assert_eq!(found, Some(target));
    between();
    assert_eq!(store.match_receipt(key(3), &said).await.unwrap(), None);
}

async fn walk_resend(store: &RedisStore, between: &impl Fn()) {
    let resend = Resend {
        id: asks::record_id(1),
        tenant: asks::TENANT,
        operation: asks::operation(7),
        client: ClientClass::Known,
        delivery: Some(asks::new_delivery()),
        policy: asks::send_policy(),
    };
    store.set_clock_shift_ms(40_000);
    between();
    let undo = undo(&resend);
    let resent = store
        .resend(&resend, undo.idempotency.as_ref())
        .await
        .unwrap();
    assert!(
        matches!(
            resent,
            Started::Resent {
                ordinal: Some(2),
                ..
            }
        ),
        "{resent:?}"
    );
    between();
    store.undo(&undo).await.unwrap();
}

fn undo(resend: &Resend) -> Undo {
    Undo {
        id: resend.id,
        was_created: false,
        operation: resend.operation,
        client: resend.client,
        policy: resend.policy.clone(),
        idempotency: Some(Idempotency {
            tag: [3; 16],
            fingerprint: [4; 16],
        }),
        refusal: b"refused".to_vec(),
        available_at_ms: u64::MAX,
    }
}

pub(crate) fn first_delivery(record: u8) -> DeliveryId {
    DeliveryId {
        record: asks::record_id(record),
        ordinal: 1,
    }
}

pub(crate) fn begin(attempt: u32) -> Begin {
    Begin {
        fence: 1,
        attempt,
        provider: "two".into(),
        settled: None,
        policy: asks::DISPATCH,
    }
}

fn settled(number: u32, outcome: Outcome) -> SettledAttempt {
    SettledAttempt {
        number,
        outcome,
        duration_ms: 80,
        code: None,
        message_id: Some("SM1".into()),
    }
}

pub(crate) fn retry() -> Settle {
    Settle {
        fence: 1,
        attempt: Some(settled(1, Outcome::Unreachable)),
        next: Next::Retry {
            after_ms: 1_000,
            reason: "route_exhausted".into(),
        },
        policy: asks::DISPATCH,
    }
}

pub(crate) fn submitted(attempt: u32) -> Settle {
    Settle {
        fence: 1,
        attempt: Some(settled(attempt, Outcome::Submitted)),
        next: Next::Submitted {
            receipt_within_ms: Some(45_000),
        },
        policy: asks::DISPATCH,
    }
}

fn receipt(attempt: u32) -> ApplyReceipt {
    ApplyReceipt {
        attempt,
        receipt: AttemptReceipt {
            status: ReceiptStatus::Sent,
            at_ms: 1_800_000_000_000,
            code: None,
            is_final_for_number: false,
        },
        redispatch_after_ms: Some(0),
        policy: asks::DISPATCH,
    }
}

pub(crate) fn sweep() -> Sweep {
    Sweep {
        shard: asks::shard(),
        count_max: 2,
        grace_ms: 0,
        policy: asks::DISPATCH,
    }
}

fn limit(tag: u8) -> LimitAsk {
    LimitAsk {
        key: LimitKey {
            // Each in a shard of its own.
            shard: watchword::id::Shard::new(u16::from(tag)).unwrap(),
            tag: [tag; 16],
        },
        rules: vec![LimitRule::Daily { max: 3 }],
        step: LimitStep::Take,
        operation: asks::operation(tag),
    }
}

fn turns(tag: u8) -> TurnsAsk {
    TurnsAsk {
        key: limit(tag).key,
        rule: TurnRule {
            interval_ns: 100_000_000_000,
            behind_us: 100_000,
            ahead_us: 250_000,
        },
        count: 3,
        operation: asks::operation(tag),
    }
}

fn meta() -> Meta {
    Meta {
        format: FORMAT_VERSION,
        epoch: 3,
        shard_count: 64,
        shard_count_next: 0,
        index_key: WrappedKey {
            key_id: "k1".into(),
            sealed: vec![1, 2, 3],
        },
        keys: vec![KeyInUse {
            key_id: "k1".into(),
            check_value: vec![4, 5],
            retired_at_ms: 0,
        }],
        record_format: 2,
    }
}

async fn write_meta(store: &RedisStore) {
    let read = store.meta().await.unwrap();
    assert!(store.write_meta(&meta(), read.revision).await.unwrap());
    assert!(!store.write_meta(&meta(), read.revision).await.unwrap());
}
