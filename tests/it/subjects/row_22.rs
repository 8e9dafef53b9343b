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

async fn recovers_again(world: &World, evidence: Value) -> Value {
    let path = format!("/v1/subjects/{SUBJECT}/recoveries");
    world.post(&path, json!({ "evidence": evidence })).await.1["code"].clone()
}

async fn row_22_a_number_whose_sim_is_known_binds_an_app_as_well_as_any_factor(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method(SUBJECT, &number).await;
    world.networks.are_content_with(&number);
    let (status, started) = asks(&world, "rebind_app").await;
    assert_eq!(status, 201, "{started}");
    let code = json!({ "code": world.code_to(&number).await });
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, code).await;
    assert_eq!((status, &checked["purpose"]), (200, &json!("rebind_app")));
    let proof = json!([{ "type": "method", "verification_id": started["id"] }]);
    assert_eq!(recovers(&world, proof).await, "a");
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
    let class = recovers(&world, proof.clone()).await;
    assert_eq!(class, "b");
    // A proof counts once.
    assert_eq!(recovers_again(&world, proof).await, "step_up_required");
    let (status, started) = asks(&world, "recover_account").await;
    assert_eq!(status, 201, "{started}");
}

super::over_both_stores!(
    row_22_rebinding_an_app_is_allowed_recovering_needs_a_grant,
    row_22_a_number_whose_sim_is_known_binds_an_app_as_well_as_any_factor,
);
