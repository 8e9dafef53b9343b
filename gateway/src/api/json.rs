//! JSON bodies, read strictly: one object, known fields, right types, each
//! once. Why one is refused is told by field name, never by its content.

use std::fmt;
use std::marker::PhantomData;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::codes;
use super::endpoint::Asked;
use super::problem::Problem;

/// A body of a request: what its fields are called.
pub(super) trait JsonBody: DeserializeOwned {
    const FIELDS: &'static [&'static str];
}

/// The body of a request that must have one.
///
/// # Errors
///
/// 415, 400 `malformed_json`, or 422 with the field where one is at fault.
pub(super) fn body<T: JsonBody>(asked: &Asked) -> Result<T, Problem> {
    if !is_json(&asked.head.headers) {
        return Err(Problem::new(&codes::UNSUPPORTED_MEDIA_TYPE));
    }
    parse(&asked.body)
}

/// The body of a request that may do without: nothing at all counts as `{}`.
pub(super) fn body_if_any<T: JsonBody + Default>(asked: &Asked) -> Result<T, Problem> {
    if asked.body.is_empty() {
        Ok(T::default())
    } else {
        body(asked)
    }
}

/// `application/json`, and if it names a charset, UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(Ok(value)) = values.next().map(|value| value.to_str()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_essence = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.eq_ignore_ascii_case("charset")
            || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    is_essence && parts.all(is_utf8) && values.next().is_none()
}

fn parse<T: JsonBody>(body: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice(body) {
        Ok(Object(content)) => Ok(content),
        Err(error) => Err(match error.classify() {
            Category::Data => why_not::<T>(body),
            Category::Syntax | Category::Eof | Category::Io => Problem::new(&codes::MALFORMED_JSON),
        }),
    }
}

/// Finds the field at fault by reading each one alone. The parser's own words
/// cannot be used: they quote the body.
fn why_not<T: JsonBody>(body: &[u8]) -> Problem {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Problem::new(&codes::INVALID_BODY);
    };
    for (name, value) in fields {
        let Some(field) = T::FIELDS.iter().find(|known| **known == name) else {
            return Problem::unknown_field(T::FIELDS);
        };
        let alone = Value::Object(Map::from_iter([(name, value)]));
        if serde_json::from_value::<T>(alone).is_err() {
            return Problem::new(&codes::INVALID_FIELD).field(field);
        }
    }
    Problem::new(&codes::INVALID_BODY)
}

/// A JSON object. Serde's own structs would also take an array of the values.
#[derive(Debug, Default)]
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::super::verifications::StartBody;
    use super::*;
    use serde_json::json;

    fn refused(body: &[u8]) -> (Value, Value) {
        let problem = parse::<StartBody>(body).map(|_| ()).unwrap_err();
        let written = serde_json::to_value(problem.to_json(None)).unwrap();
        (written["code"].clone(), written["field"].clone())
    }

    #[test]
    fn a_body_is_refused_for_the_field_at_fault_without_its_content() {
        let table: [(&[u8], &str, Value); 16] = [
            (b"", "malformed_json", Value::Null),
            (b"{", "malformed_json", Value::Null),
            (b"{} {}", "malformed_json", Value::Null),
            (b"{\"to\":\"\xff\"}", "malformed_json", Value::Null),
            (b"{\"to\":\"\\ud800\"}", "malformed_json", Value::Null),
            (b"null", "invalid_body", Value::Null),
            (b"[]", "invalid_body", Value::Null),
            (br#"["+14155550123"]"#, "invalid_body", Value::Null),
            (br#"{"to":"a","to":"b"}"#, "invalid_body", Value::Null),
            (br#"{"to":"a","To":"b"}"#, "unknown_field", Value::Null),
            (br#"{"to":4}"#, "invalid_field", json!("to")),
            (
                br#"{"to":"a","client":["::1"]}"#,
                "invalid_field",
                json!("client"),
            ),
            (
                br#"{"client":{"known":"yes"}}"#,
                "invalid_field",
                json!("client"),
            ),
            (
                br#"{"client":{"address":"::1"}}"#,
                "invalid_field",
                json!("client"),
            ),
            (br#"{"bind":["a","b","c"]}"#, "invalid_field", json!("bind")),
            (
                br#"{"fallback":"voice"}"#,
                "invalid_field",
                json!("fallback"),
            ),
        ];
        for (body, code, field) in table {
            let shown = String::from_utf8_lossy(body).into_owned();
            assert_eq!(refused(body), (json!(code), field), "{shown}");
        }
    }

    #[test]
    fn a_nesting_bomb_is_refused() {
        for field in ["to", "nonsense", "bind"] {
            let depth = 7_000;
            let bomb = format!("{{\"{field}\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            let (code, _) = refused(bomb.as_bytes());
            assert!(code == "invalid_body" || code == "malformed_json", "{code}");
        }
    }

    #[test]
    fn null_is_the_same_as_absent() {
        assert!(parse::<StartBody>(br#"{"to":"+14155550123","region":null,"bind":null}"#).is_ok());
    }

    #[test]
    fn only_json_in_utf8_is_taken() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            is_json(&headers)
        };
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(with(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonx",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!with(bad), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
