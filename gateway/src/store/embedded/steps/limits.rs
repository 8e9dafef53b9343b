//! Limits outside a number's record, all of one flush in one step.

use crate::admission::gcra::Denied;
use crate::admission::limits::{LimitAsk, LimitState, LimitStep};
use crate::store::LimitAnswers;
use crate::store::embedded::codec::{Kept, SlotKey, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn limits(
    tables: &mut Tables<'_>,
    asks: &[LimitAsk],
) -> Result<LimitAnswers, StepError> {
    let mut asked = Asked::load(tables, asks)?;
    let answers = std::mem::take(&mut asked.answers);
    asked.write(tables)?;
    Ok(answers)
}

/// What limits say, and what they become if that is written.
pub(super) struct Asked {
    limits: Vec<Limit>,
    pub(super) answers: LimitAnswers,
}

impl Asked {
    pub(super) fn load(tables: &Tables<'_>, asks: &[LimitAsk]) -> Result<Self, StepError> {
        // Two questions of one flush may be about the same limit.
        let mut limits: Vec<Limit> = Vec::with_capacity(asks.len());
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            let key = slot_key(ask.key.shard, &ask.key.tag);
            if !limits.iter().any(|limit| limit.key == key) {
                limits.push(Limit::load(tables, key)?);
            }
            if let Some(limit) = limits.iter_mut().find(|limit| limit.key == key) {
                answers.push(limit.apply(ask, tables.now_ms));
            }
        }
        Ok(Self { limits, answers })
    }

    pub(super) fn is_refused(&self) -> bool {
        self.answers.iter().any(Result::is_err)
    }

    pub(super) fn write(self, tables: &mut Tables<'_>) -> Result<(), StepError> {
        for limit in self.limits {
            limit.write(tables)?;
        }
        Ok(())
    }
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
