//! What came of each phase of the load: what was offered, what got through, how
//! soon the rest was refused, and how soon all was well again.
//!
//! Only seconds that lie wholly within a phase count for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::{Histogram, Second, Stage};

/// So many seconds in a row must be as before: one alone may be luck.
const GOOD_IN_A_ROW: usize = 3;
/// An accept p99 below this is as good as before, whatever it was before.
const ACCEPT_US_FLOOR: u64 = 5_000;
/// A second is good if this part of what was due in it came to hands: messages
/// that are due at its end arrive in the next one.
const IN_HAND_OF_DUE: f64 = 0.8;

/// A stretch of the load that the scenario gave a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
}

/// One phase and its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    pub(crate) figures: Figures,
    /// Of what ended in it, within 1 %.
    pub(crate) latencies: BTreeMap<Stage, Histogram>,
}

/// Rates are per second, over the whole seconds of the phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// How many seconds stand behind them.
    pub(crate) seconds: u32,
    pub(crate) due_per_s: f64,
    pub(crate) accepted_per_s: f64,
    /// Codes that came to hands.
    pub(crate) goodput_per_s: f64,
    pub(crate) refused_per_s: f64,
    pub(crate) errors_per_s: f64,
    /// Goodput per what the carrier's concurrency allows at most.
    pub(crate) goodput_ratio: Option<f64>,
    /// Approved per code handed in.
    pub(crate) check_ratio: Option<f64>,
    /// The most that one gateway held resident.
    pub(crate) memory_kib: Option<u64>,
    /// From the end of a phase beyond the knee until all was as in the first phase.
    pub(crate) recovery: Option<Recovery>,
}

/// How a phase beyond the knee was recovered from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recovery {
    /// At most so many seconds after its end.
    WithinS(u32),
    /// Not before the next phase but one, or the end of the run.
    NotSeen,
}

impl Phase {
    pub(crate) fn of(span: Span) -> Self {
        Self {
            name: span.name,
            from_s: span.from_s,
            to_s: span.to_s,
            figures: Figures::default(),
            latencies: BTreeMap::new(),
        }
    }

    /// Whether a second lies wholly within it.
    pub(crate) fn holds(&self, second: u32) -> bool {
        let from_s = f64::from(second);
        // A hair of tolerance: sums of fractions miss whole numbers.
        from_s >= self.from_s - 1e-6 && from_s + 1.0 <= self.to_s + 1e-6
    }

    pub(crate) fn latency(&self, stage: Stage) -> Option<&Histogram> {
        let latencies = self.latencies.get(&stage);
        latencies.filter(|latencies| !latencies.is_empty())
    }

    fn counted(&self, timeline: &[Second], knee_per_s: Option<f64>) -> Figures {
        let mut sum = Second::default();
        let mut seconds = 0_u32;
        for second in timeline.iter().filter(|one| self.holds(one.second)) {
            sum.add(second);
            seconds += 1;
        }
        let per_s = |count: u64| count as f64 / f64::from(seconds.max(1));
        let goodput_per_s = per_s(sum.in_hand);
        Figures {
            seconds,
            due_per_s: per_s(sum.due),
            accepted_per_s: per_s(sum.accepted),
            goodput_per_s,
            refused_per_s: per_s(sum.refused),
            errors_per_s: per_s(sum.errors),
            goodput_ratio: knee_per_s
                .filter(|_| seconds > 0)
                .map(|knee| goodput_per_s / knee),
            check_ratio: (sum.checks > 0).then(|| sum.approved as f64 / sum.checks as f64),
            memory_kib: (sum.memory_kib > 0).then_some(sum.memory_kib),
            recovery: None,
        }
    }
}

/// Works out the figures of all phases from the seconds of the run.
pub(crate) fn count(phases: &mut [Phase], timeline: &[Second], knee_per_s: Option<f64>) {
    for phase in phases.iter_mut() {
        phase.figures = phase.counted(timeline, knee_per_s);
    }
    let Some(ordinary) = phases.first().map(|first| Ordinary::of(first, timeline)) else {
        return;
    };
    let ends: Vec<f64> = phases.iter().skip(1).map(|next| next.to_s).collect();
    for (index, phase) in phases.iter_mut().enumerate() {
        if knee_per_s.is_some_and(|knee| phase.figures.due_per_s > knee * 1.05) {
            let until_s = ends.get(index).copied().unwrap_or(f64::INFINITY);
            phase.figures.recovery = Some(recovery((phase.to_s, until_s), timeline, &ordinary));
        }
    }
}

/// The worst that a second of the first phase was.
struct Ordinary {
    /// Accept p99.
    accept_us: u64,
    refused: u64,
    errors: u64,
}

impl Ordinary {
    fn of(first: &Phase, timeline: &[Second]) -> Self {
        let of_first = timeline.iter().filter(|one| first.holds(one.second));
        let mut worst = Self {
            accept_us: ACCEPT_US_FLOOR,
            refused: 0,
            errors: 0,
        };
        for second in of_first {
            worst.accept_us = worst.accept_us.max(accept_us(second).unwrap_or(0));
            worst.refused = worst.refused.max(second.refused);
            worst.errors = worst.errors.max(second.errors);
        }
        worst
    }

    fn is_matched_by(&self, second: &Second) -> bool {
        accept_us(second).is_some_and(|us| us <= self.accept_us)
            && second.in_hand as f64 >= IN_HAND_OF_DUE * second.due as f64
            && second.refused <= self.refused
            && second.errors <= self.errors
    }
}

fn accept_us(second: &Second) -> Option<u64> {
    second
        .latency_us
        .get(&Stage::Accept)
        .map(|[_, p99, _]| *p99)
}

fn recovery((from_s, until_s): (f64, f64), timeline: &[Second], ordinary: &Ordinary) -> Recovery {
    let after: Vec<&Second> = timeline
        .iter()
        .filter(|one| f64::from(one.second) >= from_s - 1e-6)
        .filter(|one| f64::from(one.second) + 1.0 <= until_s + 1e-6)
        .collect();
    let first = after
        .windows(GOOD_IN_A_ROW)
        .position(|row| row.iter().all(|second| ordinary.is_matched_by(second)))
        .and_then(|first| after.get(first));
    match first {
        // By the end of that second it was seen.
        Some(second) => {
            Recovery::WithinS((f64::from(second.second) + 1.0 - from_s).ceil().max(1.0) as u32)
        }
        None => Recovery::NotSeen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &str, from_s: f64, to_s: f64) -> Phase {
        Phase::of(Span {
            name: name.to_owned(),
            from_s,
            to_s,
        })
    }

    /// As many due, in hand and refused, and an accept p99 in milliseconds.
    fn second(second: u32, (due, in_hand, refused): (u64, u64, u64), accept_ms: u64) -> Second {
        Second {
            second,
            due,
            accepted: in_hand,
            in_hand,
            refused,
            checks: 10,
            approved: 9,
            memory_kib: u64::from(second) + 1,
            latency_us: [(Stage::Accept, [500, accept_ms * 1_000, accept_ms * 1_000])].into(),
            ..Second::default()
        }
    }

    /// 4 s of 100 a second, 4 s of 1,000 of which 180 come through, and then `after`.
    fn overloaded(after: &[Second]) -> (Vec<Phase>, Vec<Second>) {
        let mut timeline: Vec<Second> = (0..4).map(|s| second(s, (100, 100, 0), 8)).collect();
        timeline.extend((4..8).map(|s| second(s, (1_000, 180, 820), 40)));
        timeline.extend_from_slice(after);
        let phases = vec![
            span("before", 0.0, 4.0),
            span("x5", 4.0, 8.0),
            span("after", 8.0, 14.0),
        ];
        (phases, timeline)
    }

    #[test]
    fn a_phase_is_counted_over_its_whole_seconds() {
        let (mut phases, timeline) = overloaded(&[]);
        phases[1].from_s = 4.5;
        count(&mut phases, &timeline, Some(200.0));
        let x5 = &phases[1].figures;
        assert_eq!((x5.seconds, x5.due_per_s), (3, 1_000.0));
        assert_eq!((x5.goodput_per_s, x5.refused_per_s), (180.0, 820.0));
        assert_eq!(x5.goodput_ratio, Some(0.9));
        assert_eq!(x5.check_ratio, Some(0.9));
        assert_eq!(x5.memory_kib, Some(8));
        let nothing = &phases[2].figures;
        assert_eq!((nothing.seconds, nothing.goodput_ratio), (0, None));
        assert_eq!((nothing.check_ratio, nothing.memory_kib), (None, None));
    }

    #[test]
    fn recovery_counts_until_three_seconds_in_a_row_are_as_before() {
        let after = [
            second(8, (100, 100, 3), 8),
            // Good alone, and not followed by good ones.
            second(9, (100, 100, 0), 8),
            second(10, (100, 100, 0), 30),
            second(11, (100, 100, 0), 7),
            second(12, (100, 90, 0), 8),
            second(13, (100, 100, 0), 1),
        ];
        let (mut phases, timeline) = overloaded(&after);
        count(&mut phases, &timeline, Some(200.0));
        let recoveries: Vec<_> = phases.iter().map(|phase| phase.figures.recovery).collect();
        // Only a phase beyond the knee is recovered from.
        assert_eq!(recoveries, [None, Some(Recovery::WithinS(4)), None]);
    }

    #[test]
    fn a_gateway_that_does_not_come_back_is_said_not_to() {
        let after: Vec<Second> = (8..14).map(|s| second(s, (100, 40, 0), 8)).collect();
        let (mut phases, timeline) = overloaded(&after);
        count(&mut phases, &timeline, Some(200.0));
        assert_eq!(phases[1].figures.recovery, Some(Recovery::NotSeen));
        // Nor is one of which too little was seen.
        let (mut phases, timeline) = overloaded(&[second(8, (100, 100, 0), 1)]);
        count(&mut phases, &timeline, Some(200.0));
        assert_eq!(phases[1].figures.recovery, Some(Recovery::NotSeen));
    }
}
