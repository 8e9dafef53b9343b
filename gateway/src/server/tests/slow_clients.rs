//! Clients that take too long for what they owe.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval};

use super::super::*;
use super::support::*;
use crate::tls::tests::TestFiles;

/// Sends `text` byte by byte until the server has closed.
async fn drip(stream: &mut TcpStream, text: &str) -> String {
    let (mut read, mut write) = stream.split();
    let drip = async {
        let mut pace = interval(Duration::from_millis(10));
        for byte in text.bytes().cycle() {
            pace.tick().await;
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = until_closed(&mut read) => answer,
        () = drip => String::new(),
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed_at_the_first_byte_deadline() {
    let server = TestServer::start(ServerSettings {
        first_byte_timeout: SHORT,
        ..patient()
    });
    let mut silent = server.connect().await;

    assert_eq!(until_closed(&mut silent).await, "");
    assert_eq!(server.closed_by("first_byte").await, 1);
}

#[tokio::test]
async fn half_an_http_2_preface_is_closed_at_the_first_byte_deadline() {
    let server = TestServer::start(ServerSettings {
        first_byte_timeout: SHORT,
        ..patient()
    });
    let mut undecided = server.say("PRI * HT").await;

    assert_eq!(until_closed(&mut undecided).await, "");
    assert_eq!(server.closed_by("first_byte").await, 1);
}

#[tokio::test]
async fn a_dripping_head_is_closed_at_the_header_deadline() {
    let server = TestServer::start(ServerSettings {
        header_timeout: SHORT,
        ..patient()
    });
    let mut dripping = server.say("GET / HTTP/1.1\r\n").await;

    assert_eq!(drip(&mut dripping, "x: y\r\n").await, "");
    assert_eq!(server.closed_by("header").await, 1);
}

#[tokio::test]
async fn a_second_head_that_drips_is_closed_by_the_header_and_not_the_idle_deadline() {
    let server = TestServer::start(ServerSettings {
        header_timeout: SHORT,
        ..patient()
    });
    let mut client = server.connect().await;
    assert!(get(&mut client, "/").await.ends_with("hello"));

    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(drip(&mut client, "x: y\r\n").await, "");
    assert_eq!(server.closed_by("header").await, 1);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_deadline_until_its_own() {
    let header_timeout = SHORT;
    let server = TestServer::start(ServerSettings {
        header_timeout,
        idle_timeout: header_timeout * 3,
        ..patient()
    });
    let mut client = server.connect().await;
    assert!(get(&mut client, "/").await.ends_with("hello"));

    let idle_since = Instant::now();
    assert_eq!(until_closed(&mut client).await, "");
    assert!(idle_since.elapsed() > header_timeout * 2);
    assert_eq!(server.closed_by("idle").await, 1);
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed_although_its_client_stays() {
    let server = TestServer::start(ServerSettings {
        idle_timeout: SHORT,
        ..patient()
    });
    let (mut sender, driven) = http2(server.connect().await).await;
    let response = within(sender.send_request(request("/"))).await.unwrap();
    assert_eq!(text(response).await, "hello");

    within(driven).await.unwrap();
    assert_eq!(server.closed_by("idle").await, 1);
}

#[tokio::test]
async fn a_tls_handshake_that_stops_is_closed_at_its_deadline() {
    let tls = TlsReloader::load(TestFiles::new("localhost").paths()).unwrap();
    let settings = ServerSettings {
        handshake_timeout: SHORT,
        ..patient()
    };
    let server = TestServer::start_with(settings, Some(tls));
    // The first bytes of a handshake record, announcing more.
    let mut stalled = server.say("\u{16}\u{3}\u{1}").await;

    until_closed(&mut stalled).await;
    assert_eq!(server.closed_by("handshake").await, 1);
}

#[tokio::test]
async fn a_client_that_says_nothing_after_the_handshake_is_closed() {
    let files = TestFiles::new("localhost");
    let certificate = files.replace("localhost");
    let settings = ServerSettings {
        header_timeout: SHORT,
        ..patient()
    };
    let tls = TlsReloader::load(files.paths()).unwrap();
    let server = TestServer::start_with(settings, Some(tls));
    let stream = server.connect().await;
    let mut silent = tls_connect(stream, &certificate, &[]).await.unwrap();

    assert_eq!(until_closed(&mut silent).await, "");
    assert_eq!(server.closed_by("header").await, 1);
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end() {
    let server = TestServer::start(ServerSettings {
        connection_age_max: SHORT,
        ..patient()
    });
    let mut client = server.connect().await;
    assert!(get(&mut client, "/").await.ends_with("hello"));

    assert_eq!(until_closed(&mut client).await, "");
    assert_eq!(server.closed_by("age").await, 1);
}

#[tokio::test]
async fn a_handler_that_hangs_is_dropped_and_its_client_told() {
    let server = TestServer::start(ServerSettings {
        request_timeout: SHORT,
        ..patient()
    });
    let mut client = server.connect().await;

    let answer = get(&mut client, "/wait").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains(r#""code":"request_timeout""#), "{answer}");
    // The connection is none the worse for it.
    assert!(get(&mut client, "/").await.ends_with("hello"));
}
