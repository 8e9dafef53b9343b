//! Routes with shares, and what operators are shown of what became of messages.

use std::time::Duration;

use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::api_key;
use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::ProviderEntry;
use crate::support::hex;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::receipts::Receipt;
use crate::support::scenario::Scenario;

/// Longer than a gateway takes to add to the store what it has counted.
const COUNTED_WITHIN: Duration = Duration::from_secs(15);

const SENDS: usize = 40;

/// Sums over all rows of a provider: submitted, delivered, approved.
fn sums(seen: &Value, provider: &FakeProvider) -> [u64; 3] {
    let rows = seen["routes"].as_array().into_iter().flatten();
    let rows = rows.filter(|row| row["provider"] == json!(provider.id()));
    rows.fold([0; 3], |sums, row| {
        assert_eq!(
            (&row["channel"], &row["country"]),
            (&json!("sms"), &json!("US"))
        );
        let figure = |name: &str| row[name].as_u64().unwrap_or_default();
        [
            sums[0] + figure("submitted"),
            sums[1] + figure("delivered"),
            sums[2] + figure("approved"),
        ]
    })
}

/// A gateway whose route shares 75 to 25, its providers, a tenant and an operator.
struct Shared {
    scenario: Scenario,
    first: FakeProvider,
    second: FakeProvider,
    client: Client,
    operator: Client,
}

impl Shared {
    async fn begin() -> Self {
        let key = api_key();
        let sha256 = hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
        let mut scenario = Scenario::on_redis().await;
        let first = scenario.provider("hook-a").await;
        let second = scenario.provider("hook-b").await;
        let mut config = scenario.config_without_providers();
        for provider in [&first, &second] {
            config.provider(ProviderEntry::new(provider).with_receipts());
        }
        config.generous_limits();
        config.entry(&format!(
            r#"
[[operators]]
name = "ada"
keys = [{{ id = "o1", sha256 = "{sha256}" }}]

[[routes]]
channel = "sms"
strategy = "weighted"
hops = [{{ provider = "hook-a", share = 75 }}, {{ provider = "hook-b", share = 25 }}]
"#
        ));
        let gateway = scenario.started("one", &config).await;
        scenario.secrets().add_text("an API key", &key);
        let client = scenario.client(&gateway);
        Self {
            operator: client.with_key(&key),
            scenario,
            first,
            second,
            client,
        }
    }

    /// The route that `explain` shows for a number.
    async fn route(&self) -> Value {
        let body = json!({ "number": numbers::us_number() });
        let explained = self.client.post("/v1/explain", &body).await;
        explained.expect(200).json()["routes"][0].clone()
    }

    /// Sends, and says what the first one's id and number are.
    async fn send(&self, count: usize) -> (String, String) {
        let mut sent = None;
        for _ in 0..count {
            let number = numbers::us_number();
            let id = self.client.start(&number).await.expect(201).id();
            sent.get_or_insert((id, number));
        }
        let have_gone = async || self.first.count() + self.second.count() == count;
        assert!(eventually(COUNTED_WITHIN, have_gone).await);
        sent.expect("some were sent")
    }

    async fn counts(&self) -> Value {
        let path = "/v1/admin/routes?hours=2";
        self.operator.get(path).await.expect(200).json()
    }
}

#[tokio::test]
async fn sends_are_shared_out_and_an_operator_sees_what_became_of_them() {
    let story = Shared::begin().await;
    let route = story.route().await;
    assert_eq!(route["strategy"], json!("weighted"));
    let hops = route["hops"].as_array().unwrap();
    let shares: u64 = hops.iter().filter_map(|hop| hop["share"].as_u64()).sum();
    assert_eq!(shares, 100);

    let (id, number) = story.send(SENDS).await;
    let by_first = story.first.count();
    assert!((28..=32).contains(&by_first), "{by_first} of 30");
    // Who was shown as the next went first.
    let drawn = if hops[0]["provider"] == json!("hook-a") {
        &story.first
    } else {
        &story.second
    };
    let [message] = &drawn.submissions_to(&number)[..] else {
        panic!("the first message went elsewhere");
    };

    for _ in 0..2 {
        story.client.check(&id, &message.code).await;
        let receipt = Receipt::of(drawn, message, "delivered").post().await;
        receipt.expect(204);
    }
    let is_counted = async || {
        let seen = story.counts().await;
        let (a, b) = (sums(&seen, &story.first), sums(&seen, &story.second));
        let sends = u64::try_from(SENDS).unwrap();
        a[0] + b[0] == sends && a[1] + b[1] == 1 && a[2] + b[2] == 1
    };
    let in_time = eventually(COUNTED_WITHIN, is_counted).await;
    let seen = story.counts().await;
    assert!(in_time, "{seen}");
    let by_first = u64::try_from(by_first).unwrap();
    assert_eq!(sums(&seen, &story.first)[0], by_first);
    assert_eq!(sums(&seen, drawn)[1..], [1, 1]);

    let refused = story.client.get("/v1/admin/routes").await;
    assert_eq!(refused.status, 401);
    let too_far = story.operator.get("/v1/admin/routes?hours=49").await;
    too_far.expect(422);
    story.scenario.finish().await;
}
