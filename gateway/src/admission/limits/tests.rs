//! Limits whose rules change, whose day ends, and whose operations repeat.

use super::*;

const HOURLY: LimitRule = LimitRule::Rate(GcraRule {
    count: 2,
    per_ms: 3_600_000,
});
const DAILY: LimitRule = LimitRule::Daily { max: 2 };

fn ask(rules: &[LimitRule], step: LimitStep, operation: u8) -> LimitAsk {
    LimitAsk {
        key: LimitKey {
            shard: Shard::new(0).unwrap(),
            tag: [0; 16],
        },
        rules: rules.to_vec(),
        step,
        operation: OperationId([operation; 16]),
    }
}

fn take(rules: &[LimitRule], operation: u8) -> LimitAsk {
    ask(rules, LimitStep::Take, operation)
}

#[test]
fn a_day_ends_at_midnight_whatever_was_taken_before() {
    let mut state = LimitState::default();
    let late_ms = DAY_MS - 1;
    state.apply(&take(&[DAILY], 1), late_ms).unwrap();
    state.apply(&take(&[DAILY], 2), late_ms).unwrap();
    let denied = state.apply(&take(&[DAILY], 3), late_ms).unwrap_err();
    assert_eq!(denied.available_at_ms, DAY_MS);
    assert_eq!(state.apply(&take(&[DAILY], 3), DAY_MS), Ok(()));
}

#[test]
fn a_repeated_take_takes_once_and_a_repeated_give_back_gives_once() {
    let mut state = LimitState::default();
    for _ in 0..3 {
        state.apply(&take(&[DAILY], 1), 0).unwrap();
    }
    assert_eq!(state.rules, [RuleState::Daily { day: 0, count: 1 }]);
    state.apply(&take(&[DAILY], 2), 0).unwrap();
    for _ in 0..3 {
        state
            .apply(&ask(&[DAILY], LimitStep::GiveBack, 2), 0)
            .unwrap();
    }
    assert_eq!(state.rules, [RuleState::Daily { day: 0, count: 1 }]);
}

#[test]
fn a_rule_of_another_kind_starts_empty() {
    let mut state = LimitState::default();
    state.apply(&take(&[DAILY, HOURLY], 1), 0).unwrap();
    state.apply(&take(&[HOURLY, DAILY], 2), 0).unwrap();
    assert_eq!(state.rules.len(), 2);
    assert_eq!(state.rules[1], RuleState::Daily { day: 0, count: 1 });
    state.apply(&take(&[HOURLY], 3), 0).unwrap();
    assert_eq!(state.rules.len(), 1);
}

#[test]
fn a_state_expires_when_all_its_rules_are_full_again() {
    let mut state = LimitState::default();
    assert_eq!(state.expires_at_ms(), 0);
    state.apply(&take(&[HOURLY], 1), 0).unwrap();
    assert_eq!(state.expires_at_ms(), 1_800_000);
    state.apply(&take(&[HOURLY, DAILY], 2), 0).unwrap();
    assert_eq!(state.expires_at_ms(), DAY_MS);
}

#[test]
fn a_refusal_takes_from_no_rule() {
    let mut state = LimitState::default();
    let tight = LimitRule::Daily { max: 1 };
    state.apply(&take(&[HOURLY, tight], 1), 0).unwrap();
    let before = state.clone();
    let denied = state.apply(&take(&[HOURLY, tight], 2), 0).unwrap_err();
    assert_eq!(denied.rule, 1);
    assert_eq!(state, before);
}
