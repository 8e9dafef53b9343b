//! A run on one screen of the terminal, at most 100 columns wide, plain text.

use std::collections::BTreeMap;

use crate::phases::{Phase, Recovery};
use crate::report::{PERCENTILES, tells};
use crate::results::{Histogram, Results, Stage, total};
use crate::units;

/// No line is longer.
const COLUMNS: usize = 100;

/// Kinds of refusals and the like that are named; the report has more.
const KINDS_MAX: usize = 6;

/// Stages, counts and verdicts of a run.
pub(crate) fn table(results: &Results) -> String {
    let mut lines = vec![format!(
        "{} · {} · {}",
        units::plain(&results.scenario.name),
        units::plain(&units::moment(&results.started_at)),
        units::span(results.duration_s)
    )];
    if let Some(why) = &results.void {
        lines.push(format!(
            "VOID, these figures do not count: {}",
            units::plain(why)
        ));
    }
    lines.push(String::new());
    lines.extend(stages(results));
    lines.push(String::new());
    lines.extend(counts(results));
    if !results.phases.is_empty() {
        lines.push(String::new());
        lines.extend(phases(results));
    }
    lines.push(String::new());
    lines.extend(verdicts(results));
    lines.iter().map(|line| cut(line) + "\n").collect()
}

/// The heads over [`row`].
pub(crate) fn heads(first: &str) -> String {
    let points: String = PERCENTILES
        .iter()
        .map(|(name, _)| format!("{name:>10}"))
        .collect();
    format!("{first:<22}{:>12}{points}{:>10}", "count", "max")
}

/// One distribution below [`heads`]; a percentile that only repeats the maximum is a dash.
pub(crate) fn row(first: &str, latencies: &Histogram) -> String {
    let count = latencies.count();
    let figure = |shown: bool, us: u64| {
        let text = if shown {
            units::latency(us)
        } else {
            "–".to_owned()
        };
        format!("{text:>10}")
    };
    let points: String = PERCENTILES
        .iter()
        .map(|(_, p)| figure(tells(*p, count), latencies.percentile_us(*p)))
        .collect();
    let max = figure(count > 0, latencies.max_us());
    format!("{first:<22}{:>12}{points}{max}", units::count(count))
}

fn stages(results: &Results) -> Vec<String> {
    let mut lines = vec![heads("latency")];
    for stage in Stage::ALL {
        let latencies = results.stage(stage);
        if !latencies.is_empty() {
            lines.push(row(stage.name(), &latencies));
        }
    }
    if lines.len() == 1 {
        lines.push("none was measured".to_owned());
    }
    if !results.lateness.is_empty() {
        lines.push(row("generator late by", &results.lateness));
    }
    lines
}

fn counts(results: &Results) -> Vec<String> {
    let counts = &results.counts;
    let of_due = |n: u64| format!("{} ({})", units::count(n), units::percent(n, counts.due));
    let sent = counts.sent();
    let of_sent = |n: u64| format!("{} ({})", units::count(n), units::percent(n, sent));
    let mut lines = vec![
        format!(
            "due {} · accepted {} · approved {}",
            units::count(counts.due),
            of_due(counts.accepted),
            of_due(counts.approved)
        ),
        format!(
            "sent {}, resends among them · in hand {}",
            units::count(sent),
            of_sent(counts.sent_in_hand())
        ),
        format!(
            "resent {} · repeated {} · failovers {} · duplicates {} · lost {}",
            units::count(counts.resent),
            units::count(counts.repeated),
            units::count(counts.failovers),
            units::count(counts.duplicates),
            units::count(counts.lost)
        ),
    ];
    if counts.in_hand_unaccepted > 0 {
        lines.push(format!(
            "in hand though refused or not answered {}",
            units::count(counts.in_hand_unaccepted)
        ));
    }
    if counts.strangers > 0 {
        lines.push(format!(
            "messages that this run did not ask for {}",
            units::count(counts.strangers)
        ));
    }
    for (name, kinds) in [
        ("refused", &counts.refused),
        ("errors", &counts.errors),
        ("ended", &counts.ended),
        ("checks refused", &counts.checks_refused),
        ("scripted", &counts.scripted),
    ] {
        if total(kinds) > 0 {
            lines.push(format!(
                "{name} {}: {}",
                units::count(total(kinds)),
                named(kinds)
            ));
        }
    }
    lines
}

/// One row per phase; rates are per second.
fn phases(results: &Results) -> Vec<String> {
    let knee = results.knee_per_s.map_or_else(String::new, |knee| {
        format!("the carrier's concurrency allows {}", units::rate(knee))
    });
    let mut lines = vec![
        format!(
            "{:<16}{:>8}{:>9}{:>8}{:>9}{:>10}{:>10}{:>9}{:>9}{:>11}",
            "phase, per s",
            "due",
            "in hand",
            "of knee",
            "refused",
            "accept",
            "refuse",
            "checks",
            "memory",
            "recovered"
        ),
        format!("{:<50}{:>10}{:>10}{:>9}", "", "p99", "p99", "good"),
    ];
    lines.extend(results.phases.iter().map(phase));
    if !knee.is_empty() {
        lines.push(knee);
    }
    lines
}

fn phase(phase: &Phase) -> String {
    let figures = &phase.figures;
    let rate = |per_s: f64| units::count(per_s.round() as u64);
    let p99 = |stage: Stage| match phase.latency(stage) {
        Some(latencies) => units::latency(latencies.percentile_us(99.0)),
        None => "–".to_owned(),
    };
    format!(
        "{:<16}{:>8}{:>9}{:>8}{:>9}{:>10}{:>10}{:>9}{:>9}{:>11}",
        units::plain(&phase.name),
        rate(figures.due_per_s),
        rate(figures.goodput_per_s),
        units::ratio_percent(figures.goodput_ratio),
        rate(figures.refused_per_s),
        p99(Stage::Accept),
        p99(Stage::Refuse),
        units::ratio_percent(figures.check_ratio),
        units::memory(figures.memory_kib),
        recovered(figures.recovery),
    )
}

/// How soon all was well after a phase.
pub(crate) fn recovered(recovery: Option<Recovery>) -> String {
    match recovery {
        None => "–".to_owned(),
        Some(Recovery::WithinS(seconds)) => format!("in {seconds} s"),
        Some(Recovery::NotSeen) => "not seen".to_owned(),
    }
}

/// The commonest kinds with their counts.
fn named(kinds: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, u64)> = kinds.iter().map(|(kind, n)| (kind, *n)).collect();
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let more = sorted.len() > KINDS_MAX;
    let mut texts: Vec<String> = sorted
        .into_iter()
        .take(KINDS_MAX)
        .map(|(kind, n)| format!("{} {}", units::plain(kind), units::count(n)))
        .collect();
    if more {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}

fn verdicts(results: &Results) -> Vec<String> {
    if results.slos.is_empty() {
        return vec!["no SLOs set".to_owned()];
    }
    results
        .slos
        .iter()
        .map(|slo| {
            let said = if slo.holds { "held" } else { "MISSED" };
            let (rule, measured) = (units::plain(&slo.rule), units::plain(&slo.measured));
            format!("{said:<8}{rule:<44} measured {measured}")
        })
        .collect()
}

fn cut(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_run_fits_into_a_hundred_columns_whatever_it_is_called() {
        let mut run = example::brown_out();
        run.scenario.name = "\u{1b}[2Jlong ".repeat(60);
        run.counts.errors = (0..50).map(|n| (format!("kind {n}\n"), n)).collect();
        run.slos[0].rule = "accept.p99<20ms".repeat(20);
        let text = table(&run);
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("kind 49"), "{text}");
        assert!(!text.contains("kind 3 "), "{text}");
    }

    #[test]
    fn each_phase_has_a_row_in_a_hundred_columns() {
        let text = table(&example::overload());
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
        assert!(!text.contains('…'), "{text}");
        let row = text.lines().find(|line| line.starts_with("x10")).unwrap();
        let figures: Vec<&str> = row.split_whitespace().collect();
        let expected = "x10 10,000 700 70 % 9,300 1.50 ms 3.00 ms 100 % 120 MiB not seen";
        assert_eq!(figures.join(" "), expected);
        assert!(text.contains("concurrency allows 1,000 /s"), "{text}");
    }

    #[test]
    fn figures_stand_below_their_heads() {
        let text = table(&example::brown_out());
        let line = |start: &str| {
            let found = text.lines().find(|line| line.starts_with(start));
            found.expect(start).to_owned()
        };
        let (heads, in_hand) = (line("latency"), line("in_hand"));
        assert_eq!(heads.chars().count(), in_hand.chars().count(), "{text}");
        assert!(in_hand.contains("7,159    992 ms"), "{text}");
        assert!(text.contains("MISSED  in_hand.p99<1s"), "{text}");
        assert!(text.contains("refused 39: 503 overloaded 39"), "{text}");
    }

    #[test]
    fn a_percentile_that_so_few_samples_do_not_tell_is_a_dash() {
        let few = example::series(Stage::Accept, ["", "", ""], &[1_000; 150]).latencies;
        let columns: Vec<String> = row("x", &few)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(columns[columns.len() - 4..], ["–", "–", "1.00", "ms"]);
    }

    #[test]
    fn an_empty_and_a_void_run_say_so() {
        let mut run = example::empty();
        run.void = Some("the generator was late".to_owned());
        let text = table(&run);
        assert!(text.contains("VOID, these figures do not count: the generator was late"));
        assert!(
            text.contains("none was measured") && text.contains("no SLOs set"),
            "{text}"
        );
    }
}
