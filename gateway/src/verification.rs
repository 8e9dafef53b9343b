//! What a verification is and how it changes: pure functions of the record, the
//! question and the store's time. The embedded store calls them; the Redis
//! scripts say the same in Lua, and the conformance suite holds the two together.

mod checking;
mod number;
mod sending;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

pub use checking::{Check, CheckAnswer, cancel, check, report_outcome};
pub use number::{
    FAILURES_FREE, FAILURES_KEPT_MS, FAILURES_MAX, Failures, Live, NumberRecord, PerClass,
    RECENT_MAX,
};
pub use sending::{
    KeepRecord, LiveRecords, Resend, SendAccepted, SendPolicy, SendRefusal, Start, UndoSend,
    resend, start, undo_send,
};

use crate::delivery::{self, DeliveryRecord};
use crate::id::RecordId;

/// Where a verification stands. A pending one past its expiry counts as expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved,
    Canceled,
    Expired,
    /// Too many wrong codes.
    Exhausted,
    /// A newer verification took its place.
    Superseded,
    /// Refused for good before any submission.
    Failed,
}

impl Status {
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending => true,
            Self::Approved
            | Self::Canceled
            | Self::Expired
            | Self::Exhausted
            | Self::Superseded
            | Self::Failed => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

/// What kind of record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordKind {
    Verification,
    /// The tenant's own text: a delivery and nothing to check.
    SendOnly,
}

/// Whether the identity service has seen this browser approved before.
/// Limits hold for the two apart, so that a stranger can neither bombard a
/// person nor lock their own browser out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientClass {
    Known,
    Unknown,
}

/// What the tenant reported about a code it drew or a text it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Conversion {
    Unreported,
    Converted,
    NotConverted,
}

/// A keyed hash of the tenant's name: whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantTag(pub [u8; 8]);

/// A keyed hash of (tenant, number): names the number's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NumberTag(pub [u8; 16]);

/// A keyed hash of purpose, subject and `bind`: what a resend must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdentityTag(pub [u8; 12]);

/// A keyed hash of a code the caller supplied: tells a repeated one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomCodeTag(pub [u8; 8]);

/// Names one operation, so that doing it twice does it once.
///
/// Where the tenant named it with an idempotency key, the first half is a keyed
/// hash of that key and the second of the content: the same first half with
/// another second one is a key used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperationId(pub [u8; 16]);

impl OperationId {
    /// Whether both carry the same key but not the same content.
    pub fn reuses_key_of(self, other: Self) -> bool {
        self != other && self.0.first_chunk::<8>() == other.0.first_chunk::<8>()
    }
}

/// HMAC of id, code and `bind` under the key it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDigest {
    pub key_id: Box<str>,
    #[serde(with = "serde_bytes")]
    pub mac: Vec<u8>,
}

/// One verification or send-only delivery as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub kind: RecordKind,
    pub tenant: TenantTag,
    pub number: NumberTag,
    pub status: Status,
    /// All times are the store's, in ms since the Unix epoch.
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    /// When it stopped being pending; 0 while it is.
    pub decided_at_ms: u64,
    pub checks_used: u8,
    pub checks_max: u8,
    pub sends_used: u8,
    pub next_send_at_ms: u64,
    pub conversion: Conversion,
    /// The client that started it: whose send budget it used.
    pub client: ClientClass,
    /// The caller supplied the code, so its report of the outcome may decide.
    pub has_custom_code: bool,
    /// What a check compares with; gone once nothing can be checked any more.
    pub digest: Option<CodeDigest>,
    /// Number, texts and everything else that must not be readable.
    pub details: ByteBuf,
    /// The code, sealed; gone once it cannot be sent any more.
    pub code: Option<ByteBuf>,
    /// Check operations already answered: at most `checks_max`.
    pub checks: Vec<(OperationId, CheckVerdict)>,
    pub deliveries: Vec<DeliveryRecord>,
}

/// What a check that consumed a guess was told, kept so that the same
/// operation is told the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckVerdict {
    Approved,
    Mismatch { checks_remaining: u8 },
}

impl Record {
    /// The status at `now_ms`: nothing has to happen for a record to expire.
    pub fn status_at(&self, now_ms: u64) -> Status {
        if self.status.is_open() && now_ms >= self.expires_at_ms {
            Status::Expired
        } else {
            self.status
        }
    }

    /// The moment from which nothing may be submitted any more.
    ///
    /// A code that arrives in its last minute is useless; a send-only text has
    /// no code, so its whole validity counts.
    pub fn submit_before_ms(&self, quiet_ms: u64) -> u64 {
        match self.kind {
            RecordKind::Verification => self.expires_at_ms.saturating_sub(quiet_ms),
            RecordKind::SendOnly => self.expires_at_ms,
        }
    }

    /// Ends it, and what waits to be sent for it. What only a pending one needs
    /// is dropped: a tombstone is small.
    pub(crate) fn decide(&mut self, status: Status, at_ms: u64) {
        self.status = status;
        self.decided_at_ms = at_ms;
        self.digest = None;
        self.code = None;
        delivery::end_waiting(self, at_ms);
    }

    /// Writes the expiry down if it has come.
    fn expire_if_due(&mut self, number: &mut NumberRecord, id: RecordId, now_ms: u64) {
        if self.status.is_open() && now_ms >= self.expires_at_ms {
            self.decide(Status::Expired, self.expires_at_ms);
            number.remove_live(id);
        }
    }
}

#[cfg(test)]
mod tests;
