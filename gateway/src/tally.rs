//! What became of messages, counted by this node in memory and added to the
//! store every few seconds, in one question: a send pays for it with an addition
//! in memory. A node that is killed takes with it what it has not yet added,
//! `FLUSH_EVERY` at most while the store answers; one that is stopped adds it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use watchword_providers::Channel;

use crate::keys::random;
use crate::live::Shared;
use crate::routing::{
    Area, CountRoutes, HOUR_MS, ProviderId, ROWS_MAX, RouteCounts, RouteKey, RouteRows,
};
use crate::server::Shutdown;
use crate::verification::OperationId;

pub(crate) const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Counts lie in so many maps, each with a lock of its own: by the record's id,
/// so that sends seldom wait for each other.
const STRIPES: usize = 16;
/// Rows of one map; what comes later counts for its provider and channel alone.
const STRIPE_ROWS_MAX: usize = 256;

type Rows = HashMap<RouteKey, RouteCounts>;

/// What this node has counted and not yet added.
#[derive(Default)]
pub struct Tally {
    stripes: [Mutex<Rows>; STRIPES],
    /// What the store has not answered for yet: asked again as it was, it is
    /// added once.
    unanswered: tokio::sync::Mutex<Option<CountRoutes>>,
}

/// One thing that became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    Submitted,
    Delivered,
    Approved,
}

impl Tally {
    /// Counts one. `spread` is any byte of its record's id.
    pub(crate) fn count(
        &self,
        spread: u8,
        (provider, channel, area): (&ProviderId, Channel, Area),
        became: Became,
    ) {
        let mut counts = RouteCounts::default();
        match became {
            Became::Submitted => counts.submitted = 1,
            Became::Delivered => counts.delivered = 1,
            Became::Approved => counts.approved = 1,
        }
        let key = RouteKey {
            provider: ProviderId::clone(provider),
            channel,
            area,
        };
        if let Some(stripe) = self.stripes.get(usize::from(spread) % STRIPES) {
            let mut rows = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            add(&mut rows, (key, counts), STRIPE_ROWS_MAX);
        }
    }

    /// All that was counted since the last time.
    fn take(&self) -> RouteRows {
        let mut all = Rows::new();
        for stripe in &self.stripes {
            let rows = std::mem::take(&mut *stripe.lock().unwrap_or_else(PoisonError::into_inner));
            for row in rows {
                // Half, so that what comes later has room as well.
                add(&mut all, row, ROWS_MAX / 2);
            }
        }
        all.into_iter().collect()
    }

    /// Adds what was counted to the store.
    pub(crate) async fn flush(&self, shared: &Shared) {
        let mut unanswered = self.unanswered.lock().await;
        let now_ms = shared.store_now_ms();
        if unanswered
            .as_ref()
            .is_some_and(|ask| ask.kept_until_ms() <= now_ms)
        {
            *unanswered = None;
        }
        if unanswered.is_none() {
            let rows = self.take();
            if rows.is_empty() {
                return;
            }
            *unanswered = Some(CountRoutes {
                hour: now_ms / HOUR_MS,
                operation: OperationId(random()),
                rows,
            });
        }
        let Some(ask) = &*unanswered else {
            return;
        };
        match shared.store.count_routes(ask).await {
            Ok(()) => *unanswered = None,
            Err(error) => shared.store_failed("count_routes", &error),
        }
    }
}

/// Adds a row: where there is no room for another one, to its provider and
/// channel, and beyond twice as many to nothing.
fn add(rows: &mut Rows, (mut key, counts): (RouteKey, RouteCounts), rows_max: usize) {
    if rows.len() >= rows_max && !rows.contains_key(&key) {
        key.area = Area::default();
    }
    if rows.len() < 2 * rows_max || rows.contains_key(&key) {
        rows.entry(key).or_default().add(counts);
    }
}

/// Adds to the store until the gateway stops; who stops it adds the last.
pub(crate) async fn keep(shared: Shared, mut shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => shared.tally.flush(&shared).await,
            () = shutdown.requested() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(prefix: u32) -> Area {
        let [_, x, y, z] = prefix.to_be_bytes();
        Area::of_bytes([b'U', b'S', 0, x, y, z])
    }

    #[test]
    fn what_is_counted_is_taken_once() {
        let tally = Tally::default();
        let hook: ProviderId = "hook-a".into();
        for spread in 0..100 {
            let to = (&hook, Channel::Sms, area(1415));
            tally.count(spread, to, Became::Submitted);
            if spread % 2 == 0 {
                tally.count(spread, to, Became::Delivered);
            }
        }
        tally.count(0, (&hook, Channel::Voice, area(1415)), Became::Approved);
        let mut rows = tally.take();
        rows.sort_by_key(|(key, _)| key.clone());
        let counts: Vec<[u64; 3]> = rows
            .iter()
            .map(|(_, row)| [row.submitted, row.delivered, row.approved])
            .collect();
        assert_eq!(counts, [[100, 50, 0], [0, 0, 1]]);
        assert!(tally.take().is_empty());
    }

    #[test]
    fn whatever_is_counted_takes_bounded_room_and_loses_no_message() {
        let tally = Tally::default();
        let hook: ProviderId = "hook-a".into();
        for prefix in 0..100_000_u32 {
            let [.., spread] = prefix.to_be_bytes();
            tally.count(
                spread,
                (&hook, Channel::Sms, area(prefix)),
                Became::Submitted,
            );
        }
        for stripe in &tally.stripes {
            assert!(stripe.lock().unwrap().len() <= 2 * STRIPE_ROWS_MAX);
        }
        let rows = tally.take();
        assert!(rows.len() <= ROWS_MAX, "{} rows", rows.len());
        let sum: u64 = rows.iter().map(|(_, row)| row.submitted).sum();
        assert_eq!(sum, 100_000);
    }
}
