//! Which records are watched for webhooks, and when each is looked at again.

use std::ops::Bound;

use redb::ReadableTable;

use crate::id::{RecordId, Shard};
use crate::store::embedded::codec::{
    Kept, SlotKey, WatchKey, decode, encode, record_key, slot_key,
};
use crate::store::embedded::tables::{StepError, Tables, read, read_as};
use crate::store::subjects::EventWatch;
use crate::store::webhooks::{
    NextLook, SaveWatch, TakeWatches, WatchAsk, WatchEntry, WatchName, WatchPage, Watched,
};
use crate::verification::TenantTag;

/// What this release cannot read is looked at again after so long.
const UNREADABLE_AGAIN_MS: u64 = 3_600_000;

pub(in crate::store::embedded) fn watch(
    tables: &mut Tables<'_>,
    ask: &WatchAsk,
) -> Result<(), StepError> {
    if load(tables, ask.id)?.is_some() {
        return Ok(());
    }
    let entry = WatchEntry::new(ask, tables.now_ms);
    tables.expire_at(entry.kept_until_ms, Kept::Watch, &record_key(ask.id))?;
    write(tables, ask.id, (None, &entry))
}

/// Watches what is to be told as it is, once. It is due at once.
pub(in crate::store::embedded) fn tell(
    tables: &mut Tables<'_>,
    tenant: TenantTag,
    event: &EventWatch,
) -> Result<(), StepError> {
    let ask = WatchAsk {
        id: event.id,
        tenant,
        look_after_ms: 0,
        keep_for_ms: event.keep_for_ms,
    };
    if read(&tables.watches, &record_key(event.id))?.is_some() {
        return Ok(());
    }
    let mut entry = WatchEntry::new(&ask, tables.now_ms);
    entry.state.clone_from(&event.state);
    tables.expire_at(entry.kept_until_ms, Kept::Watch, &record_key(event.id))?;
    write(tables, event.id, (None, &entry))
}

pub(in crate::store::embedded) fn take(
    tables: &mut Tables<'_>,
    id: RecordId,
    lease_ms: u64,
) -> Result<Option<Watched>, StepError> {
    let Some(mut entry) = load(tables, id)? else {
        return Ok(None);
    };
    let before_ms = entry.due_at_ms;
    let taken = entry.take(id, lease_ms, tables.now_ms);
    write(tables, id, (Some(before_ms), &entry))?;
    Ok(taken)
}

pub(in crate::store::embedded) fn take_due(
    tables: &mut Tables<'_>,
    ask: &TakeWatches,
) -> Result<Vec<Watched>, StepError> {
    let from = WatchKey::before(ask.shard, 0);
    let until = WatchKey::before(ask.shard, tables.now_ms + 1);
    let bounds = (
        Bound::Included(from.as_slice()),
        Bound::Excluded(until.as_slice()),
    );
    let mut due = Vec::new();
    let entries = tables.watch_ledger.range::<&[u8]>(bounds)?;
    for entry in entries.take(usize::from(ask.count_max)) {
        due.extend(WatchKey::parse(entry?.0.value()));
    }
    let mut taken = Vec::with_capacity(due.len());
    for key in due {
        match take(tables, key.id, ask.lease_ms) {
            Ok(Some(watched)) => taken.push(watched),
            // Its entry is gone, and with it all there was to do.
            Ok(None) => forget_due(tables, key)?,
            Err(StepError::Step(_)) => {
                forget_due(tables, key)?;
                let later = WatchKey {
                    due_at_ms: tables.now_ms + UNREADABLE_AGAIN_MS,
                    id: key.id,
                };
                tables
                    .watch_ledger
                    .insert(later.to_bytes().as_slice(), [].as_slice())?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

pub(in crate::store::embedded) fn save(
    tables: &mut Tables<'_>,
    ask: &SaveWatch,
) -> Result<bool, StepError> {
    let Some(mut entry) = load(tables, ask.id)? else {
        return Ok(false);
    };
    let before_ms = entry.due_at_ms;
    if !entry.save(ask, tables.now_ms) {
        return Ok(false);
    }
    if ask.next == NextLook::Forget {
        let due = WatchKey {
            due_at_ms: before_ms,
            id: ask.id,
        };
        forget_due(tables, due)?;
        tables.watches.remove(record_key(ask.id).as_slice())?;
        return Ok(true);
    }
    write(tables, ask.id, (Some(before_ms), &entry))?;
    Ok(true)
}

pub(in crate::store::embedded) fn note_report(
    tables: &mut Tables<'_>,
    id: RecordId,
) -> Result<(), StepError> {
    let Some(mut entry) = load(tables, id)? else {
        return Ok(());
    };
    if entry.reported_at_ms != 0 {
        return Ok(());
    }
    let before_ms = entry.due_at_ms;
    entry.reported_at_ms = tables.now_ms;
    entry.wake(tables.now_ms);
    write(tables, id, (Some(before_ms), &entry))
}

pub(in crate::store::embedded) fn list(
    tables: &mut Tables<'_>,
    shard: Shard,
    (from, count): (Option<&[u8]>, u16),
) -> Result<WatchPage, StepError> {
    let first = slot_key(shard, &[0; 16]);
    let last = slot_key(shard, &[u8::MAX; 16]);
    let from = from.map_or(Bound::Included(first.as_slice()), Bound::Excluded);
    let bounds = (from, Bound::Included(last.as_slice()));
    let mut page = WatchPage::default();
    let mut seen = 0;
    for entry in tables
        .watches
        .range::<&[u8]>(bounds)?
        .take(usize::from(count))
    {
        let (key, value) = entry?;
        seen += 1;
        page.next = Some(key.value().to_vec());
        let (Some(id), Ok(entry)) = (id_of(shard, key.value()), decode(value.value())) else {
            continue;
        };
        let entry: WatchEntry = entry;
        page.found.push(WatchName {
            id,
            tenant: entry.tenant,
            made_at_ms: entry.made_at_ms,
        });
    }
    if seen < usize::from(count) {
        page.next = None;
    }
    Ok(page)
}

fn id_of(shard: Shard, key: &[u8]) -> Option<RecordId> {
    let key: SlotKey = key.try_into().ok()?;
    let (_, random) = key.split_first_chunk::<2>()?;
    Some(RecordId {
        shard,
        random: random.try_into().ok()?,
    })
}

fn load(tables: &Tables<'_>, id: RecordId) -> Result<Option<WatchEntry>, StepError> {
    let entry: Option<WatchEntry> = read_as(&tables.watches, &record_key(id))?;
    Ok(entry.filter(|entry| entry.kept_until_ms > tables.now_ms))
}

/// Writes an entry and moves what stands for it in the ledger.
fn write(
    tables: &mut Tables<'_>,
    id: RecordId,
    (due_before_ms, entry): (Option<u64>, &WatchEntry),
) -> Result<(), StepError> {
    if let Some(due_at_ms) = due_before_ms.filter(|before_ms| *before_ms != entry.due_at_ms) {
        forget_due(tables, WatchKey { due_at_ms, id })?;
    }
    let due = WatchKey {
        due_at_ms: entry.due_at_ms,
        id,
    };
    tables.is_changed = true;
    tables
        .watch_ledger
        .insert(due.to_bytes().as_slice(), [].as_slice())?;
    let bytes = encode(tables.memory.epoch, entry);
    tables
        .watches
        .insert(record_key(id).as_slice(), bytes.as_slice())?;
    Ok(())
}

fn forget_due(tables: &mut Tables<'_>, key: WatchKey) -> Result<(), StepError> {
    tables.is_changed = true;
    tables.watch_ledger.remove(key.to_bytes().as_slice())?;
    Ok(())
}
