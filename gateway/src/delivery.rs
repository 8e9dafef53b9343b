//! What a delivery and its attempts are and how they change: pure functions of
//! the record, the question and the store's time. The Redis scripts say the
//! same in Lua.
//!
//! A delivery has at most one entry in the ledger, and that entry is its
//! [`DeliveryRecord::due`]: a store keeps the two equal.

use serde::{Deserialize, Serialize};
use watchword_providers::{Channel, ReceiptStatus};

use crate::verification::{OperationId, Record, RecordKind, Status};

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

/// One submission to one provider. Numbered by its place, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    pub provider: Box<str>,
    /// Which walk of the route it belongs to: each hop is tried once a walk.
    pub walk: u8,
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
    pub walk: u8,
    pub lost_leases: u8,
    pub due: Option<Due>,
    pub reason: Option<Box<str>>,
    pub created_at_ms: u64,
    /// The channels to fall back to if this one fails, next first.
    pub fallback: Vec<Channel>,
    /// The resend that made it, if a resend did.
    pub operation: Option<OperationId>,
    pub attempts: Vec<AttemptRecord>,
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

/// Attempts of one delivery, however they ended: bounds the record's size.
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
                .map(|provider| AttemptRecord::begun(provider, 1, now_ms))
                .collect(),
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
        let walk = self.walk;
        self.attempts
            .push(AttemptRecord::begun(provider, walk, now_ms));
    }

    /// Keeps a copy of the record in step with an attempt that has ended.
    pub(crate) fn note_settled(&mut self, settled: &SettledAttempt) {
        write_attempt(self, settled);
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
    fn begun(provider: &str, walk: u8, now_ms: u64) -> Self {
        Self {
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

/// Why dispatch must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody else has taken the delivery over.
    FenceLost,
    /// The delivery has ended, by a receipt for instance.
    Closed(DeliveryStatus),
    /// The verification is no longer pending.
    NotPending(Status),
    /// The last minute has begun.
    TooLate,
    /// The bound of submissions is reached.
    TooManySubmissions,
    /// No such record.
    Gone,
}

/// Records that an attempt begins. Must have committed before its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    pub fence: u32,
    /// Its number, from 1: one more than there are. A begin repeated for an
    /// attempt that is still begun asks whether it may still go out, and renews
    /// the lease.
    pub attempt: u8,
    pub provider: Box<str>,
    pub policy: DispatchPolicy,
}

/// Begins an attempt, or says why not.
///
/// # Errors
///
/// [`Stop`]; nothing has changed.
pub fn begin(record: &mut Record, ordinal: u8, ask: &Begin, now_ms: u64) -> Result<(), Stop> {
    let status = record.status_at(now_ms);
    let submit_before_ms = record.submit_before_ms(ask.policy.quiet_ms);
    let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
    if delivery.fence != ask.fence {
        return Err(Stop::FenceLost);
    }
    if delivery.status.is_closed() {
        return Err(Stop::Closed(delivery.status));
    }
    if !status.is_open() {
        return Err(Stop::NotPending(status));
    }
    if now_ms >= submit_before_ms {
        return Err(Stop::TooLate);
    }
    let number = usize::from(ask.attempt);
    if let Some(attempt) = delivery.attempts.get(number.wrapping_sub(1)) {
        if attempt.outcome != Outcome::Begun || attempt.provider != ask.provider {
            return Err(Stop::FenceLost);
        }
        delivery.renew_lease(now_ms, ask.policy.lease_ms);
        return Ok(());
    }
    let is_full = delivery.attempts.len() >= ATTEMPTS_MAX;
    if is_full || delivery.submissions() >= ask.policy.submissions_max {
        return Err(Stop::TooManySubmissions);
    }
    let walk = delivery.walk;
    delivery.status = DeliveryStatus::Queued;
    delivery
        .attempts
        .push(AttemptRecord::begun(&ask.provider, walk, now_ms));
    delivery.renew_lease(now_ms, ask.policy.lease_ms);
    Ok(())
}

/// How an attempt ended, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledAttempt {
    /// From 1.
    pub number: u8,
    pub outcome: Outcome,
    pub duration_ms: u32,
    pub code: Option<Box<str>>,
    pub message_id: Option<Box<str>>,
}

/// How much is over when a delivery fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// Another try may do better: the person may ask again.
    Open,
    /// This channel will never reach the number; another may.
    Channel,
    /// Nothing more is sent to the number for this: fraud.
    Number,
}

/// What comes after a settled attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The walk goes on: the lease stays.
    Continue,
    /// A provider has it. With receipts, silence until then is a reason to look again.
    Submitted { receipt_within_ms: Option<u64> },
    /// The route is walked again later.
    Retry { after_ms: u64, reason: Box<str> },
    /// Nothing is left to try.
    Fail {
        reason: Box<str>,
        finality: Finality,
    },
    /// The verification ended or its last minute began: the status follows from the record.
    Close { reason: Box<str> },
}

/// Writes an attempt's end down and decides what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    pub fence: u32,
    pub attempt: Option<SettledAttempt>,
    pub next: Next,
    pub policy: DispatchPolicy,
}

/// Where a settle left the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub status: DeliveryStatus,
    pub due: Option<Due>,
    /// The ordinal of the delivery over the next channel, leased to the caller.
    pub fallback: Option<u8>,
}

/// Settles.
///
/// # Errors
///
/// [`Stop::FenceLost`] or [`Stop::Gone`]; nothing has changed.
pub fn settle(
    record: &mut Record,
    ordinal: u8,
    ask: &Settle,
    now_ms: u64,
) -> Result<Settled, Stop> {
    let status = record.status_at(now_ms);
    let submit_before_ms = record.submit_before_ms(ask.policy.quiet_ms);
    let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
    if delivery.fence != ask.fence {
        return Err(Stop::FenceLost);
    }
    let is_repeated = ask
        .attempt
        .as_ref()
        .is_some_and(|attempt| !write_attempt(delivery, attempt));
    let is_leased = delivery.due.is_some_and(|due| due.kind == DueKind::Lease);
    if is_repeated && !is_leased {
        // The answer was lost, not the step: it is given again.
        let fallback = fallback_made(record, ordinal);
        let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
        return Ok(settled_as(delivery, fallback));
    }
    if delivery.status.is_closed() || delivery.is_delivered() {
        let reached = delivery.final_status(delivery.status);
        delivery.close(reached, None);
        return Ok(settled_as(delivery, None));
    }
    let can_submit = status.is_open() && now_ms < submit_before_ms;
    match &ask.next {
        Next::Continue => {}
        Next::Submitted { receipt_within_ms } => {
            after_submission(delivery, *receipt_within_ms, can_submit, now_ms);
        }
        Next::Retry { after_ms, reason } => {
            let at_ms = now_ms + after_ms;
            if !status.is_open() || at_ms >= submit_before_ms {
                end(record, ordinal, (reason, status), now_ms);
            } else {
                delivery.walk = delivery.walk.saturating_add(1);
                delivery.due = Some(Due {
                    kind: DueKind::Retry,
                    at_ms,
                });
                delivery.reason = Some(reason.clone());
            }
        }
        Next::Fail { reason, finality } => {
            return Ok(fail(record, ordinal, ask, (reason, *finality), now_ms));
        }
        Next::Close { reason } => end(record, ordinal, (reason, status), now_ms),
    }
    let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
    Ok(settled_as(delivery, None))
}

/// Whether it was still open.
fn write_attempt(delivery: &mut DeliveryRecord, settled: &SettledAttempt) -> bool {
    let index = usize::from(settled.number).wrapping_sub(1);
    if let Some(attempt) = delivery.attempts.get_mut(index)
        && attempt.outcome == Outcome::Begun
    {
        attempt.outcome = settled.outcome;
        attempt.duration_ms = settled.duration_ms;
        attempt.code = settled.code.clone();
        attempt.message_id = settled.message_id.clone();
        return true;
    }
    false
}

/// The delivery that this one's failure has made, if nobody has touched it yet.
fn fallback_made(record: &Record, ordinal: u8) -> Option<u8> {
    let next = ordinal.checked_add(1)?;
    let made = record.delivery(next)?;
    let is_untouched = made.fence == 1 && made.attempts.is_empty();
    (made.operation.is_none() && is_untouched).then_some(next)
}

/// A receipt may have come before the submit answer.
fn after_submission(
    delivery: &mut DeliveryRecord,
    receipt_within_ms: Option<u64>,
    can_submit: bool,
    now_ms: u64,
) {
    delivery.reason = None;
    delivery.lost_leases = 0;
    if delivery.is_wholly_undelivered() {
        if can_submit {
            delivery.status = DeliveryStatus::Submitted;
            delivery.due = Some(Due {
                kind: DueKind::Undelivered,
                at_ms: now_ms,
            });
        } else {
            delivery.close(DeliveryStatus::Undelivered, None);
        }
        return;
    }
    delivery.status = DeliveryStatus::Submitted;
    delivery.due = receipt_within_ms.map(|within_ms| Due {
        kind: DueKind::Receipt,
        at_ms: now_ms + within_ms,
    });
}

/// Ends a delivery whose verification ended or whose last minute began.
fn end(record: &mut Record, ordinal: u8, (reason, status): (&str, Status), now_ms: u64) {
    let has_expired = now_ms >= record.expires_at_ms;
    if let Some(delivery) = delivery_mut(record, ordinal) {
        let otherwise = match status {
            Status::Pending => DeliveryStatus::Failed,
            Status::Expired => DeliveryStatus::Expired,
            Status::Approved
            | Status::Canceled
            | Status::Exhausted
            | Status::Superseded
            | Status::Failed => {
                if has_expired {
                    DeliveryStatus::Expired
                } else {
                    DeliveryStatus::Canceled
                }
            }
        };
        let reached = delivery.final_status(otherwise);
        let reason = (reached == DeliveryStatus::Failed).then_some(reason);
        delivery.close(reached, reason);
    }
}

/// Nothing is left to try over this channel: the next one, or the end.
fn fail(
    record: &mut Record,
    ordinal: u8,
    ask: &Settle,
    (reason, finality): (&str, Finality),
    now_ms: u64,
) -> Settled {
    let can_submit =
        record.status_at(now_ms).is_open() && now_ms < record.submit_before_ms(ask.policy.quiet_ms);
    let has_room = record.deliveries.len() < DELIVERIES_MAX;
    let Some(delivery) = delivery_mut(record, ordinal) else {
        return Settled {
            status: DeliveryStatus::Failed,
            due: None,
            fallback: None,
        };
    };
    let reached = delivery.final_status(DeliveryStatus::Failed);
    delivery.close(
        reached,
        (reached == DeliveryStatus::Failed).then_some(reason),
    );
    let mut settled = settled_as(delivery, None);
    let mut channels = std::mem::take(&mut delivery.fallback);
    let may_fall_back = finality != Finality::Number && can_submit && has_room;
    if may_fall_back && !channels.is_empty() {
        let channel = channels.remove(0);
        let next = NewDelivery {
            channel,
            fallback: channels,
            first_provider: None,
        };
        record
            .deliveries
            .push(DeliveryRecord::new(&next, now_ms, ask.policy.lease_ms));
        settled.fallback = u8::try_from(record.deliveries.len()).ok();
        return settled;
    }
    let was_ever_submitted = record
        .deliveries
        .iter()
        .any(|delivery| delivery.submissions() > 0);
    let others_wait = record
        .deliveries
        .iter()
        .any(|delivery| !delivery.status.is_closed());
    if finality != Finality::Open && record.status.is_open() && !was_ever_submitted && !others_wait
    {
        record.decide(Status::Failed, now_ms);
    }
    settled
}

fn settled_as(delivery: &DeliveryRecord, fallback: Option<u8>) -> Settled {
    Settled {
        status: delivery.status,
        due: delivery.due,
        fallback,
    }
}

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

/// A verified receipt for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyReceipt {
    /// From 1.
    pub attempt: u8,
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
    let index = usize::from(ask.attempt).wrapping_sub(1);
    let Some(attempt) = delivery.attempts.get_mut(index) else {
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
