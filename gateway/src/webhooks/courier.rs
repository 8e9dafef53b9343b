//! Carries events to their endpoints: takes a watch, looks at its record, writes
//! down what there is to tell, tells it, and says when to look again.

mod take_turn;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::WebhookSettings;
use super::lookout::{Lookout, Wake, Waking};
use crate::id::{RecordId, Shard};
use crate::live::Shared;
use crate::store::webhooks::{TakeWatches, WatchAsk, Watched};

/// Longer than all calls of one turn may take together.
pub(super) const LEASE_MS: u64 = 60_000;
/// Watches taken from one shard at a time.
const PER_SHARD_MAX: u16 = 16;
/// How often a watch is asked for again whose making was not answered.
const WATCH_TRIES: u32 = 5;
const WATCH_PAUSE: Duration = Duration::from_millis(500);

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

    /// Waits for a place: whoever wakes us does not wait for that.
    async fn woken(self: &Arc<Self>, wake: Wake, turns: &mut JoinSet<()>) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return;
        };
        let courier = Arc::clone(self);
        match wake {
            Wake::Changed(id) => turns.spawn(async move { courier.look_at(id, place).await }),
            Wake::WatchAgain(ask) => turns.spawn(async move { courier.watch(ask).await }),
        };
    }

    async fn look_at(self: Arc<Self>, id: RecordId, place: OwnedSemaphorePermit) {
        match self.shared.store.take_watch(id, LEASE_MS).await {
            Ok(Some(watched)) => self.take_turn(watched).await,
            // Not watched, or its holder looks again.
            Ok(None) => {}
            Err(error) => self.shared.store_failed("take_watch", &error),
        }
        drop(place);
    }

    async fn watch(self: Arc<Self>, ask: WatchAsk) {
        for _ in 0..WATCH_TRIES {
            tokio::time::sleep(WATCH_PAUSE).await;
            match self.shared.store.watch(&ask).await {
                Ok(()) => return,
                Err(error) => self.shared.store_failed("watch", &error),
            }
        }
        self.shared.metrics.webhook_lost();
    }

    async fn sweep(self: &Arc<Self>, turns: &mut JoinSet<()>) {
        if self.lookout().is_idle() {
            return;
        }
        let shard_count = self.shared.live.load().ring.index().shard_count();
        for shard in (0..shard_count).filter_map(Shard::new) {
            let free = u16::try_from(self.places.available_permits()).unwrap_or(u16::MAX);
            let ask = TakeWatches {
                shard,
                count_max: free.min(PER_SHARD_MAX),
                lease_ms: LEASE_MS,
            };
            if ask.count_max == 0 {
                return;
            }
            let taken = match self.shared.store.take_watches(&ask).await {
                Ok(taken) => taken,
                Err(error) => {
                    self.shared.store_failed("take_watches", &error);
                    return;
                }
            };
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
