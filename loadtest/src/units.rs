//! Figures as a reader sees them, in terminal and report alike.

use jiff::Timestamp;

/// A latency with three digits and its unit: `412 µs`, `1.24 ms`, `12.4 s`.
pub(crate) fn latency(us: u64) -> String {
    let us_f = us as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..999_500 => three_digits(us_f / 1e3, "ms"),
        _ => three_digits(us_f / 1e6, "s"),
    }
}

fn three_digits(value: f64, unit: &str) -> String {
    // The thresholds are where rounding would add a digit.
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A count in groups of three: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A part of a whole in percent, told apart from none and all: `<0.01 %`, `>99.99 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    match percent {
        p if part > 0 && p < 0.01 => "<0.01 %".to_owned(),
        p if part < whole && p > 99.99 => ">99.99 %".to_owned(),
        p => format!("{p:.2} %"),
    }
}

/// A fraction in percent, to a tenth where it matters: `97.3 %`, `100 %`; a dash if unknown.
pub(crate) fn ratio_percent(ratio: Option<f64>) -> String {
    match ratio.map(|ratio| ratio * 100.0) {
        None => "–".to_owned(),
        // Rounded down: what is not all must not look like it.
        Some(percent) => {
            let tenths = (percent * 10.0 + 1e-6).floor() / 10.0;
            format!("{tenths} %")
        }
    }
}

/// Memory in mebibytes; a dash if unknown.
pub(crate) fn memory(kib: Option<u64>) -> String {
    kib.map_or_else(
        || "–".to_owned(),
        |kib| format!("{} MiB", count(kib.div_ceil(1_024))),
    )
}

/// How often a second, with three digits: `39.8 /s`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        v if v >= 999.5 => format!("{} /s", count(v.round() as u64)),
        v if v >= 99.95 => format!("{v:.0} /s"),
        v if v >= 9.995 => format!("{v:.1} /s"),
        v => format!("{v:.2} /s"),
    }
}

/// A number with its noun: `1 SLO`, `3 SLOs`.
pub(crate) fn plural(n: usize, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// Text from outside as a terminal may safely show it.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(shown).collect()
}

/// A moment to the second, as in `2026-03-01 12:00:00 UTC`; what is none stays as it is.
pub(crate) fn moment(rfc_3339: &str) -> String {
    rfc_3339.parse::<Timestamp>().map_or_else(
        |_| rfc_3339.to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// The second of two figures as a multiple of the first: `1.25×`; none where one is missing.
pub(crate) fn ratio(before: u64, after: u64) -> Option<f64> {
    (before > 0 && after > 0).then(|| after as f64 / before as f64)
}

/// A length of time in whole units: `42 s`, `3 min 2 s`, `1 h 5 min`.
pub(crate) fn span(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn latencies_have_three_digits_and_a_unit() {
        for (us, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10.0 ms"),
            (99_960, "100 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (12_345_678, "12.3 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(latency(us), shown);
        }
    }

    #[test]
    fn a_rare_thing_is_never_shown_as_none_nor_a_common_one_as_all() {
        assert_eq!(percent(0, 100), "0.00 %");
        assert_eq!(percent(1, 1_000_000), "<0.01 %");
        assert_eq!(percent(999_999, 1_000_000), ">99.99 %");
        assert_eq!(percent(7, 7), "100.00 %");
        assert_eq!(percent(0, 0), "–");
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        let precise = "2026-03-01T13:00:00.987654321+01:00";
        assert_eq!(moment(precise), "2026-03-01 12:00:00 UTC");
        assert_eq!(moment("noon"), "noon");
    }

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(span(4.25), "4.2 s");
        assert_eq!(span(182.4), "3 min 2 s");
        assert_eq!(span(3_900.0), "1 h 5 min");
        assert_eq!(span(f64::NAN), "0 s");
    }

    proptest! {
        #[test]
        fn grouping_changes_no_digit(n: u64) {
            prop_assert_eq!(count(n).replace(',', ""), n.to_string());
        }
    }
}
