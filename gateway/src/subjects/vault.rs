//! What belongs to the deployment and to no subject: the operators that were
//! seen, the sealed code of a sole one, the drills.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{ActionState, Refusal};
use super::model::{ActionId, SlowHash, Tries};

/// Operators ever seen that are remembered, at most.
const SEEN_MAX: usize = 256;
/// Removals that wait, at most.
const REMOVALS_MAX: usize = 8;
/// An approval binds this long.
const APPROVAL_MS: u64 = 86_400_000;

/// Lines of the vault's log, at most.
pub const VAULT_LOG_MAX: usize = 64;

/// Kept as a subject's record is, under a name no tenant has.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    pub operators_seen: Vec<Seen>,
    pub removals: Vec<Removal>,
    /// At most one code is live.
    pub sealed: Option<SlowHash>,
    pub sealed_at_ms: u64,
    /// 0: never.
    pub sealed_used_at_ms: u64,
    /// 0: never.
    pub last_drill_at_ms: u64,
    pub tries: Tries,
    /// What happened last, oldest first.
    pub log: Vec<(u64, String)>,
}

/// An operator that the configuration named at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub name: String,
    pub at_ms: u64,
    /// Two operators agreed that it goes.
    pub removed: bool,
}

/// An operator's removal that waits for a second one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    pub id: ActionId,
    pub operator: String,
    pub by: String,
    pub at_ms: u64,
    pub expires_at_ms: u64,
}

/// Who wants which operator removed.
#[derive(Clone, Copy, Debug)]
pub struct RemovalAsk<'a> {
    pub id: ActionId,
    pub by: &'a str,
    pub operator: &'a str,
}

impl Vault {
    /// Notes operators that the configuration names.
    pub fn see(&mut self, operators: &[Arc<str>], now_ms: u64) {
        for name in operators {
            let mut known = self.operators_seen.iter_mut();
            if let Some(seen) = known.find(|seen| *seen.name == **name) {
                if seen.removed {
                    seen.removed = false;
                    self.note(now_ms, format!("operator {name} is there again"));
                }
            } else if self.operators_seen.len() < SEEN_MAX {
                self.operators_seen.push(Seen {
                    name: (**name).to_owned(),
                    at_ms: now_ms,
                    removed: false,
                });
                self.note(now_ms, format!("operator {name} was seen first"));
            }
        }
    }

    /// Operators that are gone from the configuration though no two agreed to it.
    pub fn missing(&self, operators: &[Arc<str>]) -> Vec<&str> {
        let is_named = |seen: &Seen| operators.iter().any(|name| **name == *seen.name);
        let seen = self.operators_seen.iter();
        let missing = seen.filter(|seen| !seen.removed && !is_named(seen));
        missing.map(|seen| &*seen.name).collect()
    }

    /// A new sealed code; an earlier one is void.
    pub fn seal(&mut self, hash: SlowHash, by: &str, now_ms: u64) {
        self.sealed = Some(hash);
        self.sealed_at_ms = now_ms;
        self.tries = Tries::default();
        self.note(now_ms, format!("operator {by} drew a sealed code"));
    }

    /// The sealed code works once.
    pub fn use_sealed(&mut self, by: &str, now_ms: u64) {
        self.sealed = None;
        self.sealed_used_at_ms = now_ms;
        self.tries = Tries::default();
        self.note(now_ms, format!("operator {by} used the sealed code"));
    }

    pub fn wrong_code(&mut self, by: &str, now_ms: u64) {
        self.tries.count_wrong(now_ms);
        self.note(now_ms, format!("operator {by} typed a wrong sealed code"));
    }

    pub fn drill(&mut self, by: &str, what: &str, now_ms: u64) {
        self.last_drill_at_ms = now_ms;
        self.note(now_ms, format!("operator {by} drilled: {what}"));
    }

    /// Two operators agree that one goes.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] if there is no such operator, or
    /// [`Refusal::TooManyActions`].
    pub fn remove(
        &mut self,
        ask: RemovalAsk<'_>,
        operators: &[Arc<str>],
        now_ms: u64,
    ) -> Result<ActionState, Refusal> {
        self.removals.retain(|one| {
            one.expires_at_ms > now_ms && operators.iter().any(|name| **name == *one.by)
        });
        let mut seen = self.operators_seen.iter_mut();
        let seen = seen.find(|seen| seen.name == ask.operator && !seen.removed);
        let seen = seen.ok_or(Refusal::NotFound)?;
        let mut waiting = self.removals.iter();
        match waiting.find(|one| one.operator == ask.operator) {
            Some(waiting) if waiting.by == ask.by => Ok(ActionState::Waiting {
                id: waiting.id,
                expires_at_ms: waiting.expires_at_ms,
            }),
            Some(first) => {
                let agreed = format!(
                    "operators {} and {} removed {}",
                    first.by, ask.by, seen.name
                );
                seen.removed = true;
                self.removals.retain(|one| one.operator != ask.operator);
                self.note(now_ms, agreed);
                Ok(ActionState::Done)
            }
            None if self.removals.len() >= REMOVALS_MAX => Err(Refusal::TooManyActions),
            None => {
                let expires_at_ms = now_ms.saturating_add(APPROVAL_MS);
                self.removals.push(Removal {
                    id: ask.id,
                    operator: ask.operator.to_owned(),
                    by: ask.by.to_owned(),
                    at_ms: now_ms,
                    expires_at_ms,
                });
                let asked = format!("operator {} wants {} removed", ask.by, ask.operator);
                self.note(now_ms, asked);
                Ok(ActionState::Waiting {
                    id: ask.id,
                    expires_at_ms,
                })
            }
        }
    }

    /// Adds a line to the log; the oldest goes.
    pub fn note(&mut self, now_ms: u64, line: String) {
        let surplus = (self.log.len() + 1).saturating_sub(VAULT_LOG_MAX);
        self.log.drain(..surplus);
        self.log.push((now_ms, line));
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Vault")
            .field("operators_seen", &self.operators_seen)
            .field("removals", &self.removals)
            .field("has_sealed_code", &self.sealed.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn ask<'a>(by: &'a str, operator: &'a str) -> RemovalAsk<'a> {
        let id = ActionId([1; 16]);
        RemovalAsk { id, by, operator }
    }

    #[test]
    fn an_operator_who_is_gone_is_missed_until_two_agreed() {
        let mut vault = Vault::default();
        let all = names(&["ada", "bob", "cid"]);
        vault.see(&all, 1);
        let rest = names(&["ada", "bob"]);
        assert_eq!(vault.missing(&rest), ["cid"]);
        for _ in 0..2 {
            let state = vault.remove(ask("ada", "cid"), &rest, 2).unwrap();
            assert!(matches!(state, ActionState::Waiting { .. }));
            assert_eq!(vault.missing(&rest), ["cid"]);
        }
        let state = vault.remove(ask("bob", "cid"), &rest, 3);
        assert_eq!(state, Ok(ActionState::Done));
        assert_eq!(vault.missing(&rest), [""; 0]);
        let again = vault.remove(ask("bob", "cid"), &rest, 4);
        assert_eq!(again, Err(Refusal::NotFound));
        // Whoever comes back is one again, and would be missed again.
        vault.see(&all, 5);
        assert_eq!(vault.missing(&rest), ["cid"]);
    }

    #[test]
    fn a_removal_expires_after_a_day() {
        let mut vault = Vault::default();
        let all = names(&["ada", "bob", "cid"]);
        vault.see(&all, 1);
        vault.remove(ask("ada", "cid"), &all, 2).unwrap();
        let late = vault.remove(ask("bob", "cid"), &all, 2 + APPROVAL_MS);
        assert!(matches!(late, Ok(ActionState::Waiting { .. })));
    }

    #[test]
    fn the_log_keeps_what_happened_last() {
        let mut vault = Vault::default();
        for line in 0..200 {
            vault.note(line, line.to_string());
        }
        assert_eq!(vault.log.len(), VAULT_LOG_MAX);
        assert_eq!(vault.log.last().unwrap().0, 199);
    }
}
