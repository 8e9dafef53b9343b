//! Row 25: another sender's service brings its own code and wants to know at once
//! whether it went. Its face is not here yet, what it stands on is.

use serde_json::json;

use super::people::People;
use crate::support::numbers;
use crate::support::random_bytes;
use crate::support::scenario::Scenario;

fn own_code() -> String {
    let drawn = u64::from_le_bytes(random_bytes());
    format!("{:010}", drawn % 10_000_000_000)
}

async fn brings_its_own_code(scenario: Scenario) {
    let people = People::begin(scenario).await;
    let (plain, bound) = (numbers::us_number(), numbers::us_number());
    let method = people.enrol("ann", &bound).await;

    let code = own_code();
    let body = json!({"to": plain, "code": code, "reference": "correlation-1"});
    let sent = people.start_and_wait(&body).await.expect(201).json();
    assert_eq!(sent["deliveries"][0]["status"], json!("submitted"));
    assert_eq!(sent["reference"], json!("correlation-1"));
    assert_eq!(people.message_to(&plain, 1).await.code, code);

    let code = own_code();
    let body = json!({"subject": "ann", "code": code});
    let answer = people.start_and_wait(&body).await.expect(201);
    let sent = answer.json();
    assert_eq!(sent["deliveries"][0]["status"], json!("submitted"));
    assert_eq!(sent["method"], json!(method));
    assert_eq!(people.message_to(&bound, 2).await.code, code);
    people.client.check(&answer.id(), &code).await.expect(200);

    // Another code takes the place of the one before.
    let first = people
        .start_and_wait(&json!({"subject": "ann", "code": own_code()}))
        .await;
    let second = people
        .start_and_wait(&json!({"subject": "ann", "code": own_code()}))
        .await;
    let seen = people.client.verification(&first.expect(201).id()).await;
    assert_eq!(seen.expect(200).text("status"), "superseded");
    second.expect(201);

    // What may not go says so in the same answer.
    let body = json!({"to": numbers::gb_number(), "code": own_code(), "channel": "fax"});
    people.start_and_wait(&body).await.expect(422);
    let body = json!({"subject": "nobody", "code": own_code()});
    let refused = people.start_and_wait(&body).await.expect(409);
    assert_eq!(refused.code(), "no_method");
    people.end().await;
}

#[tokio::test]
async fn row_25_what_the_entra_face_needs_over_redis() {
    brings_its_own_code(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_25_what_the_entra_face_needs_over_the_embedded_store() {
    brings_its_own_code(Scenario::on_embedded()).await;
}
