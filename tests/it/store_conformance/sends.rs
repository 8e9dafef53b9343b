//! Stories of starting and sending again.

use watchword::admission::gcra::GcraRule;
use watchword::delivery::{DeliveryStatus, DueKind, Outcome};
use watchword::store::Started;
use watchword::verification::{
    ClientClass, CustomCodeTag, OperationId, RecordKind, SendRefusal, Start, Status,
};

use super::world::*;

pub(super) async fn a_start_creates_a_verification_with_its_first_delivery_leased(w: World) {
    let ask = start();
    let record = w.created(&ask).await;
    assert_eq!(record.status, Status::Pending);
    assert_eq!(record.sends_used, 1);
    assert_eq!(record.expires_at_ms - record.created_at_ms, ask.lifetime_ms);
    let delivery = &record.deliveries[0];
    assert_eq!(delivery.status, DeliveryStatus::Queued);
    assert_eq!(delivery.fence, 1);
    let due = delivery.due.unwrap();
    assert_eq!(due.kind, DueKind::Lease);
    assert_eq!(due.at_ms - record.created_at_ms, LEASE_MS);
    assert_eq!(delivery.attempts[0].outcome, Outcome::Begun);
    assert_eq!(&*delivery.attempts[0].provider, "one");
    assert_eq!(w.record(ask.id).await, record);
    let (number, _) = w.store.number(ask.id.shard, ask.number).await.unwrap();
    assert_eq!(number.recent, [ask.id]);
    assert_eq!(number.live.len(), 1);
}

pub(super) async fn the_same_start_asked_twice_happens_once(w: World) {
    let mut ask = start();
    ask.policy.rules = one_in_a_minute();
    let first = w.created(&ask).await;
    assert_eq!(w.created(&ask).await, first);
    let (number, _) = w.store.number(ask.id.shard, ask.number).await.unwrap();
    assert_eq!(number.recent, [ask.id]);
}

pub(super) async fn a_start_of_the_same_identity_is_a_resend_and_waits_its_time(w: World) {
    let first = start();
    let created = w.created(&first).await;
    w.advance(29_000);
    let SendRefusal::ResendTooEarly { available_at_ms } = w.refused(&again(&first)).await else {
        panic!("it waits 30 s");
    };
    assert_eq!(available_at_ms, created.next_send_at_ms);
    w.advance(1_000);
    let second = again(&first);
    let answer = w.store.start(&second, None).await.unwrap();
    let Started::Resent {
        id,
        record,
        ordinal,
        ..
    } = answer
    else {
        panic!("not a resend: {answer:?}");
    };
    assert_eq!((id, ordinal), (first.id, Some(2)));
    assert_eq!(record.sends_used, 2);
    assert_eq!(record.expires_at_ms, created.expires_at_ms);
    let delivery = &record.deliveries[1];
    assert_eq!(delivery.operation, Some(OperationId(second.id.random)));
    assert!(delivery.attempts.is_empty());
    assert_eq!(
        w.store.get(second.id).await.unwrap().map(|found| found.id),
        None
    );
    w.advance(59_000);
    assert!(matches!(
        w.refused(&again(&first)).await,
        SendRefusal::ResendTooEarly { .. }
    ));
}

pub(super) async fn a_refused_resend_uses_nothing_up(w: World) {
    let first = start();
    let created = w.created(&first).await;
    for _ in 0..10 {
        w.refused(&again(&first)).await;
    }
    assert_eq!(w.record(first.id).await, created);
    w.advance(30_000);
    assert_eq!(w.resent(&resend(first.id)).await, Some(2));
}

pub(super) async fn sends_end_after_the_last_one(w: World) {
    let first = start();
    let created = w.created(&first).await;
    for ordinal in 2..=5 {
        w.advance(120_000);
        assert_eq!(w.resent(&resend(first.id)).await, Some(ordinal));
    }
    let refusal = w.refused(&again(&first)).await;
    // 480 of 600 s are over: the last minute has not begun.
    let available_at_ms = created.expires_at_ms - MINUTE_MS;
    assert_eq!(refusal, SendRefusal::SendsExhausted { available_at_ms });
}

pub(super) async fn a_resend_by_id_follows_the_same_waits(w: World) {
    let first = start();
    w.created(&first).await;
    for (wait_ms, ordinal) in [(30_000, 2), (60_000, 3), (120_000, 4), (120_000, 5)] {
        w.advance(wait_ms - 1_000);
        assert!(matches!(
            w.resend_refused(&resend(first.id)).await,
            SendRefusal::ResendTooEarly { .. }
        ));
        w.advance(1_000);
        assert_eq!(w.resent(&resend(first.id)).await, Some(ordinal));
    }
}

pub(super) async fn a_resend_asked_twice_sends_once(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(30_000);
    let ask = resend(first.id);
    w.resent(&ask).await;
    // Only the store's own connection asks twice: it is told the same.
    assert_eq!(w.resent(&ask).await, Some(2));
    let record = w.record(first.id).await;
    assert_eq!((record.sends_used, record.deliveries.len()), (2, 2));
}

pub(super) async fn a_start_that_sends_again_asked_twice_sends_once(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(30_000);
    let second = again(&first);
    for _ in 0..2 {
        let answer = w.store.start(&second, None).await.unwrap();
        let is_it = matches!(
            answer,
            Started::Resent {
                ordinal: Some(2),
                ..
            }
        );
        assert!(is_it, "not the same answer: {answer:?}");
    }
    let record = w.record(first.id).await;
    assert_eq!((record.sends_used, record.deliveries.len()), (2, 2));
}

pub(super) async fn sends_taken_back_leave_room_for_no_more_than_twelve_deliveries(w: World) {
    let first = start();
    let created = w.created(&first).await;
    w.advance(30_000);
    for ordinal in 2..=12 {
        let ask = resend(first.id);
        assert_eq!(w.resent(&ask).await, Some(ordinal));
        w.store.undo(&undo_of(&ask)).await.unwrap();
    }
    let available_at_ms = created.expires_at_ms - MINUTE_MS;
    let exhausted = SendRefusal::SendsExhausted { available_at_ms };
    assert_eq!(w.resend_refused(&resend(first.id)).await, exhausted);
    assert_eq!(w.refused(&again(&first)).await, exhausted);
    let record = w.record(first.id).await;
    assert_eq!((record.sends_used, record.deliveries.len()), (1, 12));
}

pub(super) async fn another_caller_supplied_code_supersedes(w: World) {
    let mut first = start();
    first.custom_code = Some(CustomCodeTag([1; 8]));
    w.created(&first).await;
    let same = again(&first);
    assert!(matches!(
        w.refused(&same).await,
        SendRefusal::ResendTooEarly { .. }
    ));
    let mut other = again(&first);
    other.custom_code = Some(CustomCodeTag([2; 8]));
    w.created(&other).await;
    let superseded = w.record(first.id).await;
    assert_eq!(superseded.status, Status::Superseded);
    assert_eq!((superseded.digest, superseded.code), (None, None));
    let (number, _) = w.store.number(first.id.shard, first.number).await.unwrap();
    assert_eq!(number.live.len(), 1);
    assert_eq!(number.recent, [other.id, first.id]);
}

pub(super) async fn a_face_that_wants_a_new_code_supersedes(w: World) {
    let first = start();
    w.created(&first).await;
    let mut second = again(&first);
    second.wants_new_code = true;
    w.created(&second).await;
    assert_eq!(w.record(first.id).await.status, Status::Superseded);
}

pub(super) async fn in_the_last_minute_a_start_supersedes_and_a_resend_is_too_late(w: World) {
    let first = start();
    w.created(&first).await;
    w.advance(first.lifetime_ms - MINUTE_MS);
    let refusal = w.resend_refused(&resend(first.id)).await;
    assert_eq!(refusal, SendRefusal::ResendTooLate);
    let second = again(&first);
    w.created(&second).await;
    assert_eq!(w.record(first.id).await.status, Status::Superseded);
}

pub(super) async fn only_so_many_verifications_of_a_number_live(w: World) {
    let first = start();
    let created = w.created(&first).await;
    w.created(&other_identity(&first, 2)).await;
    w.created(&other_identity(&first, 3)).await;
    let available_at_ms = created.expires_at_ms;
    let refusal = w.refused(&other_identity(&first, 4)).await;
    assert_eq!(refusal, SendRefusal::TooManyPending { available_at_ms });
    w.store.cancel(first.id, TENANT).await.unwrap().unwrap();
    w.created(&other_identity(&first, 4)).await;
}

pub(super) async fn a_known_client_takes_the_place_of_the_oldest_unknown_one(w: World) {
    let known = |ask: Start| Start {
        client: ClientClass::Known,
        ..ask
    };
    let first = known(start());
    w.created(&first).await;
    let second = other_identity(&first, 2);
    let second = Start {
        client: ClientClass::Unknown,
        ..second
    };
    w.created(&second).await;
    w.created(&other_identity(&first, 3)).await;
    w.created(&other_identity(&first, 4)).await;
    assert_eq!(w.record(first.id).await.status, Status::Pending);
    assert_eq!(w.record(second.id).await.status, Status::Superseded);
    // Now all three are known: nobody gives way any more.
    assert!(matches!(
        w.refused(&other_identity(&first, 5)).await,
        SendRefusal::TooManyPending { .. }
    ));
}

pub(super) async fn two_identities_have_two_verifications(w: World) {
    let first = start();
    w.created(&first).await;
    let second = other_identity(&first, 2);
    w.created(&second).await;
    assert_eq!(w.record(first.id).await.status, Status::Pending);
    assert_eq!(w.record(second.id).await.status, Status::Pending);
}

pub(super) fn one_in_a_minute() -> Vec<GcraRule> {
    vec![GcraRule {
        count: 1,
        per_ms: MINUTE_MS,
    }]
}

pub(super) async fn send_limits_hold_for_known_and_unknown_clients_apart(w: World) {
    let mut first = start();
    first.policy.rules = one_in_a_minute();
    let created = w.created(&first).await;
    let refusal = w.refused(&other_identity(&first, 2)).await;
    let available_at_ms = created.created_at_ms + MINUTE_MS;
    assert_eq!(
        refusal,
        SendRefusal::SendLimit {
            rule: 0,
            available_at_ms
        }
    );
    let known = Start {
        client: ClientClass::Known,
        ..other_identity(&first, 3)
    };
    w.created(&known).await;
    w.advance(MINUTE_MS);
    w.created(&other_identity(&first, 2)).await;
}

pub(super) async fn a_send_only_delivery_is_no_verification(w: World) {
    let mut first = start();
    first.kind = RecordKind::SendOnly;
    first.digest = None;
    w.created(&first).await;
    // Nothing to send again, to list, to check or to cancel.
    w.created(&again(&first)).await;
    assert_eq!(
        w.resend_refused(&resend(first.id)).await,
        SendRefusal::NotFound
    );
    let (number, _) = w.store.number(first.id.shard, first.number).await.unwrap();
    assert!(number.recent.is_empty() && number.live.is_empty());
    assert_eq!(
        w.guess(first.id, "111111").await,
        watchword::verification::CheckAnswer::NotFound
    );
    let canceled = w.store.cancel(first.id, TENANT).await.unwrap();
    assert_eq!(canceled.unwrap_err(), SendRefusal::NotFound);
    assert_eq!(w.record(first.id).await.status, Status::Pending);
}

pub(super) async fn a_test_number_is_sent_nothing(w: World) {
    let mut first = start();
    first.delivery = None;
    assert!(w.created(&first).await.deliveries.is_empty());
    w.advance(30_000);
    let mut second = resend(first.id);
    second.delivery = None;
    assert_eq!(w.resent(&second).await, None);
    assert_eq!(w.record(first.id).await.sends_used, 2);
}

pub(super) async fn the_last_twenty_verifications_of_a_number_are_listed(w: World) {
    let mut last = start();
    last.wants_new_code = true;
    let mut expected = Vec::new();
    for _ in 0..23 {
        last = again(&last);
        w.created(&last).await;
        expected.insert(0, last.id);
    }
    expected.truncate(20);
    let (number, _) = w.store.number(last.id.shard, last.number).await.unwrap();
    assert_eq!(number.recent, expected);
    assert_eq!(w.store.get_all(&expected).await.unwrap().len(), 20);
}
