//! What happened to a subject, as its tenant hears of it and as the log says it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::command::Telling;
use super::model::{Actor, NumberChange, Recipient, Subject, SubjectKey};
use super::tokens::{TokenAction, token};
use crate::keys::IndexKey;
use crate::telemetry::{Metrics, events};
use crate::webhooks::EventKind;

/// What the event of a telling says. The number is masked, and `revision` brings
/// a subject's events into their order.
pub fn event_data(subject: &Subject, telling: &Telling, revision: u64) -> Value {
    let mut data = Map::new();
    data.insert("subject".into(), subject.name.clone().into());
    put(&mut data, "method", telling.method);
    put(&mut data, "number_change", telling.change);
    put(&mut data, "status", telling.status);
    put(
        &mut data,
        "class",
        telling.class.map(super::evidence::Class::as_str),
    );
    put(&mut data, "number", telling.number.as_ref());
    put(&mut data, "reason", telling.reason.as_ref());
    put(&mut data, "available_at", telling.available_at_ms.map(time));
    data.insert("revision".into(), revision.into());
    Value::Object(data)
}

/// What `number_change.notice` says: enough for a mail of the tenant's own, with
/// the tokens that stop the change. Neither number is in it.
pub fn notice_data(
    index: &IndexKey,
    (key, subject): (SubjectKey, &Subject),
    (change, round): (&NumberChange, u8),
    revision: u64,
) -> Value {
    let token = |action| token(index, (key, change.id), action, Recipient::Mail);
    json!({
        "subject": subject.name,
        "number_change": change.id.to_string(),
        "status": change.status.as_str(),
        "class": change.class.as_str(),
        "available_at": time(change.hold_until_ms),
        "undo_until": time(change.undo_until_ms),
        "round": round,
        "tokens": {
            "undo": *token(TokenAction::Undo),
            "report": *token(TokenAction::Report),
        },
        "revision": revision,
    })
}

/// Logs and counts what was written.
pub fn log(metrics: &Metrics, (tenant, key): (&str, SubjectKey), actor: &Actor, told: &[Telling]) {
    let (subject, actor) = (key, actor.word());
    for telling in told {
        match (telling.event, telling.status) {
            (Some(EventKind::SubjectFrozen), _) => events::SubjectFrozen {
                tenant,
                subject,
                actor,
            }
            .emit(),
            (Some(EventKind::SealedCodeUsed), _) => {
                events::SealedCodeUsed { tenant, subject }.emit(metrics);
            }
            (Some(kind), Some(status)) if kind.is_of_a_change() => events::NumberChangeMoved {
                tenant,
                subject,
                status,
                actor,
            }
            .emit(metrics),
            (_, _) => events::SubjectChanged {
                tenant,
                subject,
                what: telling.what,
                actor,
            }
            .emit(),
        }
    }
}

impl Actor {
    /// Who it was, without a name.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Tenant { .. } => "tenant",
            Self::Operator { .. } => "operator",
            Self::Person => "person",
            Self::System => "system",
        }
    }
}

fn put(data: &mut Map<String, Value>, key: &str, text: Option<impl ToString>) {
    if let Some(text) = text {
        data.insert(key.to_owned(), text.to_string().into());
    }
}

fn time(at_ms: u64) -> String {
    let ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
