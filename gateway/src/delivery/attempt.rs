//! An attempt's beginning and end, and what follows from it.

use super::{
    ATTEMPTS_MAX, DELIVERIES_MAX, DeliveryRecord, DeliveryStatus, DispatchPolicy, Due, DueKind,
    NewDelivery, Outcome, delivery_mut,
};
use crate::verification::{Record, Status};

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

/// Records that an attempt begins, and how the one before it ended if that is
/// not written down yet. Must have committed before its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    pub fence: u32,
    /// Its number: one more than the last one's. A begin repeated for an
    /// attempt that is still begun asks whether it may still go out, and renews
    /// the lease.
    pub attempt: u32,
    pub provider: Box<str>,
    pub settled: Option<SettledAttempt>,
    pub policy: DispatchPolicy,
}

/// Begins an attempt, or says why not.
///
/// # Errors
///
/// [`Stop::FenceLost`], also for an attempt that is neither open nor the next
/// one, and [`Stop::Gone`]: nothing has changed. With any other [`Stop`] nothing
/// begins, but what had ended is written down.
pub fn begin(record: &mut Record, ordinal: u8, ask: &Begin, now_ms: u64) -> Result<(), Stop> {
    let status = record.status_at(now_ms);
    let submit_before_ms = record.submit_before_ms(ask.policy.quiet_ms);
    let delivery = delivery_mut(record, ordinal).ok_or(Stop::Gone)?;
    let is_new = delivery.attempt(ask.attempt).is_none();
    if delivery.fence != ask.fence || !knows(delivery, ask) {
        return Err(Stop::FenceLost);
    }
    if let Some(settled) = &ask.settled {
        write_attempt(delivery, settled);
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
    if is_new {
        let is_full = delivery.attempts.len() >= ATTEMPTS_MAX;
        if is_full || delivery.submissions() >= ask.policy.submissions_max {
            return Err(Stop::TooManySubmissions);
        }
        delivery.status = DeliveryStatus::Queued;
        delivery.push_attempt(&ask.provider, now_ms);
    }
    delivery.renew_lease(now_ms, ask.policy.lease_ms);
    Ok(())
}

/// Whether who asks knows the delivery's attempts: the one that ended is there,
/// and the one that begins is the next one, or was begun by the same question.
fn knows(delivery: &DeliveryRecord, ask: &Begin) -> bool {
    let is_there = |settled: &SettledAttempt| delivery.attempt(settled.number).is_some();
    let is_expected = match delivery.attempt(ask.attempt) {
        Some(attempt) => attempt.outcome == Outcome::Begun && attempt.provider == ask.provider,
        None => ask.attempt == delivery.last_number() + 1,
    };
    is_expected && ask.settled.as_ref().is_none_or(is_there)
}

/// How an attempt ended, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledAttempt {
    pub number: u32,
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
/// [`Stop::FenceLost`], also for an attempt that is not there, or
/// [`Stop::Gone`]; nothing has changed.
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
    let is_known = |attempt: &SettledAttempt| delivery.attempt(attempt.number).is_some();
    if !ask.attempt.as_ref().is_none_or(is_known) {
        return Err(Stop::FenceLost);
    }
    let is_repeated = ask
        .attempt
        .as_ref()
        .is_none_or(|attempt| !write_attempt(delivery, attempt));
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
pub(super) fn write_attempt(delivery: &mut DeliveryRecord, settled: &SettledAttempt) -> bool {
    if let Some(attempt) = delivery.attempt_mut(settled.number)
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
    let (failed, made) = (record.delivery(ordinal)?, record.delivery(next)?);
    // Resends have no fallback, and are none.
    let is_pair = failed.operation.is_none() && made.operation.is_none();
    let is_new = made.status == DeliveryStatus::Queued && made.is_untouched();
    (is_pair && is_new && made.attempts.is_empty()).then_some(next)
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

/// Ends what waits in the ledger for a verification that has ended. What
/// somebody works on under a lease ends when they ask again.
pub(crate) fn end_waiting(record: &mut Record, now_ms: u64) {
    let waits = |due: Due| due.kind != DueKind::Lease;
    let status = record.status;
    for ordinal in 1..=u8::try_from(record.deliveries.len()).unwrap_or(u8::MAX) {
        if record
            .delivery(ordinal)
            .and_then(|delivery| delivery.due)
            .is_some_and(waits)
        {
            end(record, ordinal, ("not_pending", status), now_ms);
        }
    }
}

/// Ends a delivery whose verification ended or whose last minute began.
pub(super) fn end(record: &mut Record, ordinal: u8, (reason, status): (&str, Status), now_ms: u64) {
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
