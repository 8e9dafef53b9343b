//! A list of methods shows enough to choose one, and no number in full. That no
//! log shows one either is in `leaks`.

use serde_json::Value;

use super::over_both_stores;
use super::world::{MASKED, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(row_01_a_list_of_methods_shows_no_full_number);

async fn row_01_a_list_of_methods_shows_no_full_number(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    let id = world.has_method("person-7", &number).await;
    let path = "/v1/subjects/person-7/methods";
    let (status, listed) = world.call("GET", path, MASKED, Value::Null).await;
    assert_eq!(status, 200, "{listed}");
    let method = &listed["methods"][0];
    assert_eq!(text(&method["id"]), id);
    assert_eq!(method["status"], "active");
    assert_eq!(method["default"], true);
    assert!(method["verified_at"].is_string(), "{method}");
    assert_eq!(method["channels"], serde_json::json!(["sms", "voice"]));
    let shown = text(&method["number"]);
    let last_digits = number.split_at(number.len() - 2).1;
    assert!(
        shown.starts_with("+1") && shown.ends_with(last_digits),
        "{shown}"
    );

    let whole = world
        .call("GET", "/v1/subjects/person-7", MASKED, Value::Null)
        .await;
    for body in [&listed, &whole.1] {
        assert_absent(&number, "an answer", &body.to_string());
    }
    assert_absent(&number, "the metrics", &world.metrics());
    let (_, in_full) = world.call("GET", path, TENANT, Value::Null).await;
    assert_eq!(text(&in_full["methods"][0]["number"]), number);
}

fn assert_absent(number: &str, place: &str, text: &str) {
    let digits = number.trim_start_matches('+');
    assert!(!text.contains(digits), "{place} shows a number in full");
}
