//! What a provider's receipt changes.

use watchword_providers::ReceiptStatus;

use super::{
    AttemptReceipt, DeliveryRecord, DeliveryStatus, DispatchPolicy, Due, DueKind, delivery_mut,
};
use crate::verification::Record;

/// A verified receipt for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyReceipt {
    pub attempt: u32,
    pub receipt: AttemptReceipt,
    /// How soon an undelivered one may bring about another submission; `None`:
    /// it may not. Above 0 it is a verdict on a call that is still on the line:
    /// what follows waits for the call's end, and for so long at most.
    pub redispatch_after_ms: Option<u64>,
    pub policy: DispatchPolicy,
}

/// What a receipt changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptApplied {
    /// It says less than, or the same as, what was known.
    Nothing,
    Recorded {
        status: DeliveryStatus,
    },
    /// The delivery is due now, over the next hop.
    Redispatch,
    /// The call has ended that the next hop waited for: it is due now. The
    /// verdict on the call stays what it was.
    CallEnded,
    /// No such attempt.
    NoAttempt,
}

/// Applies a receipt: each (attempt, status) once, and only forward.
pub fn apply_receipt(
    record: &mut Record,
    ordinal: u8,
    ask: &ApplyReceipt,
    now_ms: u64,
) -> ReceiptApplied {
    let can_submit =
        record.status_at(now_ms).is_open() && now_ms < record.submit_before_ms(ask.policy.quiet_ms);
    let Some(delivery) = delivery_mut(record, ordinal) else {
        return ReceiptApplied::NoAttempt;
    };
    let Some(attempt) = delivery.attempt_mut(ask.attempt) else {
        return ReceiptApplied::NoAttempt;
    };
    let known = attempt.receipt.as_ref().map(|receipt| receipt.status);
    if known.is_some_and(|known| known >= ask.receipt.status) {
        return end_call(delivery, ask, now_ms);
    }
    attempt.receipt = Some(ask.receipt.clone());
    match ask.receipt.status {
        ReceiptStatus::Sent => {}
        ReceiptStatus::Delivered => delivery.close(DeliveryStatus::Delivered, None),
        ReceiptStatus::Undelivered => {
            let waits = delivery.status == DeliveryStatus::Submitted;
            if waits && delivery.is_wholly_undelivered() {
                let has_room = delivery.submissions() < ask.policy.submissions_max
                    || !delivery.fallback.is_empty();
                match ask.redispatch_after_ms {
                    Some(after_ms) if can_submit && has_room => {
                        delivery.due = Some(Due {
                            kind: DueKind::Undelivered,
                            at_ms: now_ms.saturating_add(after_ms),
                        });
                        if after_ms == 0 {
                            return ReceiptApplied::Redispatch;
                        }
                    }
                    Some(_) | None => delivery.close(DeliveryStatus::Undelivered, None),
                }
            }
        }
    }
    ReceiptApplied::Recorded {
        status: delivery.status,
    }
}

/// A receipt that says nothing new: it may be of the end of the call whose
/// verdict is known and that the next hop waits for.
fn end_call(delivery: &mut DeliveryRecord, ask: &ApplyReceipt, now_ms: u64) -> ReceiptApplied {
    let is_end = ask.receipt.status == ReceiptStatus::Undelivered
        && ask.redispatch_after_ms == Some(0)
        && ask.attempt == delivery.last_number();
    match &mut delivery.due {
        Some(due) if is_end && due.kind == DueKind::Undelivered && due.at_ms > now_ms => {
            due.at_ms = now_ms;
            ReceiptApplied::CallEnded
        }
        Some(_) | None => ReceiptApplied::Nothing,
    }
}
