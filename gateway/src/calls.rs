//! A call on its way: the provider asks what to say, and a code is said only
//! where a person has pressed a key and the verification is still pending.

mod desk;
mod report;

use serde::{Deserialize, Serialize};

pub use desk::CallDesk;
pub(crate) use desk::{asks, on_the_line_max, tells_of_ends};
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
pub struct CallEntry {
    pub kept_until_ms: u64,
    call: [u8; 16],
    /// How often it has asked, this time included.
    pub questions: u32,
}

/// More questions are not counted: long before, nothing is said any more.
const QUESTIONS_COUNTED: u32 = 1000;

impl CallEntry {
    /// What is kept after a question, of what was kept before it; `None` if
    /// another call was seen first.
    pub fn asked(kept: Option<Self>, ask: &CallAsk, now_ms: u64) -> Option<Self> {
        let unseen = Self {
            kept_until_ms: ask.kept_until_ms,
            call: ask.call,
            questions: 0,
        };
        let kept = kept.filter(|entry| entry.kept_until_ms > now_ms);
        let mut entry = kept.unwrap_or(unseen);
        if entry.call != ask.call {
            return None;
        }
        entry.questions = (entry.questions + 1).min(QUESTIONS_COUNTED);
        Some(entry)
    }

    /// Whether it has asked for the first time.
    pub(crate) fn is_new(&self) -> bool {
        self.questions == 1
    }
}
