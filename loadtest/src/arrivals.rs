//! When people ask for a code: the due times of a run, known before it begins.
//!
//! Nothing here waits for an answer. A gateway that stalls does not slow the
//! arrivals down, so the wait of everybody who came meanwhile is measured.

use std::time::Duration;

use serde::Deserialize;

use crate::chance::Chance;

/// How arrivals follow each other at a given rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Process {
    /// Independent people: the gaps vary as they do in life.
    #[default]
    Poisson,
    /// Even gaps.
    Constant,
}

/// A stretch of time in which the rate is constant or changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) length_s: f64,
    /// Arrivals a second at its beginning.
    pub(crate) rate: f64,
    /// And at its end.
    pub(crate) end_rate: f64,
}

impl Phase {
    fn arrivals(self) -> f64 {
        (self.rate + self.end_rate) / 2.0 * self.length_s
    }

    /// When, after its beginning, so many have arrived. `count` is below [`Self::arrivals`].
    fn time_of(self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let growth = (self.end_rate - self.rate) / self.length_s;
        let root = (self.rate * self.rate + 2.0 * growth * count)
            .max(0.0)
            .sqrt();
        (2.0 * count / (self.rate + root)).min(self.length_s)
    }
}

/// How many arrivals the phases bring, on average.
pub(crate) fn expected(phases: &[Phase]) -> f64 {
    phases.iter().map(|phase| phase.arrivals()).sum()
}

/// The due times of one crowd, from the start of the run, in order.
pub(crate) struct Arrivals {
    phases: std::vec::IntoIter<Phase>,
    phase: Option<Phase>,
    phase_start_s: f64,
    /// Arrivals of the phases before this one.
    before_phase: f64,
    /// Where the next one stands, counted in expected arrivals.
    next: f64,
    process: Process,
    chance: Chance,
}

impl Arrivals {
    pub(crate) fn new(phases: Vec<Phase>, process: Process, mut chance: Chance) -> Self {
        let next = match process {
            Process::Constant => 0.0,
            Process::Poisson => chance.exponential(),
        };
        let mut phases = phases.into_iter();
        Self {
            phase: phases.next(),
            phases,
            phase_start_s: 0.0,
            before_phase: 0.0,
            next,
            process,
            chance,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let phase = loop {
            let phase = self.phase?;
            // A hair of tolerance: sums of fractions miss whole numbers.
            if self.next - self.before_phase < phase.arrivals() - 1e-9 {
                break phase;
            }
            self.before_phase += phase.arrivals();
            self.phase_start_s += phase.length_s;
            self.phase = self.phases.next();
        };
        let due_s = self.phase_start_s + phase.time_of(self.next - self.before_phase);
        self.next += match self.process {
            Process::Constant => 1.0,
            Process::Poisson => self.chance.exponential(),
        };
        Some(Duration::from_secs_f64(due_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(length_s: f64, rate: f64, end_rate: f64) -> Phase {
        Phase {
            length_s,
            rate,
            end_rate,
        }
    }

    fn due(phases: &[Phase], process: Process) -> Vec<f64> {
        Arrivals::new(phases.to_vec(), process, Chance::stream(42, 0))
            .map(|due| due.as_secs_f64())
            .collect()
    }

    fn between(due: &[f64], from_s: f64, to_s: f64) -> usize {
        let within = |at: &&f64| (from_s..to_s).contains(*at);
        due.iter().filter(within).count()
    }

    #[test]
    fn a_constant_rate_has_even_gaps_and_the_exact_count() {
        let due = due(&[phase(10.0, 50.0, 50.0)], Process::Constant);
        assert_eq!(due.len(), 500);
        for (number, at) in due.iter().enumerate() {
            assert!((at - number as f64 / 50.0).abs() < 1e-6, "{number} at {at}");
        }
    }

    #[test]
    fn poisson_gaps_vary_as_they_should() {
        let due = due(&[phase(1000.0, 50.0, 50.0)], Process::Poisson);
        assert!((49_000..51_000).contains(&due.len()), "{}", due.len());
        // In a Poisson process a gap is longer than its mean with probability 1/e.
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let longer = gaps.iter().filter(|gap| **gap > 0.02).count() as f64;
        assert!((longer / gaps.len() as f64 - 0.3679).abs() < 0.01);
    }

    #[test]
    fn steps_change_the_rate_at_their_moment() {
        let steps = [
            phase(5.0, 10.0, 10.0),
            phase(5.0, 100.0, 100.0),
            phase(5.0, 20.0, 20.0),
        ];
        let due = due(&steps, Process::Constant);
        assert_eq!(due.len(), 650);
        assert_eq!(between(&due, 0.0, 5.0 - 1e-6), 50);
        assert_eq!(between(&due, 5.0 - 1e-6, 10.0 - 1e-6), 500);
        assert_eq!(between(&due, 10.0 - 1e-6, 15.0), 100);
    }

    #[test]
    fn a_ramp_rises_evenly_from_nothing() {
        let due = due(&[phase(10.0, 0.0, 100.0)], Process::Constant);
        assert_eq!(due.len(), 500);
        // Half of the time brings a quarter of the arrivals.
        assert!((124..=126).contains(&between(&due, 0.0, 5.0)));
        assert!(due.is_sorted());
    }

    #[test]
    fn a_phase_without_arrivals_passes() {
        let phases = [phase(3.0, 0.0, 0.0), phase(1.0, 4.0, 4.0)];
        assert_eq!(due(&phases, Process::Constant), [3.0, 3.25, 3.5, 3.75]);
    }

    #[test]
    fn the_same_seed_draws_the_same_run() {
        let phases = [phase(3.0, 100.0, 10.0)];
        assert_eq!(
            due(&phases, Process::Poisson),
            due(&phases, Process::Poisson)
        );
    }
}
