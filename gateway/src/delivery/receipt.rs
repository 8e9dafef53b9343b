//! What a provider's receipt changes.

use watchword_providers::ReceiptStatus;

use super::{AttemptReceipt, DeliveryStatus, DispatchPolicy, Due, DueKind, delivery_mut};
use crate::verification::Record;

/// A verified receipt for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyReceipt {
    pub attempt: u32,
    pub receipt: AttemptReceipt,
    /// Whether an undelivered one may bring about another submission.
    pub may_redispatch: bool,
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
        return ReceiptApplied::Nothing;
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
                if ask.may_redispatch && can_submit && has_room {
                    delivery.due = Some(Due {
                        kind: DueKind::Undelivered,
                        at_ms: now_ms,
                    });
                    return ReceiptApplied::Redispatch;
                }
                delivery.close(DeliveryStatus::Undelivered, None);
            }
        }
    }
    ReceiptApplied::Recorded {
        status: delivery.status,
    }
}
