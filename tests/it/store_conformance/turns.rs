//! Stories of turns of a rate that all nodes share.

use watchword::admission::limits::LimitKey;
use watchword::admission::turns::{TurnRule, Turns, TurnsAsk};

use super::world::*;

/// Twenty a second.
const RULE: TurnRule = TurnRule {
    interval_ns: 50_000_000,
    behind_us: 100_000,
    ahead_us: 250_000,
};
/// What a pause has earned, what is due, and what is given ahead.
const AT_ONCE: u32 = 2 + 1 + 5;

/// A rate nobody has used before.
fn ask() -> TurnsAsk {
    TurnsAsk {
        key: LimitKey {
            shard: shard(3),
            tag: unique(),
        },
        rule: RULE,
        count: 100,
        operation: operation(),
    }
}

/// One in ten seconds: no delay of the machine matters.
fn slow() -> TurnsAsk {
    let rule = TurnRule {
        interval_ns: 10_000_000_000,
        ..RULE
    };
    TurnsAsk { rule, ..ask() }
}

impl World {
    /// Asks by an operation of its own.
    async fn turns(&self, first: &TurnsAsk, count: u32) -> Turns {
        let ask = TurnsAsk {
            count,
            operation: operation(),
            ..first.clone()
        };
        self.store.turns(&ask).await.unwrap()
    }
}

pub(super) async fn a_turn_is_given_once(w: World) {
    let rate = ask();
    let started_ms = w.now_ms().await;
    let mut given: Vec<Turns> = Vec::new();
    // Two nodes, each as greedy as it can be.
    for round in 0..40_u32 {
        given.push(w.turns(&rate, 1 + round % 2 * 100).await);
        w.advance(20);
    }
    given.retain(|turns| turns.count > 0);
    let ends = |turns: &Turns| turns.first_us + u64::from(turns.count) * 50_000;
    for pair in given.windows(2) {
        assert!(ends(&pair[0]) <= pair[1].first_us, "{pair:?}");
    }
    let passed_ms = w.now_ms().await - started_ms;
    let most = u64::from(AT_ONCE) + passed_ms / 50;
    let count: u32 = given.iter().map(|turns| turns.count).sum();
    assert!(u64::from(count) <= most, "{count} in {passed_ms} ms");
    assert!(count >= 800 / 50, "{count} in {passed_ms} ms");
}

pub(super) async fn turns_that_nobody_took_are_not_saved_up(w: World) {
    let rate = ask();
    assert_eq!(w.turns(&rate, 100).await.count, AT_ONCE);
    w.advance(MINUTE_MS);
    assert_eq!(w.turns(&rate, 100).await.count, AT_ONCE);
}

pub(super) async fn no_more_turns_are_given_than_were_asked_for(w: World) {
    let rate = ask();
    let first = w.turns(&rate, 2).await;
    let second = w.turns(&rate, 1).await;
    assert_eq!((first.count, second.count), (2, 1));
    assert!(second.first_us >= first.first_us + 100_000);
}

pub(super) async fn a_rate_without_a_turn_left_says_when_the_next_one_is(w: World) {
    let rate = slow();
    let taken = w.turns(&rate, 100).await;
    assert_eq!(taken.count, 1);
    let none = w.turns(&rate, 100).await;
    assert_eq!(none.count, 0);
    assert_eq!(none.first_us, taken.first_us + 10_000_000);
    assert!(none.now_us >= taken.now_us);
    w.advance(10_000);
    assert_eq!(w.turns(&rate, 100).await.count, 1);
}

pub(super) async fn a_question_for_turns_asked_again_is_given_the_same(w: World) {
    let rate = slow();
    let first = w.store.turns(&rate).await.unwrap();
    for _ in 0..3 {
        let again = w.store.turns(&rate).await.unwrap();
        assert_eq!((again.first_us, again.count), (first.first_us, first.count));
    }
    let next = w.turns(&rate, 1).await;
    assert_eq!(
        (next.count, next.first_us),
        (0, first.first_us + 10_000_000)
    );
}

pub(super) async fn of_many_takers_at_once_no_two_get_the_same_turn(w: World) {
    let rate = ask();
    let takers = (0..20).map(|_| w.turns(&rate, 1));
    let mut given = futures_util::future::join_all(takers).await;
    given.retain(|turns| turns.count > 0);
    let mut moments: Vec<u64> = given.iter().map(|turns| turns.first_us).collect();
    moments.sort_unstable();
    moments.dedup();
    assert_eq!(moments.len(), given.len());
    assert!(moments.len() >= 8);
}
