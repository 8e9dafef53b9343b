//! What the shape says: one line for each figure, beside its reference where it has
//! one, and whether the goal is met.

use serde_json::{Value, json};

use crate::bench::figures_table::{Bound, aligned, number, rule};
use crate::bench::rounds::{Ratio, Rounds};

/// A cost that does not depend on the size of things.
pub(super) const FLAT: Bound = Bound::Within(0.1);

/// One figure of one configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The configuration.
    pub(super) name: String,
    pub(super) figure: &'static str,
    /// The median.
    pub(super) value: f64,
    /// The reference's name, its median, and the ratio to it, taken round by round.
    pub(super) beside: Option<(String, f64, Ratio)>,
    pub(super) goal: Option<Bound>,
}

impl Row {
    /// A figure that stands alone.
    pub(super) fn alone(name: &str, figure: &'static str, value: f64) -> Self {
        Self {
            name: name.to_owned(),
            figure,
            value,
            beside: None,
            goal: None,
        }
    }

    /// A figure and the reference's; `None` if it was not measured.
    pub(super) fn beside(
        (name, reference): (&str, &str),
        figure: &'static str,
        rounds: &Rounds,
        goal: Option<Bound>,
    ) -> Option<Self> {
        let (of_subject, of_reference) = rounds.medians();
        Some(Self {
            name: name.to_owned(),
            figure,
            value: *of_subject.get(figure)?,
            beside: Some((
                reference.to_owned(),
                *of_reference.get(figure)?,
                rounds.ratio(figure)?,
            )),
            goal,
        })
    }

    /// Whether the median meets the goal; `None` without one.
    pub(super) fn is_met(&self) -> Option<bool> {
        let goal = self.goal?;
        let ratio = self.beside.as_ref().map(|(_, _, ratio)| ratio.median);
        Some(ratio.is_some_and(|ratio| goal.holds(ratio)))
    }

    pub(super) fn to_json(&self) -> Value {
        let beside = self.beside.as_ref();
        let groups = beside.map(|(_, _, ratio)| ratio.groups.iter().copied().map(rounded));
        json!({
            "name": self.name,
            "figure": self.figure,
            "value": rounded(self.value),
            "reference": beside.map(|(name, _, _)| name),
            "reference_value": beside.map(|(_, value, _)| rounded(*value)),
            "ratio": beside.map(|(_, _, ratio)| rounded(ratio.median)),
            "groups": groups.map(Iterator::collect::<Vec<f64>>),
            "goal": self.goal.map(|goal| {
                let (name, bound) = goal.named();
                json!({ name: bound })
            }),
            "met": self.is_met(),
        })
    }

    fn cells(&self) -> Vec<String> {
        let beside = self.beside.as_ref();
        let groups = beside.map_or(&[][..], |(_, _, ratio)| &ratio.groups);
        let groups: Vec<String> = groups.iter().map(|group| format!("{group:.2}")).collect();
        let reference = beside.map(|(name, value, _)| format!("{} ({name})", number(Some(*value))));
        let met = self
            .is_met()
            .map(|is_met| if is_met { "yes" } else { "no" });
        vec![
            self.name.clone(),
            self.figure.to_owned(),
            number(Some(self.value)),
            reference.unwrap_or_else(nothing),
            beside.map_or_else(nothing, |(_, _, ratio)| number(Some(ratio.median))),
            groups.join(", "),
            self.goal
                .map_or_else(String::new, |bound| bound.to_string()),
            met.unwrap_or_default().to_owned(),
        ]
    }
}

fn nothing() -> String {
    "-".to_owned()
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// The rows of one part, below its name.
pub(super) fn table(part: &str, rows: &[Row]) -> String {
    let head = [
        part,
        "figure",
        "value",
        "reference",
        "ratio",
        "groups",
        "goal",
        "met",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec(), rule(head.len())];
    lines.extend(rows.iter().map(Row::cells));
    aligned(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rounds::tests::round;

    fn row(times: &[f64], goal: Bound) -> Row {
        let made = times.iter().map(|times| round(&["cpu_us"], *times));
        let rounds = Rounds::new(made.collect(), Vec::new());
        Row::beside(("64 shards", "1 shard"), "cpu_us", &rounds, Some(goal)).unwrap()
    }

    #[test]
    fn a_cost_is_flat_while_its_median_stays_within_a_tenth() {
        assert_eq!(row(&[1.0, 1.09, 1.5], FLAT).is_met(), Some(true));
        assert_eq!(row(&[1.0, 1.11, 1.5], FLAT).is_met(), Some(false));
        assert_eq!(row(&[0.5, 0.89, 1.0], FLAT).is_met(), Some(false));
        assert_eq!(Row::alone("live", "redis_bytes", 900.0).is_met(), None);
    }

    #[test]
    fn what_was_not_measured_makes_no_row() {
        let row = Row::beside(("a", "b"), "cpu_us", &Rounds::default(), Some(FLAT));
        assert_eq!(row, None);
    }

    #[test]
    fn a_row_shows_value_reference_ratio_and_goal() {
        let row = row(&[1.2; 8], FLAT);
        let text = table("shards", std::slice::from_ref(&row));
        let last = text.lines().last().unwrap().split('|').map(str::trim);
        let cells: Vec<&str> = last.filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            [
                "64 shards",
                "cpu_us",
                "12.00",
                "10.00 (1 shard)",
                "1.20",
                "1.20, 1.20, 1.20, 1.20",
                "1 ± 0.10",
                "no"
            ]
        );
        let json = row.to_json();
        assert_eq!((&json["ratio"], &json["met"]), (&json!(1.2), &json!(false)));
        assert_eq!(json["goal"]["within"], 0.1);
    }
}
