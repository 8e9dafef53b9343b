//! Beside every stop: one struct per decision that matters. `emit` writes one
//! log line and moves the counters, so that neither is forgotten.
//!
//! Numbers come as [`watchword_providers::PhoneNumber`], which prints masked;
//! everything else is ours or from the configuration. Text that came from
//! outside has no field here.

mod call;
mod delivery;
mod entra;
mod process;
mod signal;
mod silence;
mod subject;
mod verification;
mod webhook;

pub use call::{CallAnswered, CallReported};
pub use delivery::{
    AttemptEnded, BreakerChanged, CredentialsRefused, DeliveryEnded, LeaseTaken, Poisoned,
    PossibleDuplicate, ReceiptApplied, ReceiptRefused, ReceiptWaits, SharingChanged,
};
pub use entra::{EntraAnswered, EntraDecrypted, EntraKeysFetched, EntraTokenRefused};
pub use process::{
    CertificateReloaded, ConfigReloaded, DrainEnded, DrainStarted, ReloadRefused, StoreFailed,
};
pub use signal::SignalAsked;
pub use silence::{FeedbackEnded, ReceiptPathChanged, Silent};
pub use subject::{
    NoticeEnded, NoticeResult, NumberChangeMoved, SealedCodeUsed, SubjectChanged, SubjectFrozen,
};
pub use verification::{Checked, ChecksStopped, ManyChecksFail, Refused, Resent, Started};
pub use webhook::WebhookGivenUp;

use std::time::Duration;

/// Whole milliseconds, as logs carry durations.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
