//! From a record to what its owner sees.

use watchword_providers::Channel;

use super::Answer;
use super::aim::Aim;
use super::error::ServiceError;
use super::view::{
    AttemptView, DeliveryView, ReceiptView, SendOnlyView, TimelineEntry, VerificationView,
};
use crate::delivery::{AttemptRecord, DeliveryRecord, Outcome};
use crate::details::Details;
use crate::id::{DeliveryId, RecordId, VerificationId};
use crate::keys::seal::OpenError;
use crate::live::Live;
use crate::message::segment_count;
use crate::number::{self, ParsedNumber};
use crate::tenants::Tenant;
use crate::verification::{Record, Status};

/// Opens a record's details for its owner.
pub(super) fn open(live: &Live, id: RecordId, record: &Record) -> Answer<Details> {
    Details::open(&live.ring, id, record).map_err(|error| ServiceError::Unavailable {
        code: match error {
            OpenError::UnknownKey => "unknown_key",
            OpenError::Damaged => "record_damaged",
        },
        retry_after_s: 5,
    })
}

/// What stands beside a record when it is shown.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub live: &'a Live,
    pub tenant: &'a Tenant,
    /// The store's time.
    pub now_ms: u64,
}

/// `known` is the number in the record, where the caller has it read already.
pub(super) fn verification(
    context: Context<'_>,
    id: RecordId,
    record: &Record,
    details: &Details,
    known: Option<&ParsedNumber>,
) -> Answer<VerificationView> {
    let status = record.status_at(context.now_ms);
    let quiet_ms = context.live.sends.quiet_ms;
    let sends_remaining = if status.is_open() {
        context
            .live
            .sends
            .sends_max
            .saturating_sub(record.sends_used)
    } else {
        0
    };
    let can_resend =
        sends_remaining > 0 && record.next_send_at_ms < record.submit_before_ms(quiet_ms);
    let (next_sms_at_ms, next_voice_at_ms) = if can_resend {
        let read;
        let to = match known {
            Some(known) => known,
            None => {
                read = parsed(details)?;
                &read
            }
        };
        let next_send = |channel| {
            let aim = Aim {
                tenant: context.tenant,
                to,
                purpose: &details.purpose,
                method: details.method,
            };
            aim.is_open(context.live, channel)
                .then_some(record.next_send_at_ms.max(context.now_ms))
        };
        (next_send(Channel::Sms), next_send(Channel::Voice))
    } else {
        (None, None)
    };
    let latest = record
        .deliveries
        .last()
        .map_or(Channel::Sms, |delivery| delivery.channel);
    Ok(VerificationView {
        id: VerificationId(id),
        status,
        channel: latest,
        created_at_ms: record.created_at_ms,
        expires_at_ms: record.expires_at_ms,
        decided_at_ms: decided_at_ms(record, status),
        checks_remaining: if status.is_open() {
            record.checks_max.saturating_sub(record.checks_used)
        } else {
            0
        },
        sends_remaining,
        next_sms_at_ms,
        next_voice_at_ms,
        // Who has read the number's record knows better.
        next_check_at_ms: status.is_open().then_some(context.now_ms),
        conversion: record.conversion,
        is_test: details.is_test,
        deliveries: deliveries(id, record),
        method: details.method,
        others: Vec::new(),
        to: details.number().ok_or(DAMAGED)?,
        locale: details
            .locale
            .clone()
            .unwrap_or_else(|| context.tenant.locale.as_str().to_owned()),
        purpose: details.purpose.clone(),
        subject: details.subject.clone(),
        reference: details.reference.clone(),
    })
}

pub(super) fn send_only(
    id: RecordId,
    ordinal: u8,
    record: &Record,
    details: Details,
) -> Answer<SendOnlyView> {
    let state = record.delivery(ordinal).ok_or(ServiceError::NotFound)?;
    let segments = details
        .text
        .as_deref()
        .map_or(0, |text| segment_count(text).count);
    Ok(SendOnlyView {
        to: details.number().ok_or(DAMAGED)?,
        reference: details.reference,
        expires_at_ms: record.expires_at_ms,
        segments,
        conversion: record.conversion,
        delivery: delivery(
            DeliveryId {
                record: id,
                ordinal,
            },
            state,
        ),
    })
}

/// The number was valid when it was accepted; it is read again rather than kept twice.
fn parsed(details: &Details) -> Answer<ParsedNumber> {
    number::parse(&details.e164, None).map_err(|_| DAMAGED)
}

const DAMAGED: ServiceError = ServiceError::Unavailable {
    code: "record_damaged",
    retry_after_s: 5,
};

fn decided_at_ms(record: &Record, status: Status) -> Option<u64> {
    match status {
        Status::Pending => None,
        Status::Expired => Some(record.expires_at_ms),
        Status::Approved
        | Status::Canceled
        | Status::Exhausted
        | Status::Superseded
        | Status::Failed => Some(record.decided_at_ms),
    }
}

fn deliveries(id: RecordId, record: &Record) -> Vec<DeliveryView> {
    (1_u8..)
        .zip(&record.deliveries)
        .map(|(ordinal, state)| {
            delivery(
                DeliveryId {
                    record: id,
                    ordinal,
                },
                state,
            )
        })
        .collect()
}

fn delivery(id: DeliveryId, state: &DeliveryRecord) -> DeliveryView {
    DeliveryView {
        id,
        channel: state.channel,
        status: state.status,
        reason: state.reason.as_deref().map(str::to_owned),
        created_at_ms: state.created_at_ms,
        due_at_ms: state.due.map(|due| due.at_ms),
        due: state.due.map(|due| due.kind.as_str()),
        attempts: state.attempts.iter().map(attempt).collect(),
        attempts_folded: state.folded,
    }
}

fn attempt(state: &AttemptRecord) -> AttemptView {
    AttemptView {
        number: state.number,
        provider: state.provider.to_string(),
        outcome: state.outcome,
        code: state.code.as_deref().map(str::to_owned),
        started_at_ms: state.started_at_ms,
        duration_ms: (state.outcome != Outcome::Begun).then_some(state.duration_ms),
        receipt: state.receipt.as_ref().map(|receipt| ReceiptView {
            status: receipt.status.as_str(),
            at_ms: receipt.at_ms,
            code: receipt.code.as_deref().map(str::to_owned),
        }),
    }
}

/// The story of a verification, oldest first.
pub(super) fn timeline(record: &Record, now_ms: u64) -> Vec<TimelineEntry> {
    let entry = |at_ms, event| TimelineEntry {
        at_ms,
        event,
        provider: None,
        detail: None,
    };
    let mut story = vec![entry(record.created_at_ms, "created")];
    for state in &record.deliveries {
        story.push(TimelineEntry {
            detail: Some(state.channel.as_str().to_owned()),
            ..entry(state.created_at_ms, "delivery_created")
        });
        for attempt in &state.attempts {
            story.extend(attempt_story(attempt));
        }
    }
    if let Some(at_ms) = decided_at_ms(record, record.status_at(now_ms)) {
        story.push(entry(at_ms, record.status_at(now_ms).as_str()));
    }
    story.sort_by_key(|line| line.at_ms);
    story
}

fn attempt_story(attempt: &AttemptRecord) -> Vec<TimelineEntry> {
    let line = |at_ms, event, detail: Option<&str>| TimelineEntry {
        at_ms,
        event,
        provider: Some(attempt.provider.to_string()),
        detail: detail.map(str::to_owned),
    };
    let mut story = vec![line(attempt.started_at_ms, "attempt_begun", None)];
    if attempt.outcome != Outcome::Begun {
        let ended_at_ms = attempt.started_at_ms + u64::from(attempt.duration_ms);
        story.push(line(
            ended_at_ms,
            attempt.outcome.as_str(),
            attempt.code.as_deref(),
        ));
    }
    if let Some(receipt) = &attempt.receipt {
        let event = match receipt.status {
            watchword_providers::ReceiptStatus::Sent => "receipt_sent",
            watchword_providers::ReceiptStatus::Delivered => "receipt_delivered",
            watchword_providers::ReceiptStatus::Undelivered => "receipt_undelivered",
        };
        story.push(line(receipt.at_ms, event, receipt.code.as_deref()));
    }
    story
}
