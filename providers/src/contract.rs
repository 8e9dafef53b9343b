//! The contract between dispatch and a provider: what it gets, what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tower::util::BoxCloneSyncService;

use crate::PhoneNumber;

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
/// `Debug` shows neither text nor number.
#[derive(Clone)]
pub struct Message {
    /// Our name for this attempt: unique, opaque, safe in a URL, at most 200
    /// characters. The same attempt always carries the same reference, so a
    /// provider that deduplicates on it never sends twice.
    pub reference: Arc<str>,
    /// Whose message it is. The sandbox keeps inboxes apart by it.
    pub tenant: Arc<str>,
    pub to: PhoneNumber,
    pub channel: Channel,
    /// The text of an SMS, or the plain text of what a call says.
    pub text: Arc<str>,
    /// For `voice`: what is spoken, digits apart (`5, 8, 4, 2.`).
    pub speech: Option<Arc<str>>,
    /// What the phone shows: a number, a short code or an alphanumeric id.
    pub sender: Option<Arc<str>>,
    /// BCP 47, such as `en` or `pt-BR`.
    pub locale: Arc<str>,
    /// After this the message is useless, in ms since the Unix epoch.
    pub expires_at_ms: u64,
    /// How long the network may keep trying: until a minute before expiry.
    pub validity_period: Duration,
    /// Where the provider reports what became of it; `None` if it sends no receipts.
    pub receipt_url: Option<Arc<str>>,
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

/// What a provider can do. Data, fixed at start-up.
#[derive(Clone, Debug)]
pub struct Capabilities {
    pub channels: Vec<Channel>,
    pub receipts: Receipts,
    /// Accepts reports of whether the code was used.
    pub feedback: bool,
    /// The longest text it takes, in characters.
    pub text_characters_max: usize,
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

/// A provider's own name for a message, as it came. It may look like a number
/// or a code, so it prints masked: only [`Self::code`] may be stored or shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// In characters.
    const LENGTH_MAX: usize = 200;

    /// `None` if the text is empty, longer than 200, or has anything but
    /// visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The text, to find the message by.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as it may be stored and shown, if it may.
    pub fn code(&self) -> Option<ProviderCode> {
        ProviderCode::new(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MessageId")
    }
}

/// A short text from outside, safe to store and log: at most 64 of
/// `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderCode(Box<str>);

impl ProviderCode {
    /// `None` if the text is empty, longer than 64, or has any other character.
    ///
    /// Digits alone may be a phone number or a code: runs of more than 5 digits
    /// are refused unless letters are mixed in.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed);
        (fits && (has_letter || text.len() <= 5)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
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

/// What a receipt says became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The network has it; nothing final.
    Sent,
    Undelivered,
    Delivered,
}

impl ReceiptStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Undelivered => "undelivered",
            Self::Delivered => "delivered",
        }
    }
}

/// A provider's later report on a submitted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// Says which message it is where the callback URL does not.
    pub message_id: Option<MessageId>,
    pub status: ReceiptStatus,
    pub code: Option<ProviderCode>,
    /// When the network said so, in ms since the Unix epoch.
    pub at_ms: Option<u64>,
    /// With `Undelivered`: no other provider will reach this number either.
    pub is_final_for_number: bool,
}

/// A provider's call to us, as its signature scheme needs it.
#[derive(Clone, Debug)]
pub struct Callback<'a> {
    pub method: &'a http::Method,
    /// The public URL the provider called, with its query.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The gateway's time, in ms since the Unix epoch.
    pub now_ms: u64,
}

/// Why a callback is not believed. All of them change nothing and are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    #[error("the signature is missing or wrong")]
    Signature,
    #[error("the callback is too old or from the future")]
    Stale,
    #[error("the callback cannot be read")]
    Malformed,
    #[error("this provider sends no receipts")]
    NotExpected,
}

/// What a provider is, seen from dispatch. Every method is pure.
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

    /// The request that reports whether the code was used, if it takes one.
    fn feedback(
        &self,
        _message_id: &ProviderCode,
        _was_used: bool,
    ) -> Option<http::Request<Bytes>> {
        None
    }
}

/// One provider, ready to take messages: what dispatch calls.
///
/// A provider over HTTP is wrapped by [`crate::http_client::HttpProvider`];
/// others implement the tower service directly.
pub type ProviderService = BoxCloneSyncService<Arc<Message>, Submitted, SubmitError>;
