//! Beside admission and verification: starts, resends, refusals and checks.

use std::time::Duration;

use tracing::{error, info};
use watchword_providers::{Channel, PhoneNumber};

use super::ms;
use crate::telemetry::metrics::{LimitLabels, Metrics, ResultLabels};

/// A start was accepted: from here its send may not be lost.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    pub tenant: &'a str,
    pub verification: &'a str,
    pub to: &'a PhoneNumber,
    pub channel: Channel,
    /// From the request's head to the accepted reply.
    pub took: Duration,
}

impl Started<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.count_start("started");
        metrics.accept_duration.observe(self.took.as_secs_f64());
        info!(
            tenant = self.tenant,
            verification = self.verification,
            to = %self.to,
            channel = self.channel.as_str(),
            duration_ms = ms(self.took),
            "verification started"
        );
    }
}

/// A start met its own pending verification, or a resend was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Resent<'a> {
    pub tenant: &'a str,
    pub verification: &'a str,
    pub to: &'a PhoneNumber,
    pub channel: Channel,
    /// How many sends the verification has had, this one included.
    pub send_count: u32,
    pub took: Duration,
}

impl Resent<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.count_start("resent");
        metrics.accept_duration.observe(self.took.as_secs_f64());
        info!(
            tenant = self.tenant,
            verification = self.verification,
            to = %self.to,
            channel = self.channel.as_str(),
            send_count = self.send_count,
            duration_ms = ms(self.took),
            "verification resent"
        );
    }
}

/// A limit or a rule refused a start; nobody is sent anything.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    pub tenant: &'a str,
    /// `None` where it was not even a number.
    pub to: Option<&'a PhoneNumber>,
    /// The limit's own name.
    pub limit: &'static str,
    /// How long until it would be allowed, if waiting helps.
    pub retry_after: Option<Duration>,
}

impl Refused<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.count_start("refused");
        let labels = LimitLabels { limit: self.limit };
        metrics.refusals.get_or_create_owned(&labels).inc();
        info!(
            tenant = self.tenant,
            to = self.to.map(tracing::field::display),
            limit = self.limit,
            retry_after_ms = self.retry_after.map(ms),
            "start refused: {}",
            self.limit
        );
    }
}

/// A code was handed in and judged.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    pub tenant: &'a str,
    pub verification: &'a str,
    /// `approved`, or the error's stable code such as `code_mismatch`.
    pub result: &'static str,
    /// After a wrong code.
    pub checks_remaining: Option<u8>,
}

impl Checked<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ResultLabels {
            result: self.result,
        };
        metrics.checks.get_or_create_owned(&labels).inc();
        info!(
            tenant = self.tenant,
            verification = self.verification,
            result = self.result,
            checks_remaining = self.checks_remaining,
            "code checked: {}",
            self.result
        );
    }
}

/// A number has had so many failed checks in a row that no more are evaluated
/// until an operator lifts it.
#[derive(Clone, Copy, Debug)]
pub struct ChecksStopped<'a> {
    pub tenant: &'a str,
}

impl ChecksStopped<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.alarm("checks_stopped");
        error!(
            tenant = self.tenant,
            "a number's checks have stopped after 100 failures: an operator can lift it"
        );
    }
}

/// Most of a tenant's checks fail: somebody may be trying codes on many numbers.
#[derive(Clone, Copy, Debug)]
pub struct ManyChecksFail<'a> {
    pub tenant: &'a str,
    /// From 0 to 1.
    pub ratio: f64,
}

impl ManyChecksFail<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.alarm("many_checks_fail");
        error!(
            tenant = self.tenant,
            failed_check_ratio = self.ratio,
            "most checks of {} fail",
            self.tenant
        );
    }
}

impl Metrics {
    fn count_start(&self, result: &'static str) {
        self.starts
            .get_or_create_owned(&ResultLabels { result })
            .inc();
    }
}
