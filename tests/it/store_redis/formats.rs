//! What the Redis store does with clocks and bytes it cannot trust.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchword::store::redis::{RedisSettings, RedisStore};
use watchword::store::{Store, StoreError};

use super::{asks, tour};
use crate::support::redis_server::RedisServer;

const RECORD: &str = "ww:{s07}r:01040g2081040g2081040g2081";

#[tokio::test]
async fn a_gateway_whose_clock_is_off_does_nothing() {
    let server = RedisServer::start();
    let ahead_ms = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&ahead_ms);
    let store = RedisStore::open(
        &RedisSettings::new(server.url()),
        Arc::new(move || asks::unix_ms() + clock.load(Ordering::Relaxed)),
    )
    .await
    .unwrap();
    store.start(&asks::start(1), None).await.unwrap();
    ahead_ms.store(6_000, Ordering::Relaxed);
    let refused = store.start(&asks::start(2), None).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::ClockSkew { skew_ms } if skew_ms < -5_000),
        "{refused}"
    );
    // The first answer after a step of the clock tells how far it went.
    ahead_ms.store(4_000, Ordering::Relaxed);
    assert!(store.get(asks::record_id(2)).await.is_err());
    assert!(store.get(asks::record_id(2)).await.unwrap().is_none());
    let skew_ms = store.health().await.unwrap().clock_skew_ms;
    assert!((-4_100..=-3_900).contains(&skew_ms), "{skew_ms}");
}

#[tokio::test]
async fn a_server_whose_clock_is_off_is_not_opened() {
    let server = RedisServer::start();
    let settings = RedisSettings::new(server.url());
    let refused = RedisStore::open(&settings, Arc::new(|| asks::unix_ms() - 60_000)).await;
    assert!(matches!(refused, Err(StoreError::ClockSkew { skew_ms }) if skew_ms > 50_000));
}

#[tokio::test]
async fn a_record_of_another_format_is_left_as_it_is() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    server.command::<()>(&format!("SETRANGE {RECORD} 0 \t"));
    let before: Vec<u8> = server.command(&format!("GET {RECORD}"));
    let unknown =
        |error: StoreError| assert!(matches!(error, StoreError::UnknownFormat), "{error}");
    unknown(store.get(asks::record_id(1)).await.unwrap_err());
    unknown(store.check(&asks::check(1, "123456", 1)).await.unwrap_err());
    unknown(
        store
            .begin(tour::first_delivery(1), &tour::begin(2))
            .await
            .unwrap_err(),
    );
    unknown(
        store
            .cancel(asks::record_id(1), asks::TENANT)
            .await
            .unwrap_err(),
    );
    store.set_clock_shift_ms(60_000);
    let swept = store.sweep(&tour::sweep()).await.unwrap();
    assert_eq!(
        (swept.unknown_format, swept.depth, swept.taken.len()),
        (1, 1, 0)
    );
    assert_eq!(server.command::<Vec<u8>>(&format!("GET {RECORD}")), before);
}

#[tokio::test]
async fn damaged_bytes_are_told_from_an_answer() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    let whole: Vec<u8> = server.command(&format!("GET {RECORD}"));
    for length in [1, 2, 20, whole.len() / 2, whole.len() - 1] {
        redis::cmd("SET")
            .arg(RECORD)
            .arg(&whole[..length])
            .exec(&mut server.blocking_connection())
            .unwrap();
        let damaged = |error: StoreError| {
            assert!(
                matches!(error, StoreError::Damaged { .. }),
                "{length}: {error}"
            );
        };
        damaged(store.get(asks::record_id(1)).await.unwrap_err());
        damaged(store.check(&asks::check(1, "123456", 1)).await.unwrap_err());
        // What begins and settles never reads past the head.
        if length <= 20 {
            let settle = tour::submitted(1);
            let settled = store.settle(tour::first_delivery(1), &settle).await;
            damaged(settled.unwrap_err());
        }
    }
}

#[tokio::test]
async fn entries_of_another_format_do_not_hide_the_ones_behind_them() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    let mut pipeline = redis::pipe();
    for number in 0..1_000 {
        pipeline.zadd("ww:{s07}ledger", format!("9:{number}"), number);
    }
    pipeline.exec(&mut server.blocking_connection()).unwrap();
    store.set_clock_shift_ms(20_000);
    let mut unknown = 0;
    let mut taken = 0;
    for _ in 0..5 {
        let swept = store.sweep(&tour::sweep()).await.unwrap();
        unknown += swept.unknown_format;
        taken += swept.taken.len();
    }
    assert_eq!(taken, 1);
    assert!(unknown >= 1_000);
    assert_eq!(server.command::<u64>("ZCARD ww:{s07}ledger"), 1_001);
}

#[tokio::test]
async fn a_record_has_room_for_long_names_and_many_attempts() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let mut start = asks::start(1);
    let name = "p".repeat(600);
    let delivery = start.delivery.as_mut().unwrap();
    delivery.first_provider = Some(name.as_str().into());
    let watchword::store::Started::Created { record, .. } =
        store.start(&start, None).await.unwrap()
    else {
        panic!("it is created");
    };
    let found = store.get(asks::record_id(1)).await.unwrap().unwrap();
    assert_eq!(found.record, record);
    store
        .settle(tour::first_delivery(1), &tour::retry())
        .await
        .unwrap()
        .unwrap();
    for attempt in 2..=120 {
        let mut begin = tour::begin(attempt);
        begin.provider = format!("{name}{attempt}").into();
        store
            .begin(tour::first_delivery(1), &begin)
            .await
            .unwrap()
            .unwrap();
        let mut settle = tour::retry();
        settle.attempt.as_mut().unwrap().number = attempt;
        store
            .settle(tour::first_delivery(1), &settle)
            .await
            .unwrap()
            .unwrap();
    }
    let found = store.get(asks::record_id(1)).await.unwrap().unwrap();
    let attempts = &found.record.deliveries[0].attempts;
    assert_eq!(attempts.len(), 120);
    assert_eq!(&*attempts[119].provider, format!("{name}120"));
    assert_eq!(found.record.details, record.details);
}
