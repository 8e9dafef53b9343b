//! A believed receipt, applied to the attempt it speaks of.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::{Channel, ProviderCode, ReceiptStatus};

use super::ReceiptReference;
use crate::delivery::{ApplyReceipt, AttemptReceipt, DeliveryStatus, ReceiptApplied};
use crate::dispatch::Dispatcher;
use crate::live::Shared;
use crate::routing::ProviderId;
use crate::store::StoreError;
use crate::tally::Became;
use crate::telemetry::events;

/// A call that failed is tried again up to this attempt.
const CALL_ATTEMPTS_MAX: u32 = 2;

/// Applies a receipt, and has a message that was lost dispatched again. Asked
/// twice, it happens once.
///
/// # Errors
///
/// What the store says: the receipt may not have been kept.
pub(crate) async fn apply(
    dispatcher: &Arc<Dispatcher>,
    provider: &str,
    target: &ReceiptReference,
    receipt: &AttemptReceipt,
) -> Result<(), StoreError> {
    let ask = ApplyReceipt {
        attempt: target.attempt,
        receipt: receipt.clone(),
        may_redispatch: match target.channel {
            Channel::Sms => true,
            // A phone that nobody takes up rings once more, not on and on.
            Channel::Voice => target.attempt < CALL_ATTEMPTS_MAX,
        },
        policy: dispatcher.policy(),
    };
    let store = &dispatcher.shared.store;
    let applied = store.apply_receipt(target.delivery, &ask).await?;
    let lookout = &dispatcher.shared.lookout;
    lookout.changed(target.tenant, target.delivery.record);
    tell(dispatcher, provider, target, (receipt, applied));
    match applied {
        ReceiptApplied::Redispatch => {
            // The provider may hang up; what is taken must not hang on it.
            let again = Arc::clone(dispatcher);
            let delivery = target.delivery;
            dispatcher.spawn(async move { again.pick_up(delivery).await });
        }
        ReceiptApplied::Nothing | ReceiptApplied::Recorded { .. } | ReceiptApplied::NoAttempt => {}
    }
    Ok(())
}

fn tell(
    dispatcher: &Dispatcher,
    provider: &str,
    target: &ReceiptReference,
    (receipt, applied): (&AttemptReceipt, ReceiptApplied),
) {
    let shared = &dispatcher.shared;
    let effect = match applied {
        ReceiptApplied::Recorded {
            status: DeliveryStatus::Delivered,
        } => "delivered",
        ReceiptApplied::Recorded { .. } => "recorded",
        ReceiptApplied::Redispatch => "redispatch",
        ReceiptApplied::Nothing | ReceiptApplied::NoAttempt => "nothing",
    };
    let name = target.delivery.to_string();
    let code = receipt.code.as_deref().and_then(ProviderCode::new);
    events::ReceiptApplied {
        delivery: &name,
        attempt: target.attempt,
        provider,
        status: receipt.status.as_str(),
        code: code.as_ref(),
        effect,
    }
    .emit(&shared.metrics);
    if matches!(applied, ReceiptApplied::Recorded { .. })
        && receipt.status == ReceiptStatus::Delivered
    {
        count_delivered(shared, provider, target);
    }
    if effect == "delivered" {
        let live = shared.live.load();
        let took_ms = shared.store_now_ms().saturating_sub(target.created_at_ms);
        events::DeliveryEnded {
            tenant: live.tenants.name_of(target.tenant),
            delivery: &name,
            provider: Some(provider),
            channel: target.channel,
            status: DeliveryStatus::Delivered.as_str(),
            reason: None,
            delivered_after: Some(Duration::from_millis(took_ms)),
        }
        .emit(&shared.metrics);
    }
}

fn count_delivered(shared: &Shared, provider: &str, target: &ReceiptReference) {
    let live = shared.live.load();
    let configured = live.providers.get_key_value(provider);
    let provider = configured.map_or_else(|| provider.into(), |(id, _)| ProviderId::clone(id));
    let [spread, ..] = target.delivery.record.random;
    let to = (&provider, target.channel, target.area);
    shared.tally.count(spread, to, Became::Delivered);
}
