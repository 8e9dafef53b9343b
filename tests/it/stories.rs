//! Stories told from the outside: what an identity service sees of the built
//! gateway, one behaviour each, from its first call to the last.

mod calls;
mod cancel_and_wait;
mod destinations;
mod extensions;
mod fallback;
mod limits;
mod own_codes;
mod questions;
mod reload;
mod routes;
mod send_only;
mod sending_again;
mod submission_cap;
mod test_numbers;
mod twilio;

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::fake_provider::{FakeProvider, Submission};
use crate::support::gateway_config::GatewayConfig;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};
use crate::support::{hex, random_bytes};

/// One gateway on one machine, two providers in order, and the tenant `acme`.
struct Story {
    scenario: Scenario,
    first: FakeProvider,
    second: FakeProvider,
    client: Client,
}

impl Story {
    async fn begin() -> Self {
        Self::begin_with(|_| {}).await
    }

    /// With these settings beside the usual ones.
    async fn begin_with(configure: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut scenario = Scenario::on_embedded();
        let first = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let mut config = scenario.config(&[&first, &second]);
        configure(&mut config);
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        Self {
            scenario,
            first,
            second,
            client,
        }
    }

    /// Calls as somebody else, whose key must not be found at the end either.
    fn client_of(&mut self, key: &str) -> Client {
        self.scenario.secrets().add_text("an API key", key);
        self.client.with_key(key)
    }

    /// The message that the first provider got for this number, the latest.
    async fn message_to(&self, number: &str) -> Submission {
        self.first.submission_to(number, ARRIVES_WITHIN).await
    }

    /// Waits until the verification looks so; its document then.
    async fn becomes(&self, id: &str, looks_right: impl Fn(&Value) -> bool) -> Value {
        let look = async || self.client.verification(id).await.expect(200).json();
        let in_time = eventually(ARRIVES_WITHIN, async || looks_right(&look().await));
        let in_time = in_time.await;
        let seen = look().await;
        assert!(in_time, "it never came to that: {seen}");
        seen
    }

    /// Waits until the verification's deliveries have these channels and statuses.
    async fn deliveries_become(&self, id: &str, expected: &[(&str, &str)]) -> Value {
        let expected: Vec<_> = expected
            .iter()
            .map(|(channel, status)| json!([channel, status]))
            .collect();
        self.becomes(id, |seen| {
            let deliveries = seen["deliveries"].as_array().into_iter().flatten();
            let deliveries: Vec<_> = deliveries
                .map(|delivery| json!([delivery["channel"], delivery["status"]]))
                .collect();
            deliveries == expected
        })
        .await
    }

    async fn end(self) {
        self.scenario.finish().await;
    }
}

/// A new API key.
fn api_key() -> String {
    format!("wk_{}", hex(&random_bytes::<24>()))
}

/// A tenant with more settings than the usual ones have, and its keys with
/// their scopes.
fn tenant_entry(name: &str, keys: &[(&str, &str)], settings: &str) -> String {
    let mut entry = format!("[[tenants]]\nname = \"{name}\"\n{settings}\n");
    for (position, (key, scopes)) in keys.iter().enumerate() {
        let digest = digest::digest(&digest::SHA256, key.as_bytes());
        entry.push_str(&format!(
            "[[tenants.api_keys]]\nid = \"{name}-{position}\"\nsha256 = \"{}\"\nscopes = [{scopes}]\n",
            hex(digest.as_ref())
        ));
    }
    entry
}

/// A code of ten digits, which stands nowhere by chance.
fn own_code() -> String {
    let drawn = u64::from_le_bytes(random_bytes());
    format!("{:010}", drawn % 10_000_000_000)
}

/// A path with the number as a parameter.
fn list_path(number: &str) -> String {
    format!("/v1/verifications?to={}", number.replace('+', "%2B"))
}
