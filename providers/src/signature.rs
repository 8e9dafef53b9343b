//! Signatures on what we send and on what providers call us with.
//!
//! Everything is compared in constant time, and against every secret in use,
//! so that secrets can be rotated without a gap.

mod plivo;
mod standard_webhooks;
mod telnyx;
mod twilio;
mod vonage;
mod vonage_jwt;

pub use plivo::{PlivoKeys, Signed as PlivoSigned};
pub use standard_webhooks::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, WebhookKeys};
#[cfg(test)]
pub(crate) use telnyx::tests as telnyx_tests;
pub use telnyx::{PublicKeyError, TelnyxKeys};
pub use twilio::{FormFields, TwilioKeys};
pub use vonage::{
    Parameters, VonageSigKeys, VonageSigMethod, parse_json_parameters, parse_parameters,
};
pub use vonage_jwt::{ApplicationKey, ApplicationKeyError, VonageJwtKeys, WebhookClaims};
#[cfg(test)]
pub(crate) use vonage_jwt::{sha256_hex, tests::application_key_pem};

use crate::kind::ConnectError;

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
