//! What a delivery and its attempts are and how they change: pure functions of
//! the record, the question and the store's time. The Redis scripts say the
//! same in Lua.
//!
//! A delivery has at most one entry in the ledger, and that entry is its
//! [`DeliveryRecord::due`]: a store keeps the two equal.

mod attempt;
mod due;
mod history;
mod receipt;

use serde::{Deserialize, Serialize};
use watchword_providers::{Channel, ReceiptStatus};

pub(crate) use attempt::end_waiting;
pub use attempt::{Begin, Finality, Next, Settle, Settled, SettledAttempt, Stop, begin, settle};
pub use due::{Take, hand_back, take};
pub use receipt::{ApplyReceipt, ReceiptApplied, apply_receipt};

use crate::verification::{OperationId, Record, RecordKind};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Being dispatched, or waiting to be.
    Queued,
    Submitted,
    Delivered,
    Undelivered,
    Failed,
    Expired,
    Canceled,
}

impl DeliveryStatus {
    /// Whether dispatch has nothing left to do with it.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Queued | Self::Submitted => false,
            Self::Delivered | Self::Undelivered | Self::Failed | Self::Expired | Self::Canceled => {
                true
            }
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitted => "submitted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }
}

/// How an attempt ended for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Recorded before its first byte was written; no answer yet.
    Begun,
    Submitted,
    Refused,
    Throttled,
    Unreachable,
    Shed,
    /// The message may have gone.
    Unknown,
}

impl Outcome {
    /// Whether it counts towards the bound of submissions: the person may have
    /// got a message and somebody may have been billed for it.
    pub fn counts_as_submission(self) -> bool {
        match self {
            Self::Begun | Self::Submitted | Self::Unknown => true,
            Self::Refused | Self::Throttled | Self::Unreachable | Self::Shed => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Submitted => "submitted",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Shed => "shed",
            Self::Unknown => "unknown",
        }
    }
}

/// What a receipt said about an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptReceipt {
    pub status: ReceiptStatus,
    pub at_ms: u64,
    pub code: Option<Box<str>>,
    /// No other provider will reach this number over this channel.
    pub is_final_for_number: bool,
}

/// One submission to one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// From 1 on, over all walks. It never changes, whatever is folded.
    pub number: u32,
    pub provider: Box<str>,
    /// Which walk of the route it belongs to: each hop is tried once a walk.
    pub walk: u32,
    pub outcome: Outcome,
    pub started_at_ms: u64,
    pub duration_ms: u32,
    /// The provider's own code, cleaned.
    pub code: Option<Box<str>>,
    pub message_id: Option<Box<str>>,
    pub receipt: Option<AttemptReceipt>,
}

/// Why a delivery is in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DueKind {
    /// A node works on it; if this falls due, the node is gone.
    Lease,
    /// Handed back by a node that stops, or never begun.
    Handover,
    /// The route is walked again.
    Retry,
    /// No receipt came in time.
    Receipt,
    /// A receipt said that it was not delivered.
    Undelivered,
}

impl DueKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Handover => "handover",
            Self::Retry => "retry",
            Self::Receipt => "receipt_deadline",
            Self::Undelivered => "undelivered",
        }
    }
}

/// The delivery's entry in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub kind: DueKind,
    pub at_ms: u64,
}

/// One message to one number over one channel, with its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    pub channel: Channel,
    pub status: DeliveryStatus,
    /// Raised whenever somebody takes the delivery over; who holds an older one
    /// may not write any more.
    pub fence: u32,
    pub walk: u32,
    pub lost_leases: u8,
    pub due: Option<Due>,
    pub reason: Option<Box<str>>,
    pub created_at_ms: u64,
    /// The channels to fall back to if this one fails, next first.
    pub fallback: Vec<Channel>,
    /// The resend that made it, if a resend did.
    pub operation: Option<OperationId>,
    /// Those still kept, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// How many are no longer kept.
    pub folded: u32,
}

/// A delivery to be written along with its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub channel: Channel,
    pub fallback: Vec<Channel>,
    /// The provider of the first attempt, recorded as begun in the same step;
    /// `None` lets dispatch choose and begin.
    pub first_provider: Option<Box<str>>,
}

/// The bounds of one delivery's effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchPolicy {
    /// Attempts that may have reached the person.
    pub submissions_max: u8,
    pub lease_ms: u64,
    pub quiet_ms: u64,
    /// After so many lost leases a delivery is taken for poison.
    pub lost_leases_max: u8,
}

/// Attempts kept of one delivery, however they ended: bounds the record's size.
/// A route is too short to come near it, and earlier walks are folded.
pub const ATTEMPTS_MAX: usize = 120;
/// Deliveries of one record: sends, resends and fallbacks.
pub const DELIVERIES_MAX: usize = 12;

impl DeliveryRecord {
    pub(crate) fn new(new: &NewDelivery, now_ms: u64, lease_ms: u64) -> Self {
        Self {
            channel: new.channel,
            status: DeliveryStatus::Queued,
            fence: 1,
            walk: 1,
            lost_leases: 0,
            due: Some(Due {
                kind: DueKind::Lease,
                at_ms: now_ms + lease_ms,
            }),
            reason: None,
            created_at_ms: now_ms,
            fallback: new.fallback.clone(),
            operation: None,
            attempts: new
                .first_provider
                .iter()
                .map(|provider| AttemptRecord::begun(1, provider, 1, now_ms))
                .collect(),
            folded: 0,
        }
    }

    /// Submissions that count towards the bound.
    pub fn submissions(&self) -> u8 {
        let counted = |attempt: &&AttemptRecord| attempt.outcome.counts_as_submission();
        u8::try_from(self.attempts.iter().filter(counted).count()).unwrap_or(u8::MAX)
    }

    pub(crate) fn close(&mut self, status: DeliveryStatus, reason: Option<&str>) {
        self.status = status;
        self.due = None;
        if let Some(reason) = reason {
            self.reason = Some(reason.into());
        }
    }

    /// Keeps a copy of the record in step with a begin that has committed.
    pub(crate) fn note_begun(&mut self, provider: &str, now_ms: u64) {
        self.push_attempt(provider, now_ms);
    }

    /// Keeps a copy of the record in step with an attempt that has ended.
    pub(crate) fn note_settled(&mut self, settled: &SettledAttempt) {
        attempt::write_attempt(self, settled);
    }

    fn renew_lease(&mut self, now_ms: u64, lease_ms: u64) {
        self.due = Some(Due {
            kind: DueKind::Lease,
            at_ms: now_ms + lease_ms,
        });
    }

    fn any_attempt(&self, is: impl Fn(&AttemptRecord) -> bool) -> bool {
        self.attempts.iter().any(is)
    }

    /// Whether nobody has done anything for it yet but write it down.
    pub(crate) fn is_untouched(&self) -> bool {
        self.fence == 1
            && !self.status.is_closed()
            && self.attempts.len() <= 1
            && self
                .attempts
                .iter()
                .all(|attempt| attempt.outcome == Outcome::Begun)
    }

    fn is_delivered(&self) -> bool {
        self.any_attempt(|attempt| attempt.has_receipt(ReceiptStatus::Delivered))
    }

    /// Whether every attempt that may have reached the person is reported lost.
    fn is_wholly_undelivered(&self) -> bool {
        let mut counted = self
            .attempts
            .iter()
            .filter(|attempt| attempt.outcome.counts_as_submission())
            .peekable();
        counted.peek().is_some()
            && counted.all(|attempt| attempt.has_receipt(ReceiptStatus::Undelivered))
    }

    /// The status of a delivery that ends now, without success of its own.
    ///
    /// What was submitted stays so, unless receipts say it was lost.
    fn final_status(&self, otherwise: DeliveryStatus) -> DeliveryStatus {
        if self.is_delivered() {
            DeliveryStatus::Delivered
        } else if self.any_attempt(|attempt| attempt.outcome == Outcome::Submitted) {
            if self.is_wholly_undelivered() {
                DeliveryStatus::Undelivered
            } else {
                DeliveryStatus::Submitted
            }
        } else {
            otherwise
        }
    }
}

impl AttemptRecord {
    fn begun(number: u32, provider: &str, walk: u32, now_ms: u64) -> Self {
        Self {
            number,
            provider: provider.into(),
            walk,
            outcome: Outcome::Begun,
            started_at_ms: now_ms,
            duration_ms: 0,
            code: None,
            message_id: None,
            receipt: None,
        }
    }

    fn has_receipt(&self, status: ReceiptStatus) -> bool {
        self.receipt
            .as_ref()
            .is_some_and(|receipt| receipt.status == status)
    }
}

/// The delivery of this ordinal, counted from 1.
pub fn delivery_mut(record: &mut Record, ordinal: u8) -> Option<&mut DeliveryRecord> {
    record
        .deliveries
        .get_mut(usize::from(ordinal).wrapping_sub(1))
}

impl Record {
    /// The delivery of this ordinal, counted from 1.
    pub fn delivery(&self, ordinal: u8) -> Option<&DeliveryRecord> {
        self.deliveries.get(usize::from(ordinal).wrapping_sub(1))
    }

    /// Whether it is a verification rather than a send-only delivery.
    pub fn is_verification(&self) -> bool {
        self.kind == RecordKind::Verification
    }
}

#[cfg(test)]
mod tests;
