//! Charts over time: latency per stage, what came through, what went wrong.

use std::collections::BTreeMap;

use super::chart::{Axis, Chart, EndLabel, latency_tick, rate_tick};
use super::curves;
use super::html::escape;
use crate::results::{Mark, Results, Second, Stage};

/// Columns per chart; longer runs are drawn several seconds to a column.
const COLUMNS_MAX: u32 = 400;

/// Marks with a line of their own; a scenario with more would hatch its charts.
pub(super) const MARKS_MAX: usize = 24;

/// Seconds that are drawn together.
struct Column {
    middle_s: f64,
    seconds: f64,
    sum: Second,
}

/// One figure of p50, p99 and maximum.
type Pick = fn([u64; 3]) -> u64;

/// A run's timeline, ready to be drawn.
pub(super) struct Timeline<'a> {
    columns: Vec<Column>,
    end_s: f64,
    marks: &'a [Mark],
}

/// One line of a chart of rates.
struct Rate {
    name: &'static str,
    class: &'static str,
    of: fn(&Second) -> u64,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(results: &'a Results) -> Self {
        let last = results.timeline.iter().map(|one| one.second).max();
        let span = last.unwrap_or(0).saturating_add(1);
        let width = span.div_ceil(COLUMNS_MAX);
        let mut sums: BTreeMap<u32, Second> = BTreeMap::new();
        for one in &results.timeline {
            sums.entry(one.second / width).or_default().add(one);
        }
        let columns = sums.into_iter().map(|(at, sum)| {
            let from = at * width;
            let seconds = f64::from(width.min(span - from));
            Column {
                middle_s: f64::from(from) + seconds / 2.0,
                seconds,
                sum,
            }
        });
        Self {
            columns: columns.collect(),
            end_s: f64::from(span),
            marks: results.marks.get(..MARKS_MAX).unwrap_or(&results.marks),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many seconds stand behind one point.
    pub(super) fn seconds_per_column(&self) -> f64 {
        self.columns.first().map_or(1.0, |column| column.seconds)
    }

    /// p50, p99 and maximum of a stage over time; none if it has no samples.
    pub(super) fn latency(&self, stage: Stage) -> Option<String> {
        let seen = |column: &Column| column.sum.latency_us.get(&stage).copied();
        let all: Vec<[u64; 3]> = self.columns.iter().filter_map(seen).collect();
        let low = all.iter().map(|[p50, ..]| *p50).min()?;
        let high = all.iter().map(|[_, _, max]| *max).max()?;
        let mut chart = Chart::new(480.0, 220.0, 34.0);
        let across = chart.across(0.0, self.end_s);
        let up = chart.latency_axis(low, high);
        chart.grid_across(up, latency_tick);
        self.grid_up(&mut chart, across);
        let lines: [(&str, &str, Pick); 3] = [
            ("max", "line thin", |[_, _, max]| max),
            ("p99", "line", |[_, p99, _]| p99),
            ("p50", "line strong", |[p50, ..]| p50),
        ];
        let mut labels = Vec::new();
        for (name, class, pick) in lines {
            let points: Vec<Option<(f64, f64)>> = self
                .columns
                .iter()
                .map(|column| {
                    let us = pick(seen(column)?) as f64;
                    Some((across.at(column.middle_s), up.at(us)))
                })
                .collect();
            chart.line(class, name, &points);
            labels.extend(last_label(&points, "", name));
        }
        let right = chart.right;
        for label in &mut labels {
            label.x = right;
        }
        chart.end_labels(labels);
        self.draw_marks(&mut chart, across);
        let class = format!("panel curve {}", curves::class(stage));
        let title = format!("{} latency over time", curves::name(stage));
        Some(chart.finish(&class, &title, &attributes(across, up)))
    }

    /// Due, accepted, in hand and approved a second.
    pub(super) fn came_through(&self) -> String {
        let rates = [
            Rate {
                name: "due",
                class: "due",
                of: |s| s.due,
            },
            Rate {
                name: "accepted",
                class: "accept",
                of: |s| s.accepted,
            },
            Rate {
                name: "in hand",
                class: "in-hand",
                of: |s| s.in_hand,
            },
            Rate {
                name: "approved",
                class: "check",
                of: |s| s.approved,
            },
        ];
        self.rates(&rates, "sends that came through, per second")
    }

    /// What the gateway that holds the most has resident; none if nobody looked.
    pub(super) fn memory(&self) -> Option<String> {
        let mib = |column: &Column| column.sum.memory_kib as f64 / 1_024.0;
        let highest = self.columns.iter().map(mib).fold(0.0, f64::max);
        if highest <= 0.0 {
            return None;
        }
        let mut chart = Chart::new(480.0, 220.0, 34.0);
        let across = chart.across(0.0, self.end_s);
        let up = chart.rate_axis(highest * 1.1);
        chart.grid_across(up, rate_tick);
        self.grid_up(&mut chart, across);
        let points: Vec<Option<(f64, f64)>> = self
            .columns
            .iter()
            .map(|column| {
                let held = (column.sum.memory_kib > 0).then(|| mib(column))?;
                Some((across.at(column.middle_s), up.at(held)))
            })
            .collect();
        chart.line("line strong", "MiB", &points);
        self.draw_marks(&mut chart, across);
        // No attributes: the script reads rates and latencies only.
        Some(chart.finish("panel curve refuse", "memory of a gateway over time", ""))
    }

    /// Refused, errors and failovers a second.
    pub(super) fn went_wrong(&self) -> String {
        let rates = [
            Rate {
                name: "refused",
                class: "refuse",
                of: |s| s.refused,
            },
            Rate {
                name: "errors",
                class: "error",
                of: |s| s.errors,
            },
            Rate {
                name: "failovers",
                class: "submit",
                of: |s| s.failovers,
            },
        ];
        self.rates(&rates, "refusals, errors and failovers per second")
    }

    fn rates(&self, rates: &[Rate], title: &str) -> String {
        let rate = |column: &Column, rate: &Rate| (rate.of)(&column.sum) as f64 / column.seconds;
        let highest = self
            .columns
            .iter()
            .flat_map(|column| rates.iter().map(move |one| rate(column, one)))
            .fold(0.0, f64::max);
        let mut chart = Chart::new(480.0, 220.0, 66.0);
        let across = chart.across(0.0, self.end_s);
        let up = chart.rate_axis(highest * 1.1);
        chart.grid_across(up, rate_tick);
        self.grid_up(&mut chart, across);
        let mut labels = Vec::new();
        for one in rates {
            let points: Vec<Option<(f64, f64)>> = self
                .columns
                .iter()
                .map(|column| Some((across.at(column.middle_s), up.at(rate(column, one)))))
                .collect();
            chart.draw(format_args!(r#"<g class="curve {}">"#, one.class));
            chart.line("line", one.name, &points);
            chart.draw(format_args!("</g>"));
            labels.extend(last_label(&points, one.class, one.name));
        }
        chart.end_labels(labels);
        self.draw_marks(&mut chart, across);
        chart.finish("panel", title, &attributes(across, up))
    }

    fn grid_up(&self, chart: &mut Chart, across: Axis) {
        let step = time_step(self.end_s);
        let mut at = 0.0;
        while at <= self.end_s {
            chart.grid_up(across.at(at), &clock(at));
            at += step;
        }
    }

    fn draw_marks(&self, chart: &mut Chart, across: Axis) {
        let (top, bottom) = (chart.top, chart.bottom);
        for (mark, number) in self.marks.iter().zip(1..) {
            let x = across.at(mark.at_s);
            let (cy, text_y) = (top - 11.0, top - 7.0);
            chart.draw(format_args!(
                r#"<g class="mark"><title>{} {}</title><line x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{bottom:.1}"/><circle cx="{x:.1}" cy="{cy:.1}" r="8"/><text class="middle" x="{x:.1}" y="{text_y:.1}">{number}</text></g>"#,
                clock(mark.at_s),
                escape(&mark.text),
                top - 3.0,
            ));
        }
    }
}

fn attributes(across: Axis, up: Axis) -> String {
    format!("{} {}", across.attributes('x'), up.attributes('y'))
}

fn last_label(points: &[Option<(f64, f64)>], class: &'static str, text: &str) -> Option<EndLabel> {
    let (x, y) = points.iter().rev().flatten().next().copied()?;
    Some(EndLabel {
        x,
        y,
        class,
        text: text.to_owned(),
    })
}

/// Seconds between two vertical lines, so that about six fit.
fn time_step(end_s: f64) -> f64 {
    const STEPS: [f64; 14] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0,
    ];
    STEPS
        .into_iter()
        .find(|step| end_s / step <= 7.0)
        .unwrap_or(end_s / 6.0)
}

/// A moment of the run: `0:05`, `12:30`, `1:02:03`.
pub(super) fn clock(at_s: f64) -> String {
    let whole = at_s.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn an_hour_is_drawn_in_a_bounded_number_of_columns_without_losing_a_count() {
        let mut run = example::brown_out();
        run.timeline = (0..3_601)
            .map(|second| Second {
                second,
                due: 10,
                latency_us: [(Stage::Accept, [1, 2, u64::from(second)])].into(),
                ..Second::default()
            })
            .collect();
        let timeline = Timeline::new(&run);
        assert!(timeline.columns.len() <= COLUMNS_MAX as usize);
        let due: u64 = timeline.columns.iter().map(|column| column.sum.due).sum();
        assert_eq!(due, 36_010);
        let seconds: f64 = timeline.columns.iter().map(|column| column.seconds).sum();
        assert!((seconds - 3_601.0).abs() < 1e-9);
        let last = timeline.columns.last().expect("has columns");
        assert_eq!(last.sum.latency_us[&Stage::Accept][2], 3_600);
    }

    #[test]
    fn a_broken_timeline_stays_bounded() {
        let mut run = example::empty();
        for second in [0, u32::MAX] {
            run.timeline.push(Second {
                second,
                due: u64::MAX,
                ..Second::default()
            });
        }
        let timeline = Timeline::new(&run);
        assert_eq!(timeline.columns.len(), 2);
        assert!(timeline.came_through().len() < 20_000);
    }

    #[test]
    fn a_stage_without_samples_has_no_chart() {
        let run = example::empty();
        let timeline = Timeline::new(&run);
        assert!(timeline.is_empty());
        assert_eq!(timeline.latency(Stage::Check), None);
    }

    #[test]
    fn marks_are_bounded_and_escaped() {
        let mut run = example::brown_out();
        let mark = Mark {
            at_s: 3.0,
            text: "<b>".to_owned(),
        };
        run.marks = vec![mark; 10_000];
        let chart = Timeline::new(&run).went_wrong();
        assert_eq!(chart.matches("class=\"mark\"").count(), MARKS_MAX);
        assert!(chart.contains("&lt;b&gt;") && !chart.contains("<b>"));
    }

    #[test]
    fn moments_read_as_on_a_clock() {
        assert_eq!([0.0, 65.0, 3_723.0].map(clock), ["0:00", "1:05", "1:02:03"]);
    }
}
