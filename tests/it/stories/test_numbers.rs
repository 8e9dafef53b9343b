//! Test numbers: the whole flow without a message, for their tenant alone.

use serde_json::json;

use super::{Story, list_path, own_code};
use crate::support::codes::wrong_codes;
use crate::support::numbers;

#[tokio::test]
async fn a_test_number_takes_its_fixed_code_is_sent_nothing_and_is_marked_everywhere() {
    let (number, code) = (numbers::us_number(), own_code());
    let entry =
        format!("[[test_numbers]]\ntenant = \"acme\"\nnumber = \"{number}\"\ncode = \"{code}\"\n");
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    story.scenario.secrets().add_code(&code);
    story.scenario.secrets().add_number(&number);
    let client = &story.client;
    let started = client.start(&number).await.expect(201);
    let id = started.id();
    assert_eq!(started.json()["test"], json!(true));
    assert_eq!(started.json()["deliveries"], json!([]));
    let seen = client.verification(&id).await.expect(200).json();
    assert_eq!(seen["test"], json!(true));
    let list = client.get(&list_path(&number)).await.expect(200).json();
    assert_eq!(list["verifications"][0]["test"], json!(true));
    let wrong = wrong_codes(&code).next().expect("there are many");
    let mismatch = client.check(&id, &wrong).await.expect(422);
    assert_eq!(mismatch.code(), "code_mismatch");
    let approved = client.check(&id, &code).await.expect(200);
    assert_eq!(approved.text("status"), "approved");
    assert_eq!(approved.json()["test"], json!(true));
    assert_eq!(story.first.count() + story.second.count(), 0);

    let other = client.with_key(&story.scenario.other.api_key);
    let theirs = other.start(&number).await.expect(201);
    assert_eq!(theirs.json().get("test"), None);
    assert_ne!(story.message_to(&number).await.code, code);
    story.end().await;
}
