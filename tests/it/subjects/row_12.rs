//! However a number is written, it is the same method.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{Setup, Stand, World};
use crate::support::numbers;

over_both_stores!(
    row_12_every_spelling_is_the_same_method,
    row_12_internet_telephony_is_refused_where_the_tenant_wants_that,
);

const METHODS: &str = "/v1/subjects/person-7/methods";

async fn row_12_every_spelling_is_the_same_method(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let method = world.has_method("person-7", &number).await;
    let digits = number.trim_start_matches("+1");
    let (area, rest) = digits.split_at(3);
    let (office, line) = rest.split_at(3);
    let spellings = [
        (number.clone(), Value::Null),
        (format!("+1 {digits}"), Value::Null),
        (format!("+1 ({area}) {office}-{line}"), Value::Null),
        (format!("({area}) {office}.{line}"), json!("US")),
        (format!("001{digits}"), Value::Null),
        (format!("00 1 {digits}"), json!("GB")),
    ];
    for (phone, region) in spellings {
        let asked = json!({
            "phone": phone, "region": region, "evidence": [{ "type": "session" }],
        });
        let (status, known) = world.post(METHODS, asked).await;
        assert_eq!(status, 200, "{phone}: {known}");
        assert_eq!(known["method"]["id"], json!(method), "{phone}");
        assert!(known.get("verification").is_none(), "{phone}: {known}");
    }
    assert_eq!(world.sms_to(&number).len(), 1, "it was proved once");
    let (_, listed) = world.get(METHODS).await;
    assert_eq!(listed["methods"].as_array().map(Vec::len), Some(1));
}

async fn row_12_internet_telephony_is_refused_where_the_tenant_wants_that(stand: Stand) {
    let setup = Setup::default().line("subjects", "voip = \"deny\"");
    let world = World::with(stand, setup).await;
    let voip = "+445612345678";
    let asked = json!({ "phone": voip, "evidence": [{ "type": "session" }] });
    let (status, answer) = world.post(METHODS, asked).await;
    assert_eq!((status, &answer["code"]), (422, &json!("voip_denied")));
    assert!(world.messages_to(voip).is_empty());
    world.has_method("person-7", &numbers::gb_number()).await;
    let asked = json!({ "to": voip, "evidence": [{ "type": "stronger_factor" }] });
    let changes = "/v1/subjects/person-7/number-changes";
    let (status, answer) = world.post(changes, asked).await;
    assert_eq!((status, &answer["code"]), (422, &json!("voip_denied")));
    assert!(world.messages_to(voip).is_empty());
}
