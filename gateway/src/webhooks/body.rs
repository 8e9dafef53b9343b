//! What a webhook says: never a code, and the number masked unless the tenant
//! asked for it in full.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use watchword_providers::PhoneNumber;

use super::endpoint::Endpoint;
use super::kind::EventKind;
use super::story::{Event, Subject, event_name};
use crate::id::{DeliveryId, RecordId, VerificationId};

/// The JSON of one event for one endpoint.
pub(super) fn body(
    id: RecordId,
    subject: Option<&Subject>,
    event: &Event,
    to: &Endpoint,
) -> String {
    let data = match (&event.data, subject) {
        // We wrote it, and as an object.
        (Some(data), _) => serde_json::from_str(data).unwrap_or_default(),
        (None, Some(subject)) => derived(id, subject, event, to),
        (None, None) => Map::new(),
    };
    let whole = json!({
        "type": event.kind.as_str(),
        "timestamp": time(event.at_ms),
        "id": event_name(id, event.sequence),
        "sequence": event.sequence,
        "data": Value::Object(data),
    });
    whole.to_string()
}

/// What an event says of its record.
fn derived(id: RecordId, subject: &Subject, event: &Event, to: &Endpoint) -> Map<String, Value> {
    let mut data = Map::new();
    if subject.is_verification {
        data.insert(
            "verification_id".into(),
            VerificationId(id).to_string().into(),
        );
        data.insert("purpose".into(), subject.purpose.clone().into());
    }
    data.insert("status".into(), status(event.kind).into());
    data.insert("to".into(), number(subject, to).into());
    if let Some(part) = &event.delivery {
        let delivery = DeliveryId {
            record: id,
            ordinal: part.ordinal,
        };
        data.insert("delivery_id".into(), delivery.to_string().into());
        data.insert("channel".into(), part.channel.as_str().into());
        put(&mut data, "provider", part.provider.as_deref());
        if part.attempt > 0 {
            data.insert("attempt".into(), part.attempt.into());
        }
        put(&mut data, "reason", part.reason.as_deref());
    }
    put(&mut data, "subject", subject.subject.as_deref());
    put(&mut data, "reference", subject.reference.as_deref());
    if subject.is_test {
        data.insert("test".into(), true.into());
    }
    data.insert("created_at".into(), time(subject.created_at_ms).into());
    data.insert("expires_at".into(), time(subject.expires_at_ms).into());
    data
}

fn put(data: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        data.insert(key.to_owned(), text.into());
    }
}

/// The last part of the event's name: what `GET` calls the status.
fn status(kind: EventKind) -> &'static str {
    // It is canceled by that, which an event of its own says too.
    let told = if kind == EventKind::Reported {
        EventKind::Canceled
    } else {
        kind
    };
    let name = told.as_str();
    name.split_once('.').map_or(name, |(_, status)| status)
}

fn number(subject: &Subject, to: &Endpoint) -> String {
    if to.full_numbers {
        return subject.e164.clone();
    }
    PhoneNumber::from_e164(&subject.e164, subject.country_code_digits)
        .map_or_else(String::new, |number| number.to_string())
}

fn time(at_ms: u64) -> String {
    let ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |time| time.to_string())
}
