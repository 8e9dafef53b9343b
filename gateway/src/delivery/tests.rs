//! A delivery's walks, told step by step.

use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use crate::verification::Status;
use crate::verification::{ClientClass, Conversion, NumberTag, TenantTag};

const NOW_MS: u64 = 1_000_000;

fn policy() -> DispatchPolicy {
    DispatchPolicy {
        submissions_max: 3,
        lease_ms: 15_000,
        quiet_ms: 60_000,
        lost_leases_max: 3,
    }
}

fn record(kind: RecordKind) -> Record {
    let new = NewDelivery {
        channel: Channel::Sms,
        fallback: Vec::new(),
        first_provider: Some("one".into()),
    };
    Record {
        kind,
        tenant: TenantTag([1; 8]),
        number: NumberTag([1; 16]),
        status: Status::Pending,
        created_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + 600_000,
        decided_at_ms: 0,
        checks_used: 0,
        checks_max: 5,
        sends_used: 1,
        next_send_at_ms: NOW_MS,
        conversion: Conversion::Unreported,
        client: ClientClass::Unknown,
        has_custom_code: false,
        digest: None,
        details: ByteBuf::new(),
        code: None,
        checks: Vec::new(),
        deliveries: vec![DeliveryRecord::new(&new, NOW_MS, 15_000)],
    }
}

fn settled(outcome: Outcome, next: Next) -> Settle {
    Settle {
        fence: 1,
        attempt: Some(SettledAttempt {
            number: 1,
            outcome,
            duration_ms: 1,
            code: None,
            message_id: None,
        }),
        next,
        policy: policy(),
    }
}

fn receipt(attempt: u32, status: ReceiptStatus) -> ApplyReceipt {
    ApplyReceipt {
        attempt,
        receipt: AttemptReceipt {
            status,
            at_ms: NOW_MS,
            code: None,
            is_final_for_number: false,
        },
        redispatch_after_ms: Some(0),
        policy: policy(),
    }
}

#[test]
fn how_a_delivery_ends_follows_from_its_verification() {
    for (status, after_ms, expected) in [
        (Status::Pending, 0, DeliveryStatus::Failed),
        (Status::Approved, 0, DeliveryStatus::Canceled),
        (Status::Canceled, 0, DeliveryStatus::Canceled),
        (Status::Exhausted, 0, DeliveryStatus::Canceled),
        (Status::Superseded, 0, DeliveryStatus::Canceled),
        (Status::Approved, 600_000, DeliveryStatus::Expired),
        (Status::Pending, 600_000, DeliveryStatus::Expired),
    ] {
        let mut record = record(RecordKind::Verification);
        record.status = status;
        let close = Next::Close {
            reason: "closed".into(),
        };
        let ask = settled(Outcome::Refused, close);
        let end = settle(&mut record, 1, &ask, NOW_MS + after_ms).unwrap();
        assert_eq!(end.status, expected, "{status:?} after {after_ms} ms");
        let is_failed = expected == DeliveryStatus::Failed;
        assert_eq!(record.deliveries[0].reason.is_some(), is_failed);
    }
}

#[test]
fn a_code_may_not_go_out_in_its_last_minute_but_a_text_may() {
    let late_ms = NOW_MS + 540_000;
    let begin_at = |kind, now_ms| {
        let mut record = record(kind);
        let ask = Begin {
            fence: 1,
            attempt: 2,
            provider: "two".into(),
            settled: None,
            policy: policy(),
        };
        begin(&mut record, 1, &ask, now_ms)
    };
    assert_eq!(begin_at(RecordKind::Verification, late_ms - 1), Ok(()));
    assert_eq!(
        begin_at(RecordKind::Verification, late_ms),
        Err(Stop::TooLate)
    );
    assert_eq!(begin_at(RecordKind::SendOnly, late_ms), Ok(()));
    let expired = Err(Stop::NotPending(Status::Expired));
    assert_eq!(begin_at(RecordKind::SendOnly, NOW_MS + 600_000), expired);
}

#[test]
fn each_attempt_waits_for_its_own_receipt() {
    let mut record = record(RecordKind::Verification);
    let unknown = settled(Outcome::Unknown, Next::Continue);
    settle(&mut record, 1, &unknown, NOW_MS).unwrap();
    let ask = Begin {
        fence: 1,
        attempt: 2,
        provider: "two".into(),
        settled: None,
        policy: policy(),
    };
    begin(&mut record, 1, &ask, NOW_MS).unwrap();
    let mut submitted = settled(
        Outcome::Submitted,
        Next::Submitted {
            receipt_within_ms: Some(30_000),
        },
    );
    submitted.attempt.as_mut().unwrap().number = 2;
    settle(&mut record, 1, &submitted, NOW_MS).unwrap();
    // The first may still arrive: the loss of the second brings nothing about.
    let lost = receipt(2, ReceiptStatus::Undelivered);
    let status = DeliveryStatus::Submitted;
    let applied = apply_receipt(&mut record, 1, &lost, NOW_MS);
    assert_eq!(applied, ReceiptApplied::Recorded { status });
    let lost = receipt(1, ReceiptStatus::Undelivered);
    let applied = apply_receipt(&mut record, 1, &lost, NOW_MS);
    assert_eq!(applied, ReceiptApplied::Redispatch);
}

#[test]
fn leases_lost_before_a_submission_are_forgiven() {
    let mut record = record(RecordKind::Verification);
    take(&mut record, 1, &policy(), NOW_MS + 15_000);
    assert_eq!(record.deliveries[0].lost_leases, 1);
    let mut submitted = settled(
        Outcome::Submitted,
        Next::Submitted {
            receipt_within_ms: None,
        },
    );
    submitted.fence = 2;
    settle(&mut record, 1, &submitted, NOW_MS + 15_000).unwrap();
    assert_eq!(record.deliveries[0].lost_leases, 0);
    assert_eq!(record.deliveries[0].due, None);
}

proptest! {
    #[test]
    fn receipts_in_any_order_end_alike(
        order in Just([ReceiptStatus::Sent, ReceiptStatus::Undelivered, ReceiptStatus::Delivered])
            .prop_shuffle(),
        repeats in 1_usize..3,
    ) {
        let mut record = record(RecordKind::Verification);
        for status in order.iter().cycle().take(order.len() * repeats) {
            apply_receipt(&mut record, 1, &receipt(1, *status), NOW_MS);
        }
        prop_assert_eq!(record.deliveries[0].status, DeliveryStatus::Delivered);
        prop_assert_eq!(record.deliveries[0].due, None);
    }

    #[test]
    fn no_ordinal_and_no_attempt_number_panics(
        ordinal in prop_oneof![0_u8..3, Just(u8::MAX)],
        attempt in prop_oneof![0_u32..4, Just(u32::MAX)],
        fence in 0_u32..3,
    ) {
        let mut record = record(RecordKind::Verification);
        let mut ask = settled(Outcome::Submitted, Next::Continue);
        ask.fence = fence;
        ask.attempt.as_mut().unwrap().number = attempt;
        let settled = settle(&mut record, ordinal, &ask, NOW_MS);
        prop_assert_eq!(settled.is_ok(), fence == 1 && ordinal == 1 && attempt == 1);
        apply_receipt(&mut record, ordinal, &receipt(attempt, ReceiptStatus::Sent), NOW_MS);
        let ask = Begin { fence, attempt, provider: "two".into(), settled: None, policy: policy() };
        let begun = begin(&mut record, ordinal, &ask, NOW_MS);
        prop_assert!(begun.is_err() || (fence == 1 && ordinal == 1));
        take(&mut record, ordinal, &policy(), NOW_MS);
        let handed = hand_back(&mut record, ordinal, (fence, 0), NOW_MS);
        prop_assert_eq!(handed.is_ok(), fence == 1 && ordinal == 1);
        prop_assert!(record.deliveries[0].attempts.len() <= 2);
    }
}
