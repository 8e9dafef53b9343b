//! Carries events to their endpoints: takes a watch, looks at its record, writes
//! down what there is to tell, tells it, and says when to look again.

mod take_turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::WebhookSettings;
use super::lookout::{Lookout, Wake, Waking};
use crate::id::Shard;
use crate::live::Shared;
use crate::store::StoreError;
use crate::store::webhooks::{TakeWatches, WatchAsk, Watched};

/// Longer than all calls of one turn may take together.
pub(super) const LEASE_MS: u64 = 60_000;
/// Watches taken from one shard at a time.
const PER_SHARD_MAX: u16 = 16;
/// Shards that may fail in one pass: a store that is away takes its time for
/// each, and whoever wakes us waits for the pass.
const SHARDS_FAILED_MAX: u32 = 3;
/// How often we look at a record whose store does not answer, and how far apart.
const LOOKS: u32 = 5;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What an endpoint said, or why it said nothing.
#[derive(Clone, Debug)]
pub struct Posted {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostError {
    /// An address behind the URL is not one we may call.
    Refused,
    NoAnswer,
}

/// A signed event on its way.
pub type Post = Request<Bytes>;

/// Posts to URLs of tenants.
#[async_trait]
pub trait Poster: Send + Sync + 'static {
    async fn post(&self, post: Post) -> Result<Posted, PostError>;
}

/// How the courier works on this node.
#[derive(Clone, Debug)]
pub struct CourierSettings {
    pub webhooks: WebhookSettings,
    pub sweep_interval: Duration,
    /// Watches at work at once.
    pub in_flight_max: usize,
}

/// Carries events. One for the process.
pub struct Courier {
    pub(super) shared: Shared,
    pub(super) poster: Arc<dyn Poster>,
    pub(super) settings: CourierSettings,
    places: Arc<Semaphore>,
    /// Where the next pass begins: no shard always comes last.
    next_shard: AtomicU16,
}

/// Works until told to stop, and then ends what it has begun.
pub async fn carry(courier: Arc<Courier>, mut waking: Waking, stopping: CancellationToken) {
    let mut turns = JoinSet::new();
    let mut ticks = tokio::time::interval(courier.settings.sweep_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => break,
            Some(wake) = waking.0.recv() => courier.woken(wake, &mut turns).await,
            _ = ticks.tick() => courier.sweep(&mut turns).await,
            Some(_) = turns.join_next() => {}
        }
    }
    // Each call has a timeout, so this ends.
    while turns.join_next().await.is_some() {}
}

impl Courier {
    pub fn new(shared: Shared, poster: Arc<dyn Poster>, settings: CourierSettings) -> Self {
        let places = Arc::new(Semaphore::new(settings.in_flight_max));
        Self {
            shared,
            poster,
            settings,
            places,
            next_shard: AtomicU16::new(0),
        }
    }

    pub(super) fn lookout(&self) -> &Lookout {
        &self.shared.lookout
    }

    /// Looks for what is due in every shard, and waits until all of it is done.
    pub async fn pass(self: &Arc<Self>) {
        let mut turns = JoinSet::new();
        self.sweep(&mut turns).await;
        while turns.join_next().await.is_some() {}
    }

    /// Does what it was woken for until now, and waits until all of it is done.
    pub async fn heed(self: &Arc<Self>, waking: &mut Waking) {
        let mut turns = JoinSet::new();
        while let Ok(wake) = waking.0.try_recv() {
            self.woken(wake, &mut turns).await;
        }
        while turns.join_next().await.is_some() {}
    }

    /// Waits for a place: whoever wakes us does not wait for that.
    async fn woken(self: &Arc<Self>, wake: Wake, turns: &mut JoinSet<()>) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return;
        };
        let courier = Arc::clone(self);
        turns.spawn(async move {
            courier.look_again(wake).await;
            drop(place);
        });
    }

    async fn look_again(&self, wake: Wake) {
        let (Wake::Changed(ask) | Wake::WatchAgain(ask)) = wake;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            match self.look_at(&ask).await {
                Ok(()) => return,
                Err(error) => self.shared.store_failed("take_watch", &error),
            }
        }
        match wake {
            // It is looked at when it is due.
            Wake::Changed(_) => {}
            Wake::WatchAgain(_) => self.shared.metrics.webhook_lost(),
        }
    }

    async fn look_at(&self, ask: &WatchAsk) -> Result<(), StoreError> {
        match self.shared.store.take_watch(ask.id, LEASE_MS).await? {
            Some(watched) => {
                self.take_turn(watched).await;
                Ok(())
            }
            // Its holder looks again; or its making was lost, and it is made now.
            None => self.shared.store.watch(ask).await,
        }
    }

    /// Goes on behind a shard that fails, unless too many do; the next pass begins
    /// where this one had to end.
    async fn sweep(self: &Arc<Self>, turns: &mut JoinSet<()>) {
        if self.lookout().is_idle() {
            return;
        }
        let shard_count = self.shared.live.load().ring.index().shard_count();
        let first = self.next_shard.load(Ordering::Relaxed);
        let mut failed = 0;
        for at in (first..shard_count).chain(0..first.min(shard_count)) {
            let free = u16::try_from(self.places.available_permits()).unwrap_or(u16::MAX);
            if free == 0 || failed == SHARDS_FAILED_MAX {
                self.next_shard.store(at, Ordering::Relaxed);
                return;
            }
            let Some(shard) = Shard::new(at) else {
                continue;
            };
            let ask = TakeWatches {
                shard,
                count_max: free.min(PER_SHARD_MAX),
                lease_ms: LEASE_MS,
            };
            let taken = self.shared.store.take_watches(&ask).await;
            let taken = taken.unwrap_or_else(|error| {
                self.shared.store_failed("take_watches", &error);
                failed += 1;
                Vec::new()
            });
            for watched in taken {
                self.begin(watched, turns).await;
            }
        }
    }

    async fn begin(self: &Arc<Self>, watched: Watched, turns: &mut JoinSet<()>) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return;
        };
        let courier = Arc::clone(self);
        turns.spawn(async move {
            courier.take_turn(watched).await;
            drop(place);
        });
    }
}
