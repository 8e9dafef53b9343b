//! Row 19 of the table: who has reached a limit is told until when, hammering
//! prolongs nothing, and a refusal does not tell whose number it is.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::over_both_stores;
use super::reading::at_ms;
use super::world::{DAY, HOUR, MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    hammering_does_not_prolong_a_subjects_limit,
    hammering_does_not_prolong_a_numbers_limit,
    a_limit_offers_only_what_it_leaves_open,
    a_refusal_does_not_tell_who_is_known,
    a_person_is_told_the_same_whatever_was_refused,
    a_blocked_prefix_is_sent_nothing,
    neighbouring_numbers_share_a_limit,
    a_new_tenant_sends_a_little_more_each_day,
);

/// Asks until it is refused, each time for another purpose: none of these is a
/// resend. Answers the refusal.
async fn asks_until_refused(world: &World, subject: &str) -> Value {
    for purpose in ["sign_in", "pay", "export", "close_account"] {
        let asked = json!({ "subject": subject, "purpose": purpose });
        let (status, answer) = world.post("/v1/verifications", asked).await;
        if status == 429 {
            return answer;
        }
        assert_eq!(status, 201, "{answer}");
    }
    panic!("nothing was refused");
}

/// Asks every second for twenty seconds, and is told the same each time.
async fn hammers(world: &World, subject: &str, refusal: &Value) {
    for second in 1..=20 {
        world.advance(Duration::from_secs(1));
        let asked = json!({ "subject": subject, "purpose": "hammering" });
        let (status, answer) = world.post("/v1/verifications", asked).await;
        assert_eq!(status, 429, "{answer}");
        assert_eq!(answer["code"], refusal["code"]);
        assert_eq!(
            answer["available_at"], refusal["available_at"],
            "after {second} s"
        );
    }
}

async fn hammering_does_not_prolong_a_subjects_limit(stand: Stand) {
    let setup = Setup::default().line("limits", "sends_per_subject = [{ count = 3, per_s = 600 }]");
    let world = World::with(stand, setup).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;

    let refusal = asks_until_refused(&world, "u-1").await;
    assert_eq!(refusal["code"], json!("subject_limit"));
    assert!(refusal["retry_after"].as_u64() > Some(0), "{refusal}");
    hammers(&world, "u-1", &refusal).await;

    // The first of three sends in 600 s is forgotten after 200 s.
    world.advance(4 * MINUTE);
    let (status, answer) = world.signs_in_for(("u-1", "hammering")).await;
    assert_eq!(status, 201, "{answer}");
}

async fn hammering_does_not_prolong_a_numbers_limit(stand: Stand) {
    let setup = Setup::default()
        .line("limits", "sends_per_number = [{ count = 4, per_s = 600 }]")
        .line(
            "limits",
            "sends_per_subject = [{ count = 1000, per_s = 1 }]",
        );
    let world = World::with(stand, setup).await;
    // Two people share a phone, and with it its limit.
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.has_method("u-2", &number).await;

    let refusal = asks_until_refused(&world, "u-1").await;
    assert_eq!(refusal["code"], json!("number_limit"));
    let (status, other) = world.signs_in("u-2").await;
    assert_eq!((status, &other["code"]), (429, &json!("number_limit")));
    hammers(&world, "u-1", &refusal).await;

    world.advance(4 * MINUTE);
    let (status, answer) = world.signs_in_for(("u-1", "hammering")).await;
    assert_eq!(status, 201, "{answer}");
}

async fn a_limit_offers_only_what_it_leaves_open(stand: Stand) {
    let setup = Setup::default().line("limits", "sends_per_subject = [{ count = 4, per_s = 600 }]");
    let world = World::with(stand, setup).await;
    world.has_method("u-1", &numbers::us_number()).await;
    let strong = json!([{ "type": "stronger_factor" }]);
    let other = world
        .adds_method("u-1", &numbers::us_number(), strong)
        .await;
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");

    // A call to the same number is a resend too, a text to another one is none.
    let (status, early) = world.signs_in("u-1").await;
    assert_eq!((status, &early["code"]), (429, &json!("resend_too_early")));
    assert!(early["alternatives"].is_null(), "{early}");
    assert_eq!(early["methods"][0]["method"], json!(other));
    let asked = json!({ "subject": "u-1", "method": other });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");

    // The subject's limit holds for all of its numbers.
    let (status, refusal) = world.signs_in_for(("u-1", "pay")).await;
    assert_eq!((status, &refusal["code"]), (429, &json!("subject_limit")));
    assert!(refusal["alternatives"].is_null(), "{refusal}");
    assert!(refusal["methods"].is_null(), "{refusal}");
    for asked in [json!({ "method": other }), json!({ "channel": "voice" })] {
        let mut asked = asked;
        asked["subject"] = json!("u-1");
        asked["purpose"] = json!("pay");
        let (status, refused) = world.post("/v1/verifications", asked).await;
        assert_eq!((status, &refused["code"]), (429, &json!("subject_limit")));
    }
}

/// What a refusal says, without what differs between any two.
fn said(answer: &Value) -> Value {
    let mut said = answer.clone();
    if let Some(fields) = said.as_object_mut() {
        fields.remove("request_id");
    }
    said
}

async fn a_refusal_does_not_tell_who_is_known(stand: Stand) {
    let world = World::over(stand).await;
    // One has a number that it has not proved, nothing is known of the other.
    let asked = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    let (status, added) = world.post("/v1/subjects/known/methods", asked).await;
    assert_eq!(status, 201, "{added}");
    let (status, of_known) = world.signs_in("known").await;
    assert_eq!((status, &of_known["code"]), (409, &json!("no_method")));
    let (status, of_unknown) = world.signs_in("unknown").await;
    assert_eq!(status, 409);
    assert_eq!(said(&of_known), said(&of_unknown));
}

/// What was said to the person of a refused start, and the refusal's code.
async fn shown_of(world: &World, asked: Value) -> (String, Value) {
    let (status, refused) = world.post("/v1/verifications", asked).await;
    assert!(status >= 400, "{refused}");
    (text(&refused["neutral_text"]), refused["code"].clone())
}

async fn a_person_is_told_the_same_whatever_was_refused(stand: Stand) {
    let setup = Setup::default()
        .line("limits", "sends_per_number = [{ count = 1, per_s = 600 }]")
        .line("limits", "sends_per_subject = [{ count = 1, per_s = 600 }]")
        .line("limits", "blocked_prefixes = [\"+4474\"]");
    let world = World::with(stand, setup).await;
    let (number, plain) = (numbers::us_number(), numbers::us_number());
    world.has_method("known", &number).await;
    let (status, _) = world
        .post("/v1/verifications", json!({ "to": plain }))
        .await;
    assert_eq!(status, 201);
    let pays = "pay";
    let refused = [
        (json!({ "subject": "unknown" }), "no_method"),
        (json!({ "subject": "known" }), "subject_limit"),
        (json!({ "to": plain, "purpose": pays }), "send_limit"),
        (json!({ "to": numbers::gb_number() }), "prefix_blocked"),
        (json!({ "to": "+33612345678" }), "region_not_enabled"),
        (json!({ "to": "+19005550123" }), "premium_rate"),
    ];
    let english = "We could not send you a code. Try another way, or try again later.";
    for (asked, code) in refused {
        let (shown, refused) = shown_of(&world, asked.clone()).await;
        assert_eq!((shown.as_str(), &refused), (english, &json!(code)));
        let mut asked = asked;
        asked["locale"] = json!("de-CH");
        let (shown, _) = shown_of(&world, asked).await;
        assert!(shown.starts_with("Wir konnten"), "{shown}");
    }
}

async fn a_blocked_prefix_is_sent_nothing(stand: Stand) {
    let mut world = World::over(stand).await;
    let (number, other) = (numbers::gb_number(), numbers::us_number());
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    let strong = json!([{ "type": "stronger_factor" }]);
    let other_id = world.adds_method("u-1", &other, strong).await;
    world.tick().await;
    world.advance(MINUTE);
    let before = world.messages_to(&number).len();

    let blocked = Setup::default().acme_line("blocked_prefixes = [\"+447400\"]");
    world.restarts_with(blocked).await;
    let (status, refused) = world.signs_in("u-1").await;
    assert_eq!((status, &refused["code"]), (403, &json!("prefix_blocked")));
    assert_eq!(refused["methods"][0]["method"], json!(other_id));
    assert!(refused["retry_after"].is_null(), "no time helps: {refused}");
    for path in ["verifications", "deliveries"] {
        let mut asked = json!({ "to": numbers::gb_number() });
        if path == "deliveries" {
            asked["channel"] = json!("voice");
            asked["text"] = json!("Hello.");
        }
        let (status, refused) = world.post(&format!("/v1/{path}"), asked).await;
        assert_eq!((status, &refused["code"]), (403, &json!("prefix_blocked")));
    }
    world.tick().await;
    assert_eq!(world.messages_to(&number).len(), before);
    let asked = json!({ "subject": "u-1", "method": other_id });
    assert_eq!(world.post("/v1/verifications", asked).await.0, 201);
}

async fn neighbouring_numbers_share_a_limit(stand: Stand) {
    let rule = "sends_per_prefix = [{ count = 3, per_s = 3600 }]";
    let world = World::with(stand, Setup::default().line("limits", rule)).await;
    let to = |number: &str| json!({ "to": number });
    for last in ["0101", "0102", "0103"] {
        let asked = to(&format!("+1415234{last}"));
        let (status, sent) = world.post("/v1/verifications", asked).await;
        assert_eq!(status, 201, "{sent}");
    }
    let mut available_at = Value::Null;
    for last in ["0104", "0105", "0101"] {
        let mut asked = to(&format!("+1415234{last}"));
        asked["purpose"] = json!("pay");
        let (status, refused) = world.post("/v1/verifications", asked).await;
        assert_eq!((status, &refused["code"]), (429, &json!("prefix_limit")));
        assert!(refused["retry_after"].as_u64() > Some(0), "{refused}");
        if available_at.is_null() {
            available_at = refused["available_at"].clone();
        }
        assert_eq!(refused["available_at"], available_at, "{refused}");
        world.advance(Duration::from_secs(1));
    }
    let (status, sent) = world.post("/v1/verifications", to("+14152350101")).await;
    assert_eq!(status, 201, "{sent}");
    world.advance(21 * MINUTE);
    let (status, sent) = world.post("/v1/verifications", to("+14152340104")).await;
    assert_eq!(status, 201, "{sent}");
}

async fn a_new_tenant_sends_a_little_more_each_day(stand: Stand) {
    let mut world = World::over(stand).await;
    // Long enough ahead that no day begins while the first one is told of.
    let day_ms = 86_400_000;
    let first_day = world.now_ms() / day_ms + 2;
    let into_first_day_ms = first_day * day_ms + 3_600_000 - world.now_ms();
    world.advance(Duration::from_millis(into_first_day_ms));
    let since = Timestamp::from_second(i64::try_from(first_day * 86_400).expect("a near day"))
        .expect("a near day")
        .strftime("%Y-%m-%d")
        .to_string();
    let ramp = format!("ramp = {{ since = \"{since}\", first_day_max = 2, days = 2 }}");
    world.restarts_with(Setup::default().acme_line(&ramp)).await;
    // Over whichever channel, to whichever region and whomever.
    let sends = async |world: &World, count: usize| {
        for number in 0..count {
            let asked = match number % 2 {
                0 => json!({ "to": numbers::us_number() }),
                _ => json!({ "to": numbers::gb_number(), "channel": "voice" }),
            };
            let (status, sent) = world.post("/v1/verifications", asked).await;
            assert_eq!(status, 201, "{sent}");
        }
    };
    let refused = async |world: &World| {
        let asked = json!({ "to": numbers::us_number() });
        let (status, refused) = world.post("/v1/verifications", asked).await;
        assert_eq!((status, &refused["code"]), (429, &json!("tenant_ramp")));
        at_ms(&refused["available_at"])
    };
    sends(&world, 2).await;
    let next_day_ms = (first_day + 1) * day_ms;
    assert_eq!(refused(&world).await, next_day_ms);
    world.advance(HOUR);
    assert_eq!(
        refused(&world).await,
        next_day_ms,
        "hammering changes nothing"
    );
    world.advance(DAY);
    sends(&world, 4).await;
    assert_eq!(refused(&world).await, next_day_ms + day_ms);
    world.advance(DAY);
    // The ramp is over.
    sends(&world, 9).await;
}
