//! Events that Amazon SNS posts, through the whole gateway: its certificate is
//! fetched from where SNS is and from nowhere else, kept, and what it did not sign
//! changes nothing.

use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::fake_aws::{CERTIFICATE, CONFIRMATION, FakeAws, Signer};
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// A gateway that sends over AWS, and one message on its way.
struct World {
    scenario: Scenario,
    aws: FakeAws,
    gateway: Gateway,
    client: Client,
    id: String,
    message_id: String,
}

impl World {
    async fn on(mut scenario: Scenario) -> Self {
        let aws = FakeAws::start().await;
        let mut config = scenario.config_without_providers();
        config.entry(&aws.entry());
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        let number = numbers::us_number();
        scenario.secrets().add_number(&number);
        let id = client.start(&number).await.expect(201).id();
        let message_id = aws.message_id(0, ARRIVES_WITHIN).await;
        let world = Self {
            scenario,
            aws,
            gateway,
            client,
            id,
            message_id,
        };
        world.becomes("submitted").await;
        world
    }

    async fn post(&self, envelope: &Value) -> Answer {
        let url = format!("{}/v1/receipts/aws", self.client.base());
        let request = http::Request::post(url)
            .header("content-type", "text/plain; charset=UTF-8")
            .body(envelope.to_string().into())
            .expect("a callback's URL and headers are well-formed");
        Client::without_key().send(request).await
    }

    fn delivered(&self) -> Value {
        FakeAws::event("TEXT_DELIVERED", &self.message_id)
    }

    async fn status(&self) -> Value {
        let seen = self.client.verification(&self.id).await.expect(200).json();
        seen["deliveries"][0]["status"].clone()
    }

    async fn becomes(&self, status: &str) {
        let in_time = eventually(ARRIVES_WITHIN, async || self.status().await == status);
        assert!(in_time.await, "it is never {status}");
    }

    /// Refused, and nothing has come of it.
    async fn is_refused(&self, envelope: &Value, refusals: f64) {
        let refused = self.post(envelope).await.expect(403);
        assert_eq!(refused.code(), "receipt_refused");
        assert_eq!(self.status().await, "submitted");
        let name = "watchword_receipts_refused_total";
        let counted = self.gateway.metric(name, &["aws", "signature"]).await;
        assert_eq!(counted, refusals);
    }
}

#[tokio::test]
async fn an_event_acts_once_its_certificate_came_from_sns_and_is_fetched_once() {
    let world = World::on(Scenario::on_embedded()).await;
    let sns = &world.aws.sns;
    let subscription = sns.signed(FakeAws::subscription());
    world.post(&subscription).await.expect(204);
    assert_eq!(world.aws.fetched(CERTIFICATE), 1);
    assert_eq!(world.aws.fetched(CONFIRMATION), 1);

    let event = sns.signed(world.delivered());
    world.post(&event).await.expect(204);
    world.becomes("delivered").await;
    world.post(&event).await.expect(204);
    let late = FakeAws::event("TEXT_UNREACHABLE", &world.message_id);
    world.post(&sns.signed(late)).await.expect(204);
    assert_eq!(world.status().await, "delivered");
    assert_eq!(world.aws.fetched(CERTIFICATE), 1);
    world.scenario.finish().await;
}

#[tokio::test]
async fn an_event_with_a_flipped_byte_or_signed_by_another_changes_nothing() {
    let world = World::on(Scenario::on_embedded()).await;
    let genuine = world.aws.sns.signed(world.delivered());
    let mut refusals = 0.0;
    for field in ["Message", "MessageId", "Timestamp", "Signature"] {
        let mut flipped = genuine.clone();
        flipped[field] = flipped_in_the_middle(&genuine[field]);
        refusals += 1.0;
        world.is_refused(&flipped, refusals).await;
    }
    let by_another = Signer::new().signed(world.delivered());
    world.is_refused(&by_another, refusals + 1.0).await;

    world.post(&genuine).await.expect(204);
    world.becomes("delivered").await;
    world.scenario.finish().await;
}

#[tokio::test]
async fn a_certificate_at_another_host_is_not_even_asked_for() {
    let world = World::on(Scenario::on_embedded()).await;
    let mut refusals = 0.0;
    let own = world.aws.url();
    for host in [
        own.as_str(),
        "https://sns.eu-west-1.amazonaws.com.example.com",
        "https://sns.us-east-1.amazonaws.com",
        "http://sns.eu-west-1.amazonaws.com",
    ] {
        // Signed, and by SNS's own key: the address alone is wrong.
        let mut event = world.delivered();
        event["SigningCertURL"] = json!(format!("{host}{CERTIFICATE}"));
        refusals += 1.0;
        world
            .is_refused(&world.aws.sns.signed(event), refusals)
            .await;
    }
    let mut elsewhere = world.delivered();
    elsewhere["TopicArn"] = json!("arn:aws:sns:eu-west-1:123456789012:another");
    world
        .is_refused(&world.aws.sns.signed(elsewhere), refusals + 1.0)
        .await;
    assert_eq!(world.aws.fetched(CERTIFICATE), 0);

    // A subscription of ours is confirmed at SNS alone.
    let mut subscription = FakeAws::subscription();
    subscription["SubscribeURL"] = json!(format!("{own}{CONFIRMATION}"));
    let refused = world.post(&world.aws.sns.signed(subscription)).await;
    refused.expect(403);
    assert_eq!(world.aws.fetched(CONFIRMATION), 0);
    world.scenario.finish().await;
}

/// Another letter or digit in place of the one in the middle.
fn flipped_in_the_middle(text: &Value) -> Value {
    let text = text.as_str().expect("it is a text");
    let middle = text.char_indices().skip(text.len() / 2);
    let mut digits = middle.filter(|(_, character)| character.is_ascii_alphanumeric());
    let (position, old) = digits.next().expect("there is one");
    let new = if old == '1' { '2' } else { '1' };
    let (before, after) = text.split_at(position);
    format!("{before}{new}{}", after.get(1..).unwrap_or_default()).into()
}
