//! What the nodes of one store agree on before they use it: its format, its
//! shards and its keys.

use serde::{Deserialize, Serialize};

/// What all nodes of one store agree on. Never expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub format: u8,
    /// Raised when a store may have gone back in time; every record carries it.
    pub epoch: u32,
    pub shard_count: u16,
    /// For growing later: records may already live under this count. 0: none.
    pub shard_count_next: u16,
    /// The index key, sealed under the key it names.
    pub index_key: WrappedKey,
    /// Every master key that is or was in use.
    pub keys: Vec<KeyInUse>,
    /// The newest format that any record may have; 0: not noted yet.
    #[serde(default)]
    pub record_format: u8,
}

/// Which formats of records a release writes to a store and reads from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFormats {
    pub written: u8,
    pub read: &'static [u8],
}

/// A key sealed under a master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    pub key_id: Box<str>,
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// A master key the store holds records of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInUse {
    pub key_id: Box<str>,
    /// Proves that two nodes mean the same key by the same id, and nothing else.
    #[serde(with = "serde_bytes")]
    pub check_value: Vec<u8>,
    /// Since when a newer key has taken its place; 0 while it is the newest.
    pub retired_at_ms: u64,
}

/// `meta` as read, with the revision a change must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaRead {
    pub meta: Option<Meta>,
    pub revision: u64,
    pub now_ms: u64,
}
