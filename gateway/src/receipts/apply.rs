//! A believed receipt, applied to the attempt it speaks of.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use watchword_providers::{ProviderCode, ReceiptStatus};

use super::ReceiptReference;
use crate::delivery::{ApplyReceipt, AttemptReceipt, DeliveryStatus, ReceiptApplied};
use crate::dispatch::Dispatcher;
use crate::live::Shared;
use crate::routing::ProviderId;
use crate::stack::ProviderStack;
use crate::stack::silence::{Heard, Reach};
use crate::store::StoreError;
use crate::tally::Became;
use crate::telemetry::events;

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
    apply_within(dispatcher, provider, target, (receipt, Duration::ZERO)).await
}

/// Applies what is known of a call that is still on the line: what follows from
/// it waits for the receipt of the call's end, and for so long at most.
///
/// # Errors
///
/// As for [`apply`].
pub(crate) async fn apply_within(
    dispatcher: &Arc<Dispatcher>,
    provider: &str,
    target: &ReceiptReference,
    (receipt, ends_within): (&AttemptReceipt, Duration),
) -> Result<(), StoreError> {
    let hop = dispatcher
        .shared
        .live
        .load()
        .providers
        .get(provider)
        .cloned();
    let may_act = hop.as_ref().is_none_or(|hop| hop.receipts_act);
    let ask = ApplyReceipt {
        attempt: target.attempt,
        receipt: receipt.clone(),
        redispatch_after_ms: may_act.then(|| ms(ends_within)),
        policy: dispatcher.policy(),
    };
    let store = &dispatcher.shared.store;
    let applied = store.apply_receipt(target.delivery, &ask).await?;
    let lookout = &dispatcher.shared.lookout;
    lookout.changed(target.tenant, target.delivery.record);
    tell(dispatcher, provider, target, (receipt, applied));
    if let Some(hop) = hop {
        learn(dispatcher, &hop, target, (receipt, applied));
    }
    match applied {
        ReceiptApplied::Redispatch | ReceiptApplied::CallEnded => {
            // The provider may hang up; what is taken must not hang on it.
            let again = Arc::clone(dispatcher);
            let delivery = target.delivery;
            dispatcher.spawn(async move { again.pick_up(delivery).await });
        }
        ReceiptApplied::Nothing | ReceiptApplied::Recorded { .. } | ReceiptApplied::NoAttempt => {}
    }
    Ok(())
}

/// A receipt that says how a message ended, and had not been said before, tells
/// how long receipts take and that they reach us.
fn learn(
    dispatcher: &Dispatcher,
    hop: &ProviderStack,
    target: &ReceiptReference,
    (receipt, applied): (&AttemptReceipt, ReceiptApplied),
) {
    let is_new = match applied {
        ReceiptApplied::Recorded { .. } | ReceiptApplied::Redispatch => true,
        ReceiptApplied::Nothing | ReceiptApplied::CallEnded | ReceiptApplied::NoAttempt => false,
    };
    let was_delivered = match receipt.status {
        ReceiptStatus::Sent => return,
        ReceiptStatus::Delivered => true,
        ReceiptStatus::Undelivered => false,
    };
    let (true, Some(silence)) = (is_new, &hop.silence) else {
        return;
    };
    let shared = &dispatcher.shared;
    let begun_at_ms = target.created_at_ms + u64::from(target.begun_after_ms);
    let after_ms = shared.store_now_ms().saturating_sub(begun_at_ms);
    let heard = Heard {
        was_delivered,
        after: Duration::from_millis(after_ms),
    };
    let reach = Reach::of(target.channel, target.area.country().unwrap_or_default());
    if let Some(path) = silence.heard(reach, heard, Instant::now()) {
        let provider = &hop.id;
        events::ReceiptPathChanged { provider, path }.emit(&shared.metrics);
    }
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
        ReceiptApplied::Redispatch | ReceiptApplied::CallEnded => "redispatch",
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

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
