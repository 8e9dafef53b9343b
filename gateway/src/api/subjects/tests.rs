//! Answers about subjects have the fields that the OpenAPI document says.

use serde_json::{Value, json};
use watchword_providers::{Channel, Extension, PhoneNumber};
use zeroize::Zeroizing;

use super::json::{
    ActionJson, AuditJson, BypassCodeJson, ChangeJson, MethodsJson, ShownOnceJson, SubjectJson,
};
use crate::api::openapi;
use crate::api::view::Numbers;
use crate::service::subjects::view::{
    ActionView, AuditLineView, AuditView, BypassCodeView, ChangeView, GrantView, MethodView,
    MethodsView, PendingActionView, ShownOnce, SubjectView, WantedMethodView, WantedView,
};
use crate::subjects::evidence::{Class, FactKind};
use crate::subjects::model::{ActionId, ChangeId, ChangeStatus, GrantId, MethodId, Role};

fn number() -> PhoneNumber {
    PhoneNumber::from_e164("+14155550123", 1).unwrap()
}

fn method() -> MethodView {
    MethodView {
        id: MethodId([1; 10]),
        role: Role::Office,
        status: "on_hold",
        number: number(),
        channels: vec![Channel::Voice],
        extension: Extension::parse("42"),
        is_default: true,
        is_stale: false,
        added_at_ms: 1,
        verified_at_ms: Some(2),
        last_used_at_ms: None,
        available_at_ms: Some(3),
        reason: None,
    }
}

fn change() -> ChangeView {
    ChangeView {
        id: ChangeId([2; 16]),
        status: ChangeStatus::Holding,
        from: Some(MethodId([1; 10])),
        to: Some(number()),
        class: Class::C,
        evidence: vec![FactKind::BypassCode],
        requested_at_ms: 1,
        new_verified_at_ms: Some(2),
        hold_until_ms: Some(3),
        undo_until_ms: Some(4),
        completed_at_ms: None,
        is_in_review: false,
    }
}

fn subject() -> SubjectView {
    SubjectView {
        subject: "person-7".to_owned(),
        locale: Some("de".to_owned()),
        frozen: Some("reported"),
        is_privileged: true,
        methods: vec![method()],
        number_change: Some(change()),
        recovery_code_created_at_ms: Some(1),
        bypass_code: Some(bypass_code()),
        grants: vec![GrantView {
            id: GrantId([3; 16]),
            class: Class::B,
            expires_at_ms: 5,
        }],
        actions: vec![PendingActionView {
            id: ActionId([4; 16]),
            action: "import_methods",
            wanted: WantedView {
                scope: Some("all"),
                change: Some(ChangeId([2; 16])),
                privileged: Some(false),
                lifetime_s: Some(3_600),
                one_time: Some(true),
                methods: vec![WantedMethodView {
                    role: Role::Office,
                    number: method().number,
                    extension: Extension::parse("7"),
                }],
            },
            reason: "lost".to_owned(),
            ticket: Some("T-1".to_owned()),
            by: "ada".to_owned(),
            asked_at_ms: 1,
            expires_at_ms: 2,
            acts_at_ms: Some(3),
        }],
        warnings: vec!["no_recovery_code"],
    }
}

fn bypass_code() -> BypassCodeView {
    BypassCodeView {
        expires_at_ms: 1,
        one_time: true,
        issued_by: "ada".to_owned(),
        issued_at_ms: 0,
    }
}

fn audit() -> AuditView {
    AuditView {
        lines: vec![AuditLineView {
            number: 1,
            at_ms: 1,
            actor: "operator:ada".to_owned(),
            what: "subject.reset".to_owned(),
            method: Some("mth_0000000000000000".to_owned()),
            phone: Some("+1********23".to_owned()),
            change: Some("chg_00000000000000000000000000".to_owned()),
            status: Some("reset".to_owned()),
            class: Some(Class::A),
            evidence: vec![FactKind::Session],
            reason: Some("lost".to_owned()),
            ticket: Some("T-1".to_owned()),
            previous: [0; 32],
            hash: [0xab; 32],
        }],
        head: [0xab; 32],
        count: 1,
        is_complete: true,
    }
}

/// Holds an answer to its schema: every field is there, and no other.
fn assert_documented(schema: &str, written: &Value) {
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let schema = document
        .pointer(&format!("/components/schemas/{schema}"))
        .unwrap();
    assert_follows(&document, schema, written);
}

fn assert_follows(document: &Value, schema: &Value, written: &Value) {
    if written.is_null() {
        return;
    }
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["oneOf"][0]["$ref"].as_str());
    let schema = reference.map_or(schema, |reference| {
        document.pointer(reference.trim_start_matches('#')).unwrap()
    });
    match written {
        Value::Array(items) => {
            for item in items {
                assert_follows(document, &schema["items"], item);
            }
        }
        Value::Object(fields) => {
            for required in schema["required"].as_array().unwrap() {
                assert!(
                    fields.contains_key(required.as_str().unwrap()),
                    "{required}"
                );
            }
            for (name, value) in fields {
                let property = &schema["properties"][name];
                assert!(!property.is_null(), "{name} is not documented");
                assert_follows(document, property, value);
            }
        }
        Value::String(text) => {
            let words = schema["enum"].as_array();
            assert!(
                words.is_none_or(|words| words.contains(&json!(text))),
                "{text}"
            );
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn written(content: &impl serde::Serialize) -> Value {
    serde_json::to_value(content).unwrap()
}

#[test]
fn answers_have_the_documented_fields() {
    let subject = subject();
    let shown = written(&SubjectJson::new(&subject, Numbers::Masked));
    assert_documented("Subject", &shown);
    let methods = MethodsView {
        methods: vec![method()],
        fallback_order: vec![MethodId([1; 10])],
    };
    let listed = written(&MethodsJson::new(&methods, Numbers::Masked));
    assert_documented("MethodList", &listed);
    let changed = written(&ChangeJson::new(&change(), Numbers::Masked));
    assert_documented("NumberChange", &changed);
    assert_documented(
        "BypassCodeState",
        &written(&BypassCodeJson::new(&bypass_code())),
    );
    let once = ShownOnce {
        code: Zeroizing::new("12345".to_owned()),
        created_at_ms: 1,
    };
    assert_documented("SecretOnce", &written(&ShownOnceJson::new(&once)));
    assert_documented("Audit", &written(&AuditJson::new(&audit())));
}

#[test]
fn every_end_of_an_action_is_documented() {
    let id = ActionId([4; 16]);
    let expires_at_ms = 1;
    let acts_at_ms = 2;
    for (view, status) in [
        (ActionView::Done, "done"),
        (ActionView::Waiting { id, expires_at_ms }, "waiting"),
        (ActionView::Scheduled { id, acts_at_ms }, "scheduled"),
        (ActionView::Withdrawn { id }, "withdrawn"),
    ] {
        let shown = written(&ActionJson::new(view));
        assert_eq!(shown["status"], status);
        assert_documented("Action", &shown);
    }
}

#[test]
fn numbers_are_masked_unless_they_may_be_seen() {
    let subject = subject();
    let masked = written(&SubjectJson::new(&subject, Numbers::Masked));
    assert!(!masked.to_string().contains("4155550123"), "{masked}");
    let full = written(&SubjectJson::new(&subject, Numbers::Full));
    assert_eq!(full["methods"][0]["number"], "+14155550123");
    assert_eq!(full["number_change"]["to"], "+14155550123");
}

#[test]
fn nothing_that_is_shown_once_gets_into_debug_output() {
    let once = ShownOnce {
        code: Zeroizing::new("12345-67890".to_owned()),
        created_at_ms: 1,
    };
    assert!(!format!("{once:?}").contains("12345"));
}
