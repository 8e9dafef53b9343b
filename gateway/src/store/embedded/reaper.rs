//! Deletes what has expired, a bounded step at a time, within the transactions
//! that are written anyway.

use redb::ReadableTable;

use super::codec::{Kept, SlotKey, WatchKey, decode, parse_expiry};
use super::steps::idempotency::Answered;
use super::tables::{StepError, StoredNumber, Tables, kept_until_ms, read, read_as};
use crate::admission::limits::LimitState;
use crate::admission::turns::TurnState;
use crate::calls::CallEntry;
use crate::id::{RecordId, Shard};
use crate::receipts::MessageEntry;
use crate::routing::HourCounts;
use crate::store::StoreError;
use crate::store::webhooks::WatchEntry;
use crate::verification::Record;

/// Expiries one step looks at.
pub(super) const STEP: usize = 64;

/// What this release cannot read is looked at again after so long, for the
/// release that can.
const UNREADABLE_AGAIN_MS: u64 = 86_400_000;

/// Whether the next step finds more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaped {
    All,
    MoreWaits,
}

/// Looks at what should have expired by now.
pub(super) fn reap(tables: &mut Tables<'_>) -> Result<Reaped, StepError> {
    let until = (tables.now_ms + 1).to_be_bytes();
    let mut keys = Vec::with_capacity(STEP);
    for entry in tables.expiry.range::<&[u8]>(..until.as_slice())?.take(STEP) {
        keys.push(entry?.0.value().to_vec());
    }
    for key in &keys {
        if let Some((kept, slot)) = parse_expiry(key) {
            match look(tables, kept, &slot) {
                Ok(None) => {}
                Ok(Some(at_ms)) => tables.expire_at(at_ms, kept, &slot)?,
                Err(StepError::Step(_)) => {
                    let again_ms = tables.now_ms + UNREADABLE_AGAIN_MS;
                    tables.expire_at(again_ms, kept, &slot)?;
                }
                Err(error) => return Err(error),
            }
        }
        tables.is_changed = true;
        tables.expiry.remove(key.as_slice())?;
    }
    Ok(if keys.len() < STEP {
        Reaped::All
    } else {
        Reaped::MoreWaits
    })
}

/// Deletes it, or says when to look again.
fn look(tables: &mut Tables<'_>, kept: Kept, key: &SlotKey) -> Result<Option<u64>, StepError> {
    let now_ms = tables.now_ms;
    let until_ms = match kept {
        Kept::Record => return look_at_record(tables, key),
        Kept::Counts => return look_at_counts(tables, key),
        Kept::Number => {
            let until_ms = tables
                .raw_number(key)?
                .map(|bytes| decode::<StoredNumber>(&bytes))
                .transpose()?
                .map(|stored| stored.kept_until_ms);
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.delete_number(key)?;
            }
            until_ms
        }
        Kept::Idempotency => {
            let until_ms = read(&tables.idempotency, key)?
                .map(|bytes| decode::<Answered>(&bytes))
                .transpose()?
                .map(|answered| answered.kept_until_ms);
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.idempotency.remove(key.as_slice())?;
            }
            until_ms
        }
        Kept::Limit => {
            let until_ms = read(&tables.limits, key)?
                .map(|bytes| decode::<LimitState>(&bytes))
                .transpose()?
                .map(|state| state.expires_at_ms());
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.limits.remove(key.as_slice())?;
            }
            until_ms
        }
        Kept::Message => {
            let until_ms = read(&tables.messages, key)?
                .map(|bytes| decode::<MessageEntry>(&bytes))
                .transpose()?
                .map(|entry| entry.kept_until_ms);
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.messages.remove(key.as_slice())?;
            }
            until_ms
        }
        Kept::Call => {
            let until_ms = read(&tables.calls, key)?
                .map(|bytes| decode::<CallEntry>(&bytes))
                .transpose()?
                .map(|entry| entry.kept_until_ms);
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.calls.remove(key.as_slice())?;
            }
            until_ms
        }
        Kept::Watch => return look_at_watch(tables, key),
        Kept::Turns => {
            let until_ms = read(&tables.turns, key)?
                .map(|bytes| decode::<TurnState>(&bytes))
                .transpose()?
                .map(|state| state.expires_at_ms());
            if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                tables.turns.remove(key.as_slice())?;
            }
            until_ms
        }
    };
    Ok(until_ms.filter(|until_ms| *until_ms > now_ms))
}

fn look_at_watch(tables: &mut Tables<'_>, key: &SlotKey) -> Result<Option<u64>, StepError> {
    let entry = read_as::<WatchEntry>(&tables.watches, key)?;
    let Some(entry) = entry else {
        return Ok(None);
    };
    if entry.kept_until_ms > tables.now_ms {
        return Ok(Some(entry.kept_until_ms));
    }
    let due = WatchKey {
        due_at_ms: entry.due_at_ms,
        id: id_of(key)?,
    };
    tables.watch_ledger.remove(due.to_bytes().as_slice())?;
    tables.watches.remove(key.as_slice())?;
    Ok(None)
}

fn look_at_record(tables: &mut Tables<'_>, key: &SlotKey) -> Result<Option<u64>, StepError> {
    let Some(bytes) = tables.raw_record(key)? else {
        return Ok(None);
    };
    let record: Record = decode(&bytes)?;
    let until_ms = kept_until_ms(&record, tables.memory.retention_ms);
    if tables.now_ms < until_ms {
        return Ok(Some(until_ms));
    }
    tables.delete_record(id_of(key)?, &record.deliveries)?;
    Ok(None)
}

fn look_at_counts(tables: &mut Tables<'_>, key: &SlotKey) -> Result<Option<u64>, StepError> {
    let Some(counts) = read_as::<HourCounts>(&tables.counts, key)? else {
        return Ok(None);
    };
    if tables.now_ms < counts.kept_until_ms {
        return Ok(Some(counts.kept_until_ms));
    }
    tables.counts.remove(key.as_slice())?;
    Ok(None)
}

fn id_of(key: &SlotKey) -> Result<RecordId, StoreError> {
    let damaged = || StoreError::Damaged {
        reason: "its key names no shard".into(),
    };
    let (shard, random) = key.split_first_chunk::<2>().ok_or_else(damaged)?;
    Ok(RecordId {
        shard: Shard::new(u16::from_be_bytes(*shard)).ok_or_else(damaged)?,
        random: random.try_into().map_err(|_| damaged())?,
    })
}
