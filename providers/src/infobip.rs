//! Infobip: SMS by its v3 API, calls by its scenarios or its voice messages,
//! delivery reports that nobody signs.

mod errors;
mod reports;
#[cfg(test)]
mod tests;
mod voice;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::{Deserialize, Serialize};

use self::errors::STATUSES;
use self::voice::Calling;
use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::request::{authorization, post_json, url_below};
use crate::verdict::{Verdict, by_status};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, Provider, ReceiptError,
    Receipts, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// Two days, for SMS and calls alike.
const VALIDITY_PERIOD_MAX_S: u64 = 48 * 60 * 60;

/// One a language.
const SCENARIOS_MAX: usize = 64;

/// Infobip.
pub static KIND: Kind = Kind {
    name: "infobip",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender"],
    settings: &[
        Setting {
            key: "base_url",
            form: Form::Url { default: None },
            required: Some("https://xxxxx.api.infobip.com"),
            about: "your account's own address",
        },
        Setting {
            key: "api_key",
            form: Form::Secret {
                file: "api_key_file",
            },
            required: Some("an API key of your account"),
            about: "an API key that may send SMS, and make calls where `voice` is among the channels",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "caller",
            form: Form::Sender,
            required: None,
            about: "the number that calls come from; needed for `voice`",
        },
        Setting {
            key: "machine_detection",
            form: Form::Flag,
            required: None,
            about: "hangs up on answering machines, in calls without a scenario; Infobip has to enable it for the account",
        },
        Setting {
            key: "scenarios",
            form: Form::Texts {
                count_max: SCENARIOS_MAX,
            },
            required: None,
            about: "the scenarios of calls that wait for a key, one a language: `en=` and the id that Infobip gave it",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    InfobipProvider::new(given).map(|provider| Arc::new(provider) as _)
}

/// SMS and calls by way of Infobip.
pub struct InfobipProvider {
    capabilities: Capabilities,
    sms_url: Uri,
    authorization: HeaderValue,
    sender: Option<Arc<str>>,
    calling: Option<Calling>,
    clock: Clock,
}

impl fmt::Debug for InfobipProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InfobipProvider")
    }
}

impl InfobipProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let base_url = values.required_url("base_url")?;
        let calling = if given.channels.contains(&Channel::Voice) {
            Some(Calling::new(values, base_url)?)
        } else {
            None
        };
        Ok(Self {
            capabilities: Capabilities {
                receipts_signed: false,
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            sms_url: url_below("base_url", base_url, "/sms/3/messages")?,
            authorization: authorization("api_key", "App", values.required_secret("api_key")?)?,
            sender: values.text("sender").cloned(),
            calling,
            clock: given.clock.clone(),
        })
    }

    fn sms(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let sender = message.sender.as_deref().or(self.sender.as_deref());
        let validity_s = message.validity_period.as_secs();
        let sms = Sms {
            sender: sender.ok_or(RequestError::SenderMissing)?,
            destinations: [Destination::of(message)],
            content: Content {
                text: &message.text,
            },
            options: Options {
                validity_period: ValidityPeriod {
                    amount: validity_s.clamp(1, VALIDITY_PERIOD_MAX_S),
                    time_unit: "SECONDS",
                },
            },
            webhooks: message.receipt_url.as_deref().map(|url| Webhooks {
                delivery: Delivery { url },
                content_type: "application/json",
                callback_data: &message.reference,
            }),
        };
        let messages = Messages { messages: [sms] };
        post_json(&self.sms_url, &self.authorization, &messages)
    }
}

#[derive(Serialize)]
struct Messages<T> {
    messages: [T; 1],
}

#[derive(Serialize)]
struct Sms<'a> {
    sender: &'a str,
    destinations: [Destination<'a>; 1],
    content: Content<'a>,
    options: Options,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhooks: Option<Webhooks<'a>>,
}

/// The message id is ours: Infobip refuses one that it has seen before.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Destination<'a> {
    to: &'a str,
    message_id: &'a str,
}

impl<'a> Destination<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            to: message.to.to_msisdn(),
            message_id: &message.reference,
        }
    }
}

#[derive(Serialize)]
struct Content<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    validity_period: ValidityPeriod,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidityPeriod {
    amount: u64,
    time_unit: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Webhooks<'a> {
    delivery: Delivery<'a>,
    content_type: &'static str,
    callback_data: &'a str,
}

#[derive(Serialize)]
struct Delivery<'a> {
    url: &'a str,
}

/// All that is ever read from an answer: of messages, or of an error in the
/// older form or the newer.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    messages: Vec<Taken<'a>>,
    request_error: Option<RequestFault<'a>>,
    error_code: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    #[serde(borrow)]
    message_id: Option<Scalar<'a>>,
    status: Status<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    group_id: Scalar<'a>,
    name: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestFault<'a> {
    #[serde(borrow)]
    service_exception: Option<ServiceFault<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceFault<'a> {
    #[serde(borrow)]
    message_id: Option<Scalar<'a>>,
}

impl Provider for InfobipProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match (message.channel, &self.calling) {
            (Channel::Sms, _) => self.sms(message),
            (Channel::Voice, Some(calling)) => calling.request(message, &self.authorization),
            (Channel::Voice, None) => Err(RequestError::Channel),
        }
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        let now_ms = self.clock.now_ms();
        if response.status.is_success() {
            // Something else answered, or not for the one message we sent.
            let [taken] = answer.messages.as_slice() else {
                return Err(SubmitError::Unknown { code: None });
            };
            let name = taken.status.name.as_ref();
            return match taken.status.group_id.number() {
                // OK, pending, delivered.
                Some(0 | 1 | 3) => Ok(Submitted {
                    message_id: taken.message_id.as_ref().and_then(Scalar::message_id),
                }),
                // Undeliverable, expired, rejected.
                Some(2 | 4 | 5) => {
                    let verdict = name
                        .and_then(Scalar::text)
                        .and_then(|name| STATUSES.verdict(name));
                    let code = name.and_then(Scalar::code);
                    let verdict = verdict.unwrap_or(Verdict::Provider);
                    Err(verdict.into_error(code, response, now_ms))
                }
                Some(_) | None => Err(SubmitError::Unknown {
                    code: name.and_then(Scalar::code),
                }),
            };
        }
        let fault = answer
            .request_error
            .and_then(|error| error.service_exception)
            .and_then(|exception| exception.message_id);
        let code = fault.or(answer.error_code);
        let code = code.as_ref().and_then(Scalar::code);
        Err(by_status(response, code, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        reports::read(callback.body)
    }

    fn was_reported(&self, callback: &Callback<'_>) -> bool {
        reports::was_reported(callback.body)
    }
}
