//! What came of each phase of the load, and goodput against what was offered.

use super::chart::{Axis, Chart, rate_tick};
use super::html::escape;
use super::tables::latency_cell;
use crate::phases::{Phase, Recovery};
use crate::results::{Results, Stage};
use crate::{table, units};

/// Dots of the chart; of a longer run every so many seconds make one.
const DOTS_MAX: usize = 400;

/// One row per phase that the scenario names.
pub(super) fn rows(results: &Results) -> String {
    let rows: String = results.phases.iter().map(row).collect();
    let knee = results.knee_per_s.map_or_else(String::new, |knee| {
        format!(
            "<p class=\"note\">The carrier takes so many messages at once, and each so long, that \
             {} come through at most: the knee.</p>\n",
            units::rate(knee)
        )
    });
    format!(
        "{knee}<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"left\">phase</th>\
         <th scope=\"col\">due /s</th><th scope=\"col\">in hand /s</th><th scope=\"col\">of knee</th>\
         <th scope=\"col\">refused /s</th><th scope=\"col\">errors /s</th><th scope=\"col\">accept p99</th>\
         <th scope=\"col\">refuse p99</th><th scope=\"col\">checks good</th><th scope=\"col\">memory</th>\
         <th scope=\"col\">as before</th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    )
}

fn row(phase: &Phase) -> String {
    let figures = &phase.figures;
    let rate = |per_s: f64| format!("<td>{}</td>", units::count(per_s.round() as u64));
    let p99 = |stage: Stage| match phase.latency(stage) {
        Some(latencies) => latency_cell("", latencies.percentile_us(99.0)),
        None => "<td>–</td>".to_owned(),
    };
    let class = match figures.recovery {
        Some(Recovery::NotSeen) => " class=\"worse\"",
        Some(Recovery::WithinS(_)) | None => "",
    };
    [
        format!("<tr><th scope=\"row\">{}</th>", escape(&phase.name)),
        rate(figures.due_per_s),
        rate(figures.goodput_per_s),
        format!("<td>{}</td>", units::ratio_percent(figures.goodput_ratio)),
        rate(figures.refused_per_s),
        rate(figures.errors_per_s),
        p99(Stage::Accept),
        p99(Stage::Refuse),
        format!("<td>{}</td>", units::ratio_percent(figures.check_ratio)),
        format!("<td>{}</td>", units::memory(figures.memory_kib)),
        format!(
            "<td{class}>{}</td></tr>\n",
            table::recovered(figures.recovery)
        ),
    ]
    .concat()
}

/// Each second as a dot: what was due across, what came to hands up. Above the
/// knee the dots stay level; a gateway that collapses lets them fall.
///
/// `None` if the load hardly changed, which draws no curve.
pub(super) fn offered_and_goodput(results: &Results) -> Option<String> {
    let seconds: Vec<(f64, f64)> = results
        .timeline
        .iter()
        .filter(|second| second.due > 0)
        .map(|second| (second.due as f64, second.in_hand as f64))
        .collect();
    let rates = seconds.iter().map(|(due, _)| *due);
    let (low, high) = rates.fold((f64::INFINITY, 0.0_f64), |(low, high), due| {
        (low.min(due), high.max(due))
    });
    if seconds.len() < 5 || high < 3.0 * low {
        return None;
    }
    let most = seconds.iter().map(|(_, came)| *came).fold(0.0, f64::max);
    // A knee far above what came would press the dots to the ground.
    let knee = results.knee_per_s.filter(|knee| *knee <= most * 1.5);
    let top = knee.unwrap_or(0.0).max(most);
    let mut chart = Chart::new(480.0, 260.0, 0.0);
    let across = chart.across(0.0, high);
    let up = chart.rate_axis(top * 1.05);
    chart.grid_across(up, rate_tick);
    chart.grid_of_rates(across);
    all_of_it(&mut chart, (across, up), high.min(top));
    if let Some(knee) = knee {
        knee_line(&mut chart, up, knee);
    }
    let every = seconds.len().div_ceil(DOTS_MAX);
    for (due, came) in seconds.iter().step_by(every) {
        let (x, y) = (across.at(*due), up.at(*came));
        chart.draw(format_args!(
            r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="3.2"><title>{due} due, {came} in hand</title></circle>"#
        ));
    }
    Some(chart.finish(
        "panel in-hand",
        "In hand per second against due per second",
        "",
    ))
}

/// Where everything that is due comes to hands.
fn all_of_it(chart: &mut Chart, (across, up): (Axis, Axis), to: f64) {
    let (x1, y1, x2, y2) = (across.at(0.0), up.at(0.0), across.at(to), up.at(to));
    chart.draw(format_args!(
        r#"<g class="due"><path class="line" d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"/></g>"#
    ));
}

fn knee_line(chart: &mut Chart, up: Axis, knee: f64) {
    let (left, right, y) = (chart.left, chart.right, up.at(knee));
    let (x, text_y) = (right - 4.0, y - 6.0);
    chart.draw(format_args!(
        r#"<g class="mark"><line x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/></g><text class="tick end" x="{x:.1}" y="{text_y:.1}">knee</text>"#
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_curve_is_drawn_only_where_the_load_changes() {
        assert!(offered_and_goodput(&example::brown_out()).is_none());
        assert!(offered_and_goodput(&example::empty()).is_none());
        let chart = offered_and_goodput(&example::overload()).expect("a curve");
        assert_eq!(chart.matches("<circle").count(), 40);
        assert!(chart.contains("10000 due, 700 in hand"), "{chart}");
        assert!(chart.contains(">knee<") && !chart.contains("NaN"));
    }

    #[test]
    fn a_long_run_is_drawn_in_a_bounded_number_of_dots() {
        let mut run = example::overload();
        let timeline = run.timeline.clone();
        run.timeline = (0..100).flat_map(|_| timeline.clone()).collect();
        let chart = offered_and_goodput(&run).expect("a curve");
        assert!(chart.matches("<circle").count() <= DOTS_MAX);
    }

    #[test]
    fn a_phase_that_was_not_recovered_from_stands_out() {
        let rows = rows(&example::overload());
        assert_eq!(rows.matches("class=\"worse\"").count(), 1);
        assert!(rows.contains("not seen") && rows.contains("in 2 s"));
    }
}
