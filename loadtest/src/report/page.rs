//! The page of one run, from verdict to machine.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::curves::{self, Curve, Run};
use super::html::escape;
use super::timeline::{self, Timeline};
use super::{phases, summary, tables};
use crate::results::{Results, Stage};
use crate::units;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole file.
pub(super) fn page(results: &Results) -> String {
    let body = [
        summary::header(results),
        summary::verdict(results),
        summary::key_figures(results),
        slos(results),
        expectation(results),
        by_phase(results),
        latencies(results),
        over_time(results),
        what_happened(results),
        combinations(results),
        lateness(results),
        run(results),
    ];
    document(&results.scenario.name, &body.concat())
}

/// A page around `body`; the policy lets it load nothing and run nothing but its own script.
pub(super) fn document(title: &str, body: &str) -> String {
    let script_digest = STANDARD.encode(digest::digest(&digest::SHA256, SCRIPT.as_bytes()));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'sha256-{script_digest}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} – Watchword load test</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}<footer>Written by watchword-loadtest. Latencies count from \
         when a request was due, not from when it was sent, and are within 0.1 %.</footer>\n\
         </main>\n<div id=\"tip\" aria-hidden=\"true\"></div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escape(title)
    )
}

fn slos(results: &Results) -> String {
    if results.slos.is_empty() {
        return String::new();
    }
    section("Service levels", &tables::slos(&results.slos))
}

fn expectation(results: &Results) -> String {
    if results.scenario.expect.is_empty() {
        return String::new();
    }
    section(
        "What to expect",
        &format!("<p>{}</p>\n", escape(&results.scenario.expect)),
    )
}

fn by_phase(results: &Results) -> String {
    let curve = phases::offered_and_goodput(results).map_or_else(String::new, |chart| {
        format!(
            "<figure class=\"half\"><h3>Offered and in hand <span class=\"note\">each dot is a \
             second; on the broad line everything due is in hand</span></h3>{chart}</figure>\n"
        )
    });
    if results.phases.is_empty() && curve.is_empty() {
        return String::new();
    }
    if results.phases.is_empty() {
        return section("Offered and in hand", &curve);
    }
    section("By phase", &(phases::rows(results) + &curve))
}

fn latencies(results: &Results) -> String {
    let curves: Vec<Curve> = Stage::ALL
        .into_iter()
        .map(|stage| Curve {
            label: curves::name(stage).to_owned(),
            class: curves::class(stage),
            run: Run::After,
            latencies: results.stage(stage),
        })
        .filter(|curve| !curve.latencies.is_empty())
        .collect();
    let legend: String = Stage::ALL
        .into_iter()
        .filter(|stage| curves.iter().any(|curve| curve.class == curves::class(*stage)))
        .map(|stage| {
            format!(
                "<li><button type=\"button\" aria-pressed=\"true\" data-series=\"{}\">{}</button></li>\n",
                curves::class(stage),
                tables::stage_name(stage)
            )
        })
        .collect();
    let body = format!(
        "<p class=\"note\">Each curve says how many percent of all stayed below a latency. \
         To the right, every line is ten times rarer than the one before.</p>\n\
         <ul class=\"legend\">{legend}</ul>\n<figure id=\"curves\">{}</figure>\n{}",
        curves::both(&curves, "Latency percentiles by stage"),
        tables::stages(results)
    );
    section("Latency", &body)
}

fn over_time(results: &Results) -> String {
    let timeline = Timeline::new(results);
    if timeline.is_empty() {
        return section("Over time", "<p class=\"none\">Nothing was recorded.</p>\n");
    }
    let figure = |title: &str, note: &str, chart: &str| {
        format!("<figure><h3>{title} <span class=\"note\">{note}</span></h3>{chart}</figure>\n")
    };
    let mut panels = figure("Came through", "per second", &timeline.came_through());
    panels.push_str(&figure("Went wrong", "per second", &timeline.went_wrong()));
    if let Some(chart) = timeline.memory() {
        panels.push_str(&figure("Memory of a gateway", "MiB resident", &chart));
    }
    for stage in [
        Stage::InHand,
        Stage::Accept,
        Stage::Submit,
        Stage::Deliver,
        Stage::Check,
        Stage::Refuse,
    ] {
        if let Some(chart) = timeline.latency(stage) {
            panels.push_str(&figure(
                &tables::stage_name(stage),
                stage.describes(),
                &chart,
            ));
        }
    }
    let seconds = timeline.seconds_per_column();
    let note = if seconds > 1.0 {
        format!(
            "<p class=\"note\">A point stands for {seconds:.0} s: rates are means, percentiles those of its worst second.</p>\n"
        )
    } else {
        String::new()
    };
    section(
        "Over time",
        &format!(
            "{note}<div class=\"panels\">{panels}</div>\n{}",
            marks(results)
        ),
    )
}

fn marks(results: &Results) -> String {
    if results.marks.is_empty() {
        return String::new();
    }
    let items: String = results
        .marks
        .iter()
        .take(timeline::MARKS_MAX)
        .zip(1..)
        .map(|(mark, number)| {
            format!(
                "<li><b>{number}</b>{} {}</li>\n",
                timeline::clock(mark.at_s),
                escape(&mark.text)
            )
        })
        .collect();
    let left_out = results.marks.len().saturating_sub(timeline::MARKS_MAX);
    let more = if left_out > 0 {
        format!("<li class=\"note\">and {left_out} more in the JSON file</li>\n")
    } else {
        String::new()
    };
    format!("<ul class=\"marks\">{items}{more}</ul>\n")
}

fn what_happened(results: &Results) -> String {
    let body = tables::funnel(results) + &tables::faults(results);
    section("What happened", &body)
}

fn combinations(results: &Results) -> String {
    format!(
        "<section class=\"long\"><h2>By provider, channel and country</h2>\n{}</section>\n",
        tables::combinations(results)
    )
}

fn lateness(results: &Results) -> String {
    let lateness = &results.lateness;
    let figures = if lateness.is_empty() {
        "<p class=\"none\">Nothing was sent.</p>\n".to_owned()
    } else {
        format!(
            "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">requests</th>{}</tr></thead><tbody><tr>{}</tr></tbody></table></div>\n",
            tables::percentile_heads(),
            tables::distribution_cells(lateness)
        )
    };
    section(
        "How late the generator was",
        &format!(
            "<p class=\"note\">From when a request was due to when it left. This is part of every \
             latency above; a generator that falls behind makes its run void.</p>\n{figures}"
        ),
    )
}

fn run(results: &Results) -> String {
    let machine = &results.machine;
    let command: Vec<String> = results
        .command
        .iter()
        .map(|word| shell_word(word))
        .collect();
    let mut facts = vec![
        (
            "machine",
            format!(
                "{}, {} cores, {} MiB",
                escape(&machine.cpu),
                machine.cores,
                units::count(machine.memory_mib)
            ),
        ),
        ("kernel", escape(&machine.kernel)),
        (
            "load before the run",
            format!("{:.2}", machine.load_average),
        ),
        ("started", escape(&units::moment(&results.started_at))),
        ("length", units::span(results.duration_s)),
    ];
    for target in &results.targets {
        facts.push((
            "target",
            format!(
                "<code>{}</code>, version {}, durability <code>{}</code>",
                escape(&target.url),
                escape(&target.version),
                escape(&target.durability)
            ),
        ));
    }
    facts.push((
        "command",
        format!("<pre>{}</pre>", escape(&command.join(" "))),
    ));
    let facts: String = facts
        .into_iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n"))
        .collect();
    section("The run", &format!("<dl class=\"facts\">{facts}</dl>\n"))
}

/// An argument as one would type it.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+&".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

pub(super) fn section(title: &str, body: &str) -> String {
    format!("<section><h2>{title}</h2>\n{body}</section>\n")
}
