//! Twilio's Messages API: a form out, a form with `X-Twilio-Signature` back.

mod errors;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::Deserialize;

use self::errors::ERRORS;
use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::registry::checked_url;
use crate::signature::{FormFields, SecretError, TwilioKeys};
use crate::verdict::{Verdict, by_status};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Feedback, Message, MessageId,
    Provider, ProviderCode, ReceiptError, ReceiptStatus, Receipts, RequestError, Response, Secret,
    SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;
const VALIDITY_PERIOD_MAX_S: u64 = 36_000;

/// Twilio.
pub static KIND: Kind = Kind {
    name: "twilio",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender", "messaging_service_sid"],
    settings: &[
        Setting {
            key: "account_sid",
            form: Form::Text(account_sid),
            required: Some("the AC… of your account"),
            about: "`AC` and 32 hexadecimal digits",
        },
        Setting {
            key: "auth_token",
            form: Form::Secrets {
                list: "auth_tokens",
                file: "auth_token_file",
                fits: any_secret,
            },
            required: Some("the auth token of your account"),
            about: "one of them; the first submits unless there is an API key, all of them verify callbacks",
        },
        Setting {
            key: "api_key_sid",
            form: Form::Text(api_key_sid),
            required: None,
            about: "submits in place of the auth token",
        },
        Setting {
            key: "api_key_secret",
            form: Form::Secret {
                file: "api_key_secret_file",
            },
            required: None,
            about: "the secret of `api_key_sid`",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "messaging_service_sid",
            form: Form::Text(messaging_service_sid),
            required: None,
            about: "picks a sender itself, in place of `sender`",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some(TwilioSettings::BASE_URL),
            },
            required: None,
            about: "for regional edges",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    let api_key = match (values.text("api_key_sid"), values.secret("api_key_secret")) {
        (Some(sid), Some(secret)) => Some(TwilioApiKey {
            sid: Arc::clone(sid),
            secret: secret.clone(),
        }),
        (None, None) => None,
        (Some(_), None) => {
            let fix = "needs api_key_secret or api_key_secret_file beside it";
            return Err(ConnectError::setting("api_key_sid", fix));
        }
        (None, Some(_)) => {
            let fix = "needs api_key_sid beside it";
            return Err(ConnectError::setting("api_key_secret", fix));
        }
    };
    let sender = match (values.text("sender"), values.text("messaging_service_sid")) {
        (Some(sender), None) => Some(TwilioSender::From(Arc::clone(sender))),
        (None, Some(sid)) => Some(TwilioSender::MessagingService(Arc::clone(sid))),
        (None, None) => None,
        (Some(_), Some(_)) => {
            let fix = "set either sender or messaging_service_sid, not both";
            return Err(ConnectError::setting("messaging_service_sid", fix));
        }
    };
    let settings = TwilioSettings {
        account_sid: Arc::clone(values.required_text("account_sid")?),
        auth_tokens: values.secrets("auth_token").to_vec(),
        api_key,
        sender,
        base_url: values.required_url("base_url")?.clone(),
        receipts: given.receipts,
        feedback: false,
    };
    Ok(Arc::new(TwilioProvider::new(
        settings,
        given.clock.clone(),
    )?))
}

fn account_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("AC", text)
        .then_some(())
        .ok_or("must be AC and 32 hexadecimal digits")
}

fn api_key_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("SK", text)
        .then_some(())
        .ok_or("must be SK and 32 hexadecimal digits")
}

fn messaging_service_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("MG", text)
        .then_some(())
        .ok_or("must be MG and 32 hexadecimal digits")
}

fn is_sid_of(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

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
    /// `AC…`.
    pub account_sid: Arc<str>,
    /// The first submits unless there is an API key; receipts may be signed by any.
    pub auth_tokens: Vec<Secret>,
    pub api_key: Option<TwilioApiKey>,
    /// Used for messages that name no sender of their own; without it, such a
    /// message is refused before anything is submitted.
    pub sender: Option<TwilioSender>,
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
    authorization: HeaderValue,
    account_sid: Arc<str>,
    keys: TwilioKeys,
    sender: Option<TwilioSender>,
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
        let messages_url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
        Ok(Self {
            capabilities: Capabilities {
                feedback: settings.feedback,
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(&[Channel::Sms], settings.receipts)
            },
            messages_url: messages_url
                .parse()
                .map_err(|_| ConnectError::setting("base_url", "must be a URL"))?,
            authorization,
            account_sid,
            keys,
            sender: settings.sender,
            clock,
        })
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
        match message.channel {
            Channel::Sms => {}
            Channel::Voice => return Err(RequestError::Channel),
        }
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
        Err(match verdict {
            Some(verdict) if response.status.is_client_error() => {
                verdict.into_error(provider_code, response, now_ms)
            }
            Some(_) | None => by_status(response, provider_code, now_ms),
        })
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
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
