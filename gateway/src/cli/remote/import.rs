//! `subjects import-graph`: one person after the other, so that whoever stops it
//! knows how far it came. Run again, it goes on: what is there stays as it is.

use std::collections::BTreeMap;
use std::pin::pin;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::client::Gateway;
use super::graph_export::{self, ExportedMethod, Person};
use super::{ImportGraphCall, RemoteError};

/// The reasons shown one by one; more are counted.
const REFUSALS_SHOWN: usize = 50;

/// What became of the people of an export.
#[derive(Default)]
struct Tally {
    imported: usize,
    /// Of privileged subjects: a second operator has to approve.
    waiting: usize,
    refused: Vec<(String, String)>,
}

impl Tally {
    fn is_empty(&self) -> bool {
        self.imported + self.waiting + self.refused.len() == 0
    }
}

/// Imports until everybody is, or until `interrupted`.
///
/// # Errors
///
/// [`RemoteError`], with how far it came.
pub(super) async fn import(
    call: &ImportGraphCall,
    interrupted: impl Future,
) -> Result<String, RemoteError> {
    let path = || call.file.clone();
    let bytes = std::fs::read(&call.file).map_err(|source| RemoteError::Unreadable {
        path: path(),
        source,
    })?;
    let people = graph_export::text(bytes)
        .and_then(|text| graph_export::read(&text, &call.subject_field))
        .map_err(|why| RemoteError::Export { path: path(), why })?;
    if call.dry_run {
        return Ok(foreseen(&people));
    }
    let gateway = Gateway::new(&call.gateway)?;
    let mut tally = Tally::default();
    let mut interrupted = pin!(interrupted);
    for person in &people {
        let path = format!("/v1/subjects/{}/import", segment(&person.subject));
        let answer = tokio::select! {
            biased;
            _ = &mut interrupted => Err(RemoteError::Interrupted),
            answer = gateway.post(&path, body(call, person), None) => answer,
        };
        match answer {
            Ok(answer) if is_done(&answer) => tally.imported += 1,
            Ok(_) => tally.waiting += 1,
            Err(RemoteError::Refused { status, text }) if is_about_person(status) => {
                tally.refused.push((person.subject.clone(), text));
            }
            Err(error) if tally.is_empty() && !matches!(error, RemoteError::Interrupted) => {
                return Err(error);
            }
            Err(error) => {
                let report = report(&tally, people.len());
                let how = "what is imported stays; run the same command again to go on";
                return Err(RemoteError::ImportedInPart(format!(
                    "{report}\nstopped: {error}\n{how}"
                )));
            }
        }
    }
    let report = report(&tally, people.len());
    if tally.refused.is_empty() {
        Ok(report)
    } else {
        Err(RemoteError::ImportedInPart(report))
    }
}

fn is_done(answer: &Value) -> bool {
    answer.pointer("/action/status").and_then(Value::as_str) == Some("done")
}

/// Whether the next person may still be imported.
fn is_about_person(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::LOCKED
            // Of an endless number or list: what else a request holds is short.
            | StatusCode::PAYLOAD_TOO_LARGE
    )
}

fn body(call: &ImportGraphCall, person: &Person) -> Map<String, Value> {
    let methods = person.methods.iter().map(method);
    let mut body = Map::from_iter([
        ("tenant".to_owned(), json!(call.tenant)),
        ("methods".to_owned(), methods.collect()),
        ("reason".to_owned(), json!(call.reason)),
    ]);
    if let Some(ticket) = &call.ticket {
        body.insert("ticket".to_owned(), json!(ticket));
    }
    body
}

fn method(method: &ExportedMethod) -> Value {
    let mut fields = Map::from_iter([
        ("phone".to_owned(), json!(method.expose())),
        ("role".to_owned(), json!(method.role)),
    ]);
    if let Some(extension) = &method.extension {
        fields.insert("extension".to_owned(), json!(extension));
    }
    Value::Object(fields)
}

/// One segment of a path, whatever is in it.
fn segment(subject: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let escaped = subject.as_bytes().iter().map(|byte| match plain(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn foreseen(people: &[Person]) -> String {
    let mut roles: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for person in people {
        for method in &person.methods {
            *roles.entry(method.role).or_default() += 1;
            if method.parsed().is_none() {
                unreadable.push(format!(
                    "  {}: its {} is no number",
                    person.subject, method.role
                ));
            }
        }
    }
    let counts = roles.iter().map(|(role, count)| format!("{count} {role}"));
    let counts: Vec<String> = counts.collect();
    let mut lines = vec![format!(
        "{} people with numbers: {}",
        people.len(),
        counts.join(", ")
    )];
    lines.extend(first_of(unreadable));
    lines.push("nothing was imported (--dry-run)".to_owned());
    lines.join("\n")
}

fn report(tally: &Tally, people: usize) -> String {
    let mut lines = vec![format!(
        "{} of {people} people imported, {} refused",
        tally.imported,
        tally.refused.len()
    )];
    if tally.waiting > 0 {
        let waiting = tally.waiting;
        lines.push(format!(
            "{waiting} privileged: a second operator has to approve"
        ));
    }
    let refused = tally.refused.iter();
    let refused = refused.map(|(subject, why)| format!("  {subject}: {why}"));
    lines.extend(first_of(refused.collect()));
    lines.join("\n")
}

fn first_of(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(REFUSALS_SHOWN);
    lines.truncate(REFUSALS_SHOWN);
    if more > 0 {
        lines.push(format!("  .. and {more} more"));
    }
    lines
}
