//! What the gateway itself writes into Redis: records, numbers and limits in the
//! form in which [`format`](super::format) and the scripts read them.

use super::asks::channels;
use super::format::{
    CHANNELS, CLIENTS, CONVERSIONS, DELIVERY_STATUSES, DUE_KINDS, FORMAT, KINDS, OUTCOMES,
    RECEIPT_STATUSES, ROOM_STEP, STATUSES, number_text, place_of, random_text,
};
use super::pack::{NUMBER_MAX, Packer};
use crate::admission::gcra::Gcra;
use crate::admission::limits::{LimitState, RuleState};
use crate::delivery::{AttemptRecord, DeliveryRecord};
use crate::verification::{CheckVerdict, Failures, NumberRecord, OperationId, Record};

/// The bytes before a record's head: the version and its room.
pub(super) const PREFIX: usize = 3;
/// The least room of a head; `record.lua` reads so much at once.
const ROOM_FIRST: usize = 192;
/// The room itself, the last thing in the head: a number of two bytes.
const ROOM_LENGTH: usize = 3;

/// A record, whose head gets the least room it needs.
pub(super) fn record(record: &Record, epoch: u32) -> Packer {
    let (mut packed, left) = head(record, epoch);
    packed.zeros(left);
    body(&mut packed, record);
    packed
}

/// Prefix and head, and how much of its room the head leaves.
pub(super) fn head(record: &Record, epoch: u32) -> (Packer, usize) {
    let mut packed = Packer::with_capacity(1024);
    packed
        .raw(&[FORMAT, 0, 0])
        .array(6)
        .number(place_of(&STATUSES, &record.status))
        .number(place_of(&KINDS, &record.kind))
        .moment(record.expires_at_ms)
        .array(record.deliveries.len());
    for state in &record.deliveries {
        delivery(&mut packed, state);
    }
    packed.number(u64::from(epoch));
    let length = packed.len() - PREFIX + ROOM_LENGTH;
    let steps = length.max(ROOM_FIRST).div_ceil(ROOM_STEP);
    let room = u16::try_from(steps).unwrap_or(u16::MAX).to_be_bytes();
    packed.raw(&[0xcd, room[0], room[1]]);
    packed.overwrite(1, room);
    (packed, steps * ROOM_STEP - length)
}

fn delivery(packed: &mut Packer, state: &DeliveryRecord) {
    let (due, due_at_ms) = match state.due {
        Some(due) => (place_of(&DUE_KINDS, &due.kind) + 1, due.at_ms),
        None => (0, 0),
    };
    let is_folded = state.folded > 0;
    packed
        .array(12 + usize::from(is_folded))
        .number(due)
        .number(place_of(&DELIVERY_STATUSES, &state.status))
        .number(u64::from(state.fence))
        .number(u64::from(state.walk))
        .number(u64::from(state.lost_leases))
        .number(place_of(&CHANNELS, &state.channel))
        .moment(due_at_ms)
        .text_or_nothing(state.reason.as_deref())
        .moment(state.created_at_ms)
        .bytes(channels(&state.fallback).as_bytes())
        .bytes_or_nothing(
            state
                .operation
                .as_ref()
                .map(|operation| operation.0.as_slice()),
        )
        .array(state.attempts.len());
    for made in &state.attempts {
        attempt(packed, made, is_folded);
    }
    if is_folded {
        packed.number(u64::from(state.folded));
    }
}

fn attempt(packed: &mut Packer, made: &AttemptRecord, has_number: bool) {
    packed
        .array(8 + usize::from(has_number))
        .bytes(made.provider.as_bytes())
        .number(u64::from(made.walk))
        .number(place_of(&OUTCOMES, &made.outcome))
        .moment(made.started_at_ms)
        .number(u64::from(made.duration_ms))
        .text_or_nothing(made.code.as_deref())
        .text_or_nothing(made.message_id.as_deref());
    match &made.receipt {
        Some(receipt) => packed
            .array(4)
            .number(place_of(&RECEIPT_STATUSES, &receipt.status))
            .number(receipt.at_ms)
            .text_or_nothing(receipt.code.as_deref())
            .flag(receipt.is_final_for_number),
        None => packed.nothing(),
    };
    if has_number {
        packed.number(u64::from(made.number));
    }
}

fn body(packed: &mut Packer, record: &Record) {
    packed
        .array(15)
        .bytes(&record.tenant.0)
        .bytes(number_text(record.number).as_bytes())
        .number(u64::from(record.checks_used))
        .number(record.decided_at_ms)
        .number(place_of(&CONVERSIONS, &record.conversion))
        .array(2 * record.checks.len());
    for (operation, verdict) in &record.checks {
        packed.bytes(&operation.0);
        match verdict {
            CheckVerdict::Approved => packed.raw(&[0xff]),
            CheckVerdict::Mismatch { checks_remaining } => {
                packed.number(u64::from(*checks_remaining))
            }
        };
    }
    match &record.digest {
        Some(digest) => {
            let key_id = digest.key_id.as_bytes();
            packed.array(2).bytes(key_id).bytes(&digest.mac)
        }
        None => packed.nothing(),
    };
    packed
        .bytes_or_nothing(record.code.as_ref().map(|code| code.as_slice()))
        .moment(record.created_at_ms)
        .number(u64::from(record.checks_max))
        .number(u64::from(record.sends_used))
        .moment(record.next_send_at_ms)
        .number(place_of(&CLIENTS, &record.client))
        .flag(record.has_custom_code)
        .bytes(&record.details);
}

/// A number, kept at least until `keep_ms`.
pub(super) fn number(number: &NumberRecord, keep_ms: u64) -> Vec<u8> {
    let mut packed = Packer::with_capacity(256);
    packed.raw(&[FORMAT]).array(7).number(keep_ms);
    for failures in [&number.failures.known, &number.failures.unknown] {
        let Failures {
            count,
            next_check_at_ms,
            last_at_ms,
        } = *failures;
        packed
            .array(3)
            .number(u64::from(count))
            .number(next_check_at_ms)
            .number(last_at_ms);
    }
    packed.array(number.live.len());
    for live in &number.live {
        packed
            .array(5)
            .bytes(random_text(live.id).as_bytes())
            .number(live.expires_at_ms)
            .bytes(&live.identity.0)
            .bytes_or_nothing(live.custom_code.as_ref().map(|tag| tag.0.as_slice()))
            .number(place_of(&CLIENTS, &live.client));
    }
    let recent: String = number.recent.iter().map(|id| random_text(*id)).collect();
    packed.bytes(recent.as_bytes());
    for states in [&number.sends.known, &number.sends.unknown] {
        packed.array(states.len());
        for Gcra(arrival_us) in states {
            packed.number(*arrival_us);
        }
    }
    packed.finish()
}

/// A limit's state; `limit_state.lua` says what stands where.
pub(super) fn limit(state: &LimitState) -> Vec<u8> {
    let name = |operation: Option<OperationId>| operation.map_or([0; 16], |known| known.0);
    let mut packed = Vec::with_capacity(33 + 17 * state.rules.len());
    packed.push(FORMAT);
    packed.extend_from_slice(&name(state.last_taken));
    packed.extend_from_slice(&name(state.last_given_back));
    for rule in &state.rules {
        let (kind, first, second) = match *rule {
            RuleState::Rate(Gcra(arrival_us)) => (0, arrival_us, 0),
            RuleState::Daily { day, count } => (1, day, u64::from(count)),
        };
        packed.push(kind);
        packed.extend_from_slice(&first.min(NUMBER_MAX).to_be_bytes());
        packed.extend_from_slice(&second.min(NUMBER_MAX).to_be_bytes());
    }
    packed
}

#[cfg(test)]
mod tests;
