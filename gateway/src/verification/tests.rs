//! Tables of the transitions: what each does, and when it does nothing.

use std::collections::BTreeMap;

use super::*;
use crate::delivery::DELIVERIES_MAX;
use crate::delivery::NewDelivery;
use crate::id::Shard;
use watchword_providers::Channel;

const MINUTE_MS: u64 = 60_000;
const NOW_MS: u64 = 1_000_000;

#[derive(Default)]
struct Records(BTreeMap<RecordId, Record>);

impl LiveRecords for Records {
    fn record(&mut self, id: RecordId) -> Option<&mut Record> {
        self.0.get_mut(&id)
    }
}

fn id(number: u8) -> RecordId {
    RecordId {
        shard: Shard::new(0).unwrap(),
        random: [number; 16],
    }
}

fn ask(number: u8) -> Start {
    Start {
        id: id(number),
        kind: RecordKind::Verification,
        tenant: TenantTag([1; 8]),
        number: NumberTag([1; 16]),
        identity: IdentityTag([1; 12]),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 10 * MINUTE_MS,
        checks_max: 5,
        digest: Some(digest(b"right")),
        details: Vec::new(),
        code: Some(vec![1]),
        delivery: Some(NewDelivery {
            channel: Channel::Sms,
            fallback: Vec::new(),
            first_provider: None,
        }),
        policy: policy(),
    }
}

fn policy() -> SendPolicy {
    SendPolicy {
        rules: Vec::new(),
        resend_waits_ms: vec![30_000, 60_000, 120_000],
        sends_max: 5,
        live_max: 3,
        quiet_ms: MINUTE_MS,
        lease_ms: 15_000,
    }
}

fn digest(mac: &[u8]) -> CodeDigest {
    CodeDigest {
        key_id: "k1".into(),
        mac: mac.to_vec(),
    }
}

fn guess(operation: u8, mac: &[u8]) -> Check {
    Check {
        id: id(1),
        tenant: TenantTag([1; 8]),
        operation: OperationId([operation; 16]),
        client: ClientClass::Unknown,
        digests: vec![digest(mac)],
    }
}

/// A verification begun at [`NOW_MS`], and its number.
fn begun() -> (Record, NumberRecord) {
    let mut number = NumberRecord::default();
    let started = start(&ask(1), &mut number, &mut Records::default(), NOW_MS);
    (started.unwrap().1.unwrap(), number)
}

#[test]
fn each_check_in_each_status_is_told_what_it_should_be() {
    for status in [
        Status::Approved,
        Status::Canceled,
        Status::Expired,
        Status::Exhausted,
        Status::Superseded,
        Status::Failed,
    ] {
        let (mut record, mut number) = begun();
        record.decide(status, NOW_MS);
        let before = record.clone();
        let answer = check(&guess(1, b"right"), &mut record, &mut number, NOW_MS);
        assert_eq!(answer, CheckAnswer::NotPending { status });
        assert_eq!(record, before);
    }
}

#[test]
fn a_verification_expires_at_its_expiry_and_not_before() {
    let (mut record, mut number) = begun();
    let last_ms = record.expires_at_ms - 1;
    let answer = check(&guess(1, b"wrong"), &mut record, &mut number, last_ms);
    assert_eq!(
        answer,
        CheckAnswer::Mismatch {
            checks_remaining: 4
        }
    );
    let expires_at_ms = record.expires_at_ms;
    let answer = check(&guess(2, b"right"), &mut record, &mut number, expires_at_ms);
    let status = Status::Expired;
    assert_eq!(answer, CheckAnswer::NotPending { status });
    assert_eq!(record.decided_at_ms, expires_at_ms);
    assert!(record.digest.is_none() && record.code.is_none());
    assert!(number.live.is_empty());
}

#[test]
fn the_waits_after_failures_double_up_to_an_hour() {
    let mut failures = Failures::default();
    let mut waits_s = Vec::new();
    for _ in 0..FAILURES_MAX {
        failures.add(NOW_MS);
        waits_s.push(failures.next_check_at_ms.saturating_sub(NOW_MS) / 1000);
    }
    assert!(waits_s[..14].iter().all(|wait_s| *wait_s == 0));
    assert_eq!(waits_s[14..22], [30, 60, 120, 240, 480, 960, 1920, 3600]);
    assert!(waits_s[22..].iter().all(|wait_s| *wait_s == 3600));
    let stopped = CheckAnswer::TooManyFailures {
        available_at_ms: None,
    };
    assert_eq!(failures.refusal(u64::MAX), Some(stopped));
}

#[test]
fn the_next_check_waits_as_long_as_the_failures_say_until_they_are_forgotten() {
    let mut failures = Failures::default();
    assert_eq!(failures.next_check_at(NOW_MS), Some(NOW_MS));
    for _ in 0..FAILURES_FREE {
        failures.add(NOW_MS);
    }
    assert_eq!(failures.next_check_at(NOW_MS), Some(NOW_MS + 30_000));
    let later_ms = NOW_MS + 30_001;
    assert_eq!(failures.next_check_at(later_ms), Some(later_ms));
    while failures.count < FAILURES_MAX {
        failures.add(NOW_MS);
    }
    assert_eq!(failures.next_check_at(NOW_MS + FAILURES_KEPT_MS), None);
    let forgotten_ms = NOW_MS + FAILURES_KEPT_MS + 1;
    assert_eq!(failures.next_check_at(forgotten_ms), Some(forgotten_ms));
}

#[test]
fn a_send_taken_back_twice_is_given_back_once() {
    let (mut record, mut number) = begun();
    let again = Resend {
        id: id(1),
        tenant: TenantTag([1; 8]),
        operation: OperationId([9; 16]),
        client: ClientClass::Unknown,
        delivery: ask(1).delivery,
        policy: policy(),
    };
    resend(&again, &mut record, &mut number, NOW_MS + 30_000).unwrap();
    let undo = UndoSend {
        operation: again.operation,
        was_created: false,
        client: ClientClass::Unknown,
        policy: &again.policy,
        now_ms: NOW_MS + 30_000,
    };
    for _ in 0..2 {
        let kept = undo_send(&mut record, &mut number, id(1), &undo);
        assert_eq!(kept, KeepRecord::Yes);
        assert_eq!(record.sends_used, 1);
    }
}

#[test]
fn sends_taken_back_without_end_do_not_grow_a_record_without_end() {
    let (mut record, mut number) = begun();
    let mut refused = None;
    for operation in 0..100 {
        let again = Resend {
            id: id(1),
            tenant: TenantTag([1; 8]),
            operation: OperationId([operation; 16]),
            client: ClientClass::Unknown,
            delivery: ask(1).delivery,
            policy: policy(),
        };
        let now_ms = NOW_MS + 30_000;
        if let Err(refusal) = resend(&again, &mut record, &mut number, now_ms) {
            refused = Some(refusal);
            break;
        }
        let undo = UndoSend {
            operation: again.operation,
            was_created: false,
            client: ClientClass::Unknown,
            policy: &again.policy,
            now_ms,
        };
        undo_send(&mut record, &mut number, id(1), &undo);
    }
    assert!(matches!(refused, Some(SendRefusal::SendsExhausted { .. })));
    assert_eq!(record.deliveries.len(), DELIVERIES_MAX);
}

#[test]
fn a_key_used_for_something_else_is_told_from_a_repeated_one() {
    let mut other = OperationId([1; 16]);
    assert!(!other.reuses_key_of(OperationId([1; 16])));
    other.0[8] = 2;
    assert!(other.reuses_key_of(OperationId([1; 16])));
    assert!(!other.reuses_key_of(OperationId([2; 16])));
}

#[test]
fn a_live_entry_without_its_record_is_forgotten() {
    let (_, mut number) = begun();
    let started = start(&ask(2), &mut number, &mut Records::default(), NOW_MS);
    assert_eq!(started.unwrap().0, SendAccepted::Created);
    assert_eq!(number.live.len(), 1);
    assert_eq!(number.recent, [id(2), id(1)]);
}
