//! What stores and model say, in the same words.

use watchword::delivery::{DispatchPolicy, Next, Stop, Take};
use watchword::verification::SendRefusal;

use crate::store_conformance::model::{After, Answer, Del};
use crate::store_conformance::world;

pub(super) fn delivery_text(delivery: &watchword::delivery::DeliveryRecord) -> String {
    let attempts: Vec<String> = delivery
        .attempts
        .iter()
        .map(|attempt| {
            let receipt = attempt.receipt.as_ref().map(|receipt| receipt.status);
            format!(
                "{} by {} in {} {:?} {receipt:?}",
                attempt.number, attempt.provider, attempt.walk, attempt.outcome
            )
        })
        .collect();
    format!(
        "{:?} fence {} walk {} lost {} {:?} {:?} {attempts:?} and {}",
        delivery.status,
        delivery.fence,
        delivery.walk,
        delivery.lost_leases,
        delivery.due.map(|due| due.kind),
        delivery.reason,
        delivery.folded,
    )
}

pub(super) fn model_text(delivery: &Del) -> String {
    let attempts: Vec<String> = delivery
        .attempts
        .iter()
        .map(|attempt| {
            format!(
                "{} by p{} in {} {:?} {:?}",
                attempt.number, attempt.provider, attempt.walk, attempt.outcome, attempt.receipt
            )
        })
        .collect();
    format!(
        "{:?} fence {} walk {} lost {} {:?} {:?} {attempts:?} and {}",
        delivery.status,
        delivery.fence,
        delivery.walk,
        delivery.lost,
        delivery.due.map(|due| due.0),
        delivery.reason,
        delivery.folded,
    )
}

pub(super) fn dispatch_policy() -> DispatchPolicy {
    world::dispatch_policy()
}

pub(super) fn next(after: After) -> Next {
    match after {
        After::Continue => Next::Continue,
        After::Submitted => Next::Submitted {
            receipt_within_ms: Some(30_000),
        },
        After::Retry(after_ms) => Next::Retry {
            after_ms,
            reason: "busy".into(),
        },
        After::Fail(finality) => Next::Fail {
            reason: "refused".into(),
            finality,
        },
        After::Close => Next::Close {
            reason: "closed".into(),
        },
    }
}

pub(super) fn of_stop(stop: Stop) -> Answer {
    Answer::says(match stop {
        Stop::FenceLost => "fence lost".to_owned(),
        Stop::Closed(status) => format!("closed {status:?}"),
        Stop::NotPending(status) => format!("not pending {status:?}"),
        Stop::TooLate => "too late".to_owned(),
        Stop::TooManySubmissions => "too many".to_owned(),
        Stop::Gone => "gone".to_owned(),
    })
}

pub(super) fn of_take(take: Take) -> &'static str {
    match take {
        Take::Taken { .. } => "taken",
        Take::Poisoned => "poisoned",
        Take::Closed => "closed",
        Take::NotDue => "not due",
    }
}

pub(super) fn of_refusal(refusal: SendRefusal) -> Answer {
    match refusal {
        SendRefusal::ResendTooEarly { available_at_ms } => {
            Answer::new("too early", [available_at_ms])
        }
        SendRefusal::SendsExhausted { available_at_ms } => {
            Answer::new("sends exhausted", [available_at_ms])
        }
        SendRefusal::ResendTooLate => Answer::says("too late"),
        SendRefusal::SendLimit {
            available_at_ms, ..
        } => Answer::new("send limit", [available_at_ms]),
        SendRefusal::TooManyPending { available_at_ms } => {
            Answer::new("too many pending", [available_at_ms])
        }
        SendRefusal::NotPending { status } => Answer::says(format!("not pending {status:?}")),
        SendRefusal::NotFound => Answer::says("not found"),
        SendRefusal::MethodChanged => Answer::says("method changed"),
    }
}
