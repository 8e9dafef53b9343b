//! The run second by second: parts come from all threads, and a second that is
//! over is reduced to a few figures, so that a day of them fits into memory.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use crate::histogram::LONGEST_US;
use crate::phases::Phase;
use crate::results::{Second, Stage};

/// After so many seconds no thread still has something to add, unless it stands
/// still; of what comes later the worse figures count.
const OPEN_SECONDS: u32 = 10;

/// A second's latencies: two digits are enough to draw a line.
type Coarse = hdrhistogram::Histogram<u64>;

/// What one thread saw of one second.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) second: u32,
    pub(crate) tally: Tally,
}

impl Part {
    pub(crate) fn new(second: u32) -> Self {
        Self {
            second,
            tally: Tally::default(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) due: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) errors: u64,
    pub(crate) in_hand: u64,
    pub(crate) checks: u64,
    pub(crate) approved: u64,
    pub(crate) failovers: u64,
    /// The most that one gateway held resident.
    pub(crate) memory_kib: u64,
    latencies: BTreeMap<Stage, Coarse>,
}

impl Tally {
    pub(crate) fn latency(&mut self, stage: Stage, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        self.latencies
            .entry(stage)
            .or_insert_with(coarse)
            .saturating_record(us.clamp(1, LONGEST_US));
    }

    pub(crate) fn is_empty(&self) -> bool {
        let counts = [
            self.due,
            self.accepted,
            self.refused,
            self.errors,
            self.in_hand,
            self.checks,
            self.approved,
            self.failovers,
            self.memory_kib,
        ];
        counts == [0; 9] && self.latencies.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.due += other.due;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.errors += other.errors;
        self.in_hand += other.in_hand;
        self.checks += other.checks;
        self.approved += other.approved;
        self.failovers += other.failovers;
        self.memory_kib = self.memory_kib.max(other.memory_kib);
        for (stage, latencies) in other.latencies {
            let sum = self.latencies.entry(stage).or_insert_with(coarse);
            sum.add(&latencies)
                .expect("all of them have the same bounds");
        }
    }
}

fn coarse() -> Coarse {
    Coarse::new_with_bounds(1, LONGEST_US, 2).expect("two digits up to an hour are valid")
}

/// Collects the parts.
pub(crate) struct Seconds {
    parts: mpsc::Receiver<Part>,
    open: BTreeMap<u32, Tally>,
    closed: Vec<Second>,
    phases: Vec<Phase>,
}

impl Seconds {
    /// `phases` gather the latencies of their seconds.
    pub(crate) fn new(phases: Vec<Phase>) -> (mpsc::Sender<Part>, Self) {
        let (sender, parts) = mpsc::channel();
        let seconds = Self {
            parts,
            open: BTreeMap::new(),
            closed: Vec::new(),
            phases,
        };
        (sender, seconds)
    }

    /// Takes in what has come; `now_s` is the time of the run.
    pub(crate) fn collect(&mut self, now_s: u32) {
        while let Ok(part) = self.parts.try_recv() {
            if let Some(closed) = self.closed.get_mut(part.second as usize) {
                closed.add(&reduce(part.second, &part.tally));
                self.gather(part.second, &part.tally);
            } else {
                self.open.entry(part.second).or_default().merge(part.tally);
            }
        }
        while self.closed.len() < now_s.saturating_sub(OPEN_SECONDS) as usize {
            self.close_next();
        }
    }

    /// The latest second that is over, as far as it is known.
    pub(crate) fn latest(&self, now_s: u32) -> Option<Second> {
        let second = now_s.checked_sub(2)?;
        self.open.get(&second).map(|tally| reduce(second, tally))
    }

    /// All seconds from the first to the last in which something happened, and
    /// the phases with their latencies.
    pub(crate) fn finish(mut self) -> (Vec<Second>, Vec<Phase>) {
        self.collect(0);
        while !self.open.is_empty() {
            self.close_next();
        }
        (self.closed, self.phases)
    }

    fn close_next(&mut self) {
        let second = u32::try_from(self.closed.len()).unwrap_or(u32::MAX);
        let tally = self.open.remove(&second).unwrap_or_default();
        self.closed.push(reduce(second, &tally));
        self.gather(second, &tally);
    }

    fn gather(&mut self, second: u32, tally: &Tally) {
        for phase in self.phases.iter_mut().filter(|phase| phase.holds(second)) {
            for (stage, latencies) in &tally.latencies {
                let sum = phase.latencies.entry(*stage).or_default();
                for one in latencies.iter_recorded() {
                    sum.record_many_us(one.value_iterated_to(), one.count_at_value());
                }
            }
        }
    }
}

fn reduce(second: u32, tally: &Tally) -> Second {
    let figures = |latencies: &Coarse| {
        let max = latencies.max();
        [
            latencies.value_at_quantile(0.5).min(max),
            latencies.value_at_quantile(0.99).min(max),
            max,
        ]
    };
    Second {
        second,
        due: tally.due,
        accepted: tally.accepted,
        refused: tally.refused,
        errors: tally.errors,
        in_hand: tally.in_hand,
        checks: tally.checks,
        approved: tally.approved,
        failovers: tally.failovers,
        memory_kib: tally.memory_kib,
        latency_us: tally
            .latencies
            .iter()
            .map(|(stage, latencies)| (*stage, figures(latencies)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::Span;

    fn part(second: u32, accepted: u64, ms: u64) -> Part {
        let mut part = Part::new(second);
        part.tally.accepted = accepted;
        part.tally.latency(Stage::Accept, Duration::from_millis(ms));
        part
    }

    #[test]
    fn parts_of_several_threads_make_one_second_and_gaps_stay_visible() {
        let (sender, mut seconds) = Seconds::new(Vec::new());
        for part in [part(0, 2, 10), part(0, 3, 30), part(2, 1, 5)] {
            sender.send(part).unwrap();
        }
        seconds.collect(3);
        let (all, _) = seconds.finish();
        assert_eq!(all.len(), 3);
        assert_eq!(
            (all[0].accepted, all[1].accepted, all[2].accepted),
            (5, 0, 1)
        );
        let [_, _, max] = all[0].latency_us[&Stage::Accept];
        assert!((29_500..=30_500).contains(&max), "{max}");
    }

    #[test]
    fn what_comes_very_late_is_counted_all_the_same() {
        let (sender, mut seconds) = Seconds::new(Vec::new());
        seconds.collect(60);
        sender.send(part(1, 4, 10)).unwrap();
        assert_eq!(seconds.finish().0[1].accepted, 4);
    }

    #[test]
    fn a_phase_gathers_the_latencies_of_its_whole_seconds_however_late_they_come() {
        let span = Span {
            name: "x2".to_owned(),
            from_s: 0.5,
            to_s: 3.0,
        };
        let (sender, mut seconds) = Seconds::new(vec![Phase::of(span)]);
        for part in [part(0, 1, 900), part(1, 1, 10), part(2, 1, 20)] {
            sender.send(part).unwrap();
        }
        seconds.collect(60);
        sender.send(part(2, 1, 30)).unwrap();
        let (_, phases) = seconds.finish();
        let accept = phases[0].latency(Stage::Accept).unwrap();
        assert_eq!(accept.count(), 3);
        assert!((29_500..=30_500).contains(&accept.max_us()));
    }
}
