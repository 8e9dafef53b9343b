//! Limits against the pure ones. Their state cannot be read back, so every
//! state that explains the answers so far is carried along.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitState, LimitStep};
use watchword::store::Store;
use watchword::verification::NumberTag;

use super::asks;
use crate::support::redis_server::RedisServer;

#[derive(Clone, Debug)]
struct Turn {
    key: u8,
    rules: u8,
    step: u8,
    operation: u8,
    wait_ms: u64,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let wait = prop_oneof![4 => Just(0_u64), 2 => Just(20_000), 1 => Just(40_000_000)];
    let turn = (0..2_u8, 0..3_u8, 0..6_u8, 0..5_u8, wait).prop_map(
        |(key, rules, step, operation, wait_ms)| Turn {
            key,
            rules,
            step,
            operation,
            wait_ms,
        },
    );
    prop::collection::vec(turn, 1..40)
}

fn ask_of(turn: &Turn) -> LimitAsk {
    let rate = LimitRule::Rate(asks::send_policy().rules[0]);
    let daily = LimitRule::Daily { max: 2 };
    LimitAsk {
        key: LimitKey {
            shard: asks::shard(),
            tag: [turn.key; 16],
        },
        rules: [vec![rate], vec![rate, daily], vec![daily, rate]][usize::from(turn.rules)].clone(),
        step: match turn.step {
            0 => LimitStep::Peek,
            1 => LimitStep::GiveBack,
            _ => LimitStep::Take,
        },
        // All zeros is nobody's.
        operation: asks::operation(turn.operation + 1),
    }
}

async fn compare(server: &RedisServer, turns: Vec<Turn>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut explaining = BTreeMap::from([0_u8, 1].map(|key| (key, vec![LimitState::default()])));
    let mut shift_ms = 0;
    for turn in turns {
        shift_ms += i64::try_from(turn.wait_ms).expect("waits are short");
        store.set_clock_shift_ms(shift_ms);
        let now = || store.number(asks::shard(), NumberTag([0; 16]));
        let (_, from_ms) = now().await.unwrap();
        let ask = ask_of(&turn);
        let answer = store.limits(std::slice::from_ref(&ask)).await.unwrap()[0];
        let (_, until_ms) = now().await.unwrap();
        let mut next = Vec::new();
        for before in &explaining[&turn.key] {
            for now_ms in from_ms..=until_ms {
                let mut after = before.clone();
                let is_it = after.apply(&ask, now_ms) == answer;
                // Looking, being refused and asking again change nothing.
                let asked_last = match ask.step {
                    LimitStep::Peek => None,
                    LimitStep::Take => before.last_taken,
                    LimitStep::GiveBack => before.last_given_back,
                };
                let is_peek = ask.step == LimitStep::Peek;
                let is_repeated = asked_last == Some(ask.operation);
                let after = if answer.is_err() || is_peek || is_repeated {
                    before.clone()
                } else {
                    after
                };
                if is_it && !next.contains(&after) {
                    next.push(after);
                }
            }
        }
        prop_assert!(!next.is_empty(), "{:?} was answered {:?}", turn, answer);
        explaining.insert(turn.key, next);
    }
    Ok(())
}

#[test]
fn limits_answer_as_the_pure_ones_do() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&turns(), |turns| runtime.block_on(compare(&server, turns)));
    if let Err(error) = result {
        panic!("{error}");
    }
}
