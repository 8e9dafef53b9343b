//! Row 13: a call says the code after a key was pressed and not before; the key
//! for "I did not ask for this" freezes the subject.

use serde_json::{Value, json};

use super::world::{MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

const SUBJECT: &str = "u-13";

/// Handsets that press another key, or none, for what they are called about.
const HANDSETS: &str = r#"
[[providers]]
id = "silent"
kind = "sandbox"
channels = ["voice"]
receipts = "reference"
latency_ms = 0
pressed_key = "none"

[[providers]]
id = "reporting"
kind = "sandbox"
channels = ["voice"]
receipts = "reference"
latency_ms = 0
pressed_key = "9"

[[routes]]
channel = "voice"
purposes = ["to-silent"]
hops = ["silent"]

[[routes]]
channel = "voice"
purposes = ["to-reporting"]
hops = ["reporting"]
"#;

/// Calls the subject; what was heard, and the verification.
async fn calls(world: &World, number: &str, purpose: &str) -> (String, String) {
    world.advance(MINUTE);
    world.is_quiet().await;
    world.skip_messages_to(number);
    world.played();
    let asked = json!({ "subject": SUBJECT, "channel": "voice", "purpose": purpose });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    (world.next_message(number).await, text(&started["id"]))
}

/// How often a call has said a code, and which one.
fn spoken(world: &World) -> (usize, String) {
    let played = world.played();
    let codes = played.iter().filter(|said| said.contains("Your code is"));
    let codes: Vec<&String> = codes.collect();
    let digits = |said: &str| said.chars().filter(char::is_ascii_digit).collect();
    let code: String = codes.first().map_or_else(String::new, |said| digits(said));
    assert!(codes.iter().all(|said| digits(said) == code), "{played:?}");
    (codes.len(), code)
}

async fn status_of(world: &World, id: &str) -> Value {
    world.get(&format!("/v1/verifications/{id}")).await.1["status"].clone()
}

async fn row_13_a_call_says_the_code_after_a_key_and_a_report_freezes(stand: Stand) {
    let world = World::with(stand, Setup::default().more(HANDSETS)).await;
    let number = numbers::us_number();
    world.has_method(SUBJECT, &number).await;

    // A key was pressed, and the code was heard.
    let (_, id) = calls(&world, &number, "sign_in").await;
    let (times, code) = spoken(&world);
    assert_eq!(times, 3);
    let check = json!({ "code": code });
    let path = format!("/v1/verifications/{id}/check");
    let (status, checked) = world.post(&path, check).await;
    assert_eq!(status, 200, "{checked}");

    // Nobody pressed one: a machine may have listened.
    let (heard, id) = calls(&world, &number, "to-silent").await;
    assert!(heard.ends_with("press 1. Goodbye."), "{heard}");
    assert_eq!(spoken(&world).0, 0);
    assert_eq!(status_of(&world, &id).await, "pending");

    // Not asked for.
    let (heard, id) = calls(&world, &number, "to-reporting").await;
    assert!(heard.contains("no longer valid"), "{heard}");
    assert_eq!(spoken(&world).0, 0);
    assert_eq!(status_of(&world, &id).await, "canceled");
    world.advance(MINUTE);
    let (status, refused) = world.signs_in(SUBJECT).await;
    let code = &refused["code"];
    assert_eq!((status, code), (423, &json!("subject_frozen")), "{refused}");
    let shown = world.get(&format!("/v1/subjects/{SUBJECT}")).await.1;
    assert_eq!(shown["reason"], "call_reported");
    world.tick().await;
    assert_eq!(world.told_of("subject.frozen").len(), 1);
    let reported = world.told_of("verification.reported");
    assert_eq!(reported.len(), 1, "{:?}", world.told());
}

async fn row_13_a_report_is_told_without_a_freeze_where_the_tenant_wants_none(stand: Stand) {
    let setup = Setup::default()
        .more(HANDSETS)
        .line("subjects", "report_freezes = false");
    let world = World::with(stand, setup).await;
    let number = numbers::us_number();
    world.has_method(SUBJECT, &number).await;
    let (_, id) = calls(&world, &number, "to-reporting").await;
    assert_eq!(status_of(&world, &id).await, "canceled");
    world.tick().await;
    assert_eq!(world.told_of("verification.reported").len(), 1);
    world.advance(MINUTE);
    let (status, started) = world.signs_in(SUBJECT).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(world.told_of("subject.frozen").len(), 0);
}

super::over_both_stores!(
    row_13_a_call_says_the_code_after_a_key_and_a_report_freezes,
    row_13_a_report_is_told_without_a_freeze_where_the_tenant_wants_none,
);
