//! Subjects: what is written of each in one step, when it is due again, and which
//! numbers lead to it.

use std::iter::once;
use std::ops::Bound;
use std::sync::Arc;

use redb::ReadableTable;
use serde_bytes::ByteBuf;

use super::webhooks;
use crate::id::{RecordId, Shard};
use crate::keys::seal;
use crate::store::embedded::codec::{SlotKey, WatchKey, decode, encode, record_key, slot_key};
use crate::store::embedded::file::Snapshot;
use crate::store::embedded::tables::{
    SUBJECT_AUDIT, SUBJECTS, StepError, SubjectTables, Tables, TakenSubjects, of_table, read,
    read_as,
};
use crate::store::embedded::writer::unavailable;
use crate::store::subjects::{
    NoteNumber, NumberKey, NumberNote, OPERATIONS_KEPT, SubjectEntry, SubjectPage, TakeSubjects,
    UNREADABLE_AGAIN_MS, WriteDecision, WriteSubject, Written,
};
use crate::subjects::model::SubjectKey;
use crate::verification::Status;

pub(in crate::store::embedded) fn write(
    tables: &mut Tables<'_>,
    ask: &WriteSubject,
) -> Result<Written, StepError> {
    let mut own = tables.open_subjects()?;
    let slot = record_key(ask.key.0);
    let stored: Option<SubjectEntry> = read_as(&own.subjects, &slot)?;
    match ask.over(stored.as_ref()) {
        WriteDecision::Done => return Ok(Written::Written),
        WriteDecision::Conflict => return Ok(Written::Conflict),
        WriteDecision::Write => {}
    }
    if ask
        .not_after_ms
        .is_some_and(|last_ms| tables.now_ms > last_ms)
    {
        return Err(unavailable("the write was good for a time that is over").into());
    }
    if ask.ends_codes {
        end_codes(tables, ask.key)?;
    }
    tables.is_changed = true;
    let epoch = tables.memory.epoch;
    match &ask.sealed {
        Some(sealed) => {
            let before = stored.map_or_else(Vec::new, |stored| stored.operations);
            let operations = once(ask.operation).chain(before);
            let entry = SubjectEntry {
                tenant: ask.tenant,
                revision: ask.revision.saturating_add(1),
                operations: operations.take(OPERATIONS_KEPT).collect(),
                generation: ask.generation,
                sealed: ByteBuf::from(sealed.clone()),
            };
            let bytes = encode(epoch, &entry);
            own.subjects.insert(slot.as_slice(), bytes.as_slice())?;
            append(&mut own, &slot, ask)?;
            move_due(&mut own, ask.key, ask.due_at_ms)?;
        }
        None => {
            own.subjects.remove(slot.as_slice())?;
            let (first, last) = audit_bounds(&slot);
            own.audit
                .retain_in::<&[u8], _>(first.as_slice()..=last.as_slice(), |_, _| false)?;
            move_due(&mut own, ask.key, None)?;
        }
    }
    for event in &ask.events {
        webhooks::tell(tables, ask.tenant, event)?;
    }
    Ok(Written::Written)
}

/// The generation that a start is judged by; 0 without a record.
pub(in crate::store::embedded) fn generation(
    tables: &Tables<'_>,
    key: SubjectKey,
) -> Result<u64, StepError> {
    let own = tables.open_subjects()?;
    let stored: Option<SubjectEntry> = read_as(&own.subjects, &record_key(key.0))?;
    Ok(stored.map_or(0, |stored| stored.generation))
}

pub(in crate::store::embedded) fn take_due(
    tables: &mut Tables<'_>,
    ask: &TakeSubjects,
) -> Result<Vec<SubjectKey>, StepError> {
    if let Some(before) = tables.memory.taken.get(&ask.shard)
        && before.asking == ask.asking
        && before.until_ms > tables.now_ms
    {
        return Ok(before.keys.clone());
    }
    let mut own = tables.open_subjects()?;
    let from = WatchKey::before(ask.shard, 0);
    let until = WatchKey::before(ask.shard, tables.now_ms + 1);
    let bounds = (
        Bound::Included(from.as_slice()),
        Bound::Excluded(until.as_slice()),
    );
    let mut due = Vec::new();
    for entry in own
        .ledger
        .range::<&[u8]>(bounds)?
        .take(usize::from(ask.count_max))
    {
        due.extend(WatchKey::parse(entry?.0.value()));
    }
    let until_ms = tables.now_ms.saturating_add(ask.again_ms);
    let mut taken = Vec::with_capacity(due.len());
    for entry in due {
        let key = SubjectKey(entry.id);
        tables.is_changed = true;
        let stored = read_as::<SubjectEntry>(&own.subjects, &record_key(key.0));
        let again_at_ms = match stored {
            Ok(Some(_)) => {
                taken.push(key);
                Some(until_ms)
            }
            Ok(None) => None,
            Err(StepError::Step(_)) => Some(tables.now_ms.saturating_add(UNREADABLE_AGAIN_MS)),
            Err(error) => return Err(error),
        };
        own.ledger.remove(entry.to_bytes().as_slice())?;
        move_due(&mut own, key, again_at_ms)?;
    }
    if !taken.is_empty() {
        let answer = TakenSubjects {
            asking: ask.asking,
            until_ms,
            keys: taken.clone(),
        };
        Arc::make_mut(&mut tables.memory.taken).insert(ask.shard, answer);
    }
    Ok(taken)
}

/// Of some subjects of a shard, those that another key seals.
pub(in crate::store::embedded) fn under_other_keys(
    snapshot: &Snapshot,
    (shard, key_id): (Shard, &str),
    (from, count): (Option<&[u8]>, u16),
) -> Result<SubjectPage, StepError> {
    let table = snapshot.0.open_table(SUBJECTS).map_err(of_table)?;
    let first = slot_key(shard, &[0; 16]);
    let last = slot_key(shard, &[u8::MAX; 16]);
    let from = from.map_or(Bound::Included(first.as_slice()), Bound::Excluded);
    let bounds = (from, Bound::Included(last.as_slice()));
    let mut page = SubjectPage::default();
    let mut looked_at = 0;
    for entry in table.range::<&[u8]>(bounds)?.take(usize::from(count)) {
        let (slot, bytes) = entry?;
        looked_at += 1;
        page.next = Some(slot.value().to_vec());
        // What another release wrote names no key that we could know.
        let stored: Option<SubjectEntry> = decode(bytes.value()).ok();
        let sealing = stored
            .as_ref()
            .and_then(|stored| seal::key_id(&stored.sealed));
        if sealing != Some(key_id) {
            page.found.extend(subject_of(slot.value(), shard));
        }
    }
    if looked_at < usize::from(count) {
        page.next = None;
    }
    Ok(page)
}

fn subject_of(slot: &[u8], shard: Shard) -> Option<SubjectKey> {
    let random = *slot.last_chunk()?;
    Some(SubjectKey(RecordId { shard, random }))
}

pub(in crate::store::embedded) fn audit(
    snapshot: &Snapshot,
    key: SubjectKey,
    (from, count): (u32, u16),
) -> Result<Vec<Vec<u8>>, StepError> {
    let table = snapshot.0.open_table(SUBJECT_AUDIT).map_err(of_table)?;
    let (first, last) = audit_bounds(&record_key(key.0));
    let lines = table.range::<&[u8]>(first.as_slice()..=last.as_slice())?;
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    lines
        .skip(from)
        .take(usize::from(count))
        .map(|line| Ok(line?.1.value().to_vec()))
        .collect()
}

pub(in crate::store::embedded) fn note(
    tables: &mut Tables<'_>,
    key: NumberKey,
    note: &NoteNumber,
) -> Result<bool, StepError> {
    let mut own = tables.open_subjects()?;
    let slot = slot_key(key.shard, &key.tag.0);
    let before: NumberNote = read_as(&own.numbers, &slot)?.unwrap_or_default();
    let mut after = before.clone();
    let is_noted = after.apply(note, tables.now_ms);
    if after == before {
        return Ok(is_noted);
    }
    tables.is_changed = true;
    if after == NumberNote::default() {
        own.numbers.remove(slot.as_slice())?;
    } else {
        let bytes = encode(tables.memory.epoch, &after);
        own.numbers.insert(slot.as_slice(), bytes.as_slice())?;
    }
    Ok(is_noted)
}

/// Supersedes what lives in the subject's account: all of it, or the step fails.
fn end_codes(tables: &mut Tables<'_>, key: SubjectKey) -> Result<(), StepError> {
    let now_ms = tables.now_ms;
    let mut account = tables.number(key.0.shard, key.account())?;
    let mut ended = Vec::with_capacity(account.number.live.len());
    for live in &account.number.live {
        if let Some(mut loaded) = tables.record(live.id)?
            && loaded.record.status_at(now_ms).is_open()
        {
            loaded.record.decide(Status::Superseded, now_ms);
            ended.push(loaded);
        }
    }
    for loaded in &ended {
        tables.write_record(loaded)?;
    }
    if !account.number.live.is_empty() {
        account.number.live.clear();
        tables.write_number(account)?;
    }
    Ok(())
}

/// Moves the one entry that the subject may have in the ledger.
fn move_due(
    own: &mut SubjectTables<'_>,
    key: SubjectKey,
    due_at_ms: Option<u64>,
) -> Result<(), StepError> {
    let slot = record_key(key.0);
    let id = key.0;
    let before = read(&own.dues, &slot)?.and_then(|bytes| bytes.try_into().ok());
    if let Some(before_ms) = before.map(u64::from_be_bytes) {
        let due = WatchKey {
            due_at_ms: before_ms,
            id,
        };
        own.ledger.remove(due.to_bytes().as_slice())?;
    }
    let Some(due_at_ms) = due_at_ms else {
        own.dues.remove(slot.as_slice())?;
        return Ok(());
    };
    own.dues
        .insert(slot.as_slice(), due_at_ms.to_be_bytes().as_slice())?;
    let due = WatchKey { due_at_ms, id };
    own.ledger
        .insert(due.to_bytes().as_slice(), [].as_slice())?;
    Ok(())
}

/// Puts lines behind those there are, and drops the oldest beyond what is kept.
fn append(
    own: &mut SubjectTables<'_>,
    slot: &SlotKey,
    ask: &WriteSubject,
) -> Result<(), StepError> {
    if ask.audit.is_empty() {
        return Ok(());
    }
    let (first, last) = audit_bounds(slot);
    let mut next = {
        let mut lines = own
            .audit
            .range::<&[u8]>(first.as_slice()..=last.as_slice())?;
        match lines.next_back() {
            Some(latest) => line_number(latest?.0.value()).saturating_add(1),
            None => 0,
        }
    };
    for line in &ask.audit {
        own.audit
            .insert(audit_key(slot, next).as_slice(), line.as_slice())?;
        next = next.saturating_add(1);
    }
    // Lines are numbered without a gap.
    let keep_from = next.saturating_sub(u64::from(ask.audit_keep.max(1)));
    let until = audit_key(slot, keep_from);
    own.audit
        .retain_in::<&[u8], _>(first.as_slice()..until.as_slice(), |_, _| false)?;
    Ok(())
}

const LINE_NUMBER_LENGTH: usize = 8;

fn audit_key(slot: &SlotKey, number: u64) -> Vec<u8> {
    let mut key = slot.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn audit_bounds(slot: &SlotKey) -> (Vec<u8>, Vec<u8>) {
    (audit_key(slot, 0), audit_key(slot, u64::MAX))
}

fn line_number(key: &[u8]) -> u64 {
    let number = key.last_chunk::<LINE_NUMBER_LENGTH>();
    number.copied().map_or(0, u64::from_be_bytes)
}
