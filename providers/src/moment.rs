//! A moment as text: RFC 3339 in UTC, as requests, answers and log lines have it.
//!
//! A send writes about ten of them, nearly all of the same day: the calendar is
//! asked once a day and thread, the rest is divisions.

use std::cell::Cell;
use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// How finely a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decimals {
    Milliseconds,
    Microseconds,
}

/// A moment as RFC 3339 in UTC, such as `2026-11-22T08:43:19.728Z`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    text: [u8; Self::LENGTH_MAX],
    length: usize,
}

const DAY_S: u64 = 24 * 3600;

/// The last moment that the calendar knows, in s since the Unix epoch.
const LAST_S: u64 = 253_402_207_200;

/// A date as `2026-11-22`.
type Date = [u8; 10];

impl Moment {
    const LENGTH_MAX: usize = "2026-11-22T08:43:19.728123Z".len();

    /// With three decimals, from ms since the Unix epoch; what is past the
    /// calendar is its last second.
    pub fn of_ms(epoch_ms: u64) -> Self {
        Self::new(epoch_ms.saturating_mul(1000), Decimals::Milliseconds)
    }

    /// With six decimals, from us since the Unix epoch; what is past the
    /// calendar is its last second.
    pub fn of_us(epoch_us: u64) -> Self {
        Self::new(epoch_us, Decimals::Microseconds)
    }

    fn new(epoch_us: u64, decimals: Decimals) -> Self {
        let epoch_s = (epoch_us / 1_000_000).min(LAST_S);
        let second = epoch_s % DAY_S;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let (date, time) = text.split_at_mut(10);
        date.copy_from_slice(&date_of(epoch_s / DAY_S));
        let fraction_us = epoch_us % 1_000_000;
        for (from, digits, value) in [
            (1, 2, second / 3600),
            (4, 2, second / 60 % 60),
            (7, 2, second % 60),
            (10, 6, fraction_us),
        ] {
            put(time, from, digits, value);
        }
        let mut length = Self::LENGTH_MAX;
        if decimals == Decimals::Milliseconds {
            length -= 3;
            put_letter(&mut text, length - 1, b'Z');
        }
        Self { text, length }
    }

    pub fn as_str(&self) -> &str {
        let text = self.text.get(..self.length).unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }
}

/// Writes `value` with leading zeros.
fn put(text: &mut [u8], from: usize, digits: usize, mut value: u64) {
    for at in (from..from + digits).rev() {
        put_letter(text, at, b'0' + u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
    }
}

fn put_letter(text: &mut [u8], at: usize, letter: u8) {
    if let Some(place) = text.get_mut(at) {
        *place = letter;
    }
}

/// The date of a day counted from the Unix epoch.
fn date_of(day: u64) -> Date {
    thread_local! {
        static LAST: Cell<(u64, Date)> = const { Cell::new((0, *b"1970-01-01")) };
    }
    LAST.with(|last| {
        let (known, date) = last.get();
        if known == day {
            return date;
        }
        let date = calendar_date(day);
        last.set((day, date));
        date
    })
}

fn calendar_date(day: u64) -> Date {
    let text = i64::try_from(day.saturating_mul(DAY_S))
        .ok()
        .and_then(|epoch_s| Timestamp::from_second(epoch_s).ok())
        .unwrap_or(Timestamp::MAX)
        .to_string();
    text.as_bytes().first_chunk().copied().unwrap_or_default()
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_past_all_calendars_is_the_last_one() {
        assert_eq!(Moment::of_ms(0).as_str(), "1970-01-01T00:00:00.000Z");
        let last = Moment::of_ms(LAST_S * 1000 + 999);
        assert_eq!(last.as_str(), "9999-12-30T22:00:00.999Z");
        let beyond = Moment::of_ms(u64::MAX).to_string();
        assert!(beyond.starts_with("9999-12-30T22:00:00."), "{beyond}");
    }

    proptest! {
        #[test]
        fn a_moment_reads_as_the_calendar_writes_it(epoch_us in 0..LAST_S * 1_000_000) {
            let moment = Timestamp::from_microsecond(i64::try_from(epoch_us).unwrap()).unwrap();
            prop_assert_eq!(Moment::of_us(epoch_us).to_string(), format!("{moment:.6}"));
            prop_assert_eq!(Moment::of_ms(epoch_us / 1000).to_string(), format!("{moment:.3}"));
        }

        #[test]
        fn neighbouring_days_are_kept_apart(day in 0..LAST_S / DAY_S, second in 0..DAY_S) {
            let before = Moment::of_ms((day * DAY_S + second) * 1000);
            let after = Moment::of_ms(((day + 1) * DAY_S + second) * 1000);
            prop_assert!(before.as_str() < after.as_str());
            prop_assert_eq!(Moment::of_ms((day * DAY_S + second) * 1000), before);
        }
    }
}
