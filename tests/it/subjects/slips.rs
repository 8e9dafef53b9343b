//! A mistyped number costs nothing but another try.

use http::HeaderValue;
use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, DAY, Stand, TENANT, World, request, text};
use crate::support::numbers;

over_both_stores!(
    a_first_number_that_was_mistyped_is_forgotten,
    a_change_to_a_mistyped_number_is_canceled_until_it_is_proved,
    a_mistyped_extension_is_asked_for_anew,
    a_code_of_an_earlier_change_proves_no_later_one_by_its_idempotency_key,
    a_number_that_was_forgotten_is_not_asked_for_by_its_dead_code,
);

const SUBJECT: &str = "/v1/subjects/person-7";

async fn a_first_number_that_was_mistyped_is_forgotten(stand: Stand) {
    let world = World::over(stand).await;
    let (wrong, right) = (numbers::us_number(), numbers::us_number());
    let methods = format!("{SUBJECT}/methods");
    let asked = json!({ "phone": wrong, "evidence": [{ "type": "session" }] });
    let (status, added) = world.post(&methods, asked).await;
    assert_eq!(status, 201, "{added}");
    let path = format!("{methods}/{}", text(&added["method"]["id"]));
    let forget = async || world.call("DELETE", &path, TENANT, Value::Null).await;
    assert_eq!(forget().await.0, 204);
    assert_eq!(forget().await.0, 404);

    let method = world.has_method("person-7", &right).await;
    let (_, listed) = world.get(&methods).await;
    assert_eq!(listed["methods"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["methods"][0]["role"], "primary");
    // One that counts is not forgotten without evidence, the last one never.
    let path = format!("{methods}/{method}");
    let (status, refused) = world.call("DELETE", &path, TENANT, Value::Null).await;
    assert_eq!((status, &refused["code"]), (409, &json!("last_method")));
}

async fn a_change_to_a_mistyped_number_is_canceled_until_it_is_proved(stand: Stand) {
    let world = World::over(stand).await;
    let (old, wrong, right) = (
        numbers::us_number(),
        numbers::us_number(),
        numbers::us_number(),
    );
    world.has_method("person-7", &old).await;
    world.skip_messages_to(&old);
    let changes = format!("{SUBJECT}/number-changes");
    let stronger = json!([{ "type": "stronger_factor" }]);
    let ask = async |to: &str| {
        let asked = json!({ "to": to, "evidence": stronger });
        world.post(&changes, asked).await
    };
    let (status, requested) = ask(&wrong).await;
    assert_eq!(status, 201, "{requested}");
    let (status, refused) = ask(&right).await;
    let code = &refused["code"];
    assert_eq!((status, code), (409, &json!("change_in_progress")));

    let change = text(&requested["number_change"]["id"]);
    let path = format!("{changes}/{change}");
    for _ in 0..2 {
        let (status, answer) = world.call("DELETE", &path, TENANT, Value::Null).await;
        assert_eq!(status, 204, "{answer}");
    }
    let (_, shown) = world.get(&path).await;
    assert_eq!(shown["number_change"]["status"], "undone");
    // Its code is worth nothing, and nobody was told.
    let code = world.code_to(&wrong).await;
    let confirm = format!("{path}/confirm");
    let (status, late) = world.post(&confirm, json!({ "code": code })).await;
    assert_eq!((status, &late["code"]), (409, &json!("already_undone")));
    world.tick().await;
    assert_eq!(world.messages_to(&old).len(), 1);

    world.advance(DAY);
    let proved = world.changes_number("person-7", &right, stronger).await;
    assert_eq!(proved["status"], "completed");
    let path = format!("{changes}/{}", text(&proved["id"]));
    let (status, refused) = world.call("DELETE", &path, TENANT, Value::Null).await;
    assert_eq!((status, &refused["code"]), (409, &json!("change_ended")));
}

async fn a_mistyped_extension_is_asked_for_anew(stand: Stand) {
    let world = World::over(stand).await;
    let office = numbers::us_number();
    world.has_method("person-7", &numbers::us_number()).await;
    let methods = format!("{SUBJECT}/methods");
    let mut method = String::new();
    for extension in ["100", "101"] {
        let asked = json!({ "phone": office, "role": "office", "extension": extension,
            "evidence": [{ "type": "stronger_factor" }] });
        let (status, added) = world.post(&methods, asked).await;
        assert_eq!(status, 201, "{added}");
        assert_eq!(added["method"]["extension"], extension);
        method = text(&added["method"]["id"]);
    }
    let (elsewhere, here) = (world.code_to(&office).await, world.code_to(&office).await);
    // What was said at the wrong desk proves nothing of the right one.
    let confirm = format!("{methods}/{method}/confirm");
    let (status, wrong) = world.post(&confirm, json!({ "code": elsewhere })).await;
    assert_eq!((status, &wrong["code"]), (422, &json!("code_mismatch")));
    let (status, proved) = world.post(&confirm, json!({ "code": here })).await;
    assert_eq!(status, 200, "{proved}");
    assert_eq!(proved["method"]["extension"], "101");
}

async fn a_code_of_an_earlier_change_proves_no_later_one_by_its_idempotency_key(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    world.has_method("person-7", &old).await;
    let changes = format!("{SUBJECT}/number-changes");
    let asked = json!({ "to": new, "evidence": [{ "type": "stronger_factor" }] });
    let ask = async || {
        let mut ask = request("POST", &changes, TENANT, &asked);
        let once = HeaderValue::from_static("once");
        ask.headers_mut().insert("idempotency-key", once);
        let answer = world.send(ask).await;
        (answer.status, answer.body)
    };
    let (status, requested) = ask().await;
    assert_eq!(status, 201, "{requested}");
    let path = format!("{changes}/{}", text(&requested["number_change"]["id"]));
    let code = world.code_to(&new).await;
    let (status, proved) = world
        .post(&format!("{path}/confirm"), json!({ "code": code }))
        .await;
    assert_eq!(status, 200, "{proved}");
    let undo = json!({ "tenant": "acme", "reason": "the person called" });
    let (status, undone) = world.call("POST", &format!("{path}/undo"), ADA, undo).await;
    assert_eq!(status, 200, "{undone}");

    let (status, again) = ask().await;
    assert_eq!((status, &again["code"]), (409, &json!("already_approved")));
    let (_, shown) = world.get(SUBJECT).await;
    assert_eq!(shown["number_change"], Value::Null, "{shown}");
}

async fn a_number_that_was_forgotten_is_not_asked_for_by_its_dead_code(stand: Stand) {
    let world = World::over(stand).await;
    let methods = format!("{SUBJECT}/methods");
    let asked = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    let add = async || {
        let mut add = request("POST", &methods, TENANT, &asked);
        let once = HeaderValue::from_static("once");
        add.headers_mut().insert("idempotency-key", once);
        let answer = world.send(add).await;
        (answer.status, answer.body)
    };
    let (status, added) = add().await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(add().await.0, 201, "the same request again");
    let path = format!("{methods}/{}", text(&added["method"]["id"]));
    assert_eq!(
        world.call("DELETE", &path, TENANT, Value::Null).await.0,
        204
    );
    let (status, again) = add().await;
    assert_eq!((status, &again["code"]), (410, &json!("superseded")));
    let (_, listed) = world.get(&methods).await;
    assert_eq!(listed["methods"], json!([]));
}
