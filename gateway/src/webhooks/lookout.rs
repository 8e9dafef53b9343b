//! Keeps an eye on the records whose tenants want to hear of them: has them
//! watched before they exist, and wakes the courier when one has changed here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::Endpoints;
use crate::id::RecordId;
use crate::store::webhooks::WatchAsk;
use crate::verification::TenantTag;

/// Wakings that may wait for the courier. What does not fit is found by a look.
const WAITING_MAX: usize = 8192;
/// Records remembered in each part of the memory, and its generations.
const REMEMBERED_MAX: usize = 1024;
const PARTS: usize = 64;

/// What the courier is to do at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wake {
    Changed(WatchAsk),
    /// The store did not say whether it is watched.
    WatchAgain(WatchAsk),
}

/// Which tenants have webhooks, and how their records are watched.
#[derive(Default)]
pub struct Watching {
    pub endpoints: HashMap<TenantTag, Endpoints>,
    pub look_after_ms: u64,
    pub keep_for_ms: u64,
}

/// Who looks out. One for the process.
pub struct Lookout {
    watching: ArcSwap<Watching>,
    remembered: Box<[Mutex<Remembered>]>,
    wake: mpsc::Sender<Wake>,
}

/// The records of one part and whose they are, the older half forgotten at once.
#[derive(Default)]
struct Remembered {
    newer: HashMap<RecordId, TenantTag>,
    older: HashMap<RecordId, TenantTag>,
}

/// The courier's end of it.
pub struct Waking(pub(super) mpsc::Receiver<Wake>);

impl Lookout {
    pub fn new() -> (Self, Waking) {
        let (wake, waking) = mpsc::channel(WAITING_MAX);
        let lookout = Self {
            watching: ArcSwap::default(),
            remembered: (0..PARTS).map(|_| Mutex::default()).collect(),
            wake,
        };
        (lookout, Waking(waking))
    }

    /// Takes over what a configuration says.
    pub fn set(&self, watching: Watching) {
        self.watching.store(std::sync::Arc::new(watching));
    }

    pub(super) fn endpoints(&self, tenant: TenantTag) -> Option<Endpoints> {
        self.watching.load().endpoints.get(&tenant).cloned()
    }

    /// A tenant's endpoints, and for how long events are kept for them.
    pub(super) fn listening(&self, tenant: TenantTag) -> Option<(Endpoints, u64)> {
        let watching = self.watching.load();
        let endpoints = watching.endpoints.get(&tenant).cloned()?;
        Some((endpoints, watching.keep_for_ms))
    }

    /// Whether this tenant has webhooks.
    pub fn is_watching(&self, tenant: TenantTag) -> bool {
        self.watching.load().endpoints.contains_key(&tenant)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.watching.load().endpoints.is_empty()
    }

    /// How a new record of the tenant is to be watched; `None` for one without
    /// webhooks.
    pub fn watch_of(&self, tenant: TenantTag, id: RecordId) -> Option<WatchAsk> {
        let ask = self.ask(tenant, id);
        if ask.is_some() {
            self.remember(id, tenant);
        }
        ask
    }

    /// The store may not have taken the watch.
    pub fn watch_again(&self, ask: WatchAsk) {
        // Full: its node has other troubles, and says so by its metrics.
        _ = self.wake.try_send(Wake::WatchAgain(ask));
    }

    /// A record of this tenant has changed.
    pub fn changed(&self, tenant: TenantTag, id: RecordId) {
        if let Some(ask) = self.ask(tenant, id) {
            _ = self.wake.try_send(Wake::Changed(ask));
        }
    }

    /// A record has changed, whosever it is: if it is one we know to be watched,
    /// the courier looks at it.
    pub fn maybe_changed(&self, id: RecordId) {
        if self.watching.load().endpoints.is_empty() {
            return;
        }
        let tenant = self.part(id).and_then(|part| {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.newer.get(&id).or_else(|| part.older.get(&id)).copied()
        });
        if let Some(tenant) = tenant {
            self.changed(tenant, id);
        }
    }

    fn ask(&self, tenant: TenantTag, id: RecordId) -> Option<WatchAsk> {
        let watching = self.watching.load();
        watching.endpoints.contains_key(&tenant).then(|| WatchAsk {
            id,
            tenant,
            look_after_ms: watching.look_after_ms,
            keep_for_ms: watching.keep_for_ms,
        })
    }

    fn remember(&self, id: RecordId, tenant: TenantTag) {
        let Some(part) = self.part(id) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.newer.len() >= REMEMBERED_MAX {
            part.older = std::mem::take(&mut part.newer);
        }
        part.newer.insert(id, tenant);
    }

    fn part(&self, id: RecordId) -> Option<&Mutex<Remembered>> {
        let [.., last] = id.random;
        self.remembered.get(usize::from(last) % PARTS)
    }
}
