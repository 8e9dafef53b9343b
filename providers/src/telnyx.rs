//! Telnyx: JSON out for texts, TeXML for calls; events and forms under one
//! Ed25519 signature back.

mod errors;
#[cfg(test)]
mod tests;
mod voice;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::{Deserialize, Serialize};

use self::errors::{DELIVERY, SUBMISSION};
use self::voice::Calling;
use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::registry::checked_url;
use crate::request::{authorization, parse_time_ms, path_segment, post_json, url_below};
use crate::signature::TelnyxKeys;
use crate::speech::caller;
use crate::verdict::{Verdict, refusal};
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Message, Provider, ReceiptError, ReceiptStatus, Receipts, RequestError,
    Response, SubmitError, Submitted,
};

/// Ten joined segments.
const TEXT_CHARACTERS_MAX: usize = 1530;

/// Telnyx.
pub static KIND: Kind = Kind {
    name: "telnyx",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender", "messaging_profile_id"],
    settings: &[
        Setting {
            key: "api_key",
            form: Form::Secret {
                file: "api_key_file",
            },
            required: Some("the account's API key"),
            about: "a V2 API key",
        },
        Setting {
            key: "public_key",
            form: Form::Text(public_key),
            required: Some("the account's public key"),
            about: "verifies callbacks; base64, as the portal shows it",
        },
        Setting {
            key: "public_key_next",
            form: Form::Text(public_key),
            required: None,
            about: "believed too, while the key is rotated",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "who an SMS is from; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "messaging_profile_id",
            form: Form::Text(path_segment),
            required: None,
            about: "picks a sender from its pool where none is named, and is needed for senders that are names",
        },
        Setting {
            key: "account_sid",
            form: Form::Text(path_segment),
            required: None,
            about: "the account's id; only with `voice`, and needed there",
        },
        Setting {
            key: "texml_application_id",
            form: Form::Text(path_segment),
            required: None,
            about: "the TeXML application that calls; only with `voice`, and needed there",
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
            about: "`\"on\"`: Telnyx listens first whether a machine answers, and a machine is hung up on",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some("https://api.telnyx.com"),
            },
            required: None,
            about: "where messages and calls go",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn public_key(text: &str) -> Result<(), &'static str> {
    let keys = TelnyxKeys::new([text]);
    keys.map(|_| ())
        .map_err(|_| "must be the base64 of an Ed25519 public key, of 32 bytes")
}

/// SMS and calls by way of Telnyx.
pub struct TelnyxProvider {
    capabilities: Capabilities,
    messages_url: Uri,
    authorization: HeaderValue,
    keys: TelnyxKeys,
    sender: Option<Arc<str>>,
    messaging_profile_id: Option<Arc<str>>,
    calling: Option<Calling>,
    clock: Clock,
}

impl fmt::Debug for TelnyxProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TelnyxProvider")
    }
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    TelnyxProvider::new(given).map(|provider| Arc::new(provider) as _)
}

impl TelnyxProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let public_keys = ["public_key", "public_key_next"].map(|key| values.text(key));
        let public_keys = public_keys.into_iter().flatten().map(|key| &**key);
        let keys = TelnyxKeys::new(public_keys);
        let base_url = checked_url("base_url", values.required_url("base_url")?.clone())?;
        let calling = if given.channels.contains(&Channel::Voice) {
            Some(Calling::new(values, &base_url)?)
        } else {
            None
        };
        let api_key = values.required_secret("api_key")?;
        Ok(Self {
            capabilities: Capabilities {
                calls: Calls::Asked,
                dials_extensions: true,
                call_ends: true,
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            messages_url: url_below("base_url", &base_url, "/v2/messages")?,
            authorization: authorization("api_key", "Bearer", api_key)?,
            keys: keys.map_err(|error| ConnectError::setting("public_key", error.to_string()))?,
            sender: values.text("sender").cloned(),
            messaging_profile_id: values.text("messaging_profile_id").cloned(),
            calling,
            clock: given.clock.clone(),
        })
    }

    fn sms(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let from = message.sender.as_deref().or(self.sender.as_deref());
        let messaging_profile_id = self.messaging_profile_id.as_deref();
        if from.is_none() && messaging_profile_id.is_none() {
            return Err(RequestError::SenderMissing);
        }
        let text = Text {
            from,
            messaging_profile_id,
            to: message.to.expose(),
            text: &message.text,
            kind: "SMS",
            webhook_url: message.receipt_url.as_deref(),
            use_profile_webhooks: false,
        };
        post_json(&self.messages_url, &self.authorization, &text)
    }
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messaging_profile_id: Option<&'a str>,
    to: &'a str,
    text: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
    /// The reference in our URL belongs to nobody else.
    use_profile_webhooks: bool,
}

/// All that is ever read from an answer: of a text, of a call, or of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Taken<'a>>,
    errors: Vec<Fault<'a>>,
    /// Of a call: `queued`.
    status: Option<Scalar<'a>>,
    call_sid: Option<Scalar<'a>>,
    sid: Option<Scalar<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Taken<'a> {
    #[serde(borrow)]
    id: Option<Scalar<'a>>,
    errors: Vec<Fault<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault<'a> {
    #[serde(borrow)]
    code: Option<Scalar<'a>>,
}

/// The code of the first error, as the tables have it.
fn code_of(faults: &[Fault<'_>]) -> Option<String> {
    let code = faults.first()?.code.as_ref()?;
    Some(code.number()?.to_string())
}

impl Provider for TelnyxProvider {
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
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        let now_ms = self.clock.now_ms();
        let taken = answer.data.as_ref();
        let within = taken.and_then(|taken| code_of(&taken.errors));
        let code = code_of(&answer.errors).or(within);
        let verdict = code.as_deref().and_then(|code| SUBMISSION.verdict(code));
        let shown = code.as_deref().and_then(crate::ProviderCode::new);
        if !response.status.is_success() {
            let verdict = verdict.filter(|_| response.status.is_client_error());
            return Err(refusal(verdict, shown, response, now_ms));
        }
        // A message that was created, yet has already failed.
        if code.is_some() {
            let verdict = verdict.unwrap_or(Verdict::Provider);
            return Err(verdict.into_error(shown, response, now_ms));
        }
        let id = taken.and_then(|taken| taken.id.as_ref());
        let call_id = answer.call_sid.as_ref().or(answer.sid.as_ref());
        match (id, &answer.status) {
            (Some(id), _) => Ok(Submitted {
                message_id: id.message_id(),
            }),
            (None, Some(_)) => Ok(Submitted {
                message_id: call_id.and_then(Scalar::message_id),
            }),
            // Something answered 200, but not in the way Telnyx does.
            (None, None) => Err(SubmitError::Unknown { code: None }),
        }
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        self.keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        let notice: Notice<'_> = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
        Ok(vec![notice.data.receipt()?])
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        self.keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        voice::event(callback.body, callback.url)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        voice::document(turn)
    }
}

/// An event, as far as it is read.
#[derive(Deserialize)]
struct Notice<'a> {
    #[serde(borrow)]
    data: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event_type: Scalar<'a>,
    #[serde(borrow, default)]
    occurred_at: Option<Scalar<'a>>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    to: Vec<Recipient<'a>>,
    #[serde(borrow, default)]
    errors: Vec<Fault<'a>>,
}

#[derive(Deserialize)]
struct Recipient<'a> {
    #[serde(borrow)]
    status: Scalar<'a>,
}

impl Event<'_> {
    fn receipt(&self) -> Result<DeliveryReceipt, ReceiptError> {
        let recipient = self.payload.to.first().ok_or(ReceiptError::Malformed)?;
        let status = match self.event_type.text() {
            Some("message.sent") => Some(ReceiptStatus::Sent),
            Some("message.finalized") => recipient.status.text().and_then(receipt_status),
            Some(_) | None => None,
        };
        let status = status.ok_or(ReceiptError::Malformed)?;
        let is_undelivered = status == ReceiptStatus::Undelivered;
        let code = code_of(&self.payload.errors);
        let verdict = code.as_deref().and_then(|code| DELIVERY.verdict(code));
        let at = self.occurred_at.as_ref().and_then(Scalar::text);
        Ok(DeliveryReceipt {
            message_id: self.payload.id.message_id(),
            status,
            code: code.as_deref().and_then(crate::ProviderCode::new),
            at_ms: at.and_then(parse_time_ms),
            is_final_for_number: is_undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        })
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "delivered" => Some(ReceiptStatus::Delivered),
        "sending_failed" | "delivery_failed" | "expired" => Some(ReceiptStatus::Undelivered),
        // Unconfirmed: the carrier has it and never said what became of it.
        "queued" | "sending" | "sent" | "delivery_unconfirmed" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}
