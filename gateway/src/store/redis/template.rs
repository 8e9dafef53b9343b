//! A new record as it will be stored, cut where the moments of its creation
//! belong: only the script knows the time, and joining texts costs it a
//! fraction of packing them.

use super::asks::channels;
use super::format::{CHANNELS, CLIENTS, KINDS, number_text, place_of};
use super::pack::Packer;
use crate::delivery::{DeliveryRecord, NewDelivery};
use crate::verification::{Conversion, Record, Start, Status};
use serde_bytes::ByteBuf;

/// The parts of the record: its head, the three of its body and those of its
/// delivery. `start.lua` says which moments belong between them.
pub(super) fn of_record(ask: &Start, epoch: u32) -> Vec<Vec<u8>> {
    let mut head = Packer::with_capacity(16);
    head.array(6)
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
    let mut parts = vec![
        head.finish(),
        names.finish(),
        counts.finish(),
        rest.finish(),
    ];
    parts.extend(of_delivery(ask.delivery.as_ref()));
    parts
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchword_providers::Channel;

    use super::*;
    use crate::id::{RecordId, Shard};
    use crate::store::FORMAT_VERSION;
    use crate::store::redis::format::{self, ROOM_STEP};
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

    /// What `start.lua` does with the parts.
    fn join(parts: &[Vec<u8>]) -> Vec<u8> {
        let moment = |at_ms: u64| [&[0xcf], at_ms.to_be_bytes().as_slice()].concat();
        let mut head = [parts[0].clone(), moment(NOW_MS + 600_000), parts[4].clone()].concat();
        for (part, at_ms) in parts[5..].iter().zip([NOW_MS + 15_000, NOW_MS, NOW_MS]) {
            head.extend([moment(at_ms), part.clone()].concat());
        }
        let steps = (head.len() + 3).div_ceil(ROOM_STEP);
        let room = u16::try_from(steps).unwrap().to_be_bytes();
        head.extend([0xcd, room[0], room[1]]);
        head.resize(steps * ROOM_STEP, 0);
        let mut packed = [vec![FORMAT_VERSION], room.to_vec(), head].concat();
        packed.extend([parts[1].clone(), moment(NOW_MS), parts[2].clone()].concat());
        packed.extend([moment(NOW_MS + 30_000), parts[3].clone()].concat());
        packed
    }

    proptest! {
        #[test]
        fn the_parts_joined_are_the_record(start in starts()) {
            let packed = join(&of_record(&start, 3));
            prop_assert_eq!(format::record(&packed).unwrap(), created(&start, NOW_MS));
        }

        #[test]
        fn a_damaged_record_is_read_or_refused_and_never_a_panic(
            start in starts(),
            cut: prop::sample::Index,
            place: prop::sample::Index,
            byte: u8,
        ) {
            let mut packed = join(&of_record(&start, 3));
            prop_assert!(format::record(&packed[..cut.index(packed.len())]).is_err());
            let place = place.index(packed.len());
            packed[place] = byte;
            _ = format::record(&packed);
            _ = format::number(&packed, start.id.shard);
        }
    }
}
