//! Taking a due delivery over, and handing one back.

use super::attempt::end;
use super::{DeliveryStatus, DispatchPolicy, Due, DueKind, Outcome, Stop, delivery_mut};
use crate::verification::Record;

/// What somebody who takes a due delivery is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is the caller's, under the delivery's new fence.
    Taken { why: DueKind },
    /// Its lease was lost too often: it ended as `failed(poison)`.
    Poisoned,
    /// Its verification or its time has ended; it was closed.
    Closed,
    /// Not due, or nothing is due for it any more.
    NotDue,
}

/// Takes a due delivery over.
pub fn take(record: &mut Record, ordinal: u8, policy: &DispatchPolicy, now_ms: u64) -> Take {
    let status = record.status_at(now_ms);
    let can_submit = status.is_open() && now_ms < record.submit_before_ms(policy.quiet_ms);
    let Some(delivery) = delivery_mut(record, ordinal) else {
        return Take::NotDue;
    };
    let Some(due) = delivery.due.filter(|due| due.at_ms <= now_ms) else {
        return Take::NotDue;
    };
    delivery.fence = delivery.fence.saturating_add(1);
    let (mut may_have_been_sent, mut was_begun) = (false, false);
    for attempt in &mut delivery.attempts {
        if attempt.outcome == Outcome::Begun {
            attempt.outcome = Outcome::Unknown;
            was_begun = true;
        }
        may_have_been_sent |= attempt.outcome == Outcome::Unknown;
    }
    // A lease that ran out with nothing begun says nothing about the delivery.
    if due.kind == DueKind::Lease && was_begun {
        delivery.lost_leases = delivery.lost_leases.saturating_add(1);
        if delivery.lost_leases >= policy.lost_leases_max {
            let reached = delivery.final_status(DeliveryStatus::Failed);
            delivery.close(reached, Some("poison"));
            return Take::Poisoned;
        }
    }
    if !can_submit {
        let last = delivery.reason.clone();
        let reason = if may_have_been_sent {
            "outcome_unknown"
        } else {
            last.as_deref().unwrap_or("too_late")
        };
        end(record, ordinal, (reason, status), now_ms);
        return Take::Closed;
    }
    delivery.status = DeliveryStatus::Queued;
    delivery.renew_lease(now_ms, policy.lease_ms);
    Take::Taken { why: due.kind }
}

/// Hands a leased delivery back, due after `after_ms`, for any node to take.
///
/// # Errors
///
/// [`Stop`]; nothing has changed.
pub fn hand_back(
    record: &mut Record,
    ordinal: u8,
    (fence, after_ms): (u32, u64),
    now_ms: u64,
) -> Result<(), Stop> {
    let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
    if delivery.fence != fence {
        return Err(Stop::FenceLost);
    }
    if let Some(due) = &mut delivery.due
        && due.kind == DueKind::Lease
    {
        *due = Due {
            kind: DueKind::Handover,
            at_ms: now_ms + after_ms,
        };
    }
    Ok(())
}
