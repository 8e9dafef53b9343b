//! Standard Webhooks signatures as a provider makes and checks them: written
//! from the specification, apart from the gateway's own code.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A secret both sides know.
#[derive(Clone)]
pub(crate) struct WebhookSecret {
    text: String,
    key: hmac::Key,
}

impl WebhookSecret {
    pub(crate) fn random() -> Self {
        let bytes = super::random_bytes::<32>();
        Self {
            text: format!("whsec_{}", STANDARD.encode(bytes)),
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        }
    }

    /// As the configuration has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let signature = hmac::sign(&self.key, &signed_content(id, timestamp_s, body));
        format!("v1,{}", STANDARD.encode(signature))
    }

    /// Whether one of the space-separated signatures of the header is ours.
    pub(crate) fn verifies(&self, id: &str, timestamp_s: i64, body: &[u8], header: &str) -> bool {
        header
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|encoded| STANDARD.decode(encoded).ok())
            .any(|tag| {
                hmac::verify(&self.key, &signed_content(id, timestamp_s, body), &tag).is_ok()
            })
    }
}

fn signed_content(id: &str, timestamp_s: i64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{timestamp_s}.").into_bytes();
    content.extend_from_slice(body);
    content
}
