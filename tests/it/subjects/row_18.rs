//! Row 18: what one operator may not do alone, two may; a sole one has a sealed
//! code and three days in which everybody hears of it.

use serde_json::{Value, json};

use super::over_both_stores;
use super::reading::at_ms;
use super::world::{ADA, BOB, DAY, HOUR, MINUTE, Setup, Stand, World, sha256, text};
use crate::support::numbers;

over_both_stores!(
    row_18_a_privileged_subject_needs_two_operators,
    row_18_several_keys_of_one_operator_are_one_operator,
    row_18_whatever_weakens_a_privileged_subject_waits_for_a_second,
    row_18_the_second_operator_sees_what_exactly_is_asked,
    row_18_an_approval_expires_after_a_day,
    row_18_a_sole_operator_has_the_sealed_code_and_three_days,
    row_18_readiness_says_what_is_missing,
    row_18_what_one_operator_does_for_all_is_seen_by_the_other,
);

const SUBJECT: &str = "/v1/subjects/u-18";

async fn by(world: &World, key: &str, path: &str, body: Value) -> (u16, Value) {
    world.call("POST", path, key, body).await
}

async fn privileged(world: &World) -> String {
    let number = numbers::us_number();
    world.has_method("u-18", &number).await;
    let body = json!({ "tenant": "acme", "privileged": true, "reason": "holds the keys" });
    let path = format!("{SUBJECT}/privileged");
    let (status, done) = world.call("PUT", &path, ADA, body).await;
    assert_eq!(status, 200, "{done}");
    world.tick().await;
    world.advance(MINUTE);
    world.skip_messages_to(&number);
    number
}

async fn asks_for_reset(world: &World, key: &str) -> String {
    let body = json!({ "tenant": "acme", "reason": "lost the phone" });
    let (status, waiting) = by(world, key, &format!("{SUBJECT}/reset"), body).await;
    assert_eq!(status, 202, "{waiting}");
    assert_eq!(waiting["action"]["status"], "waiting");
    text(&waiting["action"]["id"])
}

async fn approves(world: &World, key: &str, action: &str) -> (u16, Value) {
    let path = format!("{SUBJECT}/actions/{action}/approve");
    by(world, key, &path, json!({ "tenant": "acme" })).await
}

async fn with_sealed_code(world: &World, action: &str, code: &str) -> (u16, Value) {
    let path = format!("{SUBJECT}/actions/{action}/approve");
    let body = json!({ "tenant": "acme", "sealed_code": code });
    by(world, ADA, &path, body).await
}

async fn receives(world: &World) -> bool {
    world.advance(MINUTE);
    let (status, _) = world.signs_in("u-18").await;
    status == 201
}

async fn row_18_a_privileged_subject_needs_two_operators(stand: Stand) {
    let world = World::over(stand).await;
    privileged(&world).await;
    let action = asks_for_reset(&world, ADA).await;
    let (status, refused) = approves(&world, ADA, &action).await;
    assert_eq!((status, &refused["code"]), (409, &json!("same_operator")));
    let (_, shown) = world.get(SUBJECT).await;
    assert_eq!(shown["actions"][0]["id"], json!(action), "{shown}");
    assert!(receives(&world).await, "it still waits");
    let (status, refused) = with_sealed_code(&world, &action, "no such code at all").await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("sealed_code_not_needed"))
    );
    let (status, done) = approves(&world, BOB, &action).await;
    assert_eq!((status, &done["action"]["status"]), (200, &json!("done")));
    assert!(!receives(&world).await);
    let (status, _) = approves(&world, BOB, &action).await;
    assert_eq!(status, 404, "it is done once");
    world.tick().await;
    assert_eq!(world.told_of("subject.action_waiting").len(), 1);
    assert_eq!(world.told_of("subject.action_approved").len(), 1);
}

async fn row_18_several_keys_of_one_operator_are_one_operator(stand: Stand) {
    let keys = ["carol-at-work", "carol-at-home"];
    let [work, home] = keys.map(sha256);
    let carol = format!(
        "\n[[operators]]\nname = \"carol\"\n\
         keys = [{{ id = \"c1\", sha256 = {work:?} }}, {{ id = \"c2\", sha256 = {home:?} }}]\n"
    );
    let world = World::with(stand, Setup::default().more(&carol)).await;
    privileged(&world).await;
    let [work, home] = keys;
    let action = asks_for_reset(&world, work).await;
    let (status, refused) = approves(&world, home, &action).await;
    assert_eq!((status, &refused["code"]), (409, &json!("same_operator")));
    // Asked for again by the other key, it is not approved either.
    assert_eq!(asks_for_reset(&world, home).await, action);
    assert!(receives(&world).await);
    assert_eq!(approves(&world, BOB, &action).await.0, 200);
}

async fn row_18_whatever_weakens_a_privileged_subject_waits_for_a_second(stand: Stand) {
    let world = World::over(stand).await;
    privileged(&world).await;
    let strong = json!([{ "type": "stronger_factor" }]);
    let change = world
        .changes_number("u-18", &numbers::us_number(), strong)
        .await;
    let change = text(&change["id"]);
    let why = || json!({ "tenant": "acme", "reason": "asked for by the person" });
    let freezing = by(&world, ADA, &format!("{SUBJECT}/freeze"), why()).await;
    assert_eq!(freezing.0, 200, "to protect it one is enough");
    for path in [
        "unfreeze",
        "bypass-codes",
        "erase",
        &format!("number-changes/{change}/undo"),
    ] {
        let (status, waiting) = by(&world, ADA, &format!("{SUBJECT}/{path}"), why()).await;
        assert_eq!(status, 202, "{path}: {waiting}");
    }
    let mut untag = why();
    untag["privileged"] = json!(false);
    let path = format!("{SUBJECT}/privileged");
    let (status, waiting) = world.call("PUT", &path, ADA, untag).await;
    assert_eq!(status, 202, "{waiting}");
    let (_, shown) = world.get(SUBJECT).await;
    assert_eq!(shown["status"], "frozen");
    assert_eq!(shown["privileged"], true);
    assert_eq!(shown["bypass_code"], Value::Null);
    assert_eq!(shown["number_change"]["status"], "completed", "{shown}");
    assert_eq!(shown["actions"].as_array().map(Vec::len), Some(5));
    // One operator does not let another go alone either.
    let path = "/v1/admin/operators/bob/removal";
    let (status, waiting) = by(&world, ADA, path, Value::Null).await;
    assert_eq!(status, 202, "{waiting}");
}

async fn row_18_an_approval_expires_after_a_day(stand: Stand) {
    let world = World::over(stand).await;
    privileged(&world).await;
    let action = asks_for_reset(&world, ADA).await;
    world.advance(DAY + MINUTE);
    let (status, refused) = approves(&world, BOB, &action).await;
    assert_eq!(
        (status, &refused["code"]),
        (410, &json!("approval_expired"))
    );
    assert!(receives(&world).await);
    // Whoever asked may take another one back.
    let action = asks_for_reset(&world, ADA).await;
    let path = format!("{SUBJECT}/actions/{action}/withdraw");
    let (status, withdrawn) = by(&world, ADA, &path, json!({ "tenant": "acme" })).await;
    assert_eq!(status, 200, "{withdrawn}");
    assert_eq!(approves(&world, BOB, &action).await.0, 404);
}

async fn row_18_a_sole_operator_has_the_sealed_code_and_three_days(stand: Stand) {
    let world = World::with(stand, Setup::default().sole_operator()).await;
    let number = privileged(&world).await;
    let (status, drawn) = by(&world, ADA, "/v1/admin/sealed-codes", Value::Null).await;
    assert_eq!(status, 201, "{drawn}");
    let code = text(&drawn["code"]);
    // 112 bits and more, at 5 a sign.
    let signs = code.chars().filter(char::is_ascii_alphanumeric).count();
    assert!(signs * 5 >= 112, "{signs} signs");
    let action = asks_for_reset(&world, ADA).await;

    let (status, refused) = with_sealed_code(&world, &action, "WRONG-WRONG-WRONG").await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("sealed_code_mismatch"))
    );
    let (status, scheduled) = with_sealed_code(&world, &action, &code.to_lowercase()).await;
    assert_eq!(status, 202, "{scheduled}");
    assert_eq!(scheduled["action"]["status"], "scheduled");
    let left_ms = at_ms(&scheduled["action"]["acts_at"]) - world.now_ms();
    let wait_ms = 3 * 86_400_000;
    assert!((wait_ms - 60_000..=wait_ms).contains(&left_ms), "{left_ms}");
    world.tick().await;
    assert_eq!(world.told_of("subject.sealed_code_used").len(), 1);
    let notice = world.next_message(&number).await;
    assert!(notice.contains("security setting"), "{notice}");

    // It works once.
    let (_, refused) = with_sealed_code(&world, &action, &code).await;
    assert_eq!(refused["code"], "sealed_code_mismatch");

    world.advance(DAY * 3 - HOUR);
    world.tick().await;
    assert!(receives(&world).await, "three days are not over");
    world.advance(HOUR);
    world.tick().await;
    assert!(!receives(&world).await);
    assert_eq!(world.told_of("subject.reset").len(), 1);
}

async fn row_18_readiness_says_what_is_missing(stand: Stand) {
    let world = World::with(stand, Setup::default().sole_operator()).await;
    assert_eq!(
        red(&world).await,
        ["operators", "sealed_code", "drill", "webhooks"]
    );
    by(&world, ADA, "/v1/admin/sealed-codes", Value::Null).await;
    let drilled = json!({ "note": "recovered a test subject" });
    let (status, answer) = by(&world, ADA, "/v1/admin/drills", drilled).await;
    assert!(status < 300, "{status} {answer}");
    world.advance(DAY * 89);
    assert_eq!(red(&world).await, ["operators", "webhooks"]);
    world.advance(DAY * 2);
    assert_eq!(red(&world).await, ["operators", "drill", "webhooks"]);

    let world = World::over(stand).await;
    assert_eq!(red(&world).await, ["drill", "webhooks"]);
}

/// The checks that are red. The second tenant has no endpoint, so its notices by
/// mail reach nobody.
async fn red(world: &World) -> Vec<String> {
    let path = "/v1/admin/readiness";
    let (status, readiness) = world.call("GET", path, ADA, Value::Null).await;
    assert_eq!(status, 200, "{readiness}");
    assert_eq!(readiness["ready"], false);
    let checks = readiness["checks"].as_array().cloned().unwrap_or_default();
    let red = checks.iter().filter(|check| check["status"] == "red");
    red.map(|check| text(&check["name"])).collect()
}

async fn row_18_the_second_operator_sees_what_exactly_is_asked(stand: Stand) {
    let world = World::over(stand).await;
    let privileged = json!({ "tenant": "acme", "privileged": true, "reason": "is the owner" });
    let path = format!("{SUBJECT}/privileged");
    assert_eq!(world.call("PUT", &path, ADA, privileged).await.0, 200);
    let number = numbers::us_number();
    let methods = json!([{ "phone": number, "role": "primary" }]);
    let import = json!({ "tenant": "acme", "reason": "moves over", "methods": methods });
    let codes = json!({ "tenant": "acme", "reason": "a day out", "lifetime_s": 7_200 });
    let reset = json!({ "tenant": "acme", "reason": "lost all", "scope": "all" });
    for (what, ask) in [
        ("import", import),
        ("bypass-codes", codes),
        ("reset", reset),
    ] {
        let (status, waiting) = by(&world, ADA, &format!("{SUBJECT}/{what}"), ask).await;
        assert_eq!(status, 202, "{waiting}");
    }
    let path = format!("{SUBJECT}?tenant=acme");
    let (_, shown) = world.call("GET", &path, BOB, Value::Null).await;
    let imported = &shown["actions"][0]["methods"][0];
    assert_eq!(imported["role"], "primary");
    let (seen, last) = (
        text(&imported["number"]),
        number.split_at(number.len() - 2).1,
    );
    assert!(seen.starts_with("+1*") && seen.ends_with(last), "{seen}");
    assert!(!shown.to_string().contains(&number), "{shown}");
    assert_eq!(shown["actions"][1]["lifetime_s"], 7_200);
    assert_eq!(shown["actions"][1]["one_time"], false);
    assert_eq!(shown["actions"][2]["scope"], "all");

    let (_, trail) = world.get(&format!("{SUBJECT}/audit")).await;
    let lines = trail["lines"].as_array().into_iter().flatten();
    let asked = lines.filter(|line| line["what"] == "subject.action_waiting");
    let asked: Vec<&Value> = asked.map(|line| &line["status"]).collect();
    assert_eq!(asked, ["import_methods", "issue_bypass_code", "reset"]);
}

async fn row_18_what_one_operator_does_for_all_is_seen_by_the_other(stand: Stand) {
    let world = World::over(stand).await;
    // The code that lies in the safe is void by that.
    by(&world, ADA, "/v1/admin/sealed-codes", Value::Null).await;
    let removal = "/v1/admin/operators/bob/removal";
    assert_eq!(by(&world, ADA, removal, Value::Null).await.0, 202);
    world.has_method("u-18", &numbers::us_number()).await;
    let lifted = json!({ "tenant": "acme", "subject": "u-18" });
    let (status, answer) = by(&world, ADA, "/v1/admin/failures/lift", lifted).await;
    assert_eq!(status, 204, "{answer}");
    let (_, trail) = world.get(&format!("{SUBJECT}/audit")).await;
    let lines = trail["lines"].as_array().cloned().unwrap_or_default();
    let last = lines.last().expect("the trail has lines");
    assert_eq!(last["what"], "subject.failures_lifted");
    assert_eq!(last["actor"], "operator:ada");
    let erasure = json!({ "tenant": "acme", "reason": "asked for by the person" });
    let (status, erased) = by(&world, ADA, &format!("{SUBJECT}/erase"), erasure).await;
    assert_eq!(status, 200, "{erased}");

    let path = "/v1/admin/readiness";
    let (_, readiness) = world.call("GET", path, BOB, Value::Null).await;
    let log = readiness["log"].as_array().into_iter().flatten();
    let log = log.map(|line| text(&line["what"]));
    let log: Vec<String> = log.filter(|line| !line.ends_with("seen first")).collect();
    assert_eq!(
        log,
        [
            "operator ada drew a sealed code",
            "operator ada wants bob removed",
            "operator ada erased a subject of tenant acme",
        ]
    );
}
