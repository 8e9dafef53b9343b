//! Jasmin, the operator's own: an SMS by its HTTP API, a form each way.

mod errors;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};

use self::errors::{ANSWERS, status_of};
use crate::answer::is_longer_than;
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::request::{post, url_below};
use crate::signature::FormFields;
use crate::verdict::refusal;
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, MessageId, Provider,
    ProviderCode, ReceiptError, ReceiptStatus, Receipts, RequestError, Response, Secret,
    SubmitError, Submitted, gsm7,
};

/// Jasmin's HTTP API.
pub static KIND: Kind = Kind {
    name: "jasmin",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    // The user or the connector in Jasmin may have a sender of its own.
    senders: &[],
    settings: &[
        Setting {
            key: "base_url",
            form: Form::Url { default: None },
            required: Some("\"http://127.0.0.1:1401\""),
            about: "where Jasmin's HTTP API listens; `http` gets a warning unless it is loopback",
        },
        Setting {
            key: "username",
            form: Form::Text(name),
            required: Some("\"watchword\""),
            about: "the user in Jasmin, at most 30 characters",
        },
        Setting {
            key: "password",
            form: Form::Secret {
                file: "password_file",
            },
            required: Some("the user's password"),
            about: "of the same user",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "who an SMS is from; a tenant's `sms_sender` goes before it. Without either, Jasmin's own",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn name(text: &str) -> Result<(), &'static str> {
    let fits = (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(())
        .ok_or("must be 1 to 30 visible ASCII characters")
}

/// Jasmin cuts what is longer than its `long_content_max_parts`, 5 unless set.
const SEGMENTS_MAX: usize = 5;
const GSM7_CHARACTERS_MAX: usize = 153 * SEGMENTS_MAX;
const UCS2_UNITS_MAX: usize = 67 * SEGMENTS_MAX;

/// What Jasmin wants to read before it takes a report as received.
const RECEIVED: &str = "ACK/Jasmin";

struct Jasmin {
    capabilities: Capabilities,
    url: Uri,
    username: Arc<str>,
    password: Secret,
    sender: Option<Arc<str>>,
    clock: Clock,
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    Ok(Arc::new(Jasmin {
        capabilities: Capabilities {
            receipts_signed: false,
            receipt_answer: RECEIVED,
            text_characters_max: GSM7_CHARACTERS_MAX,
            ..Capabilities::new(given.channels, given.receipts)
        },
        url: url_below("base_url", values.required_url("base_url")?, "/send")?,
        username: Arc::clone(values.required_text("username")?),
        password: values.required_secret("password")?.clone(),
        sender: values.text("sender").cloned(),
        clock: given.clock.clone(),
    }))
}

impl Provider for Jasmin {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(RequestError::Channel);
        }
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(768));
        form.append_pair("username", &self.username);
        form.append_pair("password", self.password.expose());
        form.append_pair("to", message.to.to_msisdn());
        if let Some(sender) = message.sender.as_ref().or(self.sender.as_ref()) {
            form.append_pair("from", sender);
        }
        if gsm7::fits(&message.text) {
            if is_longer_than(&message.text, GSM7_CHARACTERS_MAX) {
                return Err(RequestError::TextTooLong);
            }
            form.append_pair("coding", "0");
            form.append_pair("content", &message.text);
        } else {
            form.append_pair("coding", "8");
            form.append_pair("hex-content", &ucs2_hex(&message.text)?);
        }
        // In minutes, and never 0.
        let minutes = (message.validity_period.as_secs() / 60).max(1);
        form.append_pair("validity-period", &minutes.to_string());
        match &message.receipt_url {
            Some(receipt_url) => {
                form.append_pair("dlr", "yes");
                form.append_pair("dlr-url", receipt_url);
                // Both what the SMSC answers and what becomes of the message.
                form.append_pair("dlr-level", "3");
                form.append_pair("dlr-method", "POST");
            }
            None => {
                form.append_pair("dlr", "no");
            }
        }
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        Ok(post(&self.url, headers, form.finish().into()))
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer = String::from_utf8_lossy(&response.body);
        let answer = answer.trim();
        let now_ms = self.clock.now_ms();
        if response.status.is_success() {
            let id = answer.strip_prefix("Success \"");
            let id = id.and_then(|rest| rest.strip_suffix('"'));
            return id
                .map(|id| Submitted {
                    message_id: MessageId::new(id),
                })
                .ok_or(SubmitError::Unknown { code: None });
        }
        let error = answer.strip_prefix("Error \"").unwrap_or_default();
        let row = ANSWERS
            .iter()
            .find(|(begins, ..)| error.starts_with(begins));
        let verdict = row.map(|(_, verdict, _)| *verdict);
        let code = row.and_then(|(_, _, code)| ProviderCode::new(code));
        Err(refusal(verdict, code, response, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let fields = FormFields::parse(callback.body)?;
        let word = fields
            .get("message_status")
            .ok_or(ReceiptError::Malformed)?;
        let status = status_of(word).ok_or(ReceiptError::Malformed)?;
        let code = match status {
            ReceiptStatus::Undelivered => code_of(word, fields.get("err")),
            ReceiptStatus::Delivered | ReceiptStatus::Sent => None,
        };
        Ok(vec![DeliveryReceipt {
            message_id: fields.get("id").and_then(MessageId::new),
            status,
            code,
            // `donedate` names no time zone.
            at_ms: None,
            // The codes are each network's own: none of them speaks for others.
            is_final_for_number: false,
        }])
    }
}

/// Where the alphabet of GSM 03.38 lacks a character: hexadecimal, big-endian.
fn ucs2_hex(text: &str) -> Result<String, RequestError> {
    let mut hex = String::with_capacity(text.len() * 4);
    let mut unit_count = 0;
    for unit in text.encode_utf16() {
        unit_count += 1;
        if unit_count > UCS2_UNITS_MAX {
            return Err(RequestError::TextTooLong);
        }
        _ = write!(hex, "{unit:04X}");
    }
    Ok(hex)
}

fn code_of(status: &str, error: Option<&str>) -> Option<ProviderCode> {
    let error = error.filter(|error| !error.trim_start_matches('0').is_empty());
    match error {
        Some(error) => ProviderCode::new(&format!("{status}-{error}")),
        None => ProviderCode::new(status),
    }
}
