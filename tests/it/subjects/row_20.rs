//! Nothing goes to a region that the tenant has not listed, and calls have a list
//! of their own.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{Setup, Stand, World, sha256};
use crate::support::numbers;

over_both_stores!(row_20_regions_are_off_until_listed_voice_apart);

const FRESH: &str = "fresh-everything";

async fn row_20_regions_are_off_until_listed_voice_apart(stand: Stand) {
    let world = World::with(stand, Setup::default().more(&fresh())).await;
    let british = numbers::gb_number();
    let american = numbers::us_number();
    let add = async |number: &str, channel: &str| {
        let asked = json!({
            "phone": number, "channel": channel, "evidence": [{ "type": "session" }],
        });
        let path = "/v1/subjects/person-7/methods";
        world.call("POST", path, FRESH, asked).await
    };
    let start = async |number: &str, channel: &str| {
        let asked = json!({ "to": number, "channel": channel });
        world.call("POST", "/v1/verifications", FRESH, asked).await
    };
    for channel in ["sms", "voice"] {
        let abroad = refused(add(&british, channel).await);
        assert_eq!(abroad, (403, json!("region_not_enabled")), "{channel}");
        let abroad = refused(start(&british, channel).await);
        assert_eq!(abroad, (403, json!("region_not_enabled")), "{channel}");
    }
    let (status, called) = add(&american, "voice").await;
    assert_eq!(called["alternatives"], json!(["sms"]), "{called}");
    assert_eq!(refused((status, called)), (403, json!("voice_not_enabled")));
    let called = refused(start(&american, "voice").await);
    assert_eq!(called, (403, json!("voice_not_enabled")));
    assert!(world.messages_to(&british).is_empty());
    assert!(world.messages_to(&american).is_empty());
    let (status, sent) = add(&american, "sms").await;
    assert_eq!(status, 201, "{sent}");
}

fn refused((status, answer): (u16, Value)) -> (u16, Value) {
    (status, answer["code"].clone())
}

/// A tenant that has listed one region, and none for calls.
fn fresh() -> String {
    format!(
        "\n[[tenants]]\nname = \"fresh\"\nregions = [\"US\"]\n[[tenants.api_keys]]\nid = \"f1\"\n\
         sha256 = {:?}\nscopes = [\"verify\", \"read\", \"subjects\"]\n",
        sha256(FRESH)
    )
}
