//! What is spoken, and how the certificate changes under it.

use super::super::*;
use super::support::*;
use crate::tls::Reloaded;
use crate::tls::tests::TestFiles;

#[tokio::test]
async fn http_1_is_answered_and_the_connection_stays() {
    let server = TestServer::start(patient());
    let mut client = server.connect().await;

    for _ in 0..3 {
        assert!(get(&mut client, "/").await.ends_with("hello"));
    }
}

#[tokio::test]
async fn http_2_is_answered_on_clear_text_by_prior_knowledge() {
    let server = TestServer::start(patient());
    let (mut sender, _driven) = http2(server.connect().await).await;

    let response = within(sender.send_request(request("/"))).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(text(response).await, "hello");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = TestServer::start(patient());
    let mut client = server.say("GET / HTTP/1.0\r\n\r\n").await;

    let answer = until_closed(&mut client).await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn garbage_is_refused_and_the_server_goes_on() {
    let server = TestServer::start(patient());
    let garbage = [
        "\0\0\0\0\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello, this is no handshake",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame, whatever it may look like",
    ];
    for sent in garbage {
        let mut client = server.say(sent).await;
        let answer = until_closed(&mut client).await;
        assert!(!answer.contains(" 200 "), "{sent:?}: {answer}");
    }

    let mut honest = server.connect().await;
    assert!(get(&mut honest, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn a_head_larger_than_allowed_is_answered_431() {
    let server = TestServer::start(patient());
    let padding = "x".repeat(server.handler.header_bytes_max());
    let mut client = server
        .say(&format!("GET / HTTP/1.1\r\nx: {padding}\r\n\r\n"))
        .await;

    let answer = until_closed(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_panic_costs_one_request_and_neither_its_connection_nor_its_neighbours() {
    let server = TestServer::start(patient());
    let (mut sender, _driven) = http2(server.connect().await).await;
    let neighbour = sender.send_request(request("/wait"));
    let neighbour = tokio::spawn(neighbour);
    server.handler.until_waiting(1).await;

    let panicked = within(sender.send_request(request("/panic")))
        .await
        .unwrap();
    assert_eq!(panicked.status(), 500);
    assert!(text(panicked).await.contains(r#""code":"internal_error""#));

    server.handler.answer.notify_one();
    let answered = within(neighbour).await.unwrap().unwrap();
    assert_eq!(text(answered).await, "waited");
}

#[tokio::test]
async fn alpn_decides_between_http_2_and_http_1_on_tls() {
    let files = TestFiles::new("localhost");
    let certificate = files.replace("localhost");
    let tls = TlsReloader::load(files.paths()).unwrap();
    let server = TestServer::start_with(patient(), Some(tls));

    let stream = server.connect().await;
    let stream = tls_connect(stream, &certificate, &["h2", "http/1.1"])
        .await
        .unwrap();
    let (mut sender, _driven) = http2(stream).await;
    let response = within(sender.send_request(request("/"))).await.unwrap();
    assert_eq!(text(response).await, "hello");

    for alpn in [&["http/1.1"][..], &[]] {
        let stream = server.connect().await;
        let mut stream = tls_connect(stream, &certificate, alpn).await.unwrap();
        assert!(get(&mut stream, "/").await.ends_with("hello"));
    }
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_nobody() {
    let files = TestFiles::new("localhost");
    let first = files.replace("localhost");
    let tls = TlsReloader::load(files.paths()).unwrap();
    let server = TestServer::start_with(patient(), Some(tls.clone()));
    let mut old = tls_connect(server.connect().await, &first, &[])
        .await
        .unwrap();
    assert!(get(&mut old, "/").await.ends_with("hello"));

    let second = files.replace("localhost");
    assert!(matches!(tls.reload(), Ok(Reloaded::Changed { .. })));
    assert!(get(&mut old, "/").await.ends_with("hello"));
    let mut new = tls_connect(server.connect().await, &second, &[])
        .await
        .unwrap();
    assert!(get(&mut new, "/").await.ends_with("hello"));
    let distrusting = tls_connect(server.connect().await, &first, &[]).await;
    assert!(distrusting.is_err());

    files.break_key();
    tls.reload().unwrap_err();
    let mut newest = tls_connect(server.connect().await, &second, &[])
        .await
        .unwrap();
    assert!(get(&mut newest, "/").await.ends_with("hello"));
}
