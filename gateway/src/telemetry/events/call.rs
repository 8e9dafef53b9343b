//! Beside the desk of calls: what a call was told, and what its person says of it.

use tracing::{info, warn};

use crate::telemetry::metrics::{CallLabels, Metrics, ProviderLabels};

/// A call asked what to say, and was told.
#[derive(Clone, Copy, Debug)]
pub struct CallAnswered<'a> {
    pub delivery: &'a str,
    pub provider: &'a str,
    /// `ask`, `tell`, `reported`, `farewell` or `hang_up`.
    pub step: &'static str,
}

impl CallAnswered<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = CallLabels {
            provider: self.provider.into(),
            step: self.step,
        };
        metrics.call_answers.get_or_create_owned(&labels).inc();
        info!(
            delivery.id = self.delivery,
            provider.name = self.provider,
            step = self.step,
            "call at {} goes on: {}",
            self.provider,
            self.step
        );
    }
}

/// The person called says that they did not ask for this code.
#[derive(Clone, Copy, Debug)]
pub struct CallReported<'a> {
    pub tenant: &'a str,
    pub delivery: &'a str,
    pub provider: &'a str,
    /// The verification was pending, and is canceled now.
    pub was_pending: bool,
}

impl CallReported<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ProviderLabels::new(self.provider);
        metrics.calls_reported.get_or_create_owned(&labels).inc();
        warn!(
            tenant = self.tenant,
            delivery.id = self.delivery,
            provider.name = self.provider,
            was_pending = self.was_pending,
            "the person called did not ask for this code"
        );
    }
}
