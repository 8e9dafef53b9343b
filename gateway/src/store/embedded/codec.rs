//! How records and keys look on disk: every value and every ledger key begins
//! with the format version.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::delivery::DueKind;
use crate::id::{DeliveryId, RecordId, Shard};
use crate::store::{FORMAT_VERSION, StoreError};

/// A three-part array: what [`encode`] begins every value with.
const ARRAY_OF_THREE: u8 = 0x93;

/// Version, epoch and value as one compact array.
pub(super) fn encode<T: Serialize>(epoch: u32, value: &T) -> Vec<u8> {
    rmp_serde::to_vec(&(FORMAT_VERSION, epoch, value))
        .expect("memory takes any write, and our records have neither maps nor unsized sequences")
}

/// What [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match bytes {
        [ARRAY_OF_THREE, version, ..] if *version == FORMAT_VERSION => {
            rmp_serde::from_slice::<(u8, u32, T)>(bytes)
                .map(|(_, _, value)| value)
                .map_err(|error| StoreError::Damaged {
                    reason: error.to_string().into(),
                })
        }
        // Another release may have more to say beside the value.
        [0x90..=0x9f, version, ..] if *version != FORMAT_VERSION => Err(StoreError::UnknownFormat),
        _ => Err(StoreError::Damaged {
            reason: "it does not begin as records do".into(),
        }),
    }
}

/// Names an entry of any table but the ledger and the expiry.
pub(super) type SlotKey = [u8; 18];

/// The shard first, so that a shard's entries lie together.
pub(super) fn slot_key(shard: Shard, tag: &[u8; 16]) -> SlotKey {
    let mut key = [0; 18];
    let (head, tail) = key.split_at_mut(2);
    head.copy_from_slice(&shard.number().to_be_bytes());
    tail.copy_from_slice(tag);
    key
}

pub(super) fn record_key(id: RecordId) -> SlotKey {
    slot_key(id.shard, &id.random)
}

/// An entry of the ledger.
///
/// In every format the version, the shard and the due time come first and in
/// this order: so a release can count what it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LedgerKey {
    pub(super) due_at_ms: u64,
    pub(super) delivery: DeliveryId,
}

impl LedgerKey {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let record = self.delivery.record;
        let mut bytes = Self::before(record.shard, self.due_at_ms);
        bytes.extend_from_slice(&record.random);
        bytes.push(self.delivery.ordinal);
        bytes
    }

    /// Sorts before every key of this shard and time.
    pub(super) fn before(shard: Shard, due_at_ms: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(28);
        bytes.push(FORMAT_VERSION);
        bytes.extend_from_slice(&shard.number().to_be_bytes());
        bytes.extend_from_slice(&due_at_ms.to_be_bytes());
        bytes
    }

    /// `None` for a key of another format.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (shard, due_at_ms) = Self::shard_and_due(bytes)?;
        let rest = bytes.get(11..)?;
        let (random, ordinal) = rest.split_first_chunk::<16>()?;
        let [ordinal] = *ordinal else { return None };
        (*bytes.first()? == FORMAT_VERSION).then_some(())?;
        let record = RecordId {
            shard,
            random: *random,
        };
        Some(Self {
            due_at_ms,
            delivery: DeliveryId { record, ordinal },
        })
    }

    /// What is the same in every format.
    pub(super) fn shard_and_due(bytes: &[u8]) -> Option<(Shard, u64)> {
        let (shard, rest) = bytes.get(1..)?.split_first_chunk::<2>()?;
        let due = rest.first_chunk::<8>()?;
        Some((
            Shard::new(u16::from_be_bytes(*shard))?,
            u64::from_be_bytes(*due),
        ))
    }
}

/// An entry of the ledger of watches: the same beginning, and no delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WatchKey {
    pub(super) due_at_ms: u64,
    pub(super) id: RecordId,
}

impl WatchKey {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Self::before(self.id.shard, self.due_at_ms);
        bytes.extend_from_slice(&self.id.random);
        bytes
    }

    /// Sorts before every key of this shard and time.
    pub(super) fn before(shard: Shard, due_at_ms: u64) -> Vec<u8> {
        LedgerKey::before(shard, due_at_ms)
    }

    /// `None` for a key of another format.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (shard, due_at_ms) = LedgerKey::shard_and_due(bytes)?;
        (*bytes.first()? == FORMAT_VERSION).then_some(())?;
        let random = bytes.get(11..)?.try_into().ok()?;
        Some(Self {
            due_at_ms,
            id: RecordId { shard, random },
        })
    }
}

/// The value of a ledger entry: its format and why the delivery is due.
pub(super) fn ledger_value(kind: DueKind) -> [u8; 2] {
    let kind = match kind {
        DueKind::Lease => LEASE,
        DueKind::Handover => b'h',
        DueKind::Retry => b'r',
        DueKind::Receipt => b'd',
        DueKind::Undelivered => b'u',
    };
    [FORMAT_VERSION, kind]
}

const LEASE: u8 = b'l';

pub(super) fn is_lease(value: &[u8]) -> bool {
    value == [FORMAT_VERSION, LEASE]
}

/// Which table an expiry points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Record,
    Number,
    Idempotency,
    Limit,
    Message,
    Call,
    Turns,
    Watch,
    Counts,
}

/// When to look whether something has expired.
pub(super) fn expiry_key(at_ms: u64, kept: Kept, key: &SlotKey) -> Vec<u8> {
    let kept = match kept {
        Kept::Record => b'r',
        Kept::Number => b'n',
        Kept::Idempotency => b'i',
        Kept::Limit => b'l',
        Kept::Message => b'm',
        Kept::Call => b'c',
        Kept::Turns => b't',
        Kept::Watch => b'w',
        Kept::Counts => b'k',
    };
    let mut bytes = Vec::with_capacity(27);
    bytes.extend_from_slice(&at_ms.to_be_bytes());
    bytes.push(kept);
    bytes.extend_from_slice(key);
    bytes
}

/// What [`expiry_key`] named; `None` if another release wrote it.
pub(super) fn parse_expiry(bytes: &[u8]) -> Option<(Kept, SlotKey)> {
    let (_, rest) = bytes.split_first_chunk::<8>()?;
    let (kept, key) = rest.split_first()?;
    let kept = match kept {
        b'r' => Kept::Record,
        b'n' => Kept::Number,
        b'i' => Kept::Idempotency,
        b'l' => Kept::Limit,
        b'm' => Kept::Message,
        b'c' => Kept::Call,
        b't' => Kept::Turns,
        b'w' => Kept::Watch,
        b'k' => Kept::Counts,
        _ => return None,
    };
    Some((kept, key.try_into().ok()?))
}
