//! Row 8: "I don't have any of these": a recovery is as good as its evidence, and
//! a right to enrol a number, never a sign-in.

use std::time::Duration;

use serde_json::{Value, json};
use watchword::subjects::evidence::Finding;

use super::over_both_stores;
use super::world::{ADA, DAY, HOUR, MINUTE, Signal, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    a_recovery_is_as_good_as_its_evidence,
    a_bound_number_or_an_operator_makes_a_recovery_better,
    a_recovery_signs_nobody_in_and_its_number_waits_for_its_class,
    a_recovery_without_evidence_waits_thirty_days_and_everybody_hears_of_it,
    a_recovery_is_good_for_a_day_and_for_one_number,
    a_code_to_recover_an_account_needs_a_recovery_with_evidence,
);

const RECOVERIES: &str = "/v1/subjects/u-1/recoveries";

fn of_kinds(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| json!({ "type": kind })).collect()
}

async fn recovers(world: &World, evidence: Value) -> (u16, Value) {
    let asked = json!({ "evidence": evidence });
    world.post(RECOVERIES, asked).await
}

/// The recovery that was opened.
async fn opened(world: &World, evidence: Value) -> Value {
    let (status, answer) = recovers(world, evidence).await;
    assert_eq!(status, 201, "{answer}");
    answer["recovery"].clone()
}

async fn code_of(world: &World) -> Value {
    let asked = json!({ "evidence": of_kinds(&["stronger_factor"]) });
    let path = "/v1/subjects/u-1/recovery-codes";
    let (status, drawn) = world.post(path, asked).await;
    assert_eq!(status, 201, "{drawn}");
    json!({ "type": "recovery_code", "code": drawn["code"] })
}

async fn a_bound_number_or_an_operator_makes_a_recovery_better(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    let recovery = opened(&world, json!([granted(&world).await])).await;
    assert_eq!(recovery["class"], "c", "an operator's word");
    let proof = proved_by(&world, &number).await;
    let recovery = opened(&world, json!([proof])).await;
    assert_eq!(recovery["class"], "c", "a bound number with a new SIM");
    let proof = proved_by(&world, &number).await;
    let evidence = json!([code_of(&world).await, proof]);
    let recovery = opened(&world, evidence).await;
    assert_eq!(recovery["class"], "b", "a recovery code and a bound number");
}

/// Evidence that the number is still theirs, whoever has its SIM by now.
async fn proved_by(world: &World, number: &str) -> Value {
    world.networks.say(number, Signal::SimSwap, Finding::Raised);
    world.advance(MINUTE);
    world.tick().await;
    world.skip_messages_to(number);
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    let id = text(&started["id"]);
    let code = json!({ "code": world.code_to(number).await });
    let path = format!("/v1/verifications/{id}/check");
    assert_eq!(world.post(&path, code).await.0, 200);
    json!({ "type": "method", "verification_id": id })
}

/// What an operator hands out.
async fn granted(world: &World) -> Value {
    let asked = json!({ "tenant": "acme", "reason": "came to the desk" });
    let path = "/v1/subjects/u-1/bypass-codes";
    let (status, issued) = world.call("POST", path, ADA, asked).await;
    assert_eq!(status, 201, "{issued}");
    json!({ "type": "bypass_code", "code": issued["code"] })
}

async fn a_recovery_is_as_good_as_its_evidence(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("u-1", &numbers::us_number()).await;
    for (kinds, class) in [
        (&["stronger_factor"][..], "a"),
        (&["single_factor"], "d"),
        (&["issued_code"], "d"),
        (&["issued_code", "issued_code"], "d"),
        (&["session", "single_factor", "issued_code"], "d"),
    ] {
        let recovery = opened(&world, of_kinds(kinds)).await;
        assert_eq!(recovery["class"], class, "{kinds:?}");
    }
    for (beside, class) in [
        ("single_factor", "b"),
        ("issued_code", "c"),
        ("session", "d"),
    ] {
        let evidence = json!([code_of(&world).await, { "type": beside }]);
        let recovery = opened(&world, evidence).await;
        assert_eq!(recovery["class"], class, "a recovery code and {beside}");
    }
    let recovery = opened(&world, json!([])).await;
    assert_eq!(recovery["class"], "d");
    let (status, _) = world
        .post(
            "/v1/subjects/nobody/recoveries",
            json!({ "evidence": of_kinds(&["session"]) }),
        )
        .await;
    assert_eq!(status, 404);
}

async fn a_recovery_signs_nobody_in_and_its_number_waits_for_its_class(stand: Stand) {
    let world = World::over(stand).await;
    let old = numbers::us_number();
    let old_id = world.has_method("u-1", &old).await;
    world.advance(MINUTE);
    let evidence = json!([code_of(&world).await, { "type": "single_factor" }]);
    let recovery = opened(&world, evidence).await;
    assert_eq!(recovery["hold_s"], 86_400);
    let evidence = json!([{ "type": "recovery", "id": recovery["id"] }]);
    let new_id = world
        .adds_method("u-1", &numbers::us_number(), evidence)
        .await;
    let asked = json!({ "subject": "u-1", "method": new_id });
    let start = |asked: &Value| {
        let asked = asked.clone();
        async { world.post("/v1/verifications", asked).await }
    };
    let (status, refused) = start(&asked).await;
    assert_eq!((status, &refused["code"]), (423, &json!("method_on_hold")));
    assert!(refused["available_at"].is_string(), "{refused}");
    // Until then codes go where they went.
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(old_id));
    world.advance(DAY - HOUR);
    assert_eq!(start(&asked).await.0, 423);
    world.advance(HOUR + Duration::from_secs(1));
    let (status, started) = start(&asked).await;
    assert_eq!(status, 201, "{started}");
}

async fn a_recovery_without_evidence_waits_thirty_days_and_everybody_hears_of_it(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    world.skip_messages_to(&number);
    let recovery = opened(&world, of_kinds(&["session"])).await;
    assert_eq!(recovery["class"], "d");
    assert_eq!(recovery["hold_s"], 30 * 86_400);
    world.tick().await;
    let told = world.next_message(&number).await;
    assert!(told.contains("security setting"), "{told}");
    let told = world.told_of("subject.recovery_opened");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["class"], "d");
    let evidence = json!([{ "type": "recovery", "id": recovery["id"] }]);
    let new_id = world
        .adds_method("u-1", &numbers::us_number(), evidence)
        .await;
    world.advance(29 * DAY);
    let asked = json!({ "subject": "u-1", "method": new_id });
    let (status, refused) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 423, "{refused}");
}

async fn a_recovery_is_good_for_a_day_and_for_one_number(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("u-1", &numbers::us_number()).await;
    let path = "/v1/subjects/u-1/methods";
    let adds = |id: String| {
        let evidence = json!([{ "type": "recovery", "id": id }]);
        json!({ "phone": numbers::us_number(), "evidence": evidence })
    };
    let used = opened(&world, of_kinds(&["stronger_factor"])).await;
    let (status, answer) = world.post(path, adds(text(&used["id"]))).await;
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = world.post(path, adds(text(&used["id"]))).await;
    assert_ne!(status, 201, "{answer}");
    let over = opened(&world, of_kinds(&["stronger_factor"])).await;
    world.advance(DAY + MINUTE);
    let (status, answer) = world.post(path, adds(text(&over["id"]))).await;
    assert_ne!(status, 201, "{answer}");
}

async fn a_code_to_recover_an_account_needs_a_recovery_with_evidence(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("u-1", &numbers::us_number()).await;
    world.advance(MINUTE);
    let start = || world.signs_in_for(("u-1", "recover_account"));
    for evidence in [None, Some(of_kinds(&["session"]))] {
        if let Some(evidence) = evidence {
            opened(&world, evidence).await;
        }
        let (status, refused) = start().await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("step_up_required"))
        );
    }
    let evidence = json!([code_of(&world).await, { "type": "issued_code" }]);
    opened(&world, evidence).await;
    let (status, started) = start().await;
    assert_eq!(status, 201, "{started}");
}
