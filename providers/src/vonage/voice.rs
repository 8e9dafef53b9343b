//! Vonage's Voice API: a call out, its events back, and the NCCO that says what
//! it does next.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Scalar, parse_object};
use crate::contract::{CODE_REPETITIONS, KEY_WAIT, LAST_KEY_WAIT};
use crate::kind::{ConnectError, Given};
use crate::request::{parse_time_ms, post, url_below};
use crate::signature::ApplicationKey;
use crate::speech::{escaped, key_of, voice_language};
use crate::{
    CallDocument, CallEvent, CallStep, CallTexts, CallTurn, DeliveryReceipt, Message, ProviderCode,
    ReceiptError, ReceiptStatus, RequestError,
};

/// What Vonage's voices speak, the usual country of a language first.
const LANGUAGES: &[&str] = &[
    "ar", "ca-ES", "cmn-CN", "cmn-TW", "cs-CZ", "cy-GB", "da-DK", "de-DE", "el-GR", "en-US",
    "en-AU", "en-GB", "en-IN", "en-ZA", "es-ES", "es-MX", "es-US", "eu-ES", "fi-FI", "fil-PH",
    "fr-FR", "fr-CA", "he-IL", "hi-IN", "hu-HU", "id-ID", "is-IS", "it-IT", "ja-JP", "ko-KR",
    "nb-NO", "nl-NL", "no-NO", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sk-SK", "sv-SE",
    "th-TH", "tr-TR", "uk-UA", "vi-VN", "yue-CN",
];

/// How long it rings: most people take a call within this.
const RINGING_S: u64 = 30;

/// What calls need beside what texts do.
pub(super) struct Calling {
    pub(super) application_id: Arc<str>,
    key: ApplicationKey,
    calls_url: Uri,
    caller: Option<Arc<str>>,
    hangs_up_on_machines: bool,
}

impl Calling {
    pub(super) fn new(given: &Given<'_>, api_url: &Uri) -> Result<Self, ConnectError> {
        let values = given.values;
        let needed = |key| ConnectError::setting(key, "missing: calls need it");
        let application_id = values.text("application_id");
        let application_id = application_id.ok_or_else(|| needed("application_id"))?;
        let pem = values.secret("private_key");
        let pem = pem.ok_or_else(|| needed("private_key"))?.expose();
        let key = ApplicationKey::new(application_id, pem.as_bytes());
        Ok(Self {
            application_id: Arc::clone(application_id),
            key: key.map_err(|error| ConnectError::setting("private_key", error.to_string()))?,
            calls_url: url_below("api_url", api_url, "/v1/calls")?,
            caller: values.text("caller").cloned(),
            hangs_up_on_machines: values.text("machine_detection").map(|word| &**word)
                == Some("on"),
        })
    }

    pub(super) fn request(
        &self,
        message: &Message,
        now_ms: u64,
    ) -> Result<Request<Bytes>, RequestError> {
        let ncco = match (&message.call, &message.call_url) {
            (Some(texts), Some(call_url)) => {
                voice_language(LANGUAGES, &texts.language).ok_or(RequestError::Channel)?;
                ncco(&CallTurn::Ask {
                    texts,
                    call_url,
                    extension: None,
                })
            }
            (Some(_), None) | (None, _) => {
                let language = voice_language(LANGUAGES, &message.locale);
                let language = language.ok_or(RequestError::Channel)?;
                json!([{ "action": "talk", "text": message.spoken(), "language": language }])
            }
        };
        let caller = message.sender.as_deref().or(self.caller.as_deref());
        let caller = caller.map(|number| number.strip_prefix('+').unwrap_or(number));
        let extension = message.extension.as_ref();
        let body = serde_json::to_vec(&Call {
            to: [Endpoint {
                kind: "phone",
                number: message.to.to_msisdn(),
                dtmf_answer: extension.map(|extension| extension.after_a_pause("p")),
            }],
            from: caller.map(|number| Endpoint {
                kind: "phone",
                number,
                dtmf_answer: None,
            }),
            random_from_number: caller.is_none(),
            ncco,
            event_url: message.receipt_url.as_deref().map(|url| [url]),
            // A switchboard is a machine.
            machine_detection: (self.hangs_up_on_machines && extension.is_none())
                .then_some("hangup"),
            length_timer: message.call_duration_max().as_secs(),
            ringing_timer: RINGING_S,
        });
        // Each token has an id of its own, as an attempt is submitted once.
        let id = format!("{}.{now_ms}", message.reference);
        let token = self.key.authorization(&id, now_ms);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::AUTHORIZATION, token.ok_or(RequestError::Malformed)?);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let body = body.map_err(|_| RequestError::Malformed)?;
        Ok(post(&self.calls_url, headers, body.into()))
    }
}

#[derive(Serialize)]
struct Call<'a> {
    to: [Endpoint<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    random_from_number: bool,
    ncco: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_url: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_detection: Option<&'static str>,
    length_timer: u64,
    ringing_timer: u64,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    number: &'a str,
    /// Keys that are dialled once it has answered.
    #[serde(rename = "dtmfAnswer", skip_serializing_if = "Option::is_none")]
    dtmf_answer: Option<String>,
}

pub(super) fn document(turn: &CallTurn<'_>) -> CallDocument {
    CallDocument {
        content_type: "application/json",
        body: ncco(turn).to_string().into(),
    }
}

/// A call control object. It ends with its last action, and the call with it.
fn ncco(turn: &CallTurn<'_>) -> Value {
    match *turn {
        CallTurn::Ask {
            texts, call_url, ..
        } => {
            let greeting = escaped(&texts.greeting);
            asking(texts, &greeting, call_url, KEY_WAIT.as_secs())
        }
        CallTurn::Tell { texts, call_url } => {
            let code = format!(
                "<prosody rate='slow'>{}</prosody><break time='1s'/>",
                escaped(&texts.code)
            );
            let keys = format!("{}<break time='1s'/>", escaped(&texts.keys));
            let again = code.repeat(CODE_REPETITIONS - 1);
            let all = format!("{code}{keys}{again}");
            asking(texts, &all, call_url, LAST_KEY_WAIT.as_secs())
        }
        CallTurn::Reported { texts } => json!([talk(texts, &escaped(&texts.reported), false)]),
        CallTurn::Farewell { texts } => json!([talk(texts, &escaped(&texts.farewell), false)]),
        // An object without actions would be none.
        CallTurn::HangUp => {
            json!([{ "action": "talk", "text": "<speak><break time='100ms'/></speak>" }])
        }
    }
}

/// Says something that a key cuts short, and sends the key or that none came.
fn asking(texts: &CallTexts, ssml: &str, call_url: &str, wait_s: u64) -> Value {
    json!([
        talk(texts, ssml, true),
        {
            "action": "input",
            "type": ["dtmf"],
            "dtmf": { "maxDigits": 1, "timeOut": wait_s },
            "eventUrl": [call_url],
            "eventMethod": "POST",
        },
    ])
}

fn talk(texts: &CallTexts, ssml: &str, barge_in: bool) -> Value {
    json!({
        "action": "talk",
        "text": format!("<speak>{ssml}</speak>"),
        "language": voice_language(LANGUAGES, &texts.language).unwrap_or("en-US"),
        "bargeIn": barge_in,
    })
}

/// All that is ever read from an event.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    uuid: Scalar<'a>,
    #[serde(borrow, default)]
    status: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    dtmf: Option<Dtmf<'a>>,
}

#[derive(Deserialize)]
struct Dtmf<'a> {
    #[serde(borrow, default)]
    digits: Option<Scalar<'a>>,
}

/// What a call is doing, or what became of it.
pub(super) fn receipt(body: &[u8]) -> Result<DeliveryReceipt, ReceiptError> {
    let event: Event<'_> = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let status = event.status.as_ref().and_then(Scalar::text);
    let word = status.ok_or(ReceiptError::Malformed)?;
    let status = receipt_status(word).ok_or(ReceiptError::Malformed)?;
    let at = event.timestamp.as_ref().and_then(Scalar::text);
    Ok(DeliveryReceipt {
        message_id: event.uuid.message_id(),
        status,
        code: (status == ReceiptStatus::Undelivered)
            .then(|| ProviderCode::new(word))
            .flatten(),
        at_ms: at.and_then(parse_time_ms),
        // Busy, unanswered or refused: none of it speaks for another provider.
        is_final_for_number: false,
    })
}

/// What was gathered for an input action.
pub(super) fn event(body: &[u8]) -> Result<CallEvent, ReceiptError> {
    let event: Event<'_> = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let call_id = event.uuid.message_id().ok_or(ReceiptError::Malformed)?;
    let dtmf = event.dtmf.ok_or(ReceiptError::Malformed)?;
    let digits = dtmf.digits.as_ref().and_then(Scalar::text);
    let step = digits
        .and_then(key_of)
        .map_or(CallStep::NoKey, CallStep::Key);
    Ok(CallEvent { call_id, step })
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "completed" => Some(ReceiptStatus::Delivered),
        "busy" | "cancelled" | "failed" | "rejected" | "timeout" | "unanswered" | "machine" => {
            Some(ReceiptStatus::Undelivered)
        }
        "started" | "ringing" | "answered" | "human" | "disconnected" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}
