//! Which script answers each question about subjects, with which keys.

use ::redis::Value;
use async_trait::async_trait;

use super::answers::{Answer, strange};
use super::asks::{Terms, array};
use super::format;
use super::{RedisStore, scripts};
use crate::admission::limits::LimitAsk;
use crate::id::{RecordId, Shard};
use crate::store::subjects::{
    Guard, Link, NoteNumber, NumberKey, NumberNote, StoredSubject, SubjectPage, SubjectRead,
    SubjectStore, TakeSubjects, WriteSubject, Written,
};
use crate::store::{Idempotency, Sent, StoreError};
use crate::subjects::model::SubjectKey;
use crate::verification::{Start, TenantTag};

/// Where the server begins to scan, and what it says when it has ended.
const CURSOR_FIRST: &[u8] = b"0";

#[async_trait]
impl SubjectStore for RedisStore {
    async fn subject(&self, key: SubjectKey) -> Result<SubjectRead, StoreError> {
        let keys = vec![self.keys.subject(key)];
        let mut answer = self.run(&scripts::SUBJECT_READ, keys, Terms::plain).await?;
        let now_ms = answer.now_ms;
        if answer.code == 0 {
            return Ok(SubjectRead {
                stored: None,
                now_ms,
            });
        }
        Ok(SubjectRead {
            stored: Some(StoredSubject {
                revision: answer.number()?,
                generation: answer.number()?,
                tenant: TenantTag(answer.bytes()?.try_into().map_err(|_| strange())?),
                sealed: answer.bytes()?,
            }),
            now_ms,
        })
    }

    async fn write_subject(&self, ask: &WriteSubject) -> Result<Written, StoreError> {
        // What exists goes on.
        if ask.revision == 0 && ask.sealed.is_some() && self.is_nearly_full() {
            return Err(StoreError::Full);
        }
        let shard = ask.key.0.shard;
        let mut keys = vec![
            self.keys.subject(ask.key),
            self.keys.subject_ledger(shard),
            self.keys.subject_audit(ask.key),
            self.keys.number(shard, ask.key.account()),
            self.keys.ledger(shard),
            self.keys.watch_ledger(shard),
        ];
        keys.extend(ask.events.iter().map(|event| self.keys.watch(event.id)));
        let answer = self
            .run(&scripts::SUBJECT_WRITE, keys, |terms| {
                terms.write_subject(ask)
            })
            .await?;
        Ok(if answer.code == 1 {
            Written::Written
        } else {
            Written::Conflict
        })
    }

    async fn take_subjects(&self, ask: &TakeSubjects) -> Result<Vec<SubjectKey>, StoreError> {
        let shard = ask.shard;
        let mut packer = array(2);
        packer.number(u64::from(ask.count_max)).number(ask.again_ms);
        let keys = vec![
            self.keys.subject_ledger(shard),
            self.keys.subjects_taken(shard, ask.asking),
        ];
        let mut answer = self
            .run(&scripts::SUBJECT_TAKE, keys, |terms| terms.with(packer))
            .await?;
        let taken = answer.list()?.into_iter();
        let key = |member| {
            let text = text(member)?;
            Ok(SubjectKey(format::record_id(&text, shard)?))
        };
        taken.map(key).collect()
    }

    async fn subjects_under_other_keys(
        &self,
        shard: Shard,
        key_id: &str,
        (from, count): (Option<&[u8]>, u16),
    ) -> Result<SubjectPage, StoreError> {
        let mut packer = array(3);
        packer
            .bytes(from.unwrap_or(CURSOR_FIRST))
            .number(u64::from(count))
            .bytes(key_id.as_bytes());
        let keys = vec![self.keys.subject_ledger(shard)];
        let mut answer = self
            .run(&scripts::SUBJECT_KEYS, keys, |terms| terms.with(packer))
            .await?;
        let cursor = answer.bytes()?;
        let found = answer.list()?.into_iter();
        let key = |member| Ok(SubjectKey(format::record_id(&text(member)?, shard)?));
        Ok(SubjectPage {
            found: found.map(key).collect::<Result<_, StoreError>>()?,
            next: (cursor != CURSOR_FIRST).then_some(cursor),
        })
    }

    async fn subject_audit(
        &self,
        key: SubjectKey,
        from: u32,
        count: u16,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut packer = array(2);
        packer.number(u64::from(from)).number(u64::from(count));
        let keys = vec![self.keys.subject_audit(key)];
        let mut answer: Answer = self
            .run(&scripts::SUBJECT_AUDIT, keys, |terms| terms.with(packer))
            .await?;
        answer.list()?.into_iter().map(bytes).collect()
    }

    async fn number_note(&self, key: NumberKey) -> Result<NumberNote, StoreError> {
        let keys = vec![self.keys.subject_number(key)];
        let mut answer = self.run(&scripts::READ_NOTE, keys, Terms::plain).await?;
        let opted_out_at_ms = answer.number()?;
        let mut linked = answer.list()?.into_iter();
        let mut links = Vec::with_capacity(linked.len() / 2);
        while let (Some(subject), Some(since_ms)) = (linked.next(), linked.next()) {
            let id = RecordId::decode(&text(subject)?).ok_or_else(strange)?;
            links.push(Link {
                subject: SubjectKey(id),
                since_ms: whole(&since_ms)?,
            });
        }
        Ok(NumberNote {
            opted_out_at_ms,
            links,
        })
    }

    async fn note_number(&self, key: NumberKey, note: &NoteNumber) -> Result<bool, StoreError> {
        let (what, subject, since_ms) = match note {
            NoteNumber::Link(subject) => (0, Some(subject), 0),
            NoteNumber::Unlink(subject) => (1, Some(subject), 0),
            NoteNumber::OptOut => (2, None, 0),
            NoteNumber::OptIn => (3, None, 0),
            NoteNumber::Forget(link) => (4, Some(&link.subject), link.since_ms),
        };
        if let NoteNumber::Link(_) = note
            && self.is_nearly_full()
        {
            return Err(StoreError::Full);
        }
        let mut packer = array(3);
        packer
            .number(what)
            .text_or_nothing(subject.map(|key| key.0.to_string()).as_deref())
            .number(since_ms);
        let keys = vec![self.keys.subject_number(key)];
        let answer = self
            .run(&scripts::NOTE_NUMBER, keys, |terms| terms.with(packer))
            .await?;
        Ok(answer.code == 1)
    }

    async fn start_guarded(
        &self,
        ask: &Start,
        guard: &Guard,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent {
        self.make_within(ask, Some(guard), idempotency, limits)
            .await
    }
}

impl Terms {
    /// See `subject_write.lua` for what stands where.
    fn write_subject(self, ask: &WriteSubject) -> Vec<Vec<u8>> {
        let bound_ms = ask.not_after_ms.map_or(u64::MAX, |not_after_ms| {
            not_after_ms.saturating_add_signed(self.shift_ms.saturating_neg())
        });
        let terms = Self {
            not_after_ms: self.not_after_ms.min(bound_ms),
            ..self
        };
        let mut packer = array(10);
        packer
            .number(ask.revision)
            .bytes(&ask.operation.0)
            .number(ask.generation)
            .bytes(&ask.tenant.0)
            .bytes_or_nothing(ask.sealed.as_deref());
        match ask.due_at_ms {
            Some(due_at_ms) => packer.number(due_at_ms),
            None => packer.nothing(),
        };
        packer.flag(ask.ends_codes).array(ask.audit.len());
        for line in &ask.audit {
            packer.bytes(line);
        }
        packer
            .number(u64::from(ask.audit_keep.max(1)))
            .array(ask.events.len());
        for event in &ask.events {
            packer
                .array(2)
                .bytes(&event.state)
                .number(event.keep_for_ms);
        }
        terms.with(packer)
    }
}

fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    if let Value::BulkString(bytes) = value {
        Ok(bytes)
    } else {
        Err(strange())
    }
}

fn whole(value: &Value) -> Result<u64, StoreError> {
    let Value::Int(number) = value else {
        return Err(strange());
    };
    u64::try_from(*number).map_err(|_| strange())
}

fn text(value: Value) -> Result<String, StoreError> {
    String::from_utf8(bytes(value)?).map_err(|_| strange())
}
