//! The generator against a program whose every step is known.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use bytes::{Buf as _, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::super::wire::{Reading, receive};
use super::*;

/// Accepts starts until the test ends; does nothing at all for `stall` when the
/// request comes that its number in order names.
async fn program(stall: Option<(u64, Duration)>) -> Host {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut count = 0;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        while answer(&mut stream, count).await.is_ok() {
            count += 1;
            if let Some((_, time)) = stall.filter(|(number, _)| *number == count) {
                tokio::time::sleep(time).await;
            }
        }
    });
    Host {
        address,
        api_key: "wk_1".to_owned(),
    }
}

async fn answer(stream: &mut TcpStream, number: u64) -> anyhow::Result<()> {
    let mut received = BytesMut::new();
    let message = receive(stream, &mut received, Reading::Requests).await?;
    received.advance(message.context("no more requests")?.body.end);
    assert!(received.is_empty(), "one request at a time");
    let body = format!(r#"{{"id":"vrf_{number}","status":"pending","deliveries":[]}}"#);
    let head = format!(
        "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Ok(stream.write_all(format!("{head}{body}").as_bytes()).await?)
}

async fn generator(stall: Option<(u64, Duration)>) -> Generator {
    let generator = Generator::start(Notes::new()).await.unwrap();
    let host = program(stall).await;
    generator
        .open(vec![host], Protocol::Http1, 1)
        .await
        .unwrap();
    generator
}

#[test]
fn arrivals_come_at_their_rate_and_the_same_seed_brings_the_same() {
    let from = Instant::now();
    let order = (2_000.0, Duration::from_secs(10));
    let moments = arrivals(from, order, 7);
    let count = moments.len();
    assert!((19_000..21_000).contains(&count), "{count} arrivals");
    assert!(moments.is_sorted());
    assert_eq!(moments, arrivals(from, order, 7));
    assert_ne!(moments, arrivals(from, order, 8));
}

#[tokio::test]
async fn as_many_are_started_as_were_asked_for_and_none_twice() {
    let generator = generator(None).await;
    let mut sends = HashSet::new();
    for _ in 0..2 {
        let driven = generator.drive(Load::Prepare(100)).await.unwrap();
        assert_eq!((driven.answered, driven.ids.len()), (100, 100));
        sends.extend(driven.ids.iter().map(|(send, _)| *send));
    }
    assert_eq!(sends.len(), 200);
}

#[tokio::test]
async fn a_stall_counts_for_everybody_who_was_due_in_it() {
    let stall = Duration::from_millis(400);
    let generator = generator(Some((10, stall))).await;
    let load = Load::Pace {
        rate: 200.0,
        lasting: Duration::from_secs(1),
        seed: 1,
    };
    let driven = generator.drive(load).await.unwrap();
    assert!(driven.answered > 150, "{} answers", driven.answered);
    assert_eq!(driven.replies.count(), driven.answered);
    // Of a second, some 80 were due in the stall, and waited for half of it or more.
    let waited = driven.replies.percentile_us(75.0);
    assert!(waited > 100_000, "{waited} us");
    assert!(driven.replies.max_us() >= 380_000);
}

#[tokio::test]
async fn a_refusal_is_a_failure_and_named() {
    let generator = Generator::start(Notes::new()).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let host = Host {
        address: listener.local_addr().unwrap(),
        api_key: "wk_1".to_owned(),
    };
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let body = r#"{"code":"overloaded"}"#;
        let head = format!(
            "HTTP/1.1 503 Busy\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = format!("{head}{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    generator
        .open(vec![host], Protocol::Http1, 1)
        .await
        .unwrap();
    let failed = generator.drive(Load::Prepare(1)).await.err().unwrap();
    assert_eq!(failed.to_string(), "a start was answered 503 overloaded");
}
