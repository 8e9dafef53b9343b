//! Infobip's delivery reports. Nobody signs them: the reference in the URL that
//! they come to is all that vouches for them. Of a call by a scenario they tell
//! which keys were pressed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::errors::{NETWORK_ERRORS, STATUSES};
use crate::answer::{Scalar, parse_object};
use crate::contract::REPORT_KEY;
use crate::request::parse_time_ms;
use crate::verdict::Verdict;
use crate::{DeliveryReceipt, MessageId, ProviderCode, ReceiptError, ReceiptStatus};

/// The key that a scenario says the code on.
const CODE_KEY: char = '1';

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
    voice_call: Option<VoiceCall<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VoiceCall<'a> {
    #[serde(borrow)]
    dtmf_codes: Option<Scalar<'a>>,
    /// Only of a call by a scenario.
    ivr: Option<Ivr<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ivr<'a> {
    /// An object in a text: of each variable, what was collected into it.
    #[serde(borrow)]
    collected_dtmfs: Option<Scalar<'a>>,
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

/// Whether a report says that the person called did not ask for the code.
pub(super) fn was_reported(body: &[u8]) -> bool {
    let reports: Option<Reports<'_>> = parse_object(body);
    let reports = reports.map(|all| all.results).unwrap_or_default();
    let mut keys = reports.iter().filter_map(pressed);
    keys.any(|keys| keys.contains(REPORT_KEY))
}

/// The keys pressed in a call by a scenario; `None` of anything else.
fn pressed<'a>(report: &'a Report<'_>) -> Option<Cow<'a, str>> {
    let call = report.voice_call.as_ref()?;
    let collected = call.ivr.as_ref()?.collected_dtmfs.as_ref();
    let collected: Option<BTreeMap<Cow<'_, str>, Scalar<'_>>> = collected
        .and_then(Scalar::text)
        .and_then(|text| serde_json::from_str(text).ok());
    Some(match collected {
        Some(collected) => {
            let keys = collected.values().filter_map(Scalar::code);
            Cow::Owned(keys.map(|keys| keys.as_str().to_owned()).collect())
        }
        None => Cow::Borrowed(
            call.dtmf_codes
                .as_ref()
                .and_then(Scalar::text)
                .unwrap_or_default(),
        ),
    })
}

/// A call by a scenario that came to its end has said the code only after a key.
fn of_keys(status: ReceiptStatus, keys: &str) -> (ReceiptStatus, Option<&'static str>) {
    match status {
        ReceiptStatus::Sent | ReceiptStatus::Undelivered => (status, None),
        // A person was there, and must not be called again.
        ReceiptStatus::Delivered if keys.contains(REPORT_KEY) => (status, Some("reported")),
        ReceiptStatus::Delivered if keys.contains(CODE_KEY) => (status, None),
        ReceiptStatus::Delivered => (ReceiptStatus::Undelivered, Some("no-key")),
    }
}

fn receipt(report: &Report<'_>) -> Option<DeliveryReceipt> {
    let message_id: MessageId = report.message_id.message_id()?;
    let name = report.status.name.as_ref().and_then(Scalar::text);
    let status = receipt_status(report.status.group_id.number()?, name)?;
    let (status, by_keys) = match pressed(report) {
        Some(keys) => of_keys(status, &keys),
        None => (status, None),
    };
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
        code: by_keys
            .and_then(ProviderCode::new)
            .or_else(|| code.and_then(Scalar::code)),
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
