//! Calls by Twilio: TwiML out, a signed form for each question and at the end.

use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::TwilioProvider;
use crate::signature::FormFields;
use crate::speech::{self, Asked, Verbs, WAITED, asked, enclosed, escaped, marked, voice_language};
use crate::{
    CallDocument, CallEvent, CallStep, CallTurn, DeliveryReceipt, Message, MessageId, ProviderCode,
    ReceiptError, ReceiptStatus, RequestError,
};

/// How long a phone rings: longer, and a voicemail takes the call.
const RING_S: &str = "25";
/// Of the parameter `Twiml`.
const TWIML_CHARACTERS_MAX: usize = 4000;

impl TwilioProvider {
    pub(super) fn call(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        let caller = message.sender.as_ref().or(self.caller.as_ref());
        let caller = caller.ok_or(RequestError::SenderMissing)?;
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(1024));
        form.append_pair("To", message.to.expose());
        form.append_pair("From", caller);
        if let Some(extension) = &message.extension {
            form.append_pair("SendDigits", &extension.after_a_pause("w"));
        }
        // A switchboard is a machine, and Twilio detects none where it dials on.
        let detects_machines = self.detects_machines && message.extension.is_none();
        match (&message.call_url, &message.call) {
            // Who answered is said when Twilio asks, so it has to ask at once.
            (Some(call_url), _) if detects_machines => {
                form.append_pair("Url", call_url);
                form.append_pair("MachineDetection", "Enable");
            }
            (Some(call_url), Some(texts)) => {
                let turn = CallTurn::Ask {
                    texts,
                    call_url,
                    extension: None,
                };
                form.append_pair("Twiml", &speech::written(&turn, &VERBS));
            }
            // Nobody could be told who answered, and a machine gets no code.
            (None, _) if self.detects_machines => return Err(RequestError::Channel),
            (Some(_), None) | (None, _) => {
                form.append_pair("Twiml", &inline(message)?);
            }
        }
        form.append_pair("Timeout", RING_S);
        let time_limit_s = message.call_duration_max().as_secs();
        form.append_pair("TimeLimit", &time_limit_s.to_string());
        if let Some(receipt_url) = &message.receipt_url {
            form.append_pair("StatusCallback", receipt_url);
        }
        Ok(self.post(self.calls_url.clone(), form.finish()))
    }
}

/// Everything at once, where nothing can be asked.
fn inline(message: &Message) -> Result<String, RequestError> {
    let twiml = enclosed(&say(&message.locale, message.spoken()));
    if twiml.chars().count() > TWIML_CHARACTERS_MAX {
        return Err(RequestError::TextTooLong);
    }
    Ok(twiml)
}

pub(super) fn document(turn: &CallTurn<'_>) -> CallDocument {
    speech::document(turn, &VERBS)
}

static VERBS: Verbs = Verbs {
    content_type: "text/xml",
    dial: None,
    say,
    pause: "<Pause length=\"1\"/>",
    gather,
};

fn gather(said: &str, wait: Duration, asked: Asked<'_>) -> String {
    let on_silence = match asked {
        Asked::WithoutKeyToo(_) => "true",
        Asked::WithKey(_) => "false",
    };
    // A question that comes there without a digit is silence.
    let action = escaped(&marked(asked.call_url(), WAITED));
    let wait_s = wait.as_secs();
    // `#` is a key like any other: without `finishOnKey` it would end the wait.
    format!(
        "<Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" timeout=\"{wait_s}\" method=\"POST\" \
         actionOnEmptyResult=\"{on_silence}\" action=\"{action}\">{said}</Gather>"
    )
}

fn say(language: &str, text: &str) -> String {
    let text = escaped(text);
    // Where Twilio has no voice by that name, its default speaks.
    match voice_language(VOICE_LANGUAGES, language) {
        Some(language) => format!("<Say language=\"{language}\">{text}</Say>"),
        None => format!("<Say>{text}</Say>"),
    }
}

/// What Twilio's voices are called, the usual one of each language first.
static VOICE_LANGUAGES: &[&str] = &[
    "af-ZA", "arb", "bg-BG", "bn-IN", "ca-ES", "cs-CZ", "da-DK", "de-DE", "de-AT", "el-GR",
    "en-US", "en-AU", "en-GB", "en-IN", "es-ES", "es-MX", "es-US", "et-EE", "eu-ES", "fi-FI",
    "fil-PH", "fr-FR", "fr-CA", "gl-ES", "gu-IN", "he-IL", "hi-IN", "hu-HU", "id-ID", "is-IS",
    "it-IT", "ja-JP", "kn-IN", "ko-KR", "lt-LT", "lv-LV", "ml-IN", "mr-IN", "ms-MY", "nb-NO",
    "nl-NL", "nl-BE", "pa-IN", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sk-SK", "sr-RS",
    "sv-SE", "ta-IN", "te-IN", "th-TH", "tr-TR", "uk-UA", "vi-VN", "zh-CN", "zh-TW", "zh-HK",
];

/// Reads a question of a call.
pub(super) fn event(url: &str, fields: &FormFields) -> Result<CallEvent, ReceiptError> {
    let call_id = fields
        .get("CallSid")
        .and_then(MessageId::new)
        .ok_or(ReceiptError::Malformed)?;
    let status = fields.get("CallStatus").ok_or(ReceiptError::Malformed)?;
    let step = match (asked(url, fields.get("Digits")), ended(status)) {
        _ if is_machine(fields) => CallStep::Machine,
        (step @ CallStep::Key(_), _) | (step, None) => step,
        (_, Some(status)) => CallStep::Ended { status, code: None },
    };
    Ok(CallEvent { call_id, step })
}

/// Reads the report at a call's end.
pub(super) fn receipt(fields: &FormFields) -> Result<DeliveryReceipt, ReceiptError> {
    let message_id = fields.get("CallSid").and_then(MessageId::new);
    let status = fields.get("CallStatus").ok_or(ReceiptError::Malformed)?;
    let (status, code) = match ended(status) {
        Some(_) if is_machine(fields) => (ReceiptStatus::Undelivered, Some("machine")),
        Some(ReceiptStatus::Undelivered) => (ReceiptStatus::Undelivered, Some(status)),
        Some(other @ (ReceiptStatus::Delivered | ReceiptStatus::Sent)) => (other, None),
        None if is_under_way(status) => (ReceiptStatus::Sent, None),
        None => return Err(ReceiptError::Malformed),
    };
    Ok(DeliveryReceipt {
        message_id: Some(message_id.ok_or(ReceiptError::Malformed)?),
        status,
        code: code.and_then(ProviderCode::new),
        at_ms: None,
        is_final_for_number: false,
    })
}

fn ended(call_status: &str) -> Option<ReceiptStatus> {
    match call_status {
        "completed" => Some(ReceiptStatus::Delivered),
        "busy" | "failed" | "no-answer" | "canceled" => Some(ReceiptStatus::Undelivered),
        _ => None,
    }
}

fn is_under_way(call_status: &str) -> bool {
    matches!(
        call_status,
        "queued" | "initiated" | "ringing" | "in-progress" | "answered"
    )
}

fn is_machine(fields: &FormFields) -> bool {
    fields
        .get("AnsweredBy")
        .is_some_and(|by| by.starts_with("machine") || by == "fax")
}

#[cfg(test)]
mod tests;
