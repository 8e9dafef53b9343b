//! "I did not ask for this", said by a key of a call: whoever did must not get on
//! with this code.

use crate::live::{Live, Shared};
use crate::receipts::{ReceiptReference, ReceiptRefusal};
use crate::store::StoreError;
use crate::telemetry::events;

/// Tells the tenant and cancels the verification. Whether it could still be.
///
/// # Errors
///
/// [`ReceiptRefusal::Unavailable`] if the store could not be asked: the provider
/// should say it again.
pub(crate) async fn report(
    shared: &Shared,
    live: &Live,
    provider: &str,
    reference: &ReceiptReference,
) -> Result<bool, ReceiptRefusal> {
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
    events::CallReported {
        tenant: live.tenants.name_of(reference.tenant),
        delivery: &reference.delivery.to_string(),
        provider,
        was_pending: canceled.is_ok(),
    }
    .emit(&shared.metrics);
    Ok(canceled.is_ok())
}
