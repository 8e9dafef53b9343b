//! People who come from another system bring their numbers along.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, Stand, World};
use crate::support::numbers;

over_both_stores!(
    who_is_erased_is_told_before_others_take_their_place,
    imported_numbers_receive_codes_at_once,
    nothing_is_imported_over_what_a_person_has,
    an_import_is_refused_whole_where_one_number_is_wrong,
);

const IMPORT: &str = "/v1/subjects/person-7/import";

async fn import(world: &World, methods: Value) -> (u16, Value) {
    let asked = json!({
        "tenant": "acme", "methods": methods, "reason": "moved", "ticket": "T-7",
    });
    world.call("POST", IMPORT, ADA, asked).await
}

async fn imported_numbers_receive_codes_at_once(stand: Stand) {
    let world = World::over(stand).await;
    let (mobile, office) = (numbers::us_number(), numbers::us_number());
    let spaced = format!("+1 {}", mobile.trim_start_matches("+1"));
    let methods = json!([
        { "phone": spaced, "role": "primary" },
        { "phone": office, "role": "office", "extension": "42" },
    ]);
    for _ in 0..2 {
        let (status, answer) = import(&world, methods.clone()).await;
        assert_eq!((status, &answer["action"]["status"]), (200, &json!("done")));
    }
    world.tick().await;
    assert!(world.messages_to(&mobile).is_empty(), "nobody is told");
    assert!(world.messages_to(&office).is_empty(), "nobody is told");
    let started = json!({ "subject": "person-7", "purpose": "sign_in" });
    let (status, verification) = world.post("/v1/verifications", started).await;
    assert_eq!(status, 201, "{verification}");
    world.is_quiet().await;
    assert_eq!(world.sms_to(&mobile).len(), 1);
    let (_, trail) = world.get("/v1/subjects/person-7/audit").await;
    let lines = trail["lines"].as_array().cloned().unwrap_or_default();
    let imported = lines
        .iter()
        .filter(|line| line["what"] == "method.imported");
    let imported: Vec<&Value> = imported.collect();
    assert_eq!(imported.len(), 2, "asked twice, done once: {trail}");
    assert!(imported.iter().all(|line| line["actor"] == "operator:ada"
        && line["reason"] == "moved"
        && line["ticket"] == "T-7"));
    assert!(!trail.to_string().contains(&mobile), "{trail}");
}

async fn nothing_is_imported_over_what_a_person_has(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let method = world.has_method("person-7", &number).await;
    let other = json!([{ "phone": numbers::us_number(), "role": "primary" }]);
    let (status, answer) = import(&world, other).await;
    assert_eq!((status, &answer["code"]), (409, &json!("already_enrolled")));
    let (_, listed) = world.get("/v1/subjects/person-7/methods").await;
    assert_eq!(listed["methods"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["methods"][0]["id"], json!(method));
    let asked = json!({ "tenant": "acme", "methods": [], "reason": "moved" });
    let (status, _) = world.post(IMPORT, asked).await;
    assert_eq!(status, 401, "a tenant's key is no operator's");
}

async fn an_import_is_refused_whole_where_one_number_is_wrong(stand: Stand) {
    let world = World::over(stand).await;
    let good = json!({ "phone": numbers::us_number(), "role": "primary" });
    for (bad, code) in [
        (
            json!({ "phone": "+1 555", "role": "office" }),
            "number_too_short",
        ),
        (
            json!({ "phone": numbers::us_number(), "role": "fax" }),
            "invalid_role",
        ),
        (
            json!({ "phone": numbers::us_number(), "role": "alternate", "channel": "sms" }),
            "channel_not_supported",
        ),
        (
            json!({ "phone": numbers::us_number(), "role": "alternate", "extension": "1" }),
            "invalid_extension",
        ),
    ] {
        let (status, answer) = import(&world, json!([good, bad])).await;
        assert_eq!((status, &answer["code"]), (422, &json!(code)), "{answer}");
    }
    let (_, listed) = world.get("/v1/subjects/person-7/methods").await;
    assert_eq!(listed["methods"], json!([]));
}

async fn who_is_erased_is_told_before_others_take_their_place(stand: Stand) {
    let world = World::over(stand).await;
    let (number, other) = (numbers::us_number(), numbers::us_number());
    world.has_method("person-7", &number).await;
    let erase = json!({ "tenant": "acme", "reason": "asked for by the person" });
    let path = "/v1/subjects/person-7/erase";
    let (status, erased) = world.call("POST", path, ADA, erase).await;
    assert_eq!(status, 200, "{erased}");
    let methods = json!([{ "phone": other, "role": "primary" }]);
    assert_eq!(import(&world, methods).await.0, 200);
    let told = world.next_message(&number).await;
    assert!(told.contains("a security setting"), "{told}");
}
