//! Codes that the caller draws, and what reporting their use does.

use serde_json::{Value, json};

use super::{Story, own_code};
use crate::support::client::Answer;
use crate::support::numbers;
use crate::support::scenario::ARRIVES_WITHIN;

async fn report(story: &Story, id: &str, outcome: &str) -> Answer {
    let path = format!("/v1/verifications/{id}/outcome");
    story
        .client
        .post(&path, &json!({ "outcome": outcome }))
        .await
}

#[tokio::test]
async fn a_code_of_the_callers_is_sent_and_another_one_takes_its_place() {
    let story = Story::begin().await;
    let number = numbers::us_number();
    let codes = [own_code(), own_code()];
    let mut ids = Vec::new();
    for (position, code) in codes.iter().enumerate() {
        let body = json!({ "to": number, "code": code });
        ids.push(story.client.start_with(&body).await.expect(201).id());
        let count = position + 1;
        assert!(
            story
                .first
                .has_count_to(&number, count, ARRIVES_WITHIN)
                .await
        );
        assert_eq!(story.message_to(&number).await.code, *code);
        let again = story.client.start_with(&body).await.expect(429);
        assert_eq!(
            again.code(),
            "resend_too_early",
            "the same code is a resend"
        );
    }
    let [first, second] = ids.as_slice() else {
        panic!("two were started");
    };
    assert_ne!(first, second);
    let seen = story.client.verification(first).await.expect(200);
    assert_eq!(seen.text("status"), "superseded");
    let old = story.client.check(first, &codes[0]).await.expect(410);
    assert_eq!(old.code(), "superseded");
    story.client.check(second, &codes[1]).await.expect(200);
    story.end().await;
}

#[tokio::test]
async fn a_report_approves_only_what_the_caller_has_compared_itself() {
    let story = Story::begin().await;
    let status_after = async |body: &Value, outcome: &str| {
        let id = story.client.start_with(body).await.expect(201).id();
        report(&story, &id, outcome).await.expect(200);
        let seen = story.client.verification(&id).await.expect(200).json();
        assert_eq!(seen["conversion"], json!(outcome));
        (id, seen["status"].clone())
    };
    let own = json!({ "to": numbers::us_number(), "code": own_code() });
    let (id, status) = status_after(&own, "used").await;
    assert_eq!(status, json!("approved"));
    let code = own["code"].as_str().unwrap_or_default();
    let checked = story.client.check(&id, code).await.expect(409);
    assert_eq!(checked.code(), "already_approved");

    let unused = json!({ "to": numbers::us_number(), "code": own_code() });
    assert_eq!(status_after(&unused, "not_used").await.1, json!("pending"));

    for outcome in ["used", "not_used"] {
        let number = numbers::us_number();
        let (id, status) = status_after(&json!({ "to": number }), outcome).await;
        assert_eq!(status, json!("pending"), "{outcome}");
        let code = story.message_to(&number).await.code;
        story.client.check(&id, &code).await.expect(200);
    }
    assert_eq!(
        report(&story, &id, "perhaps").await.expect(422).code(),
        "invalid_outcome"
    );
    story.end().await;
}
