//! Row 21: STOP makes a number unusable for messages, START makes it usable
//! again, and whoever has it is told.

use serde_json::json;

use super::over_both_stores;
use super::world::{MINUTE, OTHER_TENANT, Stand, World};
use crate::support::numbers;

over_both_stores!(
    stop_refuses_messages_and_offers_a_call_and_start_undoes_it,
    without_a_channel_a_call_takes_the_place_of_a_stopped_message,
    a_stop_is_told_once_to_every_subject_that_has_the_number,
    a_stop_to_one_tenant_is_none_to_another,
    what_is_neither_stop_nor_start_changes_nothing,
);

/// What the tenant's own webhook was told.
async fn writes(world: &World, from: &str, text: &str) -> String {
    let inbound = json!({ "from": from, "text": text });
    let (status, answer) = world.post("/v1/numbers/inbound", inbound).await;
    assert_eq!(status, 200, "{answer}");
    super::world::text(&answer["effect"])
}

async fn stop_refuses_messages_and_offers_a_call_and_start_undoes_it(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let method = world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    // As networks write it.
    let msisdn = number.trim_start_matches('+');
    assert_eq!(writes(&world, msisdn, " Stop. ").await, "opted_out");
    world.skip_messages_to(&number);

    let asked = json!({ "subject": "u-1", "channel": "sms" });
    let (status, refused) = world.post("/v1/verifications", asked.clone()).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(refused["code"], "opted_out");
    assert_eq!(refused["alternatives"], json!(["voice"]));
    world.is_quiet().await;
    assert_eq!(
        world.sms_to(&number).len(),
        1,
        "only the code that proved it"
    );

    let (_, shown) = world.get("/v1/subjects/u-1/methods").await;
    assert_eq!(shown["methods"][0]["id"], json!(method));
    assert_eq!(shown["methods"][0]["status"], "opted_out", "{shown}");

    assert_eq!(writes(&world, &number, "START").await, "opted_in");
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    assert!(!world.code_to(&number).await.is_empty());
    let (_, shown) = world.get("/v1/subjects/u-1/methods").await;
    assert_eq!(shown["methods"][0]["status"], "active");
}

async fn without_a_channel_a_call_takes_the_place_of_a_stopped_message(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    assert_eq!(writes(&world, &number, "STOPALL").await, "opted_out");
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["channel"], "voice");
    world.is_quiet().await;
    assert_eq!(
        world.sms_to(&number).len(),
        1,
        "only the code that proved it"
    );
}

async fn a_stop_is_told_once_to_every_subject_that_has_the_number(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    for subject in ["u-1", "u-2"] {
        world.has_method(subject, &number).await;
        world.advance(MINUTE);
    }
    world.has_method("u-3", &numbers::us_number()).await;
    for _ in 0..3 {
        assert_eq!(writes(&world, &number, "arrêt").await, "opted_out");
    }
    world.tick().await;
    let mut told = Vec::new();
    for event in world.told_of("method.opted_out") {
        told.push(super::world::text(&event["subject"]));
    }
    told.sort();
    assert_eq!(told, ["u-1", "u-2"]);
    writes(&world, &number, "unstop").await;
    world.tick().await;
    assert_eq!(world.told_of("method.opted_in").len(), 2);
}

async fn a_stop_to_one_tenant_is_none_to_another(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    let inbound = json!({ "from": number, "text": "STOP" });
    let path = "/v1/numbers/inbound";
    let (status, answer) = world.call("POST", path, OTHER_TENANT, inbound).await;
    assert_eq!(status, 200, "{answer}");
    let asked = json!({ "subject": "u-1", "channel": "sms" });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
}

async fn what_is_neither_stop_nor_start_changes_nothing(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    for text in ["123456", "please don't stop", "?", "stop it now"] {
        assert_eq!(writes(&world, &number, text).await, "none", "{text}");
    }
    // Most of what people write does not come from a number that we could call.
    assert_eq!(writes(&world, "22000", "Hello").await, "none");
    let inbound = json!({ "from": "22000", "text": "STOP" });
    let (status, answer) = world.post("/v1/numbers/inbound", inbound).await;
    assert_eq!(status, 422, "{answer}");
    let asked = json!({ "subject": "u-1", "channel": "sms" });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
}
