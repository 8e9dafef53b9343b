//! What one thread measures. Each thread writes to a recorder of its own; at
//! the end of the run they are merged.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;

use crate::histogram::Histogram;
use crate::results::{Counts, Series, Stage};
use crate::scenario::ChannelName;
use crate::seconds::{Part, Tally};

/// What a series belongs to; `None` where it does not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Labels {
    pub(crate) provider: Option<u8>,
    pub(crate) channel: Option<ChannelName>,
    pub(crate) country: Option<u8>,
}

/// Texts of the labels.
pub(crate) struct Names {
    pub(crate) providers: Vec<String>,
    pub(crate) countries: Vec<String>,
}

/// Counts and latencies of one thread.
pub(crate) struct Recorder {
    start: Instant,
    series: HashMap<(Stage, Labels), Histogram>,
    pub(crate) counts: Counts,
    /// From due to sent, as far as it is the tester's own doing.
    pub(crate) lateness: Histogram,
    /// When the last result came, from the start.
    last: Duration,
    open: Part,
    parts: mpsc::Sender<Part>,
}

impl Recorder {
    /// `start` is the zero of the run; whole seconds go out through `parts`.
    pub(crate) fn new(start: Instant, parts: mpsc::Sender<Part>) -> Self {
        Self {
            start,
            series: HashMap::new(),
            counts: Counts::default(),
            lateness: Histogram::default(),
            last: Duration::ZERO,
            open: Part::default(),
            parts,
        }
    }

    /// Counts `latency`, which ended at `at`.
    pub(crate) fn latency(
        &mut self,
        (stage, labels): (Stage, Labels),
        latency: Duration,
        at: Instant,
    ) {
        self.series
            .entry((stage, labels))
            .or_default()
            .record(latency);
        self.at(at).latency(stage, latency);
    }

    /// The tally of the second that `at` belongs to.
    pub(crate) fn at(&mut self, at: Instant) -> &mut Tally {
        let since = at.saturating_duration_since(self.start);
        self.last = self.last.max(since);
        self.part(since)
    }

    /// An arrival, counted in the second it was due.
    pub(crate) fn due(&mut self, due: Instant) {
        self.counts.due += 1;
        let since = due.saturating_duration_since(self.start);
        self.part(since).due += 1;
    }

    /// Sends out what belongs to a second that is over.
    pub(crate) fn turn(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.start).as_secs();
        if second != u64::from(self.open.second) {
            self.flush(u32::try_from(second).unwrap_or(u32::MAX));
        }
    }

    fn part(&mut self, since: Duration) -> &mut Tally {
        let second = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        if second != self.open.second {
            self.flush(second);
        }
        &mut self.open.tally
    }

    fn flush(&mut self, next: u32) {
        let part = std::mem::replace(&mut self.open, Part::new(next));
        if !part.tally.is_empty() {
            // Nobody listens any more once the run has been given up.
            self.parts.send(part).ok();
        }
    }

    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Recorded {
        self.flush(0);
        Recorded {
            series: self.series,
            counts: self.counts,
            lateness: self.lateness,
            last: self.last,
        }
    }
}

/// What a recorder leaves.
#[derive(Default)]
pub(crate) struct Recorded {
    series: HashMap<(Stage, Labels), Histogram>,
    pub(crate) counts: Counts,
    pub(crate) lateness: Histogram,
    pub(crate) last: Duration,
}

impl Recorded {
    /// Adds what another thread has recorded.
    pub(crate) fn merge(&mut self, other: Self) {
        for (labels, latencies) in other.series {
            self.series.entry(labels).or_default().merge(&latencies);
        }
        self.counts.add(&other.counts);
        self.lateness.merge(&other.lateness);
        self.last = self.last.max(other.last);
    }

    /// The series with their labels spelled out, in a fixed order.
    pub(crate) fn into_series(self, names: &Names) -> Vec<Series> {
        let name = |names: &[String], index: Option<u8>| {
            let known = index.and_then(|index| names.get(usize::from(index)));
            known.cloned().unwrap_or_default()
        };
        let spelled = self
            .series
            .into_iter()
            .map(|((stage, labels), latencies)| Series {
                stage,
                provider: name(&names.providers, labels.provider),
                channel: labels.channel.map_or("", ChannelName::as_str).to_owned(),
                country: name(&names.countries, labels.country),
                latencies,
            });
        let mut series: Vec<Series> = spelled.collect();
        series.sort_by(|one, other| {
            let key = |series: &Series| {
                let labels = [&series.provider, &series.channel, &series.country];
                (series.stage, labels.map(String::clone))
            };
            key(one).cmp(&key(other))
        });
        series
    }
}

/// Kinds that one table may have: what a target answers is not ours to trust.
const KINDS_MAX: usize = 200;

/// Adds to a table of counts; allocates for a new kind only.
pub(crate) fn add(counts: &mut BTreeMap<String, u64>, kind: &str, more: u64) {
    if more == 0 {
        return;
    }
    if let Some(count) = counts.get_mut(kind) {
        *count += more;
    } else if counts.len() < KINDS_MAX {
        counts.insert(kind.to_owned(), more);
    } else {
        *counts.entry("other".to_owned()).or_default() += more;
    }
}
