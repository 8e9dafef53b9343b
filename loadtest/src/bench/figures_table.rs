//! Figures in the terminal, as Markdown, so that they can be pasted, and the bounds
//! that they are held to.

use std::fmt;

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Neither more nor less than this part away from 1.
    Within(f64),
}

impl Bound {
    pub(crate) fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
            Self::Within(part) => (ratio - 1.0).abs() <= part,
        }
    }

    /// As JSON calls it.
    pub(crate) fn named(self) -> (&'static str, f64) {
        match self {
            Self::AtMost(most) => ("at_most", most),
            Self::AtLeast(least) => ("at_least", least),
            Self::Within(part) => ("within", part),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(formatter, "≤ {most:.2}"),
            Self::AtLeast(least) => write!(formatter, "≥ {least:.2}"),
            Self::Within(part) => write!(formatter, "1 ± {part:.2}"),
        }
    }
}

/// The line below a head.
pub(crate) fn rule(columns: usize) -> Vec<String> {
    vec!["---".to_owned(); columns]
}

/// As many digits as mean something.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 1_000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 20.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Cells of a column are equally wide.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(&format!("| {cell:<width$} ", width = width(column)));
        }
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_up_to_its_edge() {
        assert!(Bound::AtMost(1.25).holds(1.25) && !Bound::AtMost(1.25).holds(1.26));
        assert!(Bound::AtLeast(0.8).holds(0.8) && !Bound::AtLeast(0.8).holds(0.79));
        let flat = Bound::Within(0.1);
        assert!(flat.holds(1.09) && flat.holds(0.91));
        assert!(!flat.holds(1.11) && !flat.holds(0.89) && !flat.holds(f64::NAN));
        assert_eq!(flat.to_string(), "1 ± 0.10");
    }
}
