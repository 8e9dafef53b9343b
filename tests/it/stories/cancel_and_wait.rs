//! Calling a send off, and waiting for it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::Story;
use crate::support::fake_provider::Behaviour;
use crate::support::numbers;

#[tokio::test]
async fn a_cancellation_ends_a_retry_that_waits_at_once() {
    let story = Story::begin_with(|config| {
        config.set("dispatch", "retry_waits_s", "[30]");
    })
    .await;
    for provider in [&story.first, &story.second] {
        provider.always(Behaviour::Status(503));
    }
    let number = numbers::us_number();
    let id = story.client.start(&number).await.expect(201).id();
    story
        .becomes(&id, |seen| seen["deliveries"][0]["due"] == json!("retry"))
        .await;
    let canceled = story.client.cancel(&id).await.expect(200).json();
    assert_eq!(canceled["status"], json!("canceled"));
    assert_eq!(canceled["deliveries"][0]["status"], json!("canceled"));
    assert_eq!(canceled["deliveries"][0]["due"], json!(null));
    assert_eq!((story.first.count(), story.second.count()), (1, 1));
    story.end().await;
}

#[tokio::test]
async fn an_answer_waits_for_the_submission_if_it_is_asked_to() {
    let story = Story::begin().await;
    let delay = Duration::from_millis(300);
    story.first.always(Behaviour::AcceptAfter(delay));
    let body = json!({ "to": numbers::us_number() }).to_string();
    let request = Request::post(format!("{}/v1/verifications", story.client.base()))
        .header("content-type", "application/json")
        .header("prefer", "wait=3")
        .body(Bytes::from(body))
        .expect("a well-formed request");
    let answer = story.client.send(request).await.expect(201);
    assert!(answer.took >= delay, "it took {:?}", answer.took);
    assert_eq!(answer.headers["preference-applied"], "wait=3");
    let seen = answer.json();
    assert_eq!(seen["deliveries"][0]["status"], json!("submitted"));
    assert_eq!(
        seen["deliveries"][0]["attempts"][0]["outcome"],
        json!("submitted")
    );
    story.end().await;
}
