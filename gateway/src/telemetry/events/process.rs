//! Beside the process itself: the store, reloads and the drain.

use std::time::Duration;

use tracing::{error, info, warn};

use super::ms;
use crate::telemetry::metrics::Metrics;

/// A step of the store failed. Its caller says what became of the request.
#[derive(Clone, Copy, Debug)]
pub struct StoreFailed {
    /// Which step, such as `create` or `check`.
    pub step: &'static str,
    /// Our own word for how: `timeout`, `unreachable`, `full`, ..
    pub kind: &'static str,
}

impl StoreFailed {
    pub fn emit(self, metrics: &Metrics) {
        metrics.store_error(self.kind);
        error!(
            step = self.step,
            kind = self.kind,
            "store failed at {}: {}",
            self.step,
            self.kind
        );
    }
}

/// A configuration is in force, at start or after a reload.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReloaded<'a> {
    pub hash: &'a str,
}

impl ConfigReloaded<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.configuration_in_force(self.hash);
        info!(hash = self.hash, "configuration in force");
    }
}

/// A reload was refused; what was in force stays.
#[derive(Clone, Copy, Debug)]
pub struct ReloadRefused<'a> {
    /// What was to be reloaded: `configuration`, `certificate`.
    pub what: &'static str,
    /// The error's text: ours, it names files and settings but shows no secret.
    pub reason: &'a str,
}

impl ReloadRefused<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.reload_refused(self.what);
        error!(
            what = self.what,
            reason = self.reason,
            "{} not reloaded, the old one stays",
            self.what
        );
    }
}

/// A certificate is served from now on, at start or after a reload.
#[derive(Clone, Copy, Debug)]
pub struct CertificateReloaded {
    /// When it expires, in seconds since the Unix epoch.
    pub not_after_s: i64,
}

impl CertificateReloaded {
    pub fn emit(self, metrics: &Metrics) {
        metrics.certificate_expiry.set(self.not_after_s);
        info!(not_after_s = self.not_after_s, "certificate in force");
    }
}

/// No connection is taken any more; those open may finish.
#[derive(Clone, Copy, Debug)]
pub struct DrainStarted {
    pub connections_open: u64,
    /// After this, what is left is cut.
    pub timeout: Duration,
}

impl DrainStarted {
    pub fn emit(self, metrics: &Metrics) {
        metrics.draining();
        info!(
            connections_open = self.connections_open,
            timeout_ms = ms(self.timeout),
            "drain started"
        );
    }
}

/// The drain is over.
#[derive(Clone, Copy, Debug)]
pub struct DrainEnded {
    pub finished: usize,
    /// Cut although a request was still running.
    pub cut: usize,
}

impl DrainEnded {
    pub fn emit(self, metrics: &Metrics) {
        metrics.drained();
        if self.cut == 0 {
            info!(finished = self.finished, "drain ended");
        } else {
            warn!(
                finished = self.finished,
                cut = self.cut,
                "drain ended, {} connections cut",
                self.cut
            );
        }
    }
}
