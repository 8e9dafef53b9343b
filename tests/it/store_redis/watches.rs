//! Watches, where an answer of Redis is lost: the gateway asks once more, and must
//! not find that it has been there already.

use watchword::id::{RecordId, Shard};
use watchword::store::redis::RedisStore;
use watchword::store::webhooks::{
    NextLook, SaveWatch, TakeWatches, WatchAsk, WatchStore as _, Watched,
};

use super::asks;
use crate::support::redis_server::RedisServer;

const LEASE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// Longer than an answer is waited for, and shorter than twice as long.
const PAUSE: &str = "CLIENT PAUSE 350 ALL";

struct Watching {
    server: RedisServer,
    store: RedisStore,
}

impl Watching {
    /// A store with a watch that is due.
    async fn one() -> (Self, RecordId) {
        let server = RedisServer::start();
        let store = asks::open(&server).await;
        let id = asks::record_id(1);
        let ask = WatchAsk {
            id,
            tenant: asks::TENANT,
            look_after_ms: 0,
            keep_for_ms: DAY_MS,
        };
        store.watch(&ask).await.unwrap();
        (Self { server, store }, id)
    }

    /// The next command runs twice: the answer to the first is waited for in vain.
    fn loses_an_answer(&self) {
        self.server.command::<()>(PAUSE);
    }

    async fn due(&self) -> Vec<Watched> {
        let ask = TakeWatches {
            shard: Shard::new(7).unwrap(),
            count_max: 10,
            lease_ms: LEASE_MS,
        };
        self.store.take_watches(&ask).await.unwrap()
    }

    async fn take(&self, id: RecordId) -> Option<Watched> {
        self.store.take_watch(id, LEASE_MS).await.unwrap()
    }
}

#[tokio::test]
async fn a_due_watch_is_not_lost_with_the_answer_that_gave_it() {
    let (w, id) = Watching::one().await;
    w.loses_an_answer();
    let due = w.due().await;
    assert_eq!(due.len(), 1, "it is leased to nobody for a minute");
    assert_eq!((due[0].id, due[0].fence), (id, 1));
    assert_eq!(w.due().await, [], "it is taken");
}

#[tokio::test]
async fn a_woken_watch_is_not_lost_with_the_answer_that_gave_it() {
    let (w, id) = Watching::one().await;
    w.loses_an_answer();
    let taken = w.take(id).await.unwrap();
    assert_eq!(taken.fence, 1);
    assert_eq!(w.take(id).await, None, "it is taken");
}

#[tokio::test]
async fn a_change_under_a_lease_is_not_forgotten_with_the_answer_that_ended_it() {
    let (w, id) = Watching::one().await;
    let taken = w.take(id).await.unwrap();
    assert_eq!(w.take(id).await, None);
    w.loses_an_answer();
    let save = SaveWatch {
        id,
        fence: taken.fence,
        state: b"told".to_vec(),
        next: NextLook::At(taken.now_ms + DAY_MS / 2),
    };
    assert!(w.store.save_watch(&save).await.unwrap());
    assert_eq!(w.due().await.len(), 1, "what changed meanwhile is not seen");
}
