//! Which call an attempt is, as its provider names it.

use crate::calls::{CallAsk, CallEntry};
use crate::store::embedded::codec::{Kept, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn bind(
    tables: &mut Tables<'_>,
    ask: &CallAsk,
) -> Result<Option<u32>, StepError> {
    let key = slot_key(ask.key.shard, &ask.key.tag);
    let kept: Option<CallEntry> = read_as(&tables.calls, &key)?;
    let Some(entry) = CallEntry::asked(kept, ask, tables.now_ms) else {
        return Ok(None);
    };
    if entry.is_new() {
        tables.expire_at(entry.kept_until_ms, Kept::Call, &key)?;
    }
    tables.is_changed = true;
    let bytes = encode(tables.memory.epoch, &entry);
    tables.calls.insert(key.as_slice(), bytes.as_slice())?;
    Ok(Some(entry.questions))
}
