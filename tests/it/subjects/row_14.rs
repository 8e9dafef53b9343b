//! Row 14: the default method gets the code, and every answer, good or bad, says
//! what else there is, so that the identity service can offer another way.

use http::HeaderValue;
use serde_json::{Value, json};
use watchword::subjects::evidence::Finding;

use super::reading::names_method;
use super::world::{MINUTE, Setup, Signal, Stand, TENANT, World, request};
use crate::support::numbers;

const SUBJECT: &str = "u-14";

/// No SMS to the United Kingdom is carried by anybody.
const OUTAGE: &str = r#"
[[providers]]
id = "down"
kind = "sandbox"
channels = ["sms"]
latency_ms = 0
refusal_ratio = 1.0

[[routes]]
channel = "sms"
countries = ["GB"]
hops = ["down"]
"#;

/// A subject with two numbers, the first of them the default.
struct Two {
    world: World,
    first: String,
    second: String,
    first_number: String,
    second_number: String,
}

impl Two {
    async fn over(stand: Stand) -> Self {
        let setup = Setup::default()
            .line("limits", "sends_per_subject = [{ count = 9, per_s = 60 }]")
            .line("limits", "sends_per_number = [{ count = 3, per_s = 3600 }]")
            .acme(OUTAGE);
        let world = World::with(stand, setup).await;
        let (first_number, second_number) = (numbers::us_number(), numbers::us_number());
        let first = world.has_method(SUBJECT, &first_number).await;
        let evidence = json!([{ "type": "stronger_factor" }]);
        let second = world.adds_method(SUBJECT, &second_number, evidence).await;
        Self {
            world,
            first,
            second,
            first_number,
            second_number,
        }
    }

    async fn signs_in(&self) -> Value {
        let (status, started) = self.world.signs_in(SUBJECT).await;
        assert_eq!(status, 201, "{started}");
        started
    }

    /// Makes the second number the default one.
    async fn prefers_the_second(&self) {
        let path = format!("/v1/subjects/{SUBJECT}/methods/{}/default", self.second);
        let asked = json!({ "fallback_order": [self.second, self.first] });
        let (status, answer) = self.world.call("PUT", &path, TENANT, asked).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// The channels of a method in a list.
fn channels_of<'a>(listed: &'a Value, method: &str) -> &'a Value {
    let entries = listed.as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["method"] == method)
        .map(|entry| &entry["channels"])
        .next()
        .unwrap_or(&Value::Null)
}

async fn row_14_the_default_method_gets_the_code(stand: Stand) {
    let it = Two::over(stand).await;
    let started = it.signs_in().await;
    assert_eq!(started["method"], json!(it.first));
    it.prefers_the_second().await;
    it.world.advance(11 * MINUTE);
    let started = it.signs_in().await;
    assert_eq!(started["method"], json!(it.second));
    let named = json!({ "subject": SUBJECT, "method": it.first });
    let (status, started) = it.world.post("/v1/verifications", named).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(it.first));
}

async fn row_14_the_next_in_order_takes_the_place_of_a_default_that_is_gone(stand: Stand) {
    let it = Two::over(stand).await;
    it.prefers_the_second().await;
    it.world
        .networks
        .say(&it.second_number, Signal::Recycled, Finding::Raised);
    // Long unused numbers are asked after.
    it.world.advance(40 * 24 * 60 * MINUTE);
    let (status, refused) = it.world.signs_in(SUBJECT).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("method_suspended"))
    );
    assert!(names_method(&refused["methods"], &it.first), "{refused}");
    let started = it.signs_in().await;
    assert_eq!(started["method"], json!(it.first));
    it.world.skip_messages_to(&it.first_number);
}

async fn row_14_an_outage_names_voice_and_the_other_method_in_the_same_answer(stand: Stand) {
    let it = Two::over(stand).await;
    let subject = "u-14-gb";
    let british = numbers::gb_number();
    // Proved by a call: no text gets through.
    let path = format!("/v1/subjects/{subject}/methods");
    let asked = json!({
        "phone": british,
        "channel": "voice",
        "evidence": [{ "type": "session" }],
    });
    let (status, added) = it.world.post(&path, asked).await;
    assert_eq!(status, 201, "{added}");
    let method = super::world::text(&added["method"]["id"]);
    let code = it.world.code_to(&british).await;
    let confirm = format!("{path}/{method}/confirm");
    let (status, confirmed) = it.world.post(&confirm, json!({ "code": code })).await;
    assert_eq!(status, 200, "{confirmed}");
    let evidence = json!([{ "type": "stronger_factor" }]);
    let other_number = numbers::us_number();
    let other = it.world.adds_method(subject, &other_number, evidence).await;

    let asked = json!({ "subject": subject, "channel": "sms" });
    let mut asked = request("POST", "/v1/verifications", TENANT, &asked);
    asked
        .headers_mut()
        .insert("prefer", HeaderValue::from_static("wait=5"));
    let answer = it.world.send(asked).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let attempt = &answer.body["deliveries"][0]["attempts"][0];
    assert_eq!(attempt["outcome"], "refused", "{}", answer.body);
    let alternatives = &answer.body["alternatives"];
    assert_eq!(channels_of(alternatives, &method), &json!(["voice"]));
    assert_eq!(channels_of(alternatives, &other), &json!(["sms", "voice"]));
}

async fn row_14_a_numbers_limit_names_the_method_that_has_none(stand: Stand) {
    let it = Two::over(stand).await;
    it.signs_in().await;
    let pays = json!({ "subject": SUBJECT, "purpose": "pay" });
    let (status, started) = it.world.post("/v1/verifications", pays).await;
    assert_eq!(status, 201, "{started}");
    let exports = json!({ "subject": SUBJECT, "purpose": "export" });
    let (status, refused) = it.world.post("/v1/verifications", exports).await;
    assert_eq!((status, &refused["code"]), (429, &json!("number_limit")));
    assert!(names_method(&refused["methods"], &it.second), "{refused}");
    let other = json!({ "subject": SUBJECT, "purpose": "export", "method": it.second });
    let (status, started) = it.world.post("/v1/verifications", other).await;
    assert_eq!(status, 201, "{started}");
}

super::over_both_stores!(
    row_14_the_default_method_gets_the_code,
    row_14_the_next_in_order_takes_the_place_of_a_default_that_is_gone,
    row_14_an_outage_names_voice_and_the_other_method_in_the_same_answer,
    row_14_a_numbers_limit_names_the_method_that_has_none,
);
