//! A tenant's endpoint: takes signed events, remembers every one that was
//! rightly signed, and answers as the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::http_wire::read_request;
use super::webhook_signature::WebhookSecret;

/// One event as it was posted.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) webhook_id: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
    pub(crate) at: Instant,
}

impl Told {
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }
}

/// Cheap to clone; listens until the test's runtime ends.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    secrets: Vec<WebhookSecret>,
    status: Mutex<u16>,
    told: watch::Sender<Vec<Told>>,
    rejected: Mutex<Vec<String>>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let sink = Self(Arc::new(Shared {
            address: listener
                .local_addr()
                .expect("a bound listener has an address"),
            secrets: vec![WebhookSecret::random(), WebhookSecret::random()],
            status: Mutex::new(200),
            told: watch::Sender::new(Vec::new()),
            rejected: Mutex::default(),
        }));
        tokio::spawn(listen(listener, Arc::clone(&sink.0)));
        sink
    }

    /// What a gateway's configuration needs to tell the tenant `acme` here.
    pub(crate) fn tenant_entry(&self, more: &str) -> String {
        let secrets: Vec<&str> = self.0.secrets.iter().map(WebhookSecret::text).collect();
        format!(
            "\n[[tenants.webhooks]]\nid = \"main\"\nurl = \"http://{}/hooks\"\nsecrets = {secrets:?}\n{more}\n",
            self.0.address
        )
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.address.port()
    }

    pub(crate) fn answer_with(&self, status: u16) {
        *self.0.status.lock().expect("no holder panics") = status;
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        assert_eq!(
            *self.0.rejected.lock().expect("no holder panics"),
            Vec::<String>::new()
        );
        self.0.told.borrow().clone()
    }

    /// Waits until what was told is as the test wants it.
    pub(crate) async fn has_been_told(
        &self,
        what: impl Fn(&[Told]) -> bool,
        within: Duration,
    ) -> bool {
        let mut seen = self.0.told.subscribe();
        let waiting = seen.wait_for(|told| what(told));
        timeout(within, waiting).await.is_ok()
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Arc::clone(&shared)));
    }
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let status = *shared.status.lock().expect("no holder panics");
        let id = request.header("webhook-id").to_owned();
        let timestamp_s = request.header("webhook-timestamp").parse().unwrap_or(0);
        let signatures = request.header("webhook-signature");
        // Whichever of the two secrets a receiver knows, it can verify.
        let is_genuine = shared
            .secrets
            .iter()
            .all(|secret| secret.verifies(&id, timestamp_s, &request.body, signatures));
        match serde_json::from_slice(&request.body) {
            Ok(body) if is_genuine => shared.told.send_modify(|told| {
                told.push(Told {
                    webhook_id: id,
                    body,
                    status,
                    at: Instant::now(),
                });
            }),
            _ => shared
                .rejected
                .lock()
                .expect("no holder panics")
                .push(format!("{id}: not signed, or no JSON")),
        }
        let answer = format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
