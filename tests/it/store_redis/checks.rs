//! The usual check: what Redis does for it, and what is not one.

use std::collections::BTreeMap;

use watchword::delivery::Next;
use watchword::store::Store;
use watchword::verification::{Check, CheckAnswer, CodeDigest, Failures};

use super::{asks, tour};
use crate::support::redis_server::RedisServer;

/// How often each command ran since the last question.
fn commands(server: &RedisServer) -> BTreeMap<String, u64> {
    let statistics: String = server.command("INFO commandstats");
    server.command::<()>("CONFIG RESETSTAT");
    let counted = statistics.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let (calls, _) = rest.split_once(',')?;
        Some((name.to_owned(), calls.parse().ok()?))
    });
    counted.collect()
}

fn of_a_check(counted: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let own = ["config|resetstat", "info"];
    let theirs = counted
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    theirs
        .map(|(name, calls)| (name.as_str(), *calls))
        .collect()
}

#[tokio::test]
async fn the_first_right_check_takes_six_commands() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    let mut settle = tour::submitted(1);
    settle.next = Next::Submitted {
        receipt_within_ms: None,
    };
    let settled = store.settle(tour::first_delivery(1), &settle).await;
    settled.unwrap().unwrap();
    commands(&server);
    let checked = store.check(&asks::check(1, "123456", 1)).await.unwrap();
    assert_eq!(checked.answer, CheckAnswer::Approved);
    let counted = commands(&server);
    assert_eq!(
        of_a_check(&counted),
        [
            ("evalsha", 1),
            ("get", 2),
            ("set", 1),
            ("setrange", 1),
            ("time", 1)
        ]
    );
    // What it wrote is what the general way reads.
    let found = store.get(asks::record_id(1)).await.unwrap().unwrap();
    assert_eq!(Some(found.record), checked.record);
    let start = asks::start(1);
    let (number, _) = store.number(start.id.shard, start.number).await.unwrap();
    assert!(number.live.is_empty());
    assert_eq!(number.recent, [start.id]);
    let again = store.check(&asks::check(1, "123456", 1)).await.unwrap();
    assert_eq!(again.answer, CheckAnswer::Approved);
    let other = store.check(&asks::check(1, "123456", 2)).await.unwrap();
    assert!(matches!(other.answer, CheckAnswer::NotPending { .. }));
}

#[tokio::test]
async fn what_an_approval_leaves_of_a_number_makes_room_for_the_next_one() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let mut next = asks::start(1);
    for round in 1..=4 {
        next.id = asks::record_id(round);
        store.start(&next, None).await.unwrap();
        let checked = store
            .check(&asks::check(round, "123456", round))
            .await
            .unwrap();
        assert_eq!(checked.answer, CheckAnswer::Approved, "{round}");
        // So that its own limits allow the next one.
        store.set_clock_shift_ms(i64::from(round) * 130_000);
    }
}

#[tokio::test]
async fn a_check_with_no_digest_or_a_longer_one_approves_nothing() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    let right = asks::digest("123456");
    let asked = |operation, digests| Check {
        digests,
        ..asks::check(1, "123456", operation)
    };
    let none = store.check(&asked(1, Vec::new())).await.unwrap();
    assert_eq!(none.answer, CheckAnswer::UnknownKey);
    let stranger = CodeDigest {
        key_id: "k".repeat(57).as_str().into(),
        mac: right.mac.clone(),
    };
    let other_key = store.check(&asked(2, vec![stranger])).await.unwrap();
    assert_eq!(other_key.answer, CheckAnswer::UnknownKey);
    let mut longer = right.clone();
    longer.mac.push(0);
    let mismatch = store.check(&asked(3, vec![longer])).await.unwrap();
    assert_eq!(
        mismatch.answer,
        CheckAnswer::Mismatch {
            checks_remaining: 4
        }
    );
    // After a wrong one it is not the usual check any more, and counts as ever.
    let checked = store.check(&asked(4, vec![right])).await.unwrap();
    assert_eq!(checked.answer, CheckAnswer::Approved);
    assert_eq!(checked.record.map(|record| record.checks_used), Some(2));
    let start = asks::start(1);
    let (number, _) = store.number(start.id.shard, start.number).await.unwrap();
    assert_eq!(number.failures.unknown, Failures::default());
}
