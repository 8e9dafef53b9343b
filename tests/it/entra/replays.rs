//! The same `x-ms-client-request-id` again: one message, and each request's own nonce.

use std::time::Duration;

use futures_util::future::join_all;

use super::World;
use crate::support::fake_provider::Behaviour;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

#[tokio::test]
async fn a_replay_sends_nothing_and_echoes_its_own_nonce() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let slow = Duration::from_millis(500);
    world.first.always(Behaviour::AcceptAfter(slow));
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let otp = world.otp();
    let envelopes: Vec<_> = (0..4).map(|_| world.envelope(&otp)).collect();
    let at_once = envelopes.into_iter();
    let at_once = at_once.map(|one| one.post(&client, otp.request_id.as_deref()));
    for told in join_all(at_once).await {
        told.accepted();
    }
    world.send(&client, &otp).await.accepted();
    assert_eq!(world.messages(&otp), 1);

    let mut other = otp.clone();
    other.code = world.otp().code;
    let told = world.send(&client, &other).await;
    told.refused(400, "bad_request", Some("x-ms-client-request-id reused"));
    let mut another = world.otp();
    another.request_id = otp.request_id.clone();
    world.send(&client, &another).await.accepted();
    assert_eq!(world.messages(&otp), 1);
    for id in ["a b", &"x".repeat(129), ""] {
        let told = world.envelope(&otp).post(&client, Some(id)).await;
        told.refused(400, "bad_request", Some("invalid x-ms-client-request-id"));
    }
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_replay_on_another_node_waits_for_the_first() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let slow = Duration::from_millis(700);
    world.first.always(Behaviour::AcceptAfter(slow));
    world.config.fleet_size(2);
    let (one, other) = (world.started("one").await, world.started("other").await);
    let (here, there) = (world.client(&one), world.client(&other));
    let otp = world.otp();
    let (first, again) = (world.envelope(&otp), world.envelope(&otp));
    let id = otp.request_id.as_deref();
    let replayed = async {
        world.first.submission_to(&otp.number, ARRIVES_WITHIN).await;
        again.post(&there, id).await
    };
    let (first, again) = tokio::join!(first.post(&here, id), replayed);
    first.accepted();
    again.accepted();
    world.send(&there, &otp).await.accepted();
    one.kill().await;
    world.send(&there, &otp).await.accepted();
    assert_eq!(world.messages(&otp), 1);
    world.scenario.finish().await;
}
