//! A session alone changes nothing, and a number that was not confirmed for long
//! is told to be stale.

use serde_json::json;

use super::over_both_stores;
use super::world::{DAY, MINUTE, Setup, Stand, World, text};
use crate::support::{numbers, process};

over_both_stores!(
    row_10_a_session_alone_changes_nothing,
    row_10_a_code_that_its_caller_drew_is_no_evidence,
    row_10_old_methods_are_stale_and_it_is_told_once,
    row_10_unless_the_tenant_says_so_nothing_goes_stale,
);

async fn row_10_a_session_alone_changes_nothing(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    let method = world.has_method("person-7", &old).await;
    let path = "/v1/subjects/person-7/number-changes";
    for evidence in [
        json!([]),
        json!([{ "type": "session" }]),
        json!([{ "type": "single_factor" }]),
        json!([{ "type": "session" }, { "type": "issued_code" }]),
    ] {
        let asked = json!({ "to": new, "evidence": evidence });
        let (status, answer) = world.post(path, asked).await;
        assert_eq!((status, &answer["code"]), (403, &json!("step_up_required")));
    }
    let asked = json!({ "phone": new, "evidence": [{ "type": "session" }] });
    let (status, answer) = world.post("/v1/subjects/person-7/methods", asked).await;
    assert_eq!((status, &answer["code"]), (403, &json!("step_up_required")));

    assert!(world.messages_to(&new).is_empty(), "nothing was sent to it");
    let (_, subject) = world.get("/v1/subjects/person-7").await;
    assert!(subject.get("number_change").is_none(), "{subject}");
    assert_eq!(subject["methods"][0]["id"], json!(method));
    assert_eq!(subject["methods"].as_array().map(Vec::len), Some(1));
}

async fn row_10_a_code_that_its_caller_drew_is_no_evidence(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    world.advance(MINUTE);
    let asked = json!({ "subject": "person-7", "code": "246810" });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    let id = text(&started["id"]);
    let check = format!("/v1/verifications/{id}/check");
    let (status, checked) = world.post(&check, json!({ "code": "246810" })).await;
    assert_eq!(status, 200, "{checked}");

    let evidence = json!([{ "type": "method", "verification_id": id }]);
    let asked = json!({ "to": numbers::us_number(), "evidence": evidence });
    let (status, refused) = world
        .post("/v1/subjects/person-7/number-changes", asked)
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("invalid_evidence"))
    );
}

async fn row_10_old_methods_are_stale_and_it_is_told_once(stand: Stand) {
    let setup = Setup::default().line("subjects", "reconfirm_after_days = 20");
    let world = World::with(stand, setup).await;
    let number = numbers::us_number();
    world.has_method("person-7", &number).await;
    world.advance(DAY * 19);
    world.tick().await;
    assert!(!is_stale(&world).await);
    assert!(world.told_of("method.stale").is_empty());
    world.advance(DAY * 2);
    world.tick().await;
    world.tick().await;
    assert!(is_stale(&world).await);
    let told = world.told_of("method.stale");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subject"], "person-7");

    // A code that is typed back confirms it for as long again.
    let (_, started) = world.signs_in("person-7").await;
    world.skip_messages_to(&number);
    world.is_quiet().await;
    let sent = world.sms_to(&number);
    let code = sent.last().and_then(|text| text.split(' ').next());
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{checked}");
    let is_fresh = process::eventually(MINUTE, async || !is_stale(&world).await);
    assert!(is_fresh.await, "the use is not noted");
    world.advance(DAY * 19);
    world.tick().await;
    assert!(!is_stale(&world).await);
    assert_eq!(world.told_of("method.stale").len(), 1);
    world.advance(DAY * 2);
    world.tick().await;
    assert_eq!(world.told_of("method.stale").len(), 2);
}

async fn row_10_unless_the_tenant_says_so_nothing_goes_stale(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    world.advance(DAY * 731);
    world.tick().await;
    assert!(!is_stale(&world).await);
    assert!(world.told_of("method.stale").is_empty());
}

async fn is_stale(world: &World) -> bool {
    let (_, listed) = world.get("/v1/subjects/person-7/methods").await;
    listed["methods"][0]["stale"] == json!(true)
}
