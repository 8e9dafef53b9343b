//! Stories of what is due: leases, sweeps and who takes what over.

use std::sync::Arc;

use tokio::task::JoinSet;
use watchword::delivery::{DeliveryStatus, DueKind, Outcome, Take};
use watchword::id::{DeliveryId, RecordId};
use watchword::store::{Sweep, Swept};
use watchword::verification::Start;

use super::world::*;

async fn created(w: &World) -> DeliveryId {
    let ask = start();
    w.created(&ask).await;
    first_of(ask.id)
}

pub(super) async fn a_lost_lease_is_taken_over_under_a_new_fence(w: World) {
    let id = created(&w).await;
    w.advance(LEASE_MS);
    let taken = w.take(id).await;
    let why = DueKind::Lease;
    assert_eq!(taken.take, Take::Taken { why });
    let record = taken.record.unwrap();
    let delivery = &record.deliveries[0];
    assert_eq!((delivery.fence, delivery.lost_leases), (2, 1));
    // What was begun may have been sent.
    assert_eq!(delivery.attempts[0].outcome, Outcome::Unknown);
    assert_eq!(w.record(id.record).await, *record);
    assert_eq!(w.took(id).await, Take::NotDue);
}

pub(super) async fn three_lost_leases_are_poison(w: World) {
    let id = created(&w).await;
    for attempt in 2..=3 {
        w.advance(LEASE_MS);
        let why = DueKind::Lease;
        assert_eq!(w.took(id).await, Take::Taken { why });
        let fence = w.delivery(id).await.fence;
        assert_eq!(w.begin(id, fence, attempt).await, Ok(()));
    }
    w.advance(LEASE_MS);
    let taken = w.take(id).await;
    assert_eq!(taken.take, Take::Poisoned);
    assert!(taken.record.is_some());
    let delivery = w.delivery(id).await;
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.reason.as_deref(), Some("poison"));
    assert_eq!(w.sweep(id.record.shard, 10, 0).await.depth, 0);
}

pub(super) async fn a_lease_lost_with_nothing_begun_does_not_count(w: World) {
    let id = created(&w).await;
    let why = DueKind::Lease;
    w.advance(LEASE_MS);
    assert_eq!(w.took(id).await, Take::Taken { why });
    for _ in 0..2 {
        w.advance(LEASE_MS);
        assert_eq!(w.took(id).await, Take::Taken { why });
        w.advance(LEASE_MS);
        assert_eq!(w.sweep(id.record.shard, 10, 0).await.taken.len(), 1);
    }
    let delivery = w.delivery(id).await;
    assert_eq!((delivery.fence, delivery.lost_leases), (6, 1));
}

pub(super) async fn nothing_is_taken_before_it_is_due(w: World) {
    let id = created(&w).await;
    w.advance(LEASE_MS - 1_000);
    assert_eq!(w.took(id).await, Take::NotDue);
    let swept = w.sweep(id.record.shard, 10, 0).await;
    assert_eq!((swept.taken.len(), swept.depth), (0, 1));
    assert_eq!(swept.oldest_overdue_ms, 0);
}

pub(super) async fn a_due_delivery_of_an_ended_verification_is_closed(w: World) {
    let id = created(&w).await;
    w.store.cancel(id.record, TENANT).await.unwrap().unwrap();
    w.advance(LEASE_MS);
    let swept = w.sweep(id.record.shard, 10, 0).await;
    assert_eq!(swept.taken.len(), 1);
    assert_eq!(swept.taken[0].take, Take::Closed);
    assert_eq!(w.delivery(id).await.status, DeliveryStatus::Canceled);
    let late = created(&w).await;
    w.advance(9 * MINUTE_MS);
    assert_eq!(w.took(late).await, Take::Closed);
    let delivery = w.delivery(late).await;
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.reason.as_deref(), Some("outcome_unknown"));
}

pub(super) async fn a_delivery_handed_back_is_due_when_it_said(w: World) {
    let id = created(&w).await;
    assert_eq!(w.store.hand_back(id, 1, 0).await.unwrap(), Ok(()));
    let why = DueKind::Handover;
    assert_eq!(w.took(id).await, Take::Taken { why });
    assert_eq!(w.delivery(id).await.lost_leases, 0);
    assert_eq!(w.store.hand_back(id, 2, 5_000).await.unwrap(), Ok(()));
    w.advance(4_000);
    assert_eq!(w.took(id).await, Take::NotDue);
    w.advance(1_000);
    assert_eq!(w.took(id).await, Take::Taken { why });
}

/// Creates some verifications, a second apart.
async fn created_in_order(w: &World, count: usize) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(created(w).await);
        w.advance(1_000);
    }
    ids
}

fn ids_of(swept: &Swept) -> Vec<DeliveryId> {
    swept.taken.iter().map(|taken| taken.delivery).collect()
}

pub(super) async fn a_sweep_takes_the_oldest_first_and_no_more_than_asked(w: World) {
    let ids = created_in_order(&w, 5).await;
    w.advance(LEASE_MS);
    let first = w.sweep(shard(7), 3, 0).await;
    assert_eq!(ids_of(&first), ids[..3]);
    assert_eq!(first.depth, 5);
    assert!((5_000..7_000).contains(&first.oldest_overdue_ms));
    assert!(first.taken.iter().all(|taken| taken.record.is_some()));
    let second = w.sweep(shard(7), 3, 0).await;
    assert_eq!(ids_of(&second), ids[3..]);
    assert!(w.sweep(shard(7), 3, 0).await.taken.is_empty());
}

pub(super) async fn a_sweep_leaves_its_grace_to_the_owner(w: World) {
    let id = created(&w).await;
    w.advance(LEASE_MS + 1_000);
    assert!(w.sweep(id.record.shard, 10, 3_000).await.taken.is_empty());
    w.advance(2_000);
    assert_eq!(ids_of(&w.sweep(id.record.shard, 10, 3_000).await), [id]);
}

pub(super) async fn a_sweep_stays_in_its_shard(w: World) {
    let ask = Start {
        id: RecordId {
            shard: shard(9),
            random: unique(),
        },
        ..start()
    };
    w.created(&ask).await;
    w.advance(LEASE_MS);
    let here = w.sweep(shard(7), 10, 0).await;
    assert_eq!((here.taken.len(), here.depth), (0, 0));
    assert_eq!(ids_of(&w.sweep(shard(9), 10, 0).await), [first_of(ask.id)]);
}

pub(super) async fn of_many_sweeps_at_once_one_takes_a_delivery(w: World) {
    let mut ids = created_in_order(&w, 10).await;
    w.advance(LEASE_MS);
    let mut sweeps = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&w.store);
        let ask = Sweep {
            shard: shard(7),
            count_max: 4,
            grace_ms: 0,
            policy: dispatch_policy(),
        };
        sweeps.spawn(async move { ids_of(&store.sweep(&ask).await.unwrap()) });
    }
    let mut taken = sweeps.join_all().await.concat();
    taken.sort_unstable();
    ids.sort_unstable();
    assert_eq!(taken, ids);
}
