//! Files for HDR tools: the percentile distribution of a stage (`.hgrm`), and an
//! interval log of all of them (`.hlog`).

use std::fmt::Write;

use anyhow::Context;
use jiff::Timestamp;

use crate::results::{Histogram, Results, Stage};

/// Lines per halving of the distance to 100 %, as HDR tools have it by default.
const TICKS_PER_HALF: u32 = 5;

/// What an HDR histogram of three digits divides each power of two into.
const SUB_BUCKETS: u32 = 2_048;

const US_PER_MS: f64 = 1e3;

/// The percentile distribution in milliseconds, as HdrHistogram plotters read it.
pub(super) fn hgrm(latencies: &Histogram) -> String {
    let histogram = &latencies.0;
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        out.write_fmt(text).expect("a string takes any text");
        out.push('\n');
    };
    let mut count_so_far = 0_u64;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        count_so_far = count_so_far.saturating_add(step.count_since_last_iteration());
        let ms = step.value_iterated_to() as f64 / US_PER_MS;
        let quantile = step.quantile_iterated_to();
        if quantile < 1.0 {
            let tail = 1.0 / (1.0 - quantile);
            line(format_args!(
                "{ms:12.3} {quantile:2.12} {count_so_far:10} {tail:14.2}"
            ));
        } else {
            line(format_args!("{ms:12.3} {quantile:2.12} {count_so_far:10}"));
        }
    }
    let mean = latencies.mean_us() / US_PER_MS;
    let deviation = histogram.stdev() / US_PER_MS;
    let max = latencies.max_us() as f64 / US_PER_MS;
    let count = latencies.count();
    let buckets = histogram.buckets();
    line(format_args!(
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]"
    ));
    line(format_args!(
        "#[Max     = {max:12.3}, Total count    = {count:12}]"
    ));
    line(format_args!(
        "#[Buckets = {buckets:12}, SubBuckets     = {SUB_BUCKETS:12}]"
    ));
    out
}

/// One interval per stage, the whole run long, tagged with the stage's name.
///
/// Values are microseconds; the column `Interval_Max` is in milliseconds.
pub(super) fn hlog(results: &Results) -> anyhow::Result<String> {
    let start: Timestamp = results
        .started_at
        .parse()
        .with_context(|| format!("start time `{}` is not RFC 3339", results.started_at))?;
    let epoch_s = start.as_millisecond() as f64 / 1e3;
    let duration_s = results.duration_s.max(0.0);
    let mut out = format!(
        "#[Latencies in microseconds, measured by watchword-loadtest]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {epoch_s:.3} (seconds since epoch), {start}]\n\
         #[BaseTime: {epoch_s:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
    );
    for stage in Stage::ALL {
        let latencies = results.stage(stage);
        if latencies.is_empty() {
            continue;
        }
        let max = latencies.max_us() as f64 / US_PER_MS;
        let (tag, text) = (stage.name(), latencies.to_text()?);
        out.push_str(&format!(
            "Tag={tag},0.000,{duration_s:.3},{max:.3},{text}\n"
        ));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    /// Value in ms, quantile and count of each line of a distribution.
    fn lines(text: &str) -> Vec<(f64, f64, u64)> {
        text.lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                let number = |at: usize| columns[at].parse::<f64>().expect(line);
                (number(0), number(1), number(2) as u64)
            })
            .collect()
    }

    fn of(latencies_us: &[u64]) -> Histogram {
        example::series(Stage::Accept, ["", "", ""], latencies_us).latencies
    }

    #[test]
    fn a_distribution_looks_as_plotters_expect() {
        let text = hgrm(&of(&[1_000, 2_000, 3_000, 4_000]));
        let expected = "       Value     Percentile TotalCount 1/(1-Percentile)\n\
            \n       1.000 0.000000000000          1           1.00\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.contains("\n       4.001 1.000000000000          4\n#[Mean    = "),
            "{text}"
        );
        assert!(
            text.ends_with("#[Buckets =           22, SubBuckets     =         2048]\n"),
            "{text}"
        );
        assert!(
            text.contains("#[Max     =        4.001, Total count    =            4]\n"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_distribution_is_only_head_and_foot() {
        let text = hgrm(&Histogram::default());
        assert_eq!(lines(&text), []);
        assert!(text.contains("Total count    =            0]"));
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn the_interval_log_reads_back_with_every_stage_and_count() {
        let run = example::brown_out();
        let log = hlog(&run).expect("writes");
        assert!(log.contains("#[Histogram log format version 1.3]\n"));
        let entries: Vec<LogEntry<'_>> = IntervalLogIterator::new(log.as_bytes())
            .collect::<Result<_, _>>()
            .expect("parses");
        assert!(matches!(entries[0], LogEntry::StartTime(at) if at.as_secs() == 1_772_366_400));
        assert!(matches!(entries[1], LogEntry::BaseTime(_)));
        let mut stages = Stage::ALL.into_iter();
        for entry in &entries[2..] {
            let LogEntry::Interval(interval) = entry else {
                panic!("{entry:?}")
            };
            let stage = stages.next().expect("one interval a stage");
            assert_eq!(interval.tag().expect("tagged").as_str(), stage.name());
            assert_eq!(interval.duration().as_millis(), 182_400);
            let back = Histogram::from_text(interval.encoded_histogram()).expect("decodes");
            assert_eq!(back, run.stage(stage));
        }
        assert_eq!(stages.next(), None);
    }

    #[test]
    fn a_run_without_samples_has_a_log_without_intervals() {
        let log = hlog(&example::empty()).expect("writes");
        assert_eq!(IntervalLogIterator::new(log.as_bytes()).count(), 2);
    }

    proptest! {
        #[test]
        fn every_line_of_a_distribution_says_what_the_histogram_says(
            latencies in prop::collection::vec(1_u64..10_000_000, 1..300),
        ) {
            let histogram = of(&latencies);
            let read = lines(&hgrm(&histogram));
            let mut before = (0.0, -1.0, 0);
            for (ms, quantile, count) in read.iter().copied() {
                prop_assert!(ms >= before.0 && quantile >= before.1 && count >= before.2);
                let us = (ms * US_PER_MS).round() as u64;
                prop_assert_eq!(histogram.0.count_between(0, us), count);
                before = (ms, quantile, count);
            }
            prop_assert_eq!(before.2, latencies.len() as u64);
            prop_assert_eq!(before.1, 1.0);
        }
    }
}
