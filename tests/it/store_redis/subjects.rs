//! What the Redis store does with subjects where a server is full, forbids much,
//! or holds what it cannot read.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use watchword::id::RecordId;
use watchword::store::redis::{RedisSettings, RedisStore};
use watchword::store::subjects::{
    EventWatch, Guard, NoteNumber, NumberKey, SubjectStore, TakeSubjects, WriteSubject, Written,
};
use watchword::store::webhooks::{NextLook, SaveWatch, TakeWatches, WatchAsk, WatchStore};
use watchword::store::{Started, Store, StoreError};
use watchword::subjects::model::SubjectKey;
use watchword::verification::{NumberTag, SendRefusal, Start, Status};

use super::asks;
use crate::support::redis_proxy::{Fault, RedisProxy};
use crate::support::redis_server::RedisServer;

/// A record's key, or a subject's, of the shard.
fn name(kind: &str, id: RecordId) -> String {
    let id = id.to_string();
    format!("ww:{{s07}}{kind}:{}", id.split_at(3).1)
}

fn key() -> SubjectKey {
    SubjectKey(asks::record_id(0x89))
}

fn write(revision: u64) -> WriteSubject {
    WriteSubject {
        key: key(),
        tenant: asks::TENANT,
        revision,
        operation: asks::operation(u8::try_from(revision).unwrap()),
        not_after_ms: None,
        generation: 1,
        sealed: Some(b"sealed".to_vec()),
        due_at_ms: Some(asks::unix_ms()),
        ends_codes: false,
        audit: vec![b"line".to_vec()],
        audit_keep: 16,
        events: Vec::new(),
    }
}

fn start_of(number: u8) -> Start {
    Start {
        number: key().account(),
        ..asks::start(number)
    }
}

fn number() -> NumberKey {
    NumberKey {
        shard: watchword::id::Shard::new(9).unwrap(),
        tag: NumberTag([9; 16]),
    }
}

async fn guarded(store: &RedisStore, number: u8, generation: u64) -> Started {
    let guard = Guard {
        key: key(),
        generation,
    };
    let ask = start_of(number);
    let sent = store.start_guarded(&ask, &guard, None, &[]).await;
    sent.started.unwrap()
}

/// Asked anew each time.
async fn due(store: &RedisStore, count_max: u16) -> Vec<SubjectKey> {
    static ASKINGS: AtomicU8 = AtomicU8::new(0);
    let ask = TakeSubjects {
        shard: asks::shard(),
        count_max,
        again_ms: 15_000,
        asking: asks::operation(ASKINGS.fetch_add(1, Ordering::Relaxed)),
    };
    store.take_subjects(&ask).await.unwrap()
}

/// Walks through all steps of subjects and of watches; calls `between` before each.
pub(crate) async fn walk(store: &RedisStore, between: &impl Fn()) {
    between();
    assert_eq!(store.subject(key()).await.unwrap().stored, None);
    between();
    let started = guarded(store, 0x21, 0).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    let mut ask = write(0);
    ask.ends_codes = true;
    ask.events = vec![EventWatch {
        id: asks::record_id(0x23),
        state: b"told".to_vec(),
        keep_for_ms: 60_000,
    }];
    between();
    assert_eq!(store.write_subject(&ask).await.unwrap(), Written::Written);
    let ended = store.get(asks::record_id(0x21)).await.unwrap().unwrap();
    assert_eq!(ended.record.status, Status::Superseded);
    between();
    let started = guarded(store, 0x22, 0).await;
    let Started::Refused { refusal, .. } = started else {
        panic!("not refused: {started:?}");
    };
    assert_eq!(refusal, SendRefusal::MethodChanged);
    between();
    assert_eq!(due(store, 4).await, [key()]);
    between();
    let lines = store.subject_audit(key(), 0, 4).await.unwrap();
    assert_eq!(lines, [b"line".to_vec()]);
    for note in [NoteNumber::OptOut, NoteNumber::Link(key())] {
        between();
        assert!(store.note_number(number(), &note).await.unwrap());
    }
    between();
    let noted = store.number_note(number()).await.unwrap();
    assert_eq!(noted.subjects(), [key()]);
    for note in [NoteNumber::OptIn, NoteNumber::Unlink(key())] {
        between();
        store.note_number(number(), &note).await.unwrap();
    }
    between();
    assert!(
        store
            .note_number(number(), &NoteNumber::OptOut)
            .await
            .unwrap()
    );
    walk_watches(store, between).await;
}

/// What is to be told of a change is taken, saved, listed and forgotten.
async fn walk_watches(store: &RedisStore, between: &impl Fn()) {
    let id = RecordId {
        shard: asks::shard(),
        random: [0x24; 16],
    };
    let ask = WatchAsk {
        id,
        tenant: asks::TENANT,
        look_after_ms: 60_000,
        keep_for_ms: 120_000,
    };
    between();
    store.watch(&ask).await.unwrap();
    between();
    store.note_report(id).await.unwrap();
    between();
    let take = TakeWatches {
        shard: asks::shard(),
        count_max: 1,
        lease_ms: 15_000,
    };
    let taken = store.take_watches(&take).await.unwrap();
    assert_eq!(taken[0].state, b"told");
    between();
    let watched = store.take_watch(id, 15_000).await.unwrap().unwrap();
    between();
    let save = SaveWatch {
        id,
        fence: watched.fence,
        state: b"state".to_vec(),
        next: NextLook::LeaseStays,
    };
    assert!(store.save_watch(&save).await.unwrap());
    between();
    let page = store.list_watches(asks::shard(), None, 10).await.unwrap();
    assert_eq!(page.found.len(), 2);
}

fn is_unknown<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(
        matches!(answer, Err(StoreError::UnknownFormat)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn when_memory_is_full_no_subject_begins_and_those_there_are_go_on() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.write_subject(&write(0)).await.unwrap();
    server.command::<()>("CONFIG SET maxmemory 1");
    // Asking makes the store look at the server's memory.
    store.health().await.unwrap();
    let mut stranger = write(0);
    stranger.key = SubjectKey(asks::record_id(1));
    let refused = store.write_subject(&stranger).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let refused = store.note_number(number(), &NoteNumber::Link(key())).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let sent = guarded_result(&store).await;
    assert!(matches!(sent, Err(StoreError::Full)), "{sent:?}");
    assert_eq!(
        store.write_subject(&write(1)).await.unwrap(),
        Written::Written
    );
    assert!(
        store
            .note_number(number(), &NoteNumber::OptOut)
            .await
            .unwrap()
    );
    let erase = WriteSubject {
        sealed: None,
        ..write(2)
    };
    assert_eq!(store.write_subject(&erase).await.unwrap(), Written::Written);
}

async fn guarded_result(store: &RedisStore) -> Result<Started, StoreError> {
    let guard = Guard {
        key: key(),
        generation: 1,
    };
    let ask = start_of(0x21);
    store.start_guarded(&ask, &guard, None, &[]).await.started
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_asked_again_and_happens_once() {
    let server = RedisServer::start();
    let proxy = RedisProxy::start(server.address()).await;
    let settings = RedisSettings::new(proxy.url());
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    store.write_subject(&write(0)).await.unwrap();
    proxy.set(Fault::CutRepliesAfter(0)).await;
    let unanswered = store.write_subject(&write(1)).await;
    unanswered.unwrap_err();
    proxy.set(Fault::Pass).await;
    let mended_at = Instant::now();
    let again = loop {
        match store.write_subject(&write(1)).await {
            Ok(written) => break written,
            Err(_) => assert!(mended_at.elapsed() < Duration::from_secs(3)),
        }
    };
    assert_eq!(again, Written::Written);
    let stored = store.subject(key()).await.unwrap().stored.unwrap();
    assert_eq!(stored.revision, 2);
    let lines = store.subject_audit(key(), 0, 9).await.unwrap();
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_due_subject_is_not_lost_with_the_answer_that_gave_it() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.write_subject(&write(0)).await.unwrap();
    // Longer than an answer is waited for, and shorter than twice as long.
    server.command::<()>("CLIENT PAUSE 350 ALL");
    assert_eq!(due(&store, 4).await, [key()], "it is left alone for 15 s");
    assert_eq!(due(&store, 4).await, [], "it is taken");
}

#[tokio::test]
async fn a_subject_of_another_format_is_left_as_it_is() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.write_subject(&write(0)).await.unwrap();
    store
        .note_number(number(), &NoteNumber::OptOut)
        .await
        .unwrap();
    let subject = name("subject", key().0);
    server.command::<()>(&format!("HSET {subject} v 9"));
    server.command::<()>(&format!(
        "HSET ww:{{s09}}subject-number:{} v 9",
        "09".repeat(16)
    ));
    let dump = || -> Vec<String> { server.command(&format!("HGETALL {subject}")) };
    let before = dump();
    is_unknown(store.subject(key()).await);
    is_unknown(store.write_subject(&write(1)).await);
    is_unknown(store.number_note(number()).await);
    is_unknown(store.note_number(number(), &NoteNumber::OptIn).await);
    // It stays due, and keeps nobody from the ones behind it.
    for _ in 0..2 {
        assert_eq!(due(&store, 1).await, []);
        store.set_clock_shift_ms(7_200_000);
    }
    let entries: u32 = server.command("ZCARD ww:{s07}subject-ledger");
    assert_eq!(entries, 1);
    assert_eq!(dump(), before);
}

#[tokio::test]
async fn a_change_that_cannot_end_a_code_is_not_made() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.write_subject(&write(0)).await.unwrap();
    for number in [1, 2] {
        let started = guarded(&store, number, 1).await;
        assert!(matches!(started, Started::Created { .. }), "{started:?}");
    }
    // The second one was written by a later release.
    let second = name("r", asks::record_id(2));
    server.command::<()>(&format!("SETRANGE {second} 0 \t"));
    let mut ask = write(1);
    ask.ends_codes = true;
    is_unknown(store.write_subject(&ask).await);
    assert_eq!(
        store.subject(key()).await.unwrap().stored.unwrap().revision,
        1
    );
    let first = store.get(asks::record_id(1)).await.unwrap().unwrap();
    assert!(first.record.status.is_open());
    let lines = store.subject_audit(key(), 0, 9).await.unwrap();
    assert_eq!(lines.len(), 1);
}

#[tokio::test]
async fn a_ledger_entry_without_its_subject_goes() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.write_subject(&write(0)).await.unwrap();
    server.command::<()>(&format!("DEL {}", name("subject", key().0)));
    assert_eq!(due(&store, 4).await, []);
    let entries: u32 = server.command("ZCARD ww:{s07}subject-ledger");
    assert_eq!(entries, 0);
}
