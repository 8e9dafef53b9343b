//! Stories of attempts, receipts and what they make of a delivery.

use watchword::delivery::{
    ApplyReceipt, DeliveryStatus, DueKind, Finality, Next, Outcome, ReceiptApplied, Settle, Stop,
    Take,
};
use watchword::id::DeliveryId;
use watchword::verification::{NumberTag, Start, Status};
use watchword_providers::{Channel, ReceiptStatus};

use super::world::*;

/// A verification whose first attempt a provider has taken.
async fn taken_by_provider(w: &World) -> DeliveryId {
    let ask = start();
    w.created(&ask).await;
    let id = first_of(ask.id);
    w.settle(id, &submitted(1, 1)).await.unwrap();
    id
}

pub(super) async fn an_attempt_begins_once_and_settles_as_submitted(w: World) {
    let id = unbegun(&w).await;
    assert_eq!(w.begin(id, 1, 1).await, Ok(()));
    assert_eq!(w.begin(id, 1, 1).await, Ok(()));
    assert_eq!(w.delivery(id).await.attempts.len(), 1);
    let settled = w.settle(id, &submitted(1, 1)).await.unwrap();
    assert_eq!(settled.status, DeliveryStatus::Submitted);
    assert_eq!(settled.due.unwrap().kind, DueKind::Receipt);
    // Told again, it says the same.
    let repeated = w.settle(id, &submitted(1, 1)).await.unwrap();
    assert_eq!(repeated.status, DeliveryStatus::Submitted);
    let delivery = w.delivery(id).await;
    assert_eq!(delivery.attempts[0].outcome, Outcome::Submitted);
    assert_eq!(delivery.attempts[0].message_id.as_deref(), Some("m-1"));
    // A number no attempt has is not the next one's: the walk lost count.
    assert_eq!(w.begin(id, 1, 1).await, Err(Stop::FenceLost));
}

pub(super) async fn who_lost_the_fence_may_not_write(w: World) {
    let id = unbegun(&w).await;
    assert_eq!(w.begin(id, 1, 1).await, Ok(()));
    w.advance(LEASE_MS);
    let why = DueKind::Lease;
    assert_eq!(w.took(id).await, Take::Taken { why });
    let before = w.record(id.record).await;
    assert_eq!(w.begin(id, 1, 2).await, Err(Stop::FenceLost));
    assert_eq!(w.settle(id, &submitted(1, 1)).await, Err(Stop::FenceLost));
    let handed = w.store.hand_back(id, 1, 0).await.unwrap();
    assert_eq!(handed, Err(Stop::FenceLost));
    assert_eq!(w.record(id.record).await, before);
    assert_eq!(w.begin(id, 2, 2).await, Ok(()));
}

pub(super) async fn three_submissions_are_the_bound(w: World) {
    let id = unbegun(&w).await;
    for attempt in 1..=4 {
        assert_eq!(w.begin(id, 1, attempt).await, Ok(()));
        let outcome = if attempt == 2 {
            Outcome::Refused
        } else {
            Outcome::Unknown
        };
        let ask = settle(1, attempt, outcome, Next::Continue);
        w.settle(id, &ask).await.unwrap();
    }
    assert_eq!(w.begin(id, 1, 5).await, Err(Stop::TooManySubmissions));
}

pub(super) async fn a_retry_is_due_when_it_said(w: World) {
    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    let next = Next::Retry {
        after_ms: 5_000,
        reason: "busy".into(),
    };
    let settled = w.settle(id, &settle(1, 1, Outcome::Throttled, next)).await;
    assert_eq!(settled.unwrap().due.unwrap().kind, DueKind::Retry);
    w.advance(4_000);
    assert_eq!(w.took(id).await, Take::NotDue);
    w.advance(1_000);
    let why = DueKind::Retry;
    assert_eq!(w.took(id).await, Take::Taken { why });
    let delivery = w.delivery(id).await;
    assert_eq!(
        (delivery.walk, delivery.fence, delivery.lost_leases),
        (2, 2, 0)
    );
    // A retry that would come in the last minute is no retry.
    let next = Next::Retry {
        after_ms: 9 * MINUTE_MS,
        reason: "busy".into(),
    };
    w.begin(id, 2, 2).await.unwrap();
    let settled = w.settle(id, &settle(2, 2, Outcome::Throttled, next)).await;
    assert_eq!(settled.unwrap().status, DeliveryStatus::Failed);
    assert_eq!(w.delivery(id).await.reason.as_deref(), Some("busy"));
}

pub(super) async fn a_settle_of_no_attempt_asked_again_changes_nothing(w: World) {
    let id = unbegun(&w).await;
    let next = Next::Retry {
        after_ms: 5_000,
        reason: "shed".into(),
    };
    let mut ask = settle(1, 1, Outcome::Shed, next);
    ask.attempt = None;
    let first = w.settle(id, &ask).await.unwrap();
    let before = w.delivery(id).await;
    w.advance(1_000);
    assert_eq!(w.settle(id, &ask).await, Ok(first));
    assert_eq!(w.delivery(id).await, before);
}

pub(super) async fn a_settle_asked_again_is_told_the_same_and_changes_nothing(w: World) {
    let id = unbegun(&w).await;
    w.begin(id, 1, 1).await.unwrap();
    let next = Next::Retry {
        after_ms: 5_000,
        reason: "busy".into(),
    };
    let retry = settle(1, 1, Outcome::Throttled, next);
    let first = w.settle(id, &retry).await.unwrap();
    let before = w.delivery(id).await;
    assert_eq!(before.walk, 2);
    w.advance(1_000);
    assert_eq!(w.settle(id, &retry).await, Ok(first));
    assert_eq!(w.delivery(id).await, before);
    // Somebody else's attempt that was taken for lost is another matter.
    w.advance(4_000);
    let why = DueKind::Retry;
    assert_eq!(w.took(id).await, Take::Taken { why });
    let settled = w.settle(id, &submitted(2, 1)).await.unwrap();
    assert_eq!(settled.status, DeliveryStatus::Submitted);
    let again = w.settle(id, &submitted(2, 1)).await;
    assert_eq!(again, Ok(settled));
}

fn fails(finality: Finality) -> Settle {
    let next = Next::Fail {
        reason: "refused".into(),
        finality,
    };
    settle(1, 1, Outcome::Refused, next)
}

/// A verification that may fall back to voice, and its first delivery.
async fn with_fallback(w: &World) -> DeliveryId {
    let mut ask = start();
    ask.delivery.as_mut().unwrap().fallback = vec![Channel::Voice];
    w.created(&ask).await;
    first_of(ask.id)
}

pub(super) async fn a_failed_delivery_falls_back_to_the_next_channel(w: World) {
    let id = with_fallback(&w).await;
    let fails = fails(Finality::Channel);
    let settled = w.settle(id, &fails).await.unwrap();
    assert_eq!(settled.status, DeliveryStatus::Failed);
    assert_eq!(settled.fallback, Some(2));
    let record = w.record(id.record).await;
    assert_eq!(record.status, Status::Pending);
    assert_eq!(record.sends_used, 1);
    let voice = &record.deliveries[1];
    assert_eq!((voice.channel, voice.fence), (Channel::Voice, 1));
    assert_eq!(voice.due.unwrap().kind, DueKind::Lease);
    // Told again, it falls back no further, and names the one it has made.
    assert_eq!(w.settle(id, &fails).await, Ok(settled));
    assert_eq!(w.record(id.record).await, record);
    // Once somebody works on that one it is nobody else's.
    assert_eq!(w.begin(DeliveryId { ordinal: 2, ..id }, 1, 1).await, Ok(()));
    let repeated = w.settle(id, &fails).await.unwrap();
    assert_eq!(
        (repeated.status, repeated.fallback),
        (DeliveryStatus::Failed, None)
    );
    assert_eq!(w.record(id.record).await.deliveries.len(), 2);
}

pub(super) async fn a_resend_is_no_fallback(w: World) {
    let id = with_fallback(&w).await;
    w.advance(30_000);
    let resend = resend(id.record);
    assert_eq!(w.resent(&resend).await, Some(2));
    let why = DueKind::Lease;
    assert_eq!(w.took(id).await, Take::Taken { why });
    let mut ask = submitted(2, 1);
    w.begin(id, 2, 2).await.unwrap();
    ask.attempt.as_mut().unwrap().number = 2;
    let settled = w.settle(id, &ask).await.unwrap();
    assert_eq!(settled.fallback, None);
    assert_eq!(w.settle(id, &ask).await, Ok(settled));
}

pub(super) async fn fraud_falls_back_to_no_channel(w: World) {
    let id = with_fallback(&w).await;
    let settled = w.settle(id, &fails(Finality::Number)).await.unwrap();
    assert_eq!(
        (settled.status, settled.fallback),
        (DeliveryStatus::Failed, None)
    );
    let record = w.record(id.record).await;
    assert_eq!(
        (record.status, record.deliveries.len()),
        (Status::Failed, 1)
    );
}

pub(super) async fn a_number_refused_for_good_fails_its_verification(w: World) {
    let mut first: Start = start();
    first.policy.live_max = 1;
    w.created(&first).await;
    let id = first_of(first.id);
    w.settle(id, &fails(Finality::Open)).await.unwrap();
    assert_eq!(w.record(first.id).await.status, Status::Pending);
    for finality in [Finality::Channel, Finality::Number] {
        let mut second = other_identity(&start(), 2);
        second.policy.live_max = 1;
        second.number = NumberTag(unique());
        w.created(&second).await;
        let id = first_of(second.id);
        w.settle(id, &fails(finality)).await.unwrap();
        assert_eq!(w.record(second.id).await.status, Status::Failed);
        // It holds no place among the live ones.
        w.created(&other_identity(&second, 3)).await;
    }
}

pub(super) async fn a_receipt_before_the_submit_answer_counts(w: World) {
    let ask = start();
    w.created(&ask).await;
    let id = first_of(ask.id);
    let status = DeliveryStatus::Delivered;
    let applied = w.receipt(id, &receipt(1, ReceiptStatus::Delivered)).await;
    assert_eq!(applied, ReceiptApplied::Recorded { status });
    let settled = w.settle(id, &submitted(1, 1)).await.unwrap();
    assert_eq!((settled.status, settled.due), (status, None));
    assert_eq!(w.delivery(id).await.attempts[0].outcome, Outcome::Submitted);

    let lost = start();
    w.created(&lost).await;
    let id = first_of(lost.id);
    w.receipt(id, &receipt(1, ReceiptStatus::Undelivered)).await;
    let settled = w.settle(id, &submitted(1, 1)).await.unwrap();
    assert_eq!(settled.due.unwrap().kind, DueKind::Undelivered);
    let why = DueKind::Undelivered;
    assert_eq!(w.took(id).await, Take::Taken { why });
}

pub(super) async fn a_receipt_acts_once_and_only_forward(w: World) {
    let id = taken_by_provider(&w).await;
    let sent = receipt(1, ReceiptStatus::Sent);
    let status = DeliveryStatus::Submitted;
    assert_eq!(
        w.receipt(id, &sent).await,
        ReceiptApplied::Recorded { status }
    );
    assert_eq!(w.receipt(id, &sent).await, ReceiptApplied::Nothing);
    let delivered = receipt(1, ReceiptStatus::Delivered);
    let status = DeliveryStatus::Delivered;
    assert_eq!(
        w.receipt(id, &delivered).await,
        ReceiptApplied::Recorded { status }
    );
    let late = receipt(1, ReceiptStatus::Undelivered);
    assert_eq!(w.receipt(id, &late).await, ReceiptApplied::Nothing);
    let delivery = w.delivery(id).await;
    assert_eq!((delivery.status, delivery.due), (status, None));
    assert_eq!(w.begin(id, 1, 2).await, Err(Stop::Closed(status)));
}

pub(super) async fn an_undelivered_message_goes_out_again_at_most_three_times(w: World) {
    let id = taken_by_provider(&w).await;
    for attempt in 1..=2 {
        let lost = receipt(attempt, ReceiptStatus::Undelivered);
        assert_eq!(w.receipt(id, &lost).await, ReceiptApplied::Redispatch);
        let why = DueKind::Undelivered;
        assert_eq!(w.took(id).await, Take::Taken { why });
        let fence = w.delivery(id).await.fence;
        assert_eq!(w.begin(id, fence, attempt + 1).await, Ok(()));
        w.settle(id, &submitted(fence, attempt + 1)).await.unwrap();
    }
    let status = DeliveryStatus::Undelivered;
    let lost = receipt(3, ReceiptStatus::Undelivered);
    assert_eq!(
        w.receipt(id, &lost).await,
        ReceiptApplied::Recorded { status }
    );
    assert_eq!(w.delivery(id).await.due, None);
}

pub(super) async fn what_follows_a_call_waits_for_its_end(w: World) {
    let verdict = ApplyReceipt {
        redispatch_after_ms: Some(45_000),
        ..receipt(1, ReceiptStatus::Undelivered)
    };
    let end = receipt(1, ReceiptStatus::Undelivered);
    let status = DeliveryStatus::Submitted;
    let why = DueKind::Undelivered;

    let id = taken_by_provider(&w).await;
    let noted = ReceiptApplied::Recorded { status };
    assert_eq!(w.receipt(id, &verdict).await, noted);
    assert_eq!(w.receipt(id, &verdict).await, ReceiptApplied::Nothing);
    assert_eq!(w.took(id).await, Take::NotDue);
    assert_eq!(w.receipt(id, &end).await, ReceiptApplied::CallEnded);
    assert_eq!(w.receipt(id, &end).await, ReceiptApplied::Nothing);
    assert_eq!(w.took(id).await, Take::Taken { why });

    // The end of the call before says nothing of this one.
    let fence = w.delivery(id).await.fence;
    assert_eq!(w.begin(id, fence, 2).await, Ok(()));
    w.settle(id, &submitted(fence, 2)).await.unwrap();
    let second = ApplyReceipt {
        attempt: 2,
        ..verdict.clone()
    };
    assert_eq!(w.receipt(id, &second).await, noted);
    assert_eq!(w.receipt(id, &end).await, ReceiptApplied::Nothing);
    assert_eq!(w.took(id).await, Take::NotDue);

    // Nobody tells of the end.
    let id = taken_by_provider(&w).await;
    assert_eq!(w.receipt(id, &verdict).await, noted);
    w.advance(40_000);
    assert_eq!(w.took(id).await, Take::NotDue);
    w.advance(5_000);
    assert_eq!(w.took(id).await, Take::Taken { why });

    // A key was pressed after all.
    let id = taken_by_provider(&w).await;
    assert_eq!(w.receipt(id, &verdict).await, noted);
    w.receipt(id, &receipt(1, ReceiptStatus::Delivered)).await;
    assert_eq!(w.receipt(id, &end).await, ReceiptApplied::Nothing);
    assert_eq!(w.delivery(id).await.due, None);
}

pub(super) async fn a_receipt_for_no_attempt_changes_nothing(w: World) {
    let id = taken_by_provider(&w).await;
    let before = w.record(id.record).await;
    let none = ReceiptApplied::NoAttempt;
    assert_eq!(
        w.receipt(id, &receipt(2, ReceiptStatus::Delivered)).await,
        none
    );
    assert_eq!(
        w.receipt(id, &receipt(0, ReceiptStatus::Delivered)).await,
        none
    );
    let other = DeliveryId { ordinal: 9, ..id };
    assert_eq!(
        w.receipt(other, &receipt(1, ReceiptStatus::Sent)).await,
        none
    );
    assert_eq!(w.record(id.record).await, before);
}

pub(super) async fn what_nobody_has_touched_settles_as_its_maker_knows_it(w: World) {
    let ask = start();
    let mut known = w.created(&ask).await;
    let id = first_of(ask.id);
    let settle = submitted(1, 1);
    let settled = w.store.settle_created(id, &settle, &mut known).await;
    let settled = settled.unwrap().unwrap();
    assert_eq!(settled.status, DeliveryStatus::Submitted);
    // The copy has moved along with what is stored.
    assert_eq!(w.record(ask.id).await.deliveries, known.deliveries);
    let depth = w.sweep(ask.id.shard, 8, 0).await.depth;
    assert_eq!(depth, u64::from(settled.due.is_some()));
    // Asked again by what was known, or by the record as it is: the same.
    for mut copy in [w.record(ask.id).await, known] {
        let again = w.store.settle_created(id, &settle, &mut copy).await;
        assert_eq!(again.unwrap().unwrap(), settled);
    }
}

pub(super) async fn what_somebody_has_touched_settles_as_it_is_stored(w: World) {
    let ask = start();
    let known = w.created(&ask).await;
    let id = first_of(ask.id);
    w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
    let settle = submitted(1, 1);
    let settled = w
        .store
        .settle_created(id, &settle, &mut known.clone())
        .await;
    assert_eq!(settled.unwrap().unwrap().status, DeliveryStatus::Submitted);
    let stored = w.record(ask.id).await;
    assert_eq!(stored.status, Status::Canceled);
    assert_eq!(stored.deliveries[0].status, DeliveryStatus::Submitted);
    // Who has lost the lease writes nothing.
    let ask = start();
    let known = w.created(&ask).await;
    let id = first_of(ask.id);
    w.advance(LEASE_MS);
    assert!(matches!(w.took(id).await, Take::Taken { .. }));
    let late = w
        .store
        .settle_created(id, &settle, &mut known.clone())
        .await;
    assert_eq!(late.unwrap(), Err(Stop::FenceLost));
}
