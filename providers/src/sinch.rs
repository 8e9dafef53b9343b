//! Sinch's SMS REST API (XMS): one batch a message out, one recipient delivery
//! report back.

#[cfg(test)]
mod tests;
pub mod voice;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::request::{
    authorization, is_path_segment, parse_time_ms, path_segment, post_json, rfc3339_ms, url_below,
};
use crate::signature::SinchKeys;
use crate::verdict::{Verdict, refusal};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Feedback, Message, Provider,
    ReceiptError, ReceiptStatus, Receipts, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// Sinch keeps no message longer than this.
const VALIDITY_PERIOD_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Sinch.
pub static KIND: Kind = Kind {
    name: "sinch",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        Setting {
            key: "service_plan_id",
            form: Form::Text(path_segment),
            required: Some("the id of your service plan"),
            about: "the service plan of the SMS REST API",
        },
        Setting {
            key: "api_token",
            form: Form::Secret {
                file: "api_token_file",
            },
            required: Some("the API token of your service plan"),
            about: "the plan's API token",
        },
        Setting {
            key: "callback_secret",
            form: Form::Secret {
                file: "callback_secret_file",
            },
            required: None,
            about: "signs Sinch's callbacks, once Sinch has set it up for the plan; without it they are unsigned: shown, but acted upon only with `trust_unsigned_receipts = true`",
        },
        Setting {
            key: "callback_secret_next",
            form: Form::Secret {
                file: "callback_secret_next_file",
            },
            required: None,
            about: "believed too, while the secret is rotated",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; without it the plan's default originator",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some(BASE_URL),
            },
            required: None,
            about: "the address of the plan's region",
        },
        Setting {
            key: "feedback",
            form: Form::Flag,
            required: None,
            about: "reports to Sinch which codes were used",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

/// Sinch's address for the United States.
const BASE_URL: &str = "https://us.sms.api.sinch.com";

/// SMS by way of Sinch.
pub struct SinchProvider {
    capabilities: Capabilities,
    batches_url: Uri,
    authorization: HeaderValue,
    keys: Option<SinchKeys>,
    sender: Option<Arc<str>>,
    clock: Clock,
}

impl fmt::Debug for SinchProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SinchProvider")
    }
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    SinchProvider::new(given).map(|provider| Arc::new(provider) as _)
}

impl SinchProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let secrets = ["callback_secret", "callback_secret_next"].map(|key| values.secret(key));
        let secrets: Vec<_> = secrets.into_iter().flatten().cloned().collect();
        let keys = if secrets.is_empty() {
            None
        } else {
            let keys = SinchKeys::new(&secrets);
            Some(keys.map_err(|error| error.of("callback_secret"))?)
        };
        let plan = values.required_text("service_plan_id")?;
        let path = format!("/xms/v1/{plan}/batches");
        let api_token = values.required_secret("api_token")?;
        Ok(Self {
            capabilities: Capabilities {
                receipts_signed: keys.is_some(),
                feedback: values.flag("feedback"),
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            batches_url: url_below("base_url", values.required_url("base_url")?, &path)?,
            authorization: authorization("api_token", "Bearer", api_token)?,
            keys,
            sender: values.text("sender").cloned(),
            clock: given.clock.clone(),
        })
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    to: [&'a str; 1],
    body: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    delivery_report: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    expire_at: String,
    client_reference: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    feedback_enabled: bool,
}

/// An empty list stands for every recipient of the batch.
#[derive(Serialize)]
struct Received {
    recipients: [&'static str; 0],
}

/// All that is ever read from an answer: of a batch, or of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Scalar<'a>>,
    code: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    batch_id: Scalar<'a>,
    status: Scalar<'a>,
    #[serde(default)]
    code: Option<Scalar<'a>>,
    #[serde(default)]
    operator_status_at: Option<Scalar<'a>>,
    #[serde(default)]
    at: Option<Scalar<'a>>,
}

impl Provider for SinchProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match message.channel {
            Channel::Sms => {}
            Channel::Voice => return Err(RequestError::Channel),
        }
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let validity = message.validity_period.min(VALIDITY_PERIOD_MAX);
        let validity_ms = u64::try_from(validity.as_millis()).unwrap_or(u64::MAX);
        let expire_at_ms = self.clock.now_ms().saturating_add(validity_ms);
        let receipt_url = message.receipt_url.as_deref();
        let batch = Batch {
            from: message.sender.as_deref().or(self.sender.as_deref()),
            to: [message.to.expose()],
            body: &message.text,
            kind: "mt_text",
            delivery_report: receipt_url.map_or("none", |_| "per_recipient_final"),
            callback_url: receipt_url,
            expire_at: rfc3339_ms(expire_at_ms)?,
            client_reference: &message.reference,
            feedback_enabled: self.capabilities.feedback,
        };
        post_json(&self.batches_url, &self.authorization, &batch)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return submitted(answer.id.as_ref());
        }
        let code = answer.code.as_ref().and_then(Scalar::code);
        let now_ms = self.clock.now_ms();
        // A 403 with a reason in words is about this message, not about our token.
        let names_a_reason = code.as_ref().is_some_and(|code| code.as_str() != "403");
        let is_about_it = response.status == StatusCode::FORBIDDEN && names_a_reason;
        let verdict = is_about_it.then_some(Verdict::Provider);
        Err(refusal(verdict, code, response, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        if let Some(keys) = &self.keys {
            keys.verify(callback.headers, callback.body, callback.now_ms)?;
        }
        let report: Report<'_> = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
        if report.kind.text() != Some("recipient_delivery_report_sms") {
            return Err(ReceiptError::Malformed);
        }
        let status = report.status.text().and_then(receipt_status);
        let at = report.operator_status_at.as_ref().or(report.at.as_ref());
        Ok(vec![DeliveryReceipt {
            message_id: report.batch_id.message_id(),
            status: status.ok_or(ReceiptError::Malformed)?,
            code: report.code.as_ref().and_then(Scalar::code),
            at_ms: at.and_then(Scalar::text).and_then(parse_time_ms),
            // Sinch says of no code that it speaks for other providers too.
            is_final_for_number: false,
        }])
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        let batch_id = feedback.message_id.as_str();
        // Only reception can be reported; silence says the rest.
        if !self.capabilities.feedback || !feedback.was_used || !is_path_segment(batch_id) {
            return None;
        }
        let url = format!("{}/{batch_id}/delivery_feedback", self.batches_url);
        let received = Received { recipients: [] };
        post_json(&url.parse().ok()?, &self.authorization, &received).ok()
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "Delivered" => Some(ReceiptStatus::Delivered),
        "Aborted" | "Cancelled" | "Rejected" | "Deleted" | "Failed" | "Expired" => {
            Some(ReceiptStatus::Undelivered)
        }
        // Unknown: the network has it and never said what became of it.
        "Queued" | "Dispatched" | "Unknown" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}
