//! A bypass code keeps its bounds, is shown once, and is not for oneself.

use serde_json::{Value, json};

use super::over_both_stores;
use super::reading::at_ms;
use super::world::{ADA, DAY, HOUR, Setup, Stand, World, sha256, text};
use crate::support::numbers;

over_both_stores!(
    row_17_a_bypass_code_keeps_its_bounds,
    row_17_a_tenant_may_allow_thirty_days_and_no_more,
    row_17_a_second_code_replaces_the_first_and_none_is_shown_again,
    row_17_a_code_for_one_use_is_used_up_and_all_of_them_expire,
    row_17_nobody_issues_one_for_themselves,
);

const CODES: &str = "/v1/subjects/person-7/bypass-codes";
const REVOKE: &str = "/v1/subjects/person-7/bypass-codes/revoke";
const CHECK: &str = "/v1/subjects/person-7/bypass-codes/check";
const CAROL: &str = "operator-carol";

async fn row_17_a_bypass_code_keeps_its_bounds(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let nine_minutes = 540;
    let thirty_one_days = 31 * 86_400;
    let nine_hours = 9 * 3_600;
    for lifetime_s in [0, nine_minutes, nine_hours, thirty_one_days] {
        let (status, answer) = issue(&world, json!({ "lifetime_s": lifetime_s })).await;
        let refused = (status, &answer["code"]);
        assert_eq!(refused, (422, &json!("invalid_lifetime")), "{lifetime_s}");
    }
    for length in [7, 49, 300] {
        let (status, answer) = issue(&world, json!({ "length": length })).await;
        assert_eq!((status, &answer["code"]), (422, &json!("invalid_length")));
    }
    for (length, lifetime_s) in [(8, 600), (48, 8 * 3_600)] {
        let asked = json!({ "length": length, "lifetime_s": lifetime_s });
        let (status, answer) = issue(&world, asked).await;
        assert_eq!(status, 201, "{answer}");
        assert_eq!(significant(&text(&answer["code"])), length);
    }
    let (status, answer) = issue(&world, json!({})).await;
    assert_eq!((status, significant(&text(&answer["code"]))), (201, 8));
    assert_eq!(answer["one_time"], false);
    let hour_ms = 3_600_000;
    let expires_at_ms = at_ms(&answer["expires_at"]);
    let left_ms = expires_at_ms - world.now_ms();
    // A clock that goes on has gone on a little.
    assert!((hour_ms - 60_000..=hour_ms).contains(&left_ms), "{left_ms}");
}

async fn row_17_a_tenant_may_allow_thirty_days_and_no_more(stand: Stand) {
    let thirty_days_s = 30 * 86_400;
    let longest = format!("bypass_lifetime_max_s = {thirty_days_s}");
    let world = World::with(stand, Setup::default().line("subjects", &longest)).await;
    world.has_method("person-7", &numbers::us_number()).await;
    for (lifetime_s, expected) in [
        (599, 422),
        (600, 201),
        (thirty_days_s, 201),
        (thirty_days_s + 1, 422),
        (31 * 86_400, 422),
    ] {
        let (status, answer) = issue(&world, json!({ "lifetime_s": lifetime_s })).await;
        assert_eq!(status, expected, "{lifetime_s}: {answer}");
    }
}

async fn row_17_a_second_code_replaces_the_first_and_none_is_shown_again(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let (_, first) = issue(&world, json!({})).await;
    let (_, second) = issue(&world, json!({})).await;
    let check = async |code: &Value| world.post(CHECK, json!({ "code": code })).await;
    let (status, replaced) = check(&first["code"]).await;
    assert_eq!((status, &replaced["code"]), (422, &json!("code_mismatch")));
    for _ in 0..2 {
        let (status, approved) = check(&second["code"]).await;
        assert_eq!((status, &approved["approved"]), (200, &json!(true)));
    }
    let (status, shown) = world.get(CODES).await;
    assert_eq!(status, 200, "{shown}");
    assert!(shown["bypass_code"]["expires_at"].is_string(), "{shown}");
    assert_eq!(shown["bypass_code"]["issued_by"], "ada");
    let (_, subject) = world.get("/v1/subjects/person-7").await;
    for answer in [shown, subject] {
        assert!(!answer.to_string().contains(&text(&second["code"])));
    }
    let why = json!({ "tenant": "acme", "reason": "the phone was found" });
    let (status, revoked) = world.call("POST", REVOKE, ADA, why).await;
    assert_eq!(status, 200, "{revoked}");
    assert_ne!(check(&second["code"]).await.0, 200);
    assert_eq!(world.get(CODES).await.1["bypass_code"], Value::Null);
}

async fn row_17_a_code_for_one_use_is_used_up_and_all_of_them_expire(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let (_, once) = issue(&world, json!({ "one_time": true })).await;
    let typed = json!({ "code": once["code"] });
    let (status, approved) = world.post(CHECK, typed.clone()).await;
    assert_eq!((status, &approved["one_time"]), (200, &json!(true)));
    assert_ne!(world.post(CHECK, typed).await.0, 200, "it is used up");

    let (_, hour) = issue(&world, json!({})).await;
    world.advance(HOUR + HOUR / 60);
    assert_ne!(
        world.post(CHECK, json!({ "code": hour["code"] })).await.0,
        200
    );
    world.advance(DAY);
    world.tick().await;
    assert_eq!(world.get(CODES).await.1["bypass_code"], Value::Null);
}

async fn row_17_nobody_issues_one_for_themselves(stand: Stand) {
    let carol = format!(
        "\n[[operators]]\nname = \"carol\"\nsubjects = [{{ tenant = \"acme\", subject = \"person-7\" }}]\n\
         keys = [{{ id = \"c1\", sha256 = {:?} }}]\n",
        sha256(CAROL)
    );
    let world = World::with(stand, Setup::default().more(&carol)).await;
    world.has_method("person-7", &numbers::us_number()).await;
    world.has_method("person-8", &numbers::us_number()).await;
    let asked = json!({ "tenant": "acme", "reason": "phone lost" });
    let (status, own) = world.call("POST", CODES, CAROL, asked.clone()).await;
    assert_eq!((status, &own["code"]), (403, &json!("own_subject")));
    let other = "/v1/subjects/person-8/bypass-codes";
    assert_eq!(world.call("POST", other, CAROL, asked.clone()).await.0, 201);
    assert_eq!(world.call("POST", CODES, ADA, asked).await.0, 201);
}

/// Issues a code as an operator, with these fields beside the usual ones.
async fn issue(world: &World, fields: Value) -> (u16, Value) {
    let mut asked = json!({ "tenant": "acme", "reason": "phone lost, seen by video" });
    for (name, value) in fields.as_object().into_iter().flatten() {
        asked[name] = value.clone();
    }
    world.call("POST", CODES, ADA, asked).await
}

/// How many characters of a code count.
fn significant(code: &str) -> usize {
    code.chars().filter(char::is_ascii_alphanumeric).count()
}
