//! The top of a run's page: what it was, whether it held, its large figures.

use super::html::escape;
use crate::results::{Results, Stage};
use crate::units;

pub(super) fn header(results: &Results) -> String {
    let targets: Vec<String> = results
        .targets
        .iter()
        .map(|target| {
            format!(
                "Watchword {} ({})",
                escape(&target.version),
                escape(&target.durability)
            )
        })
        .collect();
    let targets = if targets.is_empty() {
        String::new()
    } else {
        format!(" · {}", targets.join(", "))
    };
    format!(
        "<header>\n<p class=\"over\">Watchword load test</p>\n<h1>{}</h1>\n\
         <p class=\"lead\">{}</p>\n<p class=\"note\">{} · {}{targets}</p>\n",
        escape(&results.scenario.name),
        escape(&results.scenario.shows),
        escape(&units::moment(&results.started_at)),
        units::span(results.duration_s)
    )
}

pub(super) fn verdict(results: &Results) -> String {
    let all = results.slos.len();
    let missed = results.slos.iter().filter(|slo| !slo.holds).count();
    let (class, said, why) = match (&results.void, all, missed) {
        (Some(why), _, _) => ("odd", "Void run".to_owned(), escape(why)),
        (None, 0, _) => (
            "plain",
            "No SLOs set".to_owned(),
            "Nothing was judged.".to_owned(),
        ),
        (None, _, 0) => (
            "good",
            format!("✓ {} held", units::plural(all, "SLO")),
            "Every rule of this run was met.".to_owned(),
        ),
        (None, _, _) => {
            let rules: Vec<String> = results
                .slos
                .iter()
                .filter(|slo| !slo.holds)
                .map(|slo| {
                    format!(
                        "<code>{}</code> ({})",
                        escape(&slo.rule),
                        escape(&slo.measured)
                    )
                })
                .collect();
            (
                "bad",
                format!("✗ {missed} of {} missed", units::plural(all, "SLO")),
                rules.join(", "),
            )
        }
    };
    let class = format!("verdict {class}");
    let void = if results.void.is_some() {
        " The figures below do not count."
    } else {
        ""
    };
    format!("<div class=\"{class}\"><b>{said}</b><span>{why}{void}</span></div>\n</header>\n")
}

/// One of the large figures: its name, the figure, what stands below, a CSS class.
type Card = (&'static str, String, String, &'static str);

pub(super) fn key_figures(results: &Results) -> String {
    let cards: String = latency_cards(results)
        .into_iter()
        .chain(count_cards(results))
        .chain(trouble_cards(results))
        .map(|(name, figure, below, class)| {
            let (number, unit) = figure.split_once(' ').unwrap_or((&figure, ""));
            format!(
                "<div><dt>{name}</dt><dd class=\"big {class}\">{number} \
                 <span class=\"unit\">{unit}</span></dd><dd class=\"note\">{below}</dd></div>\n"
            )
        })
        .collect();
    format!("<dl class=\"key\">\n{cards}</dl>\n")
}

fn latency_cards(results: &Results) -> [Card; 2] {
    let stages = [
        ("In hand, median", Stage::InHand),
        ("Reply, median", Stage::Accept),
    ];
    stages.map(|(name, stage)| {
        let latencies = results.stage(stage);
        let latency = |percentile: f64| {
            if latencies.is_empty() {
                "–".to_owned()
            } else {
                units::latency(latencies.percentile_us(percentile))
            }
        };
        (name, latency(50.0), format!("p99 {}", latency(99.0)), "")
    })
}

fn count_cards(results: &Results) -> [Card; 3] {
    let counts = &results.counts;
    let due_s = results.timeline.iter().filter(|one| one.due > 0).count();
    let rate = |n: u64| units::rate(n as f64 / due_s.max(1) as f64);
    let conversion = counts
        .conversion()
        .map_or_else(|| "–".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0));
    let of_due = units::percent(counts.accepted, counts.due);
    [
        (
            "Accepted",
            units::count(counts.accepted),
            format!("{of_due} of {} due", units::count(counts.due)),
            "",
        ),
        (
            "Accepted per second",
            rate(counts.accepted),
            format!("{} due", rate(counts.due)),
            "",
        ),
        (
            "Conversion",
            conversion,
            "approved per message dispatched".to_owned(),
            "",
        ),
    ]
}

fn trouble_cards(results: &Results) -> [Card; 3] {
    let counts = &results.counts;
    let class = |n: u64| if n > 0 { "bad" } else { "" };
    [
        (
            "Lost",
            units::count(counts.lost),
            "accepted, then never seen again".to_owned(),
            class(counts.lost),
        ),
        (
            "Failovers",
            units::count(counts.failovers),
            format!(
                "{} duplicates at the handset",
                units::count(counts.duplicates)
            ),
            "",
        ),
        (
            "Errors",
            units::count(counts.errors_total()),
            format!("{} refused", units::count(counts.refused_total())),
            class(counts.errors_total()),
        ),
    ]
}
