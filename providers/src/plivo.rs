//! Plivo: JSON out for texts and calls, forms with `X-Plivo-Signature-V3` back.

mod errors;
#[cfg(test)]
mod tests;
mod voice;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use serde::{Deserialize, Serialize};

use self::errors::DELIVERY;
use self::voice::Calling;
use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::registry::checked_url;
use crate::request::{basic_authorization, is_path_segment, path_segment, post_json, url_below};
use crate::signature::{FormFields, PlivoKeys, PlivoSigned, SecretError};
use crate::speech::caller;
use crate::verdict::{Verdict, by_status};
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Feedback, Message, MessageId, Provider, ProviderCode, ReceiptError,
    ReceiptStatus, Receipts, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// Plivo's own default is three hours.
const MESSAGE_EXPIRY_S: std::ops::RangeInclusive<u64> = 5..=10_799;

/// Plivo.
pub static KIND: Kind = Kind {
    name: "plivo",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender", "powerpack_uuid"],
    settings: &[
        Setting {
            key: "auth_id",
            form: Form::Text(path_segment),
            required: Some("\"MAMDY3ZJZMZDI0ZWU3NW\""),
            about: "of the account, or of a subaccount",
        },
        Setting {
            key: "auth_token",
            form: Form::Secrets {
                list: "auth_tokens",
                file: "auth_token_file",
                fits: any_secret,
            },
            required: Some("the account's auth token"),
            about: "one of them; the first submits, all of them verify callbacks",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "who an SMS is from; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "powerpack_uuid",
            form: Form::Text(path_segment),
            required: None,
            about: "a powerpack that picks the sender, in place of `sender`",
        },
        Setting {
            key: "caller",
            form: Form::Text(caller),
            required: None,
            about: "the number that calls come from, in E.164; a tenant's `voice_sender` goes before it. Needed for `voice`",
        },
        Setting {
            key: "machine_detection",
            form: Form::Choice(&["off", "on"]),
            required: None,
            about: "`\"on\"`: Plivo listens whether a machine answers, and hangs up on it",
        },
        Setting {
            key: "allow_v2_signatures",
            form: Form::Flag,
            required: None,
            about: "shows receipts that have no V3 signature by their V2 one, which does not cover what they say; receipts then send nothing again, and calls need V3 all the same",
        },
        Setting {
            key: "feedback",
            form: Form::Flag,
            required: None,
            about: "reports to Plivo which codes were used",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some("https://api.plivo.com"),
            },
            required: None,
            about: "where messages and calls go",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

/// Who a text comes from.
#[derive(Clone, Debug)]
enum PlivoSender {
    Source(Arc<str>),
    Powerpack(Arc<str>),
}

/// SMS and calls by way of Plivo.
pub struct PlivoProvider {
    capabilities: Capabilities,
    messages_url: Uri,
    authorization: HeaderValue,
    keys: PlivoKeys,
    shows_v2_receipts: bool,
    sender: Option<PlivoSender>,
    calling: Option<Calling>,
    clock: Clock,
}

impl fmt::Debug for PlivoProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlivoProvider")
    }
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    PlivoProvider::new(given).map(|provider| Arc::new(provider) as _)
}

impl PlivoProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let tokens = values.secrets("auth_token");
        let no_token = |error: SecretError| error.of("auth_token");
        let keys = PlivoKeys::new(tokens);
        let shows_v2_receipts = values.flag("allow_v2_signatures");
        let token = tokens.first();
        let token = token.ok_or_else(|| no_token(SecretError::Missing))?;
        let auth_id = values.required_text("auth_id")?;
        let base_url = checked_url("base_url", values.required_url("base_url")?.clone())?;
        let below = |path: &str| url_below("base_url", &base_url, path);
        let sender = match (values.text("sender"), values.text("powerpack_uuid")) {
            (Some(sender), None) => Some(PlivoSender::Source(Arc::clone(sender))),
            (None, Some(uuid)) => Some(PlivoSender::Powerpack(Arc::clone(uuid))),
            (None, None) => None,
            (Some(_), Some(_)) => {
                let fix = "set either sender or powerpack_uuid, not both";
                return Err(ConnectError::setting("powerpack_uuid", fix));
            }
        };
        let calling = if given.channels.contains(&Channel::Voice) {
            let calls_url = below(&format!("/v1/Account/{auth_id}/Call/"))?;
            Some(Calling::new(values, calls_url)?)
        } else {
            None
        };
        Ok(Self {
            capabilities: Capabilities {
                calls: Calls::Asked,
                dials_extensions: true,
                // One that is shown by V2 may say what Plivo never said.
                receipts_signed: !shows_v2_receipts,
                call_ends: true,
                feedback: values.flag("feedback"),
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            messages_url: below(&format!("/v1/Account/{auth_id}/Message/"))?,
            authorization: basic_authorization("auth_token", auth_id, token)?,
            keys: keys.map_err(no_token)?,
            shows_v2_receipts,
            sender,
            calling,
            clock: given.clock.clone(),
        })
    }

    fn sms(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let (src, powerpack_uuid) = match (&message.sender, &self.sender) {
            (Some(sender), _) | (None, Some(PlivoSender::Source(sender))) => (Some(sender), None),
            (None, Some(PlivoSender::Powerpack(uuid))) => (None, Some(uuid)),
            (None, None) => return Err(RequestError::SenderMissing),
        };
        let expiry_s = message.validity_period.as_secs();
        let expiry_s = expiry_s.clamp(*MESSAGE_EXPIRY_S.start(), *MESSAGE_EXPIRY_S.end());
        let receipt_url = message.receipt_url.as_deref();
        let text = Text {
            src: src.map(|sender| sender.strip_prefix('+').unwrap_or(sender)),
            powerpack_uuid: powerpack_uuid.map(|uuid| &**uuid),
            dst: message.to.to_msisdn(),
            text: &message.text,
            kind: "sms",
            url: receipt_url,
            method: receipt_url.map(|_| "POST"),
            message_expiry: expiry_s,
            trackable: self.capabilities.feedback,
            log: false,
        };
        post_json(&self.messages_url, &self.authorization, &text)
    }
}

fn signed_part<'a>(callback: &Callback<'a>) -> PlivoSigned<'a> {
    PlivoSigned {
        method: callback.method,
        url: callback.url,
        body: callback.body,
    }
}

/// What a callback says.
fn fields(callback: &Callback<'_>) -> Result<FormFields, ReceiptError> {
    let (_, query) = callback.url.split_once('?').unwrap_or_default();
    FormFields::parse(if callback.method == Method::GET {
        query.as_bytes()
    } else {
        callback.body
    })
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    powerpack_uuid: Option<&'a str>,
    dst: &'a str,
    text: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    message_expiry: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trackable: bool,
    /// Plivo keeps no text: there is a code in it.
    log: bool,
}

/// All that is ever read from an answer: of a text, or of a call.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    message_uuid: Vec<Scalar<'a>>,
    request_uuid: Option<Scalar<'a>>,
}

/// A code that was used, or not.
#[derive(Serialize)]
struct Conversion {
    status: &'static str,
    timestamp: String,
}

impl Provider for PlivoProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match (message.channel, &self.calling) {
            (Channel::Sms, _) if self.capabilities.channels.contains(&Channel::Sms) => {
                self.sms(message)
            }
            (Channel::Voice, Some(calling)) => calling.request(message, &self.authorization),
            (Channel::Sms, _) | (Channel::Voice, None) => Err(RequestError::Channel),
        }
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        if !response.status.is_success() {
            return Err(by_status(response, None, self.clock.now_ms()));
        }
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        submitted(answer.message_uuid.first().or(answer.request_uuid.as_ref()))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let (signed, headers) = (signed_part(callback), callback.headers);
        if self.shows_v2_receipts {
            self.keys.verify_url(&signed, headers)?;
        } else {
            self.keys.verify(&signed, headers)?;
        }
        let fields = fields(callback)?;
        let id = fields.get("MessageUUID").and_then(MessageId::new);
        let status = fields.get("Status").and_then(receipt_status);
        let status = status.ok_or(ReceiptError::Malformed)?;
        let is_undelivered = status == ReceiptStatus::Undelivered;
        let code = fields.get("ErrorCode").filter(|_| is_undelivered);
        let verdict = code.and_then(|code| DELIVERY.verdict(code));
        Ok(vec![DeliveryReceipt {
            message_id: Some(id.ok_or(ReceiptError::Malformed)?),
            status,
            code: code.and_then(ProviderCode::new),
            // Plivo's times have no zone.
            at_ms: None,
            is_final_for_number: is_undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        }])
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        // By V2 anybody who saw a question could put a key into it.
        let signed = signed_part(callback);
        self.keys.verify(&signed, callback.headers)?;
        voice::event(&fields(callback)?, callback.url)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        voice::document(turn)
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        let uuid = feedback.message_id.as_str();
        let is_text = feedback.channel == Channel::Sms;
        if !self.capabilities.feedback || !is_text || !is_path_segment(uuid) {
            return None;
        }
        let at = jiff::Timestamp::from_second(i64::try_from(feedback.at_ms / 1000).ok()?).ok()?;
        let conversion = Conversion {
            status: if feedback.was_used {
                "CONVERTED"
            } else {
                "NOT_CONVERTED"
            },
            timestamp: at.to_string(),
        };
        // Documented in lower case, unlike the rest of the API.
        let url = self.messages_url.to_string();
        let url = url
            .replace("/v1/Account/", "/v1/account/")
            .replace("/Message/", &format!("/message/{uuid}/conversion/"));
        post_json(&url.parse().ok()?, &self.authorization, &conversion).ok()
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "delivered" => Some(ReceiptStatus::Delivered),
        "undelivered" | "failed" | "rejected" => Some(ReceiptStatus::Undelivered),
        "queued" | "sent" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}
