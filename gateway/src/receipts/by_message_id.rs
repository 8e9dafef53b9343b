//! What the store keeps of a provider's message ids: which attempt each of them
//! names, and what was reported before that was known. `bind_message.lua` and
//! `match_receipt.lua` say the same.

use serde::{Deserialize, Serialize};

use super::ReceiptReference;
use crate::delivery::AttemptReceipt;
use crate::id::Shard;

/// The name of a provider's message id: a keyed hash of both, and where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageKey {
    pub shard: Shard,
    pub tag: [u8; 16],
}

/// For how long a receipt waits for the message that it names, in ms. A submission
/// is answered within half a minute; the rest is for a store that could not be told.
pub const RECEIPT_WAITS_MS: u64 = 600_000;

/// What is kept under one message id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEntry {
    pub kept_until_ms: u64,
    /// The attempt that receipts under this id speak of.
    pub target: Option<ReceiptReference>,
    /// The furthest receipt that came before that was known. Statuses only move
    /// forward, so the others would change nothing.
    pub waiting: Option<AttemptReceipt>,
}

impl MessageEntry {
    /// Says which attempt the id names, and gives the receipt that waited for it.
    /// Asked twice, it answers twice the same.
    ///
    /// Kept for as long as a receipt may come: until the reference expires.
    pub fn bind(&mut self, target: &ReceiptReference, now_ms: u64) -> Option<AttemptReceipt> {
        self.end(now_ms);
        // A provider that uses an id again speaks of its latest message.
        if self.target.is_some_and(|known| known != *target) {
            self.waiting = None;
        }
        self.target = Some(*target);
        self.kept_until_ms = target.expires_at_ms();
        self.waiting.clone()
    }

    /// The attempt the id names. While nobody knows it, the receipt waits.
    pub fn meet(&mut self, receipt: &AttemptReceipt, now_ms: u64) -> Option<ReceiptReference> {
        self.end(now_ms);
        let known = self.waiting.as_ref().map(|waiting| waiting.status);
        if self.target.is_none() && known < Some(receipt.status) {
            self.waiting = Some(receipt.clone());
            self.kept_until_ms = now_ms.saturating_add(RECEIPT_WAITS_MS);
        }
        self.target
    }

    fn end(&mut self, now_ms: u64) {
        if self.kept_until_ms <= now_ms {
            *self = Self::default();
        }
    }
}
