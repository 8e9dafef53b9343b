//! Kannel's documented answers, by hand and over a real connection, its reports,
//! its settings.

use proptest::prelude::*;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer, PlayedServer};
use crate::transcripts::{self, outcome_words};

fn values() -> Values {
    Values::default()
        .with(
            "url",
            Value::Url(Uri::from_static("http://127.0.0.1:13013/cgi-bin/sendsms")),
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
    transcripts::play("kannel", &*made(&values()), |_, _| http::HeaderMap::new());
}

#[tokio::test]
async fn the_transcripts_answers_mean_the_same_over_a_real_connection() {
    transcripts::play_served("kannel", |base_url| {
        made(&values().with("url", Value::Url(base_url)))
    })
    .await;
}

#[tokio::test]
async fn every_row_of_the_error_table_is_played_over_a_real_connection() {
    let answers = ANSWERS.iter().map(|(begins, ..)| Answer {
        status: 400,
        headers: "content-type: text/html\r\n",
        body: format!("{begins} and so on"),
    });
    let server = PlayedServer::start(answers.collect()).await;
    let url = format!("{}cgi-bin/sendsms", server.base_url)
        .parse()
        .unwrap();
    let provider = made(&values().with("url", Value::Url(url)));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, ANSWERS.len()).await;
    for ((begins, verdict, code), outcome) in ANSWERS.iter().zip(&outcomes) {
        let words = match verdict {
            Verdict::Provider => format!("refused for this provider, code {code}"),
            Verdict::Now => format!("refused for now, code {code}"),
            Verdict::Credentials => format!("credentials refused, code {code}"),
            Verdict::Number | Verdict::Fraud | Verdict::Throttled | Verdict::Unknown => {
                panic!("no row of Kannel's means this")
            }
        };
        assert_eq!(outcome_words(outcome), words, "{begins}");
    }
    assert!(requests[0].starts_with("GET /cgi-bin/sendsms?username=watchword&"));
}

#[test]
fn an_smsc_is_named_and_a_percent_sign_in_our_url_stays_one() {
    let provider = made(&values().with("smsc", Value::Text("fast".into())));
    let mut message = transcripts::message();
    message.receipt_url = Some("https://a.example/100%25/r".into());
    let request = provider.request(&message).unwrap();
    let query = request.uri().query().unwrap();
    let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let of = |name: &str| {
        fields
            .iter()
            .find(|(found, _)| found == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(of("smsc"), "fast");
    assert_eq!(
        of("dlr-url"),
        "https://a.example/100%%25/r?dlr=%d&answer=%A"
    );
}

#[test]
fn nothing_vouches_for_its_reports_but_the_url_and_it_wants_to_read_something() {
    let provider = made(&values());
    assert!(!provider.capabilities().receipts_signed);
    assert!(!provider.capabilities().receipt_answer.is_empty());
}

proptest! {
    #[test]
    fn arbitrary_reports_and_answers_never_panic(query in "[ -~]{0,80}", body in ".{0,80}") {
        let provider = made(&values());
        let url = format!("https://a.example/r?{query}");
        _ = provider.receipts(&Callback {
            method: &http::Method::GET,
            url: &url,
            headers: &http::HeaderMap::new(),
            body: b"",
            now_ms: 0,
        });
        _ = provider.classify(&Response {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.into(),
        });
    }
}
