//! Row 19: "You've hit our limit": hammering does not prolong it, and tells
//! nothing about whom it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{DAY, MINUTE, Stand, World};
use crate::support::numbers;

over_both_stores!(
    hammering_a_subject_does_not_prolong_its_limit,
    hammering_a_number_through_its_subjects_does_not_prolong_its_limit,
    a_subject_without_a_method_is_refused_as_an_unknown_one,
);

/// So many refused requests in a row.
const BLOWS: usize = 20;

/// Starts of different purposes are verifications of their own: none waits for
/// being a resend.
async fn start(world: &World, subject: &str, purpose: usize) -> (u16, Value) {
    let asked = json!({ "subject": subject, "purpose": format!("purpose_{purpose}") });
    world.post("/v1/verifications", asked).await
}

/// Asks until it is refused; answers the refusal.
async fn start_until_refused(world: &World, subject: &str) -> Value {
    for purpose in 0..BLOWS {
        let (status, answer) = start(world, subject, purpose).await;
        if status != 201 {
            assert_eq!(status, 429, "{answer}");
            return answer;
        }
    }
    panic!("{BLOWS} codes in a row were sent");
}

fn available_at_ms(refusal: &Value) -> u64 {
    let text = refusal["available_at"].as_str().expect("it says from when");
    let at: Timestamp = text.parse().expect("times are RFC 3339");
    at.as_millisecond().try_into().expect("it is after 1970")
}

async fn hammering_a_subject_does_not_prolong_its_limit(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(DAY);
    let refusal = start_until_refused(&world, "u-1").await;
    assert_eq!(refusal["code"], "subject_limit", "{refusal}");

    let sent = world.messages_to(&number).len();
    for purpose in 0..BLOWS {
        let (status, again) = start(&world, "u-1", purpose + BLOWS).await;
        assert_eq!(status, 429, "{again}");
        assert_eq!(again["available_at"], refusal["available_at"]);
    }
    world.is_quiet().await;
    assert_eq!(world.messages_to(&number).len(), sent);

    let wait_ms = available_at_ms(&refusal).saturating_sub(world.now_ms());
    assert!((1..=60_000).contains(&wait_ms), "{refusal}");
    world.advance(std::time::Duration::from_millis(wait_ms));
    let (status, answer) = start(&world, "u-1", 2 * BLOWS).await;
    assert_eq!(status, 201, "{answer}");
}

async fn hammering_a_number_through_its_subjects_does_not_prolong_its_limit(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    for subject in ["u-1", "u-2"] {
        world.has_method(subject, &number).await;
        world.advance(MINUTE);
    }
    world.advance(DAY);
    // What one subject has used up is missing for the other: it is one handset.
    start_until_refused(&world, "u-1").await;
    let refusal = start_until_refused(&world, "u-2").await;
    assert_eq!(refusal["code"], "number_limit", "{refusal}");
    for purpose in 0..BLOWS {
        let (status, again) = start(&world, "u-2", purpose).await;
        assert_eq!(status, 429, "{again}");
        assert_eq!(again["available_at"], refusal["available_at"]);
    }
    let wait_ms = available_at_ms(&refusal).saturating_sub(world.now_ms());
    world.advance(std::time::Duration::from_millis(wait_ms));
    let (status, answer) = start(&world, "u-2", BLOWS).await;
    assert_eq!(status, 201, "{answer}");
}

/// What would tell a stranger who has an account here.
async fn a_subject_without_a_method_is_refused_as_an_unknown_one(stand: Stand) {
    let world = World::over(stand).await;
    let added = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    let path = "/v1/subjects/u-1/methods";
    let (status, answer) = world.post(path, added).await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["method"]["id"].as_str().expect("it has an id");
    let path = format!("{path}/{id}");
    let gone = world
        .call("DELETE", &path, super::world::TENANT, Value::Null)
        .await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    let (unknown, mut refusal) = world.signs_in("u-2").await;
    let (without, mut other) = world.signs_in("u-1").await;
    assert_eq!((unknown, without), (409, 409), "{refusal} {other}");
    // Of each request alone.
    for answer in [&mut refusal, &mut other] {
        answer
            .as_object_mut()
            .expect("a problem")
            .remove("request_id");
    }
    assert_eq!(refusal, other);
}
