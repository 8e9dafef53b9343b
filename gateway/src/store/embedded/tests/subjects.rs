//! Subjects in the file: one that an older release made, what a later one wrote, a
//! restart, and a change that cannot be made whole.

use std::path::Path;

use redb::Database;

use super::*;
use crate::store::embedded::Settings;
use crate::store::embedded::codec::record_key;
use crate::store::embedded::tables::{LASTING, Raw, SUBJECTS};
use crate::store::subjects::{
    Guard, NoteNumber, NumberKey, SubjectStore, TakeSubjects, WriteSubject, Written,
};
use crate::subjects::model::SubjectKey;
use crate::verification::Status;

fn open(path: &Path, hand: &Hand) -> EmbeddedStore {
    EmbeddedStore::open(path, &Settings::default(), hand.clock()).unwrap()
}

fn key() -> SubjectKey {
    SubjectKey(id(0x89))
}

fn number() -> NumberKey {
    NumberKey {
        shard: Shard::FIRST,
        tag: NumberTag([4; 16]),
    }
}

fn write(revision: u64) -> WriteSubject {
    WriteSubject {
        key: key(),
        tenant: TENANT,
        revision,
        operation: OperationId([u8::try_from(revision).unwrap(); 16]),
        not_after_ms: None,
        generation: 1,
        sealed: Some(b"sealed".to_vec()),
        due_at_ms: Some(0),
        ends_codes: false,
        audit: vec![b"line".to_vec()],
        audit_keep: 16,
        events: Vec::new(),
    }
}

async fn due(store: &EmbeddedStore) -> Vec<SubjectKey> {
    let ask = TakeSubjects {
        shard: key().0.shard,
        count_max: 4,
        again_ms: 1_000,
        asking: OperationId([7; 16]),
    };
    store.take_subjects(&ask).await.unwrap()
}

async fn guarded(store: &EmbeddedStore, number: u8) {
    let mut ask = start(number);
    ask.number = key().account();
    ask.identity = IdentityTag([number; 12]);
    let guard = Guard {
        key: key(),
        generation: 1,
    };
    let sent = store.start_guarded(&ask, &guard, None, &[]).await;
    let started = sent.started.unwrap();
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
}

async fn revision(store: &EmbeddedStore) -> Option<u64> {
    let stored = store.subject(key()).await.unwrap().stored;
    stored.map(|stored| stored.revision)
}

fn change_table(path: &Path, table: Raw, slot: &[u8]) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(table).unwrap();
        let mut bytes = table.get(slot).unwrap().unwrap().value().to_vec();
        bytes[1] = 9;
        table.insert(slot, bytes.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_file_that_knows_no_subjects_learns_of_them_and_keeps_the_rest() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand);
    created(&store, 1).await;
    drop(store);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    for table in LASTING {
        assert!(transaction.delete_table(table).unwrap());
    }
    transaction.commit().unwrap();
    drop(database);

    let store = open(&path, &hand);
    assert_eq!(revision(&store).await, None);
    assert_eq!(store.subject_audit(key(), 0, 4).await.unwrap().len(), 0);
    store.write_subject(&write(0)).await.unwrap();
    assert_eq!(revision(&store).await, Some(1));
    assert!(store.get(id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn all_of_a_subject_is_there_after_a_restart() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand);
    store.write_subject(&write(0)).await.unwrap();
    let note = NoteNumber::Link(key());
    assert!(store.note_number(number(), &note).await.unwrap());
    guarded(&store, 1).await;
    drop(store);

    let store = open(&path, &hand);
    assert_eq!(revision(&store).await, Some(1));
    assert_eq!(
        store.write_subject(&write(0)).await.unwrap(),
        Written::Written
    );
    let lines = store.subject_audit(key(), 0, 4).await.unwrap();
    assert_eq!(lines, [b"line".to_vec()]);
    let noted = store.number_note(number()).await.unwrap();
    assert_eq!(noted.subjects(), [key()]);
    assert_eq!(due(&store).await, [key()]);
    let mut ask = write(1);
    ask.ends_codes = true;
    assert_eq!(store.write_subject(&ask).await.unwrap(), Written::Written);
    let ended = store.get(id(1)).await.unwrap().unwrap();
    assert_eq!(ended.record.status, Status::Superseded);
}

#[tokio::test]
async fn a_subject_of_a_later_release_is_left_as_it_is() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand);
    store.write_subject(&write(0)).await.unwrap();
    drop(store);
    change_table(&path, SUBJECTS, &record_key(key().0));

    let store = open(&path, &hand);
    let unknown = |error| matches!(error, StoreError::UnknownFormat);
    assert!(unknown(store.subject(key()).await.unwrap_err()));
    assert!(unknown(store.write_subject(&write(1)).await.unwrap_err()));
    // It stays due, and is looked at again later.
    for after_ms in [0, 3_600_000] {
        hand.advance(after_ms);
        assert_eq!(due(&store).await, []);
    }
}

#[tokio::test]
async fn a_change_that_cannot_end_a_code_is_not_made() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let path = folder.path().join("store.redb");
    let store = open(&path, &hand);
    store.write_subject(&write(0)).await.unwrap();
    guarded(&store, 1).await;
    guarded(&store, 2).await;
    drop(store);
    change_table(&path, RECORDS, &record_key(id(2)));

    let store = open(&path, &hand);
    let mut ask = write(1);
    ask.ends_codes = true;
    let refused = store.write_subject(&ask).await.unwrap_err();
    assert!(matches!(refused, StoreError::UnknownFormat), "{refused}");
    assert_eq!(revision(&store).await, Some(1));
    let first = store.get(id(1)).await.unwrap().unwrap();
    assert!(first.record.status.is_open());
    assert_eq!(store.subject_audit(key(), 0, 4).await.unwrap().len(), 1);
}
