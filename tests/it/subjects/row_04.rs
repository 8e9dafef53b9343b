//! Row 4: whatever is killed between two states of a change, exactly one of the
//! two numbers receives codes.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::people::{People, text, token};
use crate::support::numbers;
use crate::support::process;
use crate::support::scenario::Scenario;

const HOLD_ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A change of a number, in a gateway that dies a lot.
struct Story {
    people: People,
    old: String,
    new: String,
    asked: std::cell::Cell<u32>,
}

impl Story {
    async fn begin(scenario: Scenario) -> Self {
        let people = People::begin_with(scenario, |config| {
            config.set("subjects", "hold_b_s", "5");
        })
        .await;
        let old = numbers::us_number();
        let mut new = numbers::us_number();
        // They are told apart by what a mask shows.
        while ending(&new) == ending(&old) {
            new = numbers::us_number();
        }
        people.enrol("ann", &old).await;
        Self {
            people,
            old,
            new,
            asked: std::cell::Cell::new(0),
        }
    }

    async fn dies_and_comes_back(&self) {
        self.people.gateway.kill().await;
        self.people.gateway.start(&self.people.config).await;
    }

    /// Asks, and has the gateway killed while it answers; then asks again.
    async fn asks_twice(&self, path: &str, body: &Value) -> u16 {
        let request = Request::post(format!("{}{path}", self.people.client.base()))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .expect("a well-formed request");
        let (answer, ()) = tokio::join!(
            self.people.client.try_send(request),
            self.people.gateway.kill()
        );
        drop(answer);
        self.people.gateway.start(&self.people.config).await;
        self.exactly_one_is_active().await;
        self.people.client.post(path, body).await.status.as_u16()
    }

    /// Whether the new number receives sign-in codes. One always does.
    async fn new_receives(&self) -> bool {
        self.exactly_one_is_active().await;
        // Of another purpose it is another code.
        let purpose = format!("sign_in_{}", self.asked.replace(self.asked.get() + 1));
        let body = json!({"subject": "ann", "purpose": purpose});
        let started = self.people.client.post("/v1/verifications", &body).await;
        let to = text(&started.expect(201).json()["to"]);
        let is_new = ending(&to) == ending(&self.new);
        assert!(is_new || ending(&to) == ending(&self.old), "{to}");
        is_new
    }

    async fn exactly_one_is_active(&self) {
        let listed = self.people.client.get("/v1/subjects/ann/methods").await;
        let listed = listed.expect(200).json();
        let methods = listed["methods"].as_array().cloned().unwrap_or_default();
        let active = methods.iter().filter(|one| one["status"] == "active");
        assert_eq!(active.count(), 1, "{listed}");
    }

    /// Good for a day's hold, which is five seconds here.
    async fn evidence(&self) -> Value {
        let strong = json!({"evidence": [{"type": "stronger_factor"}]});
        let path = "/v1/subjects/ann/recovery-codes";
        let drawn = self.people.client.post(path, &strong).await.expect(201);
        let code = drawn.json()["code"].clone();
        json!([{"type": "recovery_code", "code": code}, {"type": "single_factor"}])
    }
}

fn ending(number: &str) -> String {
    let digits: Vec<char> = number.chars().rev().take(2).collect();
    digits.into_iter().collect()
}

async fn whatever_is_killed(scenario: Scenario) {
    let story = Story::begin(scenario).await;
    assert!(!story.new_receives().await);

    let evidence = story.evidence().await;
    let changes = "/v1/subjects/ann/number-changes";
    let body = json!({"to": story.new, "evidence": evidence});
    let asked = story.people.client.post(changes, &body).await.expect(201);
    let change = text(&asked.json()["number_change"]["id"]);
    story.dies_and_comes_back().await;
    assert!(!story.new_receives().await, "it is only asked for");

    let code = story.people.message_to(&story.new, 1).await.code;
    let path = format!("{changes}/{change}/confirm");
    let confirmed = story.asks_twice(&path, &json!({"code": code})).await;
    assert_eq!(confirmed, 200);
    assert!(!story.new_receives().await, "it is held");
    story.dies_and_comes_back().await;

    let has_changed = async || story.new_receives().await;
    assert!(process::eventually(HOLD_ENDS_WITHIN, has_changed).await);
    story.dies_and_comes_back().await;
    assert!(story.new_receives().await, "it is completed");

    let messages = story.people.carrier.submissions_to(&story.old);
    let notice = messages.iter().find(|one| one.text.contains("undo with "));
    let notice = notice.expect("the old number was told");
    let body = json!({"token": token(notice, "undo with ")});
    let path = format!("{changes}/{change}/undo");
    let undone = story.asks_twice(&path, &body).await;
    assert!(undone == 200 || undone == 409, "{undone}");
    assert!(!story.new_receives().await, "it is undone");
    story.people.end().await;
}

#[tokio::test]
async fn row_04_whatever_is_killed_one_number_receives_codes_over_redis() {
    whatever_is_killed(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_04_whatever_is_killed_one_number_receives_codes_over_the_embedded_store() {
    whatever_is_killed(Scenario::on_embedded()).await;
}
