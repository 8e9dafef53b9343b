//! Infobip's delivery reports. Nobody signs them: the reference in the URL that
//! they come to is all that vouches for them.

use serde::Deserialize;

use super::errors::{NETWORK_ERRORS, STATUSES};
use crate::answer::{Scalar, parse_object};
use crate::request::parse_time_ms;
use crate::verdict::Verdict;
use crate::{DeliveryReceipt, MessageId, ReceiptError, ReceiptStatus};

#[derive(Deserialize)]
struct Reports<'a> {
    #[serde(borrow)]
    results: Vec<Report<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(borrow)]
    message_id: Scalar<'a>,
    done_at: Option<Scalar<'a>>,
    status: Status<'a>,
    error: Option<NetworkError<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    group_id: Scalar<'a>,
    name: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
struct NetworkError<'a> {
    #[serde(borrow)]
    name: Option<Scalar<'a>>,
    permanent: Option<Scalar<'a>>,
}

/// The receipts in a callback, all of one message.
pub(super) fn read(body: &[u8]) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
    let reports: Reports<'_> = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let receipts: Vec<_> = reports
        .results
        .iter()
        .map(receipt)
        .collect::<Option<_>>()
        .ok_or(ReceiptError::Malformed)?;
    // The URL stands for one message: reports on others have no business here.
    let ids = receipts.iter().map(|receipt| &receipt.message_id);
    let first = ids.clone().next().ok_or(ReceiptError::Malformed)?;
    if ids.clone().all(|id| id == first) {
        Ok(receipts)
    } else {
        Err(ReceiptError::Malformed)
    }
}

fn receipt(report: &Report<'_>) -> Option<DeliveryReceipt> {
    let message_id: MessageId = report.message_id.message_id()?;
    let name = report.status.name.as_ref().and_then(Scalar::text);
    let status = receipt_status(report.status.group_id.number()?, name)?;
    let error = report.error.as_ref();
    let error_name = error.and_then(|error| error.name.as_ref());
    let is_error = |name: &str| name != "NO_ERROR";
    let network_error = error_name
        .and_then(Scalar::text)
        .filter(|name| is_error(name));
    let code = match network_error {
        Some(_) => error_name,
        None => report.status.name.as_ref(),
    };
    let is_permanent = error
        .and_then(|error| error.permanent.as_ref())
        .is_some_and(Scalar::is_true);
    let by_network = network_error
        .and_then(|name| NETWORK_ERRORS.verdict(name))
        .filter(|_| is_permanent);
    let verdict = by_network.or_else(|| STATUSES.verdict(name?));
    let done_at = report.done_at.as_ref().and_then(Scalar::text);
    Some(DeliveryReceipt {
        message_id: Some(message_id),
        status,
        code: code.and_then(Scalar::code),
        at_ms: done_at.and_then(parse_time_ms),
        is_final_for_number: status == ReceiptStatus::Undelivered
            && verdict.is_some_and(Verdict::is_final_for_number),
    })
}

fn receipt_status(group_id: u64, name: Option<&str>) -> Option<ReceiptStatus> {
    match (group_id, name) {
        // What only the operator has is not in anybody's hand; and what became of
        // it nobody said.
        (3, Some("DELIVERED_TO_OPERATOR")) | (4, Some("EXPIRED_DLR_UNKNOWN")) | (1, _) => {
            Some(ReceiptStatus::Sent)
        }
        (3, _) => Some(ReceiptStatus::Delivered),
        (2 | 4 | 5, _) => Some(ReceiptStatus::Undelivered),
        _ => None,
    }
}
