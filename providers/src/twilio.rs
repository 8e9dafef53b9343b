//! Twilio's Messages API: a form out, a form with `X-Twilio-Signature` back.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde::Deserialize;

use crate::answer::{Scalar, is_longer_than, parse_object, retry_after};
use crate::registry::{ConnectError, checked_url};
use crate::signature::{FormFields, TwilioKeys};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, Provider, ProviderCode,
    ReceiptError, ReceiptStatus, Receipts, RefusalScope, RequestError, Response, Secret,
    SubmitError, Submitted,
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
    /// `AC…`.
    pub account_sid: Arc<str>,
    /// The first submits unless there is an API key; receipts may be signed by any.
    pub auth_tokens: Vec<Secret>,
    pub api_key: Option<TwilioApiKey>,
    /// Used for messages that name no sender of their own.
    pub sender: TwilioSender,
    /// Normally [`TwilioSettings::BASE_URL`].
    pub base_url: Uri,
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
    sender: TwilioSender,
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
    /// # Errors
    ///
    /// Names the setting that cannot work.
    pub fn new(settings: TwilioSettings, clock: Clock) -> Result<Self, ConnectError> {
        let account_sid = settings.account_sid;
        if !is_sid(&account_sid) {
            return Err(ConnectError::Account);
        }
        let (TwilioSender::From(sender) | TwilioSender::MessagingService(sender)) =
            &settings.sender;
        if sender.is_empty() {
            return Err(ConnectError::Sender);
        }
        let keys = TwilioKeys::new(&settings.auth_tokens)?;
        let authorization = match (&settings.api_key, settings.auth_tokens.first()) {
            (Some(key), _) => basic_authorization(&key.sid, &key.secret),
            (None, Some(token)) => basic_authorization(&account_sid, token),
            (None, None) => return Err(ConnectError::Account),
        };
        let base_url = checked_url(settings.base_url)?.to_string();
        let base_url = base_url.trim_end_matches('/');
        let messages_url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
        Ok(Self {
            capabilities: Capabilities {
                channels: vec![Channel::Sms],
                receipts: Receipts::Reference,
                feedback: settings.feedback,
                text_characters_max: TEXT_CHARACTERS_MAX,
            },
            messages_url: messages_url.parse().map_err(|_| ConnectError::Url)?,
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
            (Some(sender), _) | (None, TwilioSender::From(sender)) => {
                form.append_pair("From", sender)
            }
            (None, TwilioSender::MessagingService(sid)) => {
                form.append_pair("MessagingServiceSid", sid)
            }
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
        let status = response.status;
        let retry_after = || retry_after(&response.headers, self.clock.now_ms());
        if status.is_success() {
            return match (&answer.error_code, &answer.sid) {
                (Some(code), _) => Err(refusal(code, retry_after)),
                (None, Some(sid)) => Ok(Submitted {
                    message_id: sid.code(),
                }),
                // Something answered 200, but not in the way Twilio does.
                (None, None) => Err(SubmitError::Unknown { code: None }),
            };
        }
        let code = answer.code.as_ref();
        let provider_code = code.and_then(Scalar::code);
        if status.is_client_error()
            && let Some(verdict) = code.and_then(Scalar::number).and_then(Verdict::of)
        {
            return Err(verdict.into_error(provider_code, retry_after));
        }
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => SubmitError::Throttled {
                retry_after: retry_after(),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SubmitError::Credentials {
                code: provider_code,
            },
            StatusCode::SERVICE_UNAVAILABLE => SubmitError::Refused {
                scope: RefusalScope::Now,
                code: provider_code,
            },
            other if other.is_client_error() => SubmitError::Refused {
                scope: RefusalScope::Provider,
                code: provider_code,
            },
            _ => SubmitError::Unknown {
                code: provider_code,
            },
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
            .and_then(ProviderCode::new)
            .ok_or(ReceiptError::Malformed)?;
        let status = fields
            .get("MessageStatus")
            .and_then(receipt_status)
            .ok_or(ReceiptError::Malformed)?;
        let error_code = fields.get("ErrorCode");
        let verdict = error_code
            .and_then(|code| code.parse().ok())
            .and_then(Verdict::of);
        Ok(vec![DeliveryReceipt {
            message_id: Some(message_id),
            status,
            code: error_code.and_then(ProviderCode::new),
            at_ms: None,
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        }])
    }

    fn feedback(&self, message_id: &ProviderCode, was_used: bool) -> Option<Request<Bytes>> {
        if !self.capabilities.feedback || !is_sid(message_id.as_str()) {
            return None;
        }
        let messages_url = self.messages_url.to_string();
        let message_url = messages_url.strip_suffix(".json")?;
        let url = format!("{message_url}/{message_id}/Feedback.json");
        let outcome = if was_used { "confirmed" } else { "unconfirmed" };
        Some(self.post(url.parse().ok()?, format!("Outcome={outcome}")))
    }
}

/// What one of Twilio's error codes means for dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Number,
    Provider,
    Now,
    Fraud,
    Throttled,
    Credentials,
}

impl Verdict {
    /// `None` for codes that say no more than the HTTP status does.
    fn of(code: u64) -> Option<Self> {
        match code {
            // To: invalid, opted out, not mobile, landline; the handset or the line unknown.
            21211 | 21610 | 21614 | 21635 | 30005 | 30006 => Some(Self::Number),
            // Region not enabled for the account; no way from this sender to this number.
            21408 | 21612 => Some(Self::Provider),
            // The sender's own queue is full.
            21611 => Some(Self::Now),
            // Held for SMS pumping.
            30450 | 60410 => Some(Self::Fraud),
            20429 => Some(Self::Throttled),
            20003 => Some(Self::Credentials),
            _ => None,
        }
    }

    fn into_error(
        self,
        code: Option<ProviderCode>,
        retry_after: impl FnOnce() -> Option<std::time::Duration>,
    ) -> SubmitError {
        let refused = |scope, code| SubmitError::Refused { scope, code };
        match self {
            Self::Number => refused(RefusalScope::Number, code),
            Self::Provider => refused(RefusalScope::Provider, code),
            Self::Now => refused(RefusalScope::Now, code),
            Self::Fraud => SubmitError::Fraud { code },
            Self::Throttled => SubmitError::Throttled {
                retry_after: retry_after(),
            },
            Self::Credentials => SubmitError::Credentials { code },
        }
    }

    fn is_final_for_number(self) -> bool {
        match self {
            Self::Number | Self::Fraud => true,
            Self::Provider | Self::Now | Self::Throttled | Self::Credentials => false,
        }
    }
}

/// A message that was created, yet has already failed.
fn refusal(
    code: &Scalar<'_>,
    retry_after: impl FnOnce() -> Option<std::time::Duration>,
) -> SubmitError {
    let verdict = code.number().and_then(Verdict::of);
    verdict
        .unwrap_or(Verdict::Provider)
        .into_error(code.code(), retry_after)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transcripts::{self, NOW_MS};

    fn settings() -> TwilioSettings {
        TwilioSettings {
            account_sid: "AC1".into(),
            auth_tokens: vec!["token".into()],
            api_key: None,
            sender: TwilioSender::From("+15017122661".into()),
            base_url: "http://127.0.0.1:9002/".parse().unwrap(),
            feedback: false,
        }
    }

    fn provider(change: impl FnOnce(&mut TwilioSettings)) -> Result<TwilioProvider, ConnectError> {
        let mut settings = settings();
        change(&mut settings);
        TwilioProvider::new(settings, transcripts::clock())
    }

    fn body_of(request: &Request<Bytes>) -> &str {
        std::str::from_utf8(request.body()).unwrap()
    }

    #[test]
    fn a_fixed_sender_an_api_key_and_a_base_url_are_used() {
        let provider = provider(|settings| {
            settings.api_key = Some(TwilioApiKey {
                sid: "SK1".into(),
                secret: "key secret".into(),
            });
        });
        let request = provider.unwrap().request(&transcripts::message()).unwrap();
        assert_eq!(
            request.uri().to_string(),
            "http://127.0.0.1:9002/2010-04-01/Accounts/AC1/Messages.json"
        );
        let expected = format!("Basic {}", STANDARD.encode("SK1:key secret"));
        assert_eq!(request.headers()[header::AUTHORIZATION], *expected);
        assert!(body_of(&request).contains("&From=%2B15017122661&"));
    }

    #[test]
    fn credentials_do_not_print() {
        let settings = settings();
        assert!(!format!("{settings:?}").contains("\"token\""));
        let provider = provider(|_| {}).unwrap();
        let request = provider.request(&transcripts::message()).unwrap();
        let shown = format!("{:?}", request.headers());
        assert!(!shown.contains("Basic"), "{shown}");
    }

    #[test]
    fn feedback_is_announced_and_given_if_it_is_on() {
        let message_id = ProviderCode::new("SM1").unwrap();
        let off = provider(|_| {}).unwrap();
        assert!(off.feedback(&message_id, true).is_none());

        let on = provider(|settings| settings.feedback = true).unwrap();
        let request = on.request(&transcripts::message()).unwrap();
        assert!(body_of(&request).contains("&ProvideFeedback=true"));
        let feedback = on.feedback(&message_id, true).unwrap();
        assert_eq!(
            feedback.uri().path(),
            "/2010-04-01/Accounts/AC1/Messages/SM1/Feedback.json"
        );
        assert_eq!(body_of(&feedback), "Outcome=confirmed");
        let unused = on.feedback(&message_id, false).unwrap();
        assert_eq!(body_of(&unused), "Outcome=unconfirmed");
        let not_a_sid = ProviderCode::new("..")
            .or(ProviderCode::new("a..b"))
            .unwrap();
        assert!(on.feedback(&not_a_sid, true).is_none());
    }

    #[test]
    fn a_callback_without_a_signature_is_not_read() {
        let headers = HeaderMap::new();
        let receipts = provider(|_| {}).unwrap().receipts(&Callback {
            method: &Method::POST,
            url: "https://otp.example.com/",
            headers: &headers,
            body: b"AccountSid=AC1&MessageSid=SM1&MessageStatus=delivered",
            now_ms: NOW_MS,
        });
        assert_eq!(receipts, Err(ReceiptError::Signature));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let refused = |change: fn(&mut TwilioSettings)| provider(change).err();
        assert_eq!(refused(|_| {}), None);
        assert_eq!(
            refused(|settings| settings.account_sid = "AC1/../AC2".into()),
            Some(ConnectError::Account)
        );
        assert_eq!(
            refused(|settings| settings.sender = TwilioSender::From("".into())),
            Some(ConnectError::Sender)
        );
        assert!(matches!(
            refused(|settings| settings.auth_tokens.clear()),
            Some(ConnectError::Secret(_))
        ));
        assert_eq!(
            refused(|settings| settings.base_url = Uri::from_static("/")),
            Some(ConnectError::Url)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_answers_and_receipts_never_panic(
            status in 100..1000_u16,
            body in prop::collection::vec(any::<u8>(), 0..256),
            signature in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let provider = provider(|_| {}).unwrap();
            let response = Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.clone().into(),
            };
            prop_assert!(provider.classify(&response).is_err());

            let mut headers = HeaderMap::new();
            if let Ok(signature) = HeaderValue::from_bytes(&signature) {
                headers.insert("x-twilio-signature", signature);
            }
            let receipts = provider.receipts(&Callback {
                method: &Method::POST,
                url: "https://otp.example.com/",
                headers: &headers,
                body: &body,
                now_ms: NOW_MS,
            });
            prop_assert!(receipts.is_err());
        }
    }
}
