//! Latencies of one stage: every figure of a report starts as a count in one of these.

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize, de, ser};

/// The longest latency told apart, in microseconds: one hour. What took longer counts as this.
pub(crate) const LONGEST_US: u64 = 3_600_000_000;

/// Three digits keep every figure within 0.1 % of the truth.
const DIGITS: u8 = 3;

/// No histogram of ours is longer as text: with every bucket taken it stays below 200 KiB.
const TEXT_MAX: usize = 1 << 20;

/// Microseconds in an HDR histogram of three significant digits; in JSON the
/// base64 text of its V2 deflate form, as in an `.hlog`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram(pub(crate) hdrhistogram::Histogram<u64>);

impl Default for Histogram {
    fn default() -> Self {
        let inner = hdrhistogram::Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
            .expect("bounds of 1 and an hour with three digits are valid");
        Self(inner)
    }
}

impl Histogram {
    /// Counts one latency; what is beyond an hour counts as an hour.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.record_us(u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US));
    }

    /// The same in microseconds.
    pub(crate) fn record_us(&mut self, us: u64) {
        self.0.saturating_record(us.min(LONGEST_US));
    }

    /// Adds all that `other` has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("all histograms here have the same bounds");
    }

    /// How many latencies were counted.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latency, in microseconds, that `percentile` percent of all stay within; 0 if there are none.
    pub(crate) fn percentile_us(&self, percentile: f64) -> u64 {
        if self.is_empty() {
            return 0;
        }
        // A bucket is named by its upper end; that of the last lies beyond the hour.
        self.0.value_at_percentile(percentile).min(LONGEST_US)
    }

    /// The longest latency in microseconds; 0 if there are none.
    pub(crate) fn max_us(&self) -> u64 {
        self.0.max().min(LONGEST_US)
    }

    /// The mean in microseconds; 0 if there are none.
    pub(crate) fn mean_us(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.0.mean() }
    }

    /// The V2 deflate form in base64, as HDR tools in other languages read it.
    pub(crate) fn to_text(&self) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(|error| anyhow::anyhow!("histogram does not serialize: {error}"))?;
        Ok(STANDARD.encode(bytes))
    }

    /// Reads what [`Self::to_text`] wrote, or any V2 histogram whose values fit into an hour.
    pub(crate) fn from_text(text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= TEXT_MAX, "histogram text is too long");
        let bytes = STANDARD
            .decode(text)
            .context("histogram text is not base64")?;
        let inner: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| anyhow::anyhow!("not a V2 histogram: {error}"))?;
        // Into our own bounds, so that any two histograms can be added.
        let mut histogram = Self::default();
        histogram
            .0
            .add(&inner)
            .map_err(|error| anyhow::anyhow!("histogram goes beyond an hour: {error}"))?;
        Ok(histogram)
    }
}

impl Serialize for Histogram {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_text().map_err(ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).map_err(|error| de::Error::custom(format!("{error:#}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(latencies_us: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for us in latencies_us {
            histogram.record_us(*us);
        }
        histogram
    }

    #[test]
    fn what_takes_longer_than_an_hour_counts_as_an_hour() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_secs(7_200));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.count(), 2);
        assert_eq!(histogram.percentile_us(50.0), LONGEST_US);
        let mean = histogram.mean_us() / LONGEST_US as f64;
        assert!((mean - 1.0).abs() < 0.001, "{mean}");
    }

    #[test]
    fn an_empty_histogram_answers_zero_and_survives_a_round_trip() {
        let empty = Histogram::default();
        assert_eq!(
            (empty.percentile_us(99.0), empty.max_us(), empty.count()),
            (0, 0, 0)
        );
        let back = Histogram::from_text(&empty.to_text().expect("writes")).expect("reads");
        assert_eq!(back, empty);
    }

    #[test]
    fn text_that_is_no_histogram_is_refused() {
        for text in ["", "?", "AAAA", &"A".repeat(TEXT_MAX + 4)] {
            assert!(Histogram::from_text(text).is_err(), "{}", text.len());
        }
    }

    #[test]
    fn a_foreign_histogram_beyond_an_hour_is_refused() {
        let mut wide = hdrhistogram::Histogram::<u64>::new_with_bounds(1, u64::MAX, 3).expect("ok");
        wide.record(LONGEST_US * 10).expect("within its bounds");
        let error = Histogram::from_text(&Histogram(wide).to_text().expect("writes"));
        assert!(error.is_err());
    }

    proptest! {
        #[test]
        fn a_round_trip_keeps_every_count(values in prop::collection::vec(0..2 * LONGEST_US, 0..200)) {
            let histogram = of(&values);
            let json = serde_json::to_string(&histogram).expect("writes");
            let back: Histogram = serde_json::from_str(&json).expect("reads");
            prop_assert_eq!(back, histogram);
        }

        #[test]
        fn merging_is_counting_both(
            left in prop::collection::vec(0..LONGEST_US, 0..100),
            right in prop::collection::vec(0..LONGEST_US, 0..100),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let all: Vec<u64> = left.iter().chain(&right).copied().collect();
            prop_assert_eq!(merged, of(&all));
        }

        #[test]
        fn percentiles_are_within_a_thousandth(mut values in prop::collection::vec(1..LONGEST_US, 1..200)) {
            let histogram = of(&values);
            values.sort_unstable();
            let median = values[values.len().div_ceil(2) - 1];
            let seen = histogram.percentile_us(50.0);
            prop_assert!(seen.abs_diff(median) <= median / 1_000 + 1, "{seen} for {median}");
        }
    }
}
