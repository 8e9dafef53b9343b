//! A new record as it will be stored, cut where the moments of its creation
//! belong: only the script knows the time, and joining texts costs it a
//! fraction of packing them.

use super::asks::channels;
use super::format::{CHANNELS, CLIENTS, KINDS, ROOM_STEP, number_text, place_of};
use super::pack::Packer;
use crate::delivery::{DeliveryRecord, NewDelivery};
use crate::store::FORMAT_VERSION;
use crate::verification::{Conversion, Record, Start, Status};
use serde_bytes::ByteBuf;

/// The bytes before a record's head: the version and its room.
const PREFIX: usize = 3;
/// The least room of a head; `record.lua` reads so much at once.
const ROOM_FIRST: usize = 192;
/// A moment as the script will write it.
const MOMENT: usize = 9;

/// The record from front to back, cut where `create` in `start_asked.lua` puts
/// the moments of its creation.
pub(super) fn of_record(ask: &Start, epoch: u32) -> Vec<Vec<u8>> {
    let mut parts = Vec::with_capacity(6);
    let mut part = Packer::with_capacity(16);
    // The version, and two bytes with the room, which is not known yet.
    part.raw(&[FORMAT_VERSION, 0, 0])
        .array(6)
        .number(u64::from(epoch))
        .number(place_of(&KINDS, &ask.kind))
        // Pending.
        .number(0);
    parts.push(part.finish());
    let mut part = deliveries(&mut parts, ask.delivery.as_ref());
    end_head(&mut parts, &mut part);
    part.array(15)
        .bytes(&ask.tenant.0)
        .bytes(number_text(ask.number).as_bytes());
    parts.push(part.finish());
    let mut part = Packer::with_capacity(8);
    // Decided never, no checks used, one send.
    part.number(0)
        .number(0)
        .number(u64::from(ask.checks_max))
        .number(1);
    parts.push(part.finish());
    parts.push(rest_of_body(ask));
    parts
}

/// What is left to write of the head once its deliveries are written.
fn deliveries(parts: &mut Vec<Vec<u8>>, delivery: Option<&NewDelivery>) -> Packer {
    let mut part = Packer::with_capacity(320);
    let Some(delivery) = delivery else {
        part.array(0);
        return part;
    };
    let mut first = Packer::with_capacity(16);
    // Queued under fence 1, on its first walk, no lease lost: leased.
    first
        .array(1)
        .array(12)
        .number(place_of(&CHANNELS, &delivery.channel))
        .number(0)
        .number(1)
        .number(1)
        .number(0)
        .number(1);
    parts.push(first.finish());
    part.bytes(channels(&delivery.fallback).as_bytes())
        .nothing()
        .array(usize::from(delivery.first_provider.is_some()));
    let Some(provider) = &delivery.first_provider else {
        return part;
    };
    // Begun, on the first walk.
    part.array(8).bytes(provider.as_bytes()).number(1).number(0);
    parts.push(part.finish());
    let mut part = Packer::with_capacity(320);
    part.number(0).nothing().nothing().nothing();
    part
}

/// Ends the head with its room and what of that is not used, and writes the
/// room into the prefix too.
fn end_head(parts: &mut [Vec<u8>], last: &mut Packer) {
    let of_parts: usize = parts.iter().map(Vec::len).sum();
    // A moment after each part, and the reason, which the script writes as well.
    let of_script = MOMENT * parts.len() + if parts.len() > 1 { 1 + MOMENT } else { 0 };
    let length = of_parts + of_script + last.len() + 3 - PREFIX;
    let steps = length.max(ROOM_FIRST).div_ceil(ROOM_STEP);
    let room = u16::try_from(steps).unwrap_or(u16::MAX).to_be_bytes();
    if let Some([_, high, low, ..]) = parts.first_mut().map(Vec::as_mut_slice) {
        [*high, *low] = room;
    }
    // A number of two bytes.
    last.raw(&[0xcd, room[0], room[1]]);
    last.zeros(steps * ROOM_STEP - length);
}

fn rest_of_body(ask: &Start) -> Vec<u8> {
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
    rest.finish()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchword_providers::Channel;

    use super::*;
    use crate::id::{RecordId, Shard};
    use crate::store::redis::format;
    use crate::verification::{
        ClientClass, CodeDigest, CustomCodeTag, IdentityTag, NumberTag, RecordKind, SendPolicy,
        TenantTag,
    };

    const NOW_MS: u64 = 1_800_000_000_000;

    fn starts() -> impl Strategy<Value = Start> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..300);
        let provider = prop::option::of("[a-z-]{0,60}");
        (
            any::<[u8; 16]>(),
            any::<u8>(),
            bytes(),
            prop::option::of(bytes()),
            prop::option::of(provider),
        )
            .prop_map(|(id, flavour, details, code, delivery)| Start {
                id: RecordId {
                    shard: Shard::of_hash(7, 64),
                    random: id,
                },
                kind: [RecordKind::Verification, RecordKind::SendOnly][usize::from(flavour % 2)],
                tenant: TenantTag([flavour; 8]),
                number: NumberTag(id),
                identity: IdentityTag([flavour; 12]),
                custom_code: (flavour & 2 > 0).then_some(CustomCodeTag([flavour; 8])),
                wants_new_code: false,
                client: [ClientClass::Known, ClientClass::Unknown][usize::from(flavour / 4 % 2)],
                lifetime_ms: 600_000,
                checks_max: flavour,
                digest: (flavour & 8 > 0).then(|| CodeDigest {
                    key_id: "k1".into(),
                    mac: id.to_vec(),
                }),
                details,
                code,
                delivery: delivery.map(|first_provider| NewDelivery {
                    channel: Channel::Sms,
                    fallback: vec![Channel::Voice],
                    first_provider: first_provider.map(Into::into),
                }),
                policy: SendPolicy {
                    rules: Vec::new(),
                    resend_waits_ms: vec![30_000],
                    sends_max: 5,
                    live_max: 3,
                    quiet_ms: 60_000,
                    lease_ms: 15_000,
                },
            })
    }

    /// What `create` in `start_asked.lua` does with the parts.
    fn join(start: &Start, parts: &[Vec<u8>]) -> Vec<u8> {
        let moment = |at_ms: u64| [&[0xcf], at_ms.to_be_bytes().as_slice()].concat();
        let mut parts = parts.iter();
        let mut part = || parts.next().unwrap().clone();
        let mut packed = [part(), moment(NOW_MS + 600_000), part()].concat();
        if let Some(delivery) = &start.delivery {
            packed.extend([moment(NOW_MS + 15_000), vec![0xc2], moment(NOW_MS), part()].concat());
            if delivery.first_provider.is_some() {
                packed.extend([moment(NOW_MS), part()].concat());
            }
        }
        packed.extend([moment(NOW_MS), part(), moment(NOW_MS + 30_000), part()].concat());
        assert_eq!(parts.next(), None);
        packed
    }

    proptest! {
        #[test]
        fn the_parts_joined_are_the_record(start in starts()) {
            let packed = join(&start, &of_record(&start, 3));
            prop_assert_eq!(format::record(&packed).unwrap(), created(&start, NOW_MS));
        }

        #[test]
        fn a_damaged_record_is_read_or_refused_and_never_a_panic(
            start in starts(),
            cut: prop::sample::Index,
            place: prop::sample::Index,
            byte: u8,
        ) {
            let mut packed = join(&start, &of_record(&start, 3));
            prop_assert!(format::record(&packed[..cut.index(packed.len())]).is_err());
            let place = place.index(packed.len());
            packed[place] = byte;
            _ = format::record(&packed);
            _ = format::number(&packed, start.id.shard);
        }
    }
}
