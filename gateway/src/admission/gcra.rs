//! The generic cell rate algorithm: one number of state per rule, exact, in
//! integers. The limit scripts of the Redis store say the same in Lua.

use serde::{Deserialize, Serialize};

/// `count` at once, refilled evenly over `per_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GcraRule {
    /// At least 1.
    pub count: u32,
    pub per_ms: u64,
}

impl GcraRule {
    /// The time that brings one back, in µs; at least 1.
    pub fn interval_us(self) -> u64 {
        (self.per_ms.saturating_mul(1000) / u64::from(self.count.max(1))).max(1)
    }

    /// How far the state may run ahead of the clock, in µs.
    pub fn tolerance_us(self) -> u64 {
        self.interval_us().saturating_mul(u64::from(self.count))
    }
}

/// The state of one rule: its theoretical arrival time, in µs since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gcra(pub u64);

/// The rule that refused, and from when it would not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Counted from 0, in the order of the rules given.
    pub rule: u8,
    pub available_at_ms: u64,
}

impl Gcra {
    /// Takes one from every rule, or from none.
    ///
    /// `states` is brought to the length of `rules`.
    ///
    /// # Errors
    ///
    /// [`Denied`] by the rule that opens last; nothing is taken.
    pub fn take_all(states: &mut Vec<Self>, rules: &[GcraRule], now_ms: u64) -> Result<(), Denied> {
        states.resize(rules.len(), Self::default());
        let now_us = now_ms.saturating_mul(1000);
        let mut denied: Option<Denied> = None;
        for (index, (state, rule)) in states.iter().zip(rules).enumerate() {
            let next_us = state.0.max(now_us).saturating_add(rule.interval_us());
            let allowed_from_us = next_us.saturating_sub(rule.tolerance_us());
            if allowed_from_us > now_us {
                let available_at_ms = allowed_from_us.div_ceil(1000);
                if denied.is_none_or(|earlier| earlier.available_at_ms < available_at_ms) {
                    denied = Some(Denied {
                        rule: u8::try_from(index).unwrap_or(u8::MAX),
                        available_at_ms,
                    });
                }
            }
        }
        if let Some(denied) = denied {
            return Err(denied);
        }
        for (state, rule) in states.iter_mut().zip(rules) {
            state.0 = state.0.max(now_us).saturating_add(rule.interval_us());
        }
        Ok(())
    }

    /// Gives one back to every rule.
    pub fn give_back(states: &mut [Self], rules: &[GcraRule]) {
        for (state, rule) in states.iter_mut().zip(rules) {
            state.0 = state.0.saturating_sub(rule.interval_us());
        }
    }

    /// How many could be taken at once now.
    pub fn left(self, rule: GcraRule, now_ms: u64) -> u32 {
        let now_us = now_ms.saturating_mul(1000);
        let used_us = self.0.saturating_sub(now_us);
        let room_us = rule.tolerance_us().saturating_sub(used_us);
        u32::try_from(room_us / rule.interval_us()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
