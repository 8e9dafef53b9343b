//! Limits that live outside a number's record: per number over all tenants, per
//! client address, per day and region. One key holds the state of all its rules.

use serde::{Deserialize, Serialize};

use crate::admission::gcra::{Denied, Gcra, GcraRule};
use crate::id::Shard;
use crate::verification::OperationId;

/// A keyed hash that names one limit's state, and the shard that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitKey {
    pub shard: Shard,
    pub tag: [u8; 16],
}

/// One rule of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitRule {
    Rate(GcraRule),
    /// So many in a UTC day: a bound on money, where a rolling rate would let
    /// twice as many through.
    Daily {
        max: u32,
    },
}

/// What to do with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitStep {
    /// Take one from every rule, or from none.
    Take,
    /// Say whether one could be taken.
    Peek,
    /// Give back one to every rule. The caller has taken it before.
    GiveBack,
}

/// A question about one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitAsk {
    pub key: LimitKey,
    pub rules: Vec<LimitRule>,
    pub step: LimitStep,
    /// Named anew for every question: a repetition of the last take, or of the
    /// last give-back, changes nothing more.
    pub operation: OperationId,
}

/// The state of one limit, for all its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    pub rules: Vec<RuleState>,
    pub last_taken: Option<OperationId>,
    pub last_given_back: Option<OperationId>,
}

/// The state of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleState {
    Rate(Gcra),
    Daily { day: u64, count: u32 },
}

/// One day in ms.
pub const DAY_MS: u64 = 86_400_000;

impl LimitState {
    /// Answers the question and changes the state accordingly.
    ///
    /// # Errors
    ///
    /// [`Denied`] by the rule that opens last; nothing has changed.
    pub fn apply(&mut self, ask: &LimitAsk, now_ms: u64) -> Result<(), Denied> {
        self.fit(&ask.rules, now_ms);
        match ask.step {
            LimitStep::Peek => self.denied(&ask.rules, now_ms).map_or(Ok(()), Err),
            LimitStep::Take => {
                if self.last_taken == Some(ask.operation) {
                    return Ok(());
                }
                if let Some(denied) = self.denied(&ask.rules, now_ms) {
                    return Err(denied);
                }
                for (state, rule) in self.rules.iter_mut().zip(&ask.rules) {
                    state.take(*rule, now_ms);
                }
                self.last_taken = Some(ask.operation);
                Ok(())
            }
            LimitStep::GiveBack => {
                if self.last_given_back == Some(ask.operation) {
                    return Ok(());
                }
                for (state, rule) in self.rules.iter_mut().zip(&ask.rules) {
                    state.give_back(*rule);
                }
                self.last_given_back = Some(ask.operation);
                Ok(())
            }
        }
    }

    /// When the state is worth nothing any more, in ms since the Unix epoch.
    pub fn expires_at_ms(&self) -> u64 {
        let of_rule = |state: &RuleState| match state {
            RuleState::Rate(gcra) => gcra.0.div_ceil(1000),
            RuleState::Daily { day, .. } => (day + 1) * DAY_MS,
        };
        self.rules.iter().map(of_rule).max().unwrap_or(0)
    }

    /// Brings the states to the rules: a rule that is new or of another kind starts empty.
    fn fit(&mut self, rules: &[LimitRule], now_ms: u64) {
        let today = now_ms / DAY_MS;
        let old = std::mem::take(&mut self.rules);
        let mut old = old.into_iter();
        self.rules = rules
            .iter()
            .map(|rule| match (rule, old.next()) {
                (LimitRule::Rate(_), Some(RuleState::Rate(gcra))) => RuleState::Rate(gcra),
                (LimitRule::Rate(_), _) => RuleState::Rate(Gcra::default()),
                (LimitRule::Daily { .. }, Some(RuleState::Daily { day, count }))
                    if day == today =>
                {
                    RuleState::Daily { day, count }
                }
                (LimitRule::Daily { .. }, _) => RuleState::Daily {
                    day: today,
                    count: 0,
                },
            })
            .collect();
    }

    fn denied(&self, rules: &[LimitRule], now_ms: u64) -> Option<Denied> {
        let mut last: Option<Denied> = None;
        for (index, (state, rule)) in self.rules.iter().zip(rules).enumerate() {
            if let Some(available_at_ms) = state.available_at_ms(*rule, now_ms)
                && last.is_none_or(|earlier| earlier.available_at_ms < available_at_ms)
            {
                let rule = u8::try_from(index).unwrap_or(u8::MAX);
                last = Some(Denied {
                    rule,
                    available_at_ms,
                });
            }
        }
        last
    }
}

impl RuleState {
    /// `None` if one can be taken now.
    fn available_at_ms(self, rule: LimitRule, now_ms: u64) -> Option<u64> {
        match (self, rule) {
            (Self::Rate(gcra), LimitRule::Rate(rule)) => {
                Gcra::take_all(&mut vec![gcra], &[rule], now_ms)
                    .err()
                    .map(|denied| denied.available_at_ms)
            }
            (Self::Daily { day, count }, LimitRule::Daily { max }) => {
                (count >= max).then_some((day + 1) * DAY_MS)
            }
            (Self::Rate(_), LimitRule::Daily { .. }) | (Self::Daily { .. }, LimitRule::Rate(_)) => {
                None
            }
        }
    }

    fn take(&mut self, rule: LimitRule, now_ms: u64) {
        match (self, rule) {
            (Self::Rate(gcra), LimitRule::Rate(rule)) => {
                let from_us = gcra.0.max(now_ms.saturating_mul(1000));
                gcra.0 = from_us.saturating_add(rule.interval_us());
            }
            (Self::Daily { count, .. }, LimitRule::Daily { .. }) => {
                *count = count.saturating_add(1)
            }
            (Self::Rate(_), LimitRule::Daily { .. }) | (Self::Daily { .. }, LimitRule::Rate(_)) => {
            }
        }
    }

    fn give_back(&mut self, rule: LimitRule) {
        match (self, rule) {
            (Self::Rate(gcra), LimitRule::Rate(rule)) => {
                gcra.0 = gcra.0.saturating_sub(rule.interval_us());
            }
            (Self::Daily { count, .. }, LimitRule::Daily { .. }) => {
                *count = count.saturating_sub(1)
            }
            (Self::Rate(_), LimitRule::Daily { .. }) | (Self::Daily { .. }, LimitRule::Rate(_)) => {
            }
        }
    }
}

#[cfg(test)]
mod tests;
