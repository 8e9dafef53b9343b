//! What an honest person is spared, and what a thief does not learn.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, HOUR, MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    a_unique_number_is_whose_code_is_typed_back,
    a_proved_number_says_no_to_a_wrong_code,
    a_frozen_subject_compares_no_code,
    a_mistyped_number_is_taken_back_and_the_right_one_asked_for_at_once,
    who_missed_the_answer_asks_again_though_the_evidence_is_used_up,
    a_number_at_its_limit_does_not_tell_whose_it_is,
    an_enrolment_that_was_given_up_keeps_its_trail,
    a_number_that_said_stop_is_proved_by_a_call,
);

const CHANGES: &str = "/v1/subjects/person-7/number-changes";
const METHODS: &str = "/v1/subjects/person-7/methods";

fn is(answer: &(u16, Value), status: u16, code: &str) {
    let (said, body) = answer;
    assert_eq!((*said, &body["code"]), (status, &json!(code)), "{body}");
}

/// What differs between any two answers.
fn forget(answer: &mut Value, fields: &[&str]) {
    let answer = answer.as_object_mut().expect("a problem is an object");
    for field in fields {
        answer.remove(*field);
    }
}

fn other(code: &str) -> String {
    let shifted = code.bytes().map(|digit| (digit - b'0' + 1) % 10);
    shifted.map(|digit| digit.to_string()).collect()
}

async fn issues_bypass_code(world: &World) -> String {
    let asked = json!({ "tenant": "acme", "one_time": true, "reason": "at the desk" });
    let path = "/v1/subjects/person-7/bypass-codes";
    let (status, issued) = world.call("POST", path, ADA, asked).await;
    assert_eq!(status, 201, "{issued}");
    text(&issued["code"])
}

async fn a_proved_number_says_no_to_a_wrong_code(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let asked = json!({ "phone": number, "evidence": [{ "type": "session" }] });
    let (_, added) = world.post(METHODS, asked).await;
    let confirm = format!("{METHODS}/{}/confirm", text(&added["method"]["id"]));
    let code = world.code_to(&number).await;
    let typed = |code: &str| json!({ "code": code });
    let wrong = typed(&other(&code));
    is(
        &world.post(&confirm, wrong.clone()).await,
        422,
        "code_mismatch",
    );
    assert_eq!(world.post(&confirm, typed(&code)).await.0, 200);
    // Whoever has the session and not the phone learns nothing, and gets no yes.
    let third = typed(&other(&other(&code)));
    is(&world.post(&confirm, third).await, 409, "already_approved");
    is(&world.post(&confirm, wrong).await, 422, "code_mismatch");
    assert_eq!(world.post(&confirm, typed(&code)).await.0, 200);

    let to = numbers::us_number();
    let strong = json!({ "to": to, "evidence": [{ "type": "stronger_factor" }] });
    let (_, asked) = world.post(CHANGES, strong).await;
    let confirm = format!("{CHANGES}/{}/confirm", text(&asked["number_change"]["id"]));
    let code = world.code_to(&to).await;
    assert_eq!(world.post(&confirm, typed(&code)).await.0, 200);
    is(
        &world.post(&confirm, typed(&other(&code))).await,
        409,
        "already_approved",
    );
    assert_eq!(world.post(&confirm, typed(&code)).await.0, 200);
}

async fn a_frozen_subject_compares_no_code(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let code = issues_bypass_code(&world).await;
    let freeze = json!({ "reason": "a stolen laptop" });
    assert_eq!(
        world.post("/v1/subjects/person-7/freeze", freeze).await.0,
        200
    );
    let check = "/v1/subjects/person-7/bypass-codes/check";
    for _ in 0..8 {
        for typed in [code.as_str(), "ZZZZZZZZ"] {
            let answer = world.post(check, json!({ "code": typed })).await;
            is(&answer, 423, "subject_frozen");
        }
    }
    let by_code = json!({ "evidence": [{ "type": "bypass_code", "code": code }] });
    let recoveries = "/v1/subjects/person-7/recoveries";
    is(
        &world.post(recoveries, by_code).await,
        423,
        "subject_frozen",
    );
    let (_, audit) = world.get("/v1/subjects/person-7/audit").await;
    assert!(!audit.to_string().contains("wrong_secret"), "{audit}");
}

async fn a_mistyped_number_is_taken_back_and_the_right_one_asked_for_at_once(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let (mistyped, right) = (numbers::us_number(), numbers::us_number());
    let ask = |to: &str| json!({ "to": to, "evidence": [{ "type": "stronger_factor" }] });
    let (status, asked) = world.post(CHANGES, ask(&mistyped)).await;
    assert_eq!(status, 201, "{asked}");
    let lost = world.code_to(&mistyped).await;
    is(
        &world.post(CHANGES, ask(&right)).await,
        409,
        "change_in_progress",
    );

    let change = format!("{CHANGES}/{}", text(&asked["number_change"]["id"]));
    let (status, canceled) = world
        .call("DELETE", &change, super::world::TENANT, Value::Null)
        .await;
    assert_eq!(status, 204, "{canceled}");
    let (_, canceled) = world.get(&change).await;
    assert_eq!(canceled["number_change"]["status"], "undone");
    // Its code is worth nothing any more, not even by way of its verification.
    let check = format!(
        "/v1/verifications/{}/check",
        text(&asked["verification"]["id"])
    );
    is(
        &world.post(&check, json!({ "code": lost })).await,
        410,
        "superseded",
    );
    let (status, asked) = world.post(CHANGES, ask(&right)).await;
    assert_eq!(status, 201, "{asked}");
    let change = format!("{CHANGES}/{}", text(&asked["number_change"]["id"]));
    let code = world.code_to(&right).await;
    let confirm = format!("{change}/confirm");
    assert_eq!(world.post(&confirm, json!({ "code": code })).await.0, 200);
    let late = world
        .call("DELETE", &change, super::world::TENANT, Value::Null)
        .await;
    is(&late, 409, "change_ended");
}

async fn who_missed_the_answer_asks_again_though_the_evidence_is_used_up(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let code = issues_bypass_code(&world).await;
    let to = numbers::us_number();
    let ask = json!({ "to": to, "evidence": [{ "type": "bypass_code", "code": code }] });
    let (status, first) = world.post(CHANGES, ask.clone()).await;
    assert_eq!(status, 201, "{first}");
    world.advance(MINUTE);
    let (status, again) = world.post(CHANGES, ask.clone()).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!(again["number_change"]["id"], first["number_change"]["id"]);
    assert_eq!(again["number_change"]["class"], "c");
    // For another number it proves nothing more.
    let elsewhere = json!({ "phone": numbers::us_number(), "evidence": ask["evidence"] });
    is(&world.post(METHODS, elsewhere).await, 422, "code_mismatch");
}

async fn a_number_at_its_limit_does_not_tell_whose_it_is(stand: Stand) {
    let setup = Setup::default().line("limits", "sends_per_number = [{ count = 2, per_s = 600 }]");
    let world = World::with(stand, setup).await;
    let (known, unknown) = (numbers::us_number(), numbers::us_number());
    world.has_method("person-7", &known).await;
    world.advance(MINUTE * 30);
    let refusal = async |to: &str| {
        for purpose in ["sign_in", "pay", "export"] {
            let asked = json!({ "to": to, "purpose": purpose });
            let (status, mut answer) = world.post("/v1/verifications", asked).await;
            if status == 429 {
                forget(&mut answer, &["request_id", "retry_after", "available_at"]);
                return answer;
            }
        }
        panic!("nothing was refused");
    };
    assert_eq!(refusal(&known).await, refusal(&unknown).await);
}

async fn an_enrolment_that_was_given_up_keeps_its_trail(stand: Stand) {
    let world = World::over(stand).await;
    let asked = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    assert_eq!(world.post(METHODS, asked).await.0, 201);
    world.advance(MINUTE * 90);
    world.tick().await;
    let (status, audit) = world.get("/v1/subjects/person-7/audit").await;
    assert_eq!(status, 200, "{audit}");
    assert!(audit.to_string().contains("method.discarded"), "{audit}");
    world.advance(super::world::DAY * 31);
    world.tick().await;
    assert_eq!(world.get("/v1/subjects/person-7/audit").await.0, 404);
}

async fn a_number_that_said_stop_is_proved_by_a_call(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let to = numbers::us_number();
    let stop = json!({ "from": to, "text": "STOP" });
    assert_eq!(world.post("/v1/numbers/inbound", stop).await.0, 200);
    let strong = json!([{ "type": "stronger_factor" }]);
    let by_sms = json!({ "to": to, "channel": "sms", "evidence": strong });
    is(&world.post(CHANGES, by_sms).await, 409, "opted_out");
    let (status, asked) = world
        .post(CHANGES, json!({ "to": to, "evidence": strong }))
        .await;
    assert_eq!(status, 201, "{asked}");
    assert_eq!(asked["verification"]["channel"], "voice");
    assert_eq!(world.sms_to(&to), Vec::<String>::new());
}

async fn a_unique_number_is_whose_code_is_typed_back(stand: Stand) {
    let setup = Setup::default().line("subjects", "unique_numbers = true");
    let world = World::with(stand, setup).await;
    let number = numbers::us_number();
    world.has_method("stranger", &numbers::us_number()).await;
    // Whoever cannot read its messages takes it from nobody.
    let session = json!([{ "type": "session" }]);
    let asked = json!({ "phone": number, "evidence": session });
    let (status, added) = world.post("/v1/subjects/thief/methods", asked).await;
    assert_eq!(status, 201, "{added}");
    let asked = json!({ "to": number, "evidence": [{ "type": "stronger_factor" }] });
    let changes = "/v1/subjects/stranger/number-changes";
    let (status, changing) = world.post(changes, asked).await;
    assert_eq!(status, 201, "{changing}");
    world.code_to(&number).await;
    let code = world.code_to(&number).await;
    world.advance(MINUTE);
    world.has_method("owner", &number).await;

    // And to have once asked for it helps nobody.
    let change = text(&changing["number_change"]["id"]);
    let confirm = format!("{changes}/{change}/confirm");
    let (status, refused) = world.post(&confirm, json!({ "code": code })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("number_in_use")));
    world.advance(HOUR * 2);
    world.tick().await;
    let (status, shown) = world.get("/v1/subjects/stranger").await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["methods"][0]["status"], "active");
    assert_eq!(shown["number_change"], Value::Null, "{shown}");
}
