//! The tables of a report.

use std::collections::BTreeMap;

use super::curves::{self, PERCENTILES};
use super::html::escape;
use crate::results::{Histogram, Results, Series, SloVerdict, Stage, total};
use crate::units;

/// Rows of the table of combinations, the fullest first; the JSON file has all.
const COMBINATIONS_MAX: usize = 120;

/// Rows of a table of kinds: what a gateway calls its errors must not fill the page.
const KINDS_MAX: usize = 20;

/// A latency as a cell, its unit apart so that digits stand below digits.
pub(super) fn latency_cell(class: &str, us: u64) -> String {
    let text = units::latency(us);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    format!("<td{class}>{number} <span class=\"unit\">{unit}</span></td>")
}

/// Whether so many samples reach beyond the percentile; if not, it only repeats the maximum.
pub(crate) fn tells(percentile: f64, count: u64) -> bool {
    // A little slack, as 100 − 99.99 is not exact.
    (100.0 - percentile) / 100.0 * count as f64 > 0.999
}

/// What a pale figure means.
pub(super) const FEW: &str = "<p class=\"note few\">Pale figures repeat the maximum: so few samples \
    do not tell the percentile.</p>\n";

pub(super) fn percentile_heads() -> String {
    let points: String = PERCENTILES
        .iter()
        .map(|(name, _)| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    format!("{points}<th scope=\"col\">max</th>")
}

/// The cells of a distribution; dashes if it is empty.
pub(super) fn distribution_cells(latencies: &Histogram) -> String {
    let mut cells = format!("<td>{}</td>", units::count(latencies.count()));
    if latencies.is_empty() {
        cells.push_str(&"<td>–</td>".repeat(PERCENTILES.len() + 1));
        return cells;
    }
    for (_, percentile) in PERCENTILES {
        let class = if tells(percentile, latencies.count()) {
            ""
        } else {
            " class=\"few\""
        };
        cells.push_str(&latency_cell(class, latencies.percentile_us(percentile)));
    }
    cells.push_str(&latency_cell("", latencies.max_us()));
    cells
}

/// The name of a stage with its line as drawn in the charts.
pub(super) fn stage_name(stage: Stage) -> String {
    format!(
        "<svg class=\"swatch {}\" viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path class=\"line\" d=\"M0 4L22 4\"/></svg>{}",
        curves::class(stage),
        curves::name(stage)
    )
}

/// One row per stage that has samples.
pub(super) fn stages(results: &Results) -> String {
    let mut rows = String::new();
    for stage in Stage::ALL {
        let latencies = results.stage(stage);
        if !latencies.is_empty() {
            rows.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td class=\"left note roomy\">{}</td>{}</tr>\n",
                stage_name(stage),
                stage.describes(),
                distribution_cells(&latencies)
            ));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"left\">stage</th>\
         <th scope=\"col\" class=\"left roomy\">from, to</th><th scope=\"col\">count</th>{}</tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n{FEW}",
        percentile_heads()
    )
}

/// One row per stage, provider, channel and country that occurred.
pub(super) fn combinations(results: &Results) -> String {
    let mut fullest: Vec<&Series> = results.series.iter().collect();
    fullest.sort_by_key(|one| std::cmp::Reverse(one.latencies.count()));
    let left_out = fullest.len().saturating_sub(COMBINATIONS_MAX);
    fullest.truncate(COMBINATIONS_MAX);
    fullest.sort_by_key(|one| (one.stage, &one.provider, &one.channel, &one.country));
    if fullest.is_empty() {
        return "<p class=\"none\">No latencies were measured.</p>\n".to_owned();
    }
    let mut rows = String::new();
    let mut stage_before = None;
    for one in fullest {
        let begins = stage_before != Some(one.stage);
        stage_before = Some(one.stage);
        let label = |text: &str| {
            if text.is_empty() {
                "–".to_owned()
            } else {
                escape(text)
            }
        };
        rows.push_str(&format!(
            "<tr{}><th scope=\"row\">{}</th><td class=\"left\">{}</td><td class=\"left\">{}</td><td class=\"left\">{}</td>{}</tr>\n",
            if begins { " class=\"first\"" } else { "" },
            stage_name(one.stage),
            label(&one.provider),
            label(&one.channel),
            label(&one.country),
            distribution_cells(&one.latencies)
        ));
    }
    let note = if left_out > 0 {
        format!(
            "<p class=\"note\">{left_out} combinations with the fewest samples are left out here; the JSON file has them.</p>\n"
        )
    } else {
        String::new()
    };
    format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"left\">stage</th>\
         <th scope=\"col\" class=\"left\">provider</th><th scope=\"col\" class=\"left\">channel</th>\
         <th scope=\"col\" class=\"left\">country</th><th scope=\"col\">count</th>{}</tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n{note}",
        percentile_heads()
    )
}

/// The rules and what was measured.
pub(super) fn slos(verdicts: &[SloVerdict]) -> String {
    let rows: String = verdicts
        .iter()
        .map(|verdict| {
            let (class, said) = if verdict.holds {
                ("held", "✓ held")
            } else {
                ("missed", "✗ missed")
            };
            format!(
                "<tr><td class=\"left wrap\"><code>{}</code></td><td class=\"wrap\">{}</td><td class=\"{class}\">{said}</td></tr>\n",
                escape(&verdict.rule),
                escape(&verdict.measured)
            )
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table class=\"short\"><thead><tr><th scope=\"col\" class=\"left\">rule</th>\
         <th scope=\"col\">measured</th><th scope=\"col\">verdict</th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    )
}

/// A titled table of kinds and their counts, the commonest first.
pub(super) fn kinds(title: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&str, u64)> = counts.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let rest: u64 = sorted
        .iter()
        .skip(KINDS_MAX)
        .fold(0, |sum, (_, n)| sum.saturating_add(*n));
    sorted.truncate(KINDS_MAX);
    if rest > 0 {
        sorted.push(("all others", rest));
    }
    rows(title, &sorted)
}

/// A titled table of what was counted under fixed names.
pub(super) fn rows(title: &str, counts: &[(&str, u64)]) -> String {
    if counts.is_empty() {
        return format!("<div><h3>{title}</h3><p class=\"none\">None.</p></div>\n");
    }
    let rows: String = counts
        .iter()
        .map(|(kind, n)| {
            format!(
                "<tr><th scope=\"row\" class=\"wrap\">{}</th><td>{}</td></tr>\n",
                escape(kind),
                units::count(*n)
            )
        })
        .collect();
    format!("<div><h3>{title}</h3><table><tbody>{rows}</tbody></table></div>\n")
}

/// From due to approved, each as a part of what it can be at most: a resend has
/// a message of its own, and so counts beside the accepted start.
pub(super) fn funnel(results: &Results) -> String {
    let counts = &results.counts;
    let sent = counts.sent();
    let steps = [
        ("due", "due", counts.due, counts.due, "due"),
        ("accepted", "accept", counts.accepted, counts.due, "due"),
        (
            "in hand",
            "in-hand",
            counts.sent_in_hand(),
            sent,
            "accepted and resent",
        ),
        ("approved", "check", counts.approved, counts.due, "due"),
    ];
    let bars: String = steps
        .into_iter()
        .map(|(name, class, n, whole, of)| {
            let part = n as f64 * 100.0 / whole.max(1) as f64;
            format!(
                "<span class=\"name\">{name}</span><i class=\"{class}\"><b style=\"width:{:.2}%\"></b></i><span>{}</span><span class=\"note\">{} of {of}</span>\n",
                part.min(100.0),
                units::count(n),
                units::percent(n, whole)
            )
        })
        .collect();
    format!("<div class=\"bars\">{bars}</div>\n")
}

/// What the carrier did on purpose beside what came of it.
pub(super) fn faults(results: &Results) -> String {
    let counts = &results.counts;
    let sent = counts.sent();
    let not_in_hand = sent.saturating_sub(counts.sent_in_hand());
    let seen = [
        ("failovers to another provider", counts.failovers),
        ("messages the handset had already", counts.duplicates),
        ("resends", counts.resent),
        ("requests repeated after a bad answer", counts.repeated),
        ("accepted or resent, never in hand", not_in_hand),
        ("of these ended by the gateway", total(&counts.ended)),
        (
            "in hand though refused or not answered",
            counts.in_hand_unaccepted,
        ),
        ("lost", counts.lost),
        ("messages that this run did not ask for", counts.strangers),
    ];
    let tables = [
        kinds("The carrier did on purpose", &counts.scripted),
        rows("What came of it", &seen),
        kinds("Refusals of a start or resend", &counts.refused),
        kinds("Errors of the API", &counts.errors),
        kinds("Checks with another answer", &counts.checks_refused),
        kinds("Sends the gateway ended", &counts.ended),
        kinds("Requests answered, by provider", &counts.by_provider),
    ];
    format!("<div class=\"columns\">{}</div>\n", tables.concat())
}
