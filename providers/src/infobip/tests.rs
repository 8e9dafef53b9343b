//! Infobip's documented answers over a real connection, its reports, its settings.

use http::HeaderMap;

use super::errors::NETWORK_ERRORS;
use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, outcome_words};
use crate::verdict::ErrorTable;

fn values(base_url: Uri) -> Values {
    Values::default()
        .with("base_url", Value::Url(base_url))
        .with("api_key", Value::Secret("key".into()))
        .with("sender", Value::Text("ACME".into()))
        .with("caller", Value::Text("385123456".into()))
        .with("machine_detection", Value::Flag(true))
}

fn provider(base_url: Uri) -> InfobipProvider {
    let values = values(base_url);
    transcripts::given(&values, KIND.channels, Receipts::Reference, |given| {
        InfobipProvider::new(given).unwrap()
    })
}

fn own_address() -> Uri {
    Uri::from_static("https://xxxxx.api.infobip.com")
}

#[test]
fn the_transcripts_play() {
    let provider = provider(own_address());
    transcripts::play("infobip", &provider, |_, _| HeaderMap::new());
}

/// What dispatch is to be told of each verdict of a table.
fn rows(table: &'static ErrorTable) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.0.iter().flat_map(|(verdict, names)| {
        let words = match verdict {
            Verdict::Number => "refused for the number",
            Verdict::Provider => "refused for this provider",
            Verdict::Now => "refused for now",
            Verdict::Fraud => "refused as fraud",
            Verdict::Throttled => "throttled",
            Verdict::Credentials => "credentials refused",
            Verdict::Unknown => "unknown",
        };
        names.iter().map(move |name| (*name, words))
    })
}

#[tokio::test]
async fn every_row_of_the_table_is_understood_over_a_connection() {
    let rows: Vec<_> = rows(&STATUSES).collect();
    assert_eq!(rows.len(), 20);
    let answer = |name: &str| {
        let status = format!(r#"{{"groupId":5,"groupName":"REJECTED","id":1,"name":"{name}"}}"#);
        let message = format!(r#"{{"messageId":"att_07c1e0","status":{status}}}"#);
        Played::json(200, format!(r#"{{"messages":[{message}]}}"#))
    };
    let answers = rows.iter().map(|(name, _)| answer(name)).collect();
    let server = PlayedServer::start(answers).await;
    let provider = Arc::new(provider(server.base_url.clone()));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, rows.len()).await;
    for ((name, words), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), format!("{words}, code {name}"));
    }
    assert!(requests[0].starts_with("POST /sms/3/messages HTTP/1.1\r\n"));
}

#[test]
fn a_network_error_is_final_only_if_it_is_about_the_number_and_permanent() {
    let names: Vec<_> = rows(&NETWORK_ERRORS).map(|(name, _)| name).collect();
    assert_eq!(names.len(), 5);
    for name in names {
        for permanent in [true, false] {
            let body = format!(
                r#"{{"results":[{{"messageId":"a","status":{{"groupId":2}},
                "error":{{"name":"{name}","permanent":{permanent}}}}}]}}"#
            );
            let receipts = reports::read(body.as_bytes()).unwrap();
            assert_eq!(receipts[0].is_final_for_number, permanent, "{name}");
        }
    }
}

#[test]
fn reports_are_marked_as_unsigned() {
    assert!(!provider(own_address()).capabilities().receipts_signed);
}

#[test]
fn a_missing_number_to_call_from_is_named() {
    let mut given_values = Values::default();
    given_values.set("base_url", Value::Url(own_address()));
    given_values.set("api_key", Value::Secret("key".into()));
    let made = |channels: &[Channel]| {
        transcripts::given(&given_values, channels, Receipts::Reference, |given| {
            InfobipProvider::new(given)
                .err()
                .map(|error| error.to_string())
        })
    };
    assert_eq!(made(&[Channel::Sms]), None);
    assert!(made(&[Channel::Voice]).unwrap().starts_with("caller: "));
}
