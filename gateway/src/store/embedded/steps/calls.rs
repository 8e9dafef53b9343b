//! Which call an attempt is, as its provider names it.

use crate::calls::{CallAsk, CallEntry};
use crate::store::embedded::codec::{Kept, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn bind(
    tables: &mut Tables<'_>,
    ask: &CallAsk,
) -> Result<Option<u32>, StepError> {
    let key = slot_key(ask.key.shard, &ask.key.tag);
    let before: Option<CallEntry> = read_as(&tables.calls, &key)?;
    let before = before.filter(|entry| entry.kept_until_ms > tables.now_ms);
    let is_first = before.is_none();
    let mut entry = before.unwrap_or_else(|| CallEntry::of(ask));
    if !entry.ask(ask) {
        return Ok(None);
    }
    if is_first {
        tables.expire_at(entry.kept_until_ms, Kept::Call, &key)?;
    }
    tables.is_changed = true;
    let bytes = encode(tables.memory.epoch, &entry);
    tables.calls.insert(key.as_slice(), bytes.as_slice())?;
    Ok(Some(entry.questions))
}
