//! Plivo's calls: JSON out, forms back, and the XML that says what a call does
//! next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::Serialize;

use crate::kind::{ConnectError, Values};
use crate::request::post_json;
use crate::signature::FormFields;
use crate::speech::{self, Asked, Verbs, asked, escaped, voice_language};
use crate::{
    CallDocument, CallEvent, CallStep, CallTurn, Message, MessageId, ProviderCode, ReceiptError,
    ReceiptStatus, RequestError,
};

/// What Plivo's own voices speak, the usual country of a language first.
const LANGUAGES: &[&str] = &[
    "da-DK", "de-DE", "en-US", "en-AU", "en-GB", "es-ES", "es-US", "fr-FR", "fr-CA", "it-IT",
    "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE",
];

/// How long it rings: most people take a call within this.
const RINGING_S: u64 = 30;

/// What calls need beside what texts do.
pub(super) struct Calling {
    calls_url: Uri,
    caller: Arc<str>,
    hangs_up_on_machines: bool,
}

#[derive(Serialize)]
struct Call<'a> {
    from: &'a str,
    to: &'a str,
    answer_url: &'a str,
    answer_method: &'static str,
    hangup_url: &'a str,
    hangup_method: &'static str,
    time_limit: u64,
    ring_timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_detection: Option<&'static str>,
    /// Keys that are dialled once the call is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_digits: Option<String>,
}

impl Calling {
    pub(super) fn new(values: &Values, calls_url: Uri) -> Result<Self, ConnectError> {
        let needed = || ConnectError::setting("caller", "missing: calls need it");
        Ok(Self {
            calls_url,
            caller: Arc::clone(values.text("caller").ok_or_else(needed)?),
            hangs_up_on_machines: values.text("machine_detection").map(|word| &**word)
                == Some("on"),
        })
    }

    pub(super) fn request(
        &self,
        message: &Message,
        authorization: &HeaderValue,
    ) -> Result<Request<Bytes>, RequestError> {
        // Plivo takes no document along: without a URL to ask, nothing can be said.
        let (Some(texts), Some(call_url)) = (&message.call, &message.call_url) else {
            return Err(RequestError::Channel);
        };
        voice_language(LANGUAGES, &texts.language).ok_or(RequestError::Channel)?;
        let caller = message.sender.as_deref().unwrap_or(&self.caller);
        let extension = message.extension.as_ref();
        let call = Call {
            from: caller.strip_prefix('+').unwrap_or(caller),
            to: message.to.to_msisdn(),
            answer_url: call_url,
            answer_method: "POST",
            hangup_url: call_url,
            hangup_method: "POST",
            time_limit: message.call_duration_max().as_secs(),
            ring_timeout: RINGING_S,
            // A switchboard is a machine.
            machine_detection: (self.hangs_up_on_machines && extension.is_none())
                .then_some("hangup"),
            send_digits: extension.map(|extension| extension.after_a_pause("w")),
        };
        post_json(&self.calls_url, authorization, &call)
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "completed" => Some(ReceiptStatus::Delivered),
        "busy" | "failed" | "timeout" | "no-answer" | "cancel" => Some(ReceiptStatus::Undelivered),
        "ringing" | "in-progress" => Some(ReceiptStatus::Sent),
        _ => None,
    }
}

pub(super) fn event(fields: &FormFields, url: &str) -> Result<CallEvent, ReceiptError> {
    let call_id = fields.get("CallUUID").and_then(MessageId::new);
    let call_id = call_id.ok_or(ReceiptError::Malformed)?;
    let status = fields.get("CallStatus").and_then(receipt_status);
    let step = match status.ok_or(ReceiptError::Malformed)? {
        status @ (ReceiptStatus::Delivered | ReceiptStatus::Undelivered) => CallStep::Ended {
            status,
            code: fields.get("HangupCauseCode").and_then(ProviderCode::new),
        },
        ReceiptStatus::Sent => {
            if fields.get("Machine") == Some("true") {
                CallStep::Machine
            } else {
                asked(url, fields.get("Digits"))
            }
        }
    };
    Ok(CallEvent { call_id, step })
}

pub(super) fn document(turn: &CallTurn<'_>) -> CallDocument {
    speech::document(turn, &VERBS)
}

static VERBS: Verbs = Verbs {
    content_type: "application/xml",
    dial: None,
    say,
    pause: "",
    gather,
};

fn say(language: &str, text: &str) -> String {
    let language = voice_language(LANGUAGES, language).unwrap_or("en-US");
    let text = escaped(text);
    format!("<Speak voice=\"WOMAN\" language=\"{language}\">{text}</Speak>")
}

fn gather(said: &str, wait: Duration, asked: Asked<'_>) -> String {
    let (url, wait_s) = (escaped(asked.call_url()), wait.as_secs());
    let redirect = asked.redirect();
    format!(
        "<GetDigits action=\"{url}\" method=\"POST\" numDigits=\"1\" timeout=\"{wait_s}\" \
         finishOnKey=\"none\" retries=\"1\" log=\"false\">{said}</GetDigits>{redirect}"
    )
}
