//! Two runs side by side: what became faster, what slower.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::report::{self, PERCENTILES, tells};
use crate::results::{Counts, Histogram, Results, Stage, total};
use crate::table;
use crate::units;

/// Why a difference below this says little.
const CAUTION: &str = "Two runs differ by the machine's mood alone, on shared cores by a third: \
    repeat both in turn.";

/// From this ratio on a difference is pointed out.
const NOTABLE: f64 = 1.1;

/// One stage of both runs.
pub(crate) struct Pair {
    pub(crate) stage: Stage,
    pub(crate) before: Histogram,
    pub(crate) after: Histogram,
}

/// How a figure changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Better,
    Worse,
    /// Too small to point out, or not to be told.
    Same,
}

/// Stages that at least one of the runs has samples of.
pub(crate) fn pairs(before: &Results, after: &Results) -> Vec<Pair> {
    Stage::ALL
        .into_iter()
        .map(|stage| Pair {
            stage,
            before: before.stage(stage),
            after: after.stage(stage),
        })
        .filter(|pair| !pair.before.is_empty() || !pair.after.is_empty())
        .collect()
}

impl Pair {
    /// How many times as long the second run's percentile is; none where a run does not tell.
    pub(crate) fn ratio(&self, percentile: f64) -> Option<f64> {
        let told =
            |one: &Histogram| tells(percentile, one.count()).then(|| one.percentile_us(percentile));
        units::ratio(told(&self.before)?, told(&self.after)?)
    }

    pub(crate) fn max_ratio(&self) -> Option<f64> {
        units::ratio(self.before.max_us(), self.after.max_us())
    }
}

impl Change {
    /// Of a latency.
    pub(crate) fn of(ratio: f64) -> Self {
        if ratio >= NOTABLE {
            Self::Worse
        } else if ratio * NOTABLE <= 1.0 {
            Self::Better
        } else {
            Self::Same
        }
    }
}

/// One count of a run.
type Count = fn(&Counts) -> u64;

/// What both runs counted, under one name.
pub(crate) fn counted(before: &Counts, after: &Counts) -> Vec<(&'static str, u64, u64)> {
    let pick: [(&'static str, Count); 14] = [
        ("due", |c| c.due),
        ("accepted", |c| c.accepted),
        ("refused", Counts::refused_total),
        ("errors", Counts::errors_total),
        ("in hand", |c| c.in_hand),
        ("approved", |c| c.approved),
        ("checks refused", |c| total(&c.checks_refused)),
        ("resent", |c| c.resent),
        ("repeated", |c| c.repeated),
        ("failovers", |c| c.failovers),
        ("duplicates", |c| c.duplicates),
        ("ended", |c| total(&c.ended)),
        ("lost", |c| c.lost),
        ("strangers", |c| c.strangers),
    ];
    pick.map(|(name, of)| (name, of(before), of(after)))
        .to_vec()
}

/// What makes the two runs hard to compare, as sentences.
pub(crate) fn cautions(before: &Results, after: &Results) -> Vec<String> {
    let mut cautions = Vec::new();
    if before.scenario != after.scenario {
        cautions.push(format!(
            "The scenarios differ: `{}` and `{}`.",
            before.scenario.name, after.scenario.name
        ));
    }
    for (name, run) in [("A", before), ("B", after)] {
        if let Some(why) = &run.void {
            cautions.push(format!("{name} is void: {why}."));
        }
    }
    let hardware = |run: &Results| (run.machine.cpu.clone(), run.machine.cores);
    if hardware(before) != hardware(after) {
        cautions.push("The machines differ.".to_owned());
    }
    cautions.push(CAUTION.to_owned());
    cautions
}

/// Who a run was, in one line.
pub(crate) fn name(run: &Results) -> String {
    let targets: Vec<String> = run
        .targets
        .iter()
        .map(|target| format!("{} {}", target.version, target.durability))
        .collect();
    format!(
        "{} · {} · {}",
        run.scenario.name,
        units::moment(&run.started_at),
        targets.join(", ")
    )
}

/// The comparison for the terminal: per stage both runs and the ratios of the second to the first.
pub(crate) fn text(before: &Results, after: &Results) -> String {
    let mut lines = vec![
        format!("A  {}", units::plain(&name(before))),
        format!("B  {}", units::plain(&name(after))),
        String::new(),
        table::heads("latency"),
    ];
    for pair in pairs(before, after) {
        lines.push(table::row(
            &format!("{:<12}A", pair.stage.name()),
            &pair.before,
        ));
        lines.push(table::row(&format!("{:<12}B", ""), &pair.after));
        let ratio = |ratio: Option<f64>| {
            let text = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"));
            format!("{text:>10}")
        };
        let points: String = PERCENTILES.map(|(_, p)| ratio(pair.ratio(p))).concat();
        let label = format!("{:<12}B / A", "");
        lines.push(format!("{label:<34}{points}{}", ratio(pair.max_ratio())));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<22}{:>12}{:>12}{:>12}",
        "count", "A", "B", "B − A"
    ));
    for (name, a, b) in counted(&before.counts, &after.counts) {
        let difference = i128::from(b) - i128::from(a);
        let (a, b) = (units::count(a), units::count(b));
        lines.push(format!("{name:<22}{a:>12}{b:>12}{difference:>+12}"));
    }
    lines.push(String::new());
    lines.extend(cautions(before, after).iter().map(|one| units::plain(one)));
    lines
        .iter()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// Writes the comparison as a page, over nothing that is there.
pub(crate) fn write(before: &Results, after: &Results, path: &Path) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(report::difference(before, after).as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn of(accept_us: u64) -> Results {
        Results {
            series: vec![example::series(
                Stage::Accept,
                ["", "", ""],
                &vec![accept_us; 20_000],
            )],
            ..example::empty()
        }
    }

    #[test]
    fn the_second_run_is_told_in_multiples_of_the_first() {
        let text = text(&of(1_000), &of(1_250));
        let line = text
            .lines()
            .find(|line| line.contains("B / A"))
            .expect("a ratio");
        let ratios: Vec<&str> = line.split_whitespace().skip(3).collect();
        assert_eq!(ratios, ["1.25×"; 6], "{text}");
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    }

    #[test]
    fn what_one_run_lacks_has_no_ratio() {
        let mut run = of(1_000);
        run.series
            .push(example::series(Stage::Check, ["", "", ""], &[5; 3]));
        let pairs = pairs(&of(1_000), &run);
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[1].ratio(50.0), None);
        assert_eq!(pairs[1].max_ratio(), None);
        assert!(super::pairs(&example::empty(), &example::empty()).is_empty());
    }

    #[test]
    fn small_differences_are_not_pointed_out() {
        assert_eq!(
            [0.5, 0.95, 1.0, 1.09, 1.1].map(Change::of),
            [
                Change::Better,
                Change::Same,
                Change::Same,
                Change::Same,
                Change::Worse,
            ]
        );
    }

    #[test]
    fn what_makes_runs_hard_to_compare_is_said() {
        let mut late = example::brown_out();
        late.void = Some("the generator was late".to_owned());
        let said = cautions(&example::empty(), &late).join("\n");
        for part in [
            "`empty` and `brown-out`",
            "B is void: the generator",
            "machines differ",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(cautions(&late, &late).len(), 3);
    }

    #[test]
    fn the_page_is_written_over_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/diff.html");
        write(&of(1_000), &of(1_100), &path).expect("writes");
        assert!(write(&of(1_000), &of(1_100), &path).is_err());
        let page = fs::read_to_string(&path).expect("reads");
        assert!(page.contains("1.10×"));
    }
}
