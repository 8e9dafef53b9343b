//! Sequences of steps against the pure transitions: whatever the scripts
//! answer and leave behind, the transitions must answer and leave behind at
//! some moment between the question and the answer.

mod asking;
mod model;
mod step;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::id::RecordId;
use watchword::store::Store;
use watchword::store::redis::RedisStore;
use watchword::verification::NumberTag;

use super::asks;
use crate::support::redis_server::RedisServer;
use asking::ask;
use model::Model;
use step::{NUMBERS, RECORDS, Step, steps};

/// As far back the moment of a start may lie. The script says the same.
const FIRST_LATE_MS: u64 = 250;

/// What the store holds, and its time.
async fn read(store: &RedisStore) -> (Model, u64) {
    let mut model = Model::default();
    let ids: Vec<RecordId> = (0..RECORDS).map(asks::record_id).collect();
    for found in store.get_all(&ids).await.unwrap() {
        model.records.insert(found.id, *found.record);
    }
    let mut now_ms = 0;
    for number in 0..NUMBERS {
        let tag = NumberTag([number; 16]);
        let (number, at_ms) = store.number(asks::shard(), tag).await.unwrap();
        model.numbers.insert(tag, number);
        now_ms = at_ms;
    }
    (model, now_ms)
}

fn ledger_of(server: &RedisServer) -> BTreeMap<String, u64> {
    let pairs: Vec<(String, u64)> = server.command("ZRANGE ww:{s07}ledger 0 -1 WITHSCORES");
    pairs.into_iter().collect()
}

async fn compare(server: &RedisServer, steps: Vec<Step>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut model = Model::default();
    let mut shift_ms = 0;
    let (_, mut from_ms) = read(&store).await;
    for step in steps {
        let step = model.aim(step);
        if let Step::Wait { ms } = step {
            shift_ms += i64::try_from(ms).expect("waits are short");
            store.set_clock_shift_ms(shift_ms);
            from_ms = read(&store).await.1;
            continue;
        }
        let answer = ask(&store, &step).await;
        let (actual, until_ms) = read(&store).await;
        let actual = actual.normal();
        // Retention is the store's own affair: it ends records that no transition ends.
        let mut expected = Vec::new();
        // The common start is written as of a moment that may just be over.
        let may_be_late = matches!(step, Step::Start { .. });
        let first_ms = from_ms - if may_be_late { FIRST_LATE_MS } else { 0 };
        let found = (first_ms..=until_ms).find_map(|now_ms| {
            let mut guess = model.clone();
            let text = guess.ask(&step, now_ms);
            let is_it = text == answer && guess.normal() == actual;
            expected.push(text);
            is_it.then_some(guess)
        });
        let Some(guess) = found else {
            return Err(TestCaseError::fail(format!(
                "{step:?}\nanswered {answer}\nexpected {}\nactual {actual:#?}\nbefore {:#?}",
                expected[0],
                model.normal()
            )));
        };
        model = guess;
        let due: BTreeMap<String, u64> = model
            .ledger()
            .into_iter()
            .map(|(id, at_ms)| {
                let random = id.record.to_string().split_off(3);
                (format!("1:0:{random}{:x}", id.ordinal), at_ms)
            })
            .collect();
        prop_assert_eq!(ledger_of(server), due, "after {:?}", step);
        from_ms = until_ms;
    }
    Ok(())
}

#[test]
fn every_step_does_what_its_transition_does() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&steps(), |steps| runtime.block_on(compare(&server, steps)));
    if let Err(error) = result {
        panic!("{error}");
    }
}
