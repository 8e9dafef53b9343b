//! Row 20: nothing goes to a region that the tenant has not listed; calls have a
//! list of their own, and so have numbers that nobody has proved.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Setup, Stand, World, sha256};
use crate::support::numbers;

over_both_stores!(
    row_20_regions_are_off_until_listed_voice_apart,
    row_20_a_region_may_be_for_proved_numbers_only,
);

const FRESH: &str = "fresh-everything";
const METHODS: &str = "/v1/subjects/person-7/methods";

async fn adds(world: &World, number: &str, channel: &str) -> (u16, Value) {
    let asked = json!({
        "phone": number, "channel": channel, "evidence": [{ "type": "session" }],
    });
    world.call("POST", METHODS, FRESH, asked).await
}

async fn starts(world: &World, number: &str, channel: &str) -> (u16, Value) {
    let asked = json!({ "to": number, "channel": channel });
    world.call("POST", "/v1/verifications", FRESH, asked).await
}

async fn row_20_regions_are_off_until_listed_voice_apart(stand: Stand) {
    let american_only = fresh("regions = [\"US\"]");
    let mut world = World::with(stand, american_only).await;
    let british = numbers::gb_number();
    let american = numbers::us_number();
    for channel in ["sms", "voice"] {
        let abroad = refused(adds(&world, &british, channel).await);
        assert_eq!(abroad, (403, json!("region_not_enabled")), "{channel}");
        let abroad = refused(starts(&world, &british, channel).await);
        assert_eq!(abroad, (403, json!("region_not_enabled")), "{channel}");
    }
    let (status, called) = adds(&world, &american, "voice").await;
    assert_eq!(called["alternatives"], json!(["sms"]), "{called}");
    assert_eq!(refused((status, called)), (403, json!("voice_not_enabled")));
    let called = refused(starts(&world, &american, "voice").await);
    assert_eq!(called, (403, json!("voice_not_enabled")));
    assert!(world.messages_to(&british).is_empty());
    assert!(world.messages_to(&american).is_empty());
    let (status, sent) = adds(&world, &american, "sms").await;
    assert_eq!(status, 201, "{sent}");

    // Enabled for texts it is not for calls, and the other way round.
    let texts = fresh("regions = [\"US\", \"GB\"]\nvoice_regions = [\"US\"]");
    world.restarts_with(texts).await;
    assert_eq!(starts(&world, &british, "sms").await.0, 201);
    let called = refused(starts(&world, &british, "voice").await);
    assert_eq!(called, (403, json!("voice_not_enabled")));
    let calls = fresh("regions = [\"US\", \"GB\"]\nvoice_regions = [\"GB\"]");
    world.restarts_with(calls).await;
    world.advance(MINUTE);
    assert_eq!(starts(&world, &british, "voice").await.0, 201);
    let called = refused(starts(&world, &american, "voice").await);
    assert_eq!(called, (403, json!("voice_not_enabled")));
}

async fn row_20_a_region_may_be_for_proved_numbers_only(stand: Stand) {
    let mut world = World::over(stand).await;
    let british = numbers::gb_number();
    world.has_method("person-7", &british).await;
    let proved_only = "unconfirmed_regions = [\"US\"]";
    let proved_only = Setup::default().acme_line(proved_only);
    world.restarts_with(proved_only).await;
    world.advance(MINUTE);
    // Whoever was there before signs in, by text and by call.
    for channel in ["sms", "voice"] {
        let asked = json!({ "subject": "person-7", "channel": channel, "purpose": channel });
        let (status, sent) = world.post("/v1/verifications", asked).await;
        assert_eq!(status, 201, "{sent}");
    }
    let closed = (403, json!("unconfirmed_not_enabled"));
    let stranger = numbers::gb_number();
    let strong = json!([{ "type": "stronger_factor" }]);
    for asked in [
        ("verifications", json!({ "to": stranger })),
        (
            "verifications",
            json!({ "to": stranger, "channel": "voice" }),
        ),
        // A plain start does not say that somebody has proved the number.
        ("verifications", json!({ "to": british })),
        (
            "deliveries",
            json!({ "to": stranger, "channel": "sms", "text": "Hello." }),
        ),
        (
            "subjects/person-7/methods",
            json!({ "phone": stranger, "evidence": strong }),
        ),
        (
            "subjects/person-7/number-changes",
            json!({ "to": stranger, "evidence": strong }),
        ),
    ] {
        let (path, body) = asked;
        let answer = world.post(&format!("/v1/{path}"), body).await;
        assert_eq!(refused(answer), closed, "{path}");
    }
    assert!(world.messages_to(&stranger).is_empty());
    let asked = json!({ "to": numbers::us_number() });
    assert_eq!(world.post("/v1/verifications", asked).await.0, 201);
    let asked = json!({ "number": stranger });
    let (_, looked) = world.post("/v1/numbers/lookup", asked).await;
    let said = looked.to_string();
    assert!(said.contains("unconfirmed_not_enabled"), "{said}");
}

fn refused((status, answer): (u16, Value)) -> (u16, Value) {
    (status, answer["code"].clone())
}

/// A tenant of its own, which sends where these settings say.
fn fresh(settings: &str) -> Setup {
    Setup::default().more(&format!(
        "\n[[tenants]]\nname = \"fresh\"\n{settings}\n[[tenants.api_keys]]\nid = \"f1\"\n\
         sha256 = {:?}\nscopes = [\"verify\", \"read\", \"subjects\"]\n",
        sha256(FRESH)
    ))
}
