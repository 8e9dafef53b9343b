//! Row 16: there are no sessions here to revoke, so the identity service is told
//! when to end them, soon and at least once.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::people::{People, text, token};
use crate::support::numbers;
use crate::support::scenario::Scenario;

/// As soon as the row asks for.
const WITHIN: Duration = Duration::from_secs(5);
const SECURITY_CHANGED: &str = "subject.security_changed";

async fn is_told(scenario: Scenario) {
    let people = People::begin(scenario).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    people.enrol("ann", &old).await;
    let change = people.change("ann", &new).await;
    assert_eq!(change["status"], json!("completed"), "{change}");
    let completed = people.told("ann", SECURITY_CHANGED, WITHIN).await;

    let notice = people.message_to(&old, 2).await;
    let path = format!(
        "/v1/subjects/ann/number-changes/{}/undo",
        text(&change["id"])
    );
    let body = json!({"token": token(&notice, "undo with ")});
    people.client.post(&path, &body).await.expect(200);
    people.told("ann", "number_change.undone", WITHIN).await;
    let is_second = |told: &[_]| security_changes(told) == 2;
    assert!(people.sink.has_been_told(is_second, WITHIN).await);

    let body = json!({"tenant": "acme", "reason": "lost everything"});
    people
        .ada
        .post("/v1/subjects/ann/reset", &body)
        .await
        .expect(200);
    people.told("ann", "subject.reset", WITHIN).await;
    let is_third = |told: &[_]| security_changes(told) == 3;
    assert!(people.sink.has_been_told(is_third, WITHIN).await);

    // Told again, it is the same event: its id is all a receiver has to remember.
    let body = json!({"tenant": "acme", "event_id": completed.webhook_id});
    let replayed = people.ada.post("/v1/admin/webhooks/replay", &body).await;
    assert_eq!(replayed.expect(200).json()["events"], json!(1));
    let is_again = |told: &[_]| security_changes(told) == 4;
    assert!(people.sink.has_been_told(is_again, WITHIN).await);
    let again = people.told("ann", SECURITY_CHANGED, WITHIN).await;
    assert_eq!(again.webhook_id, completed.webhook_id);
    assert_eq!(again.body, completed.body);
    people.end().await;
}

/// Three events each: enough for one of them to be the slowest of a hundred.
const PEOPLE: usize = 34;
/// For the last of them to come, however late.
const ALL_TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Changes a number, undoes that, and resets the subject: when each was asked for.
async fn changes_three_times(people: &People, subject: &str) -> [Instant; 3] {
    let (old, new) = (numbers::us_number(), numbers::us_number());
    people.enrol(subject, &old).await;
    let changed_at = Instant::now();
    let change = people.change(subject, &new).await;
    assert_eq!(change["status"], json!("completed"), "{change}");

    let notice = people.message_to(&old, 2).await;
    let id = text(&change["id"]);
    let path = format!("/v1/subjects/{subject}/number-changes/{id}/undo");
    let body = json!({"token": token(&notice, "undo with ")});
    let undone_at = Instant::now();
    people.client.post(&path, &body).await.expect(200);

    let path = format!("/v1/subjects/{subject}/reset");
    let body = json!({"tenant": "acme", "reason": "lost everything"});
    let reset_at = Instant::now();
    people.ada.post(&path, &body).await.expect(200);
    [changed_at, undone_at, reset_at]
}

async fn nearly_all_are_told_in_time(scenario: Scenario) {
    let people = People::begin(scenario).await;
    let mut asked_at = Vec::new();
    for person in 0..PEOPLE {
        let subject = format!("person-{person}");
        let asked = changes_three_times(&people, &subject).await;
        asked_at.push((subject, asked));
    }
    let all = |told: &[_]| security_changes(told) == 3 * PEOPLE;
    assert!(people.sink.has_been_told(all, ALL_TOLD_WITHIN).await);
    let told = people.sink.told();
    let mut waits: Vec<Duration> = Vec::new();
    for (subject, asked) in &asked_at {
        let of_subject = told.iter().filter(|one| {
            one.kind() == SECURITY_CHANGED && one.body["data"]["subject"] == subject.as_str()
        });
        let mut told_at: Vec<Instant> = of_subject.map(|one| one.at).collect();
        told_at.sort_unstable();
        assert_eq!(told_at.len(), asked.len());
        let pairs = told_at.iter().zip(asked);
        waits.extend(pairs.map(|(told_at, asked_at)| *told_at - *asked_at));
    }
    waits.sort_unstable();
    let p99 = waits[(waits.len() * 99).div_ceil(100) - 1];
    assert!(p99 <= WITHIN, "p99 {p99:?}, all {waits:?}");
    people.end().await;
}

fn security_changes(told: &[crate::support::sink::Told]) -> usize {
    told.iter()
        .filter(|one| one.kind() == SECURITY_CHANGED)
        .count()
}

#[tokio::test]
async fn row_16_a_security_change_is_told_within_five_seconds_over_redis() {
    is_told(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_16_a_security_change_is_told_within_five_seconds_over_the_embedded_store() {
    is_told(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn row_16_ninety_nine_of_a_hundred_are_told_within_five_seconds_over_redis() {
    nearly_all_are_told_in_time(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_16_ninety_nine_of_a_hundred_are_told_within_five_seconds_over_the_embedded_store() {
    nearly_all_are_told_in_time(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn row_16_a_security_change_is_told_although_its_node_is_killed() {
    let people = People::begin(Scenario::on_redis().await).await;
    people.sink.answer_with(503);
    let (old, new) = (numbers::us_number(), numbers::us_number());
    people.enrol("ann", &old).await;
    people.change("ann", &new).await;
    people.gateway.kill().await;
    people.sink.answer_with(204);
    people.gateway.start(&people.config).await;
    // A watch's lease, the next sweep, and a busy machine.
    let after_a_crash = Duration::from_secs(90);
    let is_taken = |told: &[crate::support::sink::Told]| {
        told.iter()
            .any(|one| one.kind() == SECURITY_CHANGED && one.status == 204)
    };
    assert!(people.sink.has_been_told(is_taken, after_a_crash).await);
    people.end().await;
}
