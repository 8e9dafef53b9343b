//! How long delivered receipts take: a sketch of fixed size.

use std::time::Duration;

/// The first bucket ends here, each next one a quarter later.
const FIRST_MS: f64 = 250.0;
const GROWTH: f64 = 1.25;
/// The last bucket ends after ten minutes, the longest life of a code.
const BUCKETS: usize = 36;
/// Fewer receipts say nothing of the slowest twentieth.
const RECEIPTS_MIN: u32 = 50;
/// Halved there: what was long ago counts less and less.
const RECEIPTS_MAX: u32 = 2000;

/// Counts by bucket; the estimate is late by a quarter at most, never early.
pub(super) struct Latency {
    counts: [u32; BUCKETS],
    total: u32,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
        }
    }
}

impl Latency {
    pub(super) fn note(&mut self, after: Duration) {
        let bucket = ends().position(|end| after <= end);
        let count = match bucket {
            Some(bucket) => self.counts.get_mut(bucket),
            None => self.counts.last_mut(),
        };
        if let Some(count) = count {
            *count += 1;
            self.total += 1;
        }
        if self.total >= RECEIPTS_MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// The time by which 19 of 20 receipts came; `None` while too few are known.
    pub(super) fn p95(&self) -> Option<Duration> {
        if self.total < RECEIPTS_MIN {
            return None;
        }
        let wanted = self.total - self.total / 20;
        let mut seen = 0;
        let mut counts = self.counts.iter();
        ends().find(|_| {
            seen += counts.next().copied().unwrap_or(0);
            seen >= wanted
        })
    }
}

fn ends() -> impl Iterator<Item = Duration> {
    let next = |end_ms: &f64| Some(end_ms * GROWTH);
    std::iter::successors(Some(FIRST_MS), next)
        .take(BUCKETS)
        .map(|end_ms| Duration::from_secs_f64(end_ms / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_of_twenty_receipts_come_by_the_learned_time_and_few_teach_nothing() {
        let mut latency = Latency::default();
        for number in 1..=49 {
            latency.note(Duration::from_millis(number * 10));
        }
        assert_eq!(latency.p95(), None);
        let mut latency = Latency::default();
        for number in 0..100 {
            let after = if number % 20 == 0 { 90 } else { 8 };
            latency.note(Duration::from_secs(after));
        }
        let p95 = latency.p95().unwrap();
        assert!(p95 >= Duration::from_secs(8), "{p95:?} is too early");
        assert!(p95 <= Duration::from_secs(10), "{p95:?} is too late");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut latency = Latency::default();
        for _ in 0..5000 {
            latency.note(Duration::from_secs(120));
        }
        for _ in 0..5000 {
            latency.note(Duration::from_secs(1));
        }
        assert!(latency.p95().unwrap() < Duration::from_secs(200));
        for _ in 0..20_000 {
            latency.note(Duration::from_secs(1));
        }
        assert!(latency.p95().unwrap() < Duration::from_secs(2));
    }
}
