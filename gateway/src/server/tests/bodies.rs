//! Bodies that are too large, too slow or broken.

use tokio::io::AsyncWriteExt;

use super::super::*;
use super::support::*;

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_whole_in_pieces_or_at_once() {
    let server = TestServer::start(patient());
    let body = "x".repeat(64);
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\n";
    let at_once = format!("{head}content-length: 64\r\n\r\n{body}");
    let half = "x".repeat(32);
    let chunk = format!("20\r\n{half}\r\n");
    let in_pieces = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");

    for request in [at_once, in_pieces] {
        let mut client = server.say(&request).await;
        let answer = read_answer(&mut client).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
    }
}

#[tokio::test]
async fn a_body_announced_as_too_large_is_refused_before_it_is_sent() {
    let server = TestServer::start(patient());
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 65\r\n\r\n";
    let mut client = server.say(head).await;

    let answer = read_answer(&mut client).await;
    assert!(
        answer.ends_with("the body is larger than allowed"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused_although_it_never_said_so() {
    let server = TestServer::start(patient());
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = server.say(head).await;
    let chunk = format!("21\r\n{}\r\n", "x".repeat(33));
    client.write_all(chunk.as_bytes()).await.unwrap();
    client.write_all(chunk.as_bytes()).await.unwrap();

    let answer = read_answer(&mut client).await;
    assert!(
        answer.ends_with("the body is larger than allowed"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up_at_its_deadline() {
    let server = TestServer::start(ServerSettings {
        body_timeout: SHORT,
        ..patient()
    });
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nx";
    let mut client = server.say(head).await;

    let answer = read_answer(&mut client).await;
    assert!(
        answer.ends_with("the body did not arrive in time"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_chunk_that_is_no_chunk_is_a_broken_body() {
    let server = TestServer::start(patient());
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let mut client = server.say(head).await;

    let answer = read_answer(&mut client).await;
    assert!(answer.ends_with("the body broke off"), "{answer}");
}
