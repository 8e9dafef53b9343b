//! An office number's extension, as every layer carries it: digits that print masked.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// What is dialled once a switchboard has answered: 1 to 10 digits.
///
/// `Debug` shows none of them; [`Extension::expose`] is the one way to them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Extension(Arc<str>);

impl Extension {
    pub const DIGITS_MAX: usize = 10;

    /// Takes 1 to 10 ASCII digits, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::DIGITS_MAX).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.into()))
    }

    /// The digits. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The digits behind 2 s of silence: a switchboard that has only just answered
    /// hears no keys yet. `half_second` is how the provider writes so long a pause.
    pub(crate) fn after_a_pause(&self, half_second: &str) -> String {
        half_second.repeat(PAUSE_HALF_SECONDS) + &self.0
    }
}

const PAUSE_HALF_SECONDS: usize = 4;

/// The text is no extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an extension is 1 to {} digits", Extension::DIGITS_MAX)]
pub struct InvalidExtension;

impl TryFrom<String> for Extension {
    type Error = InvalidExtension;

    fn try_from(text: String) -> Result<Self, InvalidExtension> {
        Self::parse(&text).ok_or(InvalidExtension)
    }
}

impl Serialize for Extension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Extension(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_one_to_ten_digits_and_prints_masked() {
        for text in ["1", "0042", "1234567890"] {
            let extension = Extension::parse(text).unwrap();
            assert_eq!(extension.expose(), text);
            assert_eq!(format!("{extension:?}"), "Extension(..)");
            let written = serde_json::to_string(&extension).unwrap();
            assert_eq!(written, format!("\"{text}\""));
            let read: Extension = serde_json::from_str(&written).unwrap();
            assert!(read == extension);
        }
        for text in ["", "12345678901", "4a", "4,2", "w42", "+42", "٤٢", " 42"] {
            assert_eq!(Extension::parse(text), None, "{text:?}");
            let written = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<Extension>(&written).is_err());
        }
    }

    #[test]
    fn it_is_dialled_behind_a_pause() {
        let extension = Extension::parse("42").unwrap();
        assert_eq!(extension.after_a_pause("w"), "wwww42");
    }
}
