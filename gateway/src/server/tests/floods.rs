//! Many connections at once, most of them without good intent.

use std::time::Duration;

use tokio::time::Instant;

use super::super::*;
use super::support::*;

/// What an honest request may take on a busy test machine; it takes about 1 ms.
const HARDLY_ANY_TIME: Duration = Duration::from_secs(2);

#[tokio::test]
async fn two_thousand_silent_connections_do_not_delay_an_honest_one() {
    prepare_process();
    let server = TestServer::start(ServerSettings {
        connections_max: 8_192,
        ..patient()
    });
    let mut silent = Vec::new();
    for _ in 0..2_000 {
        silent.push(server.connect().await);
    }

    let asked_at = Instant::now();
    let mut honest = server.connect().await;
    assert!(get(&mut honest, "/").await.ends_with("hello"));
    assert!(asked_at.elapsed() < HARDLY_ANY_TIME);
    assert_eq!(server.metrics.open_count(), 2_001);
}

#[tokio::test]
async fn with_every_place_taken_the_oldest_silent_connection_makes_room() {
    let server = TestServer::start(ServerSettings {
        connections_max: 3,
        ..patient()
    });
    let mut kept = server.connect().await;
    assert!(get(&mut kept, "/").await.ends_with("hello"));
    let mut older = server.connect().await;
    let mut newer = server.connect().await;

    let mut honest = server.connect().await;
    assert!(get(&mut honest, "/").await.ends_with("hello"));
    assert_eq!(until_closed(&mut older).await, "");
    assert!(get(&mut kept, "/").await.ends_with("hello"));
    assert!(get(&mut newer, "/").await.ends_with("hello"));
    drop((kept, newer, honest));
    assert_eq!(server.closed_by("evicted").await, 1);
}

#[tokio::test]
async fn with_every_place_at_work_a_new_connection_waits_for_the_first_to_end() {
    let server = TestServer::start(ServerSettings {
        connections_max: 1,
        ..patient()
    });
    let request = "GET /wait HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut working = server.say(request).await;
    server.handler.until_waiting(1).await;

    let mut next = server
        .say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    server.handler.answer.notify_one();
    assert!(until_closed(&mut working).await.ends_with("waited"));
    assert!(read_answer(&mut next).await.ends_with("hello"));
}

#[tokio::test]
async fn with_every_place_taken_a_resting_connection_makes_room_before_its_time() {
    let server = TestServer::start(ServerSettings {
        connections_max: 1,
        header_timeout: SHORT,
        ..patient()
    });
    let mut resting = server.connect().await;
    assert!(get(&mut resting, "/").await.ends_with("hello"));

    let mut next = server.connect().await;
    assert!(get(&mut next, "/").await.ends_with("hello"));
    assert_eq!(until_closed(&mut resting).await, "");
    drop(next);
    assert_eq!(server.closed_by("idle").await, 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_place_and_its_handler() {
    let server = TestServer::start(ServerSettings {
        connections_max: 1,
        ..patient()
    });
    let request = "GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let gone = server.say(request).await;
    server.handler.until_waiting(1).await;
    drop(gone);

    let mut next = server.connect().await;
    assert!(get(&mut next, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let server = TestServer::start(patient());
    let metrics = server.metrics.clone();
    for _ in 0..200 {
        let mut client = server.connect().await;
        assert!(get(&mut client, "/").await.ends_with("hello"));
    }

    let drained = server.drain().await;
    assert_eq!(drained.cut, 0);
    assert_eq!(metrics.open_count(), 0);
}
