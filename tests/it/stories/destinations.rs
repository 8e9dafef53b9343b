//! Where nothing may be sent: refused before anything is drawn or counted, with
//! the reason and what would do instead.

use serde_json::{Value, json};

use super::{Story, api_key, tenant_entry};
use crate::support::numbers;

/// In London, and on a wire.
const GB_LANDLINE: &str = "+442079460018";
const US_PREMIUM: &str = "+19002123456";
const FR_MOBILE: &str = "+33612345678";

#[tokio::test]
async fn what_may_not_be_sent_there_is_refused_with_what_may() {
    let key = api_key();
    let entry = tenant_entry(
        "shop",
        &[(key.as_str(), r#""verify", "read""#)],
        r#"regions = ["US", "GB"]
voice_regions = ["GB"]"#,
    );
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    let shop = story.client_of(&key);
    let us = numbers::us_number();
    for number in [GB_LANDLINE, US_PREMIUM, FR_MOBILE, &us] {
        story.scenario.secrets().add_number(number);
    }
    let voice = json!({ "to": us, "channel": "voice" });
    let fallback = json!({ "to": us, "fallback": ["voice"] });
    for (body, status, code, alternatives) in [
        (
            json!({ "to": GB_LANDLINE }),
            422,
            "not_reachable_by_sms",
            json!(["voice"]),
        ),
        (voice, 403, "voice_not_enabled", json!(["sms"])),
        (fallback, 403, "voice_not_enabled", json!(["sms"])),
        (
            json!({ "to": FR_MOBILE }),
            403,
            "region_not_enabled",
            Value::Null,
        ),
        (
            json!({ "to": US_PREMIUM }),
            422,
            "premium_rate",
            Value::Null,
        ),
    ] {
        let refused = shop.start_with(&body).await.expect(status);
        assert_eq!(refused.code(), code);
        assert_eq!(refused.json()["alternatives"], alternatives, "{code}");
    }
    assert_eq!(story.first.count(), 0, "something was sent all the same");

    let call = json!({ "to": GB_LANDLINE, "channel": "voice" });
    let id = shop.start_with(&call).await.expect(201).id();
    let message = story.message_to(GB_LANDLINE).await;
    assert_eq!(message.channel, "voice");
    shop.check(&id, &message.code).await.expect(200);
    story.end().await;
}

#[tokio::test]
async fn a_message_names_only_pages_and_apps_of_the_tenant_and_in_its_last_line() {
    let key = api_key();
    let entry = tenant_entry(
        "shop",
        &[(key.as_str(), r#""verify", "read""#)],
        r#"regions = ["US"]
origins = ["login.example.com"]
app_hashes = ["FA+9qCX9VSu"]"#,
    );
    let mut story = Story::begin_with(|config| {
        config.entry(&entry);
    })
    .await;
    let shop = story.client_of(&key);
    let (origin, hash) = ("login.example.com", "FA+9qCX9VSu");
    for (more, tail) in [
        (json!({ "origin": origin }), "\n@login.example.com #CODE"),
        (json!({ "app_hash": hash }), "\nFA+9qCX9VSu"),
        (
            json!({ "origin": origin, "app_hash": hash }),
            "\n@login.example.com #CODE FA+9qCX9VSu",
        ),
    ] {
        let number = numbers::us_number();
        let mut body = more;
        body["to"] = json!(number);
        shop.start_with(&body).await.expect(201);
        let message = story.message_to(&number).await;
        let tail = tail.replace("CODE", &message.code);
        assert!(
            message.text.ends_with(&tail),
            "not with {tail}: {}",
            message.text
        );
    }
    let sent = story.first.count();
    for (field, value, code) in [
        ("origin", "login.example.org", "origin_not_listed"),
        ("origin", "evil.login.example.com", "origin_not_listed"),
        ("app_hash", "FA+9qCX9VSv", "app_hash_not_listed"),
    ] {
        let mut body = json!({ "to": numbers::us_number() });
        body[field] = json!(value);
        assert_eq!(shop.start_with(&body).await.expect(403).code(), code);
    }
    assert_eq!(story.first.count(), sent, "a stranger's page was named");
    story.end().await;
}
