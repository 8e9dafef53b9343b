//! The names of keys: all of one shard share a hash tag, so that one script
//! may touch them all on a cluster too.

use super::format::{number_text, random_text};
use crate::calls::CallKey;
use crate::id::{RecordId, Shard};
use crate::receipts::MessageKey;
use crate::store::subjects::NumberKey;
use crate::subjects::model::SubjectKey;
use crate::verification::{NumberTag, OperationId};

/// Writes key names under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    /// `None` if the prefix holds a brace, which would move the hash tag.
    pub(super) fn new(prefix: &str) -> Option<Self> {
        (!prefix.contains(['{', '}'])).then(|| Self {
            prefix: prefix.into(),
        })
    }

    /// Its last 26 characters are the id within the shard; scripts rely on it.
    pub(super) fn record(&self, id: RecordId) -> String {
        let text = id.to_string();
        let random = text.get(3..).unwrap_or_default();
        self.in_shard(id.shard, "r:", random)
    }

    pub(super) fn number(&self, shard: Shard, tag: NumberTag) -> String {
        self.in_shard(shard, "n:", &number_text(tag))
    }

    pub(super) fn idempotency(&self, shard: Shard, tag: [u8; 16]) -> String {
        self.in_shard(shard, "i:", &hex(tag))
    }

    pub(super) fn limit(&self, shard: Shard, tag: [u8; 16]) -> String {
        self.in_shard(shard, "l:", &hex(tag))
    }

    pub(super) fn message(&self, key: MessageKey) -> String {
        self.in_shard(key.shard, "m:", &hex(key.tag))
    }

    pub(super) fn call(&self, key: CallKey) -> String {
        self.in_shard(key.shard, "c:", &hex(key.tag))
    }

    pub(super) fn turns(&self, shard: Shard, tag: [u8; 16]) -> String {
        self.in_shard(shard, "t:", &hex(tag))
    }

    /// Counts of an hour: the same shard for all, so that a cluster is asked once.
    pub(super) fn counts(&self, hour: u64) -> String {
        self.in_shard(Shard::FIRST, "k:", &format!("{hour:x}"))
    }

    pub(super) fn ledger(&self, shard: Shard) -> String {
        self.in_shard(shard, "ledger", "")
    }

    pub(super) fn watch(&self, id: RecordId) -> String {
        let text = id.to_string();
        let random = text.get(3..).unwrap_or_default();
        self.in_shard(id.shard, "w:", random)
    }

    /// Its length is known to `webhook_due.lua` and `webhook_list.lua`.
    pub(super) fn watch_ledger(&self, shard: Shard) -> String {
        self.in_shard(shard, "webhook-ledger", "")
    }

    /// Its last 26 characters are the subject's id within the shard; scripts rely on
    /// it. Like all that is kept of subjects it never expires.
    pub(super) fn subject(&self, key: SubjectKey) -> String {
        self.in_shard(key.0.shard, "subject:", &random_text(key.0))
    }

    /// Its length is known to `subject_take.lua` and `subject_keys.lua`.
    pub(super) fn subject_ledger(&self, shard: Shard) -> String {
        self.in_shard(shard, "subject-ledger", "")
    }

    /// For as long as its answer may be asked for again.
    pub(super) fn subjects_taken(&self, shard: Shard, asking: OperationId) -> String {
        self.in_shard(shard, "taken:", &hex(asking.0))
    }

    pub(super) fn subject_audit(&self, key: SubjectKey) -> String {
        self.in_shard(key.0.shard, "subject-audit:", &random_text(key.0))
    }

    pub(super) fn subject_number(&self, key: NumberKey) -> String {
        self.in_shard(key.shard, "subject-number:", &number_text(key.tag))
    }

    pub(super) fn meta(&self) -> String {
        format!("{}meta", self.prefix)
    }

    fn in_shard(&self, shard: Shard, kind: &str, name: &str) -> String {
        format!("{}{{s{:02x}}}{kind}{name}", self.prefix, shard.number())
    }
}

fn hex(tag: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(tag))
}
