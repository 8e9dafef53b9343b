//! Query strings, for the few endpoints that take one. Their values may be
//! phone numbers, so they never reach a log.

use std::ops::RangeInclusive;

use super::codes;
use super::problem::Problem;

/// The parameters an endpoint knows, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub to: Option<String>,
    pub region: Option<String>,
    pub subject: Option<String>,
}

/// Longer ones hold nothing we know.
const QUERY_BYTES_MAX: usize = 2048;

impl Query {
    /// # Errors
    ///
    /// 422 for a parameter that is unknown, given twice, or not UTF-8 once decoded.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let [to, region, subject] = parameters(text, ["to", "region", "subject"])?;
        Ok(Self {
            to: to.map(with_plus),
            region,
            subject,
        })
    }
}

/// The values of the parameters of these names, decoded.
///
/// # Errors
///
/// 422 for a parameter that is unknown, given twice, or not UTF-8 once decoded.
pub(super) fn parameters<const N: usize>(
    text: Option<&str>,
    names: [&str; N],
) -> Result<[Option<String>; N], Problem> {
    let text = text.unwrap_or_default();
    let invalid = || Problem::new(&codes::INVALID_QUERY);
    if text.len() > QUERY_BYTES_MAX {
        return Err(invalid());
    }
    let mut values = [const { None }; N];
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(invalid)?;
        let mut places = names.iter().zip(&mut values);
        let place = places.find(|(known, _)| **known == name);
        let (_, place) = place.ok_or_else(|| Problem::unknown_field(&names))?;
        let decoded = decode(value, Plus::Space).ok_or_else(invalid)?;
        if place.replace(decoded).is_some() {
            return Err(invalid());
        }
    }
    Ok(values)
}

/// One segment of a path, decoded; `None` if it is not UTF-8 then.
pub(super) fn segment(text: &str) -> Option<String> {
    decode(text, Plus::Itself)
}

/// The one parameter of an endpoint that knows no other: whole hours.
///
/// # Errors
///
/// 422 for another parameter, one given twice, or hours out of `range`.
pub(super) fn hours(text: Option<&str>, range: RangeInclusive<u8>) -> Result<Option<u8>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let hours = text
        .strip_prefix("hours=")
        .ok_or_else(|| Problem::unknown_field(&["hours"]))?;
    let hours = hours.parse().ok().filter(|hours| range.contains(hours));
    hours
        .map(Some)
        .ok_or_else(|| Problem::new(&codes::INVALID_QUERY))
}

/// A `+` that was sent as it is has become a space by the rules of forms;
/// no number begins with a space.
fn with_plus(to: String) -> String {
    match to.strip_prefix(' ') {
        Some(rest) => format!("+{rest}"),
        None => to,
    }
}

/// What a `+` stands for: in a query a space, by the rules of forms.
#[derive(Clone, Copy)]
enum Plus {
    Space,
    Itself,
}

fn decode(value: &str, plus: Plus) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => match plus {
                Plus::Space => b' ',
                Plus::Itself => b'+',
            },
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_understood_however_its_plus_was_sent() {
        for text in [
            "to=%2B14155550123",
            "to=+14155550123",
            "to=%2b14155550123&",
            "to=%2014155550123",
        ] {
            let query = Query::parse(Some(text)).unwrap();
            assert_eq!(query.to.as_deref(), Some("+14155550123"), "{text}");
        }
        let query = Query::parse(Some("to=07400+123456&region=GB")).unwrap();
        assert_eq!(query.to.as_deref(), Some("07400 123456"));
        assert_eq!(query.region.as_deref(), Some("GB"));
        assert_eq!(Query::parse(None), Ok(Query::default()));
    }

    #[test]
    fn a_query_that_is_not_understood_is_refused() {
        for text in [
            "to",
            "to=1&to=2",
            "to=%",
            "to=%2",
            "to=%zz",
            "to=%ff",
            "from=1",
            "%74o=1",
        ] {
            assert!(Query::parse(Some(text)).is_err(), "{text}");
        }
        assert!(Query::parse(Some(&format!("to={}", "1".repeat(2048)))).is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(text in "(to|region)?[=&%+0-9a-f\\PC]{0,60}") {
            let _read_or_refused = Query::parse(Some(&text));
        }

        #[test]
        fn any_value_survives_being_encoded(value: String) {
            prop_assume!(value.len() < 300);
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&encoded, Plus::Space), Some(value.clone()));
            prop_assert_eq!(segment(&encoded), Some(value));
        }
    }

    #[test]
    fn hours_are_whole_within_their_range_and_the_only_parameter() {
        let none = hours(None, 1..=48);
        assert_eq!(none.unwrap(), None);
        let hours = |text| hours(Some(text), 1..=48);
        assert_eq!(hours("").unwrap(), None);
        assert_eq!(hours("hours=1").unwrap(), Some(1));
        assert_eq!(hours("hours=48").unwrap(), Some(48));
        for wrong in [
            "hours=0",
            "hours=49",
            "hours=",
            "hours=x",
            "hours=1&hours=2",
            "to=1",
            "hours",
            "hours=256",
            "hours=-1",
        ] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
