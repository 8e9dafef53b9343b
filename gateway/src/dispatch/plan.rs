//! The decisions of dispatch, pure: which hops are left, and what follows when
//! a walk has ended without success.

use std::time::Duration;

use watchword_providers::{ReceiptStatus, SubmitError};

use crate::delivery::{AttemptRecord, DeliveryRecord, DueKind, Finality, Next, Outcome};

/// How an attempt's error is written down.
pub fn outcome_of(error: &SubmitError) -> Outcome {
    match error {
        SubmitError::Refused { .. }
        | SubmitError::Fraud { .. }
        | SubmitError::Credentials { .. } => Outcome::Refused,
        SubmitError::Throttled { .. } => Outcome::Throttled,
        SubmitError::Unreachable => Outcome::Unreachable,
        SubmitError::Unknown { .. } => Outcome::Unknown,
        SubmitError::Shed => Outcome::Shed,
    }
}

/// The stable word for why a delivery failed.
pub fn reason_of(error: &SubmitError) -> &'static str {
    match error {
        SubmitError::Refused { .. } => "refused",
        SubmitError::Fraud { .. } => "fraud",
        SubmitError::Credentials { .. } => "credentials_refused",
        SubmitError::Throttled { .. } => "throttled",
        SubmitError::Unreachable => "unreachable",
        SubmitError::Unknown { .. } => OUTCOME_UNKNOWN,
        SubmitError::Shed => "shed",
    }
}

/// The reason of a delivery that may have reached the person.
pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// The reason of a delivery that no provider took within its caller's budget.
pub const BUDGET_OVER: &str = "budget_over";

/// Which of a route's hops this walk leaves out, seen from the delivery's record.
pub fn is_left_out(delivery: &DeliveryRecord, why: Option<DueKind>, provider: &str) -> bool {
    let attempts = || {
        delivery
            .attempts
            .iter()
            .filter(|attempt| *attempt.provider == *provider)
    };
    // Each hop is tried once a walk, also when another node goes on with it. Who
    // has taken the message does not get it again.
    let is_done = |attempt: &AttemptRecord| {
        attempt.walk == delivery.walk || attempt.outcome == Outcome::Submitted
    };
    match why {
        // After silence or a bad receipt it goes over another provider.
        Some(DueKind::Receipt | DueKind::Undelivered) => {
            attempts().any(|attempt| is_done(attempt) || attempt.outcome.counts_as_submission())
        }
        Some(DueKind::Lease | DueKind::Handover | DueKind::Retry) | None => attempts().any(is_done),
    }
}

/// The one provider that a walk after an unknown outcome tries once more.
pub fn only_provider(delivery: &DeliveryRecord, why: Option<DueKind>) -> Option<&str> {
    let is_repeat = delivery.reason.as_deref() == Some(OUTCOME_UNKNOWN);
    let before = delivery.walk.checked_sub(1)?;
    match why {
        Some(DueKind::Retry | DueKind::Lease | DueKind::Handover) if is_repeat => delivery
            .attempts
            .iter()
            .rev()
            .find(|attempt| attempt.walk == before && attempt.outcome == Outcome::Unknown)
            .map(|attempt| &*attempt.provider),
        Some(_) | None => None,
    }
}

/// Whether the last receipt says that no other provider will reach this number.
pub fn is_final_by_receipt(delivery: &DeliveryRecord) -> bool {
    let lost = |attempt: &AttemptRecord| {
        attempt.receipt.as_ref().is_some_and(|receipt| {
            receipt.status == ReceiptStatus::Undelivered && receipt.is_final_for_number
        })
    };
    delivery.attempts.iter().any(lost)
}

/// What follows when a walk ends without *submitted* and without a final refusal.
///
/// `attempts` are those of this walk, `errors` what they failed with, in order;
/// attempts of a crashed node have no error any more.
pub fn after_walk(
    delivery: &DeliveryRecord,
    errors: &[SubmitError],
    retry_waits: &[Duration],
    submissions_max: u8,
) -> Next {
    let this_walk = || {
        delivery
            .attempts
            .iter()
            .filter(|attempt| attempt.walk == delivery.walk)
    };
    let unknown_here = errors.iter().any(SubmitError::may_have_been_sent)
        || this_walk().any(|attempt| attempt.outcome == Outcome::Unknown);
    let unknown_before = delivery
        .attempts
        .iter()
        .any(|attempt| attempt.walk < delivery.walk && attempt.outcome == Outcome::Unknown);
    if unknown_here {
        // The last hop's answer is missing: the same provider once more, and no more.
        return if unknown_before || delivery.submissions() >= submissions_max {
            fail(OUTCOME_UNKNOWN)
        } else {
            Next::Retry {
                after_ms: 0,
                reason: OUTCOME_UNKNOWN.into(),
            }
        };
    }
    let last = errors.last().map_or("no_route", reason_of);
    if errors.iter().any(SubmitError::is_only_for_now) {
        return Next::Retry {
            after_ms: retry_wait_ms(delivery.walk, retry_waits),
            reason: last.into(),
        };
    }
    fail(if unknown_before {
        OUTCOME_UNKNOWN
    } else {
        last
    })
}

/// How a delivery ends that may not go on: for `otherwise`, unless the person may
/// have it.
pub fn end_for(delivery: &DeliveryRecord, otherwise: &str) -> Next {
    let may_have_gone = |attempt: &AttemptRecord| attempt.outcome == Outcome::Unknown;
    fail(if delivery.attempts.iter().any(may_have_gone) {
        OUTCOME_UNKNOWN
    } else {
        otherwise
    })
}

fn fail(reason: &str) -> Next {
    Next::Fail {
        reason: reason.into(),
        finality: Finality::Open,
    }
}

/// The wait after walk 1, 2, ...; the last one repeats.
fn retry_wait_ms(walk: u32, waits: &[Duration]) -> u64 {
    let index = usize::try_from(walk.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = waits
        .get(index)
        .or(waits.last())
        .copied()
        .unwrap_or(Duration::from_secs(60));
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{AttemptReceipt, NewDelivery};
    use watchword_providers::{Channel, RefusalScope};

    const WAITS: [Duration; 3] = [
        Duration::from_secs(2),
        Duration::from_secs(5),
        Duration::from_secs(60),
    ];

    fn attempt(provider: &str, walk: u32, outcome: Outcome) -> AttemptRecord {
        AttemptRecord {
            number: 1,
            provider: provider.into(),
            walk,
            outcome,
            started_at_ms: 1,
            duration_ms: 1,
            code: None,
            message_id: None,
            receipt: None,
        }
    }

    fn delivery(walk: u32, attempts: Vec<AttemptRecord>) -> DeliveryRecord {
        let new = NewDelivery {
            channel: Channel::Sms,
            fallback: vec![],
            first_provider: None,
        };
        DeliveryRecord {
            walk,
            attempts,
            ..DeliveryRecord::new(&new, 1, 1)
        }
    }

    fn refused(scope: RefusalScope) -> SubmitError {
        SubmitError::Refused { scope, code: None }
    }

    #[test]
    fn a_walk_that_failed_only_for_now_is_repeated_later_and_later() {
        for (walk, expected_ms) in [(1, 2000), (2, 5000), (3, 60_000), (9, 60_000)] {
            let errors = [refused(RefusalScope::Provider), SubmitError::Unreachable];
            assert_eq!(
                after_walk(&delivery(walk, vec![]), &errors, &WAITS, 3),
                Next::Retry {
                    after_ms: expected_ms,
                    reason: "unreachable".into()
                }
            );
        }
    }

    #[test]
    fn a_walk_of_lasting_refusals_ends_the_delivery() {
        let errors = [
            refused(RefusalScope::Provider),
            refused(RefusalScope::Provider),
        ];
        assert_eq!(
            after_walk(&delivery(1, vec![]), &errors, &WAITS, 3),
            fail("refused")
        );
        assert_eq!(
            after_walk(&delivery(1, vec![]), &[], &WAITS, 3),
            fail("no_route")
        );
    }

    #[test]
    fn an_unknown_outcome_is_tried_once_more_at_once_and_then_reported() {
        let unknown = SubmitError::Unknown { code: None };
        let first = delivery(1, vec![attempt("a", 1, Outcome::Unknown)]);
        let again = Next::Retry {
            after_ms: 0,
            reason: OUTCOME_UNKNOWN.into(),
        };
        assert_eq!(
            after_walk(&first, std::slice::from_ref(&unknown), &WAITS, 3),
            again
        );
        let mut second = delivery(
            2,
            vec![
                attempt("a", 1, Outcome::Unknown),
                attempt("a", 2, Outcome::Unknown),
            ],
        );
        second.reason = Some(OUTCOME_UNKNOWN.into());
        assert_eq!(only_provider(&second, Some(DueKind::Retry)), Some("a"));
        assert_eq!(
            after_walk(&second, &[unknown], &WAITS, 3),
            fail(OUTCOME_UNKNOWN)
        );
        let refused = refused(RefusalScope::Provider);
        assert_eq!(
            after_walk(&second, &[refused], &WAITS, 3),
            fail(OUTCOME_UNKNOWN)
        );
    }

    #[test]
    fn a_provider_that_restarts_after_an_unknown_outcome_is_waited_for() {
        let second = delivery(
            2,
            vec![
                attempt("a", 1, Outcome::Unknown),
                attempt("a", 2, Outcome::Unreachable),
            ],
        );
        let again = Next::Retry {
            after_ms: 5000,
            reason: "unreachable".into(),
        };
        assert_eq!(
            after_walk(&second, &[SubmitError::Unreachable], &WAITS, 3),
            again
        );
    }

    #[test]
    fn the_bound_of_submissions_ends_it_too() {
        let unknown = SubmitError::Unknown { code: None };
        let attempts = ["a", "b", "c"]
            .map(|id| attempt(id, 1, Outcome::Unknown))
            .to_vec();
        assert_eq!(
            after_walk(&delivery(1, attempts), &[unknown], &WAITS, 3),
            fail(OUTCOME_UNKNOWN)
        );
    }

    #[test]
    fn each_hop_is_tried_once_a_walk_and_not_again_after_silence() {
        let delivery = delivery(
            2,
            vec![
                attempt("a", 1, Outcome::Submitted),
                attempt("b", 2, Outcome::Unreachable),
            ],
        );
        let left_out = |why, provider| is_left_out(&delivery, why, provider);
        assert!(left_out(Some(DueKind::Retry), "a"), "it has the message");
        assert!(
            left_out(Some(DueKind::Retry), "b"),
            "it was tried in this walk"
        );
        assert!(left_out(Some(DueKind::Receipt), "a") && left_out(Some(DueKind::Undelivered), "a"));
        assert!(!left_out(Some(DueKind::Receipt), "c"));
    }

    #[test]
    fn a_final_receipt_ends_the_channel() {
        let mut lost = attempt("a", 1, Outcome::Submitted);
        lost.receipt = Some(AttemptReceipt {
            status: ReceiptStatus::Undelivered,
            at_ms: 1,
            code: None,
            is_final_for_number: true,
        });
        assert!(is_final_by_receipt(&delivery(1, vec![lost])));
        assert!(!is_final_by_receipt(&delivery(
            1,
            vec![attempt("a", 1, Outcome::Submitted)]
        )));
    }
}
