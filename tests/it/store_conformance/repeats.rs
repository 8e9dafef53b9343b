//! Stories of sends taken back, and of requests that come again.

use futures_util::future::join_all;
use watchword::delivery::DeliveryStatus;
use watchword::id::DeliveryId;
use watchword::store::{Idempotency, Started, Undo};
use watchword::verification::{OperationId, Resend, SendRefusal, Start};

use super::sends::one_in_a_minute;
use super::world::*;

fn key() -> Idempotency {
    Idempotency {
        tag: unique(),
        fingerprint: [1; 16],
    }
}

fn undo(ask: &Start, available_at_ms: u64) -> Undo {
    Undo {
        id: ask.id,
        was_created: true,
        operation: OperationId(ask.id.random),
        client: ask.client,
        policy: ask.policy.clone(),
        idempotency: None,
        refusal: b"refused so".to_vec(),
        available_at_ms,
    }
}

pub(super) async fn undoing_a_create_leaves_no_trace_but_the_refusal(w: World) {
    let mut first = start();
    first.policy.rules = one_in_a_minute();
    let key = key();
    w.store.start(&first, Some(&key)).await.unwrap();
    let now_ms = w.now_ms().await;
    let mut undo = undo(&first, now_ms + MINUTE_MS);
    undo.idempotency = Some(key);
    w.store.undo(&undo).await.unwrap();
    w.store.undo(&undo).await.unwrap();
    assert!(w.store.get(first.id).await.unwrap().is_none());
    let (number, _) = w.store.number(first.id.shard, first.number).await.unwrap();
    assert!(number.recent.is_empty() && number.live.is_empty());
    assert_eq!(w.sweep(first.id.shard, 10, 0).await.depth, 0);
    let answer = w.store.start(&again(&first), Some(&key)).await.unwrap();
    let Started::ReplayedRefusal { refusal } = answer else {
        panic!("not the refusal: {answer:?}");
    };
    assert_eq!(refusal, b"refused so");
    // The send was given back, and given back once.
    w.created(&again(&first)).await;
    assert!(matches!(
        w.refused(&other_identity(&first, 2)).await,
        SendRefusal::SendLimit { .. }
    ));
    w.advance(MINUTE_MS);
    let answer = w.store.start(&again(&first), Some(&key)).await.unwrap();
    assert!(matches!(answer, Started::Resent { .. }), "{answer:?}");
}

pub(super) async fn undoing_a_resend_gives_one_send_back(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(30_000);
    let ask = resend(first.id);
    w.resent(&ask).await;
    let undo = undo_of(&ask);
    w.store.undo(&undo).await.unwrap();
    w.store.undo(&undo).await.unwrap();
    let record = w.record(first.id).await;
    assert_eq!((record.sends_used, record.deliveries.len()), (1, 2));
    assert_eq!(record.deliveries[1].status, DeliveryStatus::Canceled);
    assert_eq!(record.deliveries[1].due, None);
    // Its place stays taken: the next one is the third.
    assert_eq!(w.resent(&resend(first.id)).await, Some(3));
}

pub(super) async fn undoing_a_resend_that_sent_nothing_gives_nothing_back(w: World) {
    let mut first = start();
    first.delivery = None;
    w.created(&first).await;
    w.advance(30_000);
    let mut ask = resend(first.id);
    ask.delivery = None;
    ask.policy.rules = one_in_a_minute();
    assert_eq!(w.resent(&ask).await, None);
    w.store.undo(&undo_of(&ask)).await.unwrap();
    assert_eq!(w.record(first.id).await.sends_used, 2);
    let mut other = other_identity(&first, 2);
    other.policy.rules = one_in_a_minute();
    assert!(matches!(
        w.refused(&other).await,
        SendRefusal::SendLimit { .. }
    ));
}

pub(super) async fn a_resends_key_is_answered_by_what_became_of_it(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(30_000);
    let key = key();
    let ask = resend(first.id);
    let by_key = async |ask: &Resend, key: &Idempotency| w.store.resend(ask, Some(key)).await;
    // The connection's own repeat is told the same; another request has to wait.
    for _ in 0..2 {
        let answer = by_key(&ask, &key).await.unwrap();
        let Started::Resent { ordinal, .. } = answer else {
            panic!("not sent again: {answer:?}");
        };
        assert_eq!(ordinal, Some(2));
    }
    let answer = by_key(&resend(first.id), &key).await.unwrap();
    assert!(matches!(answer, Started::InProgress), "{answer:?}");
    w.store.confirm(first.id.shard, &key).await.unwrap();
    let answer = by_key(&resend(first.id), &key).await.unwrap();
    let Started::Replayed { id, record, .. } = answer else {
        panic!("not replayed: {answer:?}");
    };
    assert_eq!((id, record.sends_used), (first.id, 2));
    let other = Idempotency {
        fingerprint: [2; 16],
        ..key
    };
    let answer = by_key(&resend(first.id), &other).await.unwrap();
    assert!(matches!(answer, Started::KeyReused), "{answer:?}");
    assert_eq!(w.record(first.id).await.deliveries.len(), 2);
    // It is asked before anything else is: even of what has ended.
    w.store.cancel(first.id, TENANT).await.unwrap().unwrap();
    let answer = by_key(&resend(first.id), &key).await.unwrap();
    assert!(matches!(answer, Started::Replayed { .. }), "{answer:?}");
}

pub(super) async fn a_resend_taken_back_is_refused_again_under_its_key(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(30_000);
    let key = key();
    let ask = resend(first.id);
    w.store.resend(&ask, Some(&key)).await.unwrap();
    let undo = Undo {
        idempotency: Some(key),
        available_at_ms: w.now_ms().await + MINUTE_MS,
        ..undo_of(&ask)
    };
    w.store.undo(&undo).await.unwrap();
    w.store.undo(&undo).await.unwrap();
    // A confirmation that comes too late opens nothing.
    w.store.confirm(first.id.shard, &key).await.unwrap();
    let again = w.store.resend(&resend(first.id), Some(&key)).await.unwrap();
    let Started::ReplayedRefusal { refusal } = again else {
        panic!("not the refusal: {again:?}");
    };
    assert_eq!(refusal, b"refused so");
    w.advance(MINUTE_MS);
    let again = w.store.resend(&resend(first.id), Some(&key)).await.unwrap();
    assert!(
        matches!(
            again,
            Started::Resent {
                ordinal: Some(3),
                ..
            }
        ),
        "{again:?}"
    );
}

pub(super) async fn a_refused_resend_leaves_its_key_free(w: World) {
    let first = start();
    w.created(&first).await;
    let key = key();
    let early = w.store.resend(&resend(first.id), Some(&key)).await.unwrap();
    assert!(matches!(early, Started::Refused { .. }), "{early:?}");
    w.advance(30_000);
    let later = w.store.resend(&resend(first.id), Some(&key)).await.unwrap();
    assert!(matches!(later, Started::Resent { .. }), "{later:?}");
}

pub(super) async fn fifty_requests_with_one_idempotency_key_send_once(w: World) {
    let first = start();
    let key = key();
    let asks: Vec<Start> = (0..50).map(|_| again(&first)).collect();
    let answers = join_all(asks.iter().map(|ask| w.store.start(ask, Some(&key)))).await;
    let mut created = 0;
    for answer in answers {
        let answer = answer.unwrap();
        if let Started::Created { .. } = answer {
            created += 1;
        } else {
            assert!(matches!(answer, Started::InProgress), "{answer:?}");
        }
    }
    assert_eq!(created, 1);
    let (number, _) = w.store.number(first.id.shard, first.number).await.unwrap();
    assert_eq!(number.recent.len(), 1);
}

pub(super) async fn an_idempotency_key_is_answered_by_what_became_of_it(w: World) {
    let first = start();
    let key = key();
    w.store.start(&first, Some(&key)).await.unwrap();
    let repeat = || async { w.store.start(&again(&first), Some(&key)).await.unwrap() };
    assert!(matches!(repeat().await, Started::InProgress));
    w.store.confirm(first.id.shard, &key).await.unwrap();
    w.store.confirm(first.id.shard, &key).await.unwrap();
    let answer = repeat().await;
    let Started::Replayed { id, record, .. } = answer else {
        panic!("not replayed: {answer:?}");
    };
    assert_eq!((id, record.sends_used), (first.id, 1));
    let other = Idempotency {
        fingerprint: [2; 16],
        ..key
    };
    let answer = w.store.start(&again(&first), Some(&other)).await.unwrap();
    assert!(matches!(answer, Started::KeyReused), "{answer:?}");

    // A node that dies before it confirms leaves the send to the sweep.
    let second = start();
    let key = Idempotency {
        tag: unique(),
        ..key
    };
    w.store.start(&second, Some(&key)).await.unwrap();
    w.advance(LEASE_MS);
    let taken = w
        .take(DeliveryId {
            record: second.id,
            ordinal: 1,
        })
        .await;
    assert!(taken.record.is_some());
    let answer = w.store.start(&again(&second), Some(&key)).await.unwrap();
    assert!(matches!(answer, Started::Replayed { .. }), "{answer:?}");
}

pub(super) async fn an_operation_asked_again_leaves_its_keys_answer_decided(w: World) {
    let first = start();
    w.created(&first).await;

    // A start that met its own pending verification.
    w.advance(30_000);
    let (start_key, started_again) = (key(), again(&first));
    let by_key = async |ask: &Start| w.store.start(ask, Some(&start_key)).await.unwrap();
    by_key(&started_again).await;
    w.store.confirm(first.id.shard, &start_key).await.unwrap();
    let answer = by_key(&started_again).await;
    let Started::Resent { id, ordinal, .. } = answer else {
        panic!("not sent again: {answer:?}");
    };
    assert_eq!((id, ordinal), (first.id, Some(2)));
    let answer = by_key(&again(&first)).await;
    assert!(matches!(answer, Started::Replayed { .. }), "{answer:?}");

    // A resend by its id.
    w.advance(MINUTE_MS);
    let (resend_key, ask) = (key(), resend(first.id));
    let by_key = async |ask: &Resend| w.store.resend(ask, Some(&resend_key)).await.unwrap();
    by_key(&ask).await;
    w.store.confirm(first.id.shard, &resend_key).await.unwrap();
    let answer = by_key(&ask).await;
    let Started::Resent { ordinal, .. } = answer else {
        panic!("not sent again: {answer:?}");
    };
    assert_eq!(ordinal, Some(3));
    let answer = by_key(&resend(first.id)).await;
    assert!(matches!(answer, Started::Replayed { .. }), "{answer:?}");
    assert_eq!(w.record(first.id).await.sends_used, 3);
}

pub(super) async fn a_send_taken_back_late_leaves_anothers_answer_alone(w: World) {
    let (first, key) = (start(), key());
    w.store.start(&first, Some(&key)).await.unwrap();
    let late = Undo {
        idempotency: Some(key),
        ..undo(&first, w.now_ms().await + MINUTE_MS)
    };
    w.store.undo(&late).await.unwrap();
    w.advance(MINUTE_MS);
    let second = again(&first);
    let answer = w.store.start(&second, Some(&key)).await.unwrap();
    assert!(matches!(answer, Started::Created { .. }), "{answer:?}");
    w.store.confirm(second.id.shard, &key).await.unwrap();

    w.store.undo(&late).await.unwrap();
    let answer = w.store.start(&again(&first), Some(&key)).await.unwrap();
    let Started::Replayed { id, .. } = answer else {
        panic!("not replayed: {answer:?}");
    };
    assert_eq!(id, second.id);
}

pub(super) async fn a_test_numbers_resend_asked_again_uses_nothing_up(w: World) {
    let mut first = start();
    first.delivery = None;
    w.created(&first).await;
    w.advance(30_000);
    let (key, mut ask) = (key(), resend(first.id));
    ask.delivery = None;
    for _ in 0..2 {
        let answer = w.store.resend(&ask, Some(&key)).await.unwrap();
        let Started::Resent { ordinal, .. } = answer else {
            panic!("not sent again: {answer:?}");
        };
        assert_eq!(ordinal, None);
    }
    // Without a key nothing remembers it, and it comes too early.
    assert!(matches!(
        w.resend_refused(&ask).await,
        SendRefusal::ResendTooEarly { .. }
    ));
    assert_eq!(w.record(first.id).await.sends_used, 2);
}
