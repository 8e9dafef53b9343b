//! Has time pass for subjects: holds end, notices go out, what nobody proved is
//! forgotten. Every node looks at every shard: a subject is written over what it
//! was decided from or not at all, so working twice on one does no harm.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::MissedTickBehavior;

use super::keeper::Keeper;
use super::model::SubjectKey;
use crate::id::Shard;
use crate::keys::random;
use crate::store::subjects::TakeSubjects;
use crate::tenants::Scope;
use crate::verification::OperationId;

/// Shards asked at once.
const SHARDS_AT_ONCE: usize = 8;
/// Subjects at work at once.
const SUBJECTS_AT_ONCE: usize = 4;
/// Subjects taken from a shard at a time.
const PER_SHARD_MAX: u16 = 16;
/// A subject that was taken and not written is due again after so long: short
/// enough that one whose node died over it is not told late.
const AGAIN_MS: u64 = 3_000;
/// Looks that are left out while no API key may ask about subjects: what is left
/// of earlier days has time.
const RARELY: u32 = 60;

/// Works until the dispatcher stops.
pub async fn work(keeper: Arc<Keeper>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = keeper.dispatcher.stopping.cancelled() => return,
        }
        let is_asked_about = serves_subjects(&keeper);
        let Some(look) = pace.tick(is_asked_about) else {
            continue;
        };
        if look == Look::Thorough {
            if is_asked_about {
                note_operators(&keeper).await;
            }
            seal_anew(&keeper).await;
        }
        pass(&keeper).await;
    }
}

/// How often to look.
#[derive(Default)]
struct Pace {
    idle: u32,
    looks: u32,
}

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// After whatever is due.
    Usual,
    /// After what time alone brings about as well: another operator, another key.
    Thorough,
}

impl Pace {
    /// At every tick, and rarely while nobody may ask about subjects; the first
    /// look and then one in many is a thorough one.
    fn tick(&mut self, is_asked_about: bool) -> Option<Look> {
        let is_left_out = !is_asked_about && self.idle > 0;
        self.idle = if is_asked_about {
            0
        } else {
            (self.idle + 1) % RARELY
        };
        if is_left_out {
            return None;
        }
        let is_thorough = self.looks.is_multiple_of(RARELY);
        self.looks = self.looks.wrapping_add(1);
        Some(if is_thorough {
            Look::Thorough
        } else {
            Look::Usual
        })
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
    let ask = TakeSubjects {
        shard,
        count_max: PER_SHARD_MAX,
        again_ms: AGAIN_MS,
        asking: keeper.unanswered.asking(shard),
    };
    match keeper.shared.store.take_subjects(&ask).await {
        Ok(due) => {
            keeper.unanswered.answered(shard);
            Some(due)
        }
        Err(error) => {
            keeper.shared.store_failed("take_subjects", &error);
            None
        }
    }
}

/// What was asked of the store and not answered. The next pass asks the same: what
/// was taken in vain is not left alone until it is due again.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Mutex<BTreeMap<Shard, OperationId>>);

impl Unanswered {
    fn asking(&self, shard: Shard) -> OperationId {
        let drawn = || OperationId(random());
        *self.askings().entry(shard).or_insert_with(drawn)
    }

    fn answered(&self, shard: Shard) {
        self.askings().remove(&shard);
    }

    fn askings(&self) -> MutexGuard<'_, BTreeMap<Shard, OperationId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serves_subjects(keeper: &Keeper) -> bool {
    let live = keeper.shared.live.load();
    let mut callers = live.tenants.callers.values();
    callers.any(|caller| caller.scopes.contains(Scope::Subjects))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_nobody_may_ask_about_subjects_one_tick_in_sixty_is_a_look() {
        let mut pace = Pace::default();
        let looks: Vec<usize> = (0..200).filter(|_| pace.tick(false).is_some()).collect();
        assert_eq!(looks, [0, 60, 120, 180]);
        // As soon as somebody may, each of them is.
        assert!((0..10).all(|_| pace.tick(true).is_some()));
    }

    #[test]
    fn the_first_look_and_then_one_in_sixty_is_thorough() {
        let mut pace = Pace::default();
        let looks = (0..130).map(|_| pace.tick(true));
        let thorough: Vec<usize> = looks
            .enumerate()
            .filter(|(_, look)| *look == Some(Look::Thorough))
            .map(|(tick, _)| tick)
            .collect();
        assert_eq!(thorough, [0, 60, 120]);
    }
}
