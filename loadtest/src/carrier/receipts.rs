//! The carrier's receipts: what it reports of a message, when, and how often.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::Book;
use crate::chance::Chance;
use crate::scenario::{Form, Receipts};
use crate::target::Reach;
use crate::timer::Timer;

/// Posts at once from one thread.
const POSTS_MAX: usize = 128;
/// Receipts of one thread that wait for their time or their turn.
const WAITING_MAX: u32 = 200_000;
const POST_TIMEOUT: Duration = Duration::from_secs(5);
/// A receipt that is not taken is posted again, as providers do.
const POSTS_EACH_MAX: usize = 4;
const REPEAT_PAUSE: Duration = Duration::from_millis(500);
/// `sent` follows `delivered` after so long, when they come in the wrong order.
const REORDERED_AFTER: Duration = Duration::from_millis(200);
/// What the gateways expect of an account of Twilio's.
pub(crate) const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";

/// What there is to say about a message.
pub(super) struct Report {
    pub(super) form: Form,
    pub(super) url: Box<str>,
    pub(super) message_id: String,
    pub(super) is_delivered: bool,
    pub(super) earliest: Instant,
}

/// Posts the receipts of one thread.
pub(super) struct Postman(Rc<Inner>);

struct Inner {
    book: Arc<Book>,
    timer: Timer,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    places: Semaphore,
    waiting: Cell<u32>,
}

impl Postman {
    pub(super) fn new(book: Arc<Book>, timer: Timer) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(book.tls.clone())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(POSTS_MAX)
            .build(connector);
        Self(Rc::new(Inner {
            book,
            timer,
            client,
            places: Semaphore::new(POSTS_MAX),
            waiting: Cell::new(0),
        }))
    }

    /// Sends a report on its way as the script wants it. Answers what the script
    /// did to it, for counting.
    pub(super) fn take(
        &self,
        report: Report,
        script: &Receipts,
        chance: &mut Chance,
    ) -> [Option<&'static str>; 2] {
        let inner = &self.0;
        if !inner.may_post_to(&report.url) {
            return [Some("receipt_not_allowed"), None];
        }
        if chance.happens(script.lost_ratio) {
            return [Some("receipt_lost"), None];
        }
        if inner.waiting.get() >= WAITING_MAX {
            return [Some("receipt_dropped"), None];
        }
        let at = report.earliest + script.delay.draw(chance);
        let is_doubled = chance.happens(script.doubled_ratio);
        let is_reordered = chance.happens(script.reordered_ratio);
        let status = if report.is_delivered {
            "delivered"
        } else {
            "undelivered"
        };
        let report = Rc::new(report);
        inner.post_at(&report, status, at);
        if is_doubled {
            inner.post_at(&report, status, at);
        }
        if is_reordered {
            inner.post_at(&report, "sent", at + REORDERED_AFTER);
        }
        [
            is_doubled.then_some("receipt_doubled"),
            is_reordered.then_some("receipt_reordered"),
        ]
    }
}

impl Inner {
    fn post_at(self: &Rc<Self>, report: &Rc<Report>, status: &'static str, at: Instant) {
        let (inner, report) = (Rc::clone(self), Rc::clone(report));
        self.waiting.set(self.waiting.get() + 1);
        spawn_local(async move {
            inner.timer.until(at).await;
            let place = inner.places.acquire().await;
            inner.post(&report, status).await;
            drop(place);
            inner.waiting.set(inner.waiting.get() - 1);
        });
    }

    /// Posts until somebody takes it: first where the gateway asked for it, then
    /// over other nodes.
    async fn post(&self, report: &Report, status: &str) {
        let Ok(asked_for) = report.url.parse::<Uri>() else {
            return;
        };
        let detours = self.book.detours.get().map_or(&[][..], Vec::as_slice);
        let detours = detours.iter().filter_map(|authority| {
            let mut parts = asked_for.clone().into_parts();
            parts.authority = Some(authority.parse().ok()?);
            Uri::from_parts(parts).ok()
        });
        let ways: Vec<Uri> = std::iter::once(asked_for.clone()).chain(detours).collect();
        for (times, way) in ways.iter().cycle().take(POSTS_EACH_MAX).enumerate() {
            if times > 0 {
                tokio::time::sleep(REPEAT_PAUSE).await;
            }
            let Some(request) = self.request(report, status, way) else {
                return;
            };
            let answer = tokio::time::timeout(POST_TIMEOUT, self.client.request(request)).await;
            match answer {
                Ok(Ok(answer)) if answer.status().as_u16() != 503 => return,
                Ok(Ok(_) | Err(_)) | Err(_) => {}
            }
        }
    }

    fn request(&self, report: &Report, status: &str, way: &Uri) -> Option<Request<Full<Bytes>>> {
        let secret = self.book.secret.as_ref()?;
        let mut request = match report.form {
            Form::Webhook => {
                let body = format!(r#"{{"status":"{status}"}}"#);
                let now = jiff::Timestamp::now().as_second().to_string();
                let id = format!("rcp_{}", report.message_id);
                let signature = secret.sign_webhook(&id, &now, body.as_bytes());
                let mut request = Request::new(Full::from(body));
                let headers = request.headers_mut();
                headers.insert("webhook-id", HeaderValue::from_str(&id).ok()?);
                headers.insert("webhook-timestamp", HeaderValue::from_str(&now).ok()?);
                headers.insert("webhook-signature", HeaderValue::from_str(&signature).ok()?);
                let json = HeaderValue::from_static("application/json");
                headers.insert(header::CONTENT_TYPE, json);
                request
            }
            Form::Twilio => {
                let fields = [
                    ("AccountSid", ACCOUNT_SID),
                    ("MessageSid", report.message_id.as_str()),
                    ("MessageStatus", status),
                ];
                let signature = secret.sign_twilio(&report.url, &fields);
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish();
                let mut request = Request::new(Full::from(form));
                let headers = request.headers_mut();
                let signature = HeaderValue::from_str(&signature).ok()?;
                headers.insert("x-twilio-signature", signature);
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(header::CONTENT_TYPE, form);
                request
            }
        };
        *request.method_mut() = Method::POST;
        *request.uri_mut() = way.clone();
        Some(request)
    }

    /// A gateway may not use the carrier to reach others.
    fn may_post_to(&self, url: &str) -> bool {
        if self.book.secret.is_none() {
            return false;
        }
        match self.book.reach {
            Reach::Anywhere => true,
            Reach::LoopbackOnly => {
                let uri = url.parse::<Uri>().ok();
                let host = uri.as_ref().and_then(Uri::host);
                host.is_some_and(|host| {
                    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
                    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
                })
            }
        }
    }
}
