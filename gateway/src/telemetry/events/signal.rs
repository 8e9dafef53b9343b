//! Beside the keeper of subjects: what a network said of a number.

use std::time::Duration;

use tracing::info;

use super::ms;
use crate::telemetry::metrics::{Metrics, SignalLabels};

/// A network was asked about a number, and answered or did not.
#[derive(Clone, Copy, Debug)]
pub struct SignalAsked<'a> {
    pub tenant: &'a str,
    /// `sim_swap`, `device_swap`, `recycled` or `forwarded`.
    pub signal: &'static str,
    /// A word of [`crate::signals::outcome`].
    pub outcome: &'static str,
    pub took: Duration,
}

impl SignalAsked<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = SignalLabels {
            signal: self.signal,
            outcome: self.outcome,
        };
        let duration = metrics.signal_duration.get_or_create_owned(&labels);
        duration.observe(self.took.as_secs_f64());
        info!(
            tenant = self.tenant,
            signal = self.signal,
            outcome = self.outcome,
            duration_ms = ms(self.took),
            "a network was asked about a number"
        );
    }
}
