//! Calls by way of Sinch: the greeting goes along with the call, and Sinch asks
//! for the rest once a key was pressed, in requests that it signs.

mod svaml;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::request::{basic_authorization, path_segment, post_json, url_below};
use crate::signature::SinchApplicationKeys;
use crate::verdict::{Verdict, refusal};
use crate::{
    CallDocument, CallEvent, CallStep, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Message, MessageId, Provider, ProviderCode, ReceiptError, ReceiptStatus,
    Receipts, RequestError, Response, SubmitError, Submitted,
};

const BASE_URL: &str = "https://calling.api.sinch.com";

/// What one call may say.
const TEXT_CHARACTERS_MAX: usize = 600;

const APPLICATION_KEY_INVALID: &str = "40004";

/// Sinch's calls.
pub static KIND: Kind = Kind {
    name: "sinch-voice",
    channels: &[Channel::Voice],
    // The end of a call is told to the application's own URL alone.
    receipts: &[Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        Setting {
            key: "application_key",
            form: Form::Text(path_segment),
            required: Some("the key of your voice application"),
            about: "the key of a voice application",
        },
        Setting {
            key: "application_secret",
            form: Form::Secrets {
                list: "application_secrets",
                file: "application_secret_file",
                fits: any_secret,
            },
            required: Some("the secret of your voice application"),
            about: "its secret; the first calls, all of them verify",
        },
        Setting {
            key: "caller",
            form: Form::Sender,
            required: Some("+14155550100"),
            about: "the number that calls come from",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some(BASE_URL),
            },
            required: None,
            about: "the address of a region",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    SinchVoiceProvider::new(given).map(|provider| Arc::new(provider) as _)
}

/// Calls by way of Sinch.
pub struct SinchVoiceProvider {
    capabilities: Capabilities,
    callouts_url: Uri,
    authorization: HeaderValue,
    keys: SinchApplicationKeys,
    caller: Arc<str>,
    clock: Clock,
}

impl fmt::Debug for SinchVoiceProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SinchVoiceProvider")
    }
}

impl SinchVoiceProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let key = values.required_text("application_key")?;
        let secrets = values.secrets("application_secret");
        let keys = SinchApplicationKeys::new(key, secrets);
        let keys = keys.map_err(|error| error.of("application_secret"))?;
        let missing = || ConnectError::setting("application_secret", "missing: set it");
        let secret = secrets.first().ok_or_else(missing)?;
        let base_url = values.required_url("base_url")?;
        Ok(Self {
            capabilities: Capabilities {
                calls: Calls::Asked,
                dials_extensions: true,
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            callouts_url: url_below("base_url", base_url, "/calling/v1/callouts")?,
            authorization: basic_authorization("application_secret", key, secret)?,
            keys,
            caller: Arc::clone(values.required_text("caller")?),
            clock: given.clock.clone(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Callout<'a> {
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_callout: Option<CustomCallout<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tts_callout: Option<TtsCallout<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomCallout<'a> {
    cli: &'a str,
    destination: Destination<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtmf: Option<String>,
    custom: &'a str,
    max_duration: u64,
    /// What to do when it is answered, as JSON in a text.
    ace: String,
    /// Where to tell of keys.
    pie: &'a str,
}

#[derive(Serialize)]
struct TtsCallout<'a> {
    cli: &'a str,
    destination: Destination<'a>,
    /// Keys that are dialled once it is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    dtmf: Option<String>,
    domain: &'static str,
    custom: &'a str,
    locale: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Destination<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    endpoint: &'a str,
}

/// All that is ever read from an answer: of a call, or of an error.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    call_id: Option<Scalar<'a>>,
    error_code: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(alias = "callid")]
    call_id: Scalar<'a>,
    menu_result: Option<MenuResult<'a>>,
    amd: Option<Detected<'a>>,
    result: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct MenuResult<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    value: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
struct Detected<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl Provider for SinchVoiceProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match message.channel {
            Channel::Voice => {}
            Channel::Sms => return Err(RequestError::Channel),
        }
        if is_longer_than(message.spoken(), TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let destination = Destination {
            kind: "number",
            endpoint: message.to.expose(),
        };
        let extension = message.extension.as_ref();
        let dtmf = extension.map(|extension| extension.after_a_pause("w"));
        let caller = message.sender.as_deref().unwrap_or(&self.caller);
        let callout = match (message.call_url.as_deref(), message.call.as_deref()) {
            (Some(call_url), Some(texts)) => Callout {
                method: "customCallout",
                custom_callout: Some(CustomCallout {
                    cli: caller,
                    destination,
                    dtmf,
                    custom: &message.reference,
                    max_duration: message.call_duration_max().as_secs(),
                    ace: svaml::text(&CallTurn::Ask {
                        texts,
                        call_url,
                        extension: None,
                    }),
                    pie: call_url,
                }),
                tts_callout: None,
            },
            (Some(_), None) | (None, _) => Callout {
                method: "ttsCallout",
                custom_callout: None,
                tts_callout: Some(TtsCallout {
                    cli: caller,
                    destination,
                    dtmf,
                    domain: "pstn",
                    custom: &message.reference,
                    locale: svaml::locale(&message.locale),
                    text: message.spoken(),
                }),
            },
        };
        post_json(&self.callouts_url, &self.authorization, &callout)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return submitted(answer.call_id.as_ref());
        }
        let code = answer.error_code.as_ref().and_then(Scalar::code);
        let verdict = verdict(response.status, code.as_ref());
        Err(refusal(verdict, code, response, self.clock.now_ms()))
    }

    fn receipts(&self, _callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        self.keys.verify(callback)?;
        let event: Event<'_> = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
        let call_id: MessageId = event.call_id.message_id().ok_or(ReceiptError::Malformed)?;
        let is_machine = event
            .amd
            .as_ref()
            .is_some_and(|amd| amd.status == "machine");
        let step = match &*event.event {
            "ace" if is_machine => CallStep::Machine,
            "ace" => CallStep::Answered,
            "pie" => {
                let result = event.menu_result.as_ref().ok_or(ReceiptError::Malformed)?;
                key_step(result)?
            }
            "dice" => ended(event.result.as_deref()),
            _ => return Err(ReceiptError::Malformed),
        };
        Ok(CallEvent { call_id, step })
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        CallDocument {
            content_type: "application/json",
            body: svaml::text(turn).into(),
        }
    }
}

/// Sinch's codes are the HTTP status and two digits more: 40001, 40200. Most say
/// no more than that.
fn verdict(status: StatusCode, code: Option<&ProviderCode>) -> Option<Verdict> {
    match (status, code?.as_str()) {
        (StatusCode::BAD_REQUEST, APPLICATION_KEY_INVALID) => Some(Verdict::Credentials),
        // Wrong credentials are a 401. What Sinch forbids and gives a code for is
        // this call: its destination, or who it comes from.
        (StatusCode::FORBIDDEN, _) => Some(Verdict::Provider),
        (_, _) => None,
    }
}

fn key_step(result: &MenuResult<'_>) -> Result<CallStep, ReceiptError> {
    match &*result.kind.to_ascii_lowercase() {
        "return" | "sequence" => {
            let value = result.value.as_ref().and_then(Scalar::code);
            let key = value
                .as_ref()
                .and_then(|value| value.as_str().chars().next());
            key.map(CallStep::Key).ok_or(ReceiptError::Malformed)
        }
        "hangup" => Ok(ended(Some("ANSWERED"))),
        // Silence, or a key that is on no phone of today.
        _ => Ok(CallStep::NoKey),
    }
}

fn ended(result: Option<&str>) -> CallStep {
    let status = match result {
        Some("ANSWERED") => ReceiptStatus::Delivered,
        Some(_) | None => ReceiptStatus::Undelivered,
    };
    CallStep::Ended {
        status,
        code: result.and_then(ProviderCode::new),
    }
}
