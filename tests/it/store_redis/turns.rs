//! Turns against the pure ones. Their state cannot be read back, so every state
//! that explains the answers so far is carried along.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::admission::limits::LimitKey;
use watchword::admission::turns::{TurnRule, TurnState, TurnsAsk};
use watchword::store::Store;
use watchword::verification::NumberTag;

use super::asks;
use crate::support::redis_server::RedisServer;

#[derive(Clone, Debug)]
struct Question {
    count: u32,
    interval_ns: u64,
    operation: u8,
    wait_ms: i64,
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    // Backwards too: the server's clock may be set.
    let wait_ms = prop_oneof![
        4 => Just(0_i64), 4 => 1_i64..400, 1 => Just(60_000), 1 => Just(-900), 1 => Just(-3_000)
    ];
    // From the highest rate to the lowest, and one that is no whole µs.
    let interval_ns = prop::sample::select(vec![10_000, 333_333_333, 50_000_000, 100_000_000_000]);
    let question = (0..60_u32, interval_ns, 0..5_u8, wait_ms).prop_map(
        |(count, interval_ns, operation, wait_ms)| Question {
            count,
            interval_ns,
            operation,
            wait_ms,
        },
    );
    prop::collection::vec(question, 1..40)
}

fn ask_of(question: &Question) -> TurnsAsk {
    TurnsAsk {
        key: LimitKey {
            shard: asks::shard(),
            tag: [1; 16],
        },
        rule: TurnRule {
            interval_ns: question.interval_ns,
            behind_us: 100_000,
            ahead_us: 250_000,
        },
        count: question.count,
        operation: asks::operation(question.operation),
    }
}

async fn compare(server: &RedisServer, questions: Vec<Question>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut explaining = vec![TurnState::default()];
    let mut shift_ms = 0;
    for question in questions {
        shift_ms += question.wait_ms;
        store.set_clock_shift_ms(shift_ms);
        let now = || store.number(asks::shard(), NumberTag([0; 16]));
        let (_, from_ms) = now().await.unwrap();
        let ask = ask_of(&question);
        let answer = store.turns(&ask).await.unwrap();
        let (_, until_ms) = now().await.unwrap();
        let mut next = Vec::new();
        for before in &explaining {
            for now_ms in from_ms..=until_ms {
                let mut after = *before;
                let is_it = after.take(&ask, now_ms) == answer;
                if is_it && !next.contains(&after) {
                    next.push(after);
                }
            }
        }
        prop_assert!(!next.is_empty(), "{:?} was answered {:?}", question, answer);
        explaining = next;
    }
    Ok(())
}

#[test]
fn turns_are_given_as_the_pure_ones_are() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&questions(), |questions| {
        runtime.block_on(compare(&server, questions))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
