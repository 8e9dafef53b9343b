//! The face of Microsoft Entra, from outside: who is let in, what is opened, what
//! goes out in time, and what is told.

mod answers;
mod evaluation;
mod golden;
mod in_time;
mod leaks;
mod load;
mod replays;
mod rotation;
mod tokens;
mod transport;
mod voice;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::fake_entra::{FakeEntra, Recipient, TokenKey, claims};
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::GatewayConfig;
use crate::support::gateway_process::Gateway;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::{hex, numbers, random_bytes};

const PATH: &str = "/api/SendOtp";
/// Longer than this, Entra would not wait.
const CALLER_WAITS: Duration = Duration::from_millis(2_500);

/// An Entra, a gateway, and two providers in order.
struct World {
    scenario: Scenario,
    entra: FakeEntra,
    signing: TokenKey,
    recipient: Recipient,
    first: FakeProvider,
    second: FakeProvider,
    config: GatewayConfig,
}

impl World {
    async fn on(mut scenario: Scenario) -> Self {
        let first = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let signing = TokenKey::committed();
        let entra = FakeEntra::start(std::slice::from_ref(&signing)).await;
        let recipient = Recipient::current();
        let mut config = scenario.config(&[&first, &second]);
        config.entry(&entra.entry(&[&recipient]));
        Self {
            scenario,
            entra,
            signing,
            recipient,
            first,
            second,
            config,
        }
    }

    /// A gateway that knows the signing keys.
    async fn started(&mut self, name: &str) -> Gateway {
        let gateway = self.scenario.started(name, &self.config).await;
        knows_keys(&gateway).await;
        gateway
    }

    /// A token that is let in.
    fn token(&mut self) -> String {
        let token = self.signing.token(&claims(json!({})));
        self.scenario.secrets().add_text("a token", &token);
        token
    }

    fn client(&mut self, gateway: &Gateway) -> Client {
        let token = self.token();
        gateway.client(&token)
    }

    /// A code for somebody, with everything that must be found nowhere.
    fn otp(&mut self) -> Otp {
        let otp = Otp::draw(&self.recipient);
        let secrets = self.scenario.secrets();
        secrets.add_number(&otp.number);
        secrets.add_code(&otp.code);
        secrets.add_text("a text", &otp.text());
        otp
    }

    /// Encrypted anew, with a nonce of its own.
    fn envelope(&mut self, otp: &Otp) -> Envelope {
        let envelope = otp.envelope();
        let secrets = self.scenario.secrets();
        secrets.add_text("a nonce", &envelope.nonce);
        let jwe = envelope.jwe();
        // The header is the same in all of them.
        for segment in jwe.split('.').skip(1) {
            secrets.add_text("a part of a JWE", segment);
        }
        envelope
    }

    /// Asks for a code to be sent.
    async fn send(&mut self, client: &Client, otp: &Otp) -> Told {
        let envelope = self.envelope(otp);
        envelope.post(client, otp.request_id.as_deref()).await
    }

    /// How many messages have gone out to this number.
    fn messages(&self, otp: &Otp) -> usize {
        let providers = [&self.first, &self.second];
        let to = |provider: &&FakeProvider| provider.submissions_to(&otp.number).len();
        providers.iter().map(to).sum()
    }

    fn submissions(&self) -> usize {
        self.first.count() + self.second.count()
    }
}

async fn knows_keys(gateway: &Gateway) {
    let knows = eventually(ARRIVES_WITHIN, async || {
        let fetched = "result=\"fetched\"";
        let name = "watchword_entra_keys_fetched_total";
        gateway.metric(name, &[fetched]).await >= 1.0
    });
    assert!(knows.await, "the signing keys are not fetched");
}

/// A code of Microsoft's for somebody.
#[derive(Clone)]
struct Otp {
    recipient: Recipient,
    number: String,
    code: String,
    channel: &'static str,
    mode: Value,
    /// More of what is encrypted.
    more: Value,
    request_id: Option<String>,
}

impl Otp {
    fn draw(recipient: &Recipient) -> Self {
        let random = u64::from_le_bytes(random_bytes());
        Self {
            recipient: recipient.clone(),
            number: numbers::us_number(),
            code: format!("{:010}", random % 10_000_000_000),
            channel: "sms",
            mode: json!(1),
            more: json!({}),
            request_id: Some(format!("request-{}", hex(&random_bytes::<8>()))),
        }
    }

    fn text(&self) -> String {
        format!("Use {} to sign in to Contoso.", self.code)
    }

    fn envelope(&self) -> Envelope {
        let nonce = format!("nonce-{}", hex(&random_bytes::<8>()));
        let mut context = json!({
            "nonce": nonce, "phoneNumber": self.number, "message": self.text(),
        });
        let fields = context.as_object_mut().expect("an object");
        fields.extend(self.more.as_object().expect("an object").clone());
        let body = json!({
            "type": "microsoft.mfa.otpDeliver.v1", "tenantId": "any", "correlationId": "sign-in-1",
            "channel": self.channel, "mode": self.mode, "ttlSeconds": 300,
            "encryptedDeliveryContext": self.recipient.seal(&context),
        });
        Envelope { nonce, body }
    }
}

/// A request's body, and the nonce in its encrypted part.
#[derive(Clone)]
struct Envelope {
    nonce: String,
    body: Value,
}

impl Envelope {
    fn jwe(&self) -> &str {
        let jwe = self.body["encryptedDeliveryContext"].as_str();
        jwe.expect("every envelope has one")
    }

    async fn post(self, client: &Client, request_id: Option<&str>) -> Told {
        let answer = post(client, self.body.to_string(), request_id).await;
        Told {
            answer,
            nonce: self.nonce,
        }
    }
}

async fn post(client: &Client, body: String, request_id: Option<&str>) -> Answer {
    let mut request = Request::post(format!("{}{PATH}", client.base()))
        .header("content-type", "application/json")
        .header("x-ms-correlation-id", "sign-in-of-the-head");
    if let Some(id) = request_id {
        request = request.header("x-ms-client-request-id", id);
    }
    let request = request.body(Bytes::from(body));
    client.send(request.expect("a well-formed request")).await
}

/// What Entra was told.
struct Told {
    answer: Answer,
    /// Of the request.
    nonce: String,
}

impl Told {
    /// Taken, in time, with the nonce of this request.
    #[track_caller]
    fn accepted(&self) {
        let answer = self.answer.clone().expect(200);
        let expected = json!({
            "nonce": self.nonce, "correlationId": "sign-in-1", "providerStatus": "accepted",
        });
        assert_eq!(answer.json(), expected);
        self.in_time();
    }

    /// Refused, in time, in the contract's shape, without a nonce.
    #[track_caller]
    fn refused(&self, status: u16, error: &str, reason: Option<&str>) {
        let answer = self.answer.clone().expect(status);
        let json = answer.json();
        assert_eq!(json["error"], json!(error), "{json}");
        assert_eq!(
            json.get("reason"),
            reason.map(|reason| json!(reason)).as_ref()
        );
        assert!(!json["requestId"].as_str().unwrap_or_default().is_empty());
        assert!(
            !String::from_utf8_lossy(&answer.bytes).contains("once"),
            "{json}"
        );
        self.in_time();
    }

    #[track_caller]
    fn in_time(&self) {
        let took = self.answer.took;
        assert!(took <= CALLER_WAITS, "it took {took:?}");
    }
}
