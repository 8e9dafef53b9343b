//! What a drain finishes, refuses and cuts.

use tokio::io::AsyncWriteExt;

use super::super::*;
use super::support::*;

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    let server = TestServer::start(patient());
    let address = server.address;
    let handler = server.handler.clone();
    let mut in_flight = server
        .say("GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    handler.until_waiting(1).await;
    let mut idle = server.connect().await;
    assert!(get(&mut idle, "/").await.ends_with("hello"));
    let mut silent = server.connect().await;

    server.trigger.trigger();
    // Both are closed at once: the drain has begun.
    assert_eq!(until_closed(&mut idle).await, "");
    assert_eq!(until_closed(&mut silent).await, "");
    assert!(TcpStream::connect(address).await.is_err());

    handler.answer.notify_one();
    let answer = until_closed(&mut in_flight).await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with("waited"), "{answer}");
    let drained = within(server.served).await.unwrap();
    assert_eq!(drained.cut, 0);
}

#[tokio::test]
async fn a_drain_sends_goaway_and_finishes_the_streams_of_http_2() {
    let server = TestServer::start(patient());
    let handler = server.handler.clone();
    let (mut sender, driven) = http2(server.connect().await).await;
    let in_flight = tokio::spawn(sender.send_request(request("/wait")));
    handler.until_waiting(1).await;

    let mut idle = server.connect().await;
    assert!(get(&mut idle, "/").await.ends_with("hello"));

    let drain = tokio::spawn(server.drain());
    assert_eq!(until_closed(&mut idle).await, "");
    handler.answer.notify_one();
    let answered = within(in_flight).await.unwrap().unwrap();
    assert_eq!(text(answered).await, "waited");
    // The client still holds its sender: only a GOAWAY ends the connection.
    within(driven).await.unwrap();
    let drained = within(drain).await.unwrap();
    assert_eq!(drained.cut, 0);
    assert!(sender.send_request(request("/")).await.is_err());
}

#[tokio::test]
async fn what_does_not_finish_is_cut_and_counted() {
    let server = TestServer::start(ServerSettings {
        drain_timeout: SHORT,
        ..patient()
    });
    let metrics = server.metrics.clone();
    let mut stuck = server
        .say("GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    server.handler.until_waiting(1).await;
    let (mut sender, _driven) = http2(server.connect().await).await;
    let also_stuck = tokio::spawn(sender.send_request(request("/wait")));
    server.handler.until_waiting(2).await;

    let drained = server.drain().await;
    assert_eq!(
        drained,
        Drained {
            finished: 0,
            cut: 2
        }
    );
    assert_eq!(until_closed(&mut stuck).await, "");
    assert!(within(also_stuck).await.unwrap().is_err());
    assert_eq!(metrics.closed_count("cut"), 2);
    assert_eq!(metrics.open_count(), 0);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_head_that_drips() {
    let server = TestServer::start(ServerSettings {
        header_timeout: SHORT,
        ..patient()
    });
    let mut dripping = server.connect().await;
    assert!(get(&mut dripping, "/").await.ends_with("hello"));
    dripping.write_all(b"GET / HT").await.unwrap();

    let drained = server.drain().await;
    assert_eq!(drained.cut, 0);
    assert_eq!(until_closed(&mut dripping).await, "");
}

#[tokio::test]
async fn dropping_the_trigger_drains_too() {
    let TestServer {
        trigger, served, ..
    } = TestServer::start(patient());
    drop(trigger);
    let drained = within(served).await.unwrap();
    assert_eq!(
        drained,
        Drained {
            finished: 0,
            cut: 0
        }
    );
}
