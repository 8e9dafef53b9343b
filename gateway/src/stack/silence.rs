//! When silence about a message is a reason to send it again, and when it is
//! only the receipts that are missing: what a provider's receipts have taught
//! this node, and the bound on what acting without one may cost.
//!
//! Every node learns by itself, from the receipts that come to it: a bound that
//! each of them keeps holds for all of them, and no send pays for asking.

mod area;
mod latency;
mod window;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::area::AreaRecord;
use self::window::{Totals, Window};
use crate::config::RegionSet;
pub use area::{Reach, RegionTag};

/// How silence is treated at one provider.
#[derive(Clone, Debug)]
pub struct SilenceSettings {
    /// How long to wait where too little is known.
    pub deadline: Duration,
    /// What is learned stays within these.
    pub deadline_min: Duration,
    pub deadline_max: Duration,
    /// Regions whose receipts are known to be missing or fake.
    pub unreliable: RegionSet,
    /// Below this part of messages reported on, silence says nothing any more.
    pub receipt_ratio_min: f64,
    /// The part of the submissions that silence may send again.
    pub redispatch_ratio_max: f64,
}

/// What to do about a message of which nothing was heard in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSilence {
    /// It goes over another provider or channel.
    Act,
    /// Receipts from there are missing or fake.
    Unreliable,
    /// The provider's receipts do not reach us.
    Suspended,
    /// As much was sent again as may be.
    Spent,
}

impl OnSilence {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Unreliable => "unreliable",
            Self::Suspended => "suspended",
            Self::Spent => "spent",
        }
    }
}

/// Whether a provider's receipts reach us, when that has just changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReceiptPath {
    Broken { ratio: f64 },
    Works,
}

/// A final receipt, as far as it teaches anything.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub was_delivered: bool,
    /// From the attempt's beginning.
    pub after: Duration,
}

/// Messages that decide whether receipts are missing: fewer are chance.
const MESSAGES_MIN: u32 = 20;
/// Areas kept of one provider. Regions times channels stay below it.
const AREAS_MAX: usize = 1024;

/// What is known of one provider's receipts. One lock, held for a few steps.
pub struct Silence {
    settings: SilenceSettings,
    origin: Instant,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    areas: HashMap<Reach, AreaRecord>,
    window: Window,
    /// Silences since the last receipt.
    in_a_row: u32,
    is_suspended: bool,
}

impl Silence {
    pub fn new(settings: SilenceSettings, now: Instant) -> Self {
        Self {
            settings,
            origin: now,
            known: Mutex::default(),
        }
    }

    /// Notes a submission, and says how long to wait for its receipt. `None`:
    /// silence about it will say nothing.
    pub fn submitted(&self, area: Reach, now: Instant) -> Option<Duration> {
        let mut known = self.at(now);
        known.window.latest().submissions += 1;
        if self.settings.unreliable.contains(area.region.as_str()) {
            return None;
        }
        let learned = known
            .areas
            .get(&area)
            .and_then(|record| record.latency.p95());
        let bounds = (self.settings.deadline_min, self.settings.deadline_max);
        Some(learned.map_or(self.settings.deadline, |p95| p95.clamp(bounds.0, bounds.1)))
    }

    /// Notes a receipt that says how a message ended.
    pub fn heard(&self, area: Reach, heard: Heard, now: Instant) -> Option<ReceiptPath> {
        let mut known = self.at(now);
        known.in_a_row = 0;
        let counts = known.area(area).is_none_or(|record| {
            record.heard(heard);
            !record.is_missing()
        });
        if counts {
            known.window.latest().heard += 1;
        }
        self.judge(&mut known)
    }

    /// Notes that no receipt at all came of a message in time.
    pub fn silent(&self, area: Reach, now: Instant) -> Option<ReceiptPath> {
        let mut known = self.at(now);
        known.note_silence(area, self.settings.receipt_ratio_min);
        self.judge(&mut known)
    }

    /// Says what to do about a message of which no end was heard in time, and
    /// counts it as sent again if that is [`OnSilence::Act`].
    pub fn decide(&self, area: Reach, now: Instant) -> OnSilence {
        let mut known = self.at(now);
        let is_unreliable = self.settings.unreliable.contains(area.region.as_str())
            || known
                .areas
                .get(&area)
                .is_some_and(AreaRecord::is_unreliable);
        if is_unreliable {
            return OnSilence::Unreliable;
        }
        if known.is_suspended {
            return OnSilence::Suspended;
        }
        let totals = known.window.totals();
        if totals.redispatches >= self.redispatches_max(totals.submissions) {
            return OnSilence::Spent;
        }
        known.window.latest().redispatches += 1;
        OnSilence::Act
    }

    /// Whether acting on silence is suspended.
    pub fn is_suspended(&self) -> bool {
        self.lock().is_suspended
    }

    /// One at least: of the few messages of a small deployment no part is whole.
    fn redispatches_max(&self, submissions: u32) -> u32 {
        let part = (f64::from(submissions) * self.settings.redispatch_ratio_max).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and between 0 and a u32"
        )]
        let part = part as u32;
        let is_off = self.settings.redispatch_ratio_max <= 0.0;
        if is_off { 0 } else { part.max(1) }
    }

    fn judge(&self, known: &mut Known) -> Option<ReceiptPath> {
        let Totals { heard, silent, .. } = known.window.totals();
        let messages = heard.saturating_add(silent);
        let ratio = f64::from(heard) / f64::from(messages.max(1));
        let is_low = ratio < self.settings.receipt_ratio_min;
        // Few messages never fill the window, so they are counted beyond it.
        let never_heard = heard == 0 && known.in_a_row >= MESSAGES_MIN;
        let is_broken = (messages >= MESSAGES_MIN && is_low) || never_heard;
        if !known.is_suspended && is_broken {
            known.is_suspended = true;
            return Some(ReceiptPath::Broken { ratio });
        }
        if known.is_suspended && heard > 0 && !is_low {
            known.is_suspended = false;
            return Some(ReceiptPath::Works);
        }
        None
    }

    fn at(&self, now: Instant) -> MutexGuard<'_, Known> {
        let mut known = self.lock();
        known.window.advance(now.duration_since(self.origin));
        known
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn area(&mut self, area: Reach) -> Option<&mut AreaRecord> {
        if self.areas.len() >= AREAS_MAX && !self.areas.contains_key(&area) {
            return None;
        }
        Some(self.areas.entry(area).or_default())
    }

    fn note_silence(&mut self, area: Reach, receipt_ratio_min: f64) {
        let others: (u32, u32) = self
            .areas
            .iter()
            .filter(|(other, record)| **other != area && !record.is_missing())
            .fold((0, 0), |sum, (_, record)| {
                (sum.0 + record.heard_count(), sum.1 + record.silent_count())
            });
        let messages = others.0 + others.1;
        let others_report = messages >= MESSAGES_MIN
            && f64::from(others.0) >= receipt_ratio_min * f64::from(messages);
        let counts = self
            .area(area)
            .is_none_or(|record| !record.silent(others_report));
        if counts {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.window.latest().silent += 1;
        }
    }
}

#[cfg(test)]
mod tests;
