//! Which step answers each question about subjects.

use async_trait::async_trait;

use super::EmbeddedStore;
use super::codec::{decode, record_key, slot_key};
use super::steps::{sends, subjects};
use super::tables;
use super::writer::Promise;
use crate::admission::limits::LimitAsk;
use crate::id::Shard;
use crate::store::subjects::{
    Guard, NoteNumber, NumberKey, NumberNote, StoredSubject, SubjectEntry, SubjectPage,
    SubjectRead, SubjectStore, TakeSubjects, WriteSubject, Written,
};
use crate::store::{Idempotency, Sent, Started, StoreError};
use crate::subjects::model::SubjectKey;
use crate::verification::{SendRefusal, Start};

#[async_trait]
impl SubjectStore for EmbeddedStore {
    async fn subject(&self, key: SubjectKey) -> Result<SubjectRead, StoreError> {
        self.shared.read(|snapshot| {
            let bytes = snapshot.get(tables::SUBJECTS, &record_key(key.0))?;
            let entry: Option<SubjectEntry> = bytes.map(|bytes| decode(&bytes)).transpose()?;
            Ok(SubjectRead {
                stored: entry.map(|entry| StoredSubject {
                    revision: entry.revision,
                    generation: entry.generation,
                    tenant: entry.tenant,
                    sealed: entry.sealed.into_vec(),
                }),
                now_ms: self.shared.now_ms(),
            })
        })
    }

    async fn write_subject(&self, ask: &WriteSubject) -> Result<Written, StoreError> {
        let ask = ask.clone();
        self.ask(Promise::Durable, move |tables| {
            subjects::write(tables, &ask)
        })
        .await
    }

    async fn take_subjects(&self, ask: &TakeSubjects) -> Result<Vec<SubjectKey>, StoreError> {
        let ask = *ask;
        // Lost, they are due again sooner, which harms nobody.
        self.ask(Promise::Done, move |tables| {
            subjects::take_due(tables, &ask)
        })
        .await
    }

    async fn subjects_under_other_keys(
        &self,
        shard: Shard,
        key_id: &str,
        from: (Option<&[u8]>, u16),
    ) -> Result<SubjectPage, StoreError> {
        self.shared
            .read(|snapshot| subjects::under_other_keys(snapshot, (shard, key_id), from))
    }

    async fn subject_audit(
        &self,
        key: SubjectKey,
        from: u32,
        count: u16,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.shared
            .read(|snapshot| subjects::audit(snapshot, key, (from, count)))
    }

    async fn number_note(&self, key: NumberKey) -> Result<NumberNote, StoreError> {
        self.shared.read(|snapshot| {
            let slot = slot_key(key.shard, &key.tag.0);
            let bytes = snapshot.get(tables::SUBJECT_NUMBERS, &slot)?;
            let note = bytes.map(|bytes| decode(&bytes)).transpose()?;
            Ok(note.unwrap_or_default())
        })
    }

    async fn note_number(&self, key: NumberKey, note: &NoteNumber) -> Result<bool, StoreError> {
        let note = *note;
        self.ask(Promise::Durable, move |tables| {
            subjects::note(tables, key, &note)
        })
        .await
    }

    async fn start_guarded(
        &self,
        ask: &Start,
        guard: &Guard,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        let (ask, guard, idempotency) = (ask.clone(), *guard, idempotency.copied());
        let limits = limits.to_vec();
        let started = self.ask(Promise::Durable, move |tables| {
            if subjects::generation(tables, guard.key)? != guard.generation {
                return Ok(Started::Refused {
                    refusal: SendRefusal::MethodChanged,
                    now_ms: tables.now_ms,
                });
            }
            sends::start(tables, &ask, idempotency.as_ref(), Some(&limits))
        });
        Sent {
            started: started.await,
            apart: None,
        }
    }
}
