//! What tenants, the log and the metrics are told, and what none of them is.

use zeroize::Zeroizing;

use super::*;
use crate::subjects::evidence::Class;
use crate::subjects::model::{ChangeId, ChangeStatus, MethodId, Number};
use crate::subjects::tokens::holder;
use crate::telemetry::logging::{LogSettings, capture};
use watchword_providers::Channel;

const OLD: &str = "+14155550123";
const NEW: &str = "+14155550167";

fn number(e164: &str) -> Number {
    Number {
        e164: e164.to_owned(),
        country_code_digits: 1,
        region: "US".to_owned(),
    }
}

fn index() -> IndexKey {
    IndexKey::new(&Zeroizing::new([3; 32]), 64)
}

fn key() -> SubjectKey {
    let index = index();
    index.subject(index.tenant("acme"), "u-1")
}

fn change() -> NumberChange {
    NumberChange {
        id: ChangeId([9; 16]),
        status: ChangeStatus::Holding,
        from: MethodId([1; 10]),
        to: number(NEW),
        to_method: MethodId([2; 10]),
        to_channel: Channel::Sms,
        class: Class::C,
        facts: Vec::new(),
        hold_ms: 1_000,
        requested_by: Actor::Person,
        requested_at_ms: 1_000,
        verify_by_ms: 2_000,
        proof: None,
        new_verified_at_ms: 1_500,
        hold_until_ms: 1_795_348_800_000,
        undo_until_ms: 1_795_348_860_000,
        completed_at_ms: 0,
        in_review: false,
    }
}

#[test]
fn an_event_says_what_applies_with_the_number_masked() {
    let subject = Subject::new("acme", "u-1", 1_000);
    let telling = Telling {
        what: "method.suspended",
        event: Some(EventKind::MethodSuspended),
        method: Some(MethodId([1; 10])),
        number: Some(number(OLD)),
        reason: Some("recycled".to_owned()),
        available_at_ms: Some(1_795_348_800_000),
        ..Telling::default()
    };
    assert_eq!(
        event_data(&subject, &telling, 7),
        json!({
            "subject": "u-1",
            "method": MethodId([1; 10]).to_string(),
            "number": "+1********23",
            "reason": "recycled",
            "available_at": "2026-11-22T12:00:00Z",
            "revision": 7,
        })
    );
}

#[test]
fn a_notice_for_mail_brings_tokens_that_act_and_no_number() {
    let (index, key) = (index(), key());
    let subject = Subject::new("acme", "u-1", 1_000);
    let change = change();
    let data = notice_data(&index, (key, &subject), (&change, 2), 7);
    let text = data.to_string();
    assert!(!text.contains("415555") && !text.contains('*'), "{text}");
    assert_eq!(data["round"], json!(2));
    for action in [TokenAction::Undo, TokenAction::Report] {
        let sent = data["tokens"][action.as_str()].as_str().unwrap();
        let found = holder(&index, (key, change.id), (action, sent), [Recipient::Mail]);
        assert_eq!(found, Some(Recipient::Mail));
    }
}

#[test]
fn what_happened_is_logged_and_counted_without_a_name_or_a_number() {
    let (log, guard) = capture(&LogSettings::default());
    let metrics = Metrics::default();
    let told = |event: EventKind, status| Telling {
        what: event.as_str(),
        event: Some(event),
        number: Some(number(OLD)),
        status,
        ..Telling::default()
    };
    let told = [
        told(EventKind::ChangeUndone, Some("undone")),
        told(EventKind::SubjectFrozen, None),
        told(EventKind::SealedCodeUsed, None),
        told(EventKind::MethodAdded, Some("pending")),
    ];
    let actor = Actor::Operator {
        name: "ada".to_owned(),
    };
    super::log(&metrics, ("acme", key()), &actor, &told);
    drop(guard);

    let (lines, counted) = (log.text(), metrics.encode());
    for said in [
        "number change is undone",
        "subject is frozen",
        "the sealed code was used",
        "subject: method.added",
        r#""actor":"operator""#,
    ] {
        assert!(lines.contains(said), "{said} is not in {lines}");
    }
    assert!(
        !lines.contains("u-1") && !lines.contains("4155550123"),
        "{lines}"
    );
    for counter in [
        r#"watchword_subject_changes_total{status="undone"} 1"#,
        r#"watchword_alarms_total{kind="sealed_code_used"} 1"#,
    ] {
        assert!(counted.contains(counter), "{counter} is not in {counted}");
    }
}
