//! How gateway and providers prove to each other who they are: Standard Webhooks
//! for our own form, `X-Twilio-Signature` for Twilio's.

use anyhow::{Context as _, ensure};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

/// Shared by the gateway under test and all simulated providers.
#[derive(Clone)]
pub(crate) struct Secret {
    text: String,
    webhook: hmac::Key,
    /// Twilio's auth token is the text as it stands.
    twilio: hmac::Key,
}

impl Secret {
    pub(crate) fn draw() -> anyhow::Result<Self> {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes).context("the system gives no randomness")?;
        Self::read(&format!("whsec_{}", STANDARD.encode(bytes)))
    }

    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    ///
    /// It is none; the text is not repeated.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        let encoded = text.strip_prefix("whsec_");
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        let bytes = bytes.context("the secret is whsec_ and base64")?;
        ensure!(
            (24..=64).contains(&bytes.len()),
            "the secret has 24 to 64 bytes"
        );
        Ok(Self {
            webhook: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            twilio: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()),
            text: text.to_owned(),
        })
    }

    /// As a configuration has it.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign_webhook(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let tag = self.webhook_tag(id, timestamp, body);
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Whether the headers carry a signature of this secret over the body.
    pub(crate) fn verifies_webhook(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(id), Some(timestamp), Some(signatures)) = (
            text("webhook-id"),
            text("webhook-timestamp"),
            text("webhook-signature"),
        ) else {
            return false;
        };
        let tag = STANDARD.encode(self.webhook_tag(id, timestamp, body));
        signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .any(|signature| signature == tag)
    }

    /// The value of `X-Twilio-Signature` for a form of these fields, sorted by name.
    pub(crate) fn sign_twilio(&self, url: &str, fields: &[(&str, &str)]) -> String {
        let mut signed = url.to_owned();
        for (name, value) in fields {
            signed.push_str(name);
            signed.push_str(value);
        }
        STANDARD.encode(hmac::sign(&self.twilio, signed.as_bytes()))
    }

    fn webhook_tag(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.webhook);
        context.update(id.as_bytes());
        context.update(b".");
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example_of_standard_webhooks_verifies() {
        let secret = Secret::read(SECRET).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(secret.sign_webhook(id, "1614265330", body), signature);

        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert(
            "webhook-signature",
            format!("v1,x {signature}").parse().unwrap(),
        );
        assert!(secret.verifies_webhook(&headers, body));
        assert!(!secret.verifies_webhook(&headers, b"{}"));
        headers.remove("webhook-id");
        assert!(!secret.verifies_webhook(&headers, body));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let error = Secret::read(text).err().unwrap();
            assert!(text.is_empty() || !format!("{error:#}").contains(text) || text == "whsec_");
        }
    }
}
