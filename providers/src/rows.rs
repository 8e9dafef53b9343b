//! For tests: a provider's adapter over the real client, against a local server
//! that plays one documented answer after another.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::{Service as _, ServiceExt as _};

use crate::http_client::{ClientSettings, HttpClient, HttpProvider, Tls};
use crate::{Message, Provider, SubmitError, Submitted};

/// An answer as a provider documents it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: "content-type: application/json\r\n",
            body: body.into(),
        }
    }

    fn written(&self) -> Bytes {
        let (status, headers, body) = (self.status, self.headers, &self.body);
        let length = body.len();
        format!(
            "HTTP/1.1 {status} Played\r\n{headers}connection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into()
    }
}

/// A server that gives each connection one answer, then closes it.
pub(crate) struct PlayedServer {
    pub(crate) base_url: Uri,
    served: JoinHandle<Vec<String>>,
}

impl PlayedServer {
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                requests.push(read_request(&mut stream).await);
                stream.write_all(&answer.written()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            requests
        });
        Self {
            base_url: base_url.parse().unwrap(),
            served,
        }
    }

    /// The requests that arrived, once all answers have been given.
    pub(crate) async fn requests(self) -> Vec<String> {
        self.served.await.unwrap()
    }

    /// Submits the message once for each answer: what dispatch is told, and the
    /// requests that arrived.
    pub(crate) async fn submit_all(
        self,
        provider: Arc<dyn Provider>,
        message: Message,
        times: usize,
    ) -> (Vec<Result<Submitted, SubmitError>>, Vec<String>) {
        let client = HttpClient::new(&Tls::new(None).unwrap(), &ClientSettings::default());
        let mut service = HttpProvider::new("played", provider, client);
        let message = Arc::new(message);
        let mut outcomes = Vec::new();
        for _ in 0..times {
            let ready = service.ready().await.unwrap();
            outcomes.push(ready.call(Arc::clone(&message)).await);
        }
        (outcomes, self.served.await.unwrap())
    }
}

/// Reads one request to its end.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed early");
    }
}
