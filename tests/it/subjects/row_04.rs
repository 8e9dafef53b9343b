//! Row 4: whatever is killed in between, at every instant exactly one number of a
//! person receives their codes.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::people::{People, text, token};
use crate::support::numbers;
use crate::support::process;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

const SUBJECT: &str = "u-4";

/// A person whose number is being changed.
struct Moving {
    people: People,
    old: String,
    new: String,
    /// The path of the change.
    change: String,
    /// Codes asked for until now, each for a purpose of its own.
    asked: u32,
}

impl Moving {
    async fn begin(scenario: Scenario, hold_s: u32) -> Self {
        let people = People::begin_with(scenario, |config| {
            config.set("subjects", "hold_a_s", &hold_s.to_string());
        });
        let mut moving = Self {
            people: people.await,
            old: String::new(),
            new: String::new(),
            change: String::new(),
            asked: 0,
        };
        moving.enrols_and_asks(SUBJECT).await;
        moving
    }

    /// A person with one number asks for another.
    async fn enrols_and_asks(&mut self, subject: &str) {
        (self.old, self.new) = (numbers::us_number(), numbers::us_number());
        self.people.enrol(subject, &self.old).await;
        let path = format!("/v1/subjects/{subject}/number-changes");
        let evidence = json!([{ "type": "stronger_factor" }]);
        let asked = json!({ "to": self.new, "evidence": evidence });
        let asked = self.people.client.post(&path, &asked).await.expect(201);
        let id = text(&asked.json()["number_change"]["id"]);
        self.change = format!("{path}/{id}");
    }

    async fn dies_and_starts(&self) {
        self.people.gateway.kill().await;
        self.people.gateway.start(&self.people.config).await;
    }

    async fn status(&self) -> String {
        let shown = self.people.client.get(&self.change).await.expect(200);
        text(&shown.json()["number_change"]["status"])
    }

    /// The one number that gets a code now; the code is taken back.
    async fn receives(&mut self, subject: &str) -> String {
        self.asked += 1;
        let purpose = format!("sign_in_{}", self.asked);
        let asked = json!({ "subject": subject, "purpose": purpose });
        let client = &self.people.client;
        let started = client.start_with(&asked).await.expect(201);
        client.cancel(&started.id()).await;
        let listed = client.get(&format!("/v1/subjects/{subject}/methods")).await;
        let listed = listed.expect(200).json();
        let methods = listed["methods"].as_array().into_iter().flatten();
        let active = methods.filter(|method| method["status"] == "active");
        assert_eq!(active.count(), 1, "never both, never none: {listed}");
        let to = started.text("to");
        assert!(to == self.old || to == self.new, "{to} is neither");
        to
    }

    /// The request that types the new number's code back.
    async fn typed_code(&self) -> Request<Bytes> {
        let code = self.people.message_to(&self.new, 1).await.code;
        let path = format!("{}{}/confirm", self.people.client.base(), self.change);
        Request::post(path)
            .header("content-type", "application/json")
            .body(json!({ "code": code }).to_string().into())
            .expect("a well-formed request")
    }

    /// What the notice to the old number undoes the change with.
    async fn undo_token(&self) -> String {
        const WORDS: &str = "undo with ";
        let notices = || {
            let all = self.people.carrier.submissions_to(&self.old).into_iter();
            all.filter(|message| message.text.contains(WORDS))
        };
        let arrived = process::eventually(ARRIVES_WITHIN, async || notices().next().is_some());
        assert!(arrived.await, "the old number was not told");
        let notice = notices().next().expect("just seen");
        token(&notice, WORDS)
    }

    async fn confirms(&self) -> Value {
        let typed = self.typed_code().await;
        let confirmed = self.people.client.send(typed).await.expect(200);
        confirmed.json()["number_change"].clone()
    }
}

async fn one_number_receives_codes(scenario: Scenario) {
    const HOLD_S: u32 = 8;
    let mut it = Moving::begin(scenario, HOLD_S).await;
    it.dies_and_starts().await;
    assert_eq!(it.status().await, "requested");
    assert_eq!(it.receives(SUBJECT).await, it.old);

    assert_eq!(it.confirms().await["status"], json!("holding"));
    it.dies_and_starts().await;
    // From now on it may be the one or the other, and never the old one again.
    let mut numbers = vec![it.receives(SUBJECT).await];
    while it.status().await == "holding" {
        numbers.push(it.receives(SUBJECT).await);
    }
    assert_eq!(it.status().await, "completed");
    numbers.push(it.receives(SUBJECT).await);
    let first_new = numbers.iter().position(|number| *number == it.new);
    let first_new = first_new.expect("it is complete");
    assert!(numbers[first_new..].iter().all(|number| *number == it.new));
    it.dies_and_starts().await;
    assert_eq!(it.receives(SUBJECT).await, it.new);

    let undo = json!({ "token": it.undo_token().await });
    let path = format!("{}/undo", it.change);
    it.people.client.post(&path, &undo).await.expect(200);
    it.dies_and_starts().await;
    assert_eq!(it.status().await, "undone");
    assert_eq!(it.receives(SUBJECT).await, it.old);
    it.people.end().await;
}

/// A change that comes to nothing: given up by wrong codes, and rejected by an
/// operator while it is held.
async fn nothing_becomes_of_a_change(scenario: Scenario) {
    const HOLD_S: u32 = 3_600;
    let mut it = Moving::begin(scenario, HOLD_S).await;
    let code = it.people.message_to(&it.new, 1).await.code;
    let path = format!("{}/confirm", it.change);
    // The same wrong code twice costs one try.
    let mut wrong = code;
    for status in [422, 422, 422, 422, 410] {
        let shifted = wrong.bytes().map(|digit| (digit - b'0' + 1) % 10);
        wrong = shifted.map(|digit| digit.to_string()).collect();
        let typed = json!({ "code": wrong });
        it.people.client.post(&path, &typed).await.expect(status);
    }
    it.dies_and_starts().await;
    assert_eq!(it.status().await, "expired");
    assert_eq!(it.receives(SUBJECT).await, it.old);

    let subject = "u-4-rejected";
    it.enrols_and_asks(subject).await;
    assert_eq!(it.confirms().await["status"], json!("holding"));
    it.dies_and_starts().await;
    assert_eq!(it.receives(subject).await, it.old);
    let rejected = json!({ "tenant": "acme", "reason": "the person came to the desk" });
    let path = format!("{}/reject", it.change);
    it.people.ada.post(&path, &rejected).await.expect(200);
    it.dies_and_starts().await;
    assert_eq!(it.status().await, "rejected");
    assert_eq!(it.receives(subject).await, it.old);
    it.people.end().await;
}

/// The process dies while the code is being checked: what was begun is ended by
/// asking again, and never is there none or another number.
async fn dying_at_the_proof_loses_nothing(scenario: Scenario) {
    let mut it = Moving::begin(scenario, 0).await;
    for round in 0..4 {
        let subject = format!("{SUBJECT}-{round}");
        it.enrols_and_asks(&subject).await;
        let typed = it.typed_code().await;
        let client = it.people.client.clone();
        // Whether it was answered, only begun, or never read.
        let (answered, ()) = tokio::join!(client.try_send(typed), it.people.gateway.kill());
        it.people.gateway.start(&it.people.config).await;
        if answered.is_ok_and(|answer| answer.status == 200) {
            assert_ne!(it.status().await, "requested");
        }
        it.receives(&subject).await;
        it.confirms().await;
        let is_complete = async || it.status().await == "completed";
        assert!(process::eventually(ARRIVES_WITHIN, is_complete).await);
        assert_eq!(it.receives(&subject).await, it.new);
    }
    it.people.end().await;
}

#[tokio::test]
async fn row_04_whatever_is_killed_one_number_receives_codes_over_redis() {
    one_number_receives_codes(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_04_whatever_is_killed_one_number_receives_codes_over_the_embedded_store() {
    one_number_receives_codes(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn row_04_nothing_becomes_of_a_change_over_redis() {
    nothing_becomes_of_a_change(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_04_nothing_becomes_of_a_change_over_the_embedded_store() {
    nothing_becomes_of_a_change(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn row_04_dying_at_the_proof_loses_nothing_over_redis() {
    dying_at_the_proof_loses_nothing(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_04_dying_at_the_proof_loses_nothing_over_the_embedded_store() {
    dying_at_the_proof_loses_nothing(Scenario::on_embedded()).await;
}
