//! Row 19 of the table: who has reached a limit is told until when, hammering
//! prolongs nothing, and a refusal does not tell whose number it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Setup, Stand, World};
use crate::support::numbers;

over_both_stores!(
    hammering_does_not_prolong_a_subjects_limit,
    hammering_does_not_prolong_a_numbers_limit,
    a_refusal_does_not_tell_who_is_known,
);

/// Asks until it is refused, each time for another purpose: none of these is a
/// resend. Answers the refusal.
async fn asks_until_refused(world: &World, subject: &str) -> Value {
    for purpose in ["sign_in", "pay", "export", "close_account"] {
        let asked = json!({ "subject": subject, "purpose": purpose });
        let (status, answer) = world.post("/v1/verifications", asked).await;
        if status == 429 {
            return answer;
        }
        assert_eq!(status, 201, "{answer}");
    }
    panic!("nothing was refused");
}

/// Asks every second for twenty seconds, and is told the same each time.
async fn hammers(world: &World, subject: &str, refusal: &Value) {
    for second in 1..=20 {
        world.advance(Duration::from_secs(1));
        let asked = json!({ "subject": subject, "purpose": "hammering" });
        let (status, answer) = world.post("/v1/verifications", asked).await;
        assert_eq!(status, 429, "{answer}");
        assert_eq!(answer["code"], refusal["code"]);
        assert_eq!(
            answer["available_at"], refusal["available_at"],
            "after {second} s"
        );
    }
}

async fn hammering_does_not_prolong_a_subjects_limit(stand: Stand) {
    let setup = Setup::default().line("limits", "sends_per_subject = [{ count = 3, per_s = 600 }]");
    let world = World::with(stand, setup).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;

    let refusal = asks_until_refused(&world, "u-1").await;
    assert_eq!(refusal["code"], json!("subject_limit"));
    assert!(refusal["retry_after"].as_u64() > Some(0), "{refusal}");
    hammers(&world, "u-1", &refusal).await;

    // The first of three sends in 600 s is forgotten after 200 s.
    world.advance(4 * MINUTE);
    let (status, answer) = world.signs_in_for(("u-1", "hammering")).await;
    assert_eq!(status, 201, "{answer}");
}

async fn hammering_does_not_prolong_a_numbers_limit(stand: Stand) {
    let setup = Setup::default()
        .line("limits", "sends_per_number = [{ count = 4, per_s = 600 }]")
        .line(
            "limits",
            "sends_per_subject = [{ count = 1000, per_s = 1 }]",
        );
    let world = World::with(stand, setup).await;
    // Two people share a phone, and with it its limit.
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.has_method("u-2", &number).await;

    let refusal = asks_until_refused(&world, "u-1").await;
    assert_eq!(refusal["code"], json!("number_limit"));
    let (status, other) = world.signs_in("u-2").await;
    assert_eq!((status, &other["code"]), (429, &json!("number_limit")));
    hammers(&world, "u-1", &refusal).await;

    world.advance(4 * MINUTE);
    let (status, answer) = world.signs_in_for(("u-1", "hammering")).await;
    assert_eq!(status, 201, "{answer}");
}

/// What a refusal says, without what differs between any two.
fn said(answer: &Value) -> Value {
    let mut said = answer.clone();
    if let Some(fields) = said.as_object_mut() {
        fields.remove("request_id");
    }
    said
}

async fn a_refusal_does_not_tell_who_is_known(stand: Stand) {
    let world = World::over(stand).await;
    // One has a number that it has not proved, nothing is known of the other.
    let asked = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    let (status, added) = world.post("/v1/subjects/known/methods", asked).await;
    assert_eq!(status, 201, "{added}");
    let (status, of_known) = world.signs_in("known").await;
    assert_eq!((status, &of_known["code"]), (409, &json!("no_method")));
    let (status, of_unknown) = world.signs_in("unknown").await;
    assert_eq!(status, 409);
    assert_eq!(said(&of_known), said(&of_unknown));
}
