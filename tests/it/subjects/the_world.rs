//! The world itself: what a story builds on holds.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{HOUR, MASKED, OTHER_TENANT, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(
    a_code_is_sent_checked_and_told_of,
    a_code_outlives_a_crash,
    a_subject_signs_in_by_its_number,
);

async fn a_code_is_sent_checked_and_told_of(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let asked = json!({ "to": number });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    let code = world.code_to(&number).await;
    let path = format!("/v1/verifications/{}", text(&started["id"]));
    let masked = world.call("GET", &path, MASKED, Value::Null).await.1;
    assert_ne!(masked["to"], json!(number));
    let (status, _) = world.call("GET", &path, OTHER_TENANT, Value::Null).await;
    assert_eq!(status, 404, "it is another tenant's");
    let check = json!({ "code": code });
    let (status, checked) = world.post(&format!("{path}/check"), check).await;
    assert_eq!(status, 200, "{checked}");
    world.tick().await;
    assert_eq!(world.sms_to(&number).len(), 1);
    let before_ms = world.now_ms();
    world.advance(HOUR);
    assert!(world.now_ms() >= before_ms + 3_600_000);
    let approved = world.told_of("verification.approved");
    assert_eq!(approved.len(), 1, "{:?}", world.told());
}

async fn a_code_outlives_a_crash(stand: Stand) {
    let mut world = World::over(stand).await;
    let number = numbers::us_number();
    let asked = json!({ "to": number });
    let (_, started) = world.call("POST", "/v1/verifications", TENANT, asked).await;
    let code = world.code_to(&number).await;
    world.crash().await;
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{checked}");
}

async fn a_subject_signs_in_by_its_number(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let method = world.has_method("u-1", &number).await;
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(method));
    let code = world.code_to(&number).await;
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{checked}");
}
