//! What is kept of a subject.

use serde::{Deserialize, Serialize};

use crate::id::RecordId;
use crate::verification::NumberTag;

/// Names a subject: its shard and a keyed hash of (tenant, subject). Its record is
/// sealed for this id, and its verifications are counted under its account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SubjectKey(pub RecordId);

impl SubjectKey {
    /// Stands in the place of a number: what is limited, counted and superseded
    /// per number is so for the subject's verifications together.
    pub fn account(self) -> NumberTag {
        NumberTag(self.0.random)
    }
}

/// Names a number of a subject: the same number is always the same method.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct MethodId(pub [u8; 10]);

/// Names a number change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ChangeId(pub [u8; 16]);
