//! Telnyx's calls by TeXML: JSON out, forms back, and the document that says
//! what a call does next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::Serialize;

use crate::kind::{ConnectError, Values};
use crate::request::{post_json, url_below};
use crate::signature::FormFields;
use crate::speech::{self, Asked, Verbs, asked, escaped, voice_language};
use crate::{
    CallDocument, CallEvent, CallStep, CallTurn, Message, MessageId, ProviderCode, ReceiptError,
    ReceiptStatus, RequestError,
};

/// What the voice `alice` speaks, the usual country of a language first.
const LANGUAGES: &[&str] = &[
    "cmn-CN", "cy-GB", "da-DK", "de-DE", "en-US", "en-AU", "en-GB", "en-IN", "es-ES", "es-MX",
    "es-US", "fr-FR", "fr-CA", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL",
    "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR",
];

/// How long it rings: most people take a call within this.
const RINGING_S: u64 = 30;

/// What calls need beside what texts do.
pub(super) struct Calling {
    calls_url: Uri,
    application_id: Arc<str>,
    caller: Arc<str>,
    hangs_up_on_machines: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Call<'a> {
    application_sid: &'a str,
    from: &'a str,
    to: &'a str,
    url: &'a str,
    url_method: &'static str,
    status_callback: &'a str,
    status_callback_method: &'static str,
    status_callback_event: &'static str,
    machine_detection: &'static str,
    time_limit: u64,
    timeout: u64,
}

impl Calling {
    pub(super) fn new(values: &Values, base_url: &Uri) -> Result<Self, ConnectError> {
        let needed = |key| {
            let missing = || ConnectError::setting(key, "missing: calls need it");
            values.text(key).ok_or_else(missing)
        };
        let account_sid = needed("account_sid")?;
        let path = format!("/v2/texml/Accounts/{account_sid}/Calls");
        Ok(Self {
            calls_url: url_below("base_url", base_url, &path)?,
            application_id: Arc::clone(needed("texml_application_id")?),
            caller: Arc::clone(needed("caller")?),
            hangs_up_on_machines: values.text("machine_detection").map(|word| &**word)
                == Some("on"),
        })
    }

    pub(super) fn request(
        &self,
        message: &Message,
        authorization: &HeaderValue,
    ) -> Result<Request<Bytes>, RequestError> {
        // Nothing goes along that could be said: it is asked for.
        let (Some(texts), Some(call_url)) = (&message.call, &message.call_url) else {
            return Err(RequestError::Channel);
        };
        voice_language(LANGUAGES, &texts.language).ok_or(RequestError::Channel)?;
        let caller = message.sender.as_deref().unwrap_or(&self.caller);
        let call = Call {
            application_sid: &self.application_id,
            from: caller,
            to: message.to.expose(),
            url: call_url,
            url_method: "POST",
            status_callback: call_url,
            status_callback_method: "POST",
            status_callback_event: "completed",
            // A switchboard is a machine.
            machine_detection: if self.hangs_up_on_machines && message.extension.is_none() {
                "Enable"
            } else {
                "Disable"
            },
            time_limit: message.call_duration_max().as_secs(),
            timeout: RINGING_S,
        };
        post_json(&self.calls_url, authorization, &call)
    }
}

fn receipt_status(status: &str) -> Option<ReceiptStatus> {
    match status {
        "completed" => Some(ReceiptStatus::Delivered),
        "busy" | "no-answer" | "failed" | "canceled" => Some(ReceiptStatus::Undelivered),
        "queued" | "initiated" | "ringing" | "answered" | "in-progress" => {
            Some(ReceiptStatus::Sent)
        }
        _ => None,
    }
}

pub(super) fn event(body: &[u8], url: &str) -> Result<CallEvent, ReceiptError> {
    let fields = FormFields::parse(body)?;
    let call_id = fields.get("CallSid").and_then(MessageId::new);
    let call_id = call_id.ok_or(ReceiptError::Malformed)?;
    let word = fields.get("CallStatus");
    let step = match word.and_then(receipt_status) {
        Some(status @ (ReceiptStatus::Delivered | ReceiptStatus::Undelivered)) => CallStep::Ended {
            status,
            code: word.and_then(ProviderCode::new),
        },
        Some(ReceiptStatus::Sent) | None => {
            let answered_by = fields.get("AnsweredBy").unwrap_or_default();
            if answered_by.starts_with("machine") || answered_by == "fax" {
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
    // TeXML calls take no keys along: they are played first, in the document.
    dial: Some(|extension| {
        let digits = extension.after_a_pause("w");
        format!("<Play digits=\"{digits}\"></Play>")
    }),
    say,
    pause: "",
    gather,
};

fn say(language: &str, text: &str) -> String {
    let language = voice_language(LANGUAGES, language).unwrap_or("en-US");
    let text = escaped(text);
    format!("<Say voice=\"alice\" language=\"{language}\">{text}</Say>")
}

fn gather(said: &str, wait: Duration, asked: Asked<'_>) -> String {
    let (url, wait_s) = (escaped(asked.call_url()), wait.as_secs());
    let redirect = asked.redirect();
    format!(
        "<Gather action=\"{url}\" method=\"POST\" numDigits=\"1\" finishOnKey=\"\" \
         timeout=\"{wait_s}\">{said}</Gather>{redirect}"
    )
}
