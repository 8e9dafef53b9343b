//! Stories of calls that ask what to say: which of them is told.

use futures_util::future::join_all;
use watchword::calls::{CallAsk, CallKey};

use super::world::*;

impl World {
    /// A question of this call, remembered for an hour.
    async fn question(&self, key: CallKey, call: u8) -> CallAsk {
        CallAsk {
            key,
            call: [call; 16],
            kept_until_ms: self.now_ms().await + 3_600_000,
        }
    }

    async fn asked(&self, ask: &CallAsk) -> Option<u32> {
        self.store.bind_call(ask).await.unwrap()
    }
}

fn key() -> CallKey {
    CallKey {
        shard: shard(13),
        tag: unique(),
    }
}

pub(super) async fn the_first_call_of_an_attempt_is_the_only_one(w: World) {
    let attempt = key();
    let (first, second) = (w.question(attempt, 1).await, w.question(attempt, 2).await);
    assert_eq!(w.asked(&first).await, Some(1));
    assert_eq!(w.asked(&second).await, None);
    assert_eq!(w.asked(&first).await, Some(2));
    // Of another attempt, the same call may be the first.
    let other = w.question(key(), 2).await;
    assert_eq!(w.asked(&other).await, Some(1));
}

pub(super) async fn the_questions_of_a_call_are_counted(w: World) {
    let attempt = key();
    let (call, stranger) = (w.question(attempt, 1).await, w.question(attempt, 2).await);
    for count in 1..=20 {
        assert_eq!(w.asked(&call).await, Some(count));
        assert_eq!(w.asked(&stranger).await, None);
    }
}

pub(super) async fn a_call_is_remembered_until_its_reference_expires(w: World) {
    let attempt = key();
    let (first, second) = (w.question(attempt, 1).await, w.question(attempt, 2).await);
    w.asked(&first).await;
    w.advance(3_600_000 - MINUTE_MS);
    assert_eq!(w.asked(&second).await, None);
    w.advance(MINUTE_MS);
    let second = w.question(attempt, 2).await;
    assert_eq!(w.asked(&second).await, Some(1));
}

pub(super) async fn of_many_calls_at_once_one_is_bound(w: World) {
    let attempt = key();
    let questions = join_all((0..50).map(|call| w.question(attempt, call))).await;
    let answers = join_all(questions.iter().map(|question| w.asked(question))).await;
    let bound: Vec<u32> = answers.into_iter().flatten().collect();
    assert_eq!(bound, [1]);
}
