//! Rounds of slices, one slice of each side in a round: which of them count,
//! and what they say together.

use std::collections::BTreeSet;

use super::slice::{Figures, GENERATOR_COST, Slice};

/// A claim must hold in each of so many disjoint parts of a run.
pub(crate) const GROUPS: usize = 4;
/// A generator that costs so much more or less than usual was disturbed.
const TOLERANCE: f64 = 0.25;

/// A candidate and what it is compared with, measured one right after the other.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) subject: Slice,
    pub(crate) reference: Slice,
}

impl Round {
    /// The subject's figure as a multiple of the reference's: what slows both down
    /// cancels out.
    fn ratio(&self, figure: &str) -> Option<f64> {
        let ratio = self.subject.figure(figure)? / self.reference.figure(figure)?;
        ratio.is_finite().then_some(ratio)
    }
}

/// All rounds of one kind, in the order of time.
#[derive(Default)]
pub(crate) struct Rounds {
    pub(crate) kept: Vec<Round>,
    /// For a disturbed generator.
    pub(crate) dropped: usize,
    /// Why others failed.
    pub(crate) failed: Vec<String>,
}

/// A ratio in all rounds and in each of the groups.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Fewer than [`GROUPS`] if there were not enough rounds.
    pub(crate) groups: Vec<f64>,
}

impl Ratio {
    /// The worse of two of which less is better, group by group.
    pub(crate) fn worse(self, other: Self) -> Self {
        let groups = self.groups.iter().zip(&other.groups);
        Self {
            median: self.median.max(other.median),
            groups: groups.map(|(left, right)| left.max(*right)).collect(),
        }
    }
}

impl Rounds {
    /// Leaves out rounds in which the generator's own cost was unusual.
    pub(crate) fn new(made: Vec<Round>, failed: Vec<String>) -> Self {
        let cost = |slice: &Slice| slice.figure(GENERATOR_COST).unwrap_or(0.0);
        let usual = (
            median(made.iter().map(|round| cost(&round.subject))),
            median(made.iter().map(|round| cost(&round.reference))),
        );
        let is_usual = |cost: f64, usual: Option<f64>| {
            usual.is_some_and(|usual| (cost - usual).abs() <= usual * TOLERANCE)
        };
        let count = made.len();
        let kept: Vec<Round> = made
            .into_iter()
            .filter(|round| {
                is_usual(cost(&round.subject), usual.0) && is_usual(cost(&round.reference), usual.1)
            })
            .collect();
        Self {
            dropped: count - kept.len(),
            kept,
            failed,
        }
    }

    /// Whether they count or not.
    pub(crate) fn made(&self) -> usize {
        self.kept.len() + self.dropped + self.failed.len()
    }

    pub(crate) fn ratio(&self, figure: &str) -> Option<Ratio> {
        let ratios: Vec<f64> = self
            .kept
            .iter()
            .filter_map(|round| round.ratio(figure))
            .collect();
        Some(Ratio {
            median: median(ratios.iter().copied())?,
            groups: groups(&ratios)
                .filter_map(|group| median(group.iter().copied()))
                .collect(),
        })
    }

    /// Medians of the subject's figures and of the reference's.
    pub(crate) fn medians(&self) -> (Figures, Figures) {
        (
            medians(self.kept.iter().map(|round| &round.subject)),
            medians(self.kept.iter().map(|round| &round.reference)),
        )
    }
}

fn medians<'s>(slices: impl Iterator<Item = &'s Slice> + Clone) -> Figures {
    let names: BTreeSet<&'static str> = slices
        .clone()
        .flat_map(|slice| slice.figures.keys().copied())
        .collect();
    let median_of = |name: &'static str| {
        let values = slices.clone().filter_map(|slice| slice.figure(name));
        Some((name, median(values)?))
    };
    names.into_iter().filter_map(median_of).collect()
}

/// Parts of about the same size, one after the other in time.
fn groups(values: &[f64]) -> impl Iterator<Item = &[f64]> {
    let bound = |group: usize| group * values.len() / GROUPS;
    (0..GROUPS).filter_map(move |group| values.get(bound(group)..bound(group + 1)))
}

/// The value in the middle; none of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A round in which the subject's figures are `times` the reference's.
    pub(crate) fn round(names: &[&'static str], times: f64) -> Round {
        let slice = |factor: f64| {
            let mut figures: Figures = names.iter().map(|name| (*name, 10.0 * factor)).collect();
            figures.insert(GENERATOR_COST, 10.0);
            Slice { figures }
        };
        Round {
            subject: slice(times),
            reference: slice(1.0),
        }
    }

    fn with_cost(mut round: Round, cost: f64) -> Round {
        round.reference.figures.insert(GENERATOR_COST, cost);
        round
    }

    #[test]
    fn a_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn groups_are_disjoint_and_hold_every_round() {
        for count in 0..50 {
            let values: Vec<f64> = (0..count).map(f64::from).collect();
            let parts: Vec<&[f64]> = groups(&values).collect();
            assert_eq!(parts.len(), GROUPS);
            assert_eq!(parts.concat(), values);
            let sizes = parts.iter().map(|part| part.len());
            let (least, most) = (sizes.clone().min(), sizes.max());
            assert!(most.unwrap() - least.unwrap() <= 1, "{count} rounds");
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let times = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let rounds = times.map(|times| round(&["cpu_us"], times)).to_vec();
        let ratio = Rounds::new(rounds, Vec::new()).ratio("cpu_us").unwrap();
        assert_eq!(ratio.median, 4.5);
        assert_eq!(ratio.groups, [1.5, 3.5, 5.5, 7.5]);
    }

    #[test]
    fn a_round_counts_only_if_the_generator_cost_what_it_always_does() {
        let mut made = vec![round(&["cpu_us"], 1.0); 6];
        made.push(with_cost(round(&["cpu_us"], 9.0), 12.6));
        made.push(with_cost(round(&["cpu_us"], 9.0), 7.4));
        made.push(with_cost(round(&["cpu_us"], 2.0), 12.4));
        let rounds = Rounds::new(made, Vec::new());
        assert_eq!((rounds.kept.len(), rounds.dropped), (7, 2));
        let (subject, reference) = rounds.medians();
        assert_eq!((subject["cpu_us"], reference["cpu_us"]), (10.0, 10.0));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        assert_eq!(Rounds::default().ratio("cpu_us"), None);
        let rounds = Rounds::new(vec![round(&["cpu_us"], 1.0)], Vec::new());
        assert_eq!(rounds.ratio("redis_cpu_us"), None);
        assert_eq!(rounds.ratio("cpu_us").unwrap().groups, [1.0]);
    }
}
