//! Calls by way of Bird: a call flow goes along with the call, so nothing is asked
//! meanwhile. A key starts the code, and an answering machine is hung up on.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::{Deserialize, Serialize};

use super::{ACCESS_KEY, ApiError, access_key, api_error};
use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::contract::{CODE_REPETITIONS, KEY_WAIT};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::request::{post_json, url_below};
use crate::{
    CallTexts, Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, Provider,
    ReceiptError, Receipts, RequestError, Response, SubmitError, Submitted,
};

const BASE_URL: &str = "https://voice.messagebird.com";

/// What one step may say.
const TEXT_CHARACTERS_MAX: usize = 1000;

/// The step that a key after the greeting goes to.
const CODE_STEP: &str = "code";

/// The step that a key while the code is said goes to: the code again, once.
const AGAIN_STEP: &str = "again";

/// The languages that Bird speaks.
const LANGUAGES: [&str; 34] = [
    "en-US",
    "en-GB",
    "en-AU",
    "en-IN",
    "en-GB-WLS",
    "cy-GB",
    "da-DK",
    "de-DE",
    "el-GR",
    "es-ES",
    "es-MX",
    "es-US",
    "fr-FR",
    "fr-CA",
    "id-ID",
    "is-IS",
    "it-IT",
    "ja-JP",
    "ko-KR",
    "ms-MY",
    "nb-NO",
    "nl-NL",
    "pl-PL",
    "pt-BR",
    "pt-PT",
    "ro-RO",
    "ru-RU",
    "sv-SE",
    "ta-IN",
    "th-TH",
    "tr-TR",
    "vi-VN",
    "zh-CN",
    "zh-HK",
];

/// Bird's calls.
pub static KIND: Kind = Kind {
    name: "bird-voice",
    channels: &[Channel::Voice],
    // Its call events are signed in a way of their own, which is not documented.
    receipts: &[Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        ACCESS_KEY,
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
            about: "the address of the voice API",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    BirdVoiceProvider::new(given).map(|provider| Arc::new(provider) as _)
}

/// Calls by way of Bird.
pub struct BirdVoiceProvider {
    capabilities: Capabilities,
    calls_url: Uri,
    authorization: HeaderValue,
    caller: Arc<str>,
    clock: Clock,
}

impl fmt::Debug for BirdVoiceProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BirdVoiceProvider")
    }
}

impl BirdVoiceProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let base_url = given.values.required_url("base_url")?;
        Ok(Self {
            capabilities: Capabilities {
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            calls_url: url_below("base_url", base_url, "/calls")?,
            authorization: access_key(given)?,
            caller: Arc::clone(given.values.required_text("caller")?),
            clock: given.clock.clone(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    source: &'a str,
    destination: &'a str,
    call_flow: CallFlow<'a>,
}

#[derive(Serialize)]
struct CallFlow<'a> {
    title: &'static str,
    record: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_keypress_goto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<StepOptions<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StepOptions<'a> {
    #[serde(rename_all = "camelCase")]
    Say {
        payload: &'a str,
        language: &'static str,
        voice: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        if_machine: Option<&'static str>,
    },
    Pause {
        length: u64,
    },
}

impl<'a> Step<'a> {
    fn say(payload: &'a str, language: &'static str) -> Self {
        Self {
            id: None,
            action: "say",
            on_keypress_goto: None,
            options: Some(StepOptions::Say {
                payload,
                language,
                voice: "female",
                if_machine: None,
            }),
        }
    }

    /// The first thing said: to a person, or not at all.
    fn say_to_a_person(payload: &'a str, language: &'static str) -> Self {
        let mut step = Self::say(payload, language);
        if let Some(StepOptions::Say { if_machine, .. }) = &mut step.options {
            *if_machine = Some("hangup");
        }
        step
    }

    fn pause(length: u64) -> Self {
        Self {
            id: None,
            action: "pause",
            on_keypress_goto: None,
            options: Some(StepOptions::Pause { length }),
        }
    }

    fn hang_up() -> Self {
        Self {
            id: None,
            action: "hangup",
            on_keypress_goto: None,
            options: None,
        }
    }

    fn named(mut self, id: Option<&'static str>) -> Self {
        self.id = id;
        self
    }

    fn with_key_to(mut self, step: Option<&'static str>) -> Self {
        self.on_keypress_goto = step;
        self
    }
}

/// The greeting, a key, the code three times: no key, no code. Another key says
/// it again.
fn asked_steps<'a>(texts: &'a CallTexts, language: &'static str) -> Vec<Step<'a>> {
    let mut steps = vec![
        Step::say_to_a_person(&texts.greeting, language).with_key_to(Some(CODE_STEP)),
        Step::pause(KEY_WAIT.as_secs()).with_key_to(Some(CODE_STEP)),
        Step::say(&texts.farewell, language),
        Step::hang_up(),
    ];
    // A flow has no limit of its own: what could be asked for for ever ends here.
    for (step, next) in [(CODE_STEP, Some(AGAIN_STEP)), (AGAIN_STEP, None)] {
        for repetition in 0..CODE_REPETITIONS {
            let id = (repetition == 0).then_some(step);
            steps.extend([
                Step::say(&texts.code, language).named(id).with_key_to(next),
                Step::pause(1).with_key_to(next),
            ]);
        }
        steps.extend([Step::say(&texts.farewell, language), Step::hang_up()]);
    }
    steps
}

/// The voice for a BCP 47 tag: its very own, or one of the same language.
fn voice_language(tag: &str) -> Option<&'static str> {
    let primary = |tag: &str| tag.split('-').next().map(str::to_ascii_lowercase);
    let mut languages = LANGUAGES.iter();
    languages
        .clone()
        .find(|known| known.eq_ignore_ascii_case(tag))
        .or_else(|| languages.find(|known| primary(known) == primary(tag)))
        .copied()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Made<'a>>,
    errors: Vec<ApiError<'a>>,
}

#[derive(Deserialize)]
struct Made<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
}

impl Provider for BirdVoiceProvider {
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
        let texts = message.call.as_deref();
        let tag = texts.map_or(&*message.locale, |texts| &*texts.language);
        // Read by another language's voice, nobody would understand the digits.
        let language = voice_language(tag).ok_or(RequestError::Malformed)?;
        let steps = match texts {
            Some(texts) => asked_steps(texts, language),
            None => vec![
                Step::say_to_a_person(message.spoken(), language),
                Step::hang_up(),
            ],
        };
        let caller = message.sender.as_deref().unwrap_or(&self.caller);
        let call = Call {
            source: caller.trim_start_matches('+'),
            destination: message.to.to_msisdn(),
            call_flow: CallFlow {
                title: "code",
                record: false,
                steps,
            },
        };
        post_json(&self.calls_url, &self.authorization, &call)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            let made = match answer.data.as_slice() {
                [made] => Some(&made.id),
                _ => None,
            };
            return submitted(made);
        }
        Err(api_error(&answer.errors, response, self.clock.now_ms()))
    }

    fn receipts(&self, _callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }
}
