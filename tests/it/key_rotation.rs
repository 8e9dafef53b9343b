//! Master keys are replaced while codes are on their way.

use std::time::Duration;

use serde_json::json;

use crate::support::client::counts;
use crate::support::client::tally;
use crate::support::codes::wrong_codes;
use crate::support::gateway_config::{ProviderEntry, TestKey};
use crate::support::numbers;
use crate::support::receipts::Receipt;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// A process that refuses to start says so at once.
const REFUSES_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn codes_from_before_a_rotation_are_still_checked_after_it() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config(&[&hook]);
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let before = numbers::us_number();
    let before_id = client.start(&before).await.expect(201).id();
    let before_code = hook.submission_to(&before, ARRIVES_WITHIN).await.code;

    assert!(gateway.terminate().await.success());
    let new = TestKey::random("k2");
    scenario.secrets().add_bytes("a master key", &new.bytes);
    config.keys.insert(0, new);
    gateway.start(&config).await;

    let after = numbers::us_number();
    let after_id = client.start(&after).await.expect(201).id();
    let after_code = hook.submission_to(&after, ARRIVES_WITHIN).await.code;
    let wrong = wrong_codes(&before_code).next().expect("there are many");
    assert_eq!(
        client.check(&before_id, &wrong).await.expect(422).code(),
        "code_mismatch"
    );
    client.check(&before_id, &before_code).await.expect(200);
    client.check(&after_id, &after_code).await.expect(200);
    assert_eq!(
        client.verification(&before_id).await.expect(200).text("to"),
        before
    );
    scenario.finish().await;
}

#[tokio::test]
async fn a_node_that_lacks_or_contradicts_a_key_in_use_refuses_to_start() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let without = scenario.config(&[&hook]);
    let mut with = without.clone();
    with.keys.insert(0, TestKey::random("k2"));
    let rotated = scenario.started("rotated", &with).await;
    let number = numbers::us_number();
    scenario.client(&rotated).start(&number).await.expect(201);
    hook.submission_to(&number, ARRIVES_WITHIN).await;

    let mut contradicting = with.clone();
    contradicting.keys[0].bytes = TestKey::random("k2").bytes;
    for (name, config) in [("lacking", without), ("contradicting", contradicting)] {
        let node = scenario.gateway(name);
        node.spawn(&config);
        let ended = node.exit_within(REFUSES_WITHIN).await;
        assert!(!ended.success(), "{name}: it ended as if all were well");
        assert!(
            node.log().contains("k2"),
            "{name}: it does not say which key:\n{}",
            node.log()
        );
    }
    scenario.finish().await;
}

#[tokio::test]
async fn a_running_node_without_the_new_key_says_503_and_uses_up_no_guess() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let old = scenario.config(&[&hook]);
    let mut new = old.clone();
    new.keys.insert(0, TestKey::random("k2"));
    let behind = scenario.started("behind", &old).await;
    let ahead = scenario.started("ahead", &new).await;
    let (behind, ahead) = (scenario.client(&behind), scenario.client(&ahead));
    let number = numbers::us_number();
    let id = ahead.start(&number).await.expect(201).id();
    let code = hook.submission_to(&number, ARRIVES_WITHIN).await.code;
    let mut answers = Vec::new();
    for wrong in wrong_codes(&code).take(10) {
        answers.push(behind.check(&id, &wrong).await);
    }
    answers.push(behind.check(&id, &code).await);
    assert_eq!(tally(&answers), counts([(503, "unknown_key", 11)]));
    let seen = ahead.verification(&id).await.expect(200).json();
    assert_eq!(seen["checks_remaining"], json!(5));
    ahead.check(&id, &code).await.expect(200);
    scenario.finish().await;
}

#[tokio::test]
async fn a_receipt_under_a_key_that_a_node_lacks_may_come_again_and_a_forged_one_may_not() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let mut old = scenario.config_without_providers();
    old.provider(ProviderEntry::new(&hook).with_receipts());
    let mut new = old.clone();
    new.keys.insert(0, TestKey::random("k2"));
    let behind = scenario.started("behind", &old).await;
    let ahead = scenario.started("ahead", &new).await;
    let (behind, ahead) = (scenario.client(&behind), scenario.client(&ahead));
    let number = numbers::us_number();
    let id = ahead.start(&number).await.expect(201).id();
    let message = hook.submission_to(&number, ARRIVES_WITHIN).await;

    let delivered = || Receipt::of(&hook, &message, "delivered");
    let refused = delivered().at_node(&behind).post().await.expect(503);
    assert_eq!(refused.code(), "unknown_key");
    assert_eq!(refused.headers["retry-after"], "5");
    // Where the key is known, a wrong MAC is final.
    let misdirected = delivered().altered_at_its_end();
    misdirected.at_node(&ahead).post().await.expect(404);
    delivered().at_node(&ahead).post().await.expect(204);
    let seen = ahead.verification(&id).await.expect(200).json();
    assert_eq!(seen["deliveries"][0]["status"], json!("delivered"));
    scenario.finish().await;
}
