//! The number that a person is reached by is not removed: another one first.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Stand, TENANT, World};
use crate::support::numbers;

over_both_stores!(row_02_the_last_or_default_method_cannot_be_removed);

async fn row_02_the_last_or_default_method_cannot_be_removed(stand: Stand) {
    let world = World::over(stand).await;
    let (first_number, second_number) = (numbers::us_number(), numbers::us_number());
    let first = world.has_method("person-7", &first_number).await;
    assert_eq!(remove(&world, &first).await, refused(409, "last_method"));
    world.advance(MINUTE * 10);
    let (status, sent) = world.signs_in("person-7").await;
    assert_eq!((status, &sent["method"]), (201, &json!(first)), "{sent}");
    world.code_to(&first_number).await;

    let stronger = json!([{ "type": "stronger_factor" }]);
    world.advance(MINUTE * 10);
    let second = world
        .adds_method("person-7", &second_number, stronger)
        .await;
    assert_eq!(remove(&world, &first).await, refused(409, "is_default"));
    let path = format!("/v1/subjects/person-7/methods/{second}/default");
    let (status, chosen) = world.call("PUT", &path, TENANT, Value::Null).await;
    assert_eq!(status, 200, "{chosen}");

    let path = format!("/v1/subjects/person-7/methods/{first}/remove");
    let weak = json!({ "evidence": [{ "type": "session" }] });
    let (status, weakly) = world.call("POST", &path, TENANT, weak).await;
    assert_eq!((status, &weakly["code"]), (403, &json!("step_up_required")));
    assert_eq!(remove(&world, &first).await, (204, Value::Null));
    let (_, listed) = world.get("/v1/subjects/person-7/methods").await;
    assert_eq!(listed["methods"].as_array().map(Vec::len), Some(1));
    world.advance(MINUTE * 10);
    let (status, sent) = world.signs_in("person-7").await;
    assert_eq!((status, &sent["method"]), (201, &json!(second)), "{sent}");
    world.code_to(&second_number).await;
}

/// Removes a method by good evidence; the status, and the code if it is refused.
async fn remove(world: &World, method: &str) -> (u16, Value) {
    let path = format!("/v1/subjects/person-7/methods/{method}/remove");
    let body = json!({ "evidence": [{ "type": "stronger_factor", "kind": "passkey" }] });
    let (status, answer) = world.call("POST", &path, TENANT, body).await;
    (status, answer["code"].clone())
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!(code))
}
