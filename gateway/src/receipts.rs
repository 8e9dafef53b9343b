//! Provider callbacks: from a signed call to the attempt it speaks of, once, in
//! any order. What is not believed changes nothing and is counted.

use std::sync::Arc;

use watchword_providers::{
    Callback, Channel, DeliveryReceipt, Provider, ReceiptError, ReceiptStatus, Receipts,
};

use crate::calls::{asks, report};
use crate::delivery::AttemptReceipt;
use crate::dispatch::Dispatcher;
use crate::live::{Live, Shared};
use crate::store::StoreError;
use crate::telemetry::events;
pub(crate) use apply::{apply, apply_within};
pub use by_message_id::{MessageEntry, MessageKey, RECEIPT_WAITS_MS};
pub use reference::{REFERENCE_LENGTH, ReceiptReference, ReferenceError};

mod apply;
mod by_message_id;
mod documents;
mod reference;

/// Whether a provider reports by calling the URL it was given.
pub fn receipts_by_reference(provider: &dyn Provider) -> bool {
    match provider.capabilities().receipts {
        Receipts::Reference => true,
        Receipts::None | Receipts::MessageId => false,
    }
}

/// Whether a provider reports by its own message ids.
pub fn receipts_by_message_id(provider: &dyn Provider) -> bool {
    match provider.capabilities().receipts {
        Receipts::MessageId => true,
        Receipts::None | Receipts::Reference => false,
    }
}

fn names_its_messages(live: &Live, provider: &str) -> Result<(), ReferenceError> {
    let hop = live.providers.get(provider);
    hop.is_some_and(|hop| receipts_by_message_id(&*hop.provider))
        .then_some(())
        .ok_or(ReferenceError::Unknown)
}

/// Why a callback is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// No such provider, or the reference is none of ours.
    #[error("the receipt is for nothing we know")]
    NotFound,
    /// The reference was made under a key that this node does not have.
    #[error("the receipt's reference was made under another key")]
    UnknownKey,
    /// Not believed, or not readable.
    #[error("the receipt is not believed")]
    NotBelieved,
    /// It could not be kept: the provider should send it again.
    #[error("the receipt could not be kept")]
    Unavailable,
}

impl From<ReferenceError> for ReceiptRefusal {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Unknown => Self::NotFound,
            ReferenceError::UnknownKey => Self::UnknownKey,
        }
    }
}

/// Receipts of one callback; each is a question to the store.
const CALLBACK_RECEIPTS_MAX: usize = 64;

/// Receives receipts.
pub struct ReceiptDesk {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

impl ReceiptDesk {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self { shared, dispatcher }
    }

    /// Whether a callback to this path can be one of ours: its reference is, for
    /// this provider, and still valid; or this provider names its messages in
    /// the body. Cheap: asked before that is read.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::NotFound`] and [`ReceiptRefusal::UnknownKey`].
    pub fn admits(&self, provider: &str, reference: Option<&str>) -> Result<(), ReceiptRefusal> {
        let live = self.shared.live.load();
        let admitted = match reference {
            Some(reference) => self.reference(&live, provider, reference).map(drop),
            None => names_its_messages(&live, provider),
        };
        match admitted {
            Ok(()) => {}
            Err(ReferenceError::Unknown) => self.refused(provider, "reference"),
            Err(ReferenceError::UnknownKey) => self.refused(provider, "unknown_key"),
        }
        Ok(admitted?)
    }

    /// What a provider has to read to know that its receipt was taken; mostly
    /// nothing.
    pub fn answer_to(&self, provider: &str) -> &'static str {
        let live = self.shared.live.load();
        let hop = live.providers.get(provider);
        hop.map_or("", |hop| hop.provider.capabilities().receipt_answer)
    }

    /// Verifies a callback and applies its receipts.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::Unavailable`] if some of them may not have been kept.
    pub async fn receive(
        &self,
        provider: &str,
        reference: Option<&str>,
        callback: &Callback<'_>,
    ) -> Result<(), ReceiptRefusal> {
        let live = self.shared.live.load_full();
        let reference = match reference {
            Some(reference) => Some(self.reference(&live, provider, reference)?),
            None => {
                names_its_messages(&live, provider)?;
                None
            }
        };
        let receipts = self.believed(&live, provider, callback).await?;
        let hop = live.providers.get(provider);
        let was_reported = hop.is_some_and(|hop| hop.provider.was_reported(callback));
        for receipt in receipts {
            let kept = kept_of(&self.shared, &receipt);
            let target = match reference {
                Some(reference) => Some(reference),
                None => self.target(&live, provider, &receipt, &kept).await?,
            };
            if let Some(target) = target {
                // First, so that nothing else is tried for a code that is reported.
                if was_reported && target.channel == Channel::Voice {
                    report(&self.dispatcher, &live, provider, &target).await?;
                }
                let kept = of_asked_call(&live, provider, &target, kept);
                apply(&self.dispatcher, provider, &target, &kept)
                    .await
                    .map_err(|error| self.unavailable("receipt", &error))?;
            }
        }
        Ok(())
    }

    /// The attempt that a receipt's message id names. While nobody knows it, the
    /// receipt waits in the store.
    async fn target(
        &self,
        live: &Live,
        provider: &str,
        receipt: &DeliveryReceipt,
        kept: &AttemptReceipt,
    ) -> Result<Option<ReceiptReference>, ReceiptRefusal> {
        let Some(id) = &receipt.message_id else {
            self.refused(provider, reason_of(ReceiptError::Malformed));
            return Err(ReceiptRefusal::NotBelieved);
        };
        let key = live.ring.index().message(provider, id);
        let target = self
            .shared
            .store
            .match_receipt(key, kept)
            .await
            .map_err(|error| self.unavailable("match_receipt", &error))?;
        if target.is_none() {
            let status = kept.status.as_str();
            events::ReceiptWaits { provider, status }.emit(&self.shared.metrics);
        }
        Ok(target)
    }

    fn unavailable(&self, step: &'static str, error: &StoreError) -> ReceiptRefusal {
        self.shared.store_failed(step, error);
        ReceiptRefusal::Unavailable
    }

    /// The receipts in a callback, its signature verified.
    async fn believed(
        &self,
        live: &Live,
        provider: &str,
        callback: &Callback<'_>,
    ) -> Result<Vec<DeliveryReceipt>, ReceiptRefusal> {
        let hop = live
            .providers
            .get(provider)
            .ok_or(ReceiptRefusal::NotFound)?;
        let receipts = match hop.provider.receipts(callback) {
            Err(ReceiptError::Unfetched) => documents::receipts(hop, callback).await,
            other => other,
        };
        let receipts = match receipts {
            Ok(receipts) if receipts.len() > CALLBACK_RECEIPTS_MAX => Err(ReceiptError::Malformed),
            other => other,
        };
        receipts.map_err(|error| {
            self.refused(provider, reason_of(error));
            match error {
                ReceiptError::Unfetched => ReceiptRefusal::Unavailable,
                ReceiptError::Signature
                | ReceiptError::Stale
                | ReceiptError::Malformed
                | ReceiptError::NotExpected => ReceiptRefusal::NotBelieved,
            }
        })
    }

    fn reference(
        &self,
        live: &Live,
        provider: &str,
        text: &str,
    ) -> Result<ReceiptReference, ReferenceError> {
        if !live.providers.contains_key(provider) {
            return Err(ReferenceError::Unknown);
        }
        let now_s = self.shared.store_now_ms() / 1000;
        ReceiptReference::verify(&live.ring, provider, text, now_s)
    }

    fn refused(&self, provider: &str, reason: &'static str) {
        refused(&self.shared, provider, reason);
    }
}

/// What is kept of a receipt.
pub(crate) fn kept_of(shared: &Shared, receipt: &DeliveryReceipt) -> AttemptReceipt {
    let now_ms = shared.store_now_ms();
    AttemptReceipt {
        status: receipt.status,
        // A network's own time may be anything; it must not look like the future.
        at_ms: receipt
            .at_ms
            .filter(|at_ms| *at_ms <= now_ms)
            .unwrap_or(now_ms),
        code: receipt.code.as_ref().map(|code| code.as_str().into()),
        is_final_for_number: receipt.is_final_for_number,
    }
}

/// Of a call that asked us what to say we know ourselves whether the code was
/// said, and have noted that already: that it came to its end says no more than
/// that nothing will be said any more.
fn of_asked_call(
    live: &Live,
    provider: &str,
    target: &ReceiptReference,
    kept: AttemptReceipt,
) -> AttemptReceipt {
    let hop = live.providers.get(provider);
    let was_asked = target.channel == Channel::Voice
        && live.public_url.is_some()
        && hop.is_some_and(|hop| asks(&*hop.provider));
    match kept.status {
        ReceiptStatus::Delivered if was_asked => AttemptReceipt {
            status: ReceiptStatus::Undelivered,
            ..kept
        },
        ReceiptStatus::Delivered | ReceiptStatus::Sent | ReceiptStatus::Undelivered => kept,
    }
}

/// Counts a callback that is not taken.
pub(crate) fn refused(shared: &Shared, provider: &str, reason: &'static str) {
    // An unknown id must not become a label.
    let live = shared.live.load();
    let known = live.providers.get_key_value(provider).map(|(id, _)| &**id);
    let provider = known.unwrap_or("unknown");
    events::ReceiptRefused { provider, reason }.emit(&shared.metrics);
}

pub(crate) fn reason_of(error: ReceiptError) -> &'static str {
    match error {
        ReceiptError::Signature => "signature",
        ReceiptError::Stale => "stale",
        ReceiptError::Malformed => "malformed",
        ReceiptError::NotExpected => "not_expected",
        ReceiptError::Unfetched => "unfetched",
    }
}
