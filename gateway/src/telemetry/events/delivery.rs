//! Beside dispatch, receipts and the ledger: what became of a message.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, info, warn};
use watchword_providers::{Channel, PhoneNumber, ProviderCode};

use super::ms;
use crate::stack::breaker::BreakerState;
use crate::stack::pace::Sharing;
use crate::telemetry::metrics::{
    AttemptLabels, DeliveryLabels, HopLabels, Metrics, ProviderLabels, ReceiptLabels,
    ReceiptRefusedLabels,
};

/// One submission to one provider ended, well or badly.
#[derive(Clone, Copy, Debug)]
pub struct AttemptEnded<'a> {
    pub tenant: &'a str,
    pub delivery: &'a str,
    /// Its number within the delivery, from 1.
    pub attempt: u32,
    pub provider: &'a str,
    pub channel: Channel,
    pub to: &'a PhoneNumber,
    /// The outcome's word: `submitted`, `refused`, `throttled`, `unreachable`,
    /// `shed` or `unknown`.
    pub outcome: &'static str,
    /// The provider's own word for it, already cleaned.
    pub code: Option<&'a ProviderCode>,
    pub took: Duration,
}

impl AttemptEnded<'_> {
    pub fn emit(self, metrics: &Metrics) {
        self.count(metrics);
        let code = self.code.map(ProviderCode::as_str);
        // A macro's level is fixed at compile time: the two calls differ in
        // nothing else.
        if self.outcome == "submitted" {
            info!(
                tenant = self.tenant,
                delivery = self.delivery,
                attempt = self.attempt,
                provider = self.provider,
                channel = self.channel.as_str(),
                to = %self.to,
                outcome = self.outcome,
                code,
                duration_ms = ms(self.took),
                "submitted to {}",
                self.provider
            );
        } else {
            warn!(
                tenant = self.tenant,
                delivery = self.delivery,
                attempt = self.attempt,
                provider = self.provider,
                channel = self.channel.as_str(),
                to = %self.to,
                outcome = self.outcome,
                code,
                duration_ms = ms(self.took),
                "attempt at {} ended {}",
                self.provider,
                self.outcome
            );
        }
    }

    fn count(&self, metrics: &Metrics) {
        let hop = HopLabels::new(self.provider, self.channel);
        let attempt = AttemptLabels {
            provider: Arc::clone(&hop.provider),
            channel: hop.channel,
            outcome: self.outcome,
        };
        metrics.attempts.get_or_create_owned(&attempt).inc();
        metrics
            .submit_duration
            .get_or_create_owned(&hop)
            .observe(self.took.as_secs_f64());
        if matches!(self.outcome, "submitted" | "unknown") {
            metrics.submissions.get_or_create_owned(&hop).inc();
        }
        if self.outcome == "unknown" {
            let provider = ProviderLabels {
                provider: hop.provider,
            };
            metrics
                .unknown_outcomes
                .get_or_create_owned(&provider)
                .inc();
        }
    }
}

/// A message is sent although an earlier attempt of the delivery may have gone out.
#[derive(Clone, Copy, Debug)]
pub struct PossibleDuplicate<'a> {
    pub delivery: &'a str,
    pub provider: &'a str,
}

impl PossibleDuplicate<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ProviderLabels::new(self.provider);
        metrics
            .possible_duplicates
            .get_or_create_owned(&labels)
            .inc();
        warn!(
            delivery = self.delivery,
            provider = self.provider,
            "sending through {} although an earlier attempt may have gone out",
            self.provider
        );
    }
}

/// A delivery reached the last status it will have.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryEnded<'a> {
    pub tenant: &'a str,
    pub delivery: &'a str,
    /// Who took the message last; `None` if nobody did.
    pub provider: Option<&'a str>,
    pub channel: Channel,
    /// The delivery status, such as `delivered` or `failed`.
    pub status: &'static str,
    /// Why, where the status alone does not say it.
    pub reason: Option<&'a str>,
    /// From the request to the receipt that says delivered, if one did.
    pub delivered_after: Option<Duration>,
}

impl DeliveryEnded<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = DeliveryLabels {
            channel: self.channel.as_str(),
            delivery_status: self.status,
        };
        metrics.deliveries.get_or_create_owned(&labels).inc();
        if let (Some(provider), Some(after)) = (self.provider, self.delivered_after) {
            metrics
                .delivery_duration
                .get_or_create_owned(&HopLabels::new(provider, self.channel))
                .observe(after.as_secs_f64());
        }
        info!(
            tenant = self.tenant,
            delivery = self.delivery,
            provider = self.provider,
            channel = self.channel.as_str(),
            status = self.status,
            reason = self.reason,
            delivered_after_ms = self.delivered_after.map(ms),
            "delivery ended {}",
            self.status
        );
    }
}

/// A receipt was believed, matched and moved a delivery forward.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptApplied<'a> {
    pub delivery: &'a str,
    pub attempt: u32,
    pub provider: &'a str,
    /// What the receipt says: `sent`, `delivered` or `undelivered`.
    pub status: &'static str,
    pub code: Option<&'a ProviderCode>,
    /// What it changed: `recorded`, `redispatch` or `nothing`.
    pub effect: &'static str,
}

impl ReceiptApplied<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ReceiptLabels {
            provider: self.provider.into(),
            delivery_status: self.status,
        };
        metrics.receipts.get_or_create_owned(&labels).inc();
        debug!(
            delivery = self.delivery,
            attempt = self.attempt,
            provider = self.provider,
            status = self.status,
            code = self.code.map(ProviderCode::as_str),
            effect = self.effect,
            "receipt from {} says {}",
            self.provider,
            self.status
        );
    }
}

/// A receipt was believed, and names a message that nobody knows yet.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptWaits<'a> {
    pub provider: &'a str,
    /// What the receipt says: `sent`, `delivered` or `undelivered`.
    pub status: &'static str,
}

impl ReceiptWaits<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ProviderLabels {
            provider: self.provider.into(),
        };
        metrics.receipts_waiting.get_or_create_owned(&labels).inc();
        debug!(
            provider = self.provider,
            status = self.status,
            "receipt from {} waits for its message",
            self.provider
        );
    }
}

/// A receipt was not believed, not understood or matched nothing; it changed nothing.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptRefused<'a> {
    pub provider: &'a str,
    /// Our own word for why: `signature`, `stale`, `malformed`, `unmatched`, ..
    pub reason: &'static str,
}

impl ReceiptRefused<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = ReceiptRefusedLabels {
            provider: self.provider.into(),
            reason: self.reason,
        };
        metrics.receipts_refused.get_or_create_owned(&labels).inc();
        warn!(
            provider = self.provider,
            reason = self.reason,
            "receipt for {} refused: {}",
            self.provider,
            self.reason
        );
    }
}

/// The sweep took over an overdue entry that another run had left.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTaken<'a> {
    pub delivery: &'a str,
    pub fence: u32,
    /// What was due: `lease`, `retry`, `receipt_deadline`, ...
    pub why: &'static str,
}

impl LeaseTaken<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.leases_taken.inc();
        info!(
            delivery = self.delivery,
            fence = self.fence,
            due = self.why,
            "delivery taken up: {} due",
            self.why
        );
    }
}

/// An entry lost its third lease: set aside and kept for inspection.
#[derive(Clone, Copy, Debug)]
pub struct Poisoned<'a> {
    pub delivery: &'a str,
}

impl Poisoned<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.poisoned.inc();
        error!(
            delivery = self.delivery,
            "delivery failed: three runs in a row died on it"
        );
    }
}

/// A breaker's state as a gauge shows it.
fn as_gauge(state: BreakerState) -> i64 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}

/// A provider's breaker opened, closed, or lets one message try.
#[derive(Clone, Copy, Debug)]
pub struct BreakerChanged<'a> {
    pub provider: &'a str,
    pub channel: Channel,
    pub state: BreakerState,
}

impl BreakerChanged<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics
            .breaker_state
            .get_or_create_owned(&HopLabels::new(self.provider, self.channel))
            .set(as_gauge(self.state));
        warn!(
            provider = self.provider,
            channel = self.channel.as_str(),
            breaker_state = self.state.as_str(),
            "breaker of {} is now {}",
            self.provider,
            self.state.as_str()
        );
    }
}

/// A node goes by its own part of a provider's rate, or by the fleet's again.
#[derive(Clone, Copy, Debug)]
pub struct SharingChanged<'a> {
    pub provider: &'a str,
    pub sharing: Sharing,
}

impl SharingChanged<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let alone = metrics
            .rate_alone
            .get_or_create_owned(&ProviderLabels::new(self.provider));
        match self.sharing {
            Sharing::Alone => {
                alone.set(1);
                warn!(
                    provider = self.provider,
                    "the store gives no turns: {} goes by rate_per_s divided by fleet_size",
                    self.provider
                );
            }
            Sharing::Shared => {
                alone.set(0);
                info!(
                    provider = self.provider,
                    "the store gives turns: {} goes by rate_per_s of the whole fleet",
                    self.provider
                );
            }
        }
    }
}

/// A provider answered 401 or 403: every message to it will fail until someone acts.
#[derive(Clone, Copy, Debug)]
pub struct CredentialsRefused<'a> {
    pub provider: &'a str,
    pub code: Option<&'a ProviderCode>,
}

impl CredentialsRefused<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics
            .credentials_refused
            .get_or_create_owned(&ProviderLabels::new(self.provider))
            .inc();
        error!(
            provider = self.provider,
            code = self.code.map(ProviderCode::as_str),
            "{} refuses our credentials",
            self.provider
        );
    }
}
