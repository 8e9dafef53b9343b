//! Row 9: the recovery code: shown once, typed as people type, void once it is
//! used or replaced, and not to be guessed.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, HOUR, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    a_recovery_code_is_shown_once_and_typed_as_people_type,
    a_recovery_code_that_is_used_leaves_another_one,
    a_recovery_code_used_for_a_change_leaves_another_one,
    a_thief_with_a_recovery_code_has_none_after_the_undo,
    a_new_recovery_code_makes_the_old_one_void,
    a_recovery_code_cannot_be_guessed,
    a_session_alone_draws_no_recovery_code,
);

const CODES: &str = "/v1/subjects/u-1/recovery-codes";

async fn with_code(stand: Stand) -> (World, String) {
    let world = World::over(stand).await;
    world.has_method("u-1", &numbers::us_number()).await;
    let code = drawn(&world).await;
    (world, code)
}

async fn drawn(world: &World) -> String {
    let asked = json!({ "evidence": [{ "type": "stronger_factor" }] });
    let (status, drawn) = world.post(CODES, asked).await;
    assert_eq!(status, 201, "{drawn}");
    text(&drawn["code"])
}

async fn recovers(world: &World, typed: &str) -> (u16, Value) {
    let evidence = json!([
        { "type": "recovery_code", "code": typed },
        { "type": "single_factor" },
    ]);
    let asked = json!({ "evidence": evidence });
    world.post("/v1/subjects/u-1/recoveries", asked).await
}

fn is_wrong((status, answer): (u16, Value)) -> bool {
    (status, &answer["code"]) == (422, &json!("code_mismatch"))
}

async fn a_recovery_code_is_shown_once_and_typed_as_people_type(stand: Stand) {
    let (world, code) = with_code(stand).await;
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    assert_eq!(digits, 25, "83 bits, and nothing to misread");
    let (status, shown) = world.get(CODES).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["exists"], true);
    let (_, subject) = world.get("/v1/subjects/u-1").await;
    for answer in [shown, subject] {
        let answer = answer.to_string();
        assert!(!answer.contains(&code) && !answer.contains(&code.replace('-', "")));
    }
    // With letters for the digits they look like, as handwriting has them.
    let typed = code.replace('-', " ").replace('0', "o").replace('1', "l");
    let typed = format!(" {typed} ");
    let (status, answer) = recovers(&world, &typed).await;
    assert_eq!(status, 201, "{answer}");
}

async fn a_recovery_code_that_is_used_leaves_another_one(stand: Stand) {
    let (world, code) = with_code(stand).await;
    let (status, answer) = recovers(&world, &code).await;
    assert_eq!(status, 201, "{answer}");
    let fresh = text(&answer["recovery_code"]["code"]);
    assert_ne!(fresh, code);
    assert!(is_wrong(recovers(&world, &code).await), "it was used");
    let (status, answer) = recovers(&world, &fresh).await;
    assert_eq!(status, 201, "{answer}");
}

async fn a_recovery_code_used_for_a_change_leaves_another_one(stand: Stand) {
    let (world, code) = with_code(stand).await;
    let evidence = |code: &str| json!([{ "type": "recovery_code", "code": code }, { "type": "single_factor" }]);
    let path = "/v1/subjects/u-1/number-changes";
    let asked = json!({ "to": numbers::us_number(), "evidence": evidence(&code) });
    let (status, requested) = world.post(path, asked).await;
    assert_eq!(status, 201, "{requested}");
    assert_eq!(requested["number_change"]["class"], "b");
    let fresh = text(&requested["recovery_code"]["code"]);
    assert_ne!(fresh, code);
    assert!(is_wrong(recovers(&world, &code).await), "it was used");
    // Asked for another number it changes nothing, and is not used up by that.
    let asked = json!({ "to": numbers::us_number(), "evidence": evidence(&fresh) });
    let (status, refused) = world.post(path, asked).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("change_in_progress"))
    );
    assert!(refused["available_at"].is_string(), "{refused}");
    assert_eq!(recovers(&world, &fresh).await.0, 201);
}

async fn a_new_recovery_code_makes_the_old_one_void(stand: Stand) {
    let (world, old) = with_code(stand).await;
    let new = drawn(&world).await;
    assert!(is_wrong(recovers(&world, &old).await));
    assert_eq!(recovers(&world, &new).await.0, 201);
}

async fn a_recovery_code_cannot_be_guessed(stand: Stand) {
    let (world, code) = with_code(stand).await;
    let guess = "00000-11111-22222-33333-44444";
    for _ in 0..5 {
        assert!(is_wrong(recovers(&world, guess).await));
    }
    // From here on each guess waits longer, and so does the right one.
    let (status, first) = recovers(&world, guess).await;
    let waits = if is_wrong((status, first.clone())) {
        recovers(&world, &code).await
    } else {
        (status, first)
    };
    assert_eq!(waits.0, 429, "{}", waits.1);
    assert_eq!(waits.1["code"], "too_many_failures");
    assert!(waits.1["available_at"].is_string(), "{}", waits.1);
    let (status, answer) = recovers(&world, &code).await;
    assert_eq!(status, 429, "{answer}");
    assert_eq!(answer["available_at"], waits.1["available_at"]);
    world.advance(HOUR);
    let (status, answer) = recovers(&world, &code).await;
    assert_eq!(status, 201, "{answer}");
}

async fn a_session_alone_draws_no_recovery_code(stand: Stand) {
    let (world, code) = with_code(stand).await;
    for kind in ["session", "single_factor", "issued_code"] {
        let asked = json!({ "evidence": [{ "type": kind }] });
        let (status, refused) = world.post(CODES, asked).await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("step_up_required")),
            "{kind}"
        );
    }
    assert_eq!(recovers(&world, &code).await.0, 201, "it still works");
}

async fn a_thief_with_a_recovery_code_has_none_after_the_undo(stand: Stand) {
    let (world, code) = with_code(stand).await;
    world.advance(HOUR);
    let number = numbers::us_number();
    let path = "/v1/subjects/u-1/number-changes";
    let evidence = |code: &str| {
        json!([
            { "type": "recovery_code", "code": code },
            { "type": "single_factor" },
        ])
    };
    let asked = json!({ "to": number, "evidence": evidence(&code) });
    let (status, requested) = world.post(path, asked).await;
    assert_eq!(status, 201, "{requested}");
    let fresh = text(&requested["recovery_code"]["code"]);
    let path_of_it = format!("{path}/{}", text(&requested["number_change"]["id"]));
    let typed = json!({ "code": world.code_to(&number).await });
    let (status, held) = world.post(&format!("{path_of_it}/confirm"), typed).await;
    assert_eq!(status, 200, "{held}");
    let why = json!({ "tenant": "acme", "reason": "the person called" });
    let undo = format!("{path_of_it}/undo");
    let (status, undone) = world.call("POST", &undo, ADA, why).await;
    assert_eq!(status, 200, "{undone}");

    let asked = json!({ "to": numbers::us_number(), "evidence": evidence(&fresh) });
    assert!(is_wrong(world.post(path, asked).await));
}
