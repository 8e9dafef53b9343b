//! Rules of `--slo`: what a run must show, and whether it did.

use std::fmt;

use crate::phases::{Phase, Recovery};
use crate::results::{Counts, Histogram, Results, Series, SloVerdict, Stage, total};

mod parse;
#[cfg(test)]
mod tests;

/// One rule, as in `in_hand[provider=a].p99<1s` or `lost=0`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    text: String,
    measure: Measure,
    relation: Relation,
    /// In microseconds, a plain number, or a fraction, as the measure has it.
    bound: f64,
    unit: Unit,
}

#[derive(Clone, Debug, PartialEq)]
enum Measure {
    Latency {
        stage: Stage,
        filters: Vec<Filter>,
        point: Point,
    },
    /// Of a stage within one phase of the load.
    PhaseLatency {
        stage: Stage,
        phase: String,
        point: Point,
    },
    /// Of a phase, or the worst of all.
    Phase(PhaseMeasure, Option<String>),
    /// The most that one gateway held resident.
    Memory,
    Count(Count),
    Conversion,
}

/// What is said of a phase of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PhaseMeasure {
    /// Codes in hand per what the carrier's concurrency allows.
    Goodput,
    /// Approved per code handed in.
    CheckSuccess,
    /// From its end until all was as in the first phase.
    Recovery,
}

/// Which point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    Percentile(f64),
    Max,
    Mean,
}

/// Only series whose label has this value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    label: Label,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Provider,
    Channel,
    Country,
    Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Due,
    Accepted,
    Refused,
    Errors,
    Resent,
    Repeated,
    Submissions,
    InHand,
    Duplicates,
    Failovers,
    Lost,
    Ended,
    Checks,
    Approved,
    ChecksRefused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// How bound and measurement are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Plain,
    Percent,
    Mebibytes,
    Gibibytes,
}

/// Compares a run with each rule, in their order.
pub(crate) fn judge(rules: &[Rule], results: &Results) -> Vec<SloVerdict> {
    rules.iter().map(|rule| rule.judge(results)).collect()
}

impl Rule {
    /// What was never measured does not hold: a run without a single check says
    /// nothing about checks.
    fn judge(&self, results: &Results) -> SloVerdict {
        let (measured, holds) = match self.measured(results) {
            Ok(value) => (
                self.unit.show(value),
                self.relation.holds(value, self.bound),
            ),
            Err(nothing) => (nothing.to_owned(), false),
        };
        SloVerdict {
            rule: self.text.clone(),
            measured,
            holds,
        }
    }

    fn measured(&self, results: &Results) -> Result<f64, &'static str> {
        match &self.measure {
            Measure::Latency {
                stage,
                filters,
                point,
            } => {
                let mut latencies = Histogram::default();
                let of_stage = results.series.iter().filter(|s| s.stage == *stage);
                for series in of_stage.filter(|s| filters.iter().all(|f| f.takes(s))) {
                    latencies.merge(&series.latencies);
                }
                if latencies.is_empty() {
                    return Err("no samples");
                }
                Ok(point.of(&latencies))
            }
            Measure::PhaseLatency {
                stage,
                phase,
                point,
            } => {
                let mut named = results.phases.iter().filter(|one| one.name == *phase);
                let phase = named.next().ok_or("no such phase")?;
                let latencies = phase.latency(*stage).ok_or("no samples")?;
                Ok(point.of(latencies))
            }
            Measure::Phase(measure, name) => measure.worst(results, name.as_deref()),
            Measure::Memory => {
                let most = results.timeline.iter().map(|one| one.memory_kib).max();
                let most = most.filter(|kib| *kib > 0);
                Ok(most.ok_or("no gateway of ours")? as f64)
            }
            Measure::Count(count) => {
                let counts = &results.counts;
                if count.population(counts) == 0 {
                    return Err(count.nothing());
                }
                Ok(count.of(counts) as f64)
            }
            Measure::Conversion => results.counts.conversion().ok_or("nothing dispatched"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Point {
    fn of(self, latencies: &Histogram) -> f64 {
        match self {
            Self::Percentile(percentile) => latencies.percentile_us(percentile) as f64,
            Self::Max => latencies.max_us() as f64,
            Self::Mean => latencies.mean_us(),
        }
    }
}

impl PhaseMeasure {
    /// Of the phase with this name, or the worst of all that have the figure.
    fn worst(self, results: &Results, name: Option<&str>) -> Result<f64, &'static str> {
        let mut phases: Vec<&Phase> = results.phases.iter().collect();
        if let Some(name) = name {
            phases.retain(|phase| phase.name == name);
        }
        if phases.is_empty() {
            return Err("no such phase");
        }
        let figures = phases.iter().filter_map(|phase| self.of(phase));
        match self {
            Self::Goodput => figures.reduce(f64::min).ok_or("no knee"),
            Self::CheckSuccess => figures.reduce(f64::min).ok_or("nothing checked"),
            Self::Recovery => match figures.reduce(f64::max) {
                Some(us) if us.is_infinite() => Err("not recovered"),
                Some(us) => Ok(us),
                None => Err("never beyond the knee"),
            },
        }
    }

    fn of(self, phase: &Phase) -> Option<f64> {
        match self {
            Self::Goodput => phase.figures.goodput_ratio,
            Self::CheckSuccess => phase.figures.check_ratio,
            Self::Recovery => phase.figures.recovery.map(|recovery| match recovery {
                Recovery::WithinS(seconds) => f64::from(seconds) * Unit::Seconds.size(),
                Recovery::NotSeen => f64::INFINITY,
            }),
        }
    }
}

impl Filter {
    fn takes(&self, series: &Series) -> bool {
        let value = match self.label {
            Label::Provider => &series.provider,
            Label::Channel => &series.channel,
            Label::Country => &series.country,
            // Series know no phases; rules about them are measured elsewhere.
            Label::Phase => return false,
        };
        *value == self.value
    }
}

const COUNTS: [(&str, Count); 15] = [
    ("due", Count::Due),
    ("accepted", Count::Accepted),
    ("refused", Count::Refused),
    ("errors", Count::Errors),
    ("resent", Count::Resent),
    ("repeated", Count::Repeated),
    ("submissions", Count::Submissions),
    ("in_hand", Count::InHand),
    ("duplicates", Count::Duplicates),
    ("failovers", Count::Failovers),
    ("lost", Count::Lost),
    ("ended", Count::Ended),
    ("checks", Count::Checks),
    ("approved", Count::Approved),
    ("checks_refused", Count::ChecksRefused),
];

impl Count {
    fn of(self, counts: &Counts) -> u64 {
        match self {
            Self::Due => counts.due,
            Self::Accepted => counts.accepted,
            Self::Refused => counts.refused_total(),
            Self::Errors => counts.errors_total(),
            Self::Resent => counts.resent,
            Self::Repeated => counts.repeated,
            Self::Submissions => counts.submissions,
            Self::InHand => counts.in_hand,
            Self::Duplicates => counts.duplicates,
            Self::Failovers => counts.failovers,
            Self::Lost => counts.lost,
            Self::Ended => total(&counts.ended),
            Self::Checks => counts.checks,
            Self::Approved => counts.approved,
            Self::ChecksRefused => total(&counts.checks_refused),
        }
    }

    /// Of what this is a part: if that is 0, the count says nothing.
    fn population(self, counts: &Counts) -> u64 {
        match self {
            Self::Due | Self::Accepted | Self::Refused | Self::Errors | Self::Repeated => {
                counts.due
            }
            Self::Resent
            | Self::Submissions
            | Self::InHand
            | Self::Duplicates
            | Self::Failovers
            | Self::Lost
            | Self::Ended
            | Self::Checks => counts.accepted,
            Self::Approved | Self::ChecksRefused => counts.checks,
        }
    }

    fn nothing(self) -> &'static str {
        match self {
            Self::Due | Self::Accepted | Self::Refused | Self::Errors | Self::Repeated => {
                "nothing due"
            }
            Self::Resent
            | Self::Submissions
            | Self::InHand
            | Self::Duplicates
            | Self::Failovers
            | Self::Lost
            | Self::Ended
            | Self::Checks => "nothing accepted",
            Self::Approved | Self::ChecksRefused => "nothing checked",
        }
    }
}

impl Relation {
    fn holds(self, measured: f64, bound: f64) -> bool {
        match self {
            Self::Below => measured < bound,
            Self::AtMost => measured <= bound,
            Self::Equal => measured == bound,
            Self::AtLeast => measured >= bound,
            Self::Above => measured > bound,
        }
    }
}

impl Unit {
    /// How much one of it is in the terms a measure is kept in.
    fn size(self) -> f64 {
        match self {
            Self::Microseconds | Self::Plain => 1.0,
            Self::Milliseconds => 1e3,
            Self::Seconds => 1e6,
            Self::Minutes => 6e7,
            Self::Percent => 0.01,
            Self::Mebibytes => 1_024.0,
            Self::Gibibytes => 1_048_576.0,
        }
    }

    fn show(self, value: f64) -> String {
        let sign = match self {
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "min",
            Self::Plain => "",
            Self::Percent => "%",
            Self::Mebibytes => "MiB",
            Self::Gibibytes => "GiB",
        };
        let value = value / self.size();
        // Enough digits to tell a miss by a hair from a hit, and none that say nothing.
        let decimals = match value.abs() {
            v if v >= 100.0 => 2,
            v if v >= 1.0 => 3,
            _ => 5,
        };
        let digits = format!("{value:.decimals$}");
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        format!("{digits}{sign}")
    }
}
