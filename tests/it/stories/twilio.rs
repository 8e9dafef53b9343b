//! Twilio: what it is sent, and whom it is believed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::client::Client;
use crate::support::fake_twilio::FakeTwilio;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

async fn delivery_status(client: &Client, id: &str) -> String {
    let seen = client.verification(id).await.expect(200).json();
    let status = seen["deliveries"][0]["status"].as_str();
    status.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_message_over_twilio_is_delivered_once_its_own_callback_says_so() {
    let mut scenario = Scenario::on_embedded();
    let twilio = FakeTwilio::start().await;
    let mut config = scenario.config_without_providers();
    config.entry(&twilio.entry("sms", r#"sender = "+14155550100""#));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let message = twilio.first_message(ARRIVES_WITHIN).await;
    let message = message.expect("Twilio gets the message");
    let body = &message.form["Body"];
    let code = body.get(..10).expect("the text begins with the code");
    scenario.secrets().add_number(&number);
    scenario.secrets().add_code(code);
    scenario.secrets().add_text("a token", &twilio.auth_token);
    assert_eq!(
        message.path,
        format!("/2010-04-01/Accounts/{}/Messages.json", twilio.account_sid)
    );
    let credentials = format!("{}:{}", twilio.account_sid, twilio.auth_token);
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    assert_eq!(message.authorization, basic);
    assert_eq!(message.form["To"], number);
    assert_eq!(message.form["From"], "+14155550100");

    let becomes = async |status: &str| {
        let in_time = eventually(ARRIVES_WITHIN, async || {
            delivery_status(&client, &id).await == status
        });
        assert!(in_time.await, "it is never {status}");
    };
    becomes("submitted").await;
    let forged = twilio.call_back(&message, "delivered", "another token");
    assert_eq!(forged.await.expect(403).code(), "receipt_refused");
    assert_eq!(delivery_status(&client, &id).await, "submitted");
    let token = &twilio.auth_token;
    twilio.call_back(&message, "sent", token).await.expect(204);
    assert_eq!(delivery_status(&client, &id).await, "submitted");
    let genuine = twilio.call_back(&message, "delivered", token).await;
    genuine.expect(204);
    becomes("delivered").await;
    client.check(&id, code).await.expect(200);
    scenario.finish().await;
}
