//! Beside the face of Microsoft Entra: who was let in, what could be read, and
//! what came of it. Neither token, number, text nor nonce has a field here.

use std::time::Duration;

use tracing::{debug, info, warn};
use watchword_providers::Channel;

use super::ms;
use crate::entra::envelope::Mode;
use crate::entra::jwks::JwksError;
use crate::entra::token::TokenRefusal;
use crate::telemetry::metrics::{
    DecryptionLabels, EntraRequestLabels, KeysFetchedLabels, Metrics, ReasonLabels,
};

/// A bearer token let nobody in.
#[derive(Clone, Copy, Debug)]
pub struct EntraTokenRefused {
    pub refusal: TokenRefusal,
}

impl EntraTokenRefused {
    pub fn emit(self, metrics: &Metrics) {
        let reason = self.refusal.as_str();
        let labels = ReasonLabels { reason };
        metrics
            .entra_tokens_refused
            .get_or_create_owned(&labels)
            .inc();
        match self.refusal {
            // Anybody can make one up, as many as they like: the counter is watched.
            TokenRefusal::Unconfigured
            | TokenRefusal::Missing
            | TokenRefusal::Malformed
            | TokenRefusal::Algorithm
            | TokenRefusal::Issuer
            | TokenRefusal::UnknownKey
            | TokenRefusal::Signature
            | TokenRefusal::KeysUnavailable => {
                debug!(reason, "a token of Entra is refused: {}", self.refusal);
            }
            TokenRefusal::Expired
            | TokenRefusal::NotYetValid
            | TokenRefusal::Audience
            | TokenRefusal::Directory
            | TokenRefusal::Caller
            | TokenRefusal::Role => {
                // Microsoft has signed it: a mistake in the set-up, here or there.
                info!(reason, "a token of Entra is refused: {}", self.refusal);
            }
        }
    }
}

/// An issuer was asked for its signing keys.
#[derive(Clone, Copy, Debug)]
pub struct EntraKeysFetched<'a> {
    pub directory: &'a str,
    /// How many there are, or why the old ones stay.
    pub fetched: Result<usize, JwksError>,
}

impl EntraKeysFetched<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let result = self.fetched.map_or_else(JwksError::as_str, |_| "fetched");
        let labels = KeysFetchedLabels {
            directory: self.directory.into(),
            result,
        };
        let counter = metrics.entra_keys_fetched.get_or_create_owned(&labels);
        counter.inc();
        match self.fetched {
            Ok(count) => info!(
                directory = self.directory,
                keys = count,
                "signing keys fetched"
            ),
            Err(error) => warn!(
                directory = self.directory,
                result, "signing keys not fetched, the old ones stay: {error}"
            ),
        }
    }
}

/// A request could be decrypted.
#[derive(Clone, Copy, Debug)]
pub struct EntraDecrypted<'a> {
    pub directory: &'a str,
    /// As the configuration names it.
    pub key: &'a str,
}

impl EntraDecrypted<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = DecryptionLabels {
            directory: self.directory.into(),
            key: self.key.into(),
        };
        metrics.entra_decryptions.get_or_create_owned(&labels).inc();
    }
}

/// A request of Entra is answered.
#[derive(Clone, Copy, Debug)]
pub struct EntraAnswered<'a> {
    pub tenant: &'a str,
    /// `None` while the envelope has not been read.
    pub asked: Option<(Mode, Channel)>,
    /// What came of it; in evaluation, what would have come of it.
    pub result: &'static str,
    /// Of Microsoft's logs, if it is one that may stand in ours.
    pub correlation_id: Option<&'a str>,
    pub took: Duration,
}

impl EntraAnswered<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let (mode, channel) = self
            .asked
            .map_or(("unknown", "unknown"), |(mode, channel)| {
                (mode.as_str(), channel.as_str())
            });
        let result = self.result;
        let labels = EntraRequestLabels {
            mode,
            channel,
            result,
        };
        metrics.entra_requests.get_or_create_owned(&labels).inc();
        info!(
            tenant = self.tenant,
            mode,
            channel,
            result,
            correlation.id = self.correlation_id,
            duration_ms = ms(self.took),
            "request of Entra ({mode}): {result}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::logging::{LogSettings, capture};

    #[test]
    fn only_tokens_that_microsoft_has_signed_fill_a_log() {
        let (log, _guard) = capture(&LogSettings::default());
        let metrics = Metrics::default();
        for (refusal, is_logged) in [
            (TokenRefusal::Signature, false),
            (TokenRefusal::UnknownKey, false),
            (TokenRefusal::Issuer, false),
            (TokenRefusal::KeysUnavailable, false),
            (TokenRefusal::Audience, true),
            (TokenRefusal::Caller, true),
        ] {
            EntraTokenRefused { refusal }.emit(&metrics);
            let is_there = log.text().contains(&format!("is refused: {refusal}"));
            assert_eq!(is_there, is_logged, "{refusal}");
        }
    }
}
