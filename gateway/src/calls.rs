//! A call on its way: the provider asks what to say, and a code is said only
//! where a person has pressed a key and the verification is still pending.

mod desk;
mod report;

use serde::{Deserialize, Serialize};

pub use desk::CallDesk;
pub(crate) use desk::asks;
pub(crate) use report::report;

use crate::id::Shard;

/// The name of an attempt's call: a keyed hash, and where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallKey {
    pub shard: Shard,
    pub tag: [u8; 16],
}

/// A call that asks what to say. Of one attempt, only the first call that was
/// seen is told anything.
#[derive(Clone, Copy, Debug)]
pub struct CallAsk {
    pub key: CallKey,
    /// A keyed hash of the provider's own id for the call.
    pub call: [u8; 16],
    /// Until when it is remembered, in the store's time.
    pub kept_until_ms: u64,
}

/// What is kept of a call. `bind_call.lua` says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallEntry {
    pub(crate) kept_until_ms: u64,
    call: [u8; 16],
    /// How often it has asked.
    pub(crate) questions: u32,
}

/// More questions are not counted: long before, nothing is said any more.
const QUESTIONS_COUNTED: u32 = 1000;

impl CallEntry {
    /// A call that has not asked yet.
    pub(crate) fn of(ask: &CallAsk) -> Self {
        Self {
            kept_until_ms: ask.kept_until_ms,
            call: ask.call,
            questions: 0,
        }
    }

    /// Counts one more question; `false` if another call asks.
    pub(crate) fn ask(&mut self, ask: &CallAsk) -> bool {
        if self.call != ask.call {
            return false;
        }
        self.questions = (self.questions + 1).min(QUESTIONS_COUNTED);
        true
    }
}
