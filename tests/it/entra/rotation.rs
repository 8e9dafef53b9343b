//! New keys in the middle of traffic, and an issuer that is not well.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::World;
use crate::support::fake_entra::{FakeEntra, Publishing, Recipient, TokenKey, claims};
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// An issuer is asked for an unknown key no more often than this.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Between two requests of the traffic.
const PACE: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_signing_key_rotated_in_traffic_is_taken_up_and_the_issuer_asked_once_a_minute() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let started = Instant::now();
    let gateway = world.started("one").await;
    assert_eq!(world.entra.fetches(), 1);
    let next = TokenKey::drawn("next");
    let good = world.client(&gateway);
    let made_up = gateway.client(&world.signing.named("made-up").token(&claims(json!({}))));
    let renewed = gateway.client(&next.token(&claims(json!({}))));
    world.entra.publish(&[world.signing.clone(), next.clone()]);
    let otp = world.otp();
    while started.elapsed() < AGAIN_AFTER - Duration::from_secs(2) {
        world.send(&good, &otp).await.accepted();
        let told = world.send(&made_up, &otp).await;
        told.refused(401, "unauthorized", None);
        assert_eq!(world.entra.fetches(), 1, "made-up keys made it ask");
        sleep(PACE).await;
    }
    sleep(Duration::from_secs(3) + AGAIN_AFTER.saturating_sub(started.elapsed())).await;
    let envelopes: Vec<_> = (0..20).map(|_| world.envelope(&otp)).collect();
    let by_both = envelopes
        .into_iter()
        .zip([&renewed, &good].into_iter().cycle());
    let at_once = by_both.map(|(one, client)| one.post(client, otp.request_id.as_deref()));
    for told in join_all(at_once).await {
        told.accepted();
    }
    assert_eq!(world.entra.fetches(), 2, "asked once for all of them");
    // The issuer goes, and its keys stay good.
    world.entra.is(Publishing::Hanging);
    let told = world.send(&made_up, &otp).await;
    told.refused(401, "unauthorized", None);
    world.send(&renewed, &otp).await.accepted();
    world.send(&good, &otp).await.accepted();
    assert_eq!(world.entra.fetches(), 2);
    assert_eq!(world.messages(&otp), 1);
    world.scenario.finish().await;
}

#[tokio::test]
async fn an_issuer_that_is_not_well_lets_nobody_in_until_it_is() {
    for ill in [
        Publishing::Hanging,
        Publishing::Failing,
        Publishing::Rubbish,
    ] {
        let mut world = World::on(Scenario::on_embedded()).await;
        world.entra.is(ill);
        let gateway = world.scenario.started("one", &world.config).await;
        let asked = world.entra.has_been_asked(1, ARRIVES_WITHIN);
        assert!(asked.await, "it asks at the start");
        let client = world.client(&gateway);
        let otp = world.otp();
        let told = world.send(&client, &otp).await;
        told.refused(503, "signing_keys_unavailable", None);
        assert!(told.answer.headers.contains_key("retry-after"));
        assert_eq!(world.submissions(), 0);
        world.entra.is(Publishing::Keys);
        let envelope = world.envelope(&otp);
        let id = otp.request_id.clone();
        let is_well = eventually(ARRIVES_WITHIN, async || {
            let told = envelope.clone().post(&client, id.as_deref()).await;
            told.answer.status == 200
        });
        assert!(is_well.await, "{ill:?}: nobody is let in");
        assert_eq!(world.messages(&otp), 1);
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn a_reload_in_traffic_adds_a_decryption_key_and_another_issuer() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let gateway = world.started("one").await;
    let next = TokenKey::drawn("next");
    let other = FakeEntra::start(&[world.signing.clone(), next.clone()]).await;
    let previous = Recipient::previous();
    let old = world.client(&gateway);
    let new = gateway.client(&next.token(&claims(json!({}))));
    let otp = world.otp();
    let mut to_previous = world.otp();
    to_previous.recipient = previous.clone();
    world.send(&old, &otp).await.accepted();
    let told = world.send(&old, &to_previous).await;
    told.refused(400, "decryption_failed", None);
    let told = world.send(&new, &otp).await;
    told.refused(401, "unauthorized", None);

    let mut config = world.scenario.config(&[&world.first, &world.second]);
    config.entry(&other.entry(&[&world.recipient, &previous]));
    gateway.reload(&config);
    let until = Instant::now() + ARRIVES_WITHIN;
    loop {
        // The traffic meanwhile is taken without a gap.
        world.send(&old, &otp).await.accepted();
        let told = world.send(&new, &to_previous).await;
        if told.answer.status == 200 {
            told.accepted();
            break;
        }
        assert!(Instant::now() < until, "the reload is not taken over");
    }
    world.send(&old, &otp).await.accepted();
    assert_eq!((world.messages(&otp), world.messages(&to_previous)), (1, 1));
    world.scenario.finish().await;
}
