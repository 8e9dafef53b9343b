//! Delivery receipts as a provider sends them back: honest ones, and forged,
//! stale and repeated ones.

use serde_json::json;

use super::client::{Answer, Client};
use super::fake_provider::{FakeProvider, Submission};
use super::webhook_signature::WebhookSecret;

/// A receipt ready to be posted, as often as a test likes: posting the same
/// one again is what a provider does that has not heard our answer.
pub(crate) struct Receipt {
    url: String,
    id: String,
    timestamp_s: i64,
    body: Vec<u8>,
    secret: WebhookSecret,
}

impl Receipt {
    /// An honest one for this submission: `delivered`, `undelivered` or `sent`.
    pub(crate) fn of(provider: &FakeProvider, submission: &Submission, status: &str) -> Self {
        let url = submission.receipt_url.clone();
        Self {
            url: url.expect("the provider is configured with receipts = \"reference\""),
            id: format!("rcpt_{}_{status}", submission.webhook_id),
            timestamp_s: jiff::Timestamp::now().as_second(),
            body: json!({ "status": status }).to_string().into_bytes(),
            secret: provider.secret(),
        }
    }

    /// One that names the provider's own message id, for this node.
    pub(crate) fn naming(
        message_id: &str,
        provider: &FakeProvider,
        node: &Client,
        status: &str,
    ) -> Self {
        let body = json!({ "message_id": message_id, "status": status });
        Self {
            url: format!("{}/v1/receipts/{}", node.base(), provider.id()),
            id: format!("rcpt_{message_id}_{status}"),
            timestamp_s: jiff::Timestamp::now().as_second(),
            body: body.to_string().into_bytes(),
            secret: provider.secret(),
        }
    }

    /// Signed by somebody who does not know the secret.
    pub(crate) fn forged(mut self) -> Self {
        self.secret = WebhookSecret::random();
        self
    }

    /// Signed ten minutes ago.
    pub(crate) fn stale(mut self) -> Self {
        self.timestamp_s -= 600;
        self
    }

    /// For a reference whose MAC is wrong by one bit.
    pub(crate) fn altered_at_its_end(mut self) -> Self {
        let last = self.url.pop().expect("a reference stands there");
        self.url.push(if last == 'A' { 'B' } else { 'A' });
        self
    }

    /// Posted to another node than the one that sent the message.
    pub(crate) fn at_node(mut self, node: &Client) -> Self {
        let path = self.url.find("/v1/").map(|start| self.url.split_off(start));
        self.url = format!("{}{}", node.base(), path.expect("receipts come to the API"));
        self
    }

    pub(crate) async fn post(&self) -> Answer {
        self.post_over(&Client::without_key()).await
    }

    /// Over the connections of this client, which has no key.
    pub(crate) async fn post_over(&self, client: &Client) -> Answer {
        let signature = self.secret.sign(&self.id, self.timestamp_s, &self.body);
        let request = http::Request::post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", self.timestamp_s)
            .header("webhook-signature", signature)
            .body(self.body.clone().into())
            .expect("a receipt's URL and headers are well-formed");
        client.send(request).await
    }
}
