//! Beside receipts that do not come, and reports of which codes were used.

use tracing::{debug, error, info};

use crate::stack::silence::ReceiptPath;
use crate::telemetry::metrics::{FeedbackLabels, Metrics, ProviderLabels, SilenceLabels};

/// Nothing that says how it ended was heard of a message in time.
#[derive(Clone, Copy, Debug)]
pub struct Silent<'a> {
    pub delivery: &'a str,
    pub provider: &'a str,
    /// What is done about it: `act`, `unreliable`, `suspended`, `spent`.
    pub decided: &'static str,
}

impl Silent<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = SilenceLabels {
            provider: self.provider.into(),
            decided: self.decided,
        };
        metrics.silences.get_or_create_owned(&labels).inc();
        info!(
            delivery = self.delivery,
            provider = self.provider,
            decided = self.decided,
            "no receipt from {} in time: {}",
            self.provider,
            self.decided
        );
    }
}

/// A provider's receipts stopped reaching us, or do so again.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptPathChanged<'a> {
    pub provider: &'a str,
    pub path: ReceiptPath,
}

impl ReceiptPathChanged<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let suspended = metrics
            .silence_suspended
            .get_or_create_owned(&ProviderLabels::new(self.provider));
        match self.path {
            ReceiptPath::Broken { ratio } => {
                suspended.set(1);
                metrics.alarm("receipts_missing");
                error!(
                    provider = self.provider,
                    receipt_ratio = ratio,
                    "receipts of {} do not reach us: silence sends nothing again until they do; \
                     look at server.public_url, the proxy in front and the provider's settings",
                    self.provider
                );
            }
            ReceiptPath::Works => {
                suspended.set(0);
                info!(
                    provider = self.provider,
                    "receipts of {} reach us again: silence counts again", self.provider
                );
            }
        }
    }
}

/// A provider was told, or was not, whether a code was used.
#[derive(Clone, Copy, Debug)]
pub struct FeedbackEnded<'a> {
    pub provider: &'a str,
    /// `taken`, `refused`, `lost` or `dropped`.
    pub result: &'static str,
}

impl FeedbackEnded<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = FeedbackLabels {
            provider: self.provider.into(),
            result: self.result,
        };
        metrics.feedback.get_or_create_owned(&labels).inc();
        debug!(
            provider = self.provider,
            result = self.result,
            "feedback to {}: {}",
            self.provider,
            self.result
        );
    }
}
