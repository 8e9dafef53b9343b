//! Records sealed, opened and at their longest.

use super::*;
use crate::keys::tests::master;
use crate::keys::{IndexKey, PurposeKeys};
use crate::subjects::command::OperatorAction;
use crate::subjects::evidence::Class;
use crate::subjects::model::{
    ACTIONS_MAX, ActionId, ChangeId, ENDED_CHANGES_MAX, NOTICES_MAX, RETIRED_MAX, USED_PROOFS_MAX,
};
use crate::subjects::model::{
    ChangeStatus, EndedChange, Method, MethodId, MethodStatus, Notice, NoticeKind, Number,
    PendingAction, Recipient, Role, SlowHash, UsedProof,
};

/// The longest texts that the edge takes.
const REASON: usize = 256;
const TICKET: usize = 128;

fn ring(ids: &[(&str, u8)]) -> KeyRing {
    let keys = ids
        .iter()
        .map(|(id, fill)| PurposeKeys::of(&master(id, *fill)));
    let index = IndexKey::new(&Zeroizing::new([3; 32]), 64);
    KeyRing::new(keys.collect(), ids[0].0, index).unwrap()
}

fn stored(ring: &KeyRing, key: SubjectKey, subject: &Subject) -> StoredSubject {
    let tenant = ring.index().tenant("acme");
    StoredSubject {
        revision: 1,
        generation: 1,
        tenant,
        sealed: sealed(ring, (tenant, key), subject).unwrap(),
    }
}

#[test]
fn a_record_is_sealed_anew_without_anybody_knowing_its_tenant() {
    let old = ring(&[("k1", 1)]);
    let key = old.index().subject(old.index().tenant("acme"), "u-1");
    let subject = Subject::new("acme", "u-1", 1_000);
    let before = stored(&old, key, &subject);
    let both = ring(&[("k2", 2), ("k1", 1)]);
    assert!(is_sealed_before(&both, &before));
    let after = StoredSubject {
        sealed: sealed_anew(&both, key, &before).unwrap(),
        ..before.clone()
    };
    let new = ring(&[("k2", 2)]);
    assert!(!is_sealed_before(&new, &after));
    assert_eq!(open(&new, key, &after).unwrap(), subject);
    let lost = open(&new, key, &before).unwrap_err();
    assert_eq!(lost.code(), "unknown_key");
}

fn long(length: usize) -> String {
    "\u{10ffff}".repeat(length)
}

fn method(fill: usize) -> Method {
    let number = Number {
        e164: "+123456789012345".to_owned(),
        country_code_digits: 3,
        region: "US".to_owned(),
    };
    Method {
        id: MethodId([u8::try_from(fill).unwrap(); 10]),
        number,
        role: Role::Alternate,
        role_named: true,
        status: MethodStatus::Suspended,
        is_default: false,
        channel: watchword_providers::Channel::Voice,
        extension: watchword_providers::Extension::parse("1234567890"),
        added_at_ms: u64::MAX,
        verified_at_ms: u64::MAX,
        last_used_at_ms: u64::MAX,
        held_until_ms: u64::MAX,
        verify_by_ms: u64::MAX,
        proof: None,
        suspended: None,
        stale_told: true,
        retired_at_ms: u64::MAX,
        class: Some(Class::D),
    }
}

/// Every list as long as it may be, every text too.
fn fullest() -> Subject {
    let hash = SlowHash {
        salt: [255; 16],
        rounds: u32::MAX,
        hash: [255; 32],
    };
    Subject {
        name: long(128),
        tenant: long(64),
        methods: (0..RETIRED_MAX + 5).map(method).collect(),
        ended_changes: vec![
            EndedChange {
                id: ChangeId([255; 16]),
                status: ChangeStatus::Rejected,
                class: Class::D,
                requested_at_ms: u64::MAX,
                ended_at_ms: u64::MAX,
            };
            ENDED_CHANGES_MAX
        ],
        used_proofs: vec![
            UsedProof {
                name: [255; 16],
                until_ms: u64::MAX,
            };
            USED_PROOFS_MAX
        ],
        actions: vec![
            PendingAction {
                id: ActionId([255; 16]),
                action: OperatorAction::IssueBypassCode {
                    hash,
                    lifetime_ms: u64::MAX,
                    one_time: true,
                    length: 48,
                },
                reason: long(REASON),
                ticket: Some(long(TICKET)),
                by: long(64),
                approved_by: Some(long(64)),
                at_ms: u64::MAX,
                expires_at_ms: u64::MAX,
                acts_at_ms: u64::MAX,
            };
            ACTIONS_MAX
        ],
        notices: vec![
            Notice {
                number: u32::MAX,
                kind: NoticeKind::ChangeRequested,
                to: Recipient::Method(MethodId([255; 10])),
                due_at_ms: u64::MAX,
                change: Some(ChangeId([255; 16])),
                round: u8::MAX,
            };
            NOTICES_MAX
        ],
        ..Subject::new("acme", "u-1", u64::MAX)
    }
}

#[test]
fn a_record_whose_every_list_is_full_can_still_be_written() {
    let ring = ring(&[("k1", 1)]);
    let key = ring.index().subject(ring.index().tenant("acme"), "u-1");
    let subject = fullest();
    let length = written(&subject).len();
    assert!(length <= SUBJECT_BYTES_MAX, "{length}");
    let stored = stored(&ring, key, &subject);
    assert_eq!(open(&ring, key, &stored).unwrap(), subject);
}

#[test]
fn a_longer_record_is_refused() {
    let ring = ring(&[("k1", 1)]);
    let tenant = ring.index().tenant("acme");
    let key = ring.index().subject(tenant, "u-1");
    let mut subject = Subject::new("acme", "u-1", 1_000);
    subject.locale = Some("x".repeat(SUBJECT_BYTES_MAX));
    let refused = sealed(&ring, (tenant, key), &subject).unwrap_err();
    assert_eq!(refused.code(), "subject_full");
}
