//! Answers in JSON, against the document's own schemas and examples.

use super::*;
use crate::api::openapi;
use crate::api::problem::Problem;
use crate::api::view::{ExplainJson, LookupJson, Numbers, SendOnlyJson, VerificationJson};
use crate::delivery::{DeliveryStatus, Outcome};
use crate::id::{DeliveryId, RecordId, Shard, VerificationId};
use crate::service::ServiceError;
use crate::service::view::{
    AttemptView, DeliveryView, ExplainView, HopView, LimitView, LookupView, ReceiptView, RouteView,
    SendOnlyView, TimelineEntry, VerificationView,
};
use crate::verification::{Conversion, Status};
use serde_json::json;

const START_MS: u64 = 1_772_355_600_000;

fn record() -> RecordId {
    RecordId {
        shard: Shard::new(7).unwrap(),
        random: [0; 16],
    }
}

fn number() -> PhoneNumber {
    PhoneNumber::from_e164("+14155550123", 1).unwrap()
}

fn delivery() -> DeliveryView {
    DeliveryView {
        id: DeliveryId {
            record: record(),
            ordinal: 1,
        },
        channel: Channel::Sms,
        status: DeliveryStatus::Submitted,
        reason: None,
        created_at_ms: START_MS,
        due_at_ms: Some(START_MS + 60_084),
        due: Some("receipt_deadline"),
        attempts: vec![AttemptView {
            number: 1,
            provider: String::from("twilio-sms"),
            outcome: Outcome::Submitted,
            code: None,
            started_at_ms: START_MS + 4,
            duration_ms: Some(84),
            receipt: None,
        }],
        attempts_folded: 0,
    }
}

fn verification() -> VerificationView {
    VerificationView {
        id: VerificationId(record()),
        status: Status::Pending,
        to: number(),
        channel: Channel::Sms,
        purpose: String::from("sign_in"),
        subject: None,
        reference: None,
        locale: String::from("en"),
        created_at_ms: START_MS,
        expires_at_ms: START_MS + 600_000,
        decided_at_ms: None,
        checks_remaining: 5,
        sends_remaining: 4,
        next_sms_at_ms: Some(START_MS + 30_000),
        next_voice_at_ms: None,
        next_check_at_ms: Some(START_MS),
        conversion: Conversion::Unreported,
        method: None,
        others: Vec::new(),
        is_test: false,
        deliveries: vec![delivery()],
    }
}

fn written(content: impl serde::Serialize) -> Value {
    serde_json::to_value(content).unwrap()
}

#[test]
fn a_verification_is_written_as_the_contract_shows_it() {
    let view = verification();
    let expected = json!({
        "id": "vrf_00700000000000000000000000000",
        "status": "pending",
        "to": "+14155550123",
        "channel": "sms",
        "purpose": "sign_in",
        "locale": "en",
        "created_at": "2026-03-01T09:00:00.000Z",
        "expires_at": "2026-03-01T09:10:00.000Z",
        "checks_remaining": 5,
        "sends_remaining": 4,
        "next": {
            "sms_at": "2026-03-01T09:00:30.000Z",
            "voice_at": null,
            "check_at": "2026-03-01T09:00:00.000Z",
        },
        "deliveries": [{
            "id": "dlv_007000000000000000000000000001",
            "channel": "sms",
            "status": "submitted",
            "created_at": "2026-03-01T09:00:00.000Z",
            "due": "receipt_deadline",
            "due_at": "2026-03-01T09:01:00.084Z",
            "attempts": [{
                "attempt": 1,
                "provider": "twilio-sms",
                "outcome": "submitted",
                "started_at": "2026-03-01T09:00:00.004Z",
                "duration_ms": 84,
            }],
        }],
    });
    assert_eq!(
        written(VerificationJson::new(&view, Numbers::Full)),
        expected
    );
}

#[test]
fn numbers_are_masked_for_readers_without_the_scope() {
    let view = verification();
    for (scopes, shown) in [
        (vec![Scope::Read], "+1********23"),
        (vec![Scope::Read, Scope::ReadPii], "+14155550123"),
    ] {
        let numbers = Numbers::for_reader(&caller(scopes));
        assert_eq!(written(VerificationJson::new(&view, numbers))["to"], shown);
    }
}

/// Everything that can be absent is there.
fn full_verification() -> Value {
    let mut view = verification();
    view.subject = Some(String::from("person-7"));
    view.reference = Some(String::from("login-41"));
    view.decided_at_ms = Some(START_MS);
    view.conversion = Conversion::NotConverted;
    view.is_test = true;
    for delivery in &mut view.deliveries {
        delivery.reason = Some(String::from("poison"));
        delivery.attempts_folded = 2_863;
        for attempt in &mut delivery.attempts {
            attempt.code = Some(String::from("E30007"));
            attempt.receipt = Some(ReceiptView {
                status: "delivered",
                at_ms: START_MS,
                code: Some(String::from("0")),
            });
        }
    }
    let timeline = [TimelineEntry {
        at_ms: START_MS,
        event: "submitted",
        provider: Some(String::from("twilio-sms")),
        detail: Some(String::from("again")),
    }];
    written(VerificationJson::new(&view, Numbers::Full).with_timeline(&timeline))
}

fn send_only() -> Value {
    let view = SendOnlyView {
        to: number(),
        reference: Some(String::from("notice-881")),
        expires_at_ms: START_MS,
        segments: 1,
        conversion: Conversion::Converted,
        delivery: delivery(),
    };
    written(SendOnlyJson::new(&view, Numbers::Masked))
}

fn lookup() -> LookupView {
    LookupView {
        e164: number(),
        region: String::from("US"),
        line_type: "mobile",
        channels: vec![
            (Channel::Sms, None),
            (Channel::Voice, Some("voice_not_enabled")),
        ],
    }
}

fn explanation() -> Value {
    let refusal = ServiceError::Limited {
        code: "send_limit",
        available_at_ms: Some(START_MS + 1),
        now_ms: START_MS,
        alternatives: vec![Channel::Voice],
    };
    let view = ExplainView {
        lookup: lookup(),
        refusal: Some(refusal.clone()),
        routes: vec![RouteView {
            channel: Channel::Sms,
            strategy: "weighted",
            hops: vec![HopView {
                provider: String::from("hook-a"),
                share: Some(70),
                breaker: "closed",
                skipped: Some("extension"),
            }],
        }],
        limits: vec![LimitView {
            limit: "number",
            client: "known",
            count: 5,
            per_s: 600,
            left: 0,
        }],
        live_count: 2,
    };
    let problem = Problem::from(refusal);
    written(ExplainJson::new(&view, Some(&problem)))
}

/// Whether every field of `value` is in the schema, and all that are required
/// are there: enough of JSON Schema for our own document.
fn misfit(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let named = document.pointer(reference.trim_start_matches("#")).unwrap();
        return misfit(document, named, value, at);
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let fits = |one: &Value| misfit(document, one, value, at).is_none();
        return (!alternatives.iter().any(fits)).then(|| format!("{at}: none fits"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{at}: not among the words"));
    }
    match value {
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{at}: {name} is missing"));
            }
            fields
                .iter()
                .find_map(|(name, field)| match schema["properties"].get(name) {
                    Some(schema) => misfit(document, schema, field, &format!("{at}.{name}")),
                    None => Some(format!("{at}: {name} is not documented")),
                })
        }
        Value::Array(items) => {
            let mut items = items.iter();
            items.find_map(|item| misfit(document, &schema["items"], item, at))
        }
        Value::String(_) => has_type(schema, "string", at),
        Value::Number(number) if number.is_f64() => has_type(schema, "number", at),
        Value::Number(_) => has_type(schema, "integer", at),
        Value::Bool(_) => has_type(schema, "boolean", at),
        Value::Null => has_type(schema, "null", at),
    }
}

fn has_type(schema: &Value, wanted: &str, at: &str) -> Option<String> {
    let is_wanted = |kind: &Value| kind == wanted;
    let many = schema["type"].as_array();
    let fits = is_wanted(&schema["type"]) || many.is_some_and(|kinds| kinds.iter().any(is_wanted));
    (!fits).then(|| format!("{at}: is a {wanted}"))
}

fn assert_fits(name: &str, value: &Value) {
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let schema = &document["components"]["schemas"][name];
    assert_eq!(misfit(&document, schema, value, name), None, "{value:#}");
}

#[test]
fn every_answer_fits_its_documented_schema() {
    let full = full_verification();
    assert_eq!(full["conversion"], "not_used");
    assert_eq!(full["test"], true);
    assert_fits("Verification", &full);
    assert_fits(
        "Verification",
        &written(VerificationJson::new(&verification(), Numbers::Full)),
    );
    assert_fits("Delivery", &send_only());
    assert_eq!(send_only()["to"], "+1********23");
    assert_fits("Lookup", &written(LookupJson::new(&lookup())));
    let explained = explanation();
    assert_eq!(
        explained["refusal"]["available_at"],
        "2026-03-01T09:00:00.001Z"
    );
    assert_fits("Explanation", &explained);
}

#[test]
fn every_documented_example_of_an_answer_fits_its_schema() {
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let own = operations.flat_map(|operation| operation["responses"].as_object().unwrap().values());
    let shared = document["components"]["responses"]
        .as_object()
        .unwrap()
        .values();
    let mut count = 0;
    for content in own
        .chain(shared)
        .flat_map(|response| response["content"].as_object())
        .flat_map(|content| content.values())
    {
        let examples = content["examples"].as_object().into_iter().flatten();
        for (name, example) in examples {
            assert_eq!(
                misfit(&document, &content["schema"], &example["value"], name),
                None
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
