//! Bird, once MessageBird: SMS by its classic REST API, status reports with a
//! `MessageBird-Signature-JWT`.

mod errors;
#[cfg(test)]
mod tests;
pub mod voice;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::{Deserialize, Serialize};

use self::errors::{API_ERRORS, NETWORK_ERRORS};
use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::request::{authorization, parse_time_ms, post_json, url_below};
use crate::signature::MessageBirdKeys;
use crate::verdict::{Verdict, refusal};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Feedback, Message, MessageId,
    Provider, ProviderCode, ReceiptError, ReceiptStatus, Receipts, RequestError, Response,
    SubmitError, Submitted,
};

/// Nine joined segments of the GSM alphabet.
const TEXT_CHARACTERS_MAX: usize = 1377;

const BASE_URL: &str = "https://rest.messagebird.com";

/// More parameters than any status report has.
const PARAMETERS_MAX: usize = 64;

const ACCESS_KEY: Setting = Setting {
    key: "access_key",
    form: Form::Secret {
        file: "access_key_file",
    },
    required: Some("a live access key of your account"),
    about: "a live access key",
};

/// Bird.
pub static KIND: Kind = Kind {
    name: "bird",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender"],
    settings: &[
        ACCESS_KEY,
        Setting {
            key: "signing_key",
            form: Form::Secrets {
                list: "signing_keys",
                file: "signing_key_file",
                fits: any_secret,
            },
            required: Some("the signing key of your account"),
            about: "signs status reports; all of them verify",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some(BASE_URL),
            },
            required: None,
            about: "the address of the REST API",
        },
        Setting {
            key: "conversions_url",
            form: Form::Url { default: None },
            required: None,
            about: "where the account reports conversions; which codes were used is told there",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    BirdProvider::new(given).map(|provider| Arc::new(provider) as _)
}

/// SMS by way of Bird.
pub struct BirdProvider {
    capabilities: Capabilities,
    messages_url: Uri,
    conversions_url: Option<Uri>,
    authorization: HeaderValue,
    keys: MessageBirdKeys,
    sender: Option<Arc<str>>,
    clock: Clock,
}

impl fmt::Debug for BirdProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BirdProvider")
    }
}

impl BirdProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let base_url = values.required_url("base_url")?;
        let conversions_url = values.url("conversions_url").cloned();
        let keys = MessageBirdKeys::new(values.secrets("signing_key"));
        Ok(Self {
            capabilities: Capabilities {
                feedback: conversions_url.is_some(),
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            messages_url: url_below("base_url", base_url, "/messages")?,
            conversions_url,
            authorization: access_key(given)?,
            keys: keys.map_err(|error| error.of("signing_key"))?,
            sender: values.text("sender").cloned(),
            clock: given.clock.clone(),
        })
    }
}

fn access_key(given: &Given<'_>) -> Result<HeaderValue, ConnectError> {
    let key = given.values.required_secret("access_key")?;
    authorization("access_key", "AccessKey", key)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sms<'a> {
    recipients: [&'a str; 1],
    originator: &'a str,
    body: &'a str,
    /// Without one there are no status reports.
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    report_url: Option<&'a str>,
    validity: u64,
    datacoding: &'static str,
}

#[derive(Serialize)]
struct Conversion<'a> {
    service: &'static str,
    id: &'a str,
    success: bool,
}

/// All that is ever read from an answer: of a message, or of errors.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Scalar<'a>>,
    errors: Vec<ApiError<'a>>,
}

#[derive(Deserialize)]
struct ApiError<'a> {
    #[serde(borrow)]
    code: Scalar<'a>,
}

impl Provider for BirdProvider {
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
        let sender = message.sender.as_deref().or(self.sender.as_deref());
        let sms = Sms {
            recipients: [message.to.to_msisdn()],
            originator: sender.ok_or(RequestError::SenderMissing)?,
            body: &message.text,
            reference: &message.reference,
            report_url: message.receipt_url.as_deref(),
            validity: message.validity_period.as_secs().max(1),
            datacoding: "auto",
        };
        post_json(&self.messages_url, &self.authorization, &sms)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return submitted(answer.id.as_ref());
        }
        Err(api_error(&answer.errors, response, self.clock.now_ms()))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let token = callback
            .headers
            .get("messagebird-signature-jwt")
            .ok_or(ReceiptError::Signature)?;
        let (url, body) = (callback.url, callback.body);
        self.keys
            .verify(url, body, token.as_bytes(), callback.now_ms)?;

        // By GET it is all in the query; by POST in a form.
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let said = if body.is_empty() {
            query.as_bytes()
        } else {
            body
        };
        let parameters: Vec<_> = form_urlencoded::parse(said).take(PARAMETERS_MAX).collect();
        let status = parameter(&parameters, "status").and_then(receipt_status);
        let status = status.ok_or(ReceiptError::Malformed)?;
        let error = parameter(&parameters, "statusErrorCode");
        let verdict = error.and_then(|code| NETWORK_ERRORS.verdict(code));
        Ok(vec![DeliveryReceipt {
            message_id: parameter(&parameters, "id").and_then(MessageId::new),
            status,
            code: error.and_then(ProviderCode::new),
            at_ms: parameter(&parameters, "statusDatetime").and_then(parse_time_ms),
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        }])
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        let conversion = Conversion {
            service: "sms",
            id: feedback.message_id.as_str(),
            success: feedback.was_used,
        };
        let url = self.conversions_url.as_ref()?;
        post_json(url, &self.authorization, &conversion).ok()
    }
}

/// The first error that the table knows, or what the status says.
fn api_error(errors: &[ApiError<'_>], response: &Response, now_ms: u64) -> SubmitError {
    let code = errors.first().and_then(|error| error.code.code());
    let verdict = code
        .as_ref()
        .and_then(|code| API_ERRORS.verdict(code.as_str()));
    let verdict = verdict.filter(|_| response.status.is_client_error());
    refusal(verdict, code, response, now_ms)
}

/// A parameter that occurs once; with two values it has none.
fn parameter<'a>(parameters: &'a [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Option<&'a str> {
    let mut values = parameters.iter().filter(|(known, _)| known == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "delivered" => Some(ReceiptStatus::Delivered),
        "expired" | "delivery_failed" => Some(ReceiptStatus::Undelivered),
        "scheduled" | "buffered" | "sent" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}
