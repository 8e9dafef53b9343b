//! The code: drawn without bias, shown to nobody but the message.

use std::fmt;

use zeroize::Zeroizing;

use crate::keys::random;

/// The digits sent to a person. Prints masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

/// The shortest and longest code.
pub const DIGITS_MIN: u8 = 4;
pub const DIGITS_MAX: u8 = 10;

impl Code {
    /// Draws a code of so many digits, each code as likely as any other.
    ///
    /// `digits` is brought into 4 to 10.
    pub fn draw(digits: u8) -> Self {
        Self::draw_from(digits, || u64::from_be_bytes(random()))
    }

    fn draw_from(digits: u8, mut next: impl FnMut() -> u64) -> Self {
        let digits = digits.clamp(DIGITS_MIN, DIGITS_MAX);
        let codes = 10_u64.pow(u32::from(digits));
        // The last, incomplete round of codes would make the low ones likelier.
        let whole_rounds = u64::MAX - u64::MAX % codes;
        let drawn = loop {
            let candidate = next();
            if candidate < whole_rounds {
                break candidate % codes;
            }
        };
        Self(Zeroizing::new(format!(
            "{drawn:0width$}",
            width = usize::from(digits)
        )))
    }

    /// A code that somebody supplied or typed: 4 to 10 ASCII digits.
    pub fn parse(text: &str) -> Option<Self> {
        let length_fits = (usize::from(DIGITS_MIN)..=usize::from(DIGITS_MAX)).contains(&text.len());
        let fits = length_fits && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_kept_and_every_length_is_drawn() {
        assert_eq!(Code::draw_from(6, || 42).expose(), "000042");
        for digits in DIGITS_MIN..=DIGITS_MAX {
            assert_eq!(Code::draw(digits).expose().len(), usize::from(digits));
        }
    }

    #[test]
    fn a_draw_from_the_incomplete_round_is_thrown_away() {
        let mut draws = [u64::MAX, u64::MAX - 1, 7].into_iter();
        assert_eq!(
            Code::draw_from(6, || draws.next().unwrap()).expose(),
            "000007"
        );
    }

    #[test]
    fn the_digits_of_many_codes_are_evenly_spread() {
        let mut counts = [[0_u32; 10]; 6];
        for _ in 0..60_000 {
            for (position, digit) in Code::draw(6).expose().bytes().enumerate() {
                counts[position][usize::from(digit - b'0')] += 1;
            }
        }
        for position in counts {
            // Chi-squared with 9 degrees of freedom: above 40 once in 10⁵ runs.
            let chi: f64 = position
                .iter()
                .map(|n| (f64::from(*n) - 6000.0).powi(2) / 6000.0)
                .sum();
            assert!(chi < 40.0, "{position:?}");
        }
    }

    #[test]
    fn only_four_to_ten_ascii_digits_are_a_code() {
        assert!(Code::parse("1234").is_some() && Code::parse("0123456789").is_some());
        for wrong in [
            "123",
            "01234567890",
            "12 34",
            "１２３４",
            "12a4",
            "",
            "+123",
            "-1234",
        ] {
            assert!(Code::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_code_prints_masked() {
        assert_eq!(format!("{:?}", Code::parse("123456")), "Some(Code(…))");
    }
}
