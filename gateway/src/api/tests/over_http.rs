//! The service under hyper itself, as a listener drives it.

use super::*;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// Serves one connection over HTTP/1.1 and returns all it answers.
async fn talk(request: &str) -> String {
    let service = TowerToHyperService::new(TestApi::new().service());
    let (mut client, server) = duplex(1 << 20);
    let builder = auto::Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(server), service);
    let asking = async move {
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    // However the connection ends, what was answered counts.
    let (answer, _ended) = tokio::join!(asking, serving);
    answer
}

#[tokio::test]
async fn head_over_http_announces_the_length_and_sends_no_body() {
    let head = talk("HEAD /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let length = crate::api::openapi::DOCUMENT.len();
    assert!(
        head.contains(&format!("content-length: {length}\r\n")),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn a_body_announced_too_long_is_answered_although_it_never_comes() {
    let answer = talk(
        "POST /v1/verifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\n\
         content-type: application/json\r\ncontent-length: 999999\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
}

#[tokio::test]
async fn an_answer_without_content_has_none() {
    let answer = talk(
        "POST /v1/receipts/hook-a/good HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\
         connection: close\r\n\r\nok",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("content-length"), "{answer}");
}
