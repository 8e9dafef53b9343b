//! Turns of a rate.

use crate::admission::turns::{TurnState, Turns, TurnsAsk};
use crate::store::embedded::codec::{Kept, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn turns(
    tables: &mut Tables<'_>,
    ask: &TurnsAsk,
) -> Result<Turns, StepError> {
    let key = slot_key(ask.key.shard, &ask.key.tag);
    let stored: Option<TurnState> = read_as(&tables.turns, &key)?;
    let before = stored.unwrap_or_default();
    let mut state = before;
    let given = state.take(ask, tables.now_ms);
    if state != before {
        if stored.is_none() {
            tables.expire_at(state.expires_at_ms(), Kept::Turns, &key)?;
        }
        tables.is_changed = true;
        let bytes = encode(tables.memory.epoch, &state);
        tables.turns.insert(key.as_slice(), bytes.as_slice())?;
    }
    Ok(given)
}
