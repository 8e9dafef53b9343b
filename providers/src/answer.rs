//! What several providers' answers have in common, read leniently: nothing a
//! provider puts into an answer may be worse than ignored.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, header};
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{MessageId, ProviderCode, SubmitError, Submitted};

/// A provider that asks for more is asked again after this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// A value of JSON that is documented as one type and may well come as another.
#[derive(Debug)]
pub(crate) enum Scalar<'a> {
    Flag(bool),
    Number(u64),
    Text(Cow<'a, str>),
    Other,
}

/// Reads by what comes. Derived as untagged it would try one type after the
/// other, and write an error text for each that does not fit.
impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_i64<E: de::Error>(self, _negative: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E: de::Error>(self, _fraction: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

impl Scalar<'_> {
    pub(crate) fn code(&self) -> Option<ProviderCode> {
        match self {
            Self::Text(text) => ProviderCode::new(text),
            Self::Number(number) => ProviderCode::new(&number.to_string()),
            Self::Flag(_) | Self::Other => None,
        }
    }

    pub(crate) fn message_id(&self) -> Option<MessageId> {
        match self {
            Self::Text(text) => MessageId::new(text),
            Self::Number(number) => MessageId::new(&number.to_string()),
            Self::Flag(_) | Self::Other => None,
        }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Flag(_) | Self::Other => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(_) | Self::Number(_) | Self::Other => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Number(_) | Self::Text(_) | Self::Other => false,
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

/// What a success says that has to name the message. One that does not is not in
/// the way the provider answers: it may have gone all the same.
pub(crate) fn submitted(id: Option<&Scalar<'_>>) -> Result<Submitted, SubmitError> {
    let id = id.ok_or(SubmitError::Unknown { code: None })?;
    let message_id = id.message_id();
    Ok(Submitted { message_id })
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
    fn a_value_is_read_whatever_type_it_comes_as() {
        let read = |json: &'static str| serde_json::from_str::<Scalar<'_>>(json);
        for (json, text, number, flag) in [
            (r#""a""#, Some("a"), None, false),
            (r#""a\nb""#, Some("a\nb"), None, false),
            (r#""21""#, Some("21"), Some(21), false),
            ("21", None, Some(21), false),
            ("true", None, None, true),
            ("-1", None, None, false),
            ("1.5", None, None, false),
            ("null", None, None, false),
            (r#"[1, {"a": []}]"#, None, None, false),
            (r#"{"a": {"b": [1]}}"#, None, None, false),
        ] {
            let scalar = read(json).unwrap();
            assert_eq!(scalar.text(), text, "{json}");
            assert_eq!(scalar.number(), number, "{json}");
            assert_eq!(scalar.is_true(), flag, "{json}");
        }
        assert!(read("[1,").is_err());
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
