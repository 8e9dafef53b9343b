//! Every line of the contract's table of errors, brought about.

use super::World;
use crate::support::fake_provider::{Behaviour, RefusedAddress};
use crate::support::gateway_config::ProviderEntry;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

#[tokio::test]
async fn what_a_provider_says_is_told_in_the_contracts_words() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    for (behaviour, status, reason) in [
        (
            Behaviour::Throttle(7),
            429,
            "the provider takes no more now",
        ),
        (
            Behaviour::RefuseForGood,
            400,
            "the provider refuses the message",
        ),
        (
            Behaviour::Status(401),
            401,
            "the provider refuses our credentials",
        ),
        // It may have gone all the same.
        (Behaviour::Status(500), 504, "no answer in time"),
    ] {
        world.first.always(behaviour.clone());
        world.second.always(behaviour);
        let otp = world.otp();
        let told = world.send(&client, &otp).await;
        told.refused(status, "delivery_failed", Some(reason));
        let waits = told.answer.headers.contains_key("retry-after");
        assert_eq!(waits, status == 429);
    }
    world.scenario.finish().await;
}

#[tokio::test]
async fn what_the_gateway_does_not_send_is_told_in_the_contracts_words() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let limit = "[{ count = 1, per_s = 3600 }]";
    world.config.set("limits", "sends_per_number", limit);
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let (abroad, premium_rate) = ("+33612345678", "+19002345678");
    for (number, status, error, reason) in [
        (abroad, 403, "delivery_failed", "destination not allowed"),
        (
            premium_rate,
            403,
            "delivery_failed",
            "destination not allowed",
        ),
        ("+442071838750", 400, "bad_request", "unreachable channel"),
        ("+1", 400, "bad_request", "invalid phoneNumber"),
    ] {
        let mut otp = world.otp();
        otp.number = number.to_owned();
        let told = world.send(&client, &otp).await;
        told.refused(status, error, Some(reason));
    }
    let mut otp = world.otp();
    world.send(&client, &otp).await.accepted();
    otp.request_id = None;
    let told = world.send(&client, &otp).await;
    told.refused(429, "delivery_failed", Some("limit reached"));
    assert!(told.answer.headers.contains_key("retry-after"));
    assert_eq!(world.submissions(), 1);
    world.scenario.finish().await;
}

#[tokio::test]
async fn nobody_reached_is_502_and_a_stopped_store_is_503() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let nowhere = RefusedAddress::new();
    let entry = ProviderEntry::new(&world.first).at(&nowhere.url());
    world.config.only_provider(entry);
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let otp = world.otp();
    let told = world.send(&client, &otp).await;
    told.refused(502, "delivery_failed", Some("no provider could be reached"));
    let otp = world.otp();
    world.scenario.redis().freeze();
    let told = world.send(&client, &otp).await;
    world.scenario.redis().resume();
    told.refused(503, "delivery_failed", Some("unavailable"));
    assert!(told.answer.headers.contains_key("retry-after"));
    let is_back = eventually(ARRIVES_WITHIN, async || {
        gateway.readiness().await == Some(200)
    });
    assert!(is_back.await);
    world.scenario.finish().await;
}
