//! What one provider's receipts from one region over one channel are worth.

use std::time::Duration;

use watchword_providers::Channel;

use super::Heard;
use super::latency::Latency;

/// A region's two letters; what has other letters counts as one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionTag([u8; 2]);

impl RegionTag {
    const NONE: Self = Self([0; 2]);

    pub fn of(region: &str) -> Self {
        match *region.as_bytes() {
            [first, second] if region.chars().all(|letter| letter.is_ascii_uppercase()) => {
                Self([first, second])
            }
            [..] => Self::NONE,
        }
    }

    /// Nothing, if it is none.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0)
            .unwrap_or_default()
            .trim_end_matches('\0')
    }
}

/// Where messages go, as far as receipts differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach {
    pub channel: Channel,
    pub region: RegionTag,
}

impl Reach {
    pub fn of(channel: Channel, region: &str) -> Self {
        Self {
            channel,
            region: RegionTag::of(region),
        }
    }
}

/// Messages of one area before anything is said about it.
const MESSAGES_MIN: u32 = 30;
/// Halved there: what was long ago counts less and less.
const MESSAGES_MAX: u32 = 512;
/// One receipt in so many messages, or fewer: there are none to wait for.
const MISSING_PARTS: u32 = 20;
/// No handset has confirmed a message sooner after we began to hand it over.
const PLAUSIBLE_AFTER: Duration = Duration::from_millis(300);

#[derive(Default)]
pub(super) struct AreaRecord {
    pub(super) latency: Latency,
    heard: u32,
    silent: u32,
    /// Receipts in a row that came sooner than a handset can answer.
    implausible: u32,
    is_missing: bool,
}

impl AreaRecord {
    pub(super) fn heard(&mut self, heard: Heard) {
        self.heard += 1;
        self.fade();
        let is_implausible = heard.was_delivered && heard.after < PLAUSIBLE_AFTER;
        self.implausible = if is_implausible {
            self.implausible.saturating_add(1)
        } else {
            0
        };
        if heard.was_delivered {
            self.latency.note(heard.after);
        }
        self.is_missing &= self.has_few();
    }

    /// Whether receipts from here are missing, now that another one is.
    pub(super) fn silent(&mut self, others_report: bool) -> bool {
        self.silent += 1;
        self.fade();
        let is_known = self.heard + self.silent >= MESSAGES_MIN;
        self.is_missing |= is_known && others_report && self.has_few();
        self.is_missing
    }

    pub(super) fn is_missing(&self) -> bool {
        self.is_missing
    }

    pub(super) fn is_unreliable(&self) -> bool {
        self.is_missing || self.implausible >= MESSAGES_MIN
    }

    pub(super) fn heard_count(&self) -> u32 {
        self.heard
    }

    pub(super) fn silent_count(&self) -> u32 {
        self.silent
    }

    fn has_few(&self) -> bool {
        self.heard * MISSING_PARTS < self.heard + self.silent
    }

    fn fade(&mut self) {
        if self.heard + self.silent >= MESSAGES_MAX {
            self.heard /= 2;
            self.silent /= 2;
        }
    }
}
