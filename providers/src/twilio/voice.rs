//! Calls by Twilio: TwiML out, a signed form for each question and at the end.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Request;

use super::TwilioProvider;
use crate::contract::{CALL_DURATION_MAX, CODE_REPETITIONS, KEY_WAIT};
use crate::signature::FormFields;
use crate::speech::{WAITED, escaped, has_mark, key_of, marked, voice_language};
use crate::{
    CallDocument, CallEvent, CallStep, CallTexts, CallTurn, DeliveryReceipt, Message, MessageId,
    ProviderCode, ReceiptError, ReceiptStatus, RequestError,
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
        match (&message.call_url, &message.call) {
            // Who answered is said when Twilio asks, so it has to ask at once.
            (Some(call_url), _) if self.detects_machines => {
                form.append_pair("Url", call_url);
                form.append_pair("MachineDetection", "Enable");
            }
            (Some(call_url), Some(texts)) => {
                form.append_pair("Twiml", &twiml(&CallTurn::Ask { texts, call_url }));
            }
            (Some(_), None) | (None, _) => {
                form.append_pair("Twiml", &inline(message)?);
            }
        }
        form.append_pair("Timeout", RING_S);
        form.append_pair("TimeLimit", &CALL_DURATION_MAX.as_secs().to_string());
        if let Some(receipt_url) = &message.receipt_url {
            form.append_pair("StatusCallback", receipt_url);
        }
        Ok(self.post(self.calls_url.clone(), form.finish()))
    }
}

/// Everything at once, where nothing can be asked.
fn inline(message: &Message) -> Result<String, RequestError> {
    let mut twiml = opened();
    say(&mut twiml, &message.locale, message.spoken());
    twiml.push_str("</Response>");
    if twiml.chars().count() > TWIML_CHARACTERS_MAX {
        return Err(RequestError::TextTooLong);
    }
    Ok(twiml)
}

pub(super) fn document(turn: &CallTurn<'_>) -> CallDocument {
    CallDocument {
        content_type: "text/xml",
        body: Bytes::from(twiml(turn)),
    }
}

fn twiml(turn: &CallTurn<'_>) -> String {
    let mut twiml = opened();
    match turn {
        CallTurn::Ask { texts, call_url } => {
            gather(&mut twiml, call_url, "true");
            say(&mut twiml, &texts.language, &texts.greeting);
            twiml.push_str("</Gather>");
        }
        CallTurn::Tell { texts, call_url } => {
            gather(&mut twiml, call_url, "false");
            tell(&mut twiml, texts);
            twiml.push_str("</Gather>");
            say(&mut twiml, &texts.language, &texts.farewell);
        }
        CallTurn::Reported { texts } => say(&mut twiml, &texts.language, &texts.reported),
        CallTurn::Farewell { texts } => say(&mut twiml, &texts.language, &texts.farewell),
        CallTurn::HangUp => {}
    }
    twiml.push_str("<Hangup/></Response>");
    twiml
}

/// The code, which keys there are, and the code again.
fn tell(twiml: &mut String, texts: &CallTexts) {
    for repetition in 0..CODE_REPETITIONS {
        if repetition > 0 {
            twiml.push_str("<Pause length=\"1\"/>");
        }
        say(twiml, &texts.language, &texts.code);
        if repetition == 0 {
            say(twiml, &texts.language, &texts.keys);
        }
    }
}

fn opened() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>".to_owned()
}

fn gather(twiml: &mut String, call_url: &str, on_silence: &str) {
    let wait_s = KEY_WAIT.as_secs();
    // A question that comes there without a digit is silence.
    let action = escaped(&marked(call_url, WAITED));
    // `#` is a key like any other: without `finishOnKey` it would end the wait.
    _ = write!(
        twiml,
        "<Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" timeout=\"{wait_s}\" method=\"POST\" \
         actionOnEmptyResult=\"{on_silence}\" action=\"{action}\">"
    );
}

fn say(twiml: &mut String, language: &str, text: &str) {
    let text = escaped(text);
    // Where Twilio has no voice by that name, its default speaks.
    _ = match voice_language(VOICE_LANGUAGES, language) {
        Some(language) => write!(twiml, "<Say language=\"{language}\">{text}</Say>"),
        None => write!(twiml, "<Say>{text}</Say>"),
    };
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
    let key = fields.get("Digits").and_then(key_of);
    let step = match key {
        _ if is_machine(fields) => CallStep::Machine,
        Some(key) => CallStep::Key(key),
        None => match ended(status) {
            Some(status) => CallStep::Ended { status, code: None },
            None if has_mark(url, WAITED) => CallStep::NoKey,
            None => CallStep::Answered,
        },
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
