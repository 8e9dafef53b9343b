//! Writes that somebody else was faster with, and answers that were lost: what is
//! decided happens once, and who asked is told the truth.

mod scripted;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use self::scripted::Play;
use self::world::World;
use super::*;
use crate::subjects::worker;

const DAY_MS: u64 = 86_400_000;

impl World {
    /// One wrong guess: the effect that is counted. How often it was decided, too.
    async fn guess(&self) -> (Answer<()>, usize) {
        let decided = AtomicUsize::new(0);
        let guess = |_: &Opened| {
            decided.fetch_add(1, Ordering::Relaxed);
            Ok((Command::WrongSecret, ()))
        };
        let changed = self
            .keeper
            .change(&self.tenant, "u-1", Actor::Person, guess);
        let changed = changed.await.map(drop);
        (changed, decided.into_inner())
    }

    async fn guesses_counted(&self) -> u32 {
        let read = self.keeper.read(&self.tenant, "u-1").await.unwrap();
        read.unwrap().subject.tries.count
    }
}

fn code<T>(answer: Answer<T>) -> &'static str {
    answer.err().unwrap().code()
}

#[tokio::test]
async fn a_decision_that_was_overtaken_is_made_anew_and_happens_once() {
    let world = World::with_subject().await;
    world.store.plays([Play::Overtaken]);
    let (answer, decided) = world.guess().await;
    answer.unwrap();
    assert_eq!(decided, 2, "from what somebody else has written");
    assert_eq!(world.guesses_counted().await, 1);
}

#[tokio::test]
async fn who_is_overtaken_again_and_again_is_told_to_come_back() {
    let world = World::with_subject().await;
    world.store.plays([Play::Overtaken; TRIES]);
    let (answer, decided) = world.guess().await;
    assert_eq!(code(answer), "overloaded");
    assert_eq!(decided, TRIES);
    assert_eq!(world.guesses_counted().await, 0);
    let (answer, _) = world.guess().await;
    answer.unwrap();
    assert_eq!(world.guesses_counted().await, 1);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again() {
    let world = World::with_subject().await;
    for lost in [
        Play::AnswerLost,
        Play::AnswerLostAndOvertaken,
        Play::NeverArrives,
    ] {
        let before = world.guesses_counted().await;
        world.store.plays([lost]);
        let (answer, decided) = world.guess().await;
        answer.unwrap();
        assert_eq!(decided, 1, "it was one decision: {lost:?}");
        assert_eq!(world.guesses_counted().await, before + 1, "{lost:?}");
    }
}

#[tokio::test]
async fn what_may_have_been_written_is_not_said_to_have_failed() {
    let world = World::with_subject().await;
    world.store.plays([Play::AnswerLost, Play::Refused]);
    let (answer, _) = world.guess().await;
    assert_eq!(code(answer), "store_outcome_unknown");
    assert_eq!(world.guesses_counted().await, 1);
    world.store.plays([Play::Refused]);
    let (answer, _) = world.guess().await;
    assert_eq!(code(answer), "store_unavailable");
    assert_eq!(world.guesses_counted().await, 1);
}

#[tokio::test]
async fn a_node_that_stood_still_does_not_write_under_a_link_that_is_over() {
    let world = World::with_subject().await;
    let number = "+14155550123";
    for subject in ["u-2", "u-3"] {
        world.adds(subject, number).await.unwrap();
    }
    world.store.plays([Play::Stalled { for_ms: 60_000 }]);
    let late = world.proves("u-2", number).await;
    assert_eq!(code(late), "store_unavailable");
    world.proves("u-3", number).await.unwrap();
    let again = world.proves("u-2", number).await;
    assert_eq!(code(again), "number_in_use");
}

#[tokio::test]
async fn a_subject_taken_in_vain_is_looked_after_in_the_next_pass() {
    let world = World::with_subject().await;
    let before = world.revision().await;
    world.store.pass_time(40 * DAY_MS);
    world.store.loses_taking();
    worker::pass(&world.keeper).await;
    assert_eq!(world.revision().await, before);
    worker::pass(&world.keeper).await;
    assert_eq!(world.revision().await, before + 1);
}
