//! What became of messages, by provider, channel, country and the number's first
//! digits: few numbers an hour, from which routes can be judged.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use watchword_providers::{Channel, PhoneNumber};

use super::ProviderId;
use crate::verification::OperationId;

/// How long an hour's counts are kept after its end, in ms.
const COUNTS_KEPT_MS: u64 = 48 * HOUR_MS;
pub const HOUR_MS: u64 = 3_600_000;
/// Rows of one hour. What comes later counts for its provider and channel alone,
/// up to twice as many rows. `count_routes.lua` says the same.
pub const ROWS_MAX: usize = 1_024;
/// Batches remembered, so that one asked twice counts once.
const OPERATIONS_KEPT: usize = 16;

/// Where numbers are: their country, and their first digits. Never more of a
/// number than may be seen: at least `DIGITS_HIDDEN` are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area {
    /// A region's code such as `US` or `001`; zeros stand for nothing.
    country: [u8; 3],
    /// The digits as a number: none begins with 0. 0: nothing is known.
    digits: u32,
}

/// Digits of an area beside the calling code.
const NATIONAL_DIGITS_MAX: usize = 3;
const DIGITS_HIDDEN: usize = 5;
/// The length of [`Area::to_bytes`].
pub const AREA_LENGTH: usize = 6;

impl Area {
    pub fn of(region: &str, number: &PhoneNumber) -> Self {
        let digits = number.expose().trim_start_matches('+');
        let calling_code = usize::from(number.country_code_digits());
        let shown = (calling_code + NATIONAL_DIGITS_MAX)
            .min(digits.len().saturating_sub(DIGITS_HIDDEN))
            .max(calling_code);
        let mut country = [0; 3];
        for (to, from) in country.iter_mut().zip(region.bytes()) {
            *to = from;
        }
        Self {
            country,
            digits: digits
                .get(..shown)
                .map_or(0, |shown| shown.parse().unwrap_or(0)),
        }
    }

    /// `None`: of no country in particular.
    pub fn country(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.country).ok()?;
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then_some(text)
    }

    /// As a prefix of numbers, such as `+1415`.
    pub fn prefix(&self) -> Option<String> {
        (self.digits > 0).then(|| format!("+{}", self.digits))
    }

    pub fn to_bytes(self) -> [u8; AREA_LENGTH] {
        let [a, b, c] = self.country;
        let [_, x, y, z] = self.digits.to_be_bytes();
        [a, b, c, x, y, z]
    }

    pub fn of_bytes([a, b, c, x, y, z]: [u8; AREA_LENGTH]) -> Self {
        Self {
            country: [a, b, c],
            digits: u32::from_be_bytes([0, x, y, z]),
        }
    }
}

/// What a row counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteKey {
    pub provider: ProviderId,
    pub channel: Channel,
    pub area: Area,
}

impl RouteKey {
    /// As stores keep it. `rest_of` and a script know where the area stands.
    pub fn to_bytes(&self) -> Vec<u8> {
        let channel = match self.channel {
            Channel::Sms => b's',
            Channel::Voice => b'v',
        };
        let mut bytes = vec![channel];
        bytes.extend_from_slice(&self.area.to_bytes());
        bytes.extend_from_slice(self.provider.as_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] wrote; `None` for anything else.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (channel, rest) = bytes.split_first()?;
        let (area, provider) = rest.split_first_chunk()?;
        Some(Self {
            provider: Arc::from(std::str::from_utf8(provider).ok()?),
            channel: match *channel {
                b's' => Channel::Sms,
                b'v' => Channel::Voice,
                _ => return None,
            },
            area: Area::of_bytes(*area),
        })
    }
}

/// The same provider and channel, anywhere.
fn rest_of(key: &[u8]) -> Vec<u8> {
    let mut rest = key.to_vec();
    for byte in rest.iter_mut().skip(1).take(AREA_LENGTH) {
        *byte = 0;
    }
    rest
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounts {
    /// A provider took them.
    pub submitted: u64,
    /// Of those: a receipt said so.
    pub delivered: u64,
    /// Verifications approved, counted for the last message before.
    pub approved: u64,
}

impl RouteCounts {
    pub fn add(&mut self, more: Self) {
        self.submitted = self.submitted.saturating_add(more.submitted);
        self.delivered = self.delivered.saturating_add(more.delivered);
        self.approved = self.approved.saturating_add(more.approved);
    }
}

/// Rows, as asked of a store or answered by it.
pub type RouteRows = Vec<(RouteKey, RouteCounts)>;

/// Counts to be added to those of an hour. At most [`ROWS_MAX`] rows.
#[derive(Clone, Debug)]
pub struct CountRoutes {
    /// Hours since the Unix epoch.
    pub hour: u64,
    /// Asked twice under the same operation, it counts once.
    pub operation: OperationId,
    pub rows: RouteRows,
}

impl CountRoutes {
    pub fn kept_until_ms(&self) -> u64 {
        (self.hour + 1)
            .saturating_mul(HOUR_MS)
            .saturating_add(COUNTS_KEPT_MS)
    }
}

/// An hour's counts as a store keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourCounts {
    pub kept_until_ms: u64,
    operations: Vec<OperationId>,
    rows: Vec<(ByteBuf, RouteCounts)>,
}

impl HourCounts {
    /// Adds a batch. `false` if it was added before.
    pub fn add(&mut self, ask: &CountRoutes) -> bool {
        if self.operations.contains(&ask.operation) {
            return false;
        }
        self.kept_until_ms = ask.kept_until_ms();
        self.operations.push(ask.operation);
        let surplus = self.operations.len().saturating_sub(OPERATIONS_KEPT);
        self.operations.drain(..surplus);
        let mut places: HashMap<Vec<u8>, usize> = HashMap::with_capacity(self.rows.len());
        for (place, (key, _)) in self.rows.iter().enumerate() {
            places.insert(key.to_vec(), place);
        }
        for (key, counts) in &ask.rows {
            let mut key = key.to_bytes();
            if !places.contains_key(&key) && self.rows.len() >= ROWS_MAX {
                key = rest_of(&key);
            }
            let known = places.get(&key).and_then(|place| self.rows.get_mut(*place));
            if let Some((_, row)) = known {
                row.add(*counts);
            } else if self.rows.len() < 2 * ROWS_MAX {
                places.insert(key.clone(), self.rows.len());
                self.rows.push((ByteBuf::from(key), *counts));
            }
        }
        true
    }

    /// What was counted, without what another release may have written.
    pub fn rows(&self) -> RouteRows {
        let rows = self.rows.iter();
        rows.filter_map(|(key, counts)| Some((RouteKey::of_bytes(key)?, *counts)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(region: &str, e164: &str, calling_code: u8) -> Area {
        Area::of(region, &PhoneNumber::from_e164(e164, calling_code).unwrap())
    }

    #[test]
    fn an_area_shows_three_digits_beside_the_calling_code_and_hides_five() {
        for (region, e164, calling_code, prefix) in [
            ("US", "+14155550123", 1, "+1415"),
            ("DE", "+4915112345678", 2, "+49151"),
            ("001", "+88312345678", 3, "+883123"),
            ("FO", "+298211234", 3, "+2982"),
            ("NU", "+6834002", 3, "+683"),
        ] {
            let area = area(region, e164, calling_code);
            assert_eq!(area.prefix().as_deref(), Some(prefix));
            assert_eq!(area.country(), Some(region));
            assert_eq!(Area::of_bytes(area.to_bytes()), area);
        }
        assert_eq!(Area::default().country(), None);
        assert_eq!(Area::default().prefix(), None);
    }

    #[test]
    fn a_key_is_read_back_and_rubbish_is_not() {
        let key = RouteKey {
            provider: "hook-a".into(),
            channel: Channel::Voice,
            area: area("GB", "+447911123456", 2),
        };
        assert_eq!(RouteKey::of_bytes(&key.to_bytes()), Some(key.clone()));
        let rest = RouteKey::of_bytes(&rest_of(&key.to_bytes())).unwrap();
        let anywhere = RouteKey {
            area: Area::default(),
            ..key
        };
        assert_eq!(rest, anywhere);
        for rubbish in [&b""[..], b"s", b"sUS", b"x123456hook", b"s123456\xff"] {
            assert_eq!(RouteKey::of_bytes(rubbish), None);
        }
    }
}
