//! A request's name in answers and logs: the caller's own if it is harmless,
//! else one of ours.

use std::fmt;

use aws_lc_rs::rand;
use http::{HeaderMap, HeaderName};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(Box<str>);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(X_REQUEST_ID).map(|value| value.as_bytes());
        given.and_then(Self::harmless).unwrap_or_else(Self::draw)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// It will stand in logs, so it may not look like a phone number or a code.
    pub(super) fn harmless(given: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let has_letter = given.iter().any(u8::is_ascii_alphabetic);
        let has_long_run = given
            .split(|byte| !byte.is_ascii_digit())
            .any(|digits| digits.len() >= DIGITS_RUN_MAX);
        let is_harmless = (1..=64).contains(&given.len())
            && given.iter().all(allowed)
            && has_letter
            && !has_long_run;
        let text = is_harmless.then(|| str::from_utf8(given).ok()).flatten()?;
        Some(Self(text.into()))
    }

    fn draw() -> Self {
        let mut random = [0; 12];
        // If the system has no randomness, two requests share a name in the log.
        if rand::fill(&mut random).is_err() {
            random = [0; 12];
        }
        let number = random
            .iter()
            .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        Self(format!("req_{number:024x}").into())
    }
}

/// Most numbers in international form have at least as many digits; few
/// random identifiers have such a run.
const DIGITS_RUN_MAX: usize = 10;

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmless_id_is_kept_and_anything_else_replaced() {
        let id_for = |given: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, given.parse().unwrap());
            RequestId::of(&headers).to_string()
        };
        for kept in ["a", "6b3e1a4e-7d52-4c0f-9c1d-0f8a2a6d1b11", "trace.7_x"] {
            assert_eq!(id_for(kept), kept);
        }
        let long = "x".repeat(65);
        for replaced in ["", "14155550123", "tel-14155550123", "a b", "a\"b", &long] {
            let id = id_for(replaced);
            assert!(id.starts_with("req_") && id.len() == 28, "{id}");
        }
    }

    #[test]
    fn drawn_ids_differ() {
        let none = HeaderMap::new();
        assert_ne!(RequestId::of(&none), RequestId::of(&none));
    }
}
