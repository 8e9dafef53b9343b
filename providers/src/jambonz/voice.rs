//! A call by jambonz: verbs out as JSON, an event for each question and report.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Jambonz;
use crate::answer::{Scalar, parse_object};
use crate::contract::{CODE_REPETITIONS, KEY_WAIT, LAST_KEY_WAIT};
use crate::request::post_json;
use crate::speech::{WAITED, escaped, has_mark, key_of, marked};
use crate::verdict::{ErrorTable, Verdict};
use crate::{
    CallDocument, CallEvent, CallStep, CallTexts, CallTurn, DeliveryReceipt, Extension, Message,
    ProviderCode, ReceiptError, ReceiptStatus, RequestError,
};

/// How long it rings: longer, and a voicemail takes the call.
const RINGING_S: u64 = 25;

/// What the answers of SIP say of a call that did not come about.
static SIP: ErrorTable = ErrorTable(&[
    // It does not exist anywhere; and it changed to a number that we do not call.
    (Verdict::Number, &["604", "410"]),
    (
        Verdict::Provider,
        // Refused, not found (also: no route), busy, absent, no answer, declined,
        // unwanted, rejected by a filter, the carrier's own trouble.
        &[
            "403", "404", "408", "480", "484", "486", "487", "488", "500", "502", "503", "504",
            "600", "603", "607", "608",
        ],
    ),
]);

/// Who speaks, and in which form texts are given.
pub(super) struct Speech {
    pub(super) vendor: Option<Arc<str>>,
    /// The voices do not know SSML.
    pub(super) is_plain: bool,
}

#[derive(Serialize)]
struct Call<'a> {
    from: &'a str,
    to: To<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_hook: Option<Hook<'a>>,
    /// Verbs, as a text: where nothing can be asked, or an extension is dialled first.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_status_hook: Option<Hook<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amd: Option<MachineDetection<'a>>,
    timeout: u64,
    #[serde(rename = "timeLimit")]
    time_limit: u64,
    /// Comes back in every event, and stands in jambonz' own logs.
    tag: Tag<'a>,
}

#[derive(Serialize)]
struct To<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    number: &'a str,
}

#[derive(Clone, Copy, Serialize)]
struct Hook<'a> {
    url: &'a str,
    method: &'static str,
}

#[derive(Serialize)]
struct MachineDetection<'a> {
    #[serde(rename = "actionHook")]
    action_hook: &'a str,
}

#[derive(Serialize)]
struct Tag<'a> {
    reference: &'a str,
}

impl Jambonz {
    pub(super) fn call(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        let caller = message.sender.as_ref().or(self.caller.as_ref());
        let caller = caller.ok_or(RequestError::SenderMissing)?;
        let hook = |url| Hook {
            url,
            method: "POST",
        };
        let receipt_url = message.receipt_url.as_deref();
        let extension = message.extension.as_ref();
        let (call_hook, verbs) = match (&message.call, &message.call_url) {
            (Some(_), Some(call_url)) if extension.is_none() => (Some(hook(call_url)), None),
            (Some(texts), Some(call_url)) => {
                let turn = CallTurn::Ask {
                    texts,
                    call_url,
                    extension,
                };
                (None, Some(self.speech.verbs(&turn)))
            }
            (None, _) | (_, None) => (None, Some(self.speech.at_once(message))),
        };
        let call = Call {
            from: caller.strip_prefix('+').unwrap_or(caller),
            to: To {
                kind: "phone",
                number: message.to.to_msisdn(),
            },
            call_hook,
            app_json: verbs.map(|verbs| Value::from(verbs).to_string()),
            call_status_hook: receipt_url.map(hook),
            // A switchboard is a machine.
            amd: receipt_url
                .filter(|_| self.detects_machines && extension.is_none())
                .map(|action_hook| MachineDetection { action_hook }),
            timeout: RINGING_S,
            time_limit: message.call_duration_max().as_secs(),
            tag: Tag {
                reference: &message.reference,
            },
        };
        post_json(&self.calls_url, &self.authorization, &call)
    }
}

impl Speech {
    pub(super) fn document(&self, turn: &CallTurn<'_>) -> CallDocument {
        CallDocument {
            content_type: "application/json",
            body: Value::from(self.verbs(turn)).to_string().into(),
        }
    }

    /// Everything, where nothing can be asked.
    fn at_once(&self, message: &Message) -> Vec<Value> {
        let synthesizer = self.synthesizer(&message.locale);
        let mut verbs = dialled(message.extension.as_ref());
        verbs.extend([
            json!({ "verb": "say", "text": message.spoken(), "synthesizer": synthesizer }),
            json!({ "verb": "hangup" }),
        ]);
        verbs
    }

    fn verbs(&self, turn: &CallTurn<'_>) -> Vec<Value> {
        match *turn {
            CallTurn::Ask {
                texts,
                call_url,
                extension,
            } => {
                let greeting = self.marked_up(&self.sentence(&texts.greeting));
                let mut verbs = dialled(extension);
                verbs.extend(self.asking(texts, &greeting, call_url, KEY_WAIT.as_secs()));
                verbs
            }
            CallTurn::Tell { texts, call_url } => {
                let told = self.marked_up(&self.told(texts));
                self.asking(texts, &told, call_url, LAST_KEY_WAIT.as_secs())
            }
            CallTurn::Reported { texts } => self.saying(texts, &texts.reported),
            CallTurn::Farewell { texts } => self.saying(texts, &texts.farewell),
            CallTurn::HangUp => vec![json!({ "verb": "hangup" })],
        }
    }

    /// The code, which keys there are, and the code again.
    fn told(&self, texts: &CallTexts) -> String {
        let (code, pause) = if self.is_plain {
            (format!("{} ", texts.code), " ")
        } else {
            let code = escaped(&texts.code);
            let slow = format!("<prosody rate=\"slow\">{code}</prosody>");
            (
                format!("{slow}<break time=\"1s\"/>"),
                "<break time=\"1s\"/>",
            )
        };
        let keys = self.sentence(&texts.keys);
        let again = code.repeat(CODE_REPETITIONS - 1);
        format!("{code}{keys}{pause}{again}")
    }

    fn sentence(&self, text: &str) -> String {
        if self.is_plain {
            text.to_owned()
        } else {
            escaped(text)
        }
    }

    fn marked_up(&self, inner: &str) -> String {
        if self.is_plain {
            inner.trim_end().to_owned()
        } else {
            format!("<speak>{inner}</speak>")
        }
    }

    /// Says something that a key cuts short, and sends the key or that none came.
    fn asking(&self, texts: &CallTexts, text: &str, call_url: &str, wait_s: u64) -> Vec<Value> {
        vec![
            json!({
                "verb": "gather",
                "input": ["digits"],
                "numDigits": 1,
                "dtmfBargein": true,
                "timeout": wait_s,
                "actionHook": marked(call_url, WAITED),
                "say": { "text": text, "synthesizer": self.synthesizer(&texts.language) },
            }),
            json!({ "verb": "hangup" }),
        ]
    }

    fn saying(&self, texts: &CallTexts, text: &str) -> Vec<Value> {
        let text = self.marked_up(&self.sentence(text));
        let synthesizer = self.synthesizer(&texts.language);
        vec![
            json!({ "verb": "say", "text": text, "synthesizer": synthesizer }),
            json!({ "verb": "hangup" }),
        ]
    }

    fn synthesizer(&self, language: &str) -> Value {
        let vendor = self.vendor.as_deref().unwrap_or("default");
        json!({ "vendor": vendor, "language": language })
    }
}

/// An extension's keys, once the switchboard has had time to listen.
fn dialled(extension: Option<&Extension>) -> Vec<Value> {
    let keys = |extension: &Extension| {
        vec![
            json!({ "verb": "pause", "length": 2 }),
            json!({ "verb": "dtmf", "dtmf": extension.expose(), "duration": 250 }),
        ]
    };
    extension.map(keys).unwrap_or_default()
}

/// All that is ever read from an event.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    call_sid: Scalar<'a>,
    #[serde(borrow, default)]
    call_status: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    sip_status: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    digits: Option<Scalar<'a>>,
    /// Of machine detection.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Scalar<'a>>,
}

/// What a call is doing, what became of it, or what took it.
pub(super) fn receipt(body: &[u8]) -> Result<DeliveryReceipt, ReceiptError> {
    let event: Event<'_> = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let text = |scalar: &Option<Scalar<'_>>| {
        let text = scalar.as_ref().and_then(Scalar::text);
        text.map(str::to_owned)
    };
    let sip = event.sip_status.as_ref().and_then(Scalar::code);
    let (status, code) = match (text(&event.kind), text(&event.call_status)) {
        (Some(kind), _) if kind.starts_with("amd_") => of_detection(&kind),
        (_, Some(word)) => match call_status(&word).ok_or(ReceiptError::Malformed)? {
            ReceiptStatus::Undelivered => {
                let code = sip.clone().or_else(|| ProviderCode::new(&word));
                (ReceiptStatus::Undelivered, code)
            }
            other @ (ReceiptStatus::Delivered | ReceiptStatus::Sent) => (other, None),
        },
        (Some(_) | None, None) => return Err(ReceiptError::Malformed),
    };
    let verdict = code.as_ref().and_then(|code| SIP.verdict(code.as_str()));
    Ok(DeliveryReceipt {
        message_id: event.call_sid.message_id(),
        status,
        code,
        at_ms: None,
        is_final_for_number: status == ReceiptStatus::Undelivered
            && verdict.is_some_and(Verdict::is_final_for_number),
    })
}

/// A machine presses no key, so it gets no code: the call has not delivered one.
fn of_detection(kind: &str) -> (ReceiptStatus, Option<ProviderCode>) {
    match kind {
        "amd_machine_detected" | "amd_tone_detected" => {
            (ReceiptStatus::Undelivered, ProviderCode::new("machine"))
        }
        _ => (ReceiptStatus::Sent, None),
    }
}

/// A question of a call: at its start, or with a key or none.
pub(super) fn event(url: &str, body: &[u8]) -> Result<CallEvent, ReceiptError> {
    let event: Event<'_> = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let call_id = event.call_sid.message_id().ok_or(ReceiptError::Malformed)?;
    let status = event.call_status.as_ref().and_then(Scalar::text);
    let ended = status
        .and_then(call_status)
        .filter(|status| *status != ReceiptStatus::Sent);
    let digits = event.digits.as_ref().and_then(Scalar::text);
    let step = match (digits.and_then(key_of), ended) {
        (Some(key), _) => CallStep::Key(key),
        (None, Some(status)) => CallStep::Ended { status, code: None },
        (None, None) if has_mark(url, WAITED) => CallStep::NoKey,
        (None, None) => CallStep::Answered,
    };
    Ok(CallEvent { call_id, step })
}

fn call_status(word: &str) -> Option<ReceiptStatus> {
    match word {
        "completed" => Some(ReceiptStatus::Delivered),
        "busy" | "failed" | "no-answer" => Some(ReceiptStatus::Undelivered),
        "queued" | "trying" | "ringing" | "early-media" | "in-progress" => {
            Some(ReceiptStatus::Sent)
        }
        _ => None,
    }
}
