//! The provider in our own process: a carrier with handsets to read and faults
//! to switch on.

mod callback;
mod handset;
mod inbox;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Request;
use tower::Service;

use self::callback::ReceiptWriter;
pub use self::callback::{CallbackSender, SandboxCallback};
pub use self::handset::Answerer;
pub use self::inbox::{Inbox, InboxMessage};
use crate::kind::{ConnectError, Form, Given, Kind, Make, Setting};
use crate::registry::{Connected, Shared};
use crate::webhook::signed_receipt;
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Message, Provider, ProviderCode, ProviderService, ReceiptError, ReceiptStatus,
    Receipts, RefusalScope, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// A carrier that is none.
pub static KIND: Kind = Kind {
    name: "sandbox",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: true,
    senders: &[],
    settings: &[
        Setting {
            key: "latency_ms",
            form: Form::Integer {
                range: 0..=60_000,
                default: 50,
            },
            required: None,
            about: "how long a submission takes",
        },
        ratio("loss_ratio", "taken, but neither received nor reported on"),
        ratio(
            "undelivered_ratio",
            "taken, not received, and the receipt says so",
        ),
        ratio(
            "refusal_ratio",
            "refused by this provider, with code `sandbox-refused`",
        ),
        ratio("late_receipt_ratio", "the receipt comes 5 s late"),
        ratio("duplicate_receipt_ratio", "the receipt comes twice"),
        ratio(
            "forged_receipt_ratio",
            "a receipt that says the opposite, wrongly signed, comes first; it must change nothing",
        ),
        Setting {
            key: "answered_by",
            form: Form::Choice(&["person", "machine", "nobody"]),
            required: None,
            about: "who takes the calls",
        },
        Setting {
            key: "pressed_key",
            form: Form::Choice(&["1", "9", "none"]),
            required: None,
            about: "what a person presses when a call asks for a key",
        },
    ],
    make: Make::Service(connect),
};

const fn ratio(key: &'static str, about: &'static str) -> Setting {
    Setting {
        key,
        form: Form::Ratio { default: 0.0 },
        required: None,
        about,
    }
}

/// How late a late receipt is.
const LATE_BY: Duration = Duration::from_secs(5);

fn connect(given: &Given<'_>, shared: &Shared) -> Result<Connected, ConnectError> {
    let values = given.values;
    let latency = Duration::from_millis(values.integer("latency_ms")?);
    let pressed = match &**values.required_text("pressed_key")? {
        "none" => None,
        key => key.chars().next(),
    };
    let answered_by = match &**values.required_text("answered_by")? {
        "machine" => Answerer::Machine,
        "nobody" => Answerer::Nobody,
        _ => Answerer::Person(pressed),
    };
    let settings = SandboxSettings {
        channels: given.channels.to_vec(),
        receipts: given.receipts,
        latency: latency..=latency,
        loss_ratio: values.ratio("loss_ratio")?,
        undelivered_ratio: values.ratio("undelivered_ratio")?,
        refusal_ratio: values.ratio("refusal_ratio")?,
        late_receipt_ratio: values.ratio("late_receipt_ratio")?,
        late_by: LATE_BY,
        duplicate_receipt_ratio: values.ratio("duplicate_receipt_ratio")?,
        forged_receipt_ratio: values.ratio("forged_receipt_ratio")?,
        answered_by,
    };
    let sandbox = Sandbox::new(given.id, settings, given.clock, shared)?;
    Ok(Connected {
        provider: Arc::new(sandbox.clone()),
        service: ProviderService::new(sandbox),
        client: None,
    })
}

/// How the simulated carrier behaves. Every ratio is from 0 to 1.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    pub channels: Vec<Channel>,
    /// `None` or `Reference`.
    pub receipts: Receipts,
    /// How long a submission takes.
    pub latency: RangeInclusive<Duration>,
    /// Taken, but neither received nor reported on.
    pub loss_ratio: f64,
    /// Taken, not received, and the receipt says so.
    pub undelivered_ratio: f64,
    /// Refused for this provider.
    pub refusal_ratio: f64,
    /// Received, but the receipt comes `late_by` after the submission.
    pub late_receipt_ratio: f64,
    pub late_by: Duration,
    /// The receipt comes twice.
    pub duplicate_receipt_ratio: f64,
    /// A receipt that says the opposite, with a wrong signature, comes first.
    pub forged_receipt_ratio: f64,
    pub answered_by: Answerer,
}

impl Default for SandboxSettings {
    /// Takes everything at once and reports nothing.
    fn default() -> Self {
        Self {
            channels: vec![Channel::Sms, Channel::Voice],
            receipts: Receipts::None,
            latency: Duration::ZERO..=Duration::ZERO,
            loss_ratio: 0.0,
            undelivered_ratio: 0.0,
            refusal_ratio: 0.0,
            late_receipt_ratio: 0.0,
            late_by: Duration::from_secs(60),
            duplicate_receipt_ratio: 0.0,
            forged_receipt_ratio: 0.0,
            answered_by: Answerer::Person(Some('1')),
        }
    }
}

/// A simulated carrier: provider and service at once. Clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Carrier>);

struct Carrier {
    id: Arc<str>,
    settings: SandboxSettings,
    capabilities: Capabilities,
    chance: Chance,
    clock: Clock,
    inbox: Inbox,
    receipts: ReceiptWriter,
}

impl Sandbox {
    /// `id` is the name that its messages have in the inbox.
    ///
    /// # Errors
    ///
    /// There is no randomness to draw the keys of its receipts from.
    pub fn new(
        id: &str,
        settings: SandboxSettings,
        clock: &Clock,
        shared: &Shared,
    ) -> Result<Self, ConnectError> {
        let receipts = ReceiptWriter::new(id, clock.clone(), shared.sandbox_callbacks.clone())?;
        Ok(Self(Arc::new(Carrier {
            id: id.into(),
            capabilities: Capabilities {
                text_characters_max: TEXT_CHARACTERS_MAX,
                calls: Calls::Asked,
                dials_extensions: true,
                call_ends: false,
                ..Capabilities::new(&settings.channels, settings.receipts)
            },
            settings,
            chance: Chance::of(id, shared.seed),
            clock: clock.clone(),
            inbox: shared.inbox.clone(),
            receipts,
        })))
    }
}

impl Service<Arc<Message>> for Sandbox {
    type Response = Submitted;
    type Error = SubmitError;
    type Future = BoxFuture<'static, Result<Submitted, SubmitError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Arc<Message>) -> Self::Future {
        let carrier = Arc::clone(&self.0);
        Box::pin(async move {
            let latency = carrier.chance.duration(&carrier.settings.latency);
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            carrier.take(&message)
        })
    }
}

impl Carrier {
    fn take(self: &Arc<Self>, message: &Arc<Message>) -> Result<Submitted, SubmitError> {
        let refused = |code| SubmitError::Refused {
            scope: RefusalScope::Provider,
            code,
        };
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(refused(None));
        }
        if self.chance.happens(self.settings.refusal_ratio) {
            return Err(refused(ProviderCode::new("sandbox-refused")));
        }
        if self.chance.happens(self.settings.loss_ratio) {
            return Ok(Submitted { message_id: None });
        }
        if self.chance.happens(self.settings.undelivered_ratio) {
            self.report(message, ReceiptStatus::Undelivered);
        } else if let Some(call_url) = &message.call_url {
            let call = (Arc::clone(self), Arc::clone(message), Arc::clone(call_url));
            // On its own: a call lasts longer than its submission.
            tokio::spawn(async move { handset::play(call.0, call.1, call.2).await });
        } else {
            self.inbox.put(message, &self.id, self.clock.now_ms());
            self.report(message, ReceiptStatus::Delivered);
        }
        Ok(Submitted { message_id: None })
    }

    fn report(&self, message: &Message, status: ReceiptStatus) {
        let wants_receipts = match self.settings.receipts {
            Receipts::Reference => true,
            Receipts::None | Receipts::MessageId => false,
        };
        let (true, Some(url)) = (wants_receipts, &message.receipt_url) else {
            return;
        };
        let settings = &self.settings;
        if self.chance.happens(settings.forged_receipt_ratio) {
            let opposite = match status {
                ReceiptStatus::Delivered => ReceiptStatus::Undelivered,
                ReceiptStatus::Sent | ReceiptStatus::Undelivered => ReceiptStatus::Delivered,
            };
            self.receipts.forge(url, opposite);
        }
        let copies = if self.chance.happens(settings.duplicate_receipt_ratio) {
            2
        } else {
            1
        };
        let is_late = self.chance.happens(settings.late_receipt_ratio);
        for _ in 0..copies {
            if is_late {
                self.receipts.write_later(url, status, settings.late_by);
            } else {
                self.receipts.write(url, status);
            }
        }
    }
}

impl Provider for Sandbox {
    fn capabilities(&self) -> &Capabilities {
        &self.0.capabilities
    }

    /// Always refused: the sandbox is called as a service, not over HTTP.
    fn request(&self, _message: &Message) -> Result<Request<Bytes>, RequestError> {
        Err(RequestError::Malformed)
    }

    /// Always unknown: no HTTP answer is the sandbox's.
    fn classify(&self, _response: &Response) -> Result<Submitted, SubmitError> {
        Err(SubmitError::Unknown { code: None })
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        match self.0.capabilities.receipts {
            Receipts::None | Receipts::MessageId => Err(ReceiptError::NotExpected),
            Receipts::Reference => {
                signed_receipt(self.0.receipts.keys(), callback).map(|one| vec![one])
            }
        }
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        let keys = self.0.receipts.keys();
        keys.verify(callback.headers, callback.body, callback.now_ms)?;
        handset::event(callback)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        handset::document(turn)
    }
}

/// Chance that repeats itself from the same seed: SplitMix64, without a lock.
struct Chance(AtomicU64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Two sandboxes of one seed must not fail in step: failover would never help.
    fn of(id: &str, seed: u64) -> Self {
        // FNV-1a.
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self::new(id.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix))
    }

    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut drawn = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }

    /// From 0 up to, but never, 1.
    fn fraction(&self) -> f64 {
        let high_bits = u32::try_from(self.draw() >> 32).unwrap_or(u32::MAX);
        f64::from(high_bits) / (f64::from(u32::MAX) + 1.0)
    }

    fn happens(&self, ratio: f64) -> bool {
        self.fraction() < ratio
    }

    fn duration(&self, range: &RangeInclusive<Duration>) -> Duration {
        let spread = range.end().saturating_sub(*range.start());
        *range.start() + spread.mul_f64(self.fraction())
    }
}

#[cfg(test)]
mod tests;
