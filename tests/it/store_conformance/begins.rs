//! Stories of when an attempt may begin, and when not.

use watchword::delivery::{
    ATTEMPTS_MAX, Begin, DeliveryRecord, DeliveryStatus, Next, Outcome, Stop,
};
use watchword::verification::Status;
use watchword_providers::ReceiptStatus;

use super::world::*;

pub(super) async fn a_begin_asked_again_renews_the_lease_or_is_too_late(w: World) {
    let id = unbegun(&w).await;
    assert_eq!(w.begin(id, 1, 1).await, Ok(()));
    let before = w.delivery(id).await;
    w.advance(10_000);
    assert_eq!(w.begin(id, 1, 1).await, Ok(()));
    let after = w.delivery(id).await;
    assert_eq!(after.attempts, before.attempts);
    let (before, after) = (before.due.unwrap(), after.due.unwrap());
    assert!((9_000..12_000).contains(&(after.at_ms - before.at_ms)));
    assert_eq!(w.sweep(id.record.shard, 10, 0).await.taken.len(), 0);
    w.advance(9 * MINUTE_MS);
    assert_eq!(w.begin(id, 1, 1).await, Err(Stop::TooLate));
    w.store.cancel(id.record, TENANT).await.unwrap().unwrap();
    let stop = Stop::NotPending(Status::Canceled);
    assert_eq!(w.begin(id, 1, 1).await, Err(stop));
}

pub(super) async fn a_begin_of_a_settled_attempt_or_another_provider_is_refused(w: World) {
    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    let mut other = begin(1, 1);
    other.provider = "another".into();
    assert_eq!(
        w.store.begin(id, &other).await.unwrap(),
        Err(Stop::FenceLost)
    );
    let ask = settle(1, 1, Outcome::Unknown, Next::Continue);
    w.settle(id, &ask).await.unwrap();
    assert_eq!(w.begin(id, 1, 1).await, Err(Stop::FenceLost));
    // Who has lost count is told so, whatever has become of the verification.
    w.guess(id.record, "111111").await;
    assert_eq!(w.begin(id, 1, 1).await, Err(Stop::FenceLost));
    let stop = Stop::NotPending(Status::Approved);
    assert_eq!(w.begin(id, 1, 2).await, Err(stop));
}

/// Begins an attempt, and says how the one before it ended.
fn begin_after(fence: u32, attempt: u32, outcome: Outcome) -> Begin {
    Begin {
        settled: settle(fence, attempt - 1, outcome, Next::Continue).attempt,
        ..begin(fence, attempt)
    }
}

fn outcomes(delivery: &DeliveryRecord) -> Vec<Outcome> {
    let attempts = delivery.attempts.iter();
    attempts.map(|attempt| attempt.outcome).collect()
}

pub(super) async fn a_begin_writes_down_how_the_attempt_before_ended(w: World) {
    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    let second = begin_after(1, 2, Outcome::Refused);
    assert_eq!(w.store.begin(id, &second).await.unwrap(), Ok(()));
    let before = w.delivery(id).await;
    assert_eq!(outcomes(&before), [Outcome::Refused, Outcome::Begun]);
    assert_eq!(before.attempts[0].duration_ms, 84);
    // Told again, it is the same attempt.
    assert_eq!(w.store.begin(id, &second).await.unwrap(), Ok(()));
    assert_eq!(w.delivery(id).await.attempts, before.attempts);
    // Who has lost the fence, or count, writes nothing.
    let lost = Err(Stop::FenceLost);
    let before = w.record(id.record).await;
    let stale = begin_after(2, 3, Outcome::Refused);
    assert_eq!(w.store.begin(id, &stale).await.unwrap(), lost);
    let mut miscounted = begin_after(1, 4, Outcome::Refused);
    assert_eq!(w.store.begin(id, &miscounted).await.unwrap(), lost);
    miscounted.attempt = 3;
    assert_eq!(w.store.begin(id, &miscounted).await.unwrap(), lost);
    assert_eq!(w.record(id.record).await, before);
    // What turns out to be no submission leaves its place to the next.
    for attempt in [3, 4] {
        let next = begin_after(1, attempt, Outcome::Unknown);
        assert_eq!(w.store.begin(id, &next).await.unwrap(), Ok(()));
    }
    let next = begin_after(1, 5, Outcome::Throttled);
    assert_eq!(w.store.begin(id, &next).await.unwrap(), Ok(()));
    let next = begin_after(1, 6, Outcome::Unknown);
    let stop = Err(Stop::TooManySubmissions);
    assert_eq!(w.store.begin(id, &next).await.unwrap(), stop);
    assert_eq!(w.delivery(id).await.attempts[4].outcome, Outcome::Unknown);
}

pub(super) async fn a_begin_that_may_not_go_on_still_writes_down_what_ended(w: World) {
    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    w.guess(id.record, "111111").await;
    let next = begin_after(1, 2, Outcome::Unreachable);
    let stop = Err(Stop::NotPending(Status::Approved));
    assert_eq!(w.store.begin(id, &next).await.unwrap(), stop);
    assert_eq!(outcomes(&w.delivery(id).await), [Outcome::Unreachable]);

    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    w.advance(9 * MINUTE_MS);
    let next = begin_after(1, 2, Outcome::Unknown);
    assert_eq!(w.store.begin(id, &next).await.unwrap(), Err(Stop::TooLate));
    assert_eq!(outcomes(&w.delivery(id).await), [Outcome::Unknown]);

    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    w.receipt(id, &receipt(1, ReceiptStatus::Delivered)).await;
    let next = begin_after(1, 2, Outcome::Unknown);
    let stop = Err(Stop::Closed(DeliveryStatus::Delivered));
    assert_eq!(w.store.begin(id, &next).await.unwrap(), stop);
    assert_eq!(outcomes(&w.delivery(id).await), [Outcome::Unknown]);
}

pub(super) async fn nothing_begins_after_an_approval(w: World) {
    let id = unbegun(&w).await;
    w.guess(id.record, "111111").await;
    let stop = Stop::NotPending(Status::Approved);
    assert_eq!(w.begin(id, 1, 1).await, Err(stop));
    let mut close = settle(1, 1, Outcome::Shed, Next::Close { reason: "x".into() });
    close.attempt = None;
    let settled = w.settle(id, &close).await.unwrap();
    assert_eq!(settled.status, DeliveryStatus::Canceled);
    assert_eq!(settled.due, None);
}

pub(super) async fn nothing_begins_in_the_last_minute(w: World) {
    let id = unbegun(&w).await;
    w.advance(9 * MINUTE_MS);
    assert_eq!(w.begin(id, 1, 1).await, Err(Stop::TooLate));
}

pub(super) async fn a_hundred_and_twenty_attempts_are_the_bound(w: World) {
    let id = unbegun(&w).await;
    let bound = u32::try_from(ATTEMPTS_MAX).unwrap();
    assert_eq!(bound, 120);
    for attempt in 1..=bound {
        assert_eq!(w.begin(id, 1, attempt).await, Ok(()));
        let ask = settle(1, attempt, Outcome::Shed, Next::Continue);
        w.settle(id, &ask).await.unwrap();
    }
    let stop = Stop::TooManySubmissions;
    assert_eq!(w.begin(id, 1, bound + 1).await, Err(stop));
    assert_eq!(w.delivery(id).await.attempts.len(), ATTEMPTS_MAX);
}
