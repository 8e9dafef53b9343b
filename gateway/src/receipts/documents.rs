//! Callbacks that can only be verified with something to be fetched first, such
//! as the certificate of whoever signed them.

use watchword_providers::{Callback, DeliveryReceipt, ReceiptError};

use crate::stack::ProviderStack;

/// The receipts in such a callback. One that asks whether we want the provider's
/// callbacks at all is told that we do.
///
/// # Errors
///
/// [`ReceiptError::Unfetched`] if the provider should call again: what has to be
/// fetched could not be had now.
pub(super) async fn receipts(
    hop: &ProviderStack,
    callback: &Callback<'_>,
) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
    let documents = hop.documents.as_ref().ok_or(ReceiptError::Unfetched)?;
    let url = hop.provider.document(callback);
    let url = url.ok_or(ReceiptError::Unfetched)?;
    let document = documents.get(&url).await.ok_or(ReceiptError::Unfetched)?;
    let receipts = hop.provider.receipts_by(callback, &document)?;
    if let Some(url) = hop.provider.confirmation(callback, &document) {
        documents.get(&url).await.ok_or(ReceiptError::Unfetched)?;
    }
    Ok(receipts)
}
