//! What a provider is, seen from dispatch: the contract, the shared HTTP client
//! and one file per provider. Knows nothing of verifications, stores or our
//! HTTP server.
//!
//! An HTTP provider is pure functions ([`Provider`]) plus data ([`Kind`]);
//! [`http_client`] does the I/O and turns it into the tower service that dispatch
//! calls. Adding one is a file here, a line in [`registry`], recorded transcripts
//! and a page in `docs/providers/`.

#![warn(clippy::missing_errors_doc)]

mod answer;
pub mod aws;
pub mod aws_sns;
pub mod bird;
pub mod clock;
pub mod contract;
pub mod extension;
mod gsm7;
pub mod guarded_client;
pub mod http_client;
pub mod infobip;
pub mod jambonz;
pub mod jasmin;
pub mod kannel;
pub mod kind;
pub mod moment;
pub mod phone_number;
#[cfg(test)]
pub mod pigeon;
pub mod plivo;
pub mod registry;
mod request;
#[cfg(test)]
mod rows;
pub mod sandbox;
pub mod secret;
pub mod signature;
pub mod sinch;
mod speech;
pub mod telnyx;
#[cfg(test)]
mod transcripts;
pub mod twilio;
mod verdict;
pub mod vonage;
pub mod webhook;

pub use clock::Clock;
pub use contract::{
    CallDocument, CallEvent, CallStep, CallTexts, CallTurn, Callback, Calls, Capabilities, Channel,
    DeliveryReceipt, Feedback, Message, MessageId, Provider, ProviderCode, ProviderService,
    ReceiptError, ReceiptStatus, Receipts, RefusalScope, RequestError, Response, SubmitError,
    Submitted,
};
pub use extension::Extension;
pub use kind::Kind;
pub use moment::Moment;
pub use phone_number::PhoneNumber;
pub use secret::Secret;
