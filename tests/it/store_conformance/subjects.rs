//! Stories of subjects: what is written of one is written in one step, and nothing
//! of it expires.

use futures_util::future::join_all;
use watchword::id::RecordId;
use watchword::store::StoreError;
use watchword::store::subjects::{
    EventWatch, StoredSubject, SubjectRead, TakeSubjects, WriteSubject, Written,
};
use watchword::store::webhooks::TakeWatches;
use watchword::subjects::model::SubjectKey;
use watchword::verification::OperationId;

use super::world::*;

/// A subject nobody has used before.
pub(super) fn subject_in(number: u16) -> SubjectKey {
    SubjectKey(RecordId {
        shard: shard(number),
        random: unique(),
    })
}

/// Writes it over a revision, and nothing else.
pub(super) fn write(key: SubjectKey, revision: u64) -> WriteSubject {
    WriteSubject {
        key,
        tenant: TENANT,
        revision,
        operation: operation(),
        not_after_ms: None,
        generation: 1,
        sealed: Some(format!("sealed over {revision}").into_bytes()),
        due_at_ms: None,
        ends_codes: false,
        audit: Vec::new(),
        audit_keep: 4,
        events: Vec::new(),
    }
}

fn erase(key: SubjectKey, revision: u64) -> WriteSubject {
    WriteSubject {
        sealed: None,
        ..write(key, revision)
    }
}

fn lines(numbers: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    numbers
        .map(|number| format!("line {number}").into_bytes())
        .collect()
}

impl World {
    pub(super) async fn subject(&self, key: SubjectKey) -> SubjectRead {
        self.store.subject(key).await.unwrap()
    }

    pub(super) async fn write(&self, ask: &WriteSubject) -> Written {
        self.store.write_subject(ask).await.unwrap()
    }

    async fn due_subjects(&self, number: u16, count_max: u16) -> Vec<SubjectKey> {
        self.due_asked(number, count_max, operation()).await
    }

    async fn due_asked(&self, number: u16, count_max: u16, asking: OperationId) -> Vec<SubjectKey> {
        let ask = TakeSubjects {
            shard: shard(number),
            count_max,
            again_ms: LEASE_MS,
            asking,
        };
        self.store.take_subjects(&ask).await.unwrap()
    }

    async fn audit(&self, key: SubjectKey, from: u32, count: u16) -> Vec<Vec<u8>> {
        let lines = self.store.subject_audit(key, from, count);
        lines.await.unwrap()
    }
}

pub(super) async fn a_subject_is_written_over_the_revision_that_was_read(w: World) {
    let key = subject_in(31);
    assert_eq!(w.subject(key).await.stored, None);
    assert_eq!(w.write(&write(key, 3)).await, Written::Conflict);
    assert_eq!(w.write(&write(key, 0)).await, Written::Written);
    let mut second = write(key, 1);
    second.generation = 7;
    assert_eq!(w.write(&second).await, Written::Written);
    let stored = StoredSubject {
        revision: 2,
        generation: 7,
        tenant: TENANT,
        sealed: b"sealed over 1".to_vec(),
    };
    assert_eq!(w.subject(key).await.stored.as_ref(), Some(&stored));
    for late in [0, 1, 3] {
        let mut late = write(key, late);
        late.generation = 7;
        assert_eq!(w.write(&late).await, Written::Conflict);
    }
    assert_eq!(w.subject(key).await.stored, Some(stored));
    assert_eq!(w.subject(subject_in(31)).await.stored, None);
}

pub(super) async fn of_many_writers_over_one_revision_one_writes(w: World) {
    let key = subject_in(31);
    w.write(&write(key, 0)).await;
    let mut asks = Vec::new();
    for number in 0..8 {
        let mut ask = write(key, 1);
        ask.audit = lines(number..number + 1);
        asks.push(ask);
    }
    let answers = join_all(asks.iter().map(|ask| w.write(ask))).await;
    let mut written = answers.iter().zip(&asks);
    let (_, winner) = written
        .find(|(answer, _)| **answer == Written::Written)
        .unwrap();
    assert!(written.all(|(answer, _)| *answer == Written::Conflict));
    assert_eq!(w.audit(key, 0, 10).await, winner.audit);
    assert_eq!(w.subject(key).await.stored.unwrap().revision, 2);
}

pub(super) async fn a_write_asked_again_happens_once(w: World) {
    let key = subject_in(32);
    w.write(&write(key, 0)).await;
    let mut ask = write(key, 1);
    ask.ends_codes = true;
    ask.audit = lines(0..2);
    assert_eq!(w.write(&ask).await, Written::Written);
    // What has begun since is not ended by the repetition.
    let mut later = start();
    later.id.shard = key.0.shard;
    later.number = key.account();
    w.created(&later).await;
    assert_eq!(w.write(&ask).await, Written::Written);
    assert!(w.record(later.id).await.status.is_open());
    assert_eq!(w.audit(key, 0, 10).await, lines(0..2));
    assert_eq!(w.subject(key).await.stored.unwrap().revision, 2);
    // Others may have written since, and not too many.
    for revision in 2..5 {
        w.write(&write(key, revision)).await;
        assert_eq!(w.write(&ask).await, Written::Written);
    }
    assert_eq!(w.audit(key, 0, 10).await, lines(0..2));
    w.write(&write(key, 5)).await;
    assert_eq!(w.write(&ask).await, Written::Conflict);
    assert_eq!(w.subject(key).await.stored.unwrap().revision, 6);
}

pub(super) async fn a_write_that_is_good_for_a_time_is_not_made_later(w: World) {
    let key = subject_in(32);
    let mut ask = write(key, 0);
    ask.not_after_ms = Some(w.now_ms().await + MINUTE_MS);
    w.advance(2 * MINUTE_MS);
    let late = w.store.write_subject(&ask).await;
    assert!(
        matches!(late, Err(StoreError::Unavailable { .. })),
        "{late:?}"
    );
    assert_eq!(w.subject(key).await.stored, None);
    ask.not_after_ms = Some(w.now_ms().await + MINUTE_MS);
    assert_eq!(w.write(&ask).await, Written::Written);
}

pub(super) async fn an_erased_subject_leaves_nothing(w: World) {
    let key = subject_in(33);
    let mut first = write(key, 0);
    first.audit = lines(0..2);
    first.due_at_ms = Some(w.now_ms().await);
    w.write(&first).await;
    assert_eq!(w.write(&erase(key, 4)).await, Written::Conflict);
    let erasing = erase(key, 1);
    assert_eq!(w.write(&erasing).await, Written::Written);
    assert_eq!(w.write(&erasing).await, Written::Written);
    assert_eq!(w.subject(key).await.stored, None);
    assert_eq!(w.audit(key, 0, 10).await, lines(0..0));
    w.advance(MINUTE_MS);
    assert_eq!(w.due_subjects(33, 10).await, []);
    assert_eq!(w.write(&write(key, 1)).await, Written::Conflict);
    assert_eq!(w.write(&write(key, 0)).await, Written::Written);
    assert_eq!(w.subject(key).await.stored.unwrap().revision, 1);
}

pub(super) async fn what_was_decided_from_an_erased_record_is_not_written(w: World) {
    let key = subject_in(33);
    w.write(&write(key, 0)).await;
    let decided_before = write(key, 1);
    w.write(&erase(key, 1)).await;
    // Somebody of the same name, begun under a later generation.
    let mut anew = write(key, 0);
    anew.generation = 2;
    w.write(&anew).await;
    assert_eq!(w.write(&decided_before).await, Written::Conflict);
    assert_eq!(w.subject(key).await.stored.unwrap().generation, 2);
}

pub(super) async fn a_due_subject_comes_back_until_somebody_writes_it(w: World) {
    let key = subject_in(34);
    let mut ask = write(key, 0);
    ask.due_at_ms = Some(w.now_ms().await + MINUTE_MS);
    w.write(&ask).await;
    assert_eq!(w.due_subjects(34, 10).await, []);
    w.advance(MINUTE_MS);
    assert_eq!(w.due_subjects(34, 10).await, [key]);
    assert_eq!(w.due_subjects(34, 10).await, []);
    w.advance(LEASE_MS + 1);
    assert_eq!(w.due_subjects(34, 10).await, [key]);
    let mut later = write(key, 1);
    later.due_at_ms = Some(w.now_ms().await + 2 * MINUTE_MS);
    w.write(&later).await;
    w.advance(MINUTE_MS);
    assert_eq!(w.due_subjects(34, 10).await, []);
    w.advance(MINUTE_MS);
    assert_eq!(w.due_subjects(34, 10).await, [key]);
    w.write(&write(key, 2)).await;
    w.advance(DAY_MS);
    assert_eq!(w.due_subjects(34, 10).await, []);
}

pub(super) async fn an_asking_for_due_subjects_is_answered_once_more(w: World) {
    let key = subject_in(36);
    let mut ask = write(key, 0);
    ask.due_at_ms = Some(w.now_ms().await);
    w.write(&ask).await;
    let asking = operation();
    for _ in 0..2 {
        assert_eq!(w.due_asked(36, 10, asking).await, [key]);
        assert_eq!(w.due_subjects(36, 10).await, [], "it is taken");
    }
    // Of nothing there is nothing to answer again.
    let in_vain = operation();
    assert_eq!(w.due_asked(36, 10, in_vain).await, []);
    w.advance(LEASE_MS + 1);
    assert_eq!(w.due_asked(36, 10, in_vain).await, [key]);
}

pub(super) async fn due_subjects_are_taken_oldest_first_and_no_more_than_asked(w: World) {
    let now_ms = w.now_ms().await;
    let mut keys = Vec::new();
    for age in [1, 3, 2] {
        let key = subject_in(35);
        let mut ask = write(key, 0);
        ask.due_at_ms = Some(now_ms - age);
        w.write(&ask).await;
        keys.push(key);
    }
    let mut elsewhere = write(subject_in(36), 0);
    elsewhere.due_at_ms = Some(now_ms);
    w.write(&elsewhere).await;
    assert_eq!(w.due_subjects(35, 2).await, [keys[1], keys[2]]);
    assert_eq!(w.due_subjects(35, 2).await, [keys[0]]);
}

pub(super) async fn the_last_audit_lines_are_kept_in_their_order(w: World) {
    let key = subject_in(37);
    for (revision, numbers) in [0..1, 1..3, 3..6, 6..6].into_iter().enumerate() {
        let mut ask = write(key, revision.try_into().unwrap());
        ask.audit = lines(numbers);
        assert_eq!(w.write(&ask).await, Written::Written);
    }
    assert_eq!(w.audit(key, 0, 10).await, lines(2..6));
    assert_eq!(w.audit(key, 1, 2).await, lines(3..5));
    assert_eq!(w.audit(key, 4, 2).await, lines(0..0));
    assert_eq!(w.audit(key, 0, 0).await, lines(0..0));
    assert_eq!(w.audit(subject_in(37), 0, 10).await, lines(0..0));
}

pub(super) async fn what_a_change_tells_is_due_at_once_and_complete(w: World) {
    let key = subject_in(38);
    let event = |state: &[u8]| EventWatch {
        id: subject_in(38).0,
        state: state.to_vec(),
        keep_for_ms: DAY_MS,
    };
    let mut ask = write(key, 0);
    ask.events = vec![event(b"one"), event(b"two")];
    w.write(&ask).await;
    let take = TakeWatches {
        shard: shard(38),
        count_max: 10,
        lease_ms: LEASE_MS,
    };
    let due = w.store.take_watches(&take).await.unwrap();
    let mut told: Vec<(RecordId, &[u8])> = due
        .iter()
        .map(|watched| (watched.id, watched.state.as_slice()))
        .collect();
    told.sort_unstable_by_key(|(_, state)| *state);
    assert_eq!(
        told,
        [(ask.events[0].id, &b"one"[..]), (ask.events[1].id, b"two")]
    );
    assert!(due.iter().all(|watched| watched.tenant == TENANT));
    assert_eq!(due[0].kept_until_ms, due[0].made_at_ms + DAY_MS);
    // Asked again it is not told again; a conflict tells nothing.
    w.write(&ask).await;
    let mut late = write(key, 0);
    late.events = vec![event(b"late")];
    assert_eq!(w.write(&late).await, Written::Conflict);
    assert_eq!(w.store.take_watches(&take).await.unwrap(), []);
}

pub(super) async fn a_subject_lives_until_it_is_erased(w: World) {
    let key = subject_in(39);
    let mut ask = write(key, 0);
    ask.audit = lines(0..1);
    ask.due_at_ms = Some(w.now_ms().await + 399 * DAY_MS);
    w.write(&ask).await;
    w.advance(400 * DAY_MS);
    // Whatever is written meanwhile clears away what has expired.
    w.created(&start()).await;
    assert_eq!(w.subject(key).await.stored.unwrap().revision, 1);
    assert_eq!(w.audit(key, 0, 10).await, lines(0..1));
    assert_eq!(w.due_subjects(39, 10).await, [key]);
}

/// A record as it is sealed: its format, and the id of its key behind its length.
fn sealed_under(key_id: &str) -> Vec<u8> {
    let length = u8::try_from(key_id.len()).unwrap();
    [&[1, length], key_id.as_bytes(), b"the rest"].concat()
}

pub(super) async fn subjects_under_other_keys_are_found_page_by_page(w: World) {
    const SHARD: u16 = 23;
    let mut expected = Vec::new();
    for number in 0..40_u64 {
        let key = subject_in(SHARD);
        let key_id = ["k1", "k2", "k10"][usize::try_from(number % 3).unwrap()];
        let ask = WriteSubject {
            sealed: Some(sealed_under(key_id)),
            due_at_ms: Some(w.now_ms().await + 1_000 * number),
            ..write(key, 0)
        };
        assert_eq!(w.write(&ask).await, Written::Written);
        if key_id != "k2" {
            expected.push(key);
        }
    }
    let elsewhere = WriteSubject {
        sealed: Some(sealed_under("k1")),
        due_at_ms: Some(1),
        ..write(subject_in(SHARD + 1), 0)
    };
    w.write(&elsewhere).await;

    let (mut found, mut from) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = (from.as_deref(), 7);
        let page = w.store.subjects_under_other_keys(shard(SHARD), "k2", page);
        let page = page.await.unwrap();
        found.extend(page.found);
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    found.sort_unstable();
    found.dedup();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
