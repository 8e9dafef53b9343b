//! A number counts only when the code that was sent to it was typed back.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    row_03_a_number_counts_only_when_its_code_was_typed_back,
    row_03_after_five_wrong_codes_the_number_is_forgotten,
);

const METHODS: &str = "/v1/subjects/person-7/methods";

async fn row_03_a_number_counts_only_when_its_code_was_typed_back(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let asked = json!({ "phone": number, "channel": "sms" });
    let (status, unproved) = world.post(METHODS, asked).await;
    assert_eq!(
        (status, &unproved["code"]),
        (403, &json!("step_up_required"))
    );
    assert!(world.messages_to(&number).is_empty(), "nothing was sent");

    let method = pending(&world, &number).await;
    let named = json!({ "subject": "person-7", "method": method });
    let (status, early) = world.post("/v1/verifications", named).await;
    assert_eq!((status, &early["code"]), (409, &json!("method_pending")));
    let (status, early) = world.signs_in("person-7").await;
    assert_eq!((status, &early["code"]), (409, &json!("no_method")));

    let code = world.code_to(&number).await;
    let path = format!("{METHODS}/{method}/confirm");
    let (status, confirmed) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{confirmed}");
    assert_eq!(confirmed["method"]["status"], "active");
    assert_eq!(confirmed["method"]["default"], true);
    let (status, again) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "who missed the answer asks again: {again}");
    world.advance(super::world::MINUTE * 10);
    assert_eq!(world.signs_in("person-7").await.0, 201);
}

async fn row_03_after_five_wrong_codes_the_number_is_forgotten(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let method = pending(&world, &number).await;
    let code = world.code_to(&number).await;
    let path = format!("{METHODS}/{method}/confirm");
    let mut typed = code.clone();
    for left in (0..5).rev() {
        // The same one again would be answered as before, and cost nothing.
        typed = other(&typed);
        let (status, wrong) = world.post(&path, json!({ "code": typed })).await;
        let is_last = left == 0;
        assert!(status == 422 || (is_last && status == 410), "{wrong}");
        if !is_last {
            assert_eq!(wrong["code"], "code_mismatch");
            assert_eq!(wrong["checks_remaining"], json!(left));
        }
    }
    let (_, listed) = world.get(METHODS).await;
    assert_eq!(listed["methods"], json!([]), "it is forgotten");
    let (status, late) = world.post(&path, json!({ "code": code })).await;
    assert!(matches!(status, 404 | 410), "{late}");
    assert_eq!(world.signs_in("person-7").await.0, 409);
}

/// Adds a first number by a session; its method, which is pending.
async fn pending(world: &World, number: &str) -> String {
    let asked = json!({ "phone": number, "evidence": [{ "type": "session" }] });
    let (status, added) = world.post(METHODS, asked).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(added["method"]["status"], "pending");
    assert_eq!(added["method"]["verified_at"], Value::Null);
    text(&added["method"]["id"])
}

/// Another code of the same length.
fn other(code: &str) -> String {
    let shifted = code.bytes().map(|digit| (digit - b'0' + 1) % 10);
    shifted.map(|digit| digit.to_string()).collect()
}
