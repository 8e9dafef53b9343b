//! Plays the recorded answers once more, by a local server and over the real
//! client: what a transcript says of an answer holds for one that came that way.

use std::sync::Arc;

use http::Uri;

use super::{Body, Transcript, all, message, outcome_words};
use crate::Provider;
use crate::rows::{Answer, PlayedServer};

/// Submits one message for each recorded answer, to a provider at the server.
pub(crate) async fn play_served(kind: &str, provider_at: impl FnOnce(Uri) -> Arc<dyn Provider>) {
    let mut answers = Vec::new();
    let mut stories = Vec::new();
    for (file, transcript) in all(kind) {
        let Some((answer, outcome)) = answer_of(transcript) else {
            continue;
        };
        answers.push(answer);
        stories.push((file, outcome));
    }
    let count = stories.len();
    assert!(count > 10, "only {count} answers of {kind} were found");
    let server = PlayedServer::start(answers).await;
    let provider = provider_at(server.base_url.clone());
    let (outcomes, _) = server.submit_all(provider, message(), count).await;
    for ((file, expected), outcome) in stories.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *expected, "{file}");
    }
}

fn answer_of(transcript: Transcript) -> Option<(Answer, String)> {
    let response = transcript.response?;
    let mut headers = String::new();
    for (name, value) in &response.headers {
        headers += &format!("{name}: {value}\r\n");
    }
    let body = match response.body {
        Body::Text(text) => text,
        Body::Json(value) => value.to_string(),
        Body::Base64(_) => return None,
    };
    let answer = Answer {
        status: response.status,
        headers: headers.leak(),
        body,
    };
    Some((answer, transcript.outcome?))
}
