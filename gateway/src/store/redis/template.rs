//! A new record as it will be stored, cut where the moments of its creation
//! belong: only the script knows the time, and joining texts costs it a
//! fraction of packing them.

use super::asks::channels;
use super::format::{CHANNELS, CLIENTS, KINDS, number_text, place_of};
use super::pack::Packer;
use crate::delivery::{DeliveryRecord, NewDelivery};
use crate::store::FORMAT_VERSION;
use crate::verification::{Conversion, Record, Start, Status};
use serde_bytes::ByteBuf;

/// The parts of the record: its head, the three of its body and those of its
/// delivery. `start.lua` says which moments belong between them.
pub(super) fn of_record(ask: &Start, epoch: u32) -> Vec<Vec<u8>> {
    let mut head = Packer::with_capacity(16);
    head.number(u64::from(FORMAT_VERSION))
        .array(6)
        .number(u64::from(epoch))
        .number(place_of(&KINDS, &ask.kind))
        // Pending.
        .number(0);
    let mut names = Packer::with_capacity(64);
    names
        .array(15)
        .bytes(&ask.tenant.0)
        .bytes(number_text(ask.number).as_bytes());
    let mut counts = Packer::with_capacity(8);
    // Decided never, no checks used, one send.
    counts
        .number(0)
        .number(0)
        .number(u64::from(ask.checks_max))
        .number(1);
    let mut rest = Packer::with_capacity(ask.details.len() + 160);
    // Nothing reported.
    rest.number(0)
        .number(place_of(&CLIENTS, &ask.client))
        .flag(ask.custom_code.is_some());
    match &ask.digest {
        Some(digest) => {
            let key_id = digest.key_id.as_bytes();
            rest.array(2).bytes(key_id).bytes(&digest.mac)
        }
        None => rest.nothing(),
    };
    rest.bytes(&ask.details)
        .bytes_or_nothing(ask.code.as_deref())
        .array(0);
    let (names, counts, rest) = (names.finish(), counts.finish(), rest.finish());
    let body_length = names.len() + counts.len() + rest.len() + 2 * MOMENT_LENGTH;
    let mut body = Packer::with_capacity(names.len() + 5);
    body.bytes_of_length(body_length).raw(&names);
    let mut parts = vec![head.finish(), body.finish(), counts, rest];
    parts.extend(of_delivery(ask.delivery.as_ref()));
    parts
}

/// A moment takes so many bytes, whenever it is.
const MOMENT_LENGTH: usize = 9;

fn of_delivery(delivery: Option<&NewDelivery>) -> Vec<Vec<u8>> {
    let mut deliveries = Packer::with_capacity(16);
    let Some(delivery) = delivery else {
        deliveries.array(0);
        return vec![deliveries.finish()];
    };
    // Queued under fence 1, on its first walk, no lease lost: leased.
    deliveries
        .array(1)
        .array(12)
        .number(place_of(&CHANNELS, &delivery.channel))
        .number(0)
        .number(1)
        .number(1)
        .number(0)
        .number(1);
    let mut parts = vec![deliveries.finish()];
    parts.extend(end_of_delivery(delivery));
    parts
}

fn end_of_delivery(delivery: &NewDelivery) -> Vec<Vec<u8>> {
    let mut reason = Packer::default();
    reason.nothing();
    let mut attempts = Packer::with_capacity(32);
    attempts
        .bytes(channels(&delivery.fallback).as_bytes())
        .nothing()
        .array(usize::from(delivery.first_provider.is_some()));
    let Some(provider) = &delivery.first_provider else {
        return vec![reason.finish(), attempts.finish()];
    };
    // Begun, on the first walk.
    attempts
        .array(8)
        .bytes(provider.as_bytes())
        .number(1)
        .number(0);
    let mut unanswered = Packer::default();
    unanswered.number(0).nothing().nothing().nothing();
    vec![reason.finish(), attempts.finish(), unanswered.finish()]
}

/// The record that a start created at `now_ms`: what the script put together.
pub(super) fn created(ask: &Start, now_ms: u64) -> Record {
    let deliveries = ask.delivery.iter();
    let first_wait_ms = ask.policy.resend_waits_ms.first().copied().unwrap_or(0);
    Record {
        kind: ask.kind,
        tenant: ask.tenant,
        number: ask.number,
        status: Status::Pending,
        created_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(ask.lifetime_ms),
        decided_at_ms: 0,
        checks_used: 0,
        checks_max: ask.checks_max,
        sends_used: 1,
        next_send_at_ms: now_ms.saturating_add(first_wait_ms),
        conversion: Conversion::Unreported,
        client: ask.client,
        has_custom_code: ask.custom_code.is_some(),
        digest: ask.digest.clone(),
        details: ByteBuf::from(ask.details.clone()),
        code: ask.code.clone().map(ByteBuf::from),
        checks: Vec::new(),
        deliveries: deliveries
            .map(|new| DeliveryRecord::new(new, now_ms, ask.policy.lease_ms))
            .collect(),
    }
}
