//! What belongs to the deployment and to no subject: the operators that were
//! seen, the sealed code of a sole one, the drills.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::{ActionId, SlowHash, Tries};

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
