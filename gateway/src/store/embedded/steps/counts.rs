//! What became of messages, hour by hour.

use crate::id::Shard;
use crate::routing::{CountRoutes, HourCounts};
use crate::store::embedded::codec::{Kept, SlotKey, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

/// Names an hour's entry.
pub(in crate::store::embedded) fn hour_key(hour: u64) -> SlotKey {
    slot_key(Shard::FIRST, &u128::from(hour).to_be_bytes())
}

pub(in crate::store::embedded) fn count(
    tables: &mut Tables<'_>,
    ask: &CountRoutes,
) -> Result<(), StepError> {
    let kept_until_ms = ask.kept_until_ms();
    if kept_until_ms <= tables.now_ms {
        return Ok(());
    }
    let key = hour_key(ask.hour);
    let stored: Option<HourCounts> = read_as(&tables.counts, &key)?;
    if stored.is_none() {
        tables.expire_at(kept_until_ms, Kept::Counts, &key)?;
    }
    let mut counts = stored.unwrap_or_default();
    if counts.add(ask) {
        tables.is_changed = true;
        let bytes = encode(tables.memory.epoch, &counts);
        tables.counts.insert(key.as_slice(), bytes.as_slice())?;
    }
    Ok(())
}
