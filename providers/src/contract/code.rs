//! Short texts from outside: a provider's ids and codes.

use std::fmt;

/// A provider's own name for a message, as it came. It may look like a number
/// or a code, so it prints masked: only [`Self::code`] may be stored or shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// In characters.
    const LENGTH_MAX: usize = 200;

    /// `None` if the text is empty, longer than 200, or has anything but
    /// visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The text, to find the message by.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as it may be stored and shown, if it may.
    pub fn code(&self) -> Option<ProviderCode> {
        ProviderCode::new(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MessageId")
    }
}

/// A short text from outside, safe to store and log: at most 64 of
/// `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderCode(Box<str>);

impl ProviderCode {
    /// `None` if the text is empty, longer than 64, or has any other character.
    ///
    /// Digits alone may be a phone number or a code: runs of more than 5 digits
    /// are refused unless letters are mixed in.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed);
        (fits && (has_letter || text.len() <= 5)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
