//! Calls: a voice that exists, digits one by one, and the extension dialled.

use serde_json::json;

use super::World;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn a_call_has_a_region_to_its_language_paced_digits_and_its_extension() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let mut otp = world.otp();
    otp.channel = "voice";
    otp.more = json!({ "locale": "en", "extension": "6048273915" });
    world
        .scenario
        .secrets()
        .add_text("an extension", "6048273915");
    world.send(&client, &otp).await.accepted();
    let call = world.first.submissions_to(&otp.number).remove(0);
    assert_eq!(call.channel, "voice");
    assert_eq!(call.locale.as_deref(), Some("en-US"));
    assert_eq!(call.extension.as_deref(), Some("6048273915"));
    let speech = call.speech.unwrap();
    let digits: Vec<char> = speech.chars().filter(char::is_ascii_digit).collect();
    let said_three_times = otp.code.repeat(3);
    assert_eq!(digits.into_iter().collect::<String>(), said_three_times);
    assert!(!speech.contains(&otp.code), "said as a number: {speech}");

    let mut german = world.otp();
    german.channel = "voice";
    german.more = json!({ "locale": "de-AT" });
    world.send(&client, &german).await.accepted();
    let call = world.first.submissions_to(&german.number).remove(0);
    assert_eq!(call.locale.as_deref(), Some("de-AT"));

    let mut unsayable = world.otp();
    unsayable.channel = "voice";
    unsayable.more = json!({ "extension": "ext. 5" });
    let told = world.send(&client, &unsayable).await;
    told.refused(400, "bad_request", Some("unsupported extension"));
    assert_eq!(world.submissions(), 2);
    world.scenario.finish().await;
}
