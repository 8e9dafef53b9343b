//! Jasmin's documented answers, by hand and over a real connection, its reports.

use proptest::prelude::*;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer, PlayedServer};
use crate::transcripts::{self, outcome_words};
use crate::verdict::Verdict;

fn values() -> Values {
    Values::default()
        .with(
            "base_url",
            Value::Url(Uri::from_static("http://127.0.0.1:1401")),
        )
        .with("username", Value::Text("watchword".into()))
        .with("password", Value::Secret("pa&ss".into()))
        .with("sender", Value::Text("ACME".into()))
}

fn made(values: &Values) -> Arc<dyn Provider> {
    transcripts::given(values, KIND.channels, Receipts::Reference, make).unwrap()
}

#[test]
fn the_transcripts_play() {
    transcripts::play("jasmin", &*made(&values()), |_, _| HeaderMap::new());
}

#[tokio::test]
async fn the_transcripts_answers_mean_the_same_over_a_real_connection() {
    transcripts::play_served("jasmin", |base_url| {
        made(&values().with("base_url", Value::Url(base_url)))
    })
    .await;
}

#[tokio::test]
async fn every_row_of_the_error_table_is_played_over_a_real_connection() {
    let answers = ANSWERS.iter().map(|(begins, ..)| Answer {
        status: 403,
        headers: "content-type: text/plain\r\n",
        body: format!("Error \"{begins} and so on\""),
    });
    let server = PlayedServer::start(answers.collect()).await;
    let provider = made(&values().with("base_url", Value::Url(server.base_url.clone())));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, ANSWERS.len()).await;
    for ((begins, verdict, code), outcome) in ANSWERS.iter().zip(&outcomes) {
        let words = match verdict {
            Verdict::Provider => format!("refused for this provider, code {code}"),
            Verdict::Now => format!("refused for now, code {code}"),
            Verdict::Credentials => format!("credentials refused, code {code}"),
            Verdict::Throttled => "throttled".to_owned(),
            Verdict::Number | Verdict::Fraud | Verdict::Unknown => {
                panic!("no row of Jasmin's means this")
            }
        };
        assert_eq!(outcome_words(outcome), words, "{begins}");
    }
    assert!(requests[0].starts_with("POST /send HTTP/1.1\r\n"));
}

#[test]
fn nothing_vouches_for_its_reports_but_the_url_and_it_reads_its_own_word() {
    let provider = made(&values());
    assert!(!provider.capabilities().receipts_signed);
    assert_eq!(provider.capabilities().receipt_answer, "ACK/Jasmin");
}

#[test]
fn a_user_that_jasmin_cannot_have_is_refused() {
    assert!(name("watchword").is_ok());
    for wrong in ["", "a b", "é", &"a".repeat(31)] {
        assert!(name(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn arbitrary_reports_and_answers_never_panic(body in ".{0,80}") {
        let provider = made(&values());
        _ = provider.receipts(&Callback {
            method: &http::Method::POST,
            url: transcripts::RECEIPT_URL,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
            now_ms: 0,
        });
        _ = provider.classify(&Response {
            status: http::StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
        });
    }
}
