//! Twilio's Messages and Calls: a form out, a form with `X-Twilio-Signature` back.

mod errors;
mod kind;
#[cfg(test)]
mod tests;
mod voice;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::Deserialize;

use self::errors::ERRORS;
pub use self::kind::KIND;
use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::ConnectError;
use crate::registry::checked_url;
use crate::signature::{FormFields, SecretError, TwilioKeys};
use crate::verdict::{Verdict, refusal};
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Feedback, Message, MessageId, Provider, ProviderCode, ReceiptError,
    ReceiptStatus, Receipts, RequestError, Response, Secret, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;
const VALIDITY_PERIOD_MAX_S: u64 = 36_000;

/// Who a message comes from.
#[derive(Clone, Debug)]
pub enum TwilioSender {
    /// A number, short code or alphanumeric id of the account.
    From(Arc<str>),
    /// A messaging service (`MG…`), which picks a sender itself.
    MessagingService(Arc<str>),
}

/// A key that submits in the account's stead, so that the auth token need not.
#[derive(Clone, Debug)]
pub struct TwilioApiKey {
    /// `SK…`.
    pub sid: Arc<str>,
    pub secret: Secret,
}

/// What a `twilio` provider needs.
#[derive(Clone, Debug)]
pub struct TwilioSettings {
    pub channels: Vec<Channel>,
    /// `AC…`.
    pub account_sid: Arc<str>,
    /// The first submits unless there is an API key; receipts may be signed by any.
    pub auth_tokens: Vec<Secret>,
    pub api_key: Option<TwilioApiKey>,
    /// Used for messages that name no sender of their own; without it, such a
    /// message is refused before anything is submitted.
    pub sender: Option<TwilioSender>,
    /// The number that calls come from where the message names none.
    pub caller: Option<Arc<str>>,
    /// Twilio listens for machines before anything is said.
    pub detects_machines: bool,
    /// Normally [`TwilioSettings::BASE_URL`].
    pub base_url: Uri,
    pub receipts: Receipts,
    /// Reports to Twilio whether codes were used.
    pub feedback: bool,
}

impl TwilioSettings {
    /// Twilio's own address.
    pub const BASE_URL: &'static str = "https://api.twilio.com";
}

/// SMS by way of Twilio.
pub struct TwilioProvider {
    capabilities: Capabilities,
    messages_url: Uri,
    calls_url: Uri,
    authorization: HeaderValue,
    account_sid: Arc<str>,
    keys: TwilioKeys,
    sender: Option<TwilioSender>,
    caller: Option<Arc<str>>,
    detects_machines: bool,
    clock: Clock,
}

impl fmt::Debug for TwilioProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TwilioProvider")
            .field("account_sid", &self.account_sid)
            .finish_non_exhaustive()
    }
}

impl TwilioProvider {
    /// Checks the settings and makes keys, URL and credentials ready.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot work.
    pub fn new(settings: TwilioSettings, clock: Clock) -> Result<Self, ConnectError> {
        let account_sid = settings.account_sid;
        if !is_sid(&account_sid) {
            return Err(ConnectError::setting(
                "account_sid",
                "must be letters and digits",
            ));
        }
        if let Some(TwilioSender::From(sender) | TwilioSender::MessagingService(sender)) =
            &settings.sender
            && sender.is_empty()
        {
            return Err(ConnectError::setting("sender", "is empty"));
        }
        let no_token = |error: SecretError| error.of("auth_token");
        let keys = TwilioKeys::new(&settings.auth_tokens).map_err(no_token)?;
        let authorization = match (&settings.api_key, settings.auth_tokens.first()) {
            (Some(key), _) => basic_authorization(&key.sid, &key.secret),
            (None, Some(token)) => basic_authorization(&account_sid, token),
            (None, None) => return Err(no_token(SecretError::Missing)),
        };
        let base_url = checked_url("base_url", settings.base_url)?.to_string();
        let base_url = base_url.trim_end_matches('/');
        let url = |resource: &str| {
            format!("{base_url}/2010-04-01/Accounts/{account_sid}/{resource}.json")
                .parse()
                .map_err(|_| ConnectError::setting("base_url", "must be a URL"))
        };
        Ok(Self {
            capabilities: Capabilities {
                feedback: settings.feedback,
                text_characters_max: TEXT_CHARACTERS_MAX,
                calls: Calls::Asked,
                dials_extensions: true,
                ..Capabilities::new(&settings.channels, settings.receipts)
            },
            messages_url: url("Messages")?,
            calls_url: url("Calls")?,
            authorization,
            account_sid,
            keys,
            sender: settings.sender,
            caller: settings.caller,
            detects_machines: settings.detects_machines,
            clock,
        })
    }

    fn text_message(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let validity_s = message.validity_period.as_secs();
        let validity_s = validity_s.clamp(1, VALIDITY_PERIOD_MAX_S);

        let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
        form.append_pair("To", message.to.expose());
        match (&message.sender, &self.sender) {
            (Some(sender), _) | (None, Some(TwilioSender::From(sender))) => {
                form.append_pair("From", sender)
            }
            (None, Some(TwilioSender::MessagingService(sid))) => {
                form.append_pair("MessagingServiceSid", sid)
            }
            (None, None) => return Err(RequestError::SenderMissing),
        };
        form.append_pair("Body", &message.text);
        form.append_pair("ValidityPeriod", &validity_s.to_string());
        if let Some(receipt_url) = &message.receipt_url {
            form.append_pair("StatusCallback", receipt_url);
        }
        if self.capabilities.feedback {
            form.append_pair("ProvideFeedback", "true");
        }
        Ok(self.post(self.messages_url.clone(), form.finish()))
    }

    /// The fields of a callback that Twilio has signed for our account.
    fn genuine(&self, callback: &Callback<'_>) -> Result<FormFields, ReceiptError> {
        let signature = callback
            .headers
            .get("x-twilio-signature")
            .ok_or(ReceiptError::Signature)?;
        let fields = FormFields::parse(callback.body)?;
        self.keys
            .verify_form(callback.url, &fields, signature.as_bytes())?;
        // A subaccount shares no token with ours, but nothing rests on that.
        if fields.get("AccountSid") != Some(&*self.account_sid) {
            return Err(ReceiptError::Signature);
        }
        Ok(fields)
    }

    fn post(&self, url: Uri, form: String) -> Request<Bytes> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let mut request = Request::new(Bytes::from(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        *request.headers_mut() = headers;
        request
    }
}

/// All that is ever read from an answer: of a message, or of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    sid: Option<Scalar<'a>>,
    code: Option<Scalar<'a>>,
    error_code: Option<Scalar<'a>>,
}

impl Provider for TwilioProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(RequestError::Channel);
        }
        match message.channel {
            Channel::Sms => self.text_message(message),
            Channel::Voice => self.call(message),
        }
    }
    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        let now_ms = self.clock.now_ms();
        if response.status.is_success() {
            return match (&answer.error_code, &answer.sid) {
                // A message that was created, yet has already failed.
                (Some(code), _) => {
                    let verdict = verdict(code).unwrap_or(Verdict::Provider);
                    Err(verdict.into_error(code.code(), response, now_ms))
                }
                (None, Some(sid)) => Ok(Submitted {
                    message_id: sid.message_id(),
                }),
                // Something answered 200, but not in the way Twilio does.
                (None, None) => Err(SubmitError::Unknown { code: None }),
            };
        }
        let provider_code = answer.code.as_ref().and_then(Scalar::code);
        let verdict = answer.code.as_ref().and_then(verdict);
        let verdict = verdict.filter(|_| response.status.is_client_error());
        Err(refusal(verdict, provider_code, response, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let fields = self.genuine(callback)?;
        if fields.get("CallSid").is_some() {
            return voice::receipt(&fields).map(|one| vec![one]);
        }
        let message_id = fields
            .get("MessageSid")
            .and_then(MessageId::new)
            .ok_or(ReceiptError::Malformed)?;
        let status = fields
            .get("MessageStatus")
            .and_then(receipt_status)
            .ok_or(ReceiptError::Malformed)?;
        let error_code = fields.get("ErrorCode");
        let verdict = error_code.and_then(|code| ERRORS.verdict(code));
        Ok(vec![DeliveryReceipt {
            message_id: Some(message_id),
            status,
            code: error_code.and_then(ProviderCode::new),
            at_ms: None,
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        }])
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        voice::event(callback.url, &self.genuine(callback)?)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        voice::document(turn)
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        if !self.capabilities.feedback || !is_sid(feedback.message_id.as_str()) {
            return None;
        }
        let messages_url = self.messages_url.to_string();
        let message_url = messages_url.strip_suffix(".json")?;
        let url = format!("{message_url}/{}/Feedback.json", feedback.message_id);
        let outcome = if feedback.was_used {
            "confirmed"
        } else {
            "unconfirmed"
        };
        Some(self.post(url.parse().ok()?, format!("Outcome={outcome}")))
    }
}

/// Codes come as numbers, and now and then as texts.
fn verdict(code: &Scalar<'_>) -> Option<Verdict> {
    ERRORS.verdict(&code.number()?.to_string())
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "delivered" | "read" => Some(ReceiptStatus::Delivered),
        "undelivered" | "failed" | "canceled" => Some(ReceiptStatus::Undelivered),
        "accepted" | "scheduled" | "queued" | "sending" | "sent" | "partially_delivered" => {
            Some(ReceiptStatus::Sent)
        }
        _ => None,
    }
}

/// Sids go into URLs: letters and digits, nothing else.
fn is_sid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn basic_authorization(user: &str, password: &Secret) -> HeaderValue {
    let credentials = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(&*credentials)))
        .expect("base64 is valid in a header");
    header.set_sensitive(true);
    header
}
