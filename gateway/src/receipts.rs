//! Provider callbacks: from a signed call to the attempt it speaks of, once, in
//! any order. What is not believed changes nothing and is counted.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::{Callback, DeliveryReceipt, Provider, ReceiptError, Receipts};

use crate::delivery::{ApplyReceipt, AttemptReceipt, DeliveryStatus, ReceiptApplied};
use crate::dispatch::Dispatcher;
use crate::live::{Live, Shared};
use crate::telemetry::events;
pub use by_message_id::{MessageEntry, MessageKey, RECEIPT_WAITS_MS};
pub use reference::{REFERENCE_LENGTH, ReceiptReference, ReferenceError};

mod by_message_id;
mod reference;

/// Whether a provider reports by calling the URL it was given.
pub fn receipts_by_reference(provider: &dyn Provider) -> bool {
    match provider.capabilities().receipts {
        Receipts::Reference => true,
        Receipts::None | Receipts::MessageId => false,
    }
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

/// Receives receipts.
pub struct ReceiptDesk {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

impl ReceiptDesk {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self { shared, dispatcher }
    }

    /// Whether this reference is ours, for this provider, and still valid.
    /// Cheap: asked before the body is read.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::NotFound`] and [`ReceiptRefusal::UnknownKey`].
    pub fn admits(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal> {
        let live = self.shared.live.load();
        let admitted = self.reference(&live, provider, reference);
        match admitted {
            Ok(_) => {}
            Err(ReferenceError::Unknown) => self.refused(provider, "reference"),
            Err(ReferenceError::UnknownKey) => self.refused(provider, "unknown_key"),
        }
        Ok(admitted.map(drop)?)
    }

    /// Verifies a callback and applies its receipts.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::Unavailable`] if some of them may not have been kept.
    pub async fn receive(
        &self,
        provider_id: &str,
        reference: &str,
        callback: &Callback<'_>,
    ) -> Result<(), ReceiptRefusal> {
        let live = self.shared.live.load_full();
        let reference = self.reference(&live, provider_id, reference)?;
        let receipts = self.believed(&live, provider_id, callback)?;
        for receipt in &receipts {
            self.apply(&live, provider_id, &reference, receipt).await?;
        }
        Ok(())
    }

    /// The receipts in a callback, its signature verified.
    fn believed(
        &self,
        live: &Live,
        provider_id: &str,
        callback: &Callback<'_>,
    ) -> Result<Vec<DeliveryReceipt>, ReceiptRefusal> {
        let hop = live
            .providers
            .get(provider_id)
            .ok_or(ReceiptRefusal::NotFound)?;
        hop.provider.receipts(callback).map_err(|error| {
            self.refused(provider_id, reason_of(error));
            ReceiptRefusal::NotBelieved
        })
    }

    async fn apply(
        &self,
        live: &Live,
        provider_id: &str,
        reference: &ReceiptReference,
        receipt: &DeliveryReceipt,
    ) -> Result<(), ReceiptRefusal> {
        let now_ms = self.shared.store_now_ms();
        let ask = ApplyReceipt {
            attempt: reference.attempt,
            receipt: AttemptReceipt {
                status: receipt.status,
                // A network's own time may be anything; it must not look like the future.
                at_ms: receipt
                    .at_ms
                    .filter(|at_ms| *at_ms <= now_ms)
                    .unwrap_or(now_ms),
                code: receipt.code.as_ref().map(|code| code.as_str().into()),
                is_final_for_number: receipt.is_final_for_number,
            },
            may_redispatch: true,
            policy: live.dispatch.policy,
        };
        let applied = match self
            .shared
            .store
            .apply_receipt(reference.delivery, &ask)
            .await
        {
            Ok(applied) => applied,
            Err(error) => {
                self.shared.store_failed("receipt", &error);
                return Err(ReceiptRefusal::Unavailable);
            }
        };
        self.applied(provider_id, reference, receipt, applied);
        match applied {
            ReceiptApplied::Redispatch => {
                // The provider may hang up; what is taken must not hang on it.
                let dispatcher = Arc::clone(&self.dispatcher);
                let delivery = reference.delivery;
                self.dispatcher
                    .spawn(async move { dispatcher.pick_up(delivery).await });
            }
            ReceiptApplied::Nothing
            | ReceiptApplied::Recorded { .. }
            | ReceiptApplied::NoAttempt => {}
        }
        Ok(())
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
        // An unknown id must not become a label.
        let live = self.shared.live.load();
        let known = live.providers.get_key_value(provider).map(|(id, _)| &**id);
        let provider = known.unwrap_or("unknown");
        events::ReceiptRefused { provider, reason }.emit(&self.shared.metrics);
    }

    fn applied(
        &self,
        provider: &str,
        reference: &ReceiptReference,
        receipt: &DeliveryReceipt,
        applied: ReceiptApplied,
    ) {
        let effect = match applied {
            ReceiptApplied::Recorded {
                status: DeliveryStatus::Delivered,
            } => "delivered",
            ReceiptApplied::Recorded { .. } => "recorded",
            ReceiptApplied::Redispatch => "redispatch",
            ReceiptApplied::Nothing | ReceiptApplied::NoAttempt => "nothing",
        };
        let name = reference.delivery.to_string();
        events::ReceiptApplied {
            delivery: &name,
            attempt: u32::from(reference.attempt),
            provider,
            status: receipt.status.as_str(),
            code: receipt.code.as_ref(),
            effect,
        }
        .emit(&self.shared.metrics);
        if effect == "delivered" {
            let live = self.shared.live.load();
            let took_ms = self
                .shared
                .store_now_ms()
                .saturating_sub(reference.created_at_ms);
            events::DeliveryEnded {
                tenant: live.tenants.name_of(reference.tenant),
                delivery: &name,
                provider: Some(provider),
                channel: reference.channel,
                status: DeliveryStatus::Delivered.as_str(),
                reason: None,
                delivered_after: Some(Duration::from_millis(took_ms)),
            }
            .emit(&self.shared.metrics);
        }
    }
}

fn reason_of(error: ReceiptError) -> &'static str {
    match error {
        ReceiptError::Signature => "signature",
        ReceiptError::Stale => "stale",
        ReceiptError::Malformed => "malformed",
        ReceiptError::NotExpected => "not_expected",
    }
}
