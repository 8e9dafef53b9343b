//! The file: whose it is, who may read it, and what its next process finds.

use std::os::unix::fs::PermissionsExt;

use redb::{Database, ReadableDatabase};

use super::*;
use crate::delivery::{Begin, DeliveryStatus, DueKind, Take};
use crate::store::embedded::Settings;
use crate::store::embedded::codec::record_key;
use crate::store::embedded::tables::{LASTING, META};

fn open(path: &std::path::Path, hand: &Hand) -> Result<EmbeddedStore, super::super::OpenError> {
    EmbeddedStore::open(path, &Settings::default(), hand.clock())
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_file() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand).unwrap();
    let Err(error) = open(&path, &hand) else {
        panic!("one file, one process");
    };
    let text = error.to_string();
    let pid = format!("process {} since 2027-01-15T", std::process::id());
    assert!(
        text.contains(&pid) && text.contains("stop that process"),
        "{text}"
    );
    drop(store);
    assert!(!folder.path().join("store.redb.holder").exists());
    open(&path, &hand).unwrap();
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    std::fs::write(&path, []).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&path, &hand).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path) & 0o777, 0o600);
    assert_eq!(
        mode(&folder.path().join("store.redb.holder")) & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    std::fs::write(&path, [0x5a; 8192]).unwrap();
    assert!(open(&path, &hand).is_err());
}

#[tokio::test]
async fn a_new_process_takes_over_the_leases_of_the_last_one() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand).unwrap();
    created(&store, 1).await;
    drop(store);
    let why = DueKind::Lease;
    for attempt in 2..=4 {
        let store = open(&path, &hand).unwrap();
        store.assert_ledger_agrees();
        let swept = store.sweep(&sweep()).await.unwrap();
        assert_eq!(swept.taken.len(), 1);
        if attempt == 4 {
            assert_eq!(swept.taken[0].take, Take::Poisoned);
            break;
        }
        assert_eq!(swept.taken[0].take, Take::Taken { why });
        let begin = Begin {
            fence: attempt,
            attempt,
            provider: "hook-a".into(),
            settled: None,
            policy: sweep().policy,
        };
        let begun = store.begin(swept.taken[0].delivery, &begin).await.unwrap();
        assert_eq!(begun, Ok(()));
    }
    let store = open(&path, &hand).unwrap();
    let delivery = &record(&store, 1).await.deliveries[0];
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(store.sweep(&sweep()).await.unwrap().depth, 0);
}

/// Makes the record one of a later release.
fn age_into_the_future(path: &std::path::Path, number: u8) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut records = transaction.open_table(RECORDS).unwrap();
        let key = record_key(id(number));
        let mut bytes = records
            .get(key.as_slice())
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        bytes[1] = 2;
        records.insert(key.as_slice(), bytes.as_slice()).unwrap();
        let mut ledger = transaction.open_table(LEDGER).unwrap();
        let mut newer = LedgerKey::before(id(number).shard, 1);
        newer[0] = 2;
        ledger.insert(newer.as_slice(), [2].as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn what_a_later_release_wrote_stays_in_place_and_is_counted() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand).unwrap();
    created(&store, 1).await;
    created(&store, 2).await;
    drop(store);
    age_into_the_future(&path, 1);

    let store = open(&path, &hand).unwrap();
    let unknown = |error| matches!(error, StoreError::UnknownFormat);
    assert!(unknown(store.get(id(1)).await.unwrap_err()));
    assert!(unknown(store.check(&check(1, "right")).await.unwrap_err()));
    assert!(unknown(
        store.begin(first_of(1), &begin()).await.unwrap_err()
    ));
    hand.advance(15_000);
    for _ in 0..3 {
        let one = Sweep {
            count_max: 1,
            ..sweep()
        };
        let swept = store.sweep(&one).await.unwrap();
        // Its entry and the one of a format of its own; the other goes on.
        assert!(swept.unknown_format >= 1);
        if let [taken] = swept.taken.as_slice() {
            assert_eq!(taken.delivery, first_of(2));
        }
    }
    assert_eq!(store.sweep(&sweep()).await.unwrap().unknown_format, 2);
    hand.advance(10 * DAY_MS);
    store.limits(&[]).await.unwrap();
    assert!(unknown(store.get(id(1)).await.unwrap_err()));
}

fn begin() -> Begin {
    Begin {
        fence: 1,
        attempt: 2,
        provider: "two".into(),
        settled: None,
        policy: policy(),
    }
}

#[tokio::test]
async fn every_table_is_there_from_the_first_opening() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    drop(open(&path, &hand).unwrap());
    let database = Database::open(&path).unwrap();
    let read = database.begin_read().unwrap();
    assert_eq!(
        read.list_tables().unwrap().count(),
        PERISHABLE.len() + LASTING.len() + 1
    );
    assert!(read.open_table(META).is_ok());
}
