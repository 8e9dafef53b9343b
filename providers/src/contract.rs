//! The contract between dispatch and a provider: what it gets, what it answers.

mod call;
mod callback;
mod code;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tower::util::BoxCloneSyncService;

pub use self::call::{
    CALL_DURATION_MAX, CODE_REPETITIONS, CallDocument, CallEvent, CallStep, CallTexts, CallTurn,
    Calls, EXTENSION_RINGING_MAX, KEY_WAIT, LAST_KEY_WAIT, REPORT_KEY, call_duration_max,
};
pub use self::callback::{Callback, DeliveryReceipt, ReceiptError, ReceiptStatus};
pub use self::code::{MessageId, ProviderCode};
use crate::{Extension, PhoneNumber};

/// How a code travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Sms,
    Voice,
}

impl Channel {
    /// The word used in the API, the configuration and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One message for one number over one channel: what a provider is asked to submit.
///
/// `Debug` shows neither text nor number nor extension.
#[derive(Clone)]
pub struct Message {
    /// Our name for this attempt: unique, opaque, safe in a URL, at most 200
    /// characters. The same attempt always carries the same reference, so a
    /// provider that deduplicates on it never sends twice.
    pub reference: Arc<str>,
    /// Whose message it is. The sandbox keeps inboxes apart by it.
    pub tenant: Arc<str>,
    pub to: PhoneNumber,
    /// For `voice`: dialled when `to` has answered, before anything is said. Only
    /// for providers whose calls can: [`Capabilities::dials_extensions`].
    pub extension: Option<Extension>,
    pub channel: Channel,
    /// The text of an SMS, or the plain text of what a call says.
    pub text: Arc<str>,
    /// For `voice`: what is spoken where nothing can be asked for meanwhile, whole
    /// and with the code three times, digits apart (`5, 8, 4, 2.`). Without it,
    /// the text is.
    pub speech: Option<Arc<str>>,
    /// For `voice`: the same sentence by sentence.
    pub call: Option<Arc<CallTexts>>,
    /// For `voice` with [`Calls::Asked`]: where the provider asks what to say next.
    /// Our signed reference is in it; the provider's own signature has to come
    /// with it all the same. `None`: nothing can be asked, say [`Self::spoken`].
    pub call_url: Option<Arc<str>>,
    /// What the phone shows: a number, a short code or an alphanumeric id.
    pub sender: Option<Arc<str>>,
    /// BCP 47, such as `en` or `pt-BR`; of a call with its region wherever that is
    /// known (`en-US`), for that is how voices are named.
    pub locale: Arc<str>,
    /// After this the message is useless, in ms since the Unix epoch.
    pub expires_at_ms: u64,
    /// How long the network may keep trying: until a minute before expiry.
    pub validity_period: Duration,
    /// Where the provider reports what became of it; `None` if it sends no receipts.
    pub receipt_url: Option<Arc<str>>,
}

impl Message {
    /// What a call says that says everything at once.
    pub fn spoken(&self) -> &str {
        self.speech.as_deref().unwrap_or(&self.text)
    }

    /// The longest its call may last, where the provider takes a limit.
    pub fn call_duration_max(&self) -> Duration {
        call_duration_max(self.extension.as_ref())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("to", &self.to)
            .field("channel", &self.channel)
            .field("locale", &self.locale)
            .finish_non_exhaustive()
    }
}

/// How a provider reports what became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// Never: a delivery ends at *submitted*.
    None,
    /// By calling `Message::receipt_url`.
    Reference,
    /// By calling a URL of its own settings and naming its own message id: the
    /// gateway keeps an index of those.
    MessageId,
}

impl Receipts {
    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reference => "reference",
            Self::MessageId => "message_id",
        }
    }
}

/// What a provider can do. Data, fixed at start-up.
#[derive(Clone, Debug)]
pub struct Capabilities {
    pub channels: Vec<Channel>,
    pub receipts: Receipts,
    /// The provider signs its receipts, and the signature is verified. Where it
    /// does not, the reference in the URL is all that vouches for them: they set
    /// nothing going unless the operator trusts them.
    pub receipts_signed: bool,
    /// What the provider has to read before it takes a receipt as received;
    /// empty where the status alone says so.
    pub receipt_answer: &'static str,
    /// Whether a call can ask for keys.
    pub calls: Calls,
    /// Whether a call that asks is reported to have ended, by a receipt or as
    /// [`CallStep::Ended`], whatever was known of it before.
    pub call_ends: bool,
    /// Whether a call can dial an extension. A provider whose calls cannot is never
    /// given one: the code would be told to the switchboard.
    pub dials_extensions: bool,
    /// Accepts reports of whether the code was used.
    pub feedback: bool,
    /// The longest text it takes, in characters.
    pub text_characters_max: usize,
}

impl Capabilities {
    /// Signed receipts, calls said at once and to no extension, their ends among
    /// the receipts, no feedback, texts of ten joined segments: what differs is set beside it.
    pub fn new(channels: &[Channel], receipts: Receipts) -> Self {
        Self {
            channels: channels.to_vec(),
            receipts,
            receipts_signed: true,
            receipt_answer: "",
            calls: Calls::Inline,
            call_ends: receipts != Receipts::None,
            dials_extensions: false,
            feedback: false,
            text_characters_max: 1600,
        }
    }
}

/// A complete HTTP answer, its body already bounded (64 KiB).
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A provider took the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The provider's own id for it.
    pub message_id: Option<MessageId>,
}

/// For whom a refusal is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalScope {
    /// No provider will reach this number over this channel.
    Number,
    /// This provider will not take this message; another may.
    Provider,
    /// This provider will not take it just now.
    Now,
}

/// Why a provider did not take a message, in the terms dispatch decides by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error("refused")]
    Refused {
        scope: RefusalScope,
        code: Option<ProviderCode>,
    },
    /// The provider holds the number or the traffic for fraud: stop, remember.
    #[error("refused as fraud")]
    Fraud { code: Option<ProviderCode> },
    /// 401 or 403: our credentials are wrong, so every message will fail.
    #[error("credentials refused")]
    Credentials { code: Option<ProviderCode> },
    #[error("throttled")]
    Throttled { retry_after: Option<Duration> },
    /// No connection: nothing was written.
    #[error("unreachable")]
    Unreachable,
    /// Bytes may have reached the provider and no usable answer came.
    #[error("outcome unknown")]
    Unknown { code: Option<ProviderCode> },
    /// It never left us: the provider's queue is full or its breaker is open.
    #[error("shed")]
    Shed,
}

impl SubmitError {
    /// Whether the person may get this message although the attempt failed.
    pub fn may_have_been_sent(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::Refused { .. }
            | Self::Fraud { .. }
            | Self::Credentials { .. }
            | Self::Throttled { .. }
            | Self::Unreachable
            | Self::Shed => false,
        }
    }

    /// Whether trying any other provider over this channel is pointless.
    pub fn is_final_for_number(&self) -> bool {
        match self {
            Self::Refused { scope, .. } => *scope == RefusalScope::Number,
            Self::Fraud { .. } => true,
            Self::Credentials { .. }
            | Self::Throttled { .. }
            | Self::Unreachable
            | Self::Unknown { .. }
            | Self::Shed => false,
        }
    }

    /// Whether the same provider may take the same message a little later.
    pub fn is_only_for_now(&self) -> bool {
        match self {
            Self::Refused { scope, .. } => *scope == RefusalScope::Now,
            Self::Throttled { .. } | Self::Unreachable | Self::Shed => true,
            Self::Fraud { .. } | Self::Credentials { .. } | Self::Unknown { .. } => false,
        }
    }

    /// The provider's own code, if it gave a usable one.
    pub fn code(&self) -> Option<&ProviderCode> {
        match self {
            Self::Refused { code, .. }
            | Self::Fraud { code }
            | Self::Credentials { code }
            | Self::Unknown { code } => code.as_ref(),
            Self::Throttled { .. } | Self::Unreachable | Self::Shed => None,
        }
    }
}

/// The message cannot be put into this provider's form; final for this provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the provider does not carry this channel")]
    Channel,
    #[error("the text is longer than the provider takes")]
    TextTooLong,
    #[error("no sender is configured")]
    SenderMissing,
    #[error("the request could not be built")]
    Malformed,
}

/// Whether the code of a submitted message was used.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// The provider's own id for the message.
    pub message_id: &'a ProviderCode,
    pub channel: Channel,
    pub was_used: bool,
    /// When that was known, in ms since the Unix epoch.
    pub at_ms: u64,
}

/// What a provider is, seen from dispatch. Every method is pure: the time it may
/// need comes from the clock that it was made with.
pub trait Provider: Send + Sync + 'static {
    fn capabilities(&self) -> &Capabilities;

    /// The HTTP request that submits this message.
    ///
    /// # Errors
    ///
    /// The message does not fit this provider; another may take it.
    fn request(&self, message: &Message) -> Result<http::Request<Bytes>, RequestError>;

    /// What the provider's complete answer means.
    ///
    /// # Errors
    ///
    /// The provider did not take the message; the error says what to do next.
    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError>;

    /// The receipts in a callback, after verifying its signature. With
    /// [`Receipts::MessageId`], each has a message id.
    ///
    /// # Errors
    ///
    /// The callback is not believed or not understood; nothing may change.
    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError>;

    /// After [`ReceiptError::Unfetched`]: where the document is that the callback
    /// has to be verified with, such as a certificate. Never anywhere but at the
    /// provider's own hosts, whatever the callback says.
    fn document(&self, _callback: &Callback<'_>) -> Option<http::Uri> {
        None
    }

    /// The same as [`Self::receipts`], with the document at hand. There may be
    /// none in a callback that only asks for a [`Self::confirmation`].
    ///
    /// # Errors
    ///
    /// As for [`Self::receipts`].
    fn receipts_by(
        &self,
        callback: &Callback<'_>,
        _document: &[u8],
    ) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        self.receipts(callback)
    }

    /// What is to be fetched to confirm that we want the provider's callbacks, if
    /// this one, verified with the document, asks for that.
    fn confirmation(&self, _callback: &Callback<'_>, _document: &[u8]) -> Option<http::Uri> {
        None
    }

    /// Whether the receipts in a callback that is believed say that the person
    /// called pressed [`REPORT_KEY`]: of providers that ask nothing during a call,
    /// and tell its keys at the end.
    fn was_reported(&self, _callback: &Callback<'_>) -> bool {
        false
    }

    /// What the provider says of a call it is making, by a request to
    /// [`Message::call_url`], after verifying its signature: our reference in the
    /// URL is no proof, for whoever reads it there could ask for the code.
    ///
    /// # Errors
    ///
    /// The callback is not believed or not understood; nothing may be said.
    fn call_event(&self, _callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }

    /// What a call does next, in the provider's form. Only with [`Calls::Asked`].
    fn call_answer(&self, _turn: &CallTurn<'_>) -> CallDocument {
        CallDocument {
            content_type: "text/plain",
            body: Bytes::new(),
        }
    }

    /// The request that reports whether the code was used, if it takes one.
    fn feedback(&self, _feedback: &Feedback<'_>) -> Option<http::Request<Bytes>> {
        None
    }
}

/// One provider, ready to take messages: what dispatch calls.
///
/// A provider over HTTP is wrapped by [`crate::http_client::HttpProvider`];
/// others implement the tower service directly.
pub type ProviderService = BoxCloneSyncService<Arc<Message>, Submitted, SubmitError>;
