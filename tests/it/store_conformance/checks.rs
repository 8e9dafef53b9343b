//! Stories of checks, cancellation and reported outcomes.

use std::sync::Arc;

use tokio::task::JoinSet;
use watchword::id::RecordId;
use watchword::verification::{
    Check, CheckAnswer, ClientClass, Conversion, CustomCodeTag, FAILURES_KEPT_MS, SendRefusal,
    Start, Status, TenantTag,
};

use super::world::*;

const WRONG: &str = "999999";
const RIGHT: &str = "111111";

pub(super) async fn the_right_code_is_approved_once(w: World) {
    let ask = start();
    w.created(&ask).await;
    let checked = w.check(&check(ask.id, RIGHT)).await;
    assert_eq!(checked.answer, CheckAnswer::Approved);
    let record = checked.record.unwrap();
    assert_eq!(record.status, Status::Approved);
    assert_eq!(record.conversion, Conversion::Converted);
    assert_eq!((&record.digest, &record.code), (&None, &None));
    let status = Status::Approved;
    assert_eq!(
        w.guess(ask.id, RIGHT).await,
        CheckAnswer::NotPending { status }
    );
    let (number, _) = w.store.number(ask.id.shard, ask.number).await.unwrap();
    assert!(number.live.is_empty());
}

pub(super) async fn five_wrong_codes_exhaust_a_verification(w: World) {
    let ask = start();
    w.created(&ask).await;
    for checks_remaining in (0..5).rev() {
        let answer = w.guess(ask.id, WRONG).await;
        assert_eq!(answer, CheckAnswer::Mismatch { checks_remaining });
    }
    let status = Status::Exhausted;
    assert_eq!(
        w.guess(ask.id, RIGHT).await,
        CheckAnswer::NotPending { status }
    );
    assert_eq!(w.record(ask.id).await.checks_used, 5);
}

/// The answers to so many checks of one code at once, each an operation of its own.
async fn guess_at_once(w: &World, id: RecordId, code: &str, count: usize) -> Vec<CheckAnswer> {
    let mut checks = JoinSet::new();
    for _ in 0..count {
        let (store, ask) = (Arc::clone(&w.store), check(id, code));
        checks.spawn(async move { store.check(&ask).await.unwrap().answer });
    }
    checks.join_all().await
}

pub(super) async fn of_a_hundred_wrong_guesses_at_once_five_are_evaluated(w: World) {
    let ask = start();
    w.created(&ask).await;
    let answers = guess_at_once(&w, ask.id, WRONG, 100).await;
    let mut left = Vec::new();
    for answer in answers {
        if let CheckAnswer::Mismatch { checks_remaining } = answer {
            left.push(checks_remaining);
        } else {
            let status = Status::Exhausted;
            assert_eq!(answer, CheckAnswer::NotPending { status });
        }
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    assert_eq!(w.record(ask.id).await.checks_used, 5);
}

pub(super) async fn of_two_hundred_right_checks_at_once_one_is_approved(w: World) {
    let ask = start();
    w.created(&ask).await;
    let answers = guess_at_once(&w, ask.id, RIGHT, 200).await;
    let approved = |answer: &&CheckAnswer| **answer == CheckAnswer::Approved;
    assert_eq!(answers.iter().filter(approved).count(), 1);
}

pub(super) async fn the_same_check_is_told_the_same_again(w: World) {
    let ask = start();
    w.created(&ask).await;
    let wrong = check(ask.id, WRONG);
    let checks_remaining = 4;
    for _ in 0..3 {
        let answer = w.check(&wrong).await.answer;
        assert_eq!(answer, CheckAnswer::Mismatch { checks_remaining });
    }
    let right = check(ask.id, RIGHT);
    assert_eq!(w.check(&right).await.answer, CheckAnswer::Approved);
    assert_eq!(w.check(&right).await.answer, CheckAnswer::Approved);
    let answer = w.check(&wrong).await.answer;
    assert_eq!(answer, CheckAnswer::Mismatch { checks_remaining });
    assert_eq!(w.record(ask.id).await.checks_used, 2);
}

pub(super) async fn a_check_key_with_another_code_is_refused(w: World) {
    let ask = start();
    w.created(&ask).await;
    let wrong = check(ask.id, WRONG);
    w.check(&wrong).await;
    let mut other = check(ask.id, RIGHT);
    other.operation = wrong.operation;
    other.operation.0[12] ^= 1;
    assert_eq!(w.check(&other).await.answer, CheckAnswer::KeyReused);
    assert_eq!(w.record(ask.id).await.checks_used, 1);
}

pub(super) async fn an_unknown_key_consumes_no_guess(w: World) {
    let ask = start();
    w.created(&ask).await;
    let mut unknown = check(ask.id, RIGHT);
    unknown.digests[0].key_id = "k0".into();
    assert_eq!(w.check(&unknown).await.answer, CheckAnswer::UnknownKey);
    assert_eq!(w.record(ask.id).await.checks_used, 0);
    unknown.digests.push(digest(RIGHT));
    assert_eq!(w.check(&unknown).await.answer, CheckAnswer::Approved);
}

pub(super) async fn an_expired_verification_is_not_checked(w: World) {
    let ask = start();
    w.created(&ask).await;
    w.advance(ask.lifetime_ms);
    let status = Status::Expired;
    assert_eq!(
        w.guess(ask.id, RIGHT).await,
        CheckAnswer::NotPending { status }
    );
    let record = w.record(ask.id).await;
    assert_eq!(record.status_at(w.now_ms().await), status);
    assert_eq!(record.checks_used, 0);
    // It stays readable as a tombstone.
    w.advance(60 * MINUTE_MS);
    assert_eq!(w.record(ask.id).await.status_at(w.now_ms().await), status);
    w.created(&again(&ask)).await;
}

pub(super) async fn a_canceled_verification_is_not_checked(w: World) {
    let ask = start();
    w.created(&ask).await;
    let found = w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
    assert_eq!(found.record.status, Status::Canceled);
    let status = Status::Canceled;
    assert_eq!(
        w.guess(ask.id, RIGHT).await,
        CheckAnswer::NotPending { status }
    );
    let refusal = w.resend_refused(&resend(ask.id)).await;
    assert_eq!(refusal, SendRefusal::NotPending { status });
}

pub(super) async fn another_tenants_id_answers_like_an_unknown_one(w: World) {
    let ask = start();
    w.created(&ask).await;
    let stranger = TenantTag(*b"tenant_b");
    let theirs = Check {
        tenant: stranger,
        ..check(ask.id, RIGHT)
    };
    assert_eq!(w.check(&theirs).await.answer, CheckAnswer::NotFound);
    let canceled = w.store.cancel(ask.id, stranger).await.unwrap();
    assert_eq!(canceled.unwrap_err(), SendRefusal::NotFound);
    let reported = w
        .store
        .report_outcome(ask.id, stranger, Conversion::Converted)
        .await
        .unwrap();
    assert_eq!(reported.unwrap_err(), SendRefusal::NotFound);
    let mut theirs = resend(ask.id);
    theirs.tenant = stranger;
    assert_eq!(w.resend_refused(&theirs).await, SendRefusal::NotFound);
    let record = w.record(ask.id).await;
    assert_eq!((record.status, record.checks_used), (Status::Pending, 0));
}

/// Fails so many checks of a number, each as soon as it may be made.
async fn fail(w: &World, first: &Start, count: u32) {
    let mut ask = again(first);
    ask.checks_max = 200;
    ask.lifetime_ms = 200 * 60 * MINUTE_MS;
    ask.wants_new_code = true;
    w.created(&ask).await;
    for _ in 0..count {
        let guess = Check {
            client: first.client,
            ..check(ask.id, WRONG)
        };
        let mut answer = w.check(&guess).await.answer;
        if let CheckAnswer::TooManyFailures {
            available_at_ms: Some(at_ms),
        } = answer
        {
            w.advance(at_ms.saturating_sub(w.now_ms().await));
            answer = w.check(&guess).await.answer;
        }
        assert!(matches!(answer, CheckAnswer::Mismatch { .. }), "{answer:?}");
    }
}

/// A check of a new verification of the number, by the class of client that started it.
async fn check_of_new(w: &World, first: &Start, code: &str) -> CheckAnswer {
    let mut ask = again(first);
    ask.wants_new_code = true;
    w.created(&ask).await;
    let guess = Check {
        client: first.client,
        ..check(ask.id, code)
    };
    w.check(&guess).await.answer
}

pub(super) async fn failures_across_verifications_wait_and_then_stop(w: World) {
    let first = start();
    fail(&w, &first, 14).await;
    let before_ms = w.now_ms().await;
    assert!(matches!(
        check_of_new(&w, &first, WRONG).await,
        CheckAnswer::Mismatch { .. }
    ));
    let answer = check_of_new(&w, &first, RIGHT).await;
    let CheckAnswer::TooManyFailures {
        available_at_ms: Some(at_ms),
    } = answer
    else {
        panic!("the fifteenth failure makes the next check wait: {answer:?}");
    };
    assert!((30_000..40_000).contains(&(at_ms - before_ms)));
    w.advance(30_000);
    fail(&w, &first, 85).await;
    let answer = check_of_new(&w, &first, RIGHT).await;
    let available_at_ms = None;
    assert_eq!(answer, CheckAnswer::TooManyFailures { available_at_ms });
    w.advance(2 * DAY_MS / 24);
    let answer = check_of_new(&w, &first, RIGHT).await;
    assert_eq!(answer, CheckAnswer::TooManyFailures { available_at_ms });
}

pub(super) async fn known_and_unknown_clients_fail_apart(w: World) {
    let unknown = start();
    fail(&w, &unknown, 100).await;
    let known = Start {
        client: ClientClass::Known,
        ..again(&unknown)
    };
    assert_eq!(check_of_new(&w, &known, RIGHT).await, CheckAnswer::Approved);
    let answer = check_of_new(&w, &unknown, RIGHT).await;
    assert!(matches!(answer, CheckAnswer::TooManyFailures { .. }));
}

pub(super) async fn an_approval_forgets_the_failures(w: World) {
    let first = start();
    fail(&w, &first, 14).await;
    assert_eq!(check_of_new(&w, &first, RIGHT).await, CheckAnswer::Approved);
    fail(&w, &first, 14).await;
    assert_eq!(check_of_new(&w, &first, RIGHT).await, CheckAnswer::Approved);
}

pub(super) async fn failures_are_forgotten_after_ninety_days(w: World) {
    let first = start();
    fail(&w, &first, 100).await;
    w.advance(FAILURES_KEPT_MS - DAY_MS);
    let answer = check_of_new(&w, &first, RIGHT).await;
    assert!(matches!(answer, CheckAnswer::TooManyFailures { .. }));
    w.advance(DAY_MS + MINUTE_MS);
    assert_eq!(check_of_new(&w, &first, RIGHT).await, CheckAnswer::Approved);
}

pub(super) async fn lifted_failures_are_gone(w: World) {
    let first = start();
    fail(&w, &first, 100).await;
    let lifted = w.store.lift_failures(first.id.shard, first.number).await;
    lifted.unwrap();
    assert_eq!(check_of_new(&w, &first, RIGHT).await, CheckAnswer::Approved);
}

pub(super) async fn a_reported_outcome_decides_only_caller_supplied_codes(w: World) {
    let ours = start();
    w.created(&ours).await;
    let report = |id, conversion| {
        let store = Arc::clone(&w.store);
        async move {
            let found = store.report_outcome(id, TENANT, conversion).await.unwrap();
            let record = found.unwrap().record;
            (record.status, record.conversion)
        }
    };
    let converted = Conversion::Converted;
    assert_eq!(
        report(ours.id, converted).await,
        (Status::Pending, converted)
    );
    let mut theirs = start();
    theirs.custom_code = Some(CustomCodeTag([1; 8]));
    theirs.digest = None;
    w.created(&theirs).await;
    let not = Conversion::NotConverted;
    assert_eq!(report(theirs.id, not).await, (Status::Pending, not));
    assert_eq!(
        report(theirs.id, converted).await,
        (Status::Approved, converted)
    );
    // What was approved stays converted.
    assert_eq!(report(theirs.id, not).await, (Status::Approved, converted));
}

pub(super) async fn canceling_twice_is_canceling_once(w: World) {
    let ask = start();
    w.created(&ask).await;
    let first = w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
    w.advance(MINUTE_MS);
    let second = w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
    assert_eq!(first.record, second.record);
    let approved = start();
    w.created(&approved).await;
    w.guess(approved.id, RIGHT).await;
    let refused = w.store.cancel(approved.id, TENANT).await.unwrap();
    let status = Status::Approved;
    assert_eq!(refused.unwrap_err(), SendRefusal::NotPending { status });
}
