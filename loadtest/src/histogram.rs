//! Latencies of one stage: every figure of a report starts as a count in one of these.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize, de, ser};

/// The longest latency told apart, in microseconds: one hour. What took longer counts as this.
pub(crate) const LONGEST_US: u64 = 3_600_000_000;

/// Three digits keep every figure within 0.1 % of the truth.
const DIGITS: u8 = 3;

/// No histogram of ours is longer, as text or inflated: some 24,000 buckets of at most nine bytes.
const BYTES_MAX: usize = 1 << 18;

/// More latencies than any generators measure, and few enough that sums of such counts do not overflow.
const COUNT_MAX: u64 = 1 << 40;

/// How a V2 deflate histogram begins.
const DEFLATED_COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];

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

    /// The same latency so many times.
    pub(crate) fn record_many_us(&mut self, us: u64, times: u64) {
        self.0.saturating_record_n(us.min(LONGEST_US), times);
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

    /// Reads what [`Self::to_text`] wrote, or any V2 deflate histogram whose values fit into an hour.
    pub(crate) fn from_text(text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= BYTES_MAX, "histogram text is too long");
        let deflated = STANDARD
            .decode(text)
            .context("histogram text is not base64")?;
        let bytes = inflate(&deflated)?;
        let read: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| anyhow::anyhow!("not a V2 histogram: {error}"))?;
        ensure!(read.len() <= COUNT_MAX, "histogram counts too many");
        // Into our own bounds, so that any two histograms can be added.
        let mut histogram = Self::default();
        histogram
            .0
            .add(&read)
            .map_err(|error| anyhow::anyhow!("histogram goes beyond an hour: {error}"))?;
        Ok(histogram)
    }
}

/// The plain V2 form. It is inflated here, as the reader of that form takes its
/// length from the form itself, and makes room for it before it reads.
fn inflate(deflated: &[u8]) -> anyhow::Result<Vec<u8>> {
    let stream = deflated
        .strip_prefix(&DEFLATED_COOKIE)
        .and_then(|rest| rest.split_first_chunk::<4>())
        .map(|(_length, stream)| stream)
        .context("not a V2 deflate histogram")?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(stream)
        .take(BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .context("histogram does not inflate")?;
    ensure!(bytes.len() <= BYTES_MAX, "histogram is too long");
    let (_cookie, rest) = bytes
        .split_first_chunk::<4>()
        .context("histogram is too short")?;
    let (length, _) = rest
        .split_first_chunk::<4>()
        .context("histogram is too short")?;
    ensure!(
        u32::from_be_bytes(*length) as usize <= bytes.len(),
        "histogram claims to be longer than it is"
    );
    Ok(bytes)
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
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use hdrhistogram::serialization::V2Serializer;
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
        for text in ["", "?", "AAAA", &"A".repeat(BYTES_MAX + 4)] {
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

    /// The deflated text of a plain V2 form.
    fn deflate(plain: &[u8]) -> String {
        let mut stream = ZlibEncoder::new(Vec::new(), Compression::fast());
        stream.write_all(plain).expect("deflates");
        let stream = stream.finish().expect("deflates");
        let length = u32::try_from(stream.len()).expect("short").to_be_bytes();
        STANDARD.encode([DEFLATED_COOKIE.as_slice(), &length, &stream].concat())
    }

    fn plain(histogram: &Histogram) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&histogram.0, &mut bytes)
            .expect("serializes");
        bytes
    }

    #[test]
    fn a_length_that_is_a_lie_is_refused_before_room_is_made_for_it() {
        let mut bytes = plain(&of(&[5, 6, 7]));
        assert!(Histogram::from_text(&deflate(&bytes)).is_ok());
        bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let said = Histogram::from_text(&deflate(&bytes)).expect_err("refused");
        assert!(said.to_string().contains("longer than it is"), "{said}");
        let said = Histogram::from_text(&deflate(&vec![0; 4 << 20])).expect_err("refused");
        assert!(said.to_string().contains("too long"), "{said}");
    }

    #[test]
    fn more_counts_than_were_ever_measured_are_refused() {
        let mut full = Histogram::default();
        full.0
            .record_n(5, COUNT_MAX + 1)
            .expect("within its bounds");
        assert!(Histogram::from_text(&full.to_text().expect("writes")).is_err());
    }

    proptest! {
        #[test]
        fn a_spoilt_histogram_is_read_or_refused_but_never_panics(
            latencies in prop::collection::vec(0..LONGEST_US, 0..20),
            spoils in prop::collection::vec((0_usize..400, any::<u8>()), 1..4),
        ) {
            let mut bytes = plain(&of(&latencies));
            for (at, byte) in spoils {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(read) = Histogram::from_text(&deflate(&bytes)) {
                let _figures = (read.percentile_us(99.0), read.max_us(), read.mean_us());
            }
        }

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
