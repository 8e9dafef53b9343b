//! Signatures on what we send and on what providers call us with.
//!
//! Everything is compared in constant time, and against every secret in use,
//! so that secrets can be rotated without a gap.

mod standard_webhooks;
mod twilio;

pub use standard_webhooks::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, WebhookKeys};
pub use twilio::{FormFields, TwilioKeys};

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
