//! What goes into a text from outside: each value is checked once, here, so that
//! none can bend the message: no second code, no link, no line of its own.

use std::fmt;

use super::line::one_line;

/// The longest tenant name a text has room for, in characters.
pub const BRAND_CHARACTERS_MAX: usize = 24;
/// The longest amount and the longest payee, in characters.
pub const PAYMENT_CHARACTERS_MAX: usize = 32;
/// The longest code, in digits.
pub const CODE_DIGITS_MAX: usize = 10;

/// Why a value cannot stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("is empty or blank")]
    Blank,
    #[error("is too long")]
    TooLong,
    #[error("is not one line of printable text")]
    NotOneLine,
    #[error("has `@` or `#`, which mark the line that browsers read")]
    Sign,
    #[error("has a link")]
    Link,
    #[error("has a run of four digits or more, which a phone may take for the code")]
    CodeLike,
    #[error("is not a currency of three capital letters")]
    Currency,
    #[error("is not a host name")]
    Host,
    #[error("is not an app hash of 11 base64 characters")]
    AppHash,
}

impl ValueError {
    /// The stable word for API answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Blank => "value_blank",
            Self::TooLong => "value_too_long",
            Self::NotOneLine => "value_not_one_line",
            Self::Sign => "value_has_sign",
            Self::Link => "value_has_link",
            Self::CodeLike => "value_looks_like_code",
            Self::Currency => "invalid_currency",
            Self::Host => "invalid_origin",
            Self::AppHash => "invalid_app_hash",
        }
    }
}

/// Which part of a payment is wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {error}")]
pub struct PaymentError {
    /// `amount`, `currency` or `payee`.
    pub field: &'static str,
    pub error: ValueError,
}

impl PaymentError {
    /// The stable word for API answers.
    pub fn code(self) -> &'static str {
        self.error.code()
    }
}

/// The tenant's name as texts show it: one line of at most 24 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand(Box<str>);

impl Brand {
    /// # Errors
    ///
    /// Why the name cannot stand in a message.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        one_line(text, BRAND_CHARACTERS_MAX).map(|line| Self(line.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a code is bound to and the payer sees: the amount and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    amount: Box<str>,
    currency: Box<str>,
    payee: Box<str>,
}

impl Payment {
    /// Takes an amount that is one line of at most 32 characters, an ISO 4217
    /// currency code, and a payee like the amount.
    ///
    /// An amount with a decimal point gets its thousands set apart
    /// (`1234567.50` shows as `1 234 567.50`). Any other run of four digits or
    /// more reads as a code and is refused: `15,000`, not `15000`.
    ///
    /// # Errors
    ///
    /// The first field that cannot stand in a message, and why.
    pub fn parse(amount: &str, currency: &str, payee: &str) -> Result<Self, PaymentError> {
        let of = |field| move |error| PaymentError { field, error };
        let grouped = group_thousands(amount);
        let amount = one_line(&grouped, PAYMENT_CHARACTERS_MAX).map_err(of("amount"))?;
        let is_currency =
            currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_currency {
            return Err(of("currency")(ValueError::Currency));
        }
        let payee = one_line(payee, PAYMENT_CHARACTERS_MAX).map_err(of("payee"))?;
        Ok(Self {
            amount: amount.into(),
            currency: currency.into(),
            payee: payee.into(),
        })
    }

    pub fn amount(&self) -> &str {
        &self.amount
    }

    pub fn currency(&self) -> &str {
        &self.currency
    }

    pub fn payee(&self) -> &str {
        &self.payee
    }
}

/// Whose page may read the code: the host of an `@host #code` line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// Takes a host name in ASCII (`example.com`), bare or behind `https://`.
    ///
    /// # Errors
    ///
    /// [`ValueError::Host`] for anything else, addresses and ports among it.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let host = text
            .strip_prefix("https://")
            .unwrap_or(text)
            .to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // What ends in a number is an IPv4 address to a browser.
        let ends_in_name = host
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().any(|byte| byte.is_ascii_alphabetic()));
        (host.len() <= 253 && host.split('.').all(is_label) && ends_in_name)
            .then(|| Self(host.into()))
            .ok_or(ValueError::Host)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The 11 characters by which Android's SMS Retriever knows an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppHash(Box<str>);

impl AppHash {
    pub(super) const BYTES: usize = 11;

    /// # Errors
    ///
    /// [`ValueError::AppHash`] if it is not 11 characters of base64.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        (text.len() == Self::BYTES && text.bytes().all(is_base64))
            .then(|| Self(text.into()))
            .ok_or(ValueError::AppHash)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `1234567.50` to `1 234 567.50`; anything that is not digits, a point and
/// digits stays as it is.
fn group_thousands(amount: &str) -> String {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, fraction)) = amount
        .split_once('.')
        .filter(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
    else {
        return amount.to_owned();
    };
    let mut grouped = String::with_capacity(amount.len() + whole.len() / 3);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped.push('.');
    grouped.push_str(fraction);
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_shows_its_amount_and_payee_each_on_one_line() {
        for (amount, shown) in [
            ("12.50", "12.50"),
            ("999.99", "999.99"),
            ("1500.00", "1 500.00"),
            ("1234567.5", "1 234 567.5"),
            ("1.500,00", "1.500,00"),
            ("15,000", "15,000"),
            (" 7 ", "7"),
        ] {
            let payment = Payment::parse(amount, "EUR", "Café Bücher & Co.").unwrap();
            assert_eq!(payment.amount(), shown);
            assert_eq!(payment.payee(), "Café Bücher & Co.");
        }
    }

    #[test]
    fn no_amount_or_payee_can_bend_the_message() {
        for (text, code) in [
            ("", "value_blank"),
            ("  ", "value_blank"),
            ("Shop\nYour code is", "value_not_one_line"),
            ("Shop\r", "value_ok"),
            ("Shop\0x", "value_not_one_line"),
            ("Shop\u{2028}x", "value_not_one_line"),
            ("\u{202E}pohS", "value_not_one_line"),
            ("@evil", "value_has_sign"),
            ("Shop ＃1", "value_has_sign"),
            ("Shop #123", "value_has_sign"),
            ("https://x", "value_has_link"),
            ("evil.com", "value_has_link"),
            ("see evil.example/pay", "value_has_link"),
            ("1234", "value_looks_like_code"),
            ("Shop 584231", "value_looks_like_code"),
            ("Shop ٥٨٤٢", "value_looks_like_code"),
            ("a234567890123", "value_looks_like_code"),
            ("abcdefghijklmnopqrstuvwxyzabcdefg", "value_too_long"),
            ("J. P. Smith Ltd.", "value_ok"),
            ("S.p.A.", "value_ok"),
            ("Route 66 No. 123", "value_ok"),
        ] {
            let code_of = |result: Result<Payment, PaymentError>, field| match result {
                Ok(_) => "value_ok",
                Err(error) => {
                    assert_eq!(error.field, field);
                    error.code()
                }
            };
            assert_eq!(
                code_of(Payment::parse("1", "EUR", text), "payee"),
                code,
                "{text:?}"
            );
            assert_eq!(
                code_of(Payment::parse(text, "EUR", "Shop"), "amount"),
                code,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        for currency in ["", "EU", "eur", "EURO", "E R", "€"] {
            let error = Payment::parse("1", currency, "Shop").unwrap_err();
            assert_eq!(
                (error.field, error.code()),
                ("currency", "invalid_currency")
            );
        }
    }

    #[test]
    fn an_origin_is_a_host_name() {
        for (text, host) in [
            ("example.com", "example.com"),
            ("https://Login.Example.com", "login.example.com"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), host);
        }
        for text in [
            "",
            ".",
            "example.com.",
            "http://example.com",
            "example.com:443",
            "example.com/x",
            "exa mple.com",
            "bücher.example",
            "-a.example",
            "a-.example",
            "127.0.0.1",
            "[::1]",
            "a..b",
            "@example.com",
            "example.com\n",
            &"a.".repeat(130),
        ] {
            assert_eq!(Origin::parse(text), Err(ValueError::Host), "{text:?}");
        }
    }

    #[test]
    fn an_app_hash_is_eleven_characters_of_base64() {
        assert!(AppHash::parse("FA+9qCX9VSu").is_ok());
        for text in [
            "",
            "FA+9qCX9VS",
            "FA+9qCX9VSuu",
            "FA+9qCX9VS=",
            "FA 9qCX9VSu",
            "FA-9qCX9VSu",
        ] {
            assert_eq!(AppHash::parse(text), Err(ValueError::AppHash), "{text:?}");
        }
    }
}
