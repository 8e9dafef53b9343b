//! Stories of limits that are part of a start's step.

use std::slice;

use watchword::admission::gcra::Denied;
use watchword::admission::limits::{LimitAsk, LimitStep};
use watchword::store::{CheckedWithin, Idempotency, Started, Undo};
use watchword::verification::{Check, CheckAnswer, SendRefusal, Start, Status};

use super::world::*;

/// The question asked anew.
fn anew(ask: &LimitAsk) -> LimitAsk {
    LimitAsk {
        operation: operation(),
        ..ask.clone()
    }
}

impl World {
    async fn started_within(&self, ask: &Start, limits: &[LimitAsk]) -> Started {
        let sent = self.store.start_within(ask, None, limits).await;
        assert!(sent.apart.is_none(), "the limits are part of the step");
        sent.started.unwrap()
    }

    async fn is_free(&self, limit: &LimitAsk) -> bool {
        let peek = LimitAsk {
            step: LimitStep::Peek,
            ..anew(limit)
        };
        self.store.limits(&[peek]).await.unwrap()[0].is_ok()
    }
}

pub(super) async fn a_start_takes_from_the_limits_of_its_step_once(w: World) {
    let (ask, limits) = (start(), [one_a_minute(), one_a_minute()]);
    let started = w.started_within(&ask, &limits).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    assert!(!w.is_free(&limits[0]).await && !w.is_free(&limits[1]).await);
    // The client library sends it once more: the same answer, and nothing taken.
    let started = w.started_within(&ask, &limits).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    w.advance(MINUTE_MS);
    assert!(w.is_free(&limits[0]).await && w.is_free(&limits[1]).await);
}

pub(super) async fn a_limit_that_refuses_withholds_the_whole_step(w: World) {
    let (free, full) = (one_a_minute(), one_a_minute());
    w.store.limits(&[anew(&full)]).await.unwrap();
    let ask = start();
    let started = w.started_within(&ask, &[free.clone(), full.clone()]).await;
    let Started::Withheld { limits, now_ms } = started else {
        panic!("not withheld: {started:?}");
    };
    assert_eq!(limits[0], Ok(()));
    let Err(Denied {
        rule: 0,
        available_at_ms,
    }) = limits[1]
    else {
        panic!("not denied: {limits:?}");
    };
    assert!((now_ms..=now_ms + MINUTE_MS).contains(&available_at_ms));
    // Nothing has come of it anywhere.
    assert!(w.is_free(&free).await);
    assert!(w.store.get(ask.id).await.unwrap().is_none());
    let (number, _) = w.store.number(ask.id.shard, ask.number).await.unwrap();
    assert!(number.recent.is_empty() && number.sends.unknown.is_empty());
    assert_eq!(w.sweep(ask.id.shard, 8, 0).await.depth, 0);
    // Where the number is known already it is the same.
    w.created(&again(&ask)).await;
    w.advance(31_000);
    let started = w
        .started_within(&other_identity(&ask, 2), &[free.clone(), anew(&full)])
        .await;
    assert!(matches!(started, Started::Withheld { .. }), "{started:?}");
    let started = w
        .started_within(&again(&ask), &[free.clone(), anew(&full)])
        .await;
    assert!(matches!(started, Started::Withheld { .. }), "{started:?}");
    assert!(w.is_free(&free).await);
    let (number, _) = w.store.number(ask.id.shard, ask.number).await.unwrap();
    assert_eq!(number.recent.len(), 1);
}

pub(super) async fn a_start_refused_for_its_number_takes_from_no_limit(w: World) {
    let ask = start();
    w.created(&ask).await;
    let limit = one_a_minute();
    let started = w
        .started_within(&again(&ask), slice::from_ref(&limit))
        .await;
    let Started::Refused { refusal, .. } = started else {
        panic!("not refused: {started:?}");
    };
    assert!(matches!(refusal, SendRefusal::ResendTooEarly { .. }));
    assert!(w.is_free(&limit).await);
}

pub(super) async fn sending_again_by_a_start_takes_from_the_limits_too(w: World) {
    let ask = start();
    w.created(&ask).await;
    w.advance(31_000);
    let (repeat, limit) = (again(&ask), one_a_minute());
    for _ in 0..2 {
        let started = w.started_within(&repeat, slice::from_ref(&limit)).await;
        let Started::Resent { id, ordinal, .. } = started else {
            panic!("not sent again: {started:?}");
        };
        assert_eq!((id, ordinal), (ask.id, Some(2)));
    }
    assert!(!w.is_free(&limit).await);
}

pub(super) async fn a_start_complete_in_one_step_is_replayed_at_once(w: World) {
    let (ask, key) = (start(), idempotency());
    let sent = w
        .store
        .start_within(&ask, Some(&key), &[one_a_minute()])
        .await;
    assert!(matches!(sent.started, Ok(Started::Created { .. })));
    let limit = one_a_minute();
    let repeat = again(&ask);
    let sent = w
        .store
        .start_within(&repeat, Some(&key), slice::from_ref(&limit))
        .await;
    let Ok(Started::Replayed { id, .. }) = sent.started else {
        panic!("not replayed: {:?}", sent.started);
    };
    assert_eq!(id, ask.id);
    assert!(w.is_free(&limit).await);
}

pub(super) async fn a_withheld_start_leaves_its_refusal_under_its_key(w: World) {
    let (ask, key, full) = (start(), idempotency(), one_a_minute());
    w.store.limits(&[anew(&full)]).await.unwrap();
    let sent = w
        .store
        .start_within(&ask, Some(&key), slice::from_ref(&full))
        .await;
    let Ok(Started::Withheld { now_ms, .. }) = sent.started else {
        panic!("not withheld: {:?}", sent.started);
    };
    let undo = Undo {
        id: ask.id,
        was_created: false,
        operation: operation(),
        client: ask.client,
        policy: ask.policy.clone(),
        idempotency: Some(key),
        refusal: b"refused so".to_vec(),
        available_at_ms: now_ms + MINUTE_MS,
    };
    w.store.undo(&undo).await.unwrap();
    let sent = w
        .store
        .start_within(&again(&ask), Some(&key), &[anew(&full)])
        .await;
    let Ok(Started::ReplayedRefusal { refusal }) = sent.started else {
        panic!("not the refusal: {:?}", sent.started);
    };
    assert_eq!(refusal, b"refused so");
    // When its time is over the key may send.
    w.advance(MINUTE_MS + 1_000);
    let sent = w
        .store
        .start_within(&again(&ask), Some(&key), &[anew(&full)])
        .await;
    assert!(matches!(sent.started, Ok(Started::Created { .. })));
}

fn idempotency() -> Idempotency {
    Idempotency {
        tag: unique(),
        fingerprint: [7; 16],
    }
}

impl World {
    async fn checked_within(&self, ask: &Check, limits: &[LimitAsk]) -> CheckedWithin {
        self.store.check_within(ask, limits).await.unwrap()
    }
}

pub(super) async fn only_a_wrong_code_takes_from_the_limits_of_its_check(w: World) {
    let ask = start();
    w.created(&ask).await;
    let (right, limit) = (check(ask.id, "111111"), one_a_minute());
    let unknown = check(start().id, "111111");
    let nowhere = w.checked_within(&unknown, slice::from_ref(&limit)).await;
    let CheckedWithin::Checked(nowhere) = nowhere else {
        panic!("not evaluated: {nowhere:?}");
    };
    assert_eq!(nowhere.answer, CheckAnswer::NotFound);
    assert!(w.is_free(&limit).await);
    let wrong = check(ask.id, "222222");
    for _ in 0..2 {
        // Asked again it is told the same, though the limit is full by then.
        let checked = w.checked_within(&wrong, &[anew(&limit)]).await;
        let CheckedWithin::Checked(checked) = checked else {
            panic!("not evaluated: {checked:?}");
        };
        let checks_remaining = 4;
        assert_eq!(checked.answer, CheckAnswer::Mismatch { checks_remaining });
        assert!(!w.is_free(&limit).await);
    }
    let free = one_a_minute();
    let checked = w.checked_within(&right, slice::from_ref(&free)).await;
    let CheckedWithin::Checked(checked) = checked else {
        panic!("not evaluated: {checked:?}");
    };
    assert_eq!(checked.answer, CheckAnswer::Approved);
    assert!(w.is_free(&free).await);
}

pub(super) async fn a_full_limit_keeps_a_check_from_being_evaluated(w: World) {
    let ask = start();
    w.created(&ask).await;
    let (free, full) = (one_a_minute(), one_a_minute());
    w.store.limits(&[anew(&full)]).await.unwrap();
    let limits = [free.clone(), anew(&full)];
    for code in ["111111", "222222"] {
        let checked = w.checked_within(&check(ask.id, code), &limits).await;
        let CheckedWithin::Withheld { limits, now_ms } = checked else {
            panic!("evaluated: {checked:?}");
        };
        assert_eq!(limits[0], Ok(()));
        let until_ms = limits[1].unwrap_err().available_at_ms;
        assert!((now_ms..=now_ms + MINUTE_MS).contains(&until_ms));
    }
    assert!(w.is_free(&free).await);
    let record = w.record(ask.id).await;
    assert_eq!((record.checks_used, record.status), (0, Status::Pending));
    w.advance(MINUTE_MS);
    let checked = w
        .checked_within(&check(ask.id, "111111"), &[anew(&full)])
        .await;
    assert!(matches!(checked, CheckedWithin::Checked(_)), "{checked:?}");
}

pub(super) async fn a_start_that_sent_again_is_told_so_however_full_its_limit_is(w: World) {
    let ask = start();
    w.created(&ask).await;
    w.advance(31_000);
    let (repeat, limit) = (again(&ask), one_a_minute());
    let sent = async || w.started_within(&repeat, slice::from_ref(&limit)).await;
    assert!(matches!(sent().await, Started::Resent { .. }));
    // Another send has the limit's last place, so that it names another operation.
    let back = LimitAsk {
        step: LimitStep::GiveBack,
        ..anew(&limit)
    };
    w.store.limits(&[back]).await.unwrap();
    w.store.limits(&[anew(&limit)]).await.unwrap();
    let told = sent().await;
    let Started::Resent { id, ordinal, .. } = told else {
        panic!("not told what it did: {told:?}");
    };
    assert_eq!((id, ordinal), (ask.id, Some(2)));
}
