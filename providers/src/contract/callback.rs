//! A provider's calls to us, and the receipts in them.

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{MessageId, ProviderCode};

/// What a receipt says became of a message.
///
/// Of a call, `Delivered` means that it was answered and came to its end. Where
/// the provider asked us what to say, the gateway knows whether the code was said.
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
    /// The public URL the provider called, with its query. Of a `GET`, all that
    /// the provider says is in there.
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
    /// Who signed it can only be told by [`crate::Provider::document`], which has
    /// to be fetched first.
    #[error("what it is to be verified with has not been fetched")]
    Unfetched,
}
