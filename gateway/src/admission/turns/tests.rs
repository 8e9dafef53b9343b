use proptest::prelude::*;

use super::*;
use crate::id::Shard;

const NOW_MS: u64 = 1_800_000_000_000;

/// Twenty a second.
const RULE: TurnRule = TurnRule {
    interval_ns: 50_000_000,
    behind_us: 100_000,
    ahead_us: 250_000,
};

fn ask(count: u32, operation: u8) -> TurnsAsk {
    TurnsAsk {
        key: LimitKey {
            shard: Shard::of_hash(1, 64),
            tag: [1; 16],
        },
        rule: RULE,
        count,
        operation: OperationId([operation; 16]),
    }
}

/// The moments given, in µs from `NOW_MS` on.
fn moments(turns: Turns, rule: TurnRule) -> Vec<i64> {
    let moment = |n: u32| {
        let after_us = u64::from(n) * rule.interval_ns / 1000;
        i64::try_from(turns.first_us + after_us).unwrap() - i64::try_from(NOW_MS * 1000).unwrap()
    };
    (0..turns.count).map(moment).collect()
}

#[test]
fn a_pause_earns_a_little_and_the_future_is_given_a_little_ahead() {
    let mut state = TurnState::default();
    let turns = state.take(&ask(100, 1), NOW_MS);
    let in_ms = [-100, -50, 0, 50, 100, 150, 200, 250].map(|ms| ms * 1000);
    assert_eq!(moments(turns, RULE), in_ms);
    let none = state.take(&ask(1, 2), NOW_MS);
    assert_eq!(none.count, 0);
    assert_eq!(none.first_us, NOW_MS * 1000 + 300_000, "the next to come");
    let one = state.take(&ask(3, 3), NOW_MS + 50);
    assert_eq!(moments(one, RULE), [300_000]);
}

#[test]
fn what_nobody_takes_is_lost() {
    let mut state = TurnState::default();
    state.take(&ask(1, 1), NOW_MS);
    let later = state.take(&ask(100, 2), NOW_MS + 3_600_000);
    assert_eq!(later.count, 8);
}

#[test]
fn the_last_question_asked_again_is_given_the_same_turns() {
    let mut state = TurnState::default();
    let first = state.take(&ask(2, 1), NOW_MS);
    let again = state.take(&ask(2, 1), NOW_MS + 40);
    assert_eq!((again.first_us, again.count), (first.first_us, first.count));
    let other = state.take(&ask(1, 2), NOW_MS + 40);
    assert_eq!(other.first_us, first.first_us + 100_000);
}

#[test]
fn a_higher_rate_does_not_wait_for_the_turn_of_the_lower_one() {
    let mut slow = ask(1, 1);
    slow.rule.interval_ns = 100_000_000_000;
    let mut state = TurnState::default();
    assert_eq!(state.take(&slow, NOW_MS).count, 1);
    slow.operation = OperationId([2; 16]);
    assert_eq!(state.take(&slow, NOW_MS).count, 0);
    assert_eq!(moments(state.take(&ask(1, 3), NOW_MS), RULE), [0]);
}

#[test]
fn a_clock_that_goes_back_a_little_gives_no_turn_twice() {
    let mut state = TurnState::default();
    let before = state.take(&ask(100, 1), NOW_MS);
    let behind = state.take(&ask(100, 2), NOW_MS - 900);
    assert_eq!((before.count, behind.count), (8, 0));
    // One that goes back far does not stop the provider.
    assert!(state.take(&ask(100, 3), NOW_MS - 4_000).count > 0);
}

proptest! {
    /// Whoever asks, and however often: the turns of all are the rate's.
    #[test]
    fn turns_are_never_closer_than_the_rate_allows(
        asks in prop::collection::vec((0_u64..400, 0_u32..40), 1..60),
        interval_ns in 10_000_u64..2_000_000_000,
    ) {
        let rule = TurnRule { interval_ns, ..RULE };
        let mut state = TurnState::default();
        let (mut now_ms, mut last_us) = (NOW_MS, None);
        for (name, (wait_ms, count)) in (0_u8..).zip(asks) {
            now_ms += wait_ms;
            let asked = TurnsAsk { rule, ..ask(count, name) };
            let turns = state.take(&asked, now_ms);
            prop_assert!(turns.count <= count);
            if turns.count == 0 {
                continue;
            }
            prop_assert!(turns.first_us + rule.behind_us >= turns.now_us);
            prop_assert!(last_us.is_none_or(|last_us| turns.first_us >= last_us));
            let end_us = turns.first_us + u64::from(turns.count - 1) * interval_ns / 1000;
            prop_assert!(end_us <= turns.now_us + rule.ahead_us);
            last_us = Some(turns.first_us + (u64::from(turns.count) * interval_ns).div_ceil(1000));
        }
    }
}
