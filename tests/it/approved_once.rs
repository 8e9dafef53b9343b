//! However many nodes and guesses there are at once, a verification is
//! approved once and evaluates five checks.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::client::{Answer, Client, counts, tally};
use crate::support::codes::wrong_codes;
use crate::support::fake_provider::FakeProvider;
use crate::support::numbers;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// Two gateways on one Redis, and a verification whose code has arrived.
struct Guessing {
    scenario: Scenario,
    clients: [Client; 2],
    id: String,
    code: String,
}

impl Guessing {
    async fn start() -> Self {
        let mut scenario = Scenario::on_redis().await;
        let hook: FakeProvider = scenario.provider("hook-a").await;
        let config = scenario.config(&[&hook]);
        let one = scenario.started("one", &config).await;
        let two = scenario.started("two", &config).await;
        let clients = [scenario.client(&one), scenario.client(&two)];
        let number = numbers::us_number();
        let id = clients[0].start(&number).await.expect(201).id();
        let code = hook.submission_to(&number, ARRIVES_WITHIN).await.code;
        Self {
            scenario,
            clients,
            id,
            code,
        }
    }

    /// Checks all of these codes at the same time, over both nodes in turn.
    async fn check_all(&self, codes: &[String]) -> Vec<Answer> {
        let clients = self.clients.iter().cycle();
        join_all(
            codes
                .iter()
                .zip(clients)
                .map(|(code, client)| client.check(&self.id, code)),
        )
        .await
    }

    async fn status(&self) -> String {
        self.clients[1]
            .verification(&self.id)
            .await
            .expect(200)
            .text("status")
    }
}

#[tokio::test]
async fn of_two_hundred_right_checks_over_two_nodes_one_is_approved() {
    let guessing = Guessing::start().await;
    let answers = guessing.check_all(&vec![guessing.code.clone(); 200]).await;
    assert_eq!(
        tally(&answers),
        counts([(200, "", 1), (409, "already_approved", 199)])
    );
    let approved = answers
        .iter()
        .find(|answer| answer.status == 200)
        .expect("counted above");
    assert_eq!(approved.text("status"), "approved");
    assert_eq!(guessing.status().await, "approved");
    guessing.scenario.finish().await;
}

#[tokio::test]
async fn five_wrong_codes_exhaust_a_verification_and_the_right_one_comes_too_late() {
    let guessing = Guessing::start().await;
    let client = &guessing.clients[0];
    for (wrong, remaining) in wrong_codes(&guessing.code).zip([4, 3, 2, 1, 0]) {
        let answer = client.check(&guessing.id, &wrong).await.expect(422);
        assert_eq!(answer.code(), "code_mismatch");
        assert_eq!(answer.json()["checks_remaining"], json!(remaining));
    }
    let late = client.check(&guessing.id, &guessing.code).await.expect(429);
    assert_eq!(late.code(), "checks_exhausted");
    assert_eq!(guessing.status().await, "exhausted");
    guessing.scenario.finish().await;
}

#[tokio::test]
async fn a_hundred_wrong_guesses_at_once_evaluate_five() {
    let guessing = Guessing::start().await;
    let wrong: Vec<String> = wrong_codes(&guessing.code).take(100).collect();
    let answers = guessing.check_all(&wrong).await;
    let expected = counts([(422, "code_mismatch", 5), (429, "checks_exhausted", 95)]);
    assert_eq!(tally(&answers), expected);
    let late = guessing.clients[0]
        .check(&guessing.id, &guessing.code)
        .await
        .expect(429);
    assert_eq!(late.code(), "checks_exhausted");
    guessing.scenario.finish().await;
}
