//! A number counts only when the code that was sent to it was typed back.

use serde_json::{Value, json};

use watchword_providers::Channel;

use super::over_both_stores;
use super::reading::names_method;
use super::world::{MINUTE, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(
    row_03_a_number_counts_only_when_its_code_was_typed_back,
    row_03_after_five_wrong_codes_the_number_is_forgotten,
    row_03_a_number_beside_another_gets_nothing_while_it_waits,
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
    world.advance(MINUTE * 10);
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
        if left == 0 {
            assert_eq!((status, &wrong["code"]), (410, &json!("discarded")));
        } else {
            assert_eq!((status, &wrong["code"]), (422, &json!("code_mismatch")));
            assert_eq!(wrong["checks_remaining"], json!(left));
        }
    }
    let (_, listed) = world.get(METHODS).await;
    assert_eq!(listed["methods"], json!([]), "it is forgotten");
    let (status, late) = world.post(&path, json!({ "code": code })).await;
    assert!(matches!(status, 404 | 410), "{late}");
    assert_eq!(world.signs_in("person-7").await.0, 409);
}

async fn row_03_a_number_beside_another_gets_nothing_while_it_waits(stand: Stand) {
    let world = World::over(stand).await;
    let (active, waiting) = (numbers::us_number(), numbers::us_number());
    let first = world.has_method("person-7", &active).await;
    world.advance(MINUTE * 10);
    let asked = json!({
        "phone": waiting, "channel": "voice", "evidence": [{ "type": "stronger_factor" }],
    });
    let (status, added) = world.post(METHODS, asked).await;
    assert_eq!(status, 201, "{added}");
    let method = text(&added["method"]["id"]);
    // The person chose a call.
    let code = world.code_to(&waiting).await;
    assert_eq!(world.messages_to(&waiting)[0].channel, Channel::Voice);

    let path = format!("{METHODS}/{method}/default");
    let (status, refused) = world.call("PUT", &path, TENANT, Value::Null).await;
    assert_eq!(status, 409, "{refused}");
    let named = json!({ "subject": "person-7", "method": method });
    let (status, early) = world.post("/v1/verifications", named).await;
    assert_eq!((status, &early["code"]), (409, &json!("method_pending")));
    assert!(names_method(&early["methods"], &first), "{early}");
    world.advance(MINUTE);
    let (status, started) = world.signs_in("person-7").await;
    assert_eq!((status, &started["method"]), (201, &json!(first)));
    assert!(
        !names_method(&started["alternatives"], &method),
        "{started}"
    );
    assert_eq!(world.messages_to(&waiting).len(), 1);

    let path = format!("{METHODS}/{method}/confirm");
    let (status, confirmed) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(
        (status, &confirmed["method"]["status"]),
        (200, &json!("active"))
    );
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
