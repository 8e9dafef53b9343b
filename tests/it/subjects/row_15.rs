//! Row 15: "require to provide contact methods again": no method is left, codes on
//! their way are void, everybody hears of it, and the trail says who and why.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, DAY, HOUR, MINUTE, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(
    row_15_a_reset_leaves_no_method_and_tells_everybody,
    row_15_only_an_operator_resets_and_says_why,
    row_15_after_a_reset_a_number_is_enrolled_anew_and_held,
);

const SUBJECT: &str = "/v1/subjects/u-15";

async fn resets(world: &World) {
    let asked = json!({
        "tenant": "acme", "scope": "all", "reason": "came to the desk", "ticket": "T-15",
    });
    let (status, done) = world
        .call("POST", &format!("{SUBJECT}/reset"), ADA, asked)
        .await;
    assert_eq!(
        (status, &done["action"]["status"]),
        (200, &json!("done")),
        "{done}"
    );
}

async fn row_15_a_reset_leaves_no_method_and_tells_everybody(stand: Stand) {
    let world = World::over(stand).await;
    let (first, second) = (numbers::us_number(), numbers::us_number());
    world.has_method("u-15", &first).await;
    let strong = json!([{ "type": "stronger_factor" }]);
    world.advance(MINUTE);
    world.adds_method("u-15", &second, strong.clone()).await;
    let codes = format!("{SUBJECT}/recovery-codes");
    world.post(&codes, json!({ "evidence": strong })).await;
    world.tick().await;
    world.advance(MINUTE);
    // The first number has heard of the second.
    world.skip_messages_to(&first);
    let (status, open) = world.signs_in("u-15").await;
    assert_eq!(status, 201, "{open}");
    let code = world.code_to(&first).await;
    world.skip_messages_to(&first);
    world.skip_messages_to(&second);

    resets(&world).await;

    let (_, methods) = world.get(&format!("{SUBJECT}/methods")).await;
    assert_eq!(methods["methods"], json!([]));
    let check = format!("/v1/verifications/{}/check", text(&open["id"]));
    let (status, void) = world.post(&check, json!({ "code": code })).await;
    assert_eq!((status, &void["code"]), (410, &json!("superseded")));
    let (status, refused) = world.signs_in("u-15").await;
    assert_eq!((status, &refused["code"]), (409, &json!("no_method")));
    let (_, shown) = world.get(&codes).await;
    assert_eq!(shown["exists"], false);

    world.tick().await;
    for number in [&first, &second] {
        let notice = world.next_message(number).await;
        assert!(notice.contains("security setting"), "{notice}");
    }
    // By mail too, which the identity service sends.
    assert_eq!(world.told_of("subject.reset").len(), 1);
    assert_eq!(world.told_of("subject.security_changed").len(), 1);

    let path = format!("{SUBJECT}/audit?tenant=acme");
    let (status, trail) = world.call("GET", &path, ADA, Value::Null).await;
    assert_eq!((status, &trail["complete"]), (200, &json!(true)), "{trail}");
    let lines = trail["lines"].as_array().cloned().unwrap_or_default();
    let reset = lines.iter().find(|line| line["what"] == "subject.reset");
    let reset = reset.expect("the reset stands in the trail");
    assert_eq!(reset["actor"], "operator:ada");
    assert_eq!(reset["reason"], "came to the desk");
    assert_eq!(reset["ticket"], "T-15");
    assert!(!trail.to_string().contains(&first), "numbers are masked");
}

async fn row_15_only_an_operator_resets_and_says_why(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-15", &number).await;
    let path = format!("{SUBJECT}/reset");
    let asked = json!({ "tenant": "acme", "reason": "came to the desk" });
    let (status, refused) = world.call("POST", &path, TENANT, asked).await;
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")));
    for no_reason in [
        json!({ "tenant": "acme" }),
        json!({ "tenant": "acme", "reason": "" }),
    ] {
        let (status, refused) = world.call("POST", &path, ADA, no_reason).await;
        assert_eq!(status, 422, "{refused}");
        assert_eq!(refused["field"], "reason", "{refused}");
    }
    world.advance(MINUTE);
    let (status, started) = world.signs_in("u-15").await;
    assert_eq!(status, 201, "{started}");
}

async fn row_15_after_a_reset_a_number_is_enrolled_anew_and_held(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("u-15", &numbers::us_number()).await;
    resets(&world).await;
    world.tick().await;
    world.advance(MINUTE);

    let number = numbers::us_number();
    let method = world.has_method("u-15", &number).await;
    let asked = json!({ "subject": "u-15", "method": method });
    world.advance(MINUTE);
    let (status, refused) = world.post("/v1/verifications", asked.clone()).await;
    assert_eq!((status, &refused["code"]), (423, &json!("method_on_hold")));
    // The right to enrol was for one number.
    let another = json!({
        "phone": numbers::us_number(), "evidence": [{ "type": "session" }],
    });
    let (status, refused) = world.post(&format!("{SUBJECT}/methods"), another).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("step_up_required"))
    );
    world.advance(DAY * 3 + HOUR);
    world.tick().await;
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!((status, &started["to"]), (201, &json!(number)));
}
