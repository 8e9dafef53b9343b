use proptest::prelude::*;
use serde_bytes::ByteBuf;
use watchword_providers::Channel;

use super::super::format;
use super::*;
use crate::delivery::{AttemptReceipt, AttemptRecord, DeliveryRecord, Due};
use crate::id::{RecordId, Shard};
use crate::verification::{
    ClientClass, CodeDigest, CustomCodeTag, IdentityTag, Live, NumberTag, PerClass, RecordKind,
    TenantTag,
};

const NOW_MS: u64 = 1_800_000_000_000;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn text() -> impl Strategy<Value = Option<Box<str>>> {
    prop::option::of("[a-z0-9_-]{0,70}".prop_map(Box::from))
}

fn attempts() -> impl Strategy<Value = AttemptRecord> {
    let receipt = (0..RECEIPT_STATUSES.len(), text(), any::<bool>());
    let parts = (0..OUTCOMES.len(), "[a-z-]{0,40}", text(), text());
    (parts, any::<u32>(), prop::option::of(receipt)).prop_map(
        |((outcome, provider, code, message_id), number, receipt)| AttemptRecord {
            number: 0,
            provider: provider.into(),
            walk: 3,
            outcome: OUTCOMES[outcome],
            started_at_ms: NOW_MS,
            duration_ms: number,
            code,
            message_id,
            receipt: receipt.map(|(status, code, is_final)| AttemptReceipt {
                status: RECEIPT_STATUSES[status],
                at_ms: NOW_MS,
                code,
                is_final_for_number: is_final,
            }),
        },
    )
}

fn deliveries() -> impl Strategy<Value = DeliveryRecord> {
    let due = prop::option::of(0..DUE_KINDS.len());
    let parts = (
        0..DELIVERY_STATUSES.len(),
        due,
        text(),
        any::<u32>(),
        0..3_u32,
    );
    let attempts = prop::collection::vec(attempts(), 0..4);
    (parts, prop::option::of(any::<[u8; 16]>()), attempts).prop_map(
        |((status, due, reason, fence, folded), operation, mut attempts)| {
            // Where some are folded, the kept ones may have any numbers.
            let step = if folded > 0 { 2 } else { 1 };
            for (number, attempt) in (1..).zip(&mut attempts) {
                attempt.number = folded + step * number;
            }
            let wanted = crate::delivery::NewDelivery {
                channel: Channel::Sms,
                fallback: vec![Channel::Voice],
                first_provider: None,
            };
            DeliveryRecord {
                status: DELIVERY_STATUSES[status],
                fence,
                due: due.map(|kind| Due {
                    kind: DUE_KINDS[kind],
                    at_ms: NOW_MS,
                }),
                reason,
                operation: operation.map(OperationId),
                folded,
                attempts,
                ..DeliveryRecord::new(&wanted, NOW_MS, 15_000)
            }
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    let deliveries = prop::collection::vec(deliveries(), 0..4);
    let parts = (
        any::<[u8; 16]>(),
        any::<u8>(),
        bytes(),
        prop::option::of(bytes()),
    );
    (parts, deliveries).prop_map(|((id, flavour, details, code), deliveries)| Record {
        kind: [RecordKind::Verification, RecordKind::SendOnly][usize::from(flavour % 2)],
        tenant: TenantTag([flavour; 8]),
        number: NumberTag(id),
        status: STATUSES[usize::from(flavour) % STATUSES.len()],
        created_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + 600_000,
        decided_at_ms: 0,
        checks_used: flavour,
        checks_max: 5,
        sends_used: 1,
        next_send_at_ms: NOW_MS + 30_000,
        conversion: CONVERSIONS[usize::from(flavour) % CONVERSIONS.len()],
        client: CLIENTS[usize::from(flavour / 4 % 2)],
        has_custom_code: flavour & 2 > 0,
        digest: (flavour & 8 > 0).then(|| CodeDigest {
            key_id: "k1".into(),
            mac: id.to_vec(),
        }),
        details: ByteBuf::from(details),
        code: code.map(ByteBuf::from),
        checks: vec![
            (OperationId(id), CheckVerdict::Approved),
            (
                OperationId(id),
                CheckVerdict::Mismatch {
                    checks_remaining: 4,
                },
            ),
        ],
        deliveries,
    })
}

fn id(random: [u8; 16]) -> RecordId {
    RecordId {
        shard: Shard::of_hash(7, 64),
        random,
    }
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(written in records(), epoch: u32) {
        let packed = record(&written, epoch).finish();
        prop_assert_eq!(format::record(&packed).unwrap(), written);
    }

    #[test]
    fn a_damaged_record_is_read_or_refused_and_never_a_panic(
        written in records(),
        cut: prop::sample::Index,
        place: prop::sample::Index,
        byte: u8,
    ) {
        let mut packed = record(&written, 1).finish();
        prop_assert!(format::record(&packed[..cut.index(packed.len())]).is_err());
        let place = place.index(packed.len());
        packed[place] = byte;
        _ = format::record(&packed);
        _ = format::number(&packed, Shard::of_hash(7, 64));
    }

    #[test]
    fn a_number_is_read_as_it_was_written(
        random: [u8; 16],
        sends in prop::collection::vec(0..NUMBER_MAX, 0..5),
        count: u32,
    ) {
        let written = NumberRecord {
            recent: vec![id(random), id([7; 16])],
            live: vec![Live {
                id: id(random),
                identity: IdentityTag([3; 12]),
                custom_code: (count % 2 == 0).then_some(CustomCodeTag([4; 8])),
                expires_at_ms: NOW_MS,
                client: ClientClass::Unknown,
            }],
            sends: PerClass {
                known: Vec::new(),
                unknown: sends.into_iter().map(Gcra).collect(),
            },
            failures: PerClass {
                known: Failures::default(),
                unknown: Failures {
                    count,
                    next_check_at_ms: 0,
                    last_at_ms: NOW_MS,
                },
            },
        };
        let packed = number(&written, NOW_MS);
        prop_assert_eq!(format::number(&packed, Shard::of_hash(7, 64)).unwrap(), written);
    }
}
