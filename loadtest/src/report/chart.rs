//! What all charts share: scales, the frame with its grid, lines, labels at their ends.

use std::fmt::Write;

use super::html::escape;
use crate::units;

/// The room between two labels that stand below each other, in pixels.
const LABEL_HEIGHT: f64 = 15.0;

/// An SVG drawing and where in it the plot lies.
pub(super) struct Chart {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    body: String,
}

/// One direction of a plot, from values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    log: bool,
    from: f64,
    to: f64,
    pixel_from: f64,
    pixel_to: f64,
}

/// A label beside the end of its line.
pub(super) struct EndLabel {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) class: &'static str,
    pub(super) text: String,
}

impl Chart {
    /// A chart with room for labels on the right if `label_room` is not 0.
    pub(super) fn new(width: f64, height: f64, label_room: f64) -> Self {
        Self {
            width,
            height,
            left: 58.0,
            right: width - 14.0 - label_room,
            top: 24.0,
            bottom: height - 30.0,
            body: String::new(),
        }
    }

    pub(super) fn has_label_room(&self) -> bool {
        self.width - self.right > 20.0
    }

    /// The horizontal axis.
    pub(super) fn across(&self, from: f64, to: f64) -> Axis {
        Axis::linear([from, to], [self.left, self.right])
    }

    /// The vertical axis for latencies between these two, in microseconds.
    pub(super) fn latency_axis(&self, low_us: u64, high_us: u64) -> Axis {
        let low = nice_below(low_us.max(1) as f64);
        let high = nice_above(high_us.max(1) as f64).max(low * 10.0);
        Axis {
            log: true,
            from: low,
            to: high,
            pixel_from: self.bottom,
            pixel_to: self.top,
        }
    }

    /// The vertical axis for rates from 0 to at least this one.
    pub(super) fn rate_axis(&self, high: f64) -> Axis {
        let step = nice_step(high.max(1.0), 4.0);
        let top = (high.max(1.0) / step).ceil() * step;
        Axis::linear([0.0, top], [self.bottom, self.top])
    }

    /// Draws the horizontal grid and writes what each line stands for.
    pub(super) fn grid_across(&mut self, axis: Axis, name: fn(f64) -> String) {
        let (left, right) = (self.left, self.right);
        for (value, labelled) in axis.ticks() {
            let y = axis.at(value);
            let class = if labelled { "grid" } else { "grid minor" };
            self.draw(format_args!(
                r#"<line class="{class}" x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#
            ));
            if labelled {
                let (x, y, text) = (left - 8.0, y + 4.0, name(value));
                self.draw(format_args!(
                    r#"<text class="tick end" x="{x:.1}" y="{y:.1}">{text}</text>"#
                ));
            }
        }
    }

    /// Draws the vertical grid of a horizontal axis of rates.
    pub(super) fn grid_of_rates(&mut self, axis: Axis) {
        for (value, _) in axis.ticks() {
            if value <= axis.to {
                self.grid_up(axis.at(value), &rate_tick(value));
            }
        }
    }

    /// One vertical line of the grid with its name below.
    pub(super) fn grid_up(&mut self, x: f64, name: &str) {
        let (top, bottom) = (self.top, self.bottom);
        let below = bottom + 18.0;
        self.draw(format_args!(
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{top:.1}" y2="{bottom:.1}"/><text class="tick middle" x="{x:.1}" y="{below:.1}">{}</text>"#,
            escape(name)
        ));
    }

    /// A line through the points; none is a gap.
    pub(super) fn line(&mut self, class: &str, name: &str, points: &[Option<(f64, f64)>]) {
        let path = path(points);
        if !path.is_empty() {
            self.draw(format_args!(
                r#"<path class="{class}" data-name="{}" d="{path}"/>"#,
                escape(name)
            ));
        }
    }

    /// Labels at line ends, moved apart until none covers another.
    pub(super) fn end_labels(&mut self, mut labels: Vec<EndLabel>) {
        labels.sort_by(|a, b| a.y.total_cmp(&b.y));
        let mut lowest_free = self.top;
        for label in &mut labels {
            label.y = label.y.max(lowest_free);
            lowest_free = label.y + LABEL_HEIGHT;
        }
        // The names of the axis below stay free.
        let mut highest_free = self.bottom - 3.0;
        for label in labels.iter_mut().rev() {
            label.y = label.y.min(highest_free);
            highest_free = label.y - LABEL_HEIGHT;
        }
        for EndLabel { x, y, class, text } in labels {
            let (x, y, text) = (x + 7.0, y + 4.0, escape(&text));
            self.draw(format_args!(
                r#"<text class="end-label {class}" x="{x:.1}" y="{y:.1}">{text}</text>"#
            ));
        }
    }

    /// Adds an element; whatever comes from outside must be escaped already.
    pub(super) fn draw(&mut self, element: std::fmt::Arguments<'_>) {
        self.body
            .write_fmt(element)
            .expect("a string takes any text");
        self.body.push('\n');
    }

    /// The drawing, named for those who cannot see it.
    pub(super) fn finish(self, class: &str, name: &str, attributes: &str) -> String {
        let Self {
            width,
            height,
            body,
            ..
        } = self;
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\" {attributes}>\n{body}</svg>\n",
            escape(name)
        )
    }
}

impl Axis {
    pub(super) fn linear([from, to]: [f64; 2], [pixel_from, pixel_to]: [f64; 2]) -> Self {
        // An axis without length would divide by zero.
        let to = if to > from { to } else { from + 1.0 };
        Self {
            log: false,
            from,
            to,
            pixel_from,
            pixel_to,
        }
    }

    /// The pixel of a value, kept within the plot.
    pub(super) fn at(self, value: f64) -> f64 {
        let part = if self.log {
            (value.max(1e-9) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.pixel_from + (self.pixel_to - self.pixel_from) * part.clamp(0.0, 1.0)
    }

    /// What a script needs to read values off the drawing.
    pub(super) fn attributes(self, direction: char) -> String {
        let Self {
            log,
            from,
            to,
            pixel_from,
            pixel_to,
        } = self;
        let kind = if log { "log" } else { "linear" };
        format!(r#"data-{direction}="{kind} {from} {to} {pixel_from:.1} {pixel_to:.1}""#)
    }

    /// Values worth a line, and whether a name goes with it.
    fn ticks(self) -> Vec<(f64, bool)> {
        if !self.log {
            let step = nice_step(self.to, 4.0);
            let count = (self.to / step).round() as u32;
            return (0..=count).map(|n| (f64::from(n) * step, true)).collect();
        }
        let decades = (self.to / self.from).log10();
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(self.from.log10().floor());
        while decade <= self.to * 1.001 {
            for (factor, labelled) in [(1.0, true), (2.0, decades < 2.5), (5.0, decades < 3.5)] {
                let value = decade * factor;
                if value >= self.from * 0.999 && value <= self.to * 1.001 {
                    ticks.push((value, labelled));
                }
            }
            decade *= 10.0;
        }
        ticks
    }
}

/// The name of a tick on a latency axis.
pub(super) fn latency_tick(us: f64) -> String {
    match us {
        us if us < 999.0 => format!("{us:.0} µs"),
        us if us < 999_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}

/// The name of a tick on a rate axis.
pub(super) fn rate_tick(rate: f64) -> String {
    if rate.fract().abs() < 1e-9 {
        units::count(rate as u64)
    } else {
        format!("{rate:.1}")
    }
}

/// `M` and `L` steps through the points; a point on its own becomes a dot.
fn path(points: &[Option<(f64, f64)>]) -> String {
    let mut path = String::new();
    for run in points.split(Option::is_none) {
        let mut command = 'M';
        for (x, y) in run.iter().flatten() {
            write!(path, "{command}{x:.1} {y:.1}").expect("a string takes any text");
            command = 'L';
        }
        if let [Some((x, y))] = run {
            write!(path, "L{x:.1} {y:.1}").expect("a string takes any text");
        }
    }
    path
}

/// The largest of 1, 2, 5 times a power of ten that is not above the value.
fn nice_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    match value / decade {
        rest if rest >= 5.0 => 5.0 * decade,
        rest if rest >= 2.0 => 2.0 * decade,
        _ => decade,
    }
}

fn nice_above(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    match value / decade {
        rest if rest <= 1.0 => decade,
        rest if rest <= 2.0 => 2.0 * decade,
        rest if rest <= 5.0 => 5.0 * decade,
        _ => 10.0 * decade,
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides a length into about `parts`.
fn nice_step(length: f64, parts: f64) -> f64 {
    nice_above(length / parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_breaks_a_line_and_a_lone_point_stays_visible() {
        let points = [
            Some((0.0, 1.0)),
            Some((2.0, 3.0)),
            None,
            Some((4.0, 5.0)),
            None,
        ];
        assert_eq!(path(&points), "M0.0 1.0L2.0 3.0M4.0 5.0L4.0 5.0");
        assert_eq!(path(&[None, None]), "");
    }

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        let mut chart = Chart::new(480.0, 200.0, 60.0);
        let label = |y| EndLabel {
            x: 0.0,
            y,
            class: "",
            text: String::new(),
        };
        chart.end_labels((0..6).map(|_| label(165.0)).collect());
        let ys: Vec<f64> = chart
            .body
            .split("y=\"")
            .skip(1)
            .map(|rest| {
                rest.split('"')
                    .next()
                    .expect("closes")
                    .parse()
                    .expect("a number")
            })
            .collect();
        assert!(
            ys.windows(2)
                .all(|pair| pair[1] - pair[0] >= LABEL_HEIGHT - 0.2),
            "{ys:?}"
        );
        assert!(ys.iter().all(|y| *y > 20.0 && *y < 180.0), "{ys:?}");
    }

    proptest! {
        #[test]
        fn latency_axes_hold_their_values_and_a_few_named_lines(low in 0_u64..4_000_000_000, more in 0_u64..4_000_000_000) {
            let chart = Chart::new(480.0, 240.0, 0.0);
            let axis = chart.latency_axis(low, low.saturating_add(more));
            prop_assert!(axis.from <= low.max(1) as f64 && axis.to >= (low + more) as f64);
            let named = axis.ticks().iter().filter(|(_, named)| *named).count();
            prop_assert!((2..=12).contains(&named), "{named} of {axis:?}");
        }

        #[test]
        fn rate_axes_hold_their_values_and_a_few_lines(high in 0.0_f64..1e9) {
            let axis = Chart::new(480.0, 240.0, 0.0).rate_axis(high);
            prop_assert!(axis.to >= high);
            prop_assert!((2..=8).contains(&axis.ticks().len()), "{axis:?}");
        }
    }
}
