//! Where messages come in: each is read, met by what the script has for it,
//! answered, and brought to the handset.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::Book;
use super::body::{Answer, broken, read, reply};
use super::fate::Fate;
use super::forms::{self, Message};
use super::receipts::{Postman, Report};
use crate::chance::Chance;
use crate::recorder::{Labels, Recorder, add};
use crate::results::Stage;
use crate::scenario::{Form, Receipts, Script};
use crate::sends::{Arrived, Reached, SendRef, Shown};
use crate::timer::Timer;

/// So often each thread looks how late it is.
const PROBE: Duration = Duration::from_millis(10);
/// A provider that hangs does so until the gateway gives up, or this is over.
const HANG: Duration = Duration::from_secs(120);

/// One thread of the carrier.
#[derive(Clone)]
pub(super) struct Desk(Rc<Inner>);

struct Inner {
    book: Arc<Book>,
    timer: Timer,
    postman: Postman,
    chance: RefCell<Chance>,
    recorder: RefCell<Option<Recorder>>,
    thread: u64,
    messages: Cell<u64>,
}

/// A message on its way to the handset.
struct Transit {
    message: Message,
    /// `None` if nobody here asked for it.
    send: Option<SendRef>,
    labels: Labels,
    reached_at: Instant,
    arrives_at: Instant,
}

impl Desk {
    pub(super) fn new(book: Arc<Book>, thread: u64) -> io::Result<Self> {
        let timer = Timer::new()?;
        Ok(Self(Rc::new(Inner {
            postman: Postman::new(Arc::clone(&book), timer.clone()),
            chance: RefCell::new(Chance::stream(book.seed, 2_000 + thread)),
            timer,
            book,
            recorder: RefCell::new(None),
            thread,
            messages: Cell::new(0),
        })))
    }

    pub(super) fn timer(&self) -> Timer {
        self.0.timer.clone()
    }

    /// Finds out, again and again, how late this thread is. Never ends.
    pub(super) async fn probe(self) {
        loop {
            let due = Instant::now() + PROBE;
            self.0.timer.until(due).await;
            let late = due.elapsed();
            self.count(|recorder| recorder.lateness.record(late));
        }
    }

    pub(super) fn take_recorder(&self) -> Option<Recorder> {
        self.0.recorder.take()
    }

    /// Serves a connection until the gateway closes it.
    pub(super) fn serve(&self, stream: TcpStream) {
        let desk = self.clone();
        spawn_local(async move {
            let service = service_fn(move |request| {
                let desk = desk.clone();
                async move { Ok::<_, Infallible>(desk.answer(request).await) }
            });
            // The gateway may end a connection as it likes.
            http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        let (head, body) = request.into_parts();
        let Some(provider) = self.provider(head.uri.path()) else {
            return reply((StatusCode::NOT_FOUND, Bytes::from_static(b"{}")));
        };
        if head.method != Method::POST {
            return reply((StatusCode::METHOD_NOT_ALLOWED, Bytes::from_static(b"{}")));
        }
        let Some(body) = read(body).await else {
            return reply((StatusCode::PAYLOAD_TOO_LARGE, Bytes::from_static(b"{}")));
        };
        let form = self.form(provider);
        if !self.is_genuine(form, &head.headers, &body) {
            self.count(|recorder| add(&mut recorder.counts.scripted, "bad_signature", 1));
            return reply(forms::refusal(form, StatusCode::UNAUTHORIZED));
        }
        let Some(message) = Message::read(form, &body) else {
            return reply(forms::refusal(form, StatusCode::UNPROCESSABLE_ENTITY));
        };
        self.take(provider, form, message).await
    }

    /// Meets the message with its fate.
    async fn take(&self, provider: u8, form: Form, message: Message) -> Response<Answer> {
        let at = Instant::now();
        let id = forms::message_id(form, self.next_message());
        let reached = self
            .0
            .book
            .sends
            .reached(message.number, message.delivery, provider, at);
        let (send, country) = match &reached {
            Reached::Canary => {
                let arrived = Arrived {
                    code: message.code,
                    at,
                };
                self.0.book.sends.canary_shown(message.number, arrived);
                return reply(forms::taken(form, &id));
            }
            Reached::Known { send, country, .. } => (Some(*send), Some(*country)),
            Reached::Stranger => (None, None),
        };
        let labels = Labels {
            provider: Some(provider),
            channel: Some(message.channel),
            country,
        };
        self.record(&reached, labels, at);
        let (fate, script) = self.fate(provider, at);
        let delays = {
            let mut chance = self.0.chance.borrow_mut();
            let answer = script.answer.draw(&mut chance);
            let more = if matches!(fate, Fate::Delayed) {
                script.delay.draw(&mut chance)
            } else {
                Duration::ZERO
            };
            (answer, script.delivery.draw(&mut chance) + more)
        };
        if let Some(kind) = fate.kind() {
            self.count(|recorder| add(&mut recorder.counts.scripted, kind, 1));
        }
        let transit = Transit {
            message,
            send,
            labels,
            reached_at: at,
            arrives_at: at + delays.0 + delays.1,
        };
        self.forward(fate, form, (&id, &script.receipts), transit);
        self.0.timer.until(at + delays.0).await;
        self.reply_to(fate, form, &id, provider).await
    }

    /// Sets the message on its way, if it goes anywhere. What the provider has
    /// taken goes on even if the gateway no longer waits for the answer.
    fn forward(&self, fate: Fate, form: Form, (id, receipts): (&str, &Receipts), transit: Transit) {
        match fate {
            Fate::Refused | Fate::Throttled | Fate::Unavailable | Fate::Hung => return,
            Fate::Broken
            | Fate::Lost
            | Fate::Undelivered
            | Fate::Delayed
            | Fate::Doubled
            | Fate::Plain => {}
        }
        if let Some(send) = transit.send {
            self.0.book.sends.taken(transit.message.number, send);
        }
        let copies = match fate {
            Fate::Refused
            | Fate::Throttled
            | Fate::Unavailable
            | Fate::Hung
            | Fate::Lost
            | Fate::Undelivered => 0,
            Fate::Broken | Fate::Delayed | Fate::Plain => 1,
            Fate::Doubled => 2,
        };
        if let Some(url) = &transit.message.receipt_url
            && !matches!(fate, Fate::Lost)
        {
            let report = Report {
                form,
                url: url.clone(),
                message_id: id.to_owned(),
                is_delivered: copies > 0,
                earliest: transit.arrives_at,
            };
            let drops = self
                .0
                .postman
                .take(report, receipts, &mut self.0.chance.borrow_mut());
            for kind in drops.into_iter().flatten() {
                self.count(|recorder| add(&mut recorder.counts.scripted, kind, 1));
            }
        }
        if copies == 0 {
            return;
        }
        if transit.arrives_at <= Instant::now() {
            self.deliver(&transit, copies);
            return;
        }
        let desk = self.clone();
        self.0.book.sends.departs();
        spawn_local(async move {
            desk.0.timer.until(transit.arrives_at).await;
            desk.deliver(&transit, copies);
            desk.0.book.sends.arrives();
        });
    }

    /// The handset shows the message.
    fn deliver(&self, transit: &Transit, copies: u32) {
        let Some(send) = transit.send else {
            return;
        };
        for _ in 0..copies {
            let at = Instant::now();
            let arrived = Arrived {
                code: transit.message.code,
                at,
            };
            let shown = self
                .0
                .book
                .sends
                .shown(transit.message.number, send, arrived);
            self.count(|recorder| match shown {
                Some(Shown::First { due, country }) => {
                    let labels = Labels {
                        country: Some(country),
                        ..transit.labels
                    };
                    recorder.counts.in_hand += 1;
                    recorder.at(at).in_hand += 1;
                    let in_hand = at.saturating_duration_since(due);
                    recorder.latency((Stage::InHand, labels), in_hand, at);
                    let delivery = at.saturating_duration_since(transit.reached_at);
                    recorder.latency((Stage::Deliver, labels), delivery, at);
                }
                Some(Shown::Duplicate) => recorder.counts.duplicates += 1,
                None => {}
            });
        }
    }

    async fn reply_to(&self, fate: Fate, form: Form, id: &str, provider: u8) -> Response<Answer> {
        let answer = match fate {
            Fate::Refused => forms::refusal(form, StatusCode::BAD_REQUEST),
            Fate::Throttled => forms::refusal(form, StatusCode::TOO_MANY_REQUESTS),
            Fate::Unavailable => forms::refusal(form, StatusCode::SERVICE_UNAVAILABLE),
            Fate::Hung => {
                tokio::time::sleep(HANG).await;
                return broken(Bytes::new());
            }
            Fate::Broken => return broken(forms::taken(form, id).1),
            Fate::Lost | Fate::Undelivered | Fate::Delayed | Fate::Doubled | Fate::Plain => {
                forms::taken(form, id)
            }
        };
        self.count(|recorder| {
            let name = self.0.book.providers.get(usize::from(provider));
            let name = name.map_or("", |actor| &actor.id);
            add(&mut recorder.counts.by_provider, name, 1);
        });
        reply(answer)
    }

    fn record(&self, reached: &Reached, labels: Labels, at: Instant) {
        self.count(|recorder| {
            recorder.counts.submissions += 1;
            match reached {
                Reached::Known {
                    accepted_at,
                    is_failover,
                    ..
                } => {
                    if let Some(accepted_at) = accepted_at {
                        let latency = at.saturating_duration_since(*accepted_at);
                        recorder.latency((Stage::Submit, labels), latency, at);
                    }
                    if *is_failover {
                        recorder.counts.failovers += 1;
                        recorder.at(at).failovers += 1;
                    }
                }
                Reached::Stranger => recorder.counts.strangers += 1,
                Reached::Canary => {}
            }
        });
    }

    fn fate(&self, provider: u8, at: Instant) -> (Fate, &Script) {
        let actors = &self.0.book.providers;
        let actor = actors.get(usize::from(provider)).or(actors.first());
        let actor = actor.expect("a scenario has at least one provider");
        let Some(begun) = self.0.book.begun() else {
            return (Fate::Plain, &actor.always);
        };
        let at_s = at.saturating_duration_since(begun.start).as_secs_f64();
        let script = actor.script(at_s);
        let fate = Fate::draw(script, &mut self.0.chance.borrow_mut());
        (fate, script)
    }

    /// Records, once the run has begun.
    fn count(&self, note: impl FnOnce(&mut Recorder)) {
        if let Some(begun) = self.0.book.begun() {
            let mut recorder = self.0.recorder.borrow_mut();
            let recorder =
                recorder.get_or_insert_with(|| Recorder::new(begun.start, begun.parts.clone()));
            note(recorder);
        }
    }

    fn provider(&self, path: &str) -> Option<u8> {
        let (id, _) = path.strip_prefix('/')?.split_once('/')?;
        let index = self
            .0
            .book
            .providers
            .iter()
            .position(|actor| actor.id == id)?;
        u8::try_from(index).ok()
    }

    fn form(&self, provider: u8) -> Form {
        let actor = self.0.book.providers.get(usize::from(provider));
        actor.map_or(Form::Webhook, |actor| actor.form)
    }

    fn is_genuine(&self, form: Form, headers: &HeaderMap, body: &[u8]) -> bool {
        match (form, &self.0.book.secret) {
            (Form::Webhook, Some(secret)) => secret.verifies_webhook(headers, body),
            // Basic authentication proves nothing that a test would want to know.
            (Form::Twilio, _) | (Form::Webhook, None) => true,
        }
    }

    fn next_message(&self) -> u64 {
        let number = self.0.messages.get();
        self.0.messages.set(number + 1);
        // Threads do not share a counter, so each has a range.
        (self.0.thread << 48) + number
    }
}
