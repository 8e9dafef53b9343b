//! The simulated handset: finds the code in a text, as a person would.

/// A code that arrived. Prints nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    digits: [u8; Self::DIGITS_MAX],
    length: u8,
}

impl Code {
    const DIGITS_MIN: usize = 4;
    const DIGITS_MAX: usize = 10;

    /// The first run of 4 to 10 digits: texts keep all other runs shorter.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let run = text
            .as_bytes()
            .split(|byte| !byte.is_ascii_digit())
            .find(|run| (Self::DIGITS_MIN..=Self::DIGITS_MAX).contains(&run.len()))?;
        let mut digits = [0; Self::DIGITS_MAX];
        for (place, digit) in digits.iter_mut().zip(run) {
            *place = *digit;
        }
        Some(Self {
            digits,
            length: run.len() as u8,
        })
    }

    /// One digit off: what a person types by mistake.
    pub(crate) fn mistyped(mut self) -> Self {
        for digit in self.digits.iter_mut().take(1) {
            *digit = b'0' + (*digit - b'0' + 1) % 10;
        }
        self
    }

    /// The only way out.
    pub(crate) fn expose(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.length));
        digits
            .and_then(|digits| str::from_utf8(digits).ok())
            .expect("only digits were read, and not more than fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Code::read(text).map(|code| code.expose().to_owned())
    }

    #[test]
    fn the_code_is_found_in_texts_of_every_kind() {
        for (text, code) in [
            (
                "568611 is your acme code. It is valid for 10 minutes.",
                "568611",
            ),
            ("Ihr Code: 1234. 10 Minuten gültig.", "1234"),
            (
                "Acme code 0001234567 to pay\n12.50 EUR\nto Shop 24",
                "0001234567",
            ),
            (
                "123456 is your code.\n\n@login.example.com #123456",
                "123456",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Some(code));
        }
        for text in ["", "no code", "12 or 123", "12345678901"] {
            assert_eq!(read(text), None);
        }
    }

    #[test]
    fn a_mistyped_code_is_another_of_the_same_length() {
        let code = Code::read("999999").unwrap();
        assert_eq!(code.mistyped().expose(), "099999");
    }
}
