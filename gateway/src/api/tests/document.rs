//! The OpenAPI document says what the code does: operations, scopes, codes,
//! fields and examples.

use std::collections::BTreeSet;

use super::*;
use crate::api::endpoint::{ENDPOINTS, Target};
use crate::api::{codes, openapi};
use serde_json::Map;

fn document() -> Value {
    serde_json::from_str(openapi::DOCUMENT).unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// Every operation: method, path, content.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = object(&document["paths"]).iter();
    paths
        .flat_map(|(path, item)| {
            let methods = object(item).iter();
            methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_document_and_the_endpoint_table_name_the_same_operations() {
    let document = document();
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, operation)| {
            let scope = operation["x-scope"].as_str().map(str::to_owned);
            let name = operation["operationId"].as_str().unwrap().to_owned();
            (method, path, name, scope)
        })
        .collect();
    let served: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| {
            let scope = scope_of(endpoint.target).map(|scope| scope.as_str().to_owned());
            let method = endpoint.method.as_str().to_owned();
            (
                method,
                endpoint.pattern.to_owned(),
                endpoint.name.to_owned(),
                scope,
            )
        })
        .collect();
    assert_eq!(documented, served);
}

#[test]
fn every_operation_names_the_credential_it_takes() {
    let document = document();
    for (_, _, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        let endpoint = ENDPOINTS.iter().find(|line| line.name == name).unwrap();
        let schemes = operation["security"].as_array().unwrap().iter();
        let named: Vec<&str> = schemes
            .flat_map(|scheme| object(scheme).keys().map(String::as_str))
            .collect();
        let expected: &[&str] = match endpoint.target {
            Target::Tenant(..) | Target::Sandbox(_) | Target::Subject(Who::Tenant, _) => {
                &["api_key"]
            }
            Target::Operator(_) | Target::Subject(Who::Operator, _) => &["operator"],
            Target::Subject(Who::Either, _) => &["api_key", "operator"],
            Target::Entra => &["entra"],
            Target::Open(_) | Target::Provider(_) => &[],
        };
        assert_eq!(named, expected, "{name}");
    }
}

#[test]
fn every_code_is_documented_as_it_is() {
    let document = document();
    let documented = object(&document["x-error-codes"]);
    assert_eq!(documented.len(), codes::ALL.len());
    for entry in codes::ALL {
        let described = &documented[entry.code];
        assert_eq!(described["status"], entry.status.as_u16(), "{}", entry.code);
        assert_eq!(described["title"], entry.title, "{}", entry.code);
        assert_eq!(described["description"], entry.detail, "{}", entry.code);
    }
}

#[test]
fn the_docs_say_what_to_do_about_every_code() {
    let docs = include_str!("../../../../docs/api.md");
    let (_, list) = docs.split_once("### What to do about each code").unwrap();
    for entry in codes::ALL {
        assert!(
            list.contains(&format!("`{}`", entry.code)),
            "{}",
            entry.code
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut named = BTreeSet::new();
    walk(&document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            named.insert(reference.to_owned());
        }
    });
    for reference in &named {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (kind, components) in object(&document["components"]) {
        for name in object(components).keys() {
            let is_used = kind == "securitySchemes"
                || name == "MethodNotAllowed"
                || name == "Allow"
                || named.contains(&format!("#/components/{kind}/{name}"));
            assert!(is_used, "{kind}/{name}");
        }
    }
}

/// The fields a body of ours takes and the examples it must accept.
#[test]
fn examples_of_bodies_are_accepted_by_the_code() {
    let document = document();
    let mut count = 0;
    for (_, _, operation) in operations(&document) {
        let content = &operation["requestBody"]["content"]["application/json"];
        let Some(examples) = content["examples"].as_object() else {
            continue;
        };
        for (name, example) in examples {
            let endpoint = operation["operationId"].as_str().unwrap();
            let line = ENDPOINTS.iter().find(|line| line.name == endpoint).unwrap();
            let body = example["value"].to_string();
            assert_eq!(
                read(line.target, &asked_at(line.pattern, &body)),
                Ok(()),
                "{endpoint} {name}"
            );
            count += 1;
        }
    }
    assert!(count >= 12, "{count}");
}

#[tokio::test]
async fn every_documented_field_is_read_and_no_other() {
    let document = document();
    let api = TestApi::new();
    for (method, path, operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else {
            continue;
        };
        let schema = document.pointer(reference.trim_start_matches("#")).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{reference}");
        let line = ENDPOINTS.iter().find(|line| {
            let name = operation["operationId"].as_str().unwrap();
            line.name == name
        });
        let key = match line.unwrap().target {
            Target::Operator(_) | Target::Subject(Who::Operator, _) => "operator",
            Target::Open(_)
            | Target::Tenant(..)
            | Target::Sandbox(_)
            | Target::Provider(_)
            | Target::Entra
            | Target::Subject(Who::Tenant | Who::Either, _) => "all",
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path = path_of(&path);
        for field in object(&schema["properties"]).keys() {
            // No field takes a list of lists.
            let body = format!(r#"{{"{field}":[[]]}}"#);
            let answer = api.ask(method.clone(), &path, key, &body).await;
            assert_eq!(answer.problem(), is(422, "invalid_field"), "{path} {field}");
            assert_eq!(answer.json()["field"], field.as_str(), "{path}");
        }
        let answer = api.ask(method, &path, key, r#"{"nonsense":1}"#).await;
        assert_eq!(answer.problem(), is(422, "unknown_field"), "{path}");
        let detail = answer.json()["detail"].to_string();
        assert!(!detail.contains("nonsense"), "{path}: {detail}");
        for field in object(&schema["properties"]).keys() {
            assert!(detail.contains(field.as_str()), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn statuses_that_every_request_can_meet_are_documented() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let answers = object(&operation["responses"]);
        let takes_body = operation.get("requestBody").is_some() || method == "POST";
        for (status, is_needed) in [
            ("408", takes_body),
            ("413", takes_body),
            ("503", true),
            ("500", true),
        ] {
            assert!(
                !is_needed || answers.contains_key(status),
                "{method} {path} {status}"
            );
        }
        let has_parameters = path.contains('{') && !path.contains("{provider}");
        assert!(
            !has_parameters || answers.contains_key("404"),
            "{method} {path}"
        );
    }
}
