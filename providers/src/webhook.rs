//! The generic HTTP provider: a signed JSON post out, a signed JSON receipt back;
//! or, for an API that speaks otherwise, a request by template.

mod rules;
mod settings;
mod template;
mod templated;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::{Deserialize, Serialize};

use self::templated::TemplatedProvider;
use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::{ConnectError, Given, Kind, Make};
use crate::registry::checked_url;
use crate::signature::WebhookKeys;
use crate::verdict::by_status;
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Extension, Message, Moment, Provider,
    ReceiptError, ReceiptStatus, Receipts, RefusalScope, RequestError, Response, Secret,
    SubmitError, Submitted,
};

/// Ten joined segments of GSM-7, the longest that networks put together again.
const TEXT_CHARACTERS_MAX: usize = 1600;

/// Anything that takes a signed JSON post.
pub static KIND: Kind = Kind {
    name: "webhook",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::None, Receipts::Reference, Receipts::MessageId],
    is_simulated: false,
    senders: &[],
    settings: settings::SETTINGS,
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    if templated::is_asked_for(given.values) {
        return Ok(Arc::new(TemplatedProvider::new(given)?));
    }
    // One of these alone would be passed over in silence.
    for key in settings::TEMPLATE_ONLY {
        if given.values.has(key) {
            let fix = "is for a request by template: set query, form or json beside it";
            return Err(ConnectError::setting(key, fix));
        }
    }
    if given.values.secrets("secret").is_empty() {
        let fix = "missing: set one of secret, secrets and secret_file";
        return Err(ConnectError::setting("secret", fix));
    }
    let settings = WebhookSettings {
        url: given.values.required_url("url")?.clone(),
        secrets: given.values.secrets("secret").to_vec(),
        channels: given.channels.to_vec(),
        receipts: given.receipts,
        sender: None,
    };
    Ok(Arc::new(WebhookProvider::new(
        settings,
        given.clock.clone(),
    )?))
}

/// What a `webhook` provider needs. `Debug` shows the host of the URL only.
#[derive(Clone)]
pub struct WebhookSettings {
    /// Where messages are posted: `http` or `https`, without user and password.
    pub url: Uri,
    /// The first signs what we send; receipts may be signed by any.
    pub secrets: Vec<Secret>,
    pub channels: Vec<Channel>,
    pub receipts: Receipts,
    /// Used for messages that name no sender of their own.
    pub sender: Option<Arc<str>>,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookSettings")
            .field("host", &self.url.host())
            .field("channels", &self.channels)
            .field("receipts", &self.receipts)
            .finish_non_exhaustive()
    }
}

/// A provider that speaks our own JSON.
pub struct WebhookProvider {
    capabilities: Capabilities,
    url: Uri,
    keys: WebhookKeys,
    sender: Option<Arc<str>>,
    clock: Clock,
}

impl WebhookProvider {
    /// Checks the settings and makes the keys ready.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot work.
    pub fn new(settings: WebhookSettings, clock: Clock) -> Result<Self, ConnectError> {
        Ok(Self {
            capabilities: Capabilities {
                dials_extensions: true,
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(&settings.channels, settings.receipts)
            },
            url: checked_url("url", settings.url)?,
            keys: WebhookKeys::new(&settings.secrets).map_err(|error| error.of("secret"))?,
            sender: settings.sender,
            clock,
        })
    }
}

/// What is posted. Absent values are `null`, so that the keys are always there,
/// but for the extension that few calls have.
#[derive(Serialize)]
struct Submission<'a> {
    reference: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<&'a str>,
    channel: Channel,
    text: &'a str,
    speech: Option<&'a str>,
    sender: Option<&'a str>,
    locale: &'a str,
    expires_at: Moment,
    receipt_url: Option<&'a str>,
}

/// All that is ever read from an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    message_id: Option<Scalar<'a>>,
    code: Option<Scalar<'a>>,
    r#final: Option<Scalar<'a>>,
}

impl Provider for WebhookProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(RequestError::Channel);
        }
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let receipt_url = match self.capabilities.receipts {
            Receipts::Reference => message.receipt_url.as_deref(),
            Receipts::None | Receipts::MessageId => None,
        };
        let body = to_json(&Submission {
            reference: &message.reference,
            to: message.to.expose(),
            extension: message.extension.as_ref().map(Extension::expose),
            channel: message.channel,
            text: &message.text,
            speech: message.speech.as_deref(),
            sender: message.sender.as_deref().or(self.sender.as_deref()),
            locale: &message.locale,
            expires_at: Moment::of_ms(message.expires_at_ms),
            receipt_url,
        })?;

        let id = HeaderValue::from_str(&message.reference).map_err(|_| RequestError::Malformed)?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        self.keys
            .sign(&mut headers, id, self.clock.now_ms() / 1000, &body);

        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        let status = response.status;
        if status.is_success() {
            let message_id = answer.message_id.as_ref().and_then(Scalar::message_id);
            return Ok(Submitted { message_id });
        }
        let code = answer.code.as_ref().and_then(Scalar::code);
        let is_final = answer.r#final.as_ref().is_some_and(Scalar::is_true);
        let mut error = by_status(response, code, self.clock.now_ms());
        if is_final
            && let SubmitError::Refused { scope, .. } = &mut error
            && *scope == RefusalScope::Provider
        {
            *scope = RefusalScope::Number;
        }
        Err(error)
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        match self.capabilities.receipts {
            Receipts::None => Err(ReceiptError::NotExpected),
            Receipts::Reference => signed_receipt(&self.keys, callback).map(|one| vec![one]),
            Receipts::MessageId => {
                let receipt = signed_receipt(&self.keys, callback)?;
                // Without it nobody knows which message it speaks of.
                let is_named = receipt.message_id.is_some();
                is_named
                    .then(|| vec![receipt])
                    .ok_or(ReceiptError::Malformed)
            }
        }
    }
}

/// A receipt as a webhook or the sandbox posts it.
#[derive(Deserialize)]
struct Receipt<'a> {
    status: ReceiptStatus,
    #[serde(borrow, default)]
    message_id: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    error: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    at: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    r#final: Option<Scalar<'a>>,
}

/// Verifies a callback by Standard Webhooks, then reads the receipt in it.
pub(crate) fn signed_receipt(
    keys: &WebhookKeys,
    callback: &Callback<'_>,
) -> Result<DeliveryReceipt, ReceiptError> {
    keys.verify(callback.headers, callback.body, callback.now_ms)?;
    let receipt: Receipt<'_> = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
    let is_final = receipt.r#final.as_ref().is_some_and(Scalar::is_true);
    Ok(DeliveryReceipt {
        message_id: receipt.message_id.as_ref().and_then(Scalar::message_id),
        status: receipt.status,
        code: receipt.error.as_ref().and_then(Scalar::code),
        // The status is what matters: a date that cannot be read is left out.
        at_ms: receipt
            .at
            .as_ref()
            .and_then(Scalar::text)
            .and_then(epoch_ms),
        is_final_for_number: is_final && receipt.status == ReceiptStatus::Undelivered,
    })
}

fn to_json(submission: &Submission<'_>) -> Result<Bytes, RequestError> {
    let mut body = Vec::with_capacity(512);
    serde_json::to_writer(&mut body, submission).map_err(|_| RequestError::Malformed)?;
    Ok(body.into())
}

fn epoch_ms(rfc3339: &str) -> Option<u64> {
    let timestamp: jiff::Timestamp = rfc3339.parse().ok()?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests;
