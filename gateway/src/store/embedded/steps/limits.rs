//! Limits outside a number's record, all of one flush in one step; and turns of
//! a rate.

use crate::admission::gcra::Denied;
use crate::admission::limits::{LimitAsk, LimitState, LimitStep};
use crate::admission::turns::{TurnState, Turns, TurnsAsk};
use crate::store::embedded::codec::{Kept, SlotKey, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn limits(
    tables: &mut Tables<'_>,
    asks: &[LimitAsk],
) -> Result<Vec<Result<(), Denied>>, StepError> {
    // Two questions of one flush may be about the same limit.
    let mut states: Vec<Limit> = Vec::with_capacity(asks.len());
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        let key = slot_key(ask.key.shard, &ask.key.tag);
        if !states.iter().any(|limit| limit.key == key) {
            states.push(Limit::load(tables, key)?);
        }
        if let Some(limit) = states.iter_mut().find(|limit| limit.key == key) {
            answers.push(limit.apply(ask, tables.now_ms));
        }
    }
    for limit in states {
        limit.write(tables)?;
    }
    Ok(answers)
}

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

struct Limit {
    key: SlotKey,
    state: LimitState,
    is_new: bool,
    is_changed: bool,
}

impl Limit {
    fn load(tables: &Tables<'_>, key: SlotKey) -> Result<Self, StepError> {
        let stored: Option<LimitState> = read_as(&tables.limits, &key)?;
        Ok(Self {
            key,
            is_new: stored.is_none(),
            state: stored.unwrap_or_default(),
            is_changed: false,
        })
    }

    fn apply(&mut self, ask: &LimitAsk, now_ms: u64) -> Result<(), Denied> {
        let mut state = self.state.clone();
        state.apply(ask, now_ms)?;
        match ask.step {
            LimitStep::Take | LimitStep::GiveBack => {
                self.is_changed |= state != self.state;
                self.state = state;
            }
            LimitStep::Peek => {}
        }
        Ok(())
    }

    fn write(self, tables: &mut Tables<'_>) -> Result<(), StepError> {
        if !self.is_changed {
            return Ok(());
        }
        if self.is_new {
            tables.expire_at(self.state.expires_at_ms(), Kept::Limit, &self.key)?;
        }
        tables.is_changed = true;
        let bytes = encode(tables.memory.epoch, &self.state);
        tables
            .limits
            .insert(self.key.as_slice(), bytes.as_slice())?;
        Ok(())
    }
}
