//! SNS's documented answers over a real connection.

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, outcome_words, verdict_words};

fn provider(change: impl FnOnce(Values) -> Values) -> SnsProvider {
    let values = Values::default()
        .with("region", Value::Text("eu-west-1".into()))
        .with("access_key_id", Value::Text("AKIDEXAMPLE".into()))
        .with("secret_access_key", Value::Secret("secret".into()))
        .with("sender", Value::Text("ACME".into()));
    transcripts::given(&change(values), KIND.channels, Receipts::None, |given| {
        SnsProvider::new(given).unwrap()
    })
}

#[test]
fn the_transcripts_play() {
    let provider = provider(|values| values);
    transcripts::play("aws-sns", &provider, |_, _| HeaderMap::new());
}

#[tokio::test]
async fn every_row_of_the_table_is_understood_over_a_connection() {
    let rows: Vec<_> = ERRORS
        .0
        .iter()
        .flat_map(|(verdict, codes)| codes.iter().map(move |code| (*verdict, *code)))
        .collect();
    let answers = rows.iter().map(|(_, code)| {
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code></Error>");
        Played::json(400, format!("<ErrorResponse>{error}</ErrorResponse>"))
    });
    let server = PlayedServer::start(answers.collect()).await;
    let base_url = server.base_url.clone();
    let provider = Arc::new(provider(|values| {
        values.with("base_url", Value::Url(base_url))
    }));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, rows.len()).await;
    for ((verdict, code), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), verdict_words(*verdict, code));
    }
    assert!(requests[0].starts_with("POST / HTTP/1.1\r\n"));
}

#[test]
fn without_a_sender_aws_picks_one() {
    let values = Values::default()
        .with("region", Value::Text("cn-north-1".into()))
        .with("access_key_id", Value::Text("AKIDEXAMPLE".into()))
        .with("secret_access_key", Value::Secret("secret".into()))
        .with("session_token", Value::Secret("token".into()));
    let provider = transcripts::given(&values, KIND.channels, Receipts::None, |given| {
        SnsProvider::new(given).unwrap()
    });
    let request = provider.request(&transcripts::message()).unwrap();
    assert_eq!(request.uri(), "https://sns.cn-north-1.amazonaws.com.cn/");
    assert_eq!(request.headers()["x-amz-security-token"], "token");
    let body = std::str::from_utf8(request.body()).unwrap();
    assert!(!body.contains("entry.2"), "{body}");
}

#[test]
fn an_element_is_read_only_if_it_is_whole() {
    for (xml, expected) in [
        ("<a><Code>X</Code></a>", Some("X")),
        ("<a><Code/></a>", None),
        ("<a><Code><b>X</b></Code></a>", None),
        ("<a><Codes>X</Codes></a>", None),
        ("", None),
        ("\u{0}<", None),
    ] {
        let read = element(xml.as_bytes(), b"Code");
        assert_eq!(read.as_deref(), expected, "{xml}");
    }
    let flood = "<a>".repeat(10_000);
    assert_eq!(element(flood.as_bytes(), b"Code"), None);
}
