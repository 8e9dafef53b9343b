//! Calls against the pure step. Times lie so far apart that no moment between the
//! question and the answer makes a difference.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::calls::{CallAsk, CallEntry, CallKey};
use watchword::store::{Store, StoreError};

use super::asks;
use crate::support::redis_server::RedisServer;

#[derive(Clone, Debug)]
enum Turn {
    /// A call asks, of one attempt or the other.
    Ask {
        key: u8,
        call: u8,
    },
    Wait {
        ms: i64,
    },
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let wait = prop_oneof![Just(350_000), Just(700_000)];
    let turn = prop_oneof![
        6 => (0..2_u8, 0..3_u8).prop_map(|(key, call)| Turn::Ask { key, call }),
        1 => wait.prop_map(|ms| Turn::Wait { ms }),
    ];
    prop::collection::vec(turn, 1..30)
}

/// Each call of an attempt is forgotten after another time, and none at a turn's.
fn question(key: u8, call: u8, from_ms: u64) -> CallAsk {
    CallAsk {
        key: CallKey {
            shard: asks::shard(),
            tag: [key; 16],
        },
        call: [call; 16],
        kept_until_ms: from_ms + 500_000 + 1_000_000 * u64::from(call),
    }
}

async fn compare(server: &RedisServer, turns: Vec<Turn>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut pure: BTreeMap<u8, CallEntry> = BTreeMap::new();
    let mut waited_ms = 0;
    let started_at_ms = asks::unix_ms();
    for turn in turns {
        match turn {
            Turn::Ask { key, call } => {
                let ask = question(key, call, started_at_ms);
                let now_ms = asks::unix_ms().saturating_add_signed(waited_ms);
                let answer = store.bind_call(&ask).await.unwrap();
                let entry = CallEntry::asked(pure.get(&key).copied(), &ask, now_ms);
                let expected = entry.map(|entry| entry.questions);
                prop_assert_eq!(answer, expected, "{:?}", turn);
                pure.extend(entry.map(|entry| (key, entry)));
            }
            Turn::Wait { ms } => {
                waited_ms += ms;
                store.set_clock_shift_ms(waited_ms);
            }
        }
    }
    Ok(())
}

#[test]
fn calls_are_answered_as_the_pure_step_does() {
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

#[tokio::test]
async fn a_call_that_never_stops_asking_is_counted_no_further() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let ask = question(1, 0, asks::unix_ms());
    let mut pure = None;
    for _ in 0..1_010 {
        pure = CallEntry::asked(pure, &ask, 0);
        let answer = store.bind_call(&ask).await.unwrap();
        assert_eq!(answer, pure.map(|entry| entry.questions));
    }
    assert_eq!(pure.map(|entry| entry.questions), Some(1_000));
}

fn name(key: u8) -> String {
    format!("ww:{{s07}}c:{}", format!("{key:02x}").repeat(16))
}

#[tokio::test]
async fn a_call_is_kept_as_long_as_its_first_question_says() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let first = question(1, 0, asks::unix_ms());
    let later = CallAsk {
        kept_until_ms: first.kept_until_ms + 500_000,
        ..first
    };
    for ask in [&first, &later] {
        store.bind_call(ask).await.unwrap();
        let lives_ms: i64 = server.command(&format!("PTTL {}", name(1)));
        assert!((490_000..=500_000).contains(&lives_ms), "{lives_ms}");
    }
}

#[tokio::test]
async fn a_call_of_another_format_is_left_as_it_is() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let ask = question(1, 0, asks::unix_ms());
    store.bind_call(&ask).await.unwrap();
    server.command::<()>(&format!("SETRANGE {} 0 \t", name(1)));
    let before: Vec<u8> = server.command(&format!("GET {}", name(1)));
    let answer = store.bind_call(&ask).await;
    assert!(
        matches!(answer, Err(StoreError::UnknownFormat)),
        "{answer:?}"
    );
    let after: Vec<u8> = server.command(&format!("GET {}", name(1)));
    assert_eq!(after, before);
}
