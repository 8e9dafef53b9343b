//! A list of methods shows enough to choose one; and whatever is asked by a key
//! that may not see numbers, no answer, log line or metric shows one in full.

use serde_json::{Value, json};

use super::over_both_stores;
use super::people::People;
use super::world::{MASKED, MINUTE, Stand, TENANT, World, text};
use crate::support::scenario::Scenario;
use crate::support::{numbers, process};

over_both_stores!(row_01_no_answer_of_a_run_shows_a_full_number);

const PATH: &str = "/v1/subjects/person-7";

/// A person, asked about by a key that may not see numbers; every answer is kept.
struct Run {
    world: World,
    answers: Vec<(String, String)>,
}

impl Run {
    async fn asks(&mut self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.world.call(method, path, MASKED, body).await;
        assert!(status < 500, "{method} {path}: {answer}");
        self.answers
            .push((format!("{method} {path}"), answer.to_string()));
        answer
    }

    async fn gets(&mut self, path: &str) -> Value {
        self.asks("GET", path, Value::Null).await
    }

    /// Binds the first number, signs in by it and changes it.
    async fn moves(&mut self, old: &str, new: &str) -> String {
        let methods = format!("{PATH}/methods");
        let asked = json!({ "phone": old, "evidence": [{ "type": "session" }] });
        let added = self.asks("POST", &methods, asked.clone()).await;
        let method = text(&added["method"]["id"]);
        let code = json!({ "code": self.world.code_to(old).await });
        self.asks("POST", &format!("{methods}/{method}/confirm"), code)
            .await;
        self.asks("POST", &methods, asked).await;
        self.signs_in(old).await;

        let changes = format!("{PATH}/number-changes");
        let stronger = json!([{ "type": "stronger_factor" }]);
        let asked = json!({ "to": new, "evidence": stronger });
        let requested = self.asks("POST", &changes, asked.clone()).await;
        let change = format!("{changes}/{}", text(&requested["number_change"]["id"]));
        self.gets(&change).await;
        let code = json!({ "code": self.world.code_to(new).await });
        self.asks("POST", &format!("{change}/confirm"), code).await;
        self.asks("POST", &changes, asked).await;
        let wrong = json!({ "token": "0000-0000" });
        self.asks("POST", &format!("{change}/undo"), wrong).await;
        self.signs_in(new).await;
        change
    }

    /// Start, check, resend and cancel of a verification whose number the caller
    /// has not named.
    async fn signs_in(&mut self, number: &str) {
        self.world.advance(MINUTE * 10);
        self.world.skip_messages_to(number);
        let asked = json!({ "subject": "person-7" });
        let started = self.asks("POST", "/v1/verifications", asked).await;
        let path = format!("/v1/verifications/{}", text(&started["id"]));
        self.gets(&path).await;
        let code = self.world.code_to(number).await;
        self.world.advance(MINUTE);
        let again = format!("{path}/resend");
        let resent = self.asks("POST", &again, json!({})).await;
        assert_eq!(resent["status"], "pending", "{resent}");
        let check = format!("{path}/check");
        let checked = self.asks("POST", &check, json!({ "code": code })).await;
        assert_eq!(checked["status"], "approved", "{checked}");
        self.asks("DELETE", &path, Value::Null).await;
        self.gets("/v1/verifications?subject=person-7").await;
    }
}

async fn row_01_no_answer_of_a_run_shows_a_full_number(stand: Stand) {
    let (old, new) = (numbers::us_number(), numbers::us_number());
    let mut run = Run {
        world: World::over(stand).await,
        answers: Vec::new(),
    };
    let change = run.moves(&old, &new).await;
    run.gets(&change).await;
    run.gets(PATH).await;
    run.gets(&format!("{PATH}/audit")).await;
    let methods = format!("{PATH}/methods");
    // The use is noted beside the answer to the check.
    let is_used = async || {
        let (_, listed) = run.world.get(&methods).await;
        listed["methods"][0]["last_used_at"].is_string()
    };
    assert!(process::eventually(MINUTE, is_used).await);
    let listed = run.gets(&methods).await;
    shows_enough(&listed["methods"][0], &new);

    for number in [&old, &new] {
        for (asked, answer) in &run.answers {
            assert_absent(number, asked, answer);
        }
        assert_absent(number, "the metrics", &run.world.metrics());
    }
    let in_full = run.world.call("GET", &methods, TENANT, Value::Null).await;
    assert_eq!(text(&in_full.1["methods"][0]["number"]), new);
}

fn shows_enough(method: &Value, number: &str) {
    assert!(text(&method["id"]).starts_with("mth_"), "{method}");
    assert_eq!(method["role"], "primary");
    assert_eq!(method["status"], "active");
    assert_eq!(method["default"], true);
    assert_eq!(method["channels"], json!(["sms", "voice"]));
    assert!(method["verified_at"].is_string(), "{method}");
    assert!(method["last_used_at"].is_string(), "{method}");
    let shown = text(&method["number"]);
    let last_digits = number.split_at(number.len() - 2).1;
    assert!(
        shown.starts_with("+1") && shown.ends_with(last_digits),
        "{shown}"
    );
}

fn assert_absent(number: &str, place: &str, text: &str) {
    let national = number.trim_start_matches("+1");
    assert!(!text.contains(national), "{place} shows a number in full");
}

/// A real process, whose log hides nothing of what it would ever say.
async fn no_log_or_metric_shows_a_number(scenario: Scenario) {
    let people = People::begin_with(scenario, |config| {
        config.set("log", "level", r#""trace""#);
    });
    let people = people.await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    people.enrol("person-7", &old).await;
    people.change("person-7", &new).await;
    people.message_to(&old, 2).await;
    let asked = json!({ "subject": "person-7", "purpose": "pay" });
    people.client.start_with(&asked).await.expect(201);
    people.message_to(&new, 2).await;
    let metrics = people.gateway.metrics().await;
    let log = people.gateway.log();
    assert!(log.contains("number_change"), "the run is in the log");
    for number in [&old, &new] {
        assert_absent(number, "the log", &log);
        assert_absent(number, "the metrics", &metrics);
    }
    people.end().await;
}

#[tokio::test]
async fn row_01_no_log_or_metric_shows_a_number_over_redis() {
    no_log_or_metric_shows_a_number(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_01_no_log_or_metric_shows_a_number_over_the_embedded_store() {
    no_log_or_metric_shows_a_number(Scenario::on_embedded()).await;
}
