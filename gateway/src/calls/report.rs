//! "I did not ask for this", said by a key of a call: whoever did must not get on
//! with this code, nor with the next one of the same subject.

use std::sync::Arc;

use crate::details::Details;
use crate::dispatch::Dispatcher;
use crate::id::RecordId;
use crate::live::Live;
use crate::receipts::{ReceiptReference, ReceiptRefusal};
use crate::store::StoreError;
use crate::subjects::keeper::Keeper;
use crate::telemetry::events;
use crate::verification::Record;

/// Tells the tenant, cancels the verification, and freezes the subject it is
/// addressed to. Whether it could still be canceled.
///
/// # Errors
///
/// [`ReceiptRefusal::Unavailable`] if the store could not be asked: the provider
/// should say it again.
pub(crate) async fn report(
    dispatcher: &Arc<Dispatcher>,
    live: &Live,
    provider: &str,
    reference: &ReceiptReference,
) -> Result<bool, ReceiptRefusal> {
    let shared = &dispatcher.shared;
    let unavailable = |step, error: &StoreError| {
        shared.store_failed(step, error);
        ReceiptRefusal::Unavailable
    };
    let record = reference.delivery.record;
    if shared.lookout.is_watching(reference.tenant) {
        let noted = shared.store.note_report(record).await;
        noted.map_err(|error| unavailable("note_report", &error))?;
    }
    let canceled = shared.store.cancel(record, reference.tenant).await;
    let canceled = canceled.map_err(|error| unavailable("cancel", &error))?;
    let was_pending = canceled.is_ok();
    // A code that was used already is the more reason to freeze.
    let reported = match canceled {
        Ok(found) => Some(found),
        Err(_) => {
            let found = shared.store.get(record).await;
            found.map_err(|error| unavailable("get", &error))?
        }
    };
    if let Some(found) = reported {
        freeze(dispatcher, live, (record, &found.record)).await?;
    }
    events::CallReported {
        tenant: live.tenants.name_of(reference.tenant),
        delivery: &reference.delivery.to_string(),
        provider,
        was_pending,
    }
    .emit(&shared.metrics);
    Ok(was_pending)
}

/// Whoever asks for codes to a person who did not is kept from the next one too.
async fn freeze(
    dispatcher: &Arc<Dispatcher>,
    live: &Live,
    (id, record): (RecordId, &Record),
) -> Result<(), ReceiptRefusal> {
    let details = Details::open(&live.ring, id, record);
    let details = details.map_err(|_| ReceiptRefusal::Unavailable)?;
    let (Some(_), Some(subject)) = (details.whom.method, &details.subject) else {
        return Ok(());
    };
    let keeper = Keeper::new(dispatcher.shared.clone(), Arc::clone(dispatcher));
    let frozen = keeper.reported_by_call(record.tenant, subject).await;
    frozen.map_err(|_| ReceiptRefusal::Unavailable)
}
