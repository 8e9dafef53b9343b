//! Vonage's SMS API: what a text is submitted as, its receipts, and whether its
//! code was used.

use bytes::Bytes;
use http::{Method, Request};

use super::VonageProvider;
use super::errors::DELIVERY;
use crate::answer::is_longer_than;
use crate::gsm7;
use crate::signature::{Parameters, parse_json_parameters, parse_parameters};
use crate::verdict::Verdict;
use crate::{
    Callback, DeliveryReceipt, Feedback, Message, MessageId, ProviderCode, ReceiptError,
    ReceiptStatus, RequestError,
};

/// What ten joined segments hold in GSM-7.
pub(super) const TEXT_CHARACTERS_MAX: usize = 1530;

const TTL_MS: std::ops::RangeInclusive<u128> = 20_000..=604_800_000;

/// Vonage cuts or refuses longer ones.
const CLIENT_REFERENCE_LENGTH_MAX: usize = 40;

impl VonageProvider {
    pub(super) fn sms(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let sender = message.sender.as_deref().or(self.sender.as_deref());
        let sender = sender.ok_or(RequestError::SenderMissing)?;
        let ttl_ms = message.validity_period.as_millis();
        let ttl_ms = ttl_ms.clamp(*TTL_MS.start(), *TTL_MS.end());
        let encoding = if gsm7::fits(&message.text) {
            "text"
        } else {
            "unicode"
        };
        let mut parameters = Parameters::new();
        let mut set = |name: &str, value: &str| parameters.insert(name.into(), value.into());
        // Numbers come without a plus, names of senders as they are.
        set("from", sender.strip_prefix('+').unwrap_or(sender));
        set("to", message.to.to_msisdn());
        set("text", &message.text);
        set("type", encoding);
        set("ttl", &ttl_ms.to_string());
        if message.reference.len() <= CLIENT_REFERENCE_LENGTH_MAX {
            set("client-ref", &message.reference);
        }
        match &message.receipt_url {
            Some(receipt_url) => {
                set("status-report-req", "1");
                set("callback", receipt_url);
            }
            None => {
                set("status-report-req", "0");
            }
        }
        if let Some(entity_id) = &self.entity_id {
            set("entity-id", entity_id);
        }
        if let Some(content_id) = &self.content_id {
            set("content-id", content_id);
        }
        Ok(self.post_form(&self.sms_url, parameters))
    }

    pub(super) fn sms_receipt(
        &self,
        callback: &Callback<'_>,
    ) -> Result<DeliveryReceipt, ReceiptError> {
        let parameters = read(callback)?;
        let signed_s = self.sig_keys.verify(&parameters, callback.now_ms)?;
        let value = |name: &str| parameters.get(name).map(String::as_str);
        // A subaccount shares no secret with ours, but nothing rests on that.
        if value("api-key").is_some_and(|key| key != &*self.api_key) {
            return Err(ReceiptError::Signature);
        }
        let status = value("status").and_then(receipt_status);
        let status = status.ok_or(ReceiptError::Malformed)?;
        // A delivered one has 0, which is no error.
        let code = value("err-code").filter(|code| *code != "0");
        let verdict = code.and_then(|code| DELIVERY.verdict(code));
        Ok(DeliveryReceipt {
            message_id: value("messageId").and_then(MessageId::new),
            status,
            code: code.and_then(ProviderCode::new),
            at_ms: Some(signed_s.saturating_mul(1000)),
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        })
    }

    pub(super) fn conversion(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        let mut parameters = Parameters::new();
        let mut set = |name: &str, value: &str| parameters.insert(name.into(), value.into());
        set("message-id", feedback.message_id.as_str());
        set(
            "delivered",
            if feedback.was_used { "true" } else { "false" },
        );
        set("timestamp", &utc_time(feedback.at_ms)?);
        Some(self.post_form(&self.conversions_url, parameters))
    }
}

/// The account says how callbacks come: in the query, as a form, or as JSON.
fn read(callback: &Callback<'_>) -> Result<Parameters, ReceiptError> {
    if callback.method == Method::GET {
        let (_, query) = callback.url.split_once('?').unwrap_or_default();
        return parse_parameters(query.as_bytes());
    }
    if callback.body.trim_ascii_start().starts_with(b"{") {
        parse_json_parameters(callback.body)
    } else {
        parse_parameters(callback.body)
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "delivered" => Some(ReceiptStatus::Delivered),
        "expired" | "failed" | "rejected" => Some(ReceiptStatus::Undelivered),
        // Unknown: the carrier said something that Vonage cannot read.
        "accepted" | "buffered" | "unknown" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}

/// `2020-01-01 12:00:00`.
fn utc_time(at_ms: u64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    Some(at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
