//! Row 14: whoever gets no code this way hears which other ways are open.

use serde_json::{Value, json};

use super::reading::names_method;
use super::world::{MINUTE, Setup, Stand, World};
use crate::support::numbers;

const SUBJECT: &str = "u-14";
const STRONG: &str = "stronger_factor";

/// A carrier of SMS that takes none, for one purpose.
const OUTAGE: &str = r#"
[[providers]]
id = "broken"
kind = "sandbox"
channels = ["sms"]
latency_ms = 0
refusal_ratio = 1.0

[[routes]]
channel = "sms"
purposes = ["in-an-outage"]
hops = ["broken"]
"#;

async fn starts(world: &World, asked: Value) -> (u16, Value) {
    world.advance(MINUTE);
    world.post("/v1/verifications", asked).await
}

async fn row_14_a_refusal_or_outage_names_what_else_there_is(stand: Stand) {
    let limit = r#"sends_per_number_all_tenants = [{ count = 3, per_s = 86400 }]"#;
    let setup = Setup::default().more(OUTAGE).line("limits", limit);
    let world = World::with(stand, setup).await;
    let (first, second) = (numbers::us_number(), numbers::us_number());
    world.has_method(SUBJECT, &first).await;
    world.advance(MINUTE);
    let strong = json!([{ "type": STRONG }]);
    let other = world.adds_method(SUBJECT, &second, strong).await;

    // The carrier takes nothing: the same answer says what else to try.
    let asked = json!({ "subject": SUBJECT, "purpose": "in-an-outage" });
    let (status, started) = starts(&world, asked).await;
    assert_eq!(status, 201, "{started}");
    assert!(names_method(&started["alternatives"], &other), "{started}");
    let same = json!({ "method": started["method"], "role": "primary", "channels": ["voice"] });
    assert_eq!(started["alternatives"][0], same, "{started}");

    // The number has had its share.
    let asked = json!({ "subject": SUBJECT });
    assert_eq!(starts(&world, asked.clone()).await.0, 201);
    world.advance(10 * MINUTE);
    let (status, refused) = starts(&world, asked).await;
    assert_eq!(
        (status, &refused["code"]),
        (429, &json!("number_limit")),
        "{refused}"
    );
    assert!(names_method(&refused["methods"], &other), "{refused}");
    assert_eq!(refused["alternatives"], json!(["voice"]), "{refused}");
    assert!(refused["available_at"].is_string());

    // Which of them is taken is the person's choice.
    let named = json!({ "subject": SUBJECT, "method": other, "channel": "voice" });
    let (status, started) = starts(&world, named).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["to"], second.as_str());
}

super::over_both_stores!(row_14_a_refusal_or_outage_names_what_else_there_is);
