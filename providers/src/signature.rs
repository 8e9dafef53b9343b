//! Signatures on what we send and on what providers call us with.
//!
//! Everything is compared in constant time, and against every secret in use,
//! so that secrets can be rotated without a gap.

mod aws_sns;
mod aws_v4;
mod jambonz;
mod messagebird;
mod plivo;
mod sinch;
mod sinch_application;
mod standard_webhooks;
mod telnyx;
mod twilio;
mod vonage;
mod vonage_jwt;

use aws_lc_rs::{digest, hmac};

#[cfg(test)]
pub(crate) use aws_sns::tests as sns_tests;
pub use aws_sns::{SnsContent, SnsEnvelope, SnsTopic};
pub(crate) use aws_v4::AwsSigner;
pub use jambonz::JambonzKeys;
#[cfg(test)]
pub(crate) use jambonz::tests as jambonz_tests;
pub use messagebird::MessageBirdKeys;
#[cfg(test)]
pub(crate) use messagebird::sign as messagebird_signature;
pub use plivo::{PlivoKeys, Signed as PlivoSigned};
pub use sinch::SinchKeys;
pub use sinch_application::SinchApplicationKeys;
pub use standard_webhooks::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, WebhookKeys};
#[cfg(test)]
pub(crate) use telnyx::tests as telnyx_tests;
pub use telnyx::{PublicKeyError, TelnyxKeys};
pub use twilio::{FormFields, TwilioKeys};
pub use vonage::{
    Parameters, VonageSigKeys, VonageSigMethod, parse_json_parameters, parse_parameters,
};
#[cfg(test)]
pub(crate) use vonage_jwt::tests::application_key_pem;
pub use vonage_jwt::{ApplicationKey, ApplicationKeyError, VonageJwtKeys, WebhookClaims};

use crate::kind::ConnectError;
use crate::{ReceiptError, Secret};

/// A list of secrets that nothing can be signed or verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("no secret is given")]
    Missing,
    #[error("a secret is empty")]
    Empty,
    #[error("what follows `whsec_` is not base64")]
    Encoding,
}

impl SecretError {
    /// The same, of the secrets under this key.
    pub(crate) fn of(self, key: &'static str) -> ConnectError {
        ConnectError::setting(key, self.to_string())
    }
}

/// One key a secret, taken as it stands.
fn hmac_keys(
    algorithm: hmac::Algorithm,
    secrets: &[Secret],
) -> Result<Vec<hmac::Key>, SecretError> {
    if secrets.is_empty() {
        return Err(SecretError::Missing);
    }
    let key_of = |secret: &Secret| match secret.expose() {
        "" => Err(SecretError::Empty),
        secret => Ok(hmac::Key::new(algorithm, secret.as_bytes())),
    };
    secrets.iter().map(key_of).collect()
}

/// How far a signed time may lie in the past or in the future, in s.
const TOLERANCE_S: u64 = 5 * 60;

/// Refuses what was signed too long ago, or in the future.
fn lately(signed_s: u64, now_ms: u64) -> Result<(), ReceiptError> {
    if signed_s.abs_diff(now_ms / 1000) > TOLERANCE_S {
        return Err(ReceiptError::Stale);
    }
    Ok(())
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
