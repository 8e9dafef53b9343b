//! The harness itself: a search that finds nothing and a fault that breaks
//! nothing would prove nothing.

use std::time::Duration;

use redis::AsyncCommands;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::fake_provider::{Behaviour, FakeProvider, RefusedAddress};
use crate::support::leaks::{self, Secrets};
use crate::support::numbers;
use crate::support::redis_proxy::{Fault, RedisProxy};
use crate::support::redis_server::{RedisOptions, RedisServer};

fn is_found(secrets: &Secrets, bytes: &[u8]) -> bool {
    let secrets = secrets.clone();
    let bytes = bytes.to_vec();
    std::panic::catch_unwind(move || secrets.assert_absent("a test", &bytes)).is_err()
}

#[test]
fn the_search_finds_a_planted_code_number_and_key() {
    let number = numbers::us_number();
    let mut secrets = Secrets::default();
    secrets.add_code("483920");
    secrets.add_number(&number);
    secrets.add_bytes("a master key", &[7; 32]);
    assert!(is_found(&secrets, b"{\"code\":\"483920\"}"));
    assert!(is_found(&secrets, format!("to={number}").as_bytes()));
    assert!(is_found(&secrets, &number.as_bytes()[1..]));
    assert!(is_found(
        &secrets,
        &[b"to (", &number.as_bytes()[2..], b")"].concat()
    ));
    assert!(is_found(&secrets, &[&b"\0"[..], &[7; 32]].concat()));
    assert!(!is_found(
        &secrets,
        b"vrf_00a483920xyz at 1483920ms to +1*******37"
    ));
}

async fn redis_is_clean(redis: &RedisServer, secrets: Secrets) -> bool {
    let search = async { leaks::assert_redis_is_clean(redis, &secrets).await };
    let caught = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(search));
    caught.await.is_ok()
}

#[tokio::test]
async fn the_search_finds_what_stands_in_redis_and_what_would_stay_for_ever() {
    let redis = RedisServer::start_with(RedisOptions::default().searchable());
    let mut connection = redis.connection().await;
    let mut secrets = Secrets::default();
    secrets.add_code("9384710264");
    let _: () = connection.set_ex("a", "harmless", 100).await.unwrap();
    let _: () = connection.set("meta", "harmless").await.unwrap();
    assert!(redis_is_clean(&redis, secrets.clone()).await);

    let _: () = connection.set("b", "harmless").await.unwrap();
    assert!(
        !redis_is_clean(&redis, secrets.clone()).await,
        "a key without a TTL"
    );
    let _: () = connection.del("b").await.unwrap();
    assert!(redis_is_clean(&redis, secrets.clone()).await);

    let _: () = connection
        .hset("{s1}:x", "code", "9384710264")
        .await
        .unwrap();
    let _: bool = connection.expire("{s1}:x", 100).await.unwrap();
    assert!(!redis_is_clean(&redis, secrets.clone()).await, "a value");
    let _: () = connection.del("{s1}:x").await.unwrap();
    // It is gone from the values, yet the slow log remembers the command.
    assert!(!redis_is_clean(&redis, secrets).await, "the slow log");
}

/// One command and the first bytes of its answer.
async fn ping(proxy: &RedisProxy) -> std::io::Result<Vec<u8>> {
    let exchange = async {
        let mut socket = TcpStream::connect(proxy.address()).await?;
        socket.write_all(b"PING\r\n").await?;
        let mut answer = vec![0; 7];
        socket.read_exact(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(Duration::from_millis(500), exchange).await?
}

#[tokio::test]
async fn the_proxy_breaks_what_it_is_told_to_break_and_mends_it() {
    let redis = RedisServer::start_with(RedisOptions::default().searchable());
    let proxy = RedisProxy::start(redis.address()).await;
    assert_eq!(ping(&proxy).await.unwrap(), b"+PONG\r\n");
    assert_eq!(
        (
            proxy.request_bytes(),
            proxy.reply_bytes(),
            proxy.connections()
        ),
        (6, 7, 1)
    );

    let mut connected = TcpStream::connect(proxy.address()).await.unwrap();
    connected.write_all(b"PING\r\n").await.unwrap();
    connected.read_exact(&mut [0; 7]).await.unwrap();

    proxy.set(Fault::Blackhole).await;
    assert_eq!(
        ping(&proxy).await.unwrap_err().kind(),
        std::io::ErrorKind::TimedOut
    );
    connected.write_all(b"PING\r\n").await.unwrap();
    proxy.set(Fault::Pass).await;
    let mut answer = vec![0; 7];
    connected.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"+PONG\r\n", "what was held arrives");

    proxy.reset_all();
    assert!(connected.read_exact(&mut answer).await.is_err());
    assert!(ping(&proxy).await.is_ok());

    proxy.set(Fault::Refuse).await;
    assert_eq!(
        ping(&proxy).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    proxy.set(Fault::CutRepliesAfter(3)).await;
    assert!(ping(&proxy).await.is_err());
    proxy.set(Fault::Delay(Duration::from_millis(50))).await;
    let started = tokio::time::Instant::now();
    ping(&proxy).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(100), "both ways");
}

#[tokio::test]
async fn the_provider_takes_signed_messages_only_and_answers_as_scripted() {
    let provider = FakeProvider::start("hook-a").await;
    let number = numbers::us_number();
    let body = json!({
        "reference": "r1", "to": number, "channel": "sms", "text": "Your code is 482913.",
    });
    let submit = async |sign_as: &FakeProvider| {
        let body = body.to_string().into_bytes();
        let timestamp_s = jiff::Timestamp::now().as_second();
        let request = http::Request::post(provider.url())
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", timestamp_s)
            .header(
                "webhook-signature",
                sign_as.secret().sign("msg_1", timestamp_s, &body),
            )
            .body(body.into())
            .unwrap();
        Client::without_key().try_send(request).await
    };
    let accepted = submit(&provider).await.unwrap().expect(200);
    assert_eq!(accepted.text("message_id"), "hook-a-msg_1");
    assert_eq!(
        provider.submission_to(&number, Duration::ZERO).await.code,
        "482913"
    );
    provider.assert_all_were_signed();

    provider.next([
        Behaviour::Status(500),
        Behaviour::CloseMidBody,
        Behaviour::Throttle(7),
    ]);
    assert_eq!(submit(&provider).await.unwrap().status, 500);
    assert!(submit(&provider).await.is_err());
    assert_eq!(
        submit(&provider).await.unwrap().expect(429).headers["retry-after"],
        "7"
    );
    assert_eq!(submit(&provider).await.unwrap().status, 200);

    let stranger = FakeProvider::start("hook-b").await;
    assert_eq!(submit(&stranger).await.unwrap().status, 400);
    assert_eq!(provider.count(), 5);
    assert!(std::panic::catch_unwind(|| provider.assert_all_were_signed()).is_err());
}

#[tokio::test]
async fn nobody_answers_at_a_refused_address() {
    let refused = RefusedAddress::new();
    let request = http::Request::get(refused.url())
        .body(bytes::Bytes::new())
        .unwrap();
    assert!(Client::without_key().try_send(request).await.is_err());
}
