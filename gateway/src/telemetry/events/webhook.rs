//! Beside the courier: an event that will not be posted again.

use tracing::warn;

use crate::telemetry::metrics::{Metrics, ResultLabels};

/// An event is given up; a replay posts it again.
#[derive(Clone, Copy, Debug)]
pub struct WebhookGivenUp<'a> {
    pub tenant: &'a str,
    /// The endpoint's id in the configuration, not its URL.
    pub endpoint: &'a str,
    pub event: &'a str,
    pub kind: &'static str,
    pub tries: u8,
    /// `failed`, `refused`, `gone` or `not configured`.
    pub reason: &'static str,
}

impl WebhookGivenUp<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ResultLabels {
            result: self.reason,
        };
        metrics.webhooks_given_up.get_or_create_owned(&labels).inc();
        warn!(
            tenant = self.tenant,
            webhook.endpoint = self.endpoint,
            webhook.event = self.event,
            webhook.kind = self.kind,
            tries = self.tries,
            reason = self.reason,
            "a webhook is given up: replay it once its endpoint works"
        );
    }
}
