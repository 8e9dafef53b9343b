//! Stories of watches: what is to be told of a record is taken by one at a time.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use watchword::id::RecordId;
use watchword::store::webhooks::{NextLook, SaveWatch, TakeWatches, WatchAsk, Watched};

use super::world::*;

const LOOK_AFTER_MS: u64 = 10_000;
const KEPT_MS: u64 = DAY_MS;

fn watch_of(number: u16) -> WatchAsk {
    WatchAsk {
        id: RecordId {
            shard: shard(number),
            random: unique(),
        },
        tenant: TENANT,
        look_after_ms: LOOK_AFTER_MS,
        keep_for_ms: KEPT_MS,
    }
}

impl World {
    async fn watched(&self, ask: WatchAsk) -> RecordId {
        self.store.watch(&ask).await.unwrap();
        ask.id
    }

    async fn take_watch(&self, id: RecordId) -> Option<Watched> {
        self.store.take_watch(id, LEASE_MS).await.unwrap()
    }

    async fn due(&self, number: u16) -> Vec<Watched> {
        let ask = TakeWatches {
            shard: shard(number),
            count_max: 10,
            lease_ms: LEASE_MS,
        };
        self.store.take_watches(&ask).await.unwrap()
    }

    async fn save(&self, watched: &Watched, state: &[u8], next: NextLook) -> bool {
        let ask = SaveWatch {
            id: watched.id,
            fence: watched.fence,
            state: state.to_vec(),
            next,
        };
        self.store.save_watch(&ask).await.unwrap()
    }
}

pub(super) async fn a_record_is_watched_once_whoever_asks(w: World) {
    let ask = watch_of(21);
    let id = w.watched(ask).await;
    let taken = w.take_watch(id).await.unwrap();
    assert_eq!((taken.tenant, taken.state.len()), (TENANT, 0));
    assert!(w.save(&taken, b"told", NextLook::At(taken.now_ms)).await);
    w.watched(ask).await;
    let again = w.take_watch(id).await.unwrap();
    assert_eq!(again.state, b"told");
    assert_eq!(again.made_at_ms, taken.made_at_ms);
}

pub(super) async fn a_due_watch_is_taken_by_one_and_comes_back_when_its_lease_ends(w: World) {
    let id = w.watched(watch_of(22)).await;
    assert_eq!(w.due(22).await, []);
    w.advance(LOOK_AFTER_MS + 1);
    let both = join_all([w.due(22), w.due(22)]).await.concat();
    assert_eq!(both.len(), 1);
    assert_eq!((both[0].id, both[0].fence), (id, 1));
    assert_eq!(w.due(22).await, []);
    w.advance(LEASE_MS + 1);
    let after = w.due(22).await;
    assert_eq!((after[0].id, after[0].fence), (id, 2));
}

pub(super) async fn who_lost_the_fence_of_a_watch_may_not_write_it(w: World) {
    let id = w.watched(watch_of(23)).await;
    let first = w.take_watch(id).await.unwrap();
    w.advance(LEASE_MS + 1);
    let second = w.take_watch(id).await.unwrap();
    assert!(!w.save(&first, b"first", NextLook::LeaseStays).await);
    assert!(w.save(&second, b"second", NextLook::LeaseStays).await);
    assert!(!w.save(&first, b"", NextLook::Forget).await);
    w.advance(LEASE_MS + 1);
    assert_eq!(w.take_watch(id).await.unwrap().state, b"second");
}

pub(super) async fn a_change_under_a_lease_makes_its_holder_look_again(w: World) {
    let id = w.watched(watch_of(24)).await;
    let held = w.take_watch(id).await.unwrap();
    assert_eq!(w.take_watch(id).await, None);
    let tomorrow = held.now_ms + DAY_MS / 2;
    assert!(w.save(&held, b"one", NextLook::At(tomorrow)).await);
    w.advance(1);
    let woken = w.due(24).await;
    assert_eq!((woken[0].id, woken[0].state.as_slice()), (id, &b"one"[..]));
    // Nobody has asked since.
    assert!(w.save(&woken[0], b"two", NextLook::At(tomorrow)).await);
    w.advance(MINUTE_MS);
    assert_eq!(w.due(24).await, []);
}

pub(super) async fn a_report_is_noted_once_and_makes_the_watch_due(w: World) {
    let id = w.watched(watch_of(25)).await;
    w.store.note_report(id).await.unwrap();
    w.advance(1);
    let taken = w.due(25).await.remove(0);
    // A server's clock goes on by itself.
    let ago_ms = taken.now_ms - taken.reported_at_ms;
    assert!((1..MINUTE_MS).contains(&ago_ms), "{ago_ms} ms");
    assert!(w.save(&taken, b"", NextLook::At(taken.now_ms)).await);
    w.advance(MINUTE_MS);
    w.store.note_report(id).await.unwrap();
    let again = w.take_watch(id).await.unwrap();
    assert_eq!(again.reported_at_ms, taken.reported_at_ms);
    // Of a record that nobody watches there is nothing to note.
    w.store.note_report(watch_of(25).id).await.unwrap();
}

pub(super) async fn a_forgotten_watch_is_gone(w: World) {
    let id = w.watched(watch_of(26)).await;
    let taken = w.take_watch(id).await.unwrap();
    assert!(w.save(&taken, b"", NextLook::Forget).await);
    assert_eq!(w.take_watch(id).await, None);
    w.advance(DAY_MS);
    assert_eq!(w.due(26).await, []);
}

pub(super) async fn a_watch_is_forgotten_when_its_time_is_over(w: World) {
    let id = w.watched(watch_of(27)).await;
    let taken = w.take_watch(id).await.unwrap();
    let till = NextLook::At(taken.kept_until_ms);
    assert_eq!(taken.kept_until_ms, taken.made_at_ms + KEPT_MS);
    assert!(w.save(&taken, b"told", till).await);
    w.advance(KEPT_MS - MINUTE_MS);
    assert_eq!(w.due(27).await, []);
    assert!(w.take_watch(id).await.is_some());
}

pub(super) async fn all_watches_of_a_shard_are_listed_page_by_page(w: World) {
    let mut made = BTreeSet::new();
    for _ in 0..25 {
        made.insert(w.watched(watch_of(28)).await);
    }
    w.watched(watch_of(29)).await;
    let mut listed = BTreeSet::new();
    let mut from: Option<Vec<u8>> = None;
    for _ in 0..25 {
        let page = w.store.list_watches(shard(28), from.as_deref(), 10).await;
        let page = page.unwrap();
        assert!(page.found.iter().all(|name| name.tenant == TENANT));
        listed.extend(page.found.iter().map(|name| name.id));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
}
