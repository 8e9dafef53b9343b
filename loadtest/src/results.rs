//! What one run measured: written as JSON beside the report, and read back by
//! merging, by comparing two runs, and by the report itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

pub(crate) use crate::histogram::Histogram;
use crate::phases::Phase;

/// The version of this format, first field of the file.
pub(crate) const FORMAT: u32 = 1;

/// The longest file that is read: an hour with every series is a few megabytes.
const FILE_MAX: u64 = 256 << 20;

/// One run, of one generator or of several merged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) format: u32,
    pub(crate) scenario: ScenarioText,
    /// The command that made it, argument by argument, without any key.
    pub(crate) command: Vec<String>,
    /// RFC 3339.
    pub(crate) started_at: String,
    /// From the first due arrival to the last result.
    pub(crate) duration_s: f64,
    pub(crate) machine: Machine,
    pub(crate) targets: Vec<Target>,
    /// Why the figures do not count, if they do not: the generator was late, or
    /// its canary went astray.
    pub(crate) void: Option<String>,
    /// How late the generator itself was, from due to sent.
    pub(crate) lateness: Histogram,
    /// Latencies from the intended start, one series a combination that occurred.
    pub(crate) series: Vec<Series>,
    pub(crate) counts: Counts,
    /// One entry per second of the run.
    pub(crate) timeline: Vec<Second>,
    /// What the carrier's concurrency allows at most, in sends a second.
    #[serde(default)]
    pub(crate) knee_per_s: Option<f64>,
    /// The phases that the scenario names.
    #[serde(default)]
    pub(crate) phases: Vec<Phase>,
    /// What happened at a moment: a carrier's change, a node killed.
    pub(crate) marks: Vec<Mark>,
    pub(crate) slos: Vec<SloVerdict>,
}

impl Results {
    /// Reads the JSON file of an earlier run.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        let mut text = String::new();
        file.take(FILE_MAX + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {shown}"))?;
        ensure!(text.len() as u64 <= FILE_MAX, "{shown} is too long");
        Self::from_json(&text).with_context(|| format!("{shown} is not a result file"))
    }

    fn from_json(text: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(text)?;
        ensure!(
            format == FORMAT,
            "its format is {format}, this program reads {FORMAT}"
        );
        Ok(serde_json::from_str(text)?)
    }

    /// All latencies of a stage, whatever the provider, channel or country.
    pub(crate) fn stage(&self, stage: Stage) -> Histogram {
        let mut all = Histogram::default();
        for series in self.series.iter().filter(|series| series.stage == stage) {
            all.merge(&series.latencies);
        }
        all
    }
}

/// What the scenario says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScenarioText {
    pub(crate) name: String,
    pub(crate) shows: String,
    pub(crate) expect: String,
}

/// Where it ran.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: u32,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Of one minute, before the run.
    pub(crate) load_average: f64,
}

/// One gateway under test, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) durability: String,
}

/// A stretch of the way of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Intended start to the API's 201.
    Accept,
    /// The 201 to the carrier's request.
    Submit,
    /// The carrier's request to the handset.
    Deliver,
    /// Intended start to the handset.
    InHand,
    /// A check, from when it was due to its answer.
    Check,
    /// Refusals of a start or resend (429, 503), from the intended start.
    Refuse,
}

impl Stage {
    /// In the order of a code's way.
    pub(crate) const ALL: [Self; 6] = [
        Self::Accept,
        Self::Submit,
        Self::Deliver,
        Self::InHand,
        Self::Check,
        Self::Refuse,
    ];

    /// As in rules, files and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Submit => "submit",
            Self::Deliver => "deliver",
            Self::InHand => "in_hand",
            Self::Check => "check",
            Self::Refuse => "refuse",
        }
    }

    /// The stretch it measures, for a reader.
    pub(crate) fn describes(self) -> &'static str {
        match self {
            Self::Accept => "intended start to the 201",
            Self::Submit => "the 201 to the carrier\u{2019}s request",
            Self::Deliver => "the carrier\u{2019}s request to the handset",
            Self::InHand => "intended start to the handset",
            Self::Check => "check due to its answer",
            Self::Refuse => "intended start to a 429 or 503",
        }
    }
}

/// One stage for one combination of labels; an empty label means that it does not apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) stage: Stage,
    pub(crate) provider: String,
    pub(crate) channel: String,
    /// Region, as in `US`.
    pub(crate) country: String,
    pub(crate) latencies: Histogram,
}

/// What happened to all sends of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Starts that were due.
    pub(crate) due: u64,
    /// Answered 201.
    pub(crate) accepted: u64,
    /// Refused with a code: `429 send_limit` and so on, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Connection failures and timeouts of the API, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) resent: u64,
    /// Requests asked again under the same idempotency key, after a late or bad answer.
    #[serde(default)]
    pub(crate) repeated: u64,
    /// Requests that reached the carrier.
    pub(crate) submissions: u64,
    /// Requests at the carrier for numbers that this run did not ask for.
    #[serde(default)]
    pub(crate) strangers: u64,
    /// Codes that reached the handset, each send once.
    pub(crate) in_hand: u64,
    /// Of these, sends that were refused or not answered, and went out all the same.
    #[serde(default)]
    pub(crate) in_hand_unaccepted: u64,
    /// Messages of a send that the handset had already.
    pub(crate) duplicates: u64,
    /// Sends whose message went out over a second provider.
    pub(crate) failovers: u64,
    /// Accepted sends that no carrier saw, and that the gateway does not call
    /// failed, expired or canceled either. Must be 0.
    pub(crate) lost: u64,
    /// Accepted sends that the gateway ended as failed, expired or canceled, by that word.
    pub(crate) ended: BTreeMap<String, u64>,
    pub(crate) checks: u64,
    pub(crate) approved: u64,
    /// Checks with another answer, by code.
    pub(crate) checks_refused: BTreeMap<String, u64>,
    /// What the carrier did on purpose, by kind: `lost`, `delayed`, `doubled`,
    /// `refused`, `throttled`, `hung`, `receipt_lost`, `receipt_late`, ...
    pub(crate) scripted: BTreeMap<String, u64>,
    /// Requests per provider that the carrier answered.
    pub(crate) by_provider: BTreeMap<String, u64>,
}

impl Counts {
    pub(crate) fn refused_total(&self) -> u64 {
        total(&self.refused)
    }

    pub(crate) fn errors_total(&self) -> u64 {
        total(&self.errors)
    }

    /// Sends that were accepted: starts, and resends beside them.
    pub(crate) fn sent(&self) -> u64 {
        self.accepted.saturating_add(self.resent)
    }

    /// Those of [`Self::sent`] whose code reached the handset.
    pub(crate) fn sent_in_hand(&self) -> u64 {
        self.in_hand.saturating_sub(self.in_hand_unaccepted)
    }

    /// Adds those of another generator.
    pub(crate) fn add(&mut self, other: &Self) {
        let plain = [
            (&mut self.due, other.due),
            (&mut self.accepted, other.accepted),
            (&mut self.resent, other.resent),
            (&mut self.repeated, other.repeated),
            (&mut self.submissions, other.submissions),
            (&mut self.strangers, other.strangers),
            (&mut self.in_hand, other.in_hand),
            (&mut self.in_hand_unaccepted, other.in_hand_unaccepted),
            (&mut self.duplicates, other.duplicates),
            (&mut self.failovers, other.failovers),
            (&mut self.lost, other.lost),
            (&mut self.checks, other.checks),
            (&mut self.approved, other.approved),
        ];
        for (mine, theirs) in plain {
            *mine = mine.saturating_add(theirs);
        }
        let tables = [
            (&mut self.refused, &other.refused),
            (&mut self.errors, &other.errors),
            (&mut self.ended, &other.ended),
            (&mut self.checks_refused, &other.checks_refused),
            (&mut self.scripted, &other.scripted),
            (&mut self.by_provider, &other.by_provider),
        ];
        for (mine, theirs) in tables {
            for (key, n) in theirs {
                let sum = mine.entry(key.clone()).or_default();
                *sum = sum.saturating_add(*n);
            }
        }
    }

    /// Approved per dispatched message, from 0 to 1; none if nothing was dispatched.
    pub(crate) fn conversion(&self) -> Option<f64> {
        let dispatched = self.sent();
        (dispatched > 0).then(|| self.approved as f64 / dispatched as f64)
    }
}

/// The sum of a table of counts.
pub(crate) fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// One second, counted by when things were due (`due`) or came (the rest).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    pub(crate) second: u32,
    pub(crate) due: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) errors: u64,
    pub(crate) in_hand: u64,
    /// Codes handed in.
    #[serde(default)]
    pub(crate) checks: u64,
    pub(crate) approved: u64,
    pub(crate) failovers: u64,
    /// The most that one of the gateways held resident, if the tester started it.
    #[serde(default)]
    pub(crate) memory_kib: u64,
    /// By stage: p50, p99 and maximum in microseconds of what ended in this second.
    pub(crate) latency_us: BTreeMap<Stage, [u64; 3]>,
}

impl Second {
    /// Adds another second: of another generator, or the next one when they are
    /// drawn together. Percentiles become the worse of the two, which those of
    /// both together cannot exceed.
    pub(crate) fn add(&mut self, other: &Self) {
        let plain = [
            (&mut self.due, other.due),
            (&mut self.accepted, other.accepted),
            (&mut self.refused, other.refused),
            (&mut self.errors, other.errors),
            (&mut self.in_hand, other.in_hand),
            (&mut self.checks, other.checks),
            (&mut self.approved, other.approved),
            (&mut self.failovers, other.failovers),
        ];
        for (mine, theirs) in plain {
            *mine = mine.saturating_add(theirs);
        }
        self.memory_kib = self.memory_kib.max(other.memory_kib);
        for (stage, theirs) in &other.latency_us {
            let mine = self.latency_us.entry(*stage).or_default();
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = (*mine).max(*theirs);
            }
        }
    }
}

/// Something worth a line in the charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) at_s: f64,
    pub(crate) text: String,
}

/// One `--slo`, and whether it held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SloVerdict {
    /// As written: `accept.p99<20ms`.
    pub(crate) rule: String,
    /// In the rule's unit.
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_run_survives_its_file() {
        let run = example::brown_out();
        let text = serde_json::to_string(&run).expect("writes");
        let back = Results::from_json(&text).expect("reads");
        assert_eq!(back.counts, run.counts);
        assert_eq!(back.timeline, run.timeline);
        assert_eq!(back.stage(Stage::InHand), run.stage(Stage::InHand));
        assert_eq!(serde_json::to_string(&back).expect("writes"), text);
    }

    #[test]
    fn a_file_of_another_format_is_refused_with_both_versions() {
        let later = r#"{"format": 2, "everything": "else"}"#;
        let said = Results::from_json(later).expect_err("refused").to_string();
        assert_eq!(said, "its format is 2, this program reads 1");
        assert!(Results::from_json("[]").is_err());
        assert!(Results::read(Path::new("no/such/file")).is_err());
    }

    #[test]
    fn adding_counts_leaves_none_out() {
        let filled = serde_json::to_string(&Counts::default())
            .expect("writes")
            .replace('0', "7")
            .replace("{}", r#"{"kind":7}"#);
        let mut sum: Counts = serde_json::from_str(&filled).expect("reads");
        sum.add(&sum.clone());
        let doubled = serde_json::to_string(&sum).expect("writes");
        assert_eq!(doubled, filled.replace('7', "14"));
    }

    #[test]
    fn conversion_is_per_dispatched_message() {
        let mut counts = Counts::default();
        assert_eq!(counts.conversion(), None);
        (counts.accepted, counts.resent, counts.approved) = (8, 2, 5);
        assert_eq!(counts.conversion(), Some(0.5));
    }
}
