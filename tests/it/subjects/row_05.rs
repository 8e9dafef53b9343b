//! Row 5: whoever had the number is told before the new one receives its first
//! code, in words that tell a stranger nothing, and never once the number may be
//! a stranger's.

use std::time::Duration;

use serde_json::json;

use super::people::{People, text, token};
use crate::support::fake_provider::Submission;
use crate::support::numbers;
use crate::support::scenario::Scenario;

const WITHIN: Duration = Duration::from_secs(5);

async fn tells_the_old_number_first(scenario: Scenario) {
    let people = People::begin(scenario).await;
    let (old, other, new) = (
        numbers::us_number(),
        numbers::us_number(),
        numbers::us_number(),
    );
    people.enrol("ann", &old).await;
    people.add("ann", &other).await;
    // It heard of the other number too.
    let told = people.message_to(&old, 2).await;
    assert!(told.text.contains("security setting"), "{}", told.text);

    let change = people.change("ann", &new).await;
    let notices = [
        people.message_to(&old, 3).await,
        people.message_to(&other, 2).await,
    ];
    for notice in &notices {
        tells_a_stranger_nothing(notice, &[&old, &other, &new]);
    }
    // Each has a token of its own.
    let undo = notices.each_ref().map(|notice| token(notice, "undo with "));
    assert_ne!(undo[0], undo[1]);
    let mail = people.told("ann", "number_change.notice", WITHIN).await;
    let tokens = &mail.body["data"]["tokens"];
    assert_eq!(text(&tokens["undo"]).len(), 26, "{tokens}");
    assert_ne!(tokens["undo"], tokens["report"]);
    assert_eq!(mail.body["data"]["number"], json!(null));

    assert_eq!(change["status"], json!("completed"), "{change}");
    let body = json!({"subject": "ann"});
    people.client.start_with(&body).await.expect(201);
    let first_code = people.message_to(&new, 2).await;
    for notice in notices {
        assert!(notice.arrived_at < first_code.arrived_at);
    }
    people.end().await;
}

fn tells_a_stranger_nothing(notice: &Submission, numbers: &[&str]) {
    let text = &notice.text;
    assert!(!text.to_lowercase().contains("ann"), "{text}");
    assert!(!text.contains(['@', '+', '*', '\u{2022}']), "{text}");
    for number in numbers {
        let end: String = number.chars().rev().take(4).collect();
        let end: String = end.chars().rev().collect();
        assert!(!text.replace('-', " ").contains(&end), "{text}");
    }
}

#[tokio::test]
async fn row_05_the_old_number_is_told_first_over_redis() {
    tells_the_old_number_first(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn row_05_the_old_number_is_told_first_over_the_embedded_store() {
    tells_the_old_number_first(Scenario::on_embedded()).await;
}

#[tokio::test]
async fn row_05_a_number_with_another_holder_is_told_nothing() {
    let (old, new) = (numbers::us_number(), numbers::us_number());
    let signal = format!("[[signals.numbers]]\nnumber = {old:?}\nrecycled = true\n");
    let people = People::begin_with(Scenario::on_embedded(), |config| {
        config.set("signals", "kind", r#""scripted""#);
        config.entry(&signal);
    })
    .await;
    people.enrol("ann", &old).await;
    let change = people.change("ann", &new).await;
    assert_eq!(change["status"], json!("completed"), "{change}");
    people.told("ann", "method.suspended", WITHIN).await;
    // Only the code that enrolled it ever went there.
    assert_eq!(people.carrier.submissions_to(&old).len(), 1);
    people.end().await;
}
