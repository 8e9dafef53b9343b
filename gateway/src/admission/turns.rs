//! Turns of a rate that all nodes share: each is a moment from which one
//! submission may start, given to one node and to no other. `turns.lua` says the
//! same for the Redis store.

use serde::{Deserialize, Serialize};

use crate::admission::limits::LimitKey;
use crate::verification::OperationId;

/// How turns follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnRule {
    /// From one turn to the next, in ns: at the highest rates whole µs would be
    /// off by several percent. At least 1.
    pub interval_ns: u64,
    /// A turn that nobody asked for is lost so long after its moment.
    pub behind_us: u64,
    /// A turn is given at most so long before its moment.
    pub ahead_us: u64,
}

/// A question for turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnsAsk {
    /// Names the rate.
    pub key: LimitKey,
    pub rule: TurnRule,
    /// At most so many.
    pub count: u32,
    /// Named anew for every question: a repetition of the last one is given the
    /// same turns.
    pub operation: OperationId,
}

/// Turns that now belong to whoever asked, or none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turns {
    /// 0: none can be given yet.
    pub count: u32,
    /// The moment of the first, or of the next one to come, in µs since the
    /// Unix epoch by the store's clock.
    pub first_us: u64,
    /// The store's clock.
    pub now_us: u64,
}

/// The state of one rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnState {
    /// The moment of the first turn that nobody has.
    pub next_us: u64,
    pub last: Option<LastGiven>,
}

/// What was given last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGiven {
    pub operation: OperationId,
    pub first_us: u64,
    pub count: u32,
}

/// For how long after its next turn a state is kept, in ms: the last question
/// may be asked again.
const KEPT_MS: u64 = 10_000;

/// The store's clock may go back so far without a turn being given twice, in µs.
const CLOCK_STEP_US: u64 = 1_000_000;

impl TurnState {
    /// Gives as many turns as were asked for and can be given now. Turns that
    /// nobody took are not saved up.
    pub fn take(&mut self, ask: &TurnsAsk, now_ms: u64) -> Turns {
        let now_us = now_ms.saturating_mul(1000);
        if let Some(last) = self.last
            && last.operation == ask.operation
        {
            return Turns {
                count: last.count,
                first_us: last.first_us,
                now_us,
            };
        }
        let rule = ask.rule;
        let interval_ns = rule.interval_ns.max(1);
        let latest_us = now_us.saturating_add(rule.ahead_us);
        let possible_us = latest_us
            .saturating_add(interval_ns.div_ceil(1000))
            .saturating_add(CLOCK_STEP_US);
        let first_us = if self.next_us > possible_us {
            // Written under another rate, or by another clock: it begins anew.
            now_us
        } else {
            self.next_us.max(now_us.saturating_sub(rule.behind_us))
        };
        let count = latest_us.checked_sub(first_us).map_or(0, |room_us| {
            let fitting = room_us.saturating_mul(1000) / interval_ns + 1;
            u32::try_from(fitting).unwrap_or(u32::MAX).min(ask.count)
        });
        if count > 0 {
            let taken_us = u64::from(count).saturating_mul(interval_ns).div_ceil(1000);
            self.next_us = first_us.saturating_add(taken_us);
            self.last = Some(LastGiven {
                operation: ask.operation,
                first_us,
                count,
            });
        }
        Turns {
            count,
            first_us,
            now_us,
        }
    }

    /// When the state is worth nothing any more, in ms since the Unix epoch.
    pub fn expires_at_ms(&self) -> u64 {
        self.next_us.div_ceil(1000).saturating_add(KEPT_MS)
    }
}

#[cfg(test)]
mod tests;
