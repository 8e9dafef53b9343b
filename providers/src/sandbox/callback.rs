//! The sandbox's receipts on their way to the gateway: signed like any other,
//! handed over in the process instead of over a socket.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep;

use crate::kind::ConnectError;
use crate::signature::WebhookKeys;
use crate::{CallDocument, Clock, ReceiptStatus, Secret};

/// More late receipts than this at a time are dropped and counted.
const LATE_RECEIPTS_MAX: usize = 10_000;

/// A receipt, or a call's question, as the gateway would have got it by HTTP: a
/// `POST` to `url`.
///
/// `Debug` does not show the URL, whose reference proves who may report.
pub struct SandboxCallback {
    /// The sandbox that sends it.
    pub provider: Arc<str>,
    pub url: Arc<str>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Of a call that asks what to say: where it waits for that.
    pub answer: Option<oneshot::Sender<CallDocument>>,
}

impl fmt::Debug for SandboxCallback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxCallback")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Where sandboxes put their receipts. Never waits: what does not fit is
/// dropped and counted, as a network would.
#[derive(Clone, Debug)]
pub struct CallbackSender {
    sender: mpsc::Sender<SandboxCallback>,
    dropped_count: Arc<AtomicU64>,
}

impl CallbackSender {
    /// Puts receipts into the gateway's queue.
    pub fn new(sender: mpsc::Sender<SandboxCallback>) -> Self {
        Self {
            sender,
            dropped_count: Arc::default(),
        }
    }

    /// How many receipts found no room since the start.
    pub fn dropped_count(&self) -> u64 {
        self.dropped_count.load(Ordering::Relaxed)
    }

    fn send(&self, callback: SandboxCallback) {
        if self.sender.try_send(callback).is_err() {
            self.count_dropped();
        }
    }

    fn count_dropped(&self) {
        self.dropped_count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes and signs the receipts of one sandbox. Clones share everything.
#[derive(Clone)]
pub(super) struct ReceiptWriter {
    provider: Arc<str>,
    clock: Clock,
    sender: CallbackSender,
    keys: WebhookKeys,
    forgers_keys: WebhookKeys,
    late: Arc<Semaphore>,
    written_count: Arc<AtomicU64>,
}

impl ReceiptWriter {
    /// Draws a secret that lives as long as the process.
    pub(super) fn new(
        provider: &str,
        clock: Clock,
        sender: CallbackSender,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            provider: provider.into(),
            clock,
            sender,
            keys: drawn_keys()?,
            forgers_keys: drawn_keys()?,
            late: Arc::new(Semaphore::new(LATE_RECEIPTS_MAX)),
            written_count: Arc::default(),
        })
    }

    /// What our own receipts verify with.
    pub(super) fn keys(&self) -> &WebhookKeys {
        &self.keys
    }

    pub(super) fn write(&self, url: &Arc<str>, status: ReceiptStatus) {
        self.write_signed_by(&self.keys, url, status);
    }

    /// Writes a receipt that nobody may believe.
    pub(super) fn forge(&self, url: &Arc<str>, status: ReceiptStatus) {
        self.write_signed_by(&self.forgers_keys, url, status);
    }

    /// Writes a receipt after a while, dated and signed then.
    pub(super) fn write_later(&self, url: &Arc<str>, status: ReceiptStatus, wait: Duration) {
        let Ok(permit) = Arc::clone(&self.late).try_acquire_owned() else {
            self.sender.count_dropped();
            return;
        };
        let (this, url) = (self.clone(), Arc::clone(url));
        // On its own: the receipt comes whether or not the submission is still watched.
        tokio::spawn(async move {
            sleep(wait).await;
            this.write(&url, status);
            drop(permit);
        });
    }

    fn write_signed_by(&self, keys: &WebhookKeys, url: &Arc<str>, status: ReceiptStatus) {
        let now_ms = self.clock.now_ms();
        let id = self.next_id();
        let mut receipt = serde_json::json!({ "status": status });
        let at = i64::try_from(now_ms)
            .ok()
            .and_then(|now_ms| jiff::Timestamp::from_millisecond(now_ms).ok());
        if let (Some(fields), Some(at)) = (receipt.as_object_mut(), at) {
            fields.insert("at".to_owned(), at.to_string().into());
        }
        let body = Bytes::from(receipt.to_string());
        let headers = self.signed(keys, id, now_ms, &body);
        self.sender.send(SandboxCallback {
            provider: Arc::clone(&self.provider),
            url: Arc::clone(url),
            headers,
            body,
            answer: None,
        });
    }

    /// A name for a call, that no other has.
    pub(super) fn call_id(&self) -> Result<String, ConnectError> {
        let mut drawn = [0; 16];
        rand::fill(&mut drawn).map_err(|_| ConnectError::Randomness)?;
        Ok(format!("call_{:032x}", u128::from_be_bytes(drawn)))
    }

    /// Asks what a call says; `None` if nobody answers.
    pub(super) async fn ask(&self, url: &Arc<str>, body: Bytes) -> Option<CallDocument> {
        let now_ms = self.clock.now_ms();
        let headers = self.signed(&self.keys, self.next_id(), now_ms, &body);
        let (answer, answered) = oneshot::channel();
        self.sender.send(SandboxCallback {
            provider: Arc::clone(&self.provider),
            url: Arc::clone(url),
            headers,
            body,
            answer: Some(answer),
        });
        // Whoever drops the question has refused it.
        answered.await.ok()
    }

    fn next_id(&self) -> HeaderValue {
        let number = self.written_count.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("rcp_{number}"))
            .expect("letters and digits are valid in a header")
    }

    fn signed(&self, keys: &WebhookKeys, id: HeaderValue, now_ms: u64, body: &Bytes) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        keys.sign(&mut headers, id, now_ms / 1000, body);
        headers
    }
}

fn drawn_keys() -> Result<WebhookKeys, ConnectError> {
    let mut drawn = [0; 32];
    rand::fill(&mut drawn).map_err(|_| ConnectError::Randomness)?;
    let secret = format!("whsec_{}", STANDARD.encode(drawn));
    WebhookKeys::new(&[Secret::from(secret)]).map_err(|_| ConnectError::Randomness)
}
