//! Message ids against the pure steps. Times lie so far apart that no moment
//! between the question and the answer makes a difference.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::delivery::AttemptReceipt;
use watchword::receipts::{MessageEntry, MessageKey, ReceiptReference};
use watchword::routing::Area;
use watchword::store::{Store, StoreError};
use watchword_providers::{Channel, ReceiptStatus};

use super::{asks, tour};
use crate::support::redis_server::RedisServer;

#[derive(Clone, Debug)]
enum Turn {
    Bind { key: u8, attempt: u8 },
    Meet { key: u8, receipt: AttemptReceipt },
    Wait { ms: i64 },
}

fn receipts() -> impl Strategy<Value = AttemptReceipt> {
    let status = prop_oneof![
        Just(ReceiptStatus::Sent),
        Just(ReceiptStatus::Undelivered),
        Just(ReceiptStatus::Delivered)
    ];
    let code = prop::option::of("[a-z0-9]{1,64}");
    // As many as a script can count.
    let at_ms = 0..(1_u64 << 53);
    (status, code, at_ms, any::<bool>()).prop_map(|(status, code, at_ms, is_final_for_number)| {
        AttemptReceipt {
            status,
            at_ms,
            code: code.map(Into::into),
            is_final_for_number,
        }
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let wait = prop_oneof![Just(350_000), Just(700_000)];
    let turn = prop_oneof![
        3 => (0..2_u8, 0..3_u8).prop_map(|(key, attempt)| Turn::Bind { key, attempt }),
        4 => (0..2_u8, receipts()).prop_map(|(key, receipt)| Turn::Meet { key, receipt }),
        1 => wait.prop_map(|ms| Turn::Wait { ms }),
    ];
    prop::collection::vec(turn, 1..30)
}

pub(super) fn key(number: u8) -> MessageKey {
    MessageKey {
        shard: asks::shard(),
        tag: [number; 16],
    }
}

/// Each of them is over after another time, and none of them at a turn's.
pub(super) fn target(attempt: u8, from_ms: u64) -> ReceiptReference {
    ReceiptReference {
        tenant: asks::TENANT,
        delivery: tour::first_delivery(attempt),
        attempt: attempt.into(),
        channel: Channel::Sms,
        area: Area::of_bytes(*b"US\0\0\x05\x87"),
        created_at_ms: from_ms,
        expires_at_s: from_ms / 1000 + 500 + 1_000 * u64::from(attempt),
    }
}

async fn compare(server: &RedisServer, turns: Vec<Turn>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut pure: BTreeMap<u8, MessageEntry> = BTreeMap::new();
    let started_at_ms = asks::unix_ms();
    let mut waited_ms = 0;
    for turn in turns {
        let now_ms = asks::unix_ms().saturating_add_signed(waited_ms);
        match &turn {
            Turn::Bind {
                key: number,
                attempt,
            } => {
                let target = target(*attempt, started_at_ms);
                let answer = store.bind_message(key(*number), &target).await.unwrap();
                let expected = pure.entry(*number).or_default().bind(&target, now_ms);
                prop_assert_eq!(answer, expected, "{:?}", turn);
            }
            Turn::Meet {
                key: number,
                receipt,
            } => {
                let answer = store.match_receipt(key(*number), receipt).await.unwrap();
                let expected = pure.entry(*number).or_default().meet(receipt, now_ms);
                prop_assert_eq!(answer, expected, "{:?}", turn);
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
fn message_ids_are_answered_as_the_pure_steps_do() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&turns(), |turns| runtime.block_on(compare(&server, turns)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn delivered() -> AttemptReceipt {
    AttemptReceipt {
        status: ReceiptStatus::Delivered,
        at_ms: 1,
        code: None,
        is_final_for_number: false,
    }
}

fn lives_ms(server: &RedisServer, number: u8) -> i64 {
    let tag = "0123456789".chars().nth(usize::from(number)).unwrap();
    let name = format!("0{tag}").repeat(16);
    server.command(&format!("PTTL ww:{{s07}}m:{name}"))
}

#[tokio::test]
async fn what_waits_lives_ten_minutes_and_what_is_known_as_long_as_its_reference() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.match_receipt(key(1), &delivered()).await.unwrap();
    let waits_ms = lives_ms(&server, 1);
    assert!((590_000..=600_000).contains(&waits_ms), "{waits_ms}");
    let target = target(3, asks::unix_ms());
    store.bind_message(key(1), &target).await.unwrap();
    let known_ms = lives_ms(&server, 1);
    assert!((3_489_000..=3_500_000).contains(&known_ms), "{known_ms}");
}

#[tokio::test]
async fn when_memory_is_full_no_receipt_waits_and_what_was_sent_is_still_named() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.match_receipt(key(1), &delivered()).await.unwrap();
    server.command::<()>("CONFIG SET maxmemory 1");
    let refused = store.match_receipt(key(2), &delivered()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
    let target = target(1, asks::unix_ms());
    let waited = store.bind_message(key(1), &target).await.unwrap();
    assert_eq!(waited, Some(delivered()));
    server.command::<()>("CONFIG SET maxmemory 0");
    let found = store.match_receipt(key(1), &delivered()).await.unwrap();
    assert_eq!(found, Some(target));
}

#[tokio::test]
async fn an_entry_of_another_format_is_left_as_it_is() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.match_receipt(key(1), &delivered()).await.unwrap();
    let name = format!("ww:{{s07}}m:{}", "01".repeat(16));
    server.command::<()>(&format!("SETRANGE {name} 0 \t"));
    let before: Vec<u8> = server.command(&format!("GET {name}"));
    let target = target(1, asks::unix_ms());
    let unknown = [
        store.match_receipt(key(1), &delivered()).await.map(drop),
        store.bind_message(key(1), &target).await.map(drop),
    ];
    for answer in unknown {
        assert!(
            matches!(answer, Err(StoreError::UnknownFormat)),
            "{answer:?}"
        );
    }
    assert_eq!(server.command::<Vec<u8>>(&format!("GET {name}")), before);
}
