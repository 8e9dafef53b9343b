//! What callbacks are verified with and has to be fetched first, such as a
//! certificate: kept once it is there, and never asked for in a hurry, for
//! whoever calls us could make us ask.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use tokio::time::{Instant, timeout};

use super::HttpClient;

/// A provider changes its certificate now and then; more are somebody's attempts.
const DOCUMENTS_MAX: usize = 8;

/// A URL that gave nothing is not asked again before.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// All URLs together are asked no more often than this within [`AGAIN_AFTER`]: a
/// flood of forged callbacks leaves room for the genuine one's certificate.
const FETCHES_MAX: usize = 4;

/// A document is asked for anew when it is older.
const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// One provider's documents, by the client that it submits with.
pub struct Documents {
    client: HttpClient,
    /// The one asked for last at the end.
    known: Mutex<Vec<Known>>,
}

struct Known {
    url: Uri,
    asked_at: Instant,
    content: Option<Bytes>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Documents")
    }
}

enum Answer {
    Kept(Bytes),
    Wait,
    Ask,
}

impl Documents {
    /// Fetches nothing yet.
    pub fn new(client: HttpClient) -> Self {
        Self {
            client,
            known: Mutex::new(Vec::new()),
        }
    }

    /// The document at a URL, fetched if need be. `None` if it cannot be had now,
    /// which may be because somebody else is about to fetch it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing is kept, and the URL is left alone for a minute.
    pub async fn get(&self, url: &Uri) -> Option<Bytes> {
        match self.answer(url) {
            Answer::Kept(content) => return Some(content),
            Answer::Wait => return None,
            Answer::Ask => {}
        }
        let request = Request::get(url).body(Bytes::new()).ok()?;
        let response = timeout(FETCH_TIMEOUT, self.client.call(request)).await;
        let response = response.ok()?.ok()?;
        if response.status != StatusCode::OK {
            return None;
        }
        let mut all_known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all_known.iter_mut().find(|known| known.url == *url) {
            known.content = Some(response.body.clone());
        }
        Some(response.body)
    }

    fn answer(&self, url: &Uri) -> Answer {
        let now = Instant::now();
        let age = |known: &Known| now.duration_since(known.asked_at);
        let mut all_known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all_known.iter().find(|known| known.url == *url) {
            match &known.content {
                Some(content) if age(known) < AGE_MAX => return Answer::Kept(content.clone()),
                None if age(known) < AGAIN_AFTER => return Answer::Wait,
                Some(_) | None => {}
            }
        }
        let lately = all_known.iter().filter(|known| age(known) < AGAIN_AFTER);
        if lately.count() >= FETCHES_MAX {
            return Answer::Wait;
        }
        all_known.retain(|known| known.url != *url);
        if all_known.len() >= DOCUMENTS_MAX {
            // What gave nothing goes first, then the oldest.
            let without = all_known.iter().position(|known| known.content.is_none());
            all_known.remove(without.unwrap_or(0));
        }
        all_known.push(Known {
            url: url.clone(),
            asked_at: now,
            content: None,
        });
        Answer::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::{ClientSettings, Tls};
    use crate::rows::{Answer as Played, PlayedServer};

    fn documents() -> Documents {
        let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
        Documents::new(client)
    }

    fn at(server: &PlayedServer, path: &str) -> Uri {
        let base_url = server.base_url.to_string();
        let url = format!("{}{path}", base_url.trim_end_matches('/'));
        url.parse().unwrap()
    }

    #[tokio::test]
    async fn a_document_is_fetched_once() {
        let server = PlayedServer::start(vec![Played::json(200, "pem")]).await;
        let documents = documents();
        let url = at(&server, "/a.pem");
        assert_eq!(documents.get(&url).await.unwrap(), "pem");
        assert_eq!(documents.get(&url).await.unwrap(), "pem");
        assert_eq!(server.requests().await.len(), 1);
    }

    #[tokio::test]
    async fn what_gave_nothing_is_asked_again_only_after_a_minute() {
        let answers = vec![Played::json(404, "no"), Played::json(200, "pem")];
        let server = PlayedServer::start(answers).await;
        let documents = documents();
        let url = at(&server, "/a.pem");
        assert_eq!(documents.get(&url).await, None);
        assert_eq!(documents.get(&url).await, None);
        tokio::time::pause();
        tokio::time::advance(AGAIN_AFTER).await;
        tokio::time::resume();
        assert_eq!(documents.get(&url).await.unwrap(), "pem");
        assert_eq!(server.requests().await.len(), 2);
    }

    #[tokio::test]
    async fn many_urls_are_not_all_asked_and_not_all_kept() {
        let answers = (0..FETCHES_MAX).map(|_| Played::json(404, "no")).collect();
        let server = PlayedServer::start(answers).await;
        let documents = documents();
        for number in 0..20 {
            let url = at(&server, &format!("/{number}.pem"));
            assert_eq!(documents.get(&url).await, None);
        }
        assert_eq!(server.requests().await.len(), FETCHES_MAX);
        tokio::time::pause();
        for number in 0..3 * DOCUMENTS_MAX {
            tokio::time::advance(AGAIN_AFTER).await;
            let url = format!("https://127.0.0.1/{number}").parse().unwrap();
            assert!(matches!(documents.answer(&url), Answer::Ask));
        }
        assert_eq!(documents.known.lock().unwrap().len(), DOCUMENTS_MAX);
    }
}
