//! Tells again: one event, or those of a time that were given up.

use super::courier::LEASE_MS;
use super::keep;
use super::story::{Event, Standing, Story, parse_event_name};
use crate::id::{RecordId, Shard};
use crate::live::Shared;
use crate::store::StoreError;
use crate::store::webhooks::{NextLook, Watched};
use crate::verification::TenantTag;

/// Events of one replay at most; asked again, it goes on with the rest.
const EVENTS_MAX: usize = 10_000;
/// Watches listed at a time.
const PAGE: u16 = 256;

/// What is to be told again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// One event by its id, told or not.
    Event { name: String },
    /// What happened from one moment until another and was given up, or all of it.
    Between {
        from_ms: u64,
        until_ms: u64,
        with_told: bool,
    },
}

/// What a replay has made due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub events: usize,
    /// Records somebody was just at work on: left as they are.
    pub busy: usize,
    /// There may be more: ask again.
    pub is_cut: bool,
}

/// Why nothing is told again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Or it is being told right now.
    #[error("no such event is kept")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes events of a tenant due again, at `endpoint` or at all of theirs.
///
/// # Errors
///
/// [`ReplayError`].
pub async fn replay(
    shared: &Shared,
    tenant: TenantTag,
    (what, endpoint): (&Replay, Option<&str>),
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    match what {
        Replay::Event { name } => {
            let (id, sequence) = parse_event_name(name).ok_or(ReplayError::NotFound)?;
            let again = |event: &Event| event.sequence == sequence;
            replay_record(shared, (id, tenant, endpoint), &again, &mut replayed).await?;
            if replayed.events == 0 {
                return Err(ReplayError::NotFound);
            }
        }
        Replay::Between {
            from_ms,
            until_ms,
            with_told,
        } => {
            let again = |event: &Event| {
                let was_given_up = |standing| matches!(standing, Standing::GivenUp { .. });
                (*from_ms..*until_ms).contains(&event.at_ms)
                    && (*with_told
                        || event
                            .targets
                            .iter()
                            .any(|target| was_given_up(target.standing)))
            };
            let until = (tenant, endpoint, *until_ms);
            let shard_count = shared.live.load().ring.index().shard_count();
            for shard in (0..shard_count).filter_map(Shard::new) {
                replay_shard(shared, (shard, until), &again, &mut replayed).await?;
                if replayed.is_cut {
                    break;
                }
            }
        }
    }
    Ok(replayed)
}

type Again<'a> = &'a (dyn Fn(&Event) -> bool + Sync);

async fn replay_shard(
    shared: &Shared,
    (shard, (tenant, endpoint, until_ms)): (Shard, (TenantTag, Option<&str>, u64)),
    again: Again<'_>,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    let mut from: Option<Vec<u8>> = None;
    loop {
        let page = shared
            .store
            .list_watches(shard, from.as_deref(), PAGE)
            .await?;
        let own = page.found.into_iter();
        let own = own.filter(|name| name.tenant == tenant && name.made_at_ms < until_ms);
        for name in own {
            replay_record(shared, (name.id, tenant, endpoint), again, replayed).await?;
            if replayed.events >= EVENTS_MAX {
                replayed.is_cut = true;
                return Ok(());
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

async fn replay_record(
    shared: &Shared,
    (id, tenant, endpoint): (RecordId, TenantTag, Option<&str>),
    again: Again<'_>,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    let Some(watched) = shared.store.take_watch(id, LEASE_MS).await? else {
        replayed.busy += 1;
        return Ok(());
    };
    let (next, count) = match keep::open(shared, &watched) {
        Ok(mut story) if watched.tenant == tenant => {
            let count = make_due(&mut story, (again, endpoint), &watched);
            let next = NextLook::At(watched.now_ms);
            (keep::save(shared, &watched, &story, next).await?, count)
        }
        // Not theirs or not readable: the lease ends by itself.
        Ok(_) | Err(_) => (false, 0),
    };
    replayed.events += if next { count } else { 0 };
    Ok(())
}

/// How many events are due again.
fn make_due(
    story: &mut Story,
    (again, endpoint): (Again<'_>, Option<&str>),
    watched: &Watched,
) -> usize {
    let mut count = 0;
    for event in story.events.iter_mut().filter(|event| again(event)) {
        let mut is_due = false;
        for target in &mut event.targets {
            if endpoint.is_none_or(|endpoint| target.endpoint == endpoint) {
                target.tries = 0;
                target.standing = Standing::Due {
                    at_ms: watched.now_ms,
                };
                is_due = true;
            }
        }
        count += usize::from(is_due);
    }
    count
}
