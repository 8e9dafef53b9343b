//! What the store is asked about webhooks: which records somebody wants to hear
//! of, when to look at each again, and who is at work on it.
//!
//! A *watch* belongs to one record and lies in its shard. It has at most one
//! entry in a ledger of its own, so that a dead sink never delays a code.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::id::{RecordId, Shard};
use crate::verification::TenantTag;

/// Asks for a record to be watched, before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchAsk {
    pub id: RecordId,
    pub tenant: TenantTag,
    /// The first look, if nothing wakes it before.
    pub look_after_ms: u64,
    pub keep_for_ms: u64,
}

/// A watch, leased to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub fence: u32,
    pub made_at_ms: u64,
    pub kept_until_ms: u64,
    /// When the person said that they had not asked for the code; 0: never.
    pub reported_at_ms: u64,
    /// What the last holder wrote; empty at first.
    pub state: Vec<u8>,
    pub now_ms: u64,
}

/// Which due watches to take.
#[derive(Clone, Copy, Debug)]
pub struct TakeWatches {
    pub shard: Shard,
    pub count_max: u16,
    pub lease_ms: u64,
}

/// What becomes of a watch whose holder has written its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLook {
    /// The holder goes on.
    LeaseStays,
    /// In the store's time; at once if it was woken meanwhile.
    At(u64),
    Forget,
}

/// Writes a leased watch.
#[derive(Clone, Debug)]
pub struct SaveWatch {
    pub id: RecordId,
    pub fence: u32,
    pub state: Vec<u8>,
    pub next: NextLook,
}

/// Some watches of a shard, as they lie there.
#[derive(Clone, Debug, Default)]
pub struct WatchPage {
    pub found: Vec<WatchName>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchName {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub made_at_ms: u64,
}

/// The part of [`super::Store`] that webhooks need.
#[async_trait]
pub trait WatchStore: Send + Sync + 'static {
    /// Watches a record, unless it is watched already.
    async fn watch(&self, ask: &WatchAsk) -> Result<(), StoreError>;

    /// Takes a watch, due or not. Whoever holds it is made to look again.
    async fn take_watch(&self, id: RecordId, lease_ms: u64) -> Result<Option<Watched>, StoreError>;

    /// Takes what is due in a shard, oldest first.
    async fn take_watches(&self, ask: &TakeWatches) -> Result<Vec<Watched>, StoreError>;

    /// Writes a leased watch; `false` if another holds it by now.
    async fn save_watch(&self, ask: &SaveWatch) -> Result<bool, StoreError>;

    /// Notes that the person said they had not asked for the code, once, and
    /// makes the watch due.
    async fn note_report(&self, id: RecordId) -> Result<(), StoreError>;

    /// Lists watches of a shard, some twice perhaps, none that stays left out.
    async fn list_watches(
        &self,
        shard: Shard,
        from: Option<&[u8]>,
        count: u16,
    ) -> Result<WatchPage, StoreError>;
}

/// A watch as it is kept, and how it changes. The scripts say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchEntry {
    pub tenant: TenantTag,
    pub made_at_ms: u64,
    pub kept_until_ms: u64,
    pub due_at_ms: u64,
    pub fence: u32,
    /// 0 while nobody holds it.
    pub leased_until_ms: u64,
    pub is_woken: bool,
    pub reported_at_ms: u64,
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
}

impl WatchEntry {
    pub fn new(ask: &WatchAsk, now_ms: u64) -> Self {
        Self {
            tenant: ask.tenant,
            made_at_ms: now_ms,
            kept_until_ms: now_ms.saturating_add(ask.keep_for_ms),
            due_at_ms: now_ms.saturating_add(ask.look_after_ms),
            fence: 0,
            leased_until_ms: 0,
            is_woken: false,
            reported_at_ms: 0,
            state: Vec::new(),
        }
    }

    /// Makes it due, or has its holder look again.
    pub fn wake(&mut self, now_ms: u64) {
        if self.leased_until_ms > now_ms {
            self.is_woken = true;
        } else {
            self.due_at_ms = now_ms;
        }
    }

    /// Leases it, unless somebody holds it.
    pub fn take(&mut self, id: RecordId, lease_ms: u64, now_ms: u64) -> Option<Watched> {
        if self.leased_until_ms > now_ms {
            self.is_woken = true;
            return None;
        }
        self.fence = self.fence.saturating_add(1);
        self.leased_until_ms = now_ms.saturating_add(lease_ms);
        self.due_at_ms = self.leased_until_ms;
        self.is_woken = false;
        Some(Watched {
            id,
            tenant: self.tenant,
            fence: self.fence,
            made_at_ms: self.made_at_ms,
            kept_until_ms: self.kept_until_ms,
            reported_at_ms: self.reported_at_ms,
            state: self.state.clone(),
            now_ms,
        })
    }

    /// Writes its state; `false` if the fence is another's by now.
    pub fn save(&mut self, ask: &SaveWatch, now_ms: u64) -> bool {
        if self.fence != ask.fence {
            return false;
        }
        self.state.clone_from(&ask.state);
        if let NextLook::At(at_ms) = ask.next {
            self.leased_until_ms = 0;
            self.due_at_ms = if self.is_woken { now_ms } else { at_ms };
            self.is_woken = false;
        }
        true
    }
}
