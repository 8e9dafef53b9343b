//! What only this store promises: its file, its disk's failures, its housekeeping.
//! What every store promises is in the conformance suite.

mod disk;
mod failures;
mod file;
mod housekeeping;
mod subjects;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::ReadableTable;
use watchword_providers::Channel;

use super::codec::{LedgerKey, decode, ledger_value, parse_expiry};
use super::tables::{LEDGER, PERISHABLE, RECORDS, of_table};
use super::{Clock, EmbeddedStore};
use crate::delivery::{DispatchPolicy, NewDelivery};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::store::{Started, Store, StoreError, Sweep};
use crate::verification::{
    Check, ClientClass, CodeDigest, IdentityTag, NumberTag, OperationId, Record, RecordKind,
    SendPolicy, Start, TenantTag,
};

const DAY_MS: u64 = 86_400_000;
const TENANT: TenantTag = TenantTag([1; 8]);

/// A clock that a test sets.
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000_000)))
    }

    fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }

    fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

fn id(number: u8) -> RecordId {
    RecordId {
        shard: Shard::new(7).unwrap(),
        random: [number; 16],
    }
}

fn first_of(number: u8) -> DeliveryId {
    DeliveryId {
        record: id(number),
        ordinal: 1,
    }
}

fn start(number: u8) -> Start {
    Start {
        id: id(number),
        kind: RecordKind::Verification,
        tenant: TENANT,
        number: NumberTag([number; 16]),
        identity: IdentityTag([1; 12]),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 600_000,
        checks_max: 5,
        digest: Some(digest("right")),
        details: vec![0xaa; 120],
        code: Some(vec![0xbb; 60]),
        delivery: Some(NewDelivery {
            channel: Channel::Sms,
            fallback: Vec::new(),
            first_provider: Some("one".into()),
        }),
        policy: SendPolicy {
            rules: Vec::new(),
            resend_waits_ms: vec![30_000],
            sends_max: 5,
            live_max: 3,
            quiet_ms: 60_000,
            lease_ms: 15_000,
        },
    }
}

fn digest(code: &str) -> CodeDigest {
    CodeDigest {
        key_id: "k1".into(),
        mac: code.as_bytes().to_vec(),
    }
}

fn check(number: u8, code: &str) -> Check {
    Check {
        id: id(number),
        tenant: TENANT,
        operation: OperationId([number; 16]),
        client: ClientClass::Unknown,
        digests: vec![digest(code)],
    }
}

fn policy() -> DispatchPolicy {
    DispatchPolicy {
        submissions_max: 3,
        lease_ms: 15_000,
        quiet_ms: 60_000,
        lost_leases_max: 3,
    }
}

fn sweep() -> Sweep {
    Sweep {
        shard: id(0).shard,
        count_max: 10,
        grace_ms: 0,
        policy: policy(),
    }
}

async fn created(store: &EmbeddedStore, number: u8) -> Record {
    let started = store.start(&start(number), None).await.unwrap();
    let Started::Created { record, .. } = started else {
        panic!("not created: {started:?}");
    };
    *record
}

async fn record(store: &EmbeddedStore, number: u8) -> Record {
    *store.get(id(number)).await.unwrap().unwrap().record
}

/// The ledger entries that belong to a record.
fn entries_for(key: &[u8], record: &Record) -> Vec<(Vec<u8>, Vec<u8>)> {
    let id = RecordId {
        shard: Shard::new(u16::from_be_bytes([key[0], key[1]])).unwrap(),
        random: key[2..].try_into().unwrap(),
    };
    let dues = (1..)
        .zip(&record.deliveries)
        .filter_map(|(ordinal, delivery)| {
            let due = delivery.due?;
            let key = LedgerKey {
                due_at_ms: due.at_ms,
                delivery: DeliveryId {
                    record: id,
                    ordinal,
                },
            };
            Some((key.to_bytes(), ledger_value(due.kind).to_vec()))
        });
    dues.collect()
}

impl EmbeddedStore {
    /// Asserts that the ledger holds each delivery's due time and nothing else.
    fn assert_ledger_agrees(&self) {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let read = self.shared.read(|snapshot| {
            let records = snapshot.0.open_table(RECORDS).map_err(of_table)?;
            for entry in records.iter()? {
                let (key, value) = entry?;
                let record: Record = decode(value.value())?;
                expected.extend(entries_for(key.value(), &record));
            }
            for entry in snapshot.0.open_table(LEDGER).map_err(of_table)?.iter()? {
                let (key, value) = entry?;
                found.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(())
        });
        read.unwrap();
        expected.sort();
        assert_eq!(found, expected);
    }

    /// The number of entries in each table but `meta`.
    fn counts(&self) -> [u64; PERISHABLE.len()] {
        use redb::ReadableTableMetadata;
        let read = self.shared.read(|snapshot| {
            let mut counts = [0; PERISHABLE.len()];
            for (count, table) in counts.iter_mut().zip(PERISHABLE) {
                *count = snapshot.0.open_table(table).map_err(of_table)?.len()?;
            }
            Ok(counts)
        });
        read.unwrap()
    }
}

#[test]
fn keys_that_are_not_ours_name_nothing() {
    assert_eq!(LedgerKey::parse(&[]), None);
    assert_eq!(LedgerKey::parse(&[1; 27]), None);
    assert_eq!(LedgerKey::parse(&[2; 28]), None);
    assert_eq!(LedgerKey::parse(&[0xff; 28]), None);
    assert_eq!(parse_expiry(&[0; 27]), None);
    let key = LedgerKey {
        due_at_ms: 5,
        delivery: first_of(9),
    };
    assert_eq!(LedgerKey::parse(&key.to_bytes()), Some(key));
}

#[test]
fn values_of_another_format_are_told_from_damaged_ones() {
    let bytes = super::codec::encode(3, &"value".to_owned());
    assert_eq!(decode::<String>(&bytes).unwrap(), "value");
    let mut newer = bytes.clone();
    newer[1] = 2;
    let unknown = decode::<String>(&newer).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownFormat));
    for damaged in [&bytes[..1], &bytes[..4], &[], b"text"] {
        let error = decode::<String>(damaged).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }
}
