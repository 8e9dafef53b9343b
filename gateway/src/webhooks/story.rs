//! What there is to tell of a record: pure functions of the record and of what
//! was told before.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use watchword_providers::Channel;

use super::endpoint::Endpoint;
use super::kind::EventKind;
use crate::delivery::{DeliveryRecord, DeliveryStatus, Outcome};
use crate::id::RecordId;
use crate::verification::{Record, RecordKind, Status};

/// Events of one record at most: fifteen deliveries with a few each.
const EVENTS_MAX: usize = 64;

/// Where one event stands with one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    Due { at_ms: u64 },
    Told { at_ms: u64 },
    GivenUp { at_ms: u64 },
}

/// One event for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    pub endpoint: String,
    /// Tries that have ended.
    pub tries: u8,
    pub standing: Standing,
}

/// Something that happened, as it is told. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    pub kind: EventKind,
    /// From 1 on, in the order in which we saw them.
    pub sequence: u32,
    pub at_ms: u64,
    pub delivery: Option<DeliveryPart>,
    /// Whom it concerns has been decided.
    pub is_addressed: bool,
    pub targets: Vec<Target>,
    /// What it says, as JSON, where that was known in the moment it happened
    /// and is not derived from a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What an event says of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliveryPart {
    pub ordinal: u8,
    pub channel: Channel,
    pub provider: Option<String>,
    /// The attempt it speaks of; 0 if there was none.
    pub attempt: u32,
    pub reason: Option<String>,
}

/// What is the same in all events of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub is_verification: bool,
    pub e164: String,
    pub country_code_digits: u8,
    pub purpose: String,
    pub subject: Option<String>,
    pub reference: Option<String>,
    pub is_test: bool,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
}

/// All that was and is to be told of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Story {
    pub subject: Option<Subject>,
    pub events: Vec<Event>,
    /// Nothing more can happen to the record.
    pub is_over: bool,
}

/// Receipts may come so long after a code's end.
const RECEIPTS_AFTER_END_MS: u64 = 86_400_000;

impl Story {
    /// One event that is derived from no record: nothing can follow it.
    pub(super) fn of_event(kind: EventKind, data: String, at_ms: u64) -> Self {
        let event = Event {
            kind,
            sequence: 1,
            at_ms,
            delivery: None,
            is_addressed: false,
            targets: Vec::new(),
            data: Some(data),
        };
        Self {
            subject: None,
            events: vec![event],
            is_over: true,
        }
    }

    /// Adds what has happened since; how many events that are.
    pub(super) fn observe(&mut self, record: &Record, reported_at_ms: u64, now_ms: u64) -> usize {
        let before = self.events.len();
        for (ordinal, delivery) in (1_u8..).zip(&record.deliveries) {
            self.observe_delivery(ordinal, delivery, now_ms);
        }
        if reported_at_ms > 0 {
            self.add(EventKind::Reported, reported_at_ms, None);
        }
        let status = record.status_at(now_ms);
        if record.kind == RecordKind::Verification
            && let Some(kind) = EventKind::of_status(status)
        {
            let at_ms = match status {
                Status::Expired => record.expires_at_ms,
                Status::Pending
                | Status::Approved
                | Status::Canceled
                | Status::Exhausted
                | Status::Superseded
                | Status::Failed => record.decided_at_ms,
            };
            self.add(kind, at_ms, None);
        }
        let all_closed = record.deliveries.iter().all(|one| one.status.is_closed());
        let has_ended = !status.is_open();
        // Delivered beats undelivered, so only silence ends what may still be reported.
        self.is_over = now_ms >= record.expires_at_ms.saturating_add(RECEIPTS_AFTER_END_MS)
            || has_ended && all_closed && !record.deliveries.iter().any(may_be_corrected);
        self.events.len() - before
    }

    fn observe_delivery(&mut self, ordinal: u8, delivery: &DeliveryRecord, now_ms: u64) {
        let Some(kind) = EventKind::of_delivery(delivery.status) else {
            return;
        };
        let attempt = delivery
            .attempts
            .iter()
            .rev()
            .find(|attempt| matches!(attempt.outcome, Outcome::Submitted | Outcome::Unknown));
        let receipt = attempt.and_then(|attempt| attempt.receipt.as_ref());
        let at_ms = match (kind, attempt, receipt) {
            (EventKind::DeliverySubmitted, Some(attempt), _) => {
                attempt.started_at_ms + u64::from(attempt.duration_ms)
            }
            (EventKind::DeliveryDelivered | EventKind::DeliveryUndelivered, _, Some(receipt)) => {
                receipt.at_ms
            }
            _ => now_ms,
        };
        let went_well = matches!(
            kind,
            EventKind::DeliverySubmitted | EventKind::DeliveryDelivered
        );
        let reason = delivery
            .reason
            .as_deref()
            .or_else(|| receipt?.code.as_deref())
            .filter(|_| !went_well);
        let part = DeliveryPart {
            ordinal,
            channel: delivery.channel,
            provider: attempt.map(|attempt| attempt.provider.to_string()),
            attempt: attempt.map_or(0, |attempt| attempt.number),
            reason: reason.map(str::to_owned),
        };
        self.add(kind, at_ms, Some(part));
    }

    /// Each thing happens once: an attempt is submitted once, a delivery
    /// delivered once, a verification approved once.
    fn add(&mut self, kind: EventKind, at_ms: u64, delivery: Option<DeliveryPart>) {
        let key = |part: &DeliveryPart| (part.ordinal, part.attempt);
        let is_known = self.events.iter().any(|event| {
            event.kind == kind && event.delivery.as_ref().map(key) == delivery.as_ref().map(key)
        });
        if is_known || self.events.len() >= EVENTS_MAX {
            return;
        }
        let sequence = u32::try_from(self.events.len() + 1).unwrap_or(u32::MAX);
        self.events.push(Event {
            kind,
            sequence,
            at_ms,
            delivery,
            is_addressed: false,
            targets: Vec::new(),
            data: None,
        });
    }

    /// Addresses what nobody was told yet to whom it concerns.
    pub(super) fn address_to(&mut self, endpoints: &[Arc<Endpoint>], now_ms: u64) {
        for event in &mut self.events {
            if event.is_addressed {
                continue;
            }
            event.is_addressed = true;
            let wanting = endpoints.iter().filter(|one| one.wants(event.kind));
            event.targets = wanting
                .map(|endpoint| Target {
                    endpoint: endpoint.id.clone(),
                    tries: 0,
                    standing: Standing::Due { at_ms: now_ms },
                })
                .collect();
        }
    }

    pub(super) fn target_mut(&mut self, (event, target): (usize, usize)) -> Option<&mut Target> {
        self.events.get_mut(event)?.targets.get_mut(target)
    }

    /// When the next target is due.
    pub(super) fn due_at_ms(&self) -> Option<u64> {
        let targets = self.events.iter().flat_map(|event| &event.targets);
        targets
            .filter_map(|target| match target.standing {
                Standing::Due { at_ms } => Some(at_ms),
                Standing::Told { .. } | Standing::GivenUp { .. } => None,
            })
            .min()
    }
}

fn may_be_corrected(delivery: &DeliveryRecord) -> bool {
    match delivery.status {
        DeliveryStatus::Queued | DeliveryStatus::Submitted | DeliveryStatus::Undelivered => true,
        DeliveryStatus::Delivered
        | DeliveryStatus::Failed
        | DeliveryStatus::Expired
        | DeliveryStatus::Canceled => false,
    }
}

/// `evt_<record>_<sequence>`: the same in every try, also after a crash, since
/// an event is written down before it is sent.
pub(super) fn event_name(id: RecordId, sequence: u32) -> String {
    format!("evt_{id}_{sequence}")
}

/// What [`event_name`] wrote.
pub(super) fn parse_event_name(text: &str) -> Option<(RecordId, u32)> {
    let (record, sequence) = text.strip_prefix("evt_")?.split_once('_')?;
    let id = RecordId::decode(record)?;
    let sequence: u32 = sequence.parse().ok()?;
    (event_name(id, sequence) == text).then_some((id, sequence))
}
