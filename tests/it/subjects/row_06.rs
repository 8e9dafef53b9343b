//! Row 6: how long a new number waits hangs on what was proved, and not on a
//! second more or less; while it waits it gets nothing but the codes of its change.

use std::time::Duration;

use serde_json::{Value, json};
use watchword::subjects::evidence::Finding;

use super::reading::{at_ms, names_method};
use super::world::{ADA, DAY, HOUR, MINUTE, Setup, Signal, Stand, World, text};
use crate::support::numbers;

const SUBJECT: &str = "u-6";

/// A change that has been proved, and the method that its new number will be.
struct Change {
    json: Value,
    method: String,
}

async fn change_number(world: &World, to: &str, evidence: Value) -> Change {
    world.advance(MINUTE);
    let path = format!("/v1/subjects/{SUBJECT}/number-changes");
    let asked = json!({ "to": to, "evidence": evidence });
    let (status, requested) = world.post(&path, asked).await;
    assert_eq!(status, 201, "{requested}");
    let id = text(&requested["number_change"]["id"]);
    let code = world.code_to(to).await;
    let path = format!("{path}/{id}/confirm");
    let (status, confirmed) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{confirmed}");
    Change {
        json: confirmed["number_change"].clone(),
        method: text(&requested["verification"]["method"]),
    }
}

/// Signs in and answers the verification, which the number has got the code of.
async fn signs_in_by(world: &World, number: &str) -> (String, String) {
    world.tick().await;
    world.skip_messages_to(number);
    let (status, started) = world.signs_in(SUBJECT).await;
    assert_eq!(status, 201, "{started}");
    let code = world.code_to(number).await;
    (text(&started["id"]), code)
}

/// Proves the method that the subject has, and answers that as evidence.
async fn by_method(world: &World, number: &str) -> Value {
    // The person is sent no more than two codes at once.
    world.advance(MINUTE);
    let (id, code) = signs_in_by(world, number).await;
    let path = format!("/v1/verifications/{id}/check");
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{checked}");
    json!([{ "type": "method", "verification_id": id }])
}

async fn looked_at(world: &World, change: &Change) -> Value {
    let id = text(&change.json["id"]);
    let path = format!("/v1/subjects/{SUBJECT}/number-changes/{id}");
    let (status, shown) = world.get(&path).await;
    assert_eq!(status, 200, "{shown}");
    shown["number_change"].clone()
}

async fn status_of(world: &World, change: &Change) -> String {
    text(&looked_at(world, change).await["status"])
}

/// The change waits exactly so long, and only the old number gets codes until then.
async fn is_held(it: &Begun, change: &Change, hold: Duration) {
    let (world, old, new) = (&it.world, &*it.old, &*it.new);
    assert_eq!(change.json["status"], "holding", "{}", change.json);
    let until_ms = at_ms(&change.json["hold_until"]);
    let since_ms = at_ms(&change.json["new_verified_at"]);
    assert_eq!(Duration::from_millis(until_ms - since_ms), hold);
    let asked = json!({ "subject": SUBJECT, "method": change.method });
    let (status, refused) = world.post("/v1/verifications", asked).await;
    assert_eq!((status, &refused["code"]), (423, &json!("method_on_hold")));
    assert_eq!(at_ms(&refused["available_at"]), until_ms);
    let wait_s = (until_ms - world.now_ms()).div_ceil(1_000);
    let says_s = refused["retry_after"].as_u64().unwrap_or_default();
    assert!(says_s.abs_diff(wait_s) <= 1, "{refused}");
    // The old number still takes codes.
    let from = text(&change.json["from"]);
    assert!(names_method(&refused["methods"], &from), "{refused}");
    // Nor does a purpose that is the gateway's own get around it.
    let asked = json!({ "subject": SUBJECT, "method": change.method, "purpose": "number_change" });
    let (status, refused) = world.post("/v1/verifications", asked).await;
    assert_eq!((status, &refused["code"]), (422, &json!("invalid_purpose")));

    world.advance(Duration::from_millis(until_ms - world.now_ms()) - it.margin);
    let before = world.messages_to(new).len();
    signs_in_by(world, old).await;
    assert_eq!(status_of(world, change).await, "holding");
    assert_eq!(world.messages_to(new).len(), before);

    world.advance(2 * it.margin);
    let before_old = {
        world.tick().await;
        world.sms_to(old).len()
    };
    let completed = looked_at(world, change).await;
    assert_eq!(completed["status"], "completed");
    // However late somebody looked. Of a change that can no longer be undone no
    // more is kept than that it was.
    if !completed["completed_at"].is_null() {
        assert_eq!(at_ms(&completed["completed_at"]), until_ms);
    }
    world.advance(MINUTE);
    signs_in_by(world, new).await;
    world.is_quiet().await;
    assert_eq!(world.sms_to(old).len(), before_old);
}

/// A subject with its old number, and the new one.
struct Begun {
    world: World,
    old: String,
    new: String,
    /// How close to its deadline a change is looked at.
    margin: Duration,
}

impl Begun {
    async fn over(stand: Stand) -> Self {
        Self::with(stand, Setup::default()).await
    }

    async fn with(stand: Stand, setup: Setup) -> Self {
        let world = World::with(stand, setup).await;
        let (old, new) = (numbers::us_number(), numbers::us_number());
        world.has_method(SUBJECT, &old).await;
        let margin = match stand {
            Stand::Embedded => Duration::from_secs(1),
            // A server's clock goes on by itself.
            Stand::Redis => Duration::from_secs(20),
        };
        Self {
            world,
            old,
            new,
            margin,
        }
    }
}

async fn row_06_class_a_completes_at_once(stand: Stand) {
    let it = Begun::over(stand).await;
    let world = &it.world;
    world.networks.are_content_with(&it.old);
    let evidence = by_method(world, &it.old).await;
    let change = change_number(world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "a");
    assert_eq!(status_of(world, &change).await, "completed");
    world.advance(MINUTE);
    signs_in_by(world, &it.new).await;
}

async fn row_06_class_b_completes_after_a_day(stand: Stand) {
    let it = Begun::over(stand).await;
    let world = &it.world;
    // The network does not say whether the SIM is new.
    let evidence = by_method(world, &it.old).await;
    let change = change_number(world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "b");
    is_held(&it, &change, DAY).await;
}

async fn row_06_class_c_completes_after_three_days(stand: Stand) {
    let it = Begun::over(stand).await;
    let world = &it.world;
    world
        .networks
        .say(&it.old, Signal::SimSwap, Finding::Raised);
    let evidence = by_method(world, &it.old).await;
    let change = change_number(world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "c");
    is_held(&it, &change, 72 * HOUR).await;
}

async fn row_06_class_d_completes_after_thirty_days(stand: Stand) {
    let it = Begun::over(stand).await;
    let world = &it.world;
    let path = format!("/v1/subjects/{SUBJECT}/recoveries");
    let nothing = json!({ "evidence": [{ "type": "session" }] });
    let (status, opened) = world.post(&path, nothing).await;
    assert_eq!(status, 201, "{opened}");
    assert_eq!(opened["recovery"]["class"], "d");
    let evidence = json!([{ "type": "recovery", "id": opened["recovery"]["id"] }]);
    let change = change_number(world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "d");
    is_held(&it, &change, 30 * DAY).await;
}

/// A recovery code of the subject, beside something else.
async fn code_and(world: &World, other: &str) -> Value {
    let path = format!("/v1/subjects/{SUBJECT}/recovery-codes");
    let stronger = json!({ "evidence": [{ "type": "stronger_factor" }] });
    let (status, drawn) = world.post(&path, stronger).await;
    assert_eq!(status, 201, "{drawn}");
    json!([{ "type": "recovery_code", "code": drawn["code"] }, { "type": other }])
}

async fn row_06_a_stronger_factor_completes_at_once(stand: Stand) {
    let it = Begun::over(stand).await;
    let stronger = json!([{ "type": "session" }, { "type": "stronger_factor" }]);
    let change = change_number(&it.world, &it.new, stronger).await;
    assert_eq!(
        (&change.json["class"], &change.json["status"]),
        (&json!("a"), &json!("completed"))
    );
    it.world.advance(MINUTE);
    signs_in_by(&it.world, &it.new).await;
}

async fn row_06_a_recovery_code_and_a_factor_wait_a_day(stand: Stand) {
    let it = Begun::over(stand).await;
    let evidence = code_and(&it.world, "single_factor").await;
    let change = change_number(&it.world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "b");
    is_held(&it, &change, DAY).await;
}

async fn row_06_two_codes_of_different_kinds_wait_three_days(stand: Stand) {
    let it = Begun::over(stand).await;
    let evidence = code_and(&it.world, "issued_code").await;
    let change = change_number(&it.world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "c");
    is_held(&it, &change, 72 * HOUR).await;
}

async fn row_06_an_operators_word_waits_three_days(stand: Stand) {
    let it = Begun::over(stand).await;
    let path = format!("/v1/subjects/{SUBJECT}/bypass-codes");
    let asked = json!({ "tenant": "acme", "reason": "came to the desk" });
    let (status, issued) = it.world.call("POST", &path, ADA, asked).await;
    assert_eq!(status, 201, "{issued}");
    let evidence = json!([{ "type": "bypass_code", "code": issued["code"] }]);
    let change = change_number(&it.world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "c");
    is_held(&it, &change, 72 * HOUR).await;
}

async fn row_06_a_tenant_has_holds_of_its_own(stand: Stand) {
    let setup = Setup::default().acme("[tenants.subjects]\nhold_b_s = 7200\n");
    let it = Begun::with(stand, setup).await;
    let evidence = by_method(&it.world, &it.old).await;
    let change = change_number(&it.world, &it.new, evidence).await;
    assert_eq!(change.json["class"], "b");
    is_held(&it, &change, 2 * HOUR).await;
}

super::over_both_stores!(
    row_06_a_stronger_factor_completes_at_once,
    row_06_a_recovery_code_and_a_factor_wait_a_day,
    row_06_two_codes_of_different_kinds_wait_three_days,
    row_06_an_operators_word_waits_three_days,
    row_06_a_tenant_has_holds_of_its_own,
    row_06_class_a_completes_at_once,
    row_06_class_b_completes_after_a_day,
    row_06_class_c_completes_after_three_days,
    row_06_class_d_completes_after_thirty_days,
);
