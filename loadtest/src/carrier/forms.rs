//! The two forms in which gateways hand over messages: our webhook's JSON and
//! Twilio's form, each with its answers.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use crate::handset::Code;
use crate::people::Number;
use crate::scenario::{ChannelName, Form};
use crate::sends::DeliveryKey;

/// A message as far as the carrier needs it.
pub(super) struct Message {
    pub(super) number: Number,
    pub(super) channel: ChannelName,
    pub(super) code: Option<Code>,
    pub(super) delivery: DeliveryKey,
    pub(super) receipt_url: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Webhook<'a> {
    reference: &'a str,
    #[serde(borrow)]
    to: Cow<'a, str>,
    channel: ChannelName,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    receipt_url: Option<Cow<'a, str>>,
}

impl Message {
    /// Reads what a gateway posted; `None` if it is nothing of the kind.
    pub(super) fn read(form: Form, body: &[u8]) -> Option<Self> {
        match form {
            Form::Webhook => Self::read_webhook(body),
            Form::Twilio => Self::read_twilio(body),
        }
    }

    fn read_webhook(body: &[u8]) -> Option<Self> {
        let posted: Webhook<'_> = serde_json::from_slice(body).ok()?;
        // The reference names the attempt: what stands before the last hyphen, its delivery.
        let (delivery, _) = posted.reference.rsplit_once('-')?;
        Some(Self {
            number: Number::parse(&posted.to)?,
            channel: posted.channel,
            code: Code::read(&posted.text),
            delivery: DeliveryKey::of(delivery),
            receipt_url: posted.receipt_url.map(|url| Box::from(&*url)),
        })
    }

    fn read_twilio(body: &[u8]) -> Option<Self> {
        let (mut number, mut code, mut receipt_url) = (None, None, None);
        for (name, value) in form_urlencoded::parse(body).take(64) {
            match &*name {
                "To" => number = Number::parse(&value),
                "Body" => code = Code::read(&value),
                "StatusCallback" => receipt_url = Some(Box::from(&*value)),
                _ => {}
            }
        }
        Some(Self {
            number: number?,
            channel: ChannelName::Sms,
            code,
            // Twilio's form names no delivery.
            delivery: DeliveryKey::default(),
            receipt_url,
        })
    }
}

/// The name by which the carrier knows a message.
pub(super) fn message_id(form: Form, number: u64) -> String {
    match form {
        Form::Webhook => format!("msg_{number:016x}"),
        Form::Twilio => format!("SM{number:032x}"),
    }
}

/// "I have it."
pub(super) fn taken(form: Form, message_id: &str) -> (StatusCode, Bytes) {
    match form {
        Form::Webhook => {
            let body = format!(r#"{{"message_id":"{message_id}"}}"#);
            (StatusCode::ACCEPTED, body.into())
        }
        Form::Twilio => {
            let body = format!(r#"{{"sid":"{message_id}","status":"queued","error_code":null}}"#);
            (StatusCode::CREATED, body.into())
        }
    }
}

/// Anything else.
pub(super) fn refusal(form: Form, status: StatusCode) -> (StatusCode, Bytes) {
    let body = match form {
        Form::Webhook => r#"{"code":"scripted"}"#,
        Form::Twilio => r#"{"code":99999,"message":"scripted"}"#,
    };
    (status, Bytes::from_static(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_read() {
        let body = br#"{"reference":"dlv_01a6-1","to":"+14155550123","channel":"voice",
            "text":"568611 is your \"acme\" code.","speech":"5 6","sender":null,"locale":"en",
            "expires_at":"2026-11-22T08:43:19.728Z","receipt_url":null}"#;
        let message = Message::read(Form::Webhook, body).unwrap();
        assert!(message.number == Number(14_155_550_123));
        assert!(message.delivery == DeliveryKey::of("dlv_01a6"));
        assert_eq!(message.channel, ChannelName::Voice);
        assert_eq!(message.code.unwrap().expose(), "568611");
        assert_eq!(message.receipt_url, None);
    }

    #[test]
    fn a_twilio_form_is_read() {
        let body = b"To=%2B14155550123&From=%2B1&Body=568611+is+your+code&ValidityPeriod=600\
            &StatusCallback=http%3A%2F%2F127.0.0.1%3A1%2Fr";
        let message = Message::read(Form::Twilio, body).unwrap();
        assert!(message.number == Number(14_155_550_123));
        assert_eq!(message.code.unwrap().expose(), "568611");
        assert_eq!(message.receipt_url.as_deref(), Some("http://127.0.0.1:1/r"));
    }

    #[test]
    fn what_is_no_message_is_not_taken_for_one() {
        for body in [
            &b""[..],
            b"{}",
            b"To=&Body=1",
            br#"{"reference":"x"}"#,
            &[0xff; 40],
        ] {
            assert!(Message::read(Form::Webhook, body).is_none());
            assert!(Message::read(Form::Twilio, body).is_none());
        }
    }
}
