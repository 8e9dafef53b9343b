//! The percentile curves: latency over the scale of nines, where tails have room.

use super::chart::{Chart, EndLabel, latency_tick};
use super::html::escape;
use crate::results::{Histogram, Stage};
use crate::units;

/// Points per curve: more than there are pixels would only make the file longer.
const POINTS: u32 = 180;

/// The furthest the scale goes: 99.999 %.
const NINES_MAX: f64 = 5.0;

/// Percentiles with a dot and a figure of their own.
pub(crate) const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];

/// One curve.
pub(super) struct Curve {
    pub(super) label: String,
    /// The CSS class that colours it.
    pub(super) class: &'static str,
    /// Which of two runs it is from.
    pub(super) run: Run,
    pub(super) latencies: Histogram,
}

/// A run by its place in a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run {
    /// The first of two: dashed and pale.
    Before,
    /// The second of two, or the only one.
    After,
}

impl Run {
    fn class(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// The CSS class that gives a stage its colour and dashes.
pub(super) fn class(stage: Stage) -> &'static str {
    match stage {
        Stage::Accept => "accept",
        Stage::Submit => "submit",
        Stage::Deliver => "deliver",
        Stage::InHand => "in-hand",
        Stage::Check => "check",
        Stage::Refuse => "refuse",
    }
}

/// What readers call a stage.
pub(super) fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Accept => "accept",
        Stage::Submit => "submit",
        Stage::Deliver => "deliver",
        Stage::InHand => "in hand",
        Stage::Check => "check",
        Stage::Refuse => "refuse",
    }
}

/// The chart twice, for wide and for narrow windows; the style shows one of them.
pub(super) fn both(curves: &[Curve], name: &str) -> String {
    let sampled = curves.iter().any(|curve| !curve.latencies.is_empty());
    if !sampled {
        return "<p class=\"none\">No latencies were measured.</p>\n".to_owned();
    }
    let wide = Chart::new(1040.0, 440.0, 96.0);
    let narrow = Chart::new(400.0, 330.0, 0.0);
    draw(wide, curves, ("wide", name)) + &draw(narrow, curves, ("narrow", name))
}

/// A small chart of few curves, for a grid of several.
pub(super) fn panel(curves: &[Curve], name: &str) -> String {
    draw(Chart::new(480.0, 260.0, 24.0), curves, ("panel pair", name))
}

fn draw(mut chart: Chart, curves: &[Curve], (class, name): (&str, &str)) -> String {
    let sampled = || curves.iter().filter(|curve| !curve.latencies.is_empty());
    let most = sampled().map(|curve| curve.latencies.count()).max();
    let nines = (most.unwrap_or(1) as f64)
        .log10()
        .ceil()
        .clamp(2.0, NINES_MAX);
    let lowest = sampled()
        .map(|curve| curve.latencies.percentile_us(0.0))
        .min();
    let highest = sampled().map(|curve| curve.latencies.max_us()).max();
    let across = chart.across(0.0, nines);
    let up = chart.latency_axis(lowest.unwrap_or(1), highest.unwrap_or(1));
    chart.grid_across(up, latency_tick);
    let roomy = chart.width > 600.0;
    let ticks = [
        ("0 %", 0.0),
        ("50 %", 0.5_f64.log10().abs()),
        ("90 %", 1.0),
        ("99 %", 2.0),
        ("99.9 %", 3.0),
        ("99.99 %", 4.0),
        ("99.999 %", 5.0),
    ];
    for (label, at) in ticks.into_iter().filter(|(_, at)| *at <= nines) {
        // In a narrow chart `50 %` would touch its neighbours.
        if roomy || label != "50 %" {
            chart.grid_up(across.at(at), label);
        }
    }
    let mut labels = Vec::new();
    for curve in sampled() {
        let points = points(&curve.latencies, nines);
        let pixels: Vec<Option<(f64, f64)>> = points
            .iter()
            .map(|(x, us)| Some((across.at(*x), up.at(*us as f64))))
            .collect();
        chart.draw(format_args!(
            r#"<g class="{} {}">"#,
            curve.class,
            curve.run.class()
        ));
        chart.line("line", &curve.label, &pixels);
        for (point, percentile) in PERCENTILES {
            let x = -(1.0 - percentile / 100.0).log10();
            if points.last().is_some_and(|(end, _)| x <= *end) {
                let us = curve.latencies.percentile_us(percentile);
                let (cx, cy) = (across.at(x), up.at(us as f64));
                chart.draw(format_args!(
                    r#"<circle class="dot" cx="{cx:.1}" cy="{cy:.1}" r="3.5"><title>{} {point} {}</title></circle>"#,
                    escape(&curve.label),
                    units::latency(us)
                ));
            }
        }
        chart.draw(format_args!("</g>"));
        if let Some(Some((x, y))) = pixels.last() {
            labels.push(EndLabel {
                x: *x,
                y: *y,
                class: curve.class,
                text: curve.label.clone(),
            });
        }
    }
    if chart.has_label_room() {
        chart.end_labels(labels);
    }
    chart.finish(class, name, "")
}

/// Nines and microseconds; a curve of n samples ends at their maximum, where one in n is left.
fn points(latencies: &Histogram, nines: f64) -> Vec<(f64, u64)> {
    let end = (latencies.count() as f64).log10().clamp(0.0, nines);
    (0..=POINTS)
        .map(|n| {
            let x = end * f64::from(n) / f64::from(POINTS);
            let percentile = 100.0 * (1.0 - 10_f64.powf(-x));
            (x, latencies.percentile_us(percentile))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn curve(latencies_us: &[u64]) -> Curve {
        Curve {
            label: "accept".to_owned(),
            class: class(Stage::Accept),
            run: Run::After,
            latencies: example::series(Stage::Accept, ["", "", ""], latencies_us).latencies,
        }
    }

    #[test]
    fn a_curve_rises_and_ends_where_one_sample_is_left() {
        let latencies: Vec<u64> = (1..=1_000).map(|n| n * 100).collect();
        let points = points(&curve(&latencies).latencies, 5.0);
        assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let (x, us) = points[points.len() - 1];
        assert!((x - 3.0).abs() < 1e-9, "{x}");
        assert!(us.abs_diff(99_900) <= 200, "{us}");
    }

    #[test]
    fn one_sample_and_none_are_drawn_without_nonsense() {
        let one = both(&[curve(&[500]), curve(&[])], "latencies");
        assert_eq!(one.matches("class=\"line\"").count(), 2);
        assert!(!one.contains("NaN") && !one.contains("inf"), "{one}");
        assert!(both(&[curve(&[])], "latencies").contains("No latencies were measured"));
        assert!(both(&[], "latencies").contains("No latencies were measured"));
    }
}
