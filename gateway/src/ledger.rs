//! What is due: every node looks through every shard for deliveries whose time
//! has come and whom nobody works on, and goes on with them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::MissedTickBehavior;

use crate::dispatch::Dispatcher;
use crate::id::Shard;
use crate::live::Shared;
use crate::store::Sweep;

/// How a node sweeps, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct SweepSettings {
    pub interval: Duration,
    /// Entries taken from one shard at a time.
    pub per_shard_max: u16,
    /// Shards asked at once.
    pub shards_at_once: usize,
    /// Only what is overdue by so much: the node that has a timer goes first.
    pub grace: Duration,
}

impl SweepSettings {
    pub fn every(interval: Duration) -> Self {
        Self {
            interval,
            per_shard_max: 32,
            shards_at_once: 8,
            grace: Duration::from_millis(500),
        }
    }
}

/// Sweeps until the dispatcher stops.
pub async fn sweep(dispatcher: Arc<Dispatcher>, shared: Shared, settings: SweepSettings) {
    let mut ticks = tokio::time::interval(settings.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = dispatcher.stopping.cancelled() => return,
        }
        sweep_once(&dispatcher, &shared, settings).await;
    }
}

/// Looks through every shard once.
async fn sweep_once(dispatcher: &Arc<Dispatcher>, shared: &Shared, settings: SweepSettings) {
    let shard_count = shared.live.load().ring.index().shard_count();
    let found: Vec<Seen> = stream::iter((0..shard_count).filter_map(Shard::new))
        .map(|shard| sweep_shard(dispatcher, shared, settings, shard))
        .buffer_unordered(settings.shards_at_once)
        // A store that does not answer for one shard is not asked for all.
        .take_while(|seen| std::future::ready(seen.is_some()))
        .filter_map(std::future::ready)
        .collect()
        .await;
    let depth: u64 = found.iter().map(|seen| seen.depth).sum();
    let oldest_ms = found
        .iter()
        .map(|seen| seen.oldest_overdue_ms)
        .max()
        .unwrap_or(0);
    let unknown: u64 = found.iter().map(|seen| seen.unknown_format).sum();
    if found.len() == usize::from(shard_count) {
        shared
            .metrics
            .ledger(depth, Duration::from_millis(oldest_ms));
        for _ in 0..unknown {
            shared.metrics.unknown_format();
        }
    }
}

/// What one shard's sweep saw.
#[derive(Default)]
struct Seen {
    depth: u64,
    oldest_overdue_ms: u64,
    unknown_format: u64,
}

async fn sweep_shard(
    dispatcher: &Arc<Dispatcher>,
    shared: &Shared,
    settings: SweepSettings,
    shard: Shard,
) -> Option<Seen> {
    let ask = Sweep {
        shard,
        // A full node looks, so that its gauges are true, and takes nothing.
        count_max: dispatcher.room().min(settings.per_shard_max),
        grace_ms: u64::try_from(settings.grace.as_millis()).unwrap_or(u64::MAX),
        policy: dispatcher.policy(),
    };
    let swept = match shared.store.sweep(&ask).await {
        Ok(swept) => swept,
        Err(error) => {
            shared.store_failed("sweep", &error);
            return None;
        }
    };
    let seen = Seen {
        depth: swept.depth,
        oldest_overdue_ms: swept.oldest_overdue_ms,
        unknown_format: swept.unknown_format,
    };
    for taken in swept.taken {
        if let Some(work) = dispatcher.taken(taken) {
            dispatcher.dispatch_when_room(work).await;
        }
    }
    Some(seen)
}
