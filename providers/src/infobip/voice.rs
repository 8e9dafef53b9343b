//! Infobip's calls. By a scenario that the operator has created there, a call
//! waits for a key before it says the code; without one it says everything at once.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::Serialize;

use super::{Destination, Messages, TEXT_CHARACTERS_MAX, VALIDITY_PERIOD_MAX_S};
use crate::answer::is_longer_than;
use crate::contract::CALL_DURATION_MAX;
use crate::kind::{ConnectError, Values};
use crate::request::{is_path_segment, post_json, url_below};
use crate::speech::voice_language;
use crate::{CallTexts, Message, RequestError};

/// What one `say` of a scenario takes.
const SAID_CHARACTERS_MAX: usize = 1400;

/// How long it rings: longer, and a voicemail takes the call.
const RINGING_S: u64 = 30;

/// What calls need beside what texts do.
pub(super) struct Calling {
    at_once_url: Uri,
    scenario_url: Uri,
    caller: Arc<str>,
    detects_machines: bool,
    scenarios: Vec<Scenario>,
}

/// What a call of one language does, kept at Infobip.
struct Scenario {
    language: Box<str>,
    id: Box<str>,
}

impl Calling {
    pub(super) fn new(values: &Values, base_url: &Uri) -> Result<Self, ConnectError> {
        let needed = || {
            let fix = "needed for voice: the number that calls come from";
            ConnectError::setting("caller", fix)
        };
        let scenarios = values.texts("scenarios").iter();
        let scenarios = scenarios.map(|text| scenario(text)).collect::<Option<_>>();
        let malformed = "must be texts like \"en=6298AA7707903A4ED680B436929681AD\"";
        Ok(Self {
            at_once_url: url_below("base_url", base_url, "/tts/3/advanced")?,
            scenario_url: url_below("base_url", base_url, "/voice/ivr/1/messages")?,
            caller: Arc::clone(values.text("caller").ok_or_else(needed)?),
            detects_machines: values.flag("machine_detection"),
            scenarios: scenarios.ok_or_else(|| ConnectError::setting("scenarios", malformed))?,
        })
    }

    pub(super) fn request(
        &self,
        message: &Message,
        authorization: &HeaderValue,
    ) -> Result<Request<Bytes>, RequestError> {
        match &message.call {
            Some(texts) if !self.scenarios.is_empty() => {
                let launch = self.launch(message, texts)?;
                post_json(&self.scenario_url, authorization, &of_one(launch))
            }
            Some(_) | None => {
                let call = self.at_once(message)?;
                post_json(&self.at_once_url, authorization, &of_one(call))
            }
        }
    }

    fn launch<'a>(
        &'a self,
        message: &'a Message,
        texts: &'a CallTexts,
    ) -> Result<Launch<'a>, RequestError> {
        let parameters = Parameters {
            greeting: &texts.greeting,
            code: &texts.code,
            keys: &texts.keys,
            farewell: &texts.farewell,
            reported: &texts.reported,
        };
        if parameters.has_longer_than(SAID_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        // Read by another language's voice, nobody would understand the digits.
        let scenario = self.scenario(&texts.language);
        Ok(Launch {
            scenario_id: &scenario.ok_or(RequestError::Channel)?.id,
            from: self.from(message),
            destinations: [Destination::of(message)],
            parameters,
            ring_timeout: RINGING_S,
            call_timeout: CALL_DURATION_MAX.as_secs(),
            validity_period: validity_minutes(message),
            notify_url: message.receipt_url.as_deref(),
            notify_content_type: "application/json",
            // The keys that were pressed are in no other.
            notify_content_version: 2,
            callback_data: &message.reference,
        })
    }

    fn at_once<'a>(&'a self, message: &'a Message) -> Result<Call<'a>, RequestError> {
        if is_longer_than(message.spoken(), TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let texts = message.call.as_deref();
        let locale = texts.map_or(&*message.locale, |texts| &*texts.language);
        Ok(Call {
            from: self.from(message),
            destinations: [Destination::of(message)],
            text: message.spoken(),
            language: locale.split('-').next().unwrap_or(locale),
            speech_rate: 0.8,
            call_timeout: CALL_DURATION_MAX.as_secs(),
            machine_detection: self.detects_machines.then_some("hangup"),
            validity_period: validity_minutes(message),
            notify_url: message.receipt_url.as_deref(),
            notify_content_type: "application/json",
            notify_content_version: 1,
            callback_data: &message.reference,
        })
    }

    fn scenario(&self, wanted: &str) -> Option<&Scenario> {
        let all = self.scenarios.iter();
        let languages: Vec<&str> = all.clone().map(|one| &*one.language).collect();
        let language = voice_language(&languages, wanted)?;
        all.clone().find(|one| &*one.language == language)
    }

    /// Infobip writes numbers without `+`.
    fn from<'a>(&'a self, message: &'a Message) -> &'a str {
        let caller = message.sender.as_deref().unwrap_or(&self.caller);
        caller.strip_prefix('+').unwrap_or(caller)
    }
}

fn scenario(text: &str) -> Option<Scenario> {
    let (language, id) = text.split_once('=')?;
    let (language, id) = (language.trim(), id.trim());
    (is_path_segment(language) && is_path_segment(id)).then(|| Scenario {
        language: language.into(),
        id: id.into(),
    })
}

fn of_one<T>(call: T) -> Messages<T> {
    Messages { messages: [call] }
}

/// In whole minutes: less than is left rather than more.
fn validity_minutes(message: &Message) -> u64 {
    let validity_s = message.validity_period.as_secs();
    validity_s.clamp(60, VALIDITY_PERIOD_MAX_S) / 60
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Launch<'a> {
    scenario_id: &'a str,
    from: &'a str,
    destinations: [Destination<'a>; 1],
    parameters: Parameters<'a>,
    ring_timeout: u64,
    call_timeout: u64,
    validity_period: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    notify_content_type: &'static str,
    notify_content_version: u8,
    callback_data: &'a str,
}

/// The scenario's variables: what it says, and nothing it decides by.
#[derive(Clone, Copy, Serialize)]
struct Parameters<'a> {
    greeting: &'a str,
    code: &'a str,
    keys: &'a str,
    farewell: &'a str,
    reported: &'a str,
}

impl Parameters<'_> {
    fn has_longer_than(&self, characters_max: usize) -> bool {
        [
            self.greeting,
            self.code,
            self.keys,
            self.farewell,
            self.reported,
        ]
        .iter()
        .any(|text| is_longer_than(text, characters_max))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    from: &'a str,
    destinations: [Destination<'a>; 1],
    text: &'a str,
    language: &'a str,
    speech_rate: f32,
    call_timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_detection: Option<&'static str>,
    validity_period: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    notify_content_type: &'static str,
    notify_content_version: u8,
    callback_data: &'a str,
}
