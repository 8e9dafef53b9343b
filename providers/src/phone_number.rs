//! A number in E.164, as every layer carries it: digits that print masked.

use std::fmt;

use zeroize::Zeroize;

/// A phone number in E.164: `+` and 5 to 15 digits, the first not zero.
///
/// `Debug` and `Display` show the country calling code's first digit and the
/// last two digits only; [`PhoneNumber::expose`] is the one way to the rest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: Box<str>,
    country_code_digits: u8,
}

impl PhoneNumber {
    /// Takes text that is already E.164 (`+14155550123`), and nothing else.
    ///
    /// `country_code_digits` (1 to 3) says how much of it a mask may show.
    pub fn from_e164(e164: &str, country_code_digits: u8) -> Option<Self> {
        let digits = e164.strip_prefix('+')?;
        let well_formed = (5..=15).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && !digits.starts_with('0');
        let country_fits = (1..=3).contains(&country_code_digits);
        (well_formed && country_fits).then(|| Self {
            e164: e164.into(),
            country_code_digits,
        })
    }

    /// The full number with `+`. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.e164
    }

    /// The digits without `+`, as networks write them.
    pub fn to_msisdn(&self) -> &str {
        self.e164.trim_start_matches('+')
    }

    /// How many digits of it are the country calling code.
    pub fn country_code_digits(&self) -> u8 {
        self.country_code_digits
    }

    /// `+1********23`: the country calling code and the last two digits.
    pub fn masked(&self) -> String {
        self.mask().as_str().to_owned()
    }

    fn mask(&self) -> Mask {
        let shown_front = usize::from(self.country_code_digits) + 1;
        let length = self.e164.len();
        let mut text = [b'*'; E164_LENGTH_MAX];
        let shown = text.iter_mut().zip(self.e164.bytes()).enumerate();
        for (position, (place, digit)) in shown {
            if position < shown_front || position + 2 >= length {
                *place = digit;
            }
        }
        Mask { text, length }
    }
}

/// `+` and 15 digits.
const E164_LENGTH_MAX: usize = 16;

/// A number as it may be shown, on the stack: each log line has one.
struct Mask {
    text: [u8; E164_LENGTH_MAX],
    length: usize,
}

impl Mask {
    fn as_str(&self) -> &str {
        let text = self.text.get(..self.length).unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.mask().as_str())
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.mask().as_str())
    }
}

impl Drop for PhoneNumber {
    fn drop(&mut self) {
        self.e164.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_prints_masked_and_exposes_itself_only_on_request() {
        let number = PhoneNumber::from_e164("+14155550123", 1).unwrap();
        assert_eq!(format!("{number} {number:?}"), "+1********23 +1********23");
        assert_eq!(number.expose(), "+14155550123");
        assert_eq!(number.to_msisdn(), "14155550123");
    }

    #[test]
    fn only_e164_is_taken() {
        for wrong in [
            "14155550123",
            "+0123456",
            "+1234",
            "+1234567890123456",
            "+1 415",
            "+",
            "",
        ] {
            assert_eq!(PhoneNumber::from_e164(wrong, 1), None, "{wrong:?}");
        }
    }
}
