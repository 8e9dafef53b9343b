//! The Redis store on the servers people run: behind TLS, with a user that may
//! do little, on a cluster, full, slow, restarted, demoted.

use std::time::Duration;

use tokio::time::Instant;
use watchword::store::redis::{RedisSettings, RedisStore};
use watchword::store::{Durability, Started, Store, StoreError};
use watchword::verification::CheckAnswer;

use super::{asks, tour};
use crate::support::redis_server::{RedisOptions, RedisServer};

/// What the store's user needs; nothing else.
const COMMANDS: &str = "+evalsha +eval +time +info +get +getrange +setrange +mget +set +del +exists +zadd +zrem \
                        +zrange +zrangebyscore +zcard +zscan +hget +hset +hsetnx +hmget +hgetall +hdel \
                        +hexists +hlen +rpush +ltrim +lrange +pexpireat";

const CALL_MAX: Duration = Duration::from_secs(1);

#[tokio::test]
async fn every_step_works_and_leaves_no_key_without_ttl() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    tour::walk(&store, || ()).await;
    let keys: Vec<String> = server.command("KEYS *");
    assert!(keys.len() >= 7, "{keys:?}");
    for key in keys {
        let ttl_ms: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query(&mut server.blocking_connection())
            .unwrap();
        let lives_on = ["ledger", "meta", "subject"]
            .iter()
            .any(|word| key.contains(word));
        assert_eq!(ttl_ms > 0, !lives_on, "{key} lives for {ttl_ms} ms");
    }
}

#[tokio::test]
async fn every_script_stays_in_one_slot_of_a_cluster() {
    let server = RedisServer::start_with(RedisOptions::default().cluster());
    server.assign_all_slots();
    let store = asks::open(&server).await;
    tour::walk(&store, || ()).await;
}

#[tokio::test]
async fn a_user_with_the_least_permissions_is_enough() {
    let server = RedisServer::start();
    server.command::<()>(&format!("ACL SETUSER gate on >open ~ww:* {COMMANDS}"));
    let settings = RedisSettings::new(server.url_as("gate", "open"));
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    tour::walk(&store, || ()).await;
    // Without a persistent file there is nothing to ask for.
    let health = store.health().await.unwrap();
    assert_eq!(health.durability, Durability::RedisVolatile);
}

#[tokio::test]
async fn a_missing_permission_says_what_to_look_at() {
    let server = RedisServer::start();
    server.command::<()>("ACL SETUSER gate on >open ~other:* +@all");
    let settings = RedisSettings::new(server.url_as("gate", "open"));
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    let refused = store.start(&asks::start(1), None).await.unwrap_err();
    assert!(refused.to_string().contains("ACL LOG"), "{refused}");
}

#[tokio::test]
async fn a_wrong_password_is_named_without_being_shown() {
    let server = RedisServer::start();
    let settings = RedisSettings::new(server.url_as("default", "hunter2"));
    server.command::<()>("CONFIG SET requirepass right");
    let refused = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("user and password"),
        "{refused}"
    );
    assert!(!format!("{refused:?} {settings:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_private_ca_is_trusted_when_named_and_only_then() {
    let server = RedisServer::start_with(RedisOptions::default().tls());
    let mut settings = RedisSettings::new(server.url());
    let stranger = RedisStore::open(&settings, asks::unix_clock()).await;
    assert!(matches!(stranger, Err(StoreError::Unavailable { .. })));
    settings.ca_pem = server.ca_pem();
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    tour::walk(&store, || ()).await;
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    tour::walk(&store, || server.command::<()>("SCRIPT FLUSH")).await;
}

#[tokio::test]
async fn no_call_carries_the_source_of_its_script() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    tour::walk(&store, || ()).await;
    let stats: String = server.command("INFO commandstats");
    assert!(stats.contains("cmdstat_evalsha:"), "{stats}");
    assert!(!stats.contains("cmdstat_eval:"), "{stats}");
}

#[tokio::test]
async fn a_step_is_one_command() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    let calls = || {
        let stats: String = server.command("INFO commandstats");
        let line = stats
            .lines()
            .find(|line| line.starts_with("cmdstat_evalsha:"));
        let count = line.and_then(|line| line.split(['=', ',']).nth(1));
        count.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let before = calls();
    store.start(&asks::start(2), None).await.unwrap();
    store
        .settle(tour::first_delivery(2), &tour::submitted(1))
        .await
        .unwrap()
        .unwrap();
    store.check(&asks::check(2, "000000", 1)).await.unwrap();
    assert_eq!(calls() - before, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_stands_still_calls_end_and_what_they_asked_never_happens() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    server.freeze();
    let asked_at = Instant::now();
    for number in 2..6 {
        let asked_at = Instant::now();
        let unanswered = store.start(&asks::start(number), None).await.unwrap_err();
        assert!(asked_at.elapsed() < CALL_MAX, "{unanswered}");
        let asked_at = Instant::now();
        store
            .check(&asks::check(1, "123456", number))
            .await
            .unwrap_err();
        store.health().await.unwrap_err();
        assert!(asked_at.elapsed() < 2 * CALL_MAX);
    }
    assert!(
        asked_at.elapsed() > CALL_MAX,
        "the last moment for the first calls has passed"
    );
    server.resume();
    let resumed_at = Instant::now();
    let found = loop {
        match store.get(asks::record_id(1)).await {
            Ok(found) => break found.unwrap(),
            Err(_) => assert!(resumed_at.elapsed() < Duration::from_secs(3)),
        }
    };
    assert_eq!(found.record.checks_used, 0);
    for number in 2..6 {
        assert!(store.get(asks::record_id(number)).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_found_again() {
    let server = RedisServer::start_with(RedisOptions::default().append_only("always"));
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    server.kill().await;
    assert!(store.get(asks::record_id(1)).await.is_err());
    server.start_again().await;
    let restarted_at = Instant::now();
    while store
        .get(asks::record_id(1))
        .await
        .map_or(true, |found| found.is_none())
    {
        assert!(restarted_at.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_server_is_left_and_used_again_once_promoted() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    server.command::<()>("REPLICAOF 127.0.0.1 1");
    let refused = store.start(&asks::start(1), None).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Unavailable { .. }),
        "{refused}"
    );
    server.command::<()>("REPLICAOF NO ONE");
    let promoted_at = Instant::now();
    while store.start(&asks::start(1), None).await.is_err() {
        assert!(promoted_at.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn when_memory_is_full_nothing_is_sent_and_what_exists_goes_on() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    store.start(&asks::start(1), None).await.unwrap();
    store.start(&asks::start(2), None).await.unwrap();
    server.command::<()>("CONFIG SET maxmemory 1");
    let refused = store.start(&asks::start(3), None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
    let right = store.check(&asks::check(1, "123456", 2)).await.unwrap();
    assert_eq!(right.answer, CheckAnswer::Approved);
    store
        .settle(tour::first_delivery(2), &tour::submitted(1))
        .await
        .unwrap()
        .unwrap();
    assert!(
        store
            .cancel(asks::record_id(2), asks::TENANT)
            .await
            .unwrap()
            .is_ok()
    );
    let health = store.health().await.unwrap();
    assert!(health.memory_used_ratio.unwrap() > 1.0);
}

#[tokio::test]
async fn before_memory_is_full_nothing_more_is_sent() {
    let server =
        RedisServer::start_with(RedisOptions::default().maxmemory(1_000_000_000, "noeviction"));
    let mut settings = RedisSettings::new(server.url());
    settings.memory_guard_ratio = 0.000_001;
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    let refused = store.start(&asks::start(1), None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
}

#[tokio::test]
async fn a_server_that_would_evict_records_is_refused() {
    let server =
        RedisServer::start_with(RedisOptions::default().maxmemory(1_000_000_000, "allkeys-lru"));
    let settings = RedisSettings::new(server.url());
    let refused = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("noeviction"), "{refused}");
}

#[tokio::test]
async fn durability_is_what_the_server_says() {
    let always = RedisServer::start_with(RedisOptions::default().append_only("always"));
    let store = asks::open(&always).await;
    assert_eq!(
        store.health().await.unwrap().durability,
        Durability::RedisAlways
    );
    let everysec = RedisServer::start_with(RedisOptions::default().append_only("everysec"));
    let store = asks::open(&everysec).await;
    assert_eq!(
        store.health().await.unwrap().durability,
        Durability::RedisEverysec
    );
    everysec.command::<()>(&format!("ACL SETUSER gate on >open ~ww:* {COMMANDS}"));
    let settings = RedisSettings::new(everysec.url_as("gate", "open"));
    let store = RedisStore::open(&settings, asks::unix_clock())
        .await
        .unwrap();
    assert_eq!(
        store.health().await.unwrap().durability,
        Durability::Unverified
    );
}

#[tokio::test]
async fn a_replayed_start_of_one_operation_happens_once() {
    let server = RedisServer::start();
    let store = asks::open(&server).await;
    for _ in 0..3 {
        let started = store.start(&asks::start(1), None).await.unwrap();
        assert!(matches!(started, Started::Created { .. }));
    }
    let depth: u64 = server.command("ZCARD ww:{s07}ledger");
    assert_eq!(depth, 1);
}
