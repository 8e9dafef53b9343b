//! The most talkative configuration, every endpoint, and providers that repeat
//! what they were told: still no code, number or key gets anywhere.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::client::Client;
use crate::support::codes::wrong_codes;
use crate::support::fake_provider::{Behaviour, FakeProvider};
use crate::support::gateway_config::ProviderEntry;
use crate::support::numbers;
use crate::support::receipts::Receipt;
use crate::support::redis_server::RedisServer;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// Collects every command any client sends to Redis, as `MONITOR` shows it.
pub(crate) async fn monitor(redis: &RedisServer) -> JoinHandle<Vec<u8>> {
    let mut socket = TcpStream::connect(redis.address())
        .await
        .expect("Redis is running");
    socket.write_all(b"MONITOR\r\n").await.expect("Redis reads");
    let mut commands = vec![0; 5];
    socket
        .read_exact(&mut commands)
        .await
        .expect("Redis answers");
    tokio::spawn(async move {
        while socket
            .read_buf(&mut commands)
            .await
            .is_ok_and(|length| length > 0)
        {}
        commands
    })
}

/// A tour past every endpoint for one number.
struct Tour<'a> {
    client: &'a Client,
    hook: &'a FakeProvider,
    number: String,
}

impl Tour<'_> {
    async fn walk(&self) {
        let started = self.client.start(&self.number).await.expect(201);
        let message = self.hook.submission_to(&self.number, ARRIVES_WITHIN).await;
        let id = started.id();
        for wrong in wrong_codes(&message.code).take(2) {
            self.client.check(&id, &wrong).await.expect(422);
        }
        self.client.resend(&id).await.expect(429);
        self.client.verification(&id).await.expect(200);
        let escaped = self.number.replace('+', "%2B");
        self.client
            .get(&format!("/v1/verifications?to={escaped}"))
            .await
            .expect(200);
        for path in ["/v1/numbers/lookup", "/v1/explain"] {
            self.client
                .post(path, &json!({ "number": self.number }))
                .await
                .expect(200);
        }
        if message.receipt_url.is_some() {
            Receipt::of(self.hook, &message, "delivered")
                .forged()
                .post()
                .await
                .expect(403);
            Receipt::of(self.hook, &message, "delivered")
                .post()
                .await
                .expect(204);
        }
        self.client.check(&id, &message.code).await.expect(200);
        self.client.check(&id, &message.code).await.expect(409);
        self.misuse(&id, &message.code).await;
    }

    /// Numbers and codes where they do not belong.
    async fn misuse(&self, id: &str, code: &str) {
        let number = &self.number;
        let wrong: [(&str, Value); 5] = [
            (
                "/v1/verifications",
                json!({ "to": format!("{number}999999") }),
            ),
            (
                "/v1/verifications",
                json!({ "to": number, number.as_str(): code }),
            ),
            (
                "/v1/verifications",
                json!({ "to": number, "channel": code, "purpose": number }),
            ),
            ("/v1/verifications", json!({ "to": [number, code] })),
            (
                "/v1/numbers/lookup",
                json!({ "number": number, "region": code }),
            ),
        ];
        for (path, body) in wrong {
            self.client.post(path, &body).await.expect(422);
        }
        for path in [
            format!("/v1/verifications/{number}"),
            format!("/{code}?to={number}"),
        ] {
            self.client.get(&path).await.expect(404);
        }
        self.client
            .get(&format!("/v1/verifications/{id}?{code}={number}"))
            .await;
        let with_headers = Request::get(format!("{}/v1/verifications/{id}", self.client.base()))
            .header("x-request-id", format!("{number}-{code}"))
            .header("user-agent", format!("{number} {code}"))
            .header("x-forwarded-for", code)
            .body(bytes::Bytes::new())
            .expect("a well-formed request");
        self.client.send(with_headers).await;
    }
}

async fn send_only_and_own_code(scenario: &mut Scenario, hook: &FakeProvider, client: &Client) {
    let number = numbers::gb_number();
    let text = "Your parcel 88f1-parcel-secret waits.";
    scenario.secrets().add_number(&number);
    scenario
        .secrets()
        .add_text("a tenant's own text", "88f1-parcel-secret");
    let body = json!({ "to": number, "channel": "sms", "text": text });
    client.post("/v1/deliveries", &body).await.expect(201);
    assert_eq!(hook.submission_to(&number, ARRIVES_WITHIN).await.text, text);
    let number = numbers::us_number();
    scenario.secrets().add_code("7719302856");
    scenario.secrets().add_text("an extension", "6048273915");
    let body = json!({
        "to": number, "extension": "6048273915", "code": "7719302856", "channel": "voice",
    });
    client.post("/v1/verifications", &body).await.expect(201);
    let call = hook.submission_to(&number, ARRIVES_WITHIN).await;
    assert_eq!(call.extension.as_deref(), Some("6048273915"));
}

#[tokio::test]
async fn nothing_leaks_at_the_most_talkative_level() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let parrot = scenario.provider("hook-parrot").await;
    parrot.always(Behaviour::Echo);
    let monitored = monitor(scenario.redis()).await;
    let mut config = scenario.config_without_providers();
    config.provider(ProviderEntry::new(&parrot).line("breaker = { attempts_min = 1000 }"));
    config.provider(ProviderEntry::new(&hook).with_receipts());
    config.set("log", "level", r#""trace""#);
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    for number in [numbers::us_number(), numbers::gb_number()] {
        let (client, hook) = (&client, &hook);
        Tour {
            client,
            hook,
            number,
        }
        .walk()
        .await;
    }
    send_only_and_own_code(&mut scenario, &hook, &client).await;
    client
        .with_key("wk_nobody_has_this_key")
        .start(&numbers::us_number())
        .await
        .expect(401);
    scenario
        .secrets()
        .add_text("a wrong API key", "wk_nobody_has_this_key");
    assert!(
        hook.has_count(4, ARRIVES_WITHIN).await,
        "not everything was sent"
    );
    finish_with_commands(scenario, monitored).await;
}

#[tokio::test]
async fn nothing_leaks_while_everything_fails() {
    let mut scenario = Scenario::on_redis().await;
    let parrot = scenario.provider("hook-parrot").await;
    parrot.always(Behaviour::Echo);
    let mut config = scenario.config(&[&parrot]);
    // Codes as they are by default.
    config.set("codes", "digits", "6");
    config.set("log", "level", r#""debug""#);
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    for _ in 0..5 {
        client.start(&numbers::us_number()).await.expect(201);
    }
    assert!(
        parrot.has_count(5, ARRIVES_WITHIN).await,
        "nothing was sent"
    );
    scenario.redis().freeze();
    for _ in 0..5 {
        client.start(&numbers::us_number()).await.expect(503);
    }
    scenario.redis().resume();
    gateway.is_ready_within(Duration::from_secs(5)).await;
    scenario.finish().await;
}

/// Also searches what was sent to Redis, not just what stayed there.
pub(crate) async fn finish_with_commands(scenario: Scenario, monitored: JoinHandle<Vec<u8>>) {
    let mut connection = scenario.redis().connection().await;
    // Ends the monitor's connection, and with it the collection.
    redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query_async::<()>(&mut connection)
        .await
        .expect("Redis answers");
    let commands = monitored.await.expect("the collection does not panic");
    assert!(
        commands.len() > 10_000,
        "the monitor saw only {} bytes",
        commands.len()
    );
    scenario
        .all_secrets()
        .assert_absent("commands to Redis", &commands);
    scenario.finish().await;
}
