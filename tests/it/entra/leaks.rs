//! Everything at the most talkative level, rightly and wrongly asked: no number,
//! text, code, nonce, token or JWE gets anywhere.

use serde_json::json;

use super::{World, post};
use crate::leaks::{finish_with_commands, monitor};
use crate::support::client::Client;
use crate::support::fake_entra::claims;
use crate::support::fake_provider::Behaviour;
use crate::support::scenario::Scenario;

/// A walk past every kind of answer.
async fn walk(world: &mut World, client: &Client) {
    for mode in [1, 2] {
        for channel in ["sms", "voice"] {
            let mut otp = world.otp();
            otp.mode = json!(mode);
            otp.channel = channel;
            otp.more = json!({ "locale": "en", "riskContext": { "level": "low" } });
            world.send(client, &otp).await.accepted();
            world.send(client, &otp).await.accepted();
        }
    }
    // One that repeats what it was told, and one that hangs.
    world.first.next([Behaviour::Echo, Behaviour::Hang]);
    world.second.next([Behaviour::Hang, Behaviour::Echo]);
    for _ in 0..2 {
        let otp = world.otp();
        let told = world.send(client, &otp).await;
        told.refused(504, "delivery_failed", Some("no answer in time"));
    }
}

/// Secrets where they do not belong.
async fn misuse(world: &mut World, client: &Client) {
    let otp = world.otp();
    let good = world.envelope(&otp);
    let token = world.token();
    let mut tampered = good.body.clone();
    let mut jwe = good.jwe().to_owned();
    jwe.push_str("AA");
    tampered["encryptedDeliveryContext"] = json!(jwe);
    post(client, tampered.to_string(), None).await.expect(400);
    let mut bare = good.body.clone();
    bare["encryptedDeliveryContext"] = json!({ "nonce": good.nonce, "message": otp.text() });
    post(client, bare.to_string(), None).await.expect(400);
    let mut named = good.body.clone();
    named["correlationId"] = json!(otp.number);
    post(client, named.to_string(), Some(&otp.code))
        .await
        .expect(200);
    let body = format!("{{\"type\":\"{}\",\"{token}\":1", otp.number);
    post(client, body, None).await.expect(400);
    let forged = world
        .signing
        .named(&otp.number)
        .token(&claims(json!({ "aud": otp.code })));
    world.scenario.secrets().add_text("a token", &forged);
    let forger = client.with_key(&forged);
    post(&forger, good.body.to_string(), None).await.expect(401);
    let stranger = world.signing.token(&claims(json!({ "appid": otp.number })));
    world.scenario.secrets().add_text("a token", &stranger);
    let stranger = client.with_key(&stranger);
    post(&stranger, good.body.to_string(), None)
        .await
        .expect(403);
    let path = format!("/api/SendOtp?token={token}&number={}", otp.number);
    client.post(&path, &good.body).await;
}

#[tokio::test]
async fn nothing_leaks_from_redis_logs_and_metrics() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let monitored = monitor(world.scenario.redis()).await;
    world.config.set("log", "level", r#""trace""#);
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    walk(&mut world, &client).await;
    misuse(&mut world, &client).await;
    finish_with_commands(world.scenario, monitored).await;
}

#[tokio::test]
async fn nothing_leaks_from_the_embedded_file() {
    let mut world = World::on(Scenario::on_embedded()).await;
    world.config.set("log", "level", r#""debug""#);
    world.config.set("log", "format", r#""json""#);
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    walk(&mut world, &client).await;
    misuse(&mut world, &client).await;
    world.scenario.finish().await;
}
