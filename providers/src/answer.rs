//! What several providers' answers have in common, read leniently: nothing a
//! provider puts into an answer may be worse than ignored.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{MessageId, ProviderCode};

/// A provider that asks for more is asked again after this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// A value of JSON that is documented as one type and may well come as another.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar<'a> {
    Flag(bool),
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Other(IgnoredAny),
}

impl Scalar<'_> {
    pub(crate) fn code(&self) -> Option<ProviderCode> {
        match self {
            Self::Text(text) => ProviderCode::new(text),
            Self::Number(number) => ProviderCode::new(&number.to_string()),
            Self::Flag(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn message_id(&self) -> Option<MessageId> {
        match self {
            Self::Text(text) => MessageId::new(text),
            Self::Number(number) => MessageId::new(&number.to_string()),
            Self::Flag(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Flag(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(_) | Self::Number(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Number(_) | Self::Text(_) | Self::Other(_) => false,
        }
    }
}

/// Reads a JSON object into the fields we know; any other JSON is refused, also
/// the arrays that serde would take for a struct.
pub(crate) fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// The wait that `Retry-After` asks for, in seconds or as a date, at most 1 h.
pub(crate) fn retry_after(headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if text.is_empty() {
        return None;
    }
    let wait = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a u64 are more than an hour all the same.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = jiff::fmt::rfc2822::DateTimeParser::new()
            .relaxed_weekday(true)
            .parse_timestamp(text)
            .ok()?;
        let until_ms = u64::try_from(until.as_millisecond()).unwrap_or(0);
        Duration::from_millis(until_ms.saturating_sub(now_ms))
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Whether a text has more characters than a provider takes.
pub(crate) fn is_longer_than(text: &str, characters_max: usize) -> bool {
    // No text has more characters than bytes: most are never counted.
    text.len() > characters_max && text.chars().count() > characters_max
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait_asked_by(value: &[u8], now_ms: u64) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_bytes(value).unwrap();
        headers.insert(header::RETRY_AFTER, value);
        retry_after(&headers, now_ms)
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, wait_s) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3600)),
            ("99999999999999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 2044 08:49:37 GMT", Some(3600)),
            ("Mon, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("-1", None),
            ("+5", None),
            ("soon", None),
            ("", None),
        ] {
            let wait = wait_asked_by(value.as_bytes(), now_ms);
            assert_eq!(wait, wait_s.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(wait_asked_by(b"\xff\xfe", now_ms), None);
        assert_eq!(retry_after(&HeaderMap::new(), now_ms), None);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert!(!is_longer_than("äää", 3));
        assert!(is_longer_than("ääää", 3));
    }

    proptest! {
        #[test]
        fn arbitrary_retry_after_never_panics(value in "[ -~]{0,60}", now_ms in any::<u64>()) {
            let wait = wait_asked_by(value.as_bytes(), now_ms);
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
