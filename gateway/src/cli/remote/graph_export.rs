//! What Microsoft Graph says of people's phones: `phoneMethods` as exported,
//! read without believing it. Nothing here prints a number.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::number::{self, ParsedNumber};

/// A person and the numbers they sign in with.
pub(super) struct Person {
    pub subject: String,
    pub methods: Vec<ExportedMethod>,
}

/// One number, in the words of our API.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExportedMethod {
    /// As Graph writes it, without the extension: never printed.
    phone: Phone,
    pub extension: Option<String>,
    pub role: &'static str,
}

/// A number as written; its `Debug` shows nothing of it.
#[derive(PartialEq, Eq)]
struct Phone(String);

impl std::fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Phone(..)")
    }
}

impl ExportedMethod {
    /// The number as written. Grep for this in review.
    pub(super) fn expose(&self) -> &str {
        &self.phone.0
    }

    /// `None` if it is no number.
    pub(super) fn parsed(&self) -> Option<ParsedNumber> {
        number::parse(&self.phone.0, None).ok()
    }
}

/// Why a file is no export, by its place and never by its content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    #[error("it is text in neither UTF-8 nor UTF-16: export it again with `-Encoding utf8`")]
    NotText,
    #[error("it is neither JSON nor one JSON object a line (the first mistake is in line {line})")]
    NotJson { line: usize },
    #[error(
        "entry {entry} goes on elsewhere (`@odata.nextLink`): add what is there, and take the link out"
    )]
    MorePages { entry: usize },
    #[error(
        "entry {entry} has no text of 1 to 128 characters on one line in its field `{field}`: \
         name another with --subject-field"
    )]
    NoSubject { entry: usize, field: String },
    #[error("entry {entry} has no list `phoneMethods`, and no `body` with a list `value`")]
    NoMethods { entry: usize },
    #[error(
        "entry {entry} is the answer {status} of Graph: export that person again, or take the entry out"
    )]
    GraphRefused { entry: usize, status: u64 },
    #[error(
        "entry {entry}: a phone method needs `phoneNumber` and a `phoneType` of mobile, alternateMobile or office"
    )]
    UnknownMethod { entry: usize },
}

#[derive(Deserialize)]
struct GraphPhone {
    #[serde(rename = "phoneNumber")]
    phone_number: String,
    #[serde(rename = "phoneType")]
    phone_type: String,
}

/// What a file says: in UTF-8, or in UTF-16, as Windows PowerShell redirects text.
///
/// # Errors
///
/// [`ExportError::NotText`]
pub(super) fn text(bytes: Vec<u8>) -> Result<String, ExportError> {
    let utf_16 = |unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        let text = String::from_utf16(&units).ok();
        text.filter(|_| rest.is_empty())
    };
    let text = match bytes.get(..2) {
        Some([0xff, 0xfe]) => utf_16(u16::from_le_bytes),
        Some([0xfe, 0xff]) => utf_16(u16::from_be_bytes),
        Some(_) | None => String::from_utf8(bytes).ok(),
    };
    text.ok_or(ExportError::NotText)
}

/// Everybody in an export who has a number.
///
/// # Errors
///
/// [`ExportError`]: nothing of it is to be used.
pub(super) fn read(text: &str, subject_field: &str) -> Result<Vec<Person>, ExportError> {
    let mut people = Vec::new();
    for (position, entry) in (1..).zip(entries(text)?) {
        let person = person(position, &entry, subject_field)?;
        if !person.methods.is_empty() {
            people.push(person);
        }
    }
    Ok(people)
}

/// The objects of a file: of its array, of its lines, or of Graph's batch answers.
fn entries(text: &str) -> Result<Vec<Map<String, Value>>, ExportError> {
    // Files written by PowerShell begin so.
    let text = text.trim_start_matches('\u{feff}');
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| ExportError::NotJson { line: error.line() })?;
        unfold(value, &mut entries)?;
    }
    Ok(entries)
}

fn unfold(value: Value, entries: &mut Vec<Map<String, Value>>) -> Result<(), ExportError> {
    match value {
        Value::Array(values) => values
            .into_iter()
            .try_for_each(|value| unfold(value, entries)),
        Value::Object(mut object) => {
            let body = object.get("body").and_then(Value::as_object);
            if names_more(&object) || body.is_some_and(names_more) {
                let entry = entries.len() + 1;
                return Err(ExportError::MorePages { entry });
            }
            if let Some(Value::Array(responses)) = object.remove("responses") {
                return unfold(Value::Array(responses), entries);
            }
            entries.push(object);
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(ExportError::NotJson { line: 1 })
        }
    }
}

/// Whether Graph has cut an answer short, in the object or in a list of it.
fn names_more(object: &Map<String, Value>) -> bool {
    object.keys().any(|key| key.ends_with("@odata.nextLink"))
}

fn person(
    entry: usize,
    object: &Map<String, Value>,
    subject_field: &str,
) -> Result<Person, ExportError> {
    let status = object.get("status").and_then(Value::as_u64);
    if let Some(status) = status.filter(|status| *status != 200) {
        return Err(ExportError::GraphRefused { entry, status });
    }
    let subject = object.get(subject_field).and_then(Value::as_str);
    let subject = subject.filter(|subject| is_a_subject(subject));
    let field = subject_field.to_owned();
    let subject = subject.ok_or(ExportError::NoSubject { entry, field })?;
    let of_batch = object.get("body").and_then(|body| body.get("value"));
    let methods = object.get("phoneMethods").or(of_batch);
    let methods = methods.and_then(Value::as_array);
    let methods = methods.ok_or(ExportError::NoMethods { entry })?;
    let methods = methods.iter().map(|method| exported(entry, method));
    Ok(Person {
        subject: subject.to_owned(),
        methods: methods.collect::<Result<_, ExportError>>()?,
    })
}

/// What the API takes as one: of anybody else it would hear for one person alone,
/// in the middle of an import.
fn is_a_subject(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// `+1 2065555555x42`: country code, space, number, and of an office an extension.
fn exported(entry: usize, method: &Value) -> Result<ExportedMethod, ExportError> {
    let unknown = || ExportError::UnknownMethod { entry };
    let phone = GraphPhone::deserialize(method).map_err(|_| unknown())?;
    let role = match phone.phone_type.as_str() {
        "mobile" => "primary",
        "alternateMobile" => "alternate",
        "office" => "office",
        _ => return Err(unknown()),
    };
    let written = phone.phone_number.trim();
    let (number, extension) = match written.split_once(['x', 'X']) {
        Some((number, extension)) => (number.trim(), Some(extension.trim().to_owned())),
        None => (written, None),
    };
    Ok(ExportedMethod {
        phone: Phone(number.to_owned()),
        extension,
        role,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        "\u{feff}",
        r#"{"id":"7b1","userPrincipalName":"ada@example.com","phoneMethods":[{"id":"3179e48a-750b-4051-897c-87b9720928f7","phoneNumber":"+1 2065550100","phoneType":"mobile","smsSignInState":"notEnabled"},{"phoneNumber":"+1 4255550101x42","phoneType":"office"}]}"#,
        "\r\n",
        r#"{"id":"7b2","userPrincipalName":"bob@example.com","phoneMethods":[]}"#,
        "\n",
    );

    fn rows(people: &[Person]) -> Vec<(&str, &str, Option<&str>, &str)> {
        let mut rows = Vec::new();
        for person in people {
            for one in &person.methods {
                let extension = one.extension.as_deref();
                rows.push((&*person.subject, one.expose(), extension, one.role));
            }
        }
        rows
    }

    #[test]
    fn people_without_a_number_are_left_out() {
        let people = read(LINES, "id").unwrap();
        let expected = [
            ("7b1", "+1 2065550100", None, "primary"),
            ("7b1", "+1 4255550101", Some("42"), "office"),
        ];
        assert_eq!(rows(&people), expected);
        assert_eq!(read(LINES, "userPrincipalName").unwrap().len(), 1);
    }

    #[test]
    fn an_array_and_the_answers_of_a_batch_say_the_same() {
        let method = r#"{"phoneNumber":"+44 7400123456","phoneType":"alternateMobile"}"#;
        let array = format!(r#"[{{"id":"a","phoneMethods":[{method}]}}]"#);
        let batch = format!(
            r#"{{"responses":[{{"id":"a","status":200,"headers":{{}},"body":{{"@odata.context":"x","value":[{method}]}}}}]}}"#
        );
        let several = format!("[{batch}]");
        for text in [array, batch, several] {
            let people = read(&text, "id").unwrap();
            assert_eq!(rows(&people), [("a", "+44 7400123456", None, "alternate")]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        let field = "id".to_owned();
        for (text, expected) in [
            ("{\"id\":\"a\",\n oops", ExportError::NotJson { line: 2 }),
            ("7", ExportError::NotJson { line: 1 }),
            (
                r#"[{"phoneMethods":[]}]"#,
                ExportError::NoSubject { entry: 1, field },
            ),
            (
                r#"[{"id":"a","phoneMethods":[]},{"id":"b\u001b","phoneMethods":[]}]"#,
                ExportError::NoSubject {
                    entry: 2,
                    field: "id".to_owned(),
                },
            ),
            (r#"{"id":"a"}"#, ExportError::NoMethods { entry: 1 }),
            (
                r#"{"responses":[{"id":"a","status":403,"body":{}}]}"#,
                ExportError::GraphRefused {
                    entry: 1,
                    status: 403,
                },
            ),
            (
                r#"{"id":"a","phoneMethods":[{"phoneNumber":"+1 2065550100","phoneType":"fax"}]}"#,
                ExportError::UnknownMethod { entry: 1 },
            ),
        ] {
            assert_eq!(read(text, "id").err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_subject_longer_than_any_is_told_before_anybody_is_imported() {
        let named = |length| {
            let id = "\u{fc}".repeat(length);
            read(&format!(r#"{{"id":"{id}","phoneMethods":[]}}"#), "id").err()
        };
        let field = "id".to_owned();
        assert_eq!(named(128), None);
        assert_eq!(named(129), Some(ExportError::NoSubject { entry: 1, field }));
    }

    #[test]
    fn an_answer_that_graph_has_cut_short_is_no_export() {
        let link = r#""@odata.nextLink":"https://graph.microsoft.com/v1.0/next""#;
        let whole = r#"{"id":"a","phoneMethods":[]}"#;
        for page in [
            format!(r#"{{"responses":[],{link}}}"#),
            format!(r#"{{"responses":[{{"id":"b","status":200,"body":{{"value":[],{link}}}}}]}}"#),
            r#"{"id":"b","phoneMethods":[],"phoneMethods@odata.nextLink":"x"}"#.to_owned(),
        ] {
            let error = read(&format!("{whole}\n{page}"), "id").err();
            assert_eq!(error, Some(ExportError::MorePages { entry: 2 }), "{page}");
        }
    }

    #[test]
    fn a_file_is_read_as_windows_writes_it() {
        let said = |unit: fn(u16) -> [u8; 2]| {
            let units = LINES.encode_utf16().flat_map(unit);
            text(units.collect()).unwrap()
        };
        assert_eq!(said(u16::to_le_bytes), LINES);
        assert_eq!(said(u16::to_be_bytes), LINES);
        assert_eq!(text(LINES.into()).unwrap(), LINES);
        for odd in [
            &b"\xff\xfe{"[..],
            b"\xfe\xff\xd8\x00",
            b"{\"id\":\"M\xfcller\"}",
        ] {
            assert_eq!(text(odd.to_vec()), Err(ExportError::NotText), "{odd:?}");
        }
        assert_eq!(text(Vec::new()), Ok(String::new()));
    }

    #[test]
    fn a_number_does_not_show_in_debug_output() {
        let people = read(LINES, "id").unwrap();
        let shown = format!("{:?}", people[0].methods);
        assert!(!shown.contains("2065550100"), "{shown}");
    }
}
