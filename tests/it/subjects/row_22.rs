//! Row 22: a phone stays good for binding an app anew; getting an account back
//! needs more than asking.

use serde_json::{Value, json};

use super::world::{MINUTE, Stand, World, text};
use crate::support::numbers;

const SUBJECT: &str = "u-22";

async fn asks(world: &World, purpose: &str) -> (u16, Value) {
    world.advance(MINUTE);
    let asked = json!({ "subject": SUBJECT, "purpose": purpose });
    world.post("/v1/verifications", asked).await
}

async fn recovers(world: &World, evidence: Value) -> Value {
    let path = format!("/v1/subjects/{SUBJECT}/recoveries");
    let (status, opened) = world.post(&path, json!({ "evidence": evidence })).await;
    assert_eq!(status, 201, "{opened}");
    opened["recovery"]["class"].clone()
}

async fn row_22_rebinding_an_app_is_allowed_recovering_needs_a_grant(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method(SUBJECT, &number).await;
    let (status, started) = asks(&world, "rebind_app").await;
    assert_eq!(status, 201, "{started}");
    let code = world.code_to(&number).await;
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!((status, &checked["status"]), (200, &json!("approved")));

    let is_refused = async |world: &World| {
        let (status, refused) = asks(world, "recover_account").await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("step_up_required"))
        );
    };
    is_refused(&world).await;
    // Nothing shown opens the slow way, which is no right to a code.
    assert_eq!(recovers(&world, json!([{ "type": "session" }])).await, "d");
    is_refused(&world).await;

    let proof = json!([{ "type": "method", "verification_id": started["id"] }]);
    let class = recovers(&world, proof).await;
    assert_eq!(class, "b");
    let (status, started) = asks(&world, "recover_account").await;
    assert_eq!(status, 201, "{started}");
}

super::over_both_stores!(row_22_rebinding_an_app_is_allowed_recovering_needs_a_grant);
