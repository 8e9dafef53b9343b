//! Has time pass for subjects: holds end, notices go out, what nobody proved is
//! forgotten. Every node looks at every shard: a subject is written over what it
//! was decided from or not at all, so working twice on one does no harm.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::MissedTickBehavior;

use super::keeper::Keeper;
use super::model::SubjectKey;
use crate::id::Shard;
use crate::tenants::Scope;

/// Shards asked at once.
const SHARDS_AT_ONCE: usize = 8;
/// Subjects at work at once.
const SUBJECTS_AT_ONCE: usize = 4;
/// Subjects taken from a shard at a time.
const PER_SHARD_MAX: u16 = 16;
/// A subject that was taken and not written is due again after so long.
const AGAIN_MS: u64 = 15_000;
/// Looks that are left out while no API key may ask about subjects: what is left
/// of earlier days has time.
const RARELY: u32 = 60;

/// Works until the dispatcher stops.
pub async fn work(keeper: Arc<Keeper>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut idle: u32 = 0;
    let mut looks: u32 = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = keeper.dispatcher.stopping.cancelled() => return,
        }
        idle = if serves_subjects(&keeper) {
            0
        } else {
            (idle + 1) % RARELY
        };
        if idle == 0 {
            if looks.is_multiple_of(RARELY) && serves_subjects(&keeper) {
                note_operators(&keeper).await;
            }
            if looks.is_multiple_of(RARELY) {
                seal_anew(&keeper).await;
            }
            looks = looks.wrapping_add(1);
            pass(&keeper).await;
        }
    }
}

/// At the start, and soon after a reload: who is an operator now.
async fn note_operators(keeper: &Keeper) {
    if let Err(error) = keeper.note_operators().await {
        tracing::warn!(
            code = error.code(),
            "who is an operator now could not be noted, and is tried again"
        );
    }
}

/// Has what older master keys seal sealed under the newest one.
pub async fn seal_anew(keeper: &Keeper) {
    if let Err(error) = keeper.seal_anew().await {
        tracing::warn!(
            code = error.code(),
            "subjects are left under an older key, and are tried again"
        );
    }
}

/// Looks at every shard once, and after every subject that is due.
pub async fn pass(keeper: &Keeper) {
    let shard_count = keeper.shared.live.load().ring.index().shard_count();
    let due: Vec<Vec<SubjectKey>> = stream::iter((0..shard_count).filter_map(Shard::new))
        .map(|shard| due_in(keeper, shard))
        .buffer_unordered(SHARDS_AT_ONCE)
        // A store that does not answer for one shard is not asked for all.
        .take_while(|due| std::future::ready(due.is_some()))
        .filter_map(std::future::ready)
        .collect()
        .await;
    stream::iter(due.into_iter().flatten())
        .for_each_concurrent(SUBJECTS_AT_ONCE, |key| async move {
            if let Err(error) = keeper.tend(key).await {
                tracing::warn!(
                    subject.key = %key.0,
                    code = error.code(),
                    "a subject could not be looked after, and is tried again"
                );
            }
        })
        .await;
}

async fn due_in(keeper: &Keeper, shard: Shard) -> Option<Vec<SubjectKey>> {
    let store = &keeper.shared.store;
    match store.due_subjects(shard, PER_SHARD_MAX, AGAIN_MS).await {
        Ok(due) => Some(due),
        Err(error) => {
            keeper.shared.store_failed("due_subjects", &error);
            None
        }
    }
}

fn serves_subjects(keeper: &Keeper) -> bool {
    let live = keeper.shared.live.load();
    let mut callers = live.tenants.callers.values();
    callers.any(|caller| caller.scopes.contains(Scope::Subjects))
}
