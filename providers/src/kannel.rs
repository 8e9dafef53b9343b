//! Kannel, the operator's own: an SMS by `sendsms`, reports by the URL that it is
//! given, in which it writes what became of the message.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri};

use crate::answer::is_longer_than;
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_text};
use crate::registry::checked_url;
use crate::speech::marked;
use crate::verdict::{Verdict, refusal};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, Provider, ProviderCode,
    ReceiptError, ReceiptStatus, Receipts, RequestError, Response, Secret, SubmitError, Submitted,
    gsm7,
};

/// Kannel's smsbox, and what speaks as it does.
pub static KIND: Kind = Kind {
    name: "kannel",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    // Kannel may have a sender of its own: `global-sender`, `default-sender`.
    senders: &[],
    settings: &[
        Setting {
            key: "url",
            form: Form::Url { default: None },
            required: Some("\"http://127.0.0.1:13013/cgi-bin/sendsms\""),
            about: "smsbox's `sendsms`; `http` gets a warning unless it is loopback",
        },
        Setting {
            key: "username",
            form: Form::Text(any_text),
            required: Some("\"watchword\""),
            about: "of the group `sendsms-user`",
        },
        Setting {
            key: "password",
            form: Form::Secret {
                file: "password_file",
            },
            required: Some("the user's password"),
            about: "of the same group",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "who an SMS is from; a tenant's `sms_sender` goes before it. Without either, Kannel's own",
        },
        Setting {
            key: "smsc",
            form: Form::Text(any_text),
            required: None,
            about: "the `smsc-id` that messages go over; without it Kannel decides",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

/// Ten joined segments, in characters.
const TEXT_CHARACTERS_MAX: usize = 1530;

/// Bits of `dlr-mask`, and the values of `%d`.
const DELIVERED: u8 = 1;
const UNDELIVERED: u8 = 2;
const BUFFERED: u8 = 4;
const SUBMITTED: u8 = 8;
const REJECTED: u8 = 16;

/// Appended to the URL that Kannel calls: what became of it, and the answer of
/// the SMSC, escaped by Kannel.
const REPORT: &str = "dlr=%d&answer=%A";

/// `account` in Kannel's log; one that is longer is refused.
const ACCOUNT_LENGTH_MAX: usize = 64;

/// How smsbox's answers begin, and what they mean. 403 is not all credentials.
static ANSWERS: &[(&str, Verdict, &str)] = &[
    (
        "Authorization failed",
        Verdict::Credentials,
        "authorization-failed",
    ),
    ("Not routable", Verdict::Provider, "not-routable"),
    (
        "Number(s) has/have been denied",
        Verdict::Provider,
        "denied-by-list",
    ),
    ("Sender missing", Verdict::Provider, "sender-missing"),
    ("Missing receiver", Verdict::Provider, "missing-receiver"),
    ("Empty receiver", Verdict::Provider, "empty-receiver"),
    ("Account field", Verdict::Provider, "account-field"),
    ("DLR-URL field", Verdict::Provider, "dlr-url-field"),
    ("DLR-Mask field", Verdict::Provider, "dlr-mask-field"),
    ("Coding field", Verdict::Provider, "coding-field"),
    ("Validity field", Verdict::Provider, "validity-field"),
    ("Charset or body", Verdict::Provider, "charset-or-body"),
    ("Temporal failure", Verdict::Now, "temporal-failure"),
];

struct Kannel {
    capabilities: Capabilities,
    url: String,
    username: Arc<str>,
    password: Secret,
    sender: Option<Arc<str>>,
    smsc: Option<Arc<str>>,
    clock: Clock,
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    let url = checked_url("url", values.required_url("url")?.clone())?;
    Ok(Arc::new(Kannel {
        capabilities: Capabilities {
            receipts_signed: false,
            // A 204 is an error to it, and a reason to call again.
            receipt_answer: "received",
            text_characters_max: TEXT_CHARACTERS_MAX,
            ..Capabilities::new(given.channels, given.receipts)
        },
        url: url.to_string(),
        username: Arc::clone(values.required_text("username")?),
        password: values.required_secret("password")?.clone(),
        sender: values.text("sender").cloned(),
        smsc: values.text("smsc").cloned(),
        clock: given.clock.clone(),
    }))
}

/// A URL as the template that Kannel takes it for.
fn report_url(receipt_url: &str) -> String {
    marked(&receipt_url.replace('%', "%%"), REPORT)
}

impl Provider for Kannel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(RequestError::Channel);
        }
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let mut query = form_urlencoded::Serializer::new(String::with_capacity(768));
        query.append_pair("username", &self.username);
        query.append_pair("password", self.password.expose());
        query.append_pair("to", message.to.expose());
        if let Some(sender) = message.sender.as_ref().or(self.sender.as_ref()) {
            query.append_pair("from", sender);
        }
        query.append_pair("text", &message.text);
        query.append_pair("charset", "UTF-8");
        let coding = if gsm7::fits(&message.text) { "0" } else { "2" };
        query.append_pair("coding", coding);
        query.append_pair("validity", &whole_minutes(message).to_string());
        if message.reference.len() <= ACCOUNT_LENGTH_MAX {
            query.append_pair("account", &message.reference);
        }
        if let Some(smsc) = &self.smsc {
            query.append_pair("smsc", smsc);
        }
        if let Some(receipt_url) = &message.receipt_url {
            let mask = DELIVERED | UNDELIVERED | REJECTED;
            query.append_pair("dlr-mask", &mask.to_string());
            query.append_pair("dlr-url", &report_url(receipt_url));
        }
        let url: Uri = marked(&self.url, &query.finish())
            .parse()
            .map_err(|_| RequestError::Malformed)?;
        Request::get(url)
            .body(Bytes::new())
            .map_err(|_| RequestError::Malformed)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer = String::from_utf8_lossy(&response.body);
        let answer = answer.trim_start();
        let now_ms = self.clock.now_ms();
        if response.status.is_success() {
            // `Sent.` is what old ones say.
            let was_taken = ["0:", "3:", "Sent."]
                .iter()
                .any(|word| answer.starts_with(word));
            return was_taken
                .then_some(Submitted { message_id: None })
                .ok_or(SubmitError::Unknown { code: None });
        }
        let row = ANSWERS
            .iter()
            .find(|(begins, ..)| answer.starts_with(begins));
        let verdict = row.map(|(_, verdict, _)| *verdict);
        let code = row.and_then(|(_, _, code)| ProviderCode::new(code));
        Err(refusal(verdict, code, response, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let query = callback.url.split_once('?').map_or("", |(_, query)| query);
        let mut state = None;
        let mut answer = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "dlr" => state = value.parse::<u8>().ok(),
                "answer" => answer = Some(value),
                _ => {}
            }
        }
        let status = match state {
            Some(DELIVERED) => ReceiptStatus::Delivered,
            Some(UNDELIVERED | REJECTED) => ReceiptStatus::Undelivered,
            Some(BUFFERED | SUBMITTED) => ReceiptStatus::Sent,
            Some(_) | None => return Err(ReceiptError::Malformed),
        };
        let code = match status {
            ReceiptStatus::Undelivered => answer.and_then(|answer| code_in(&answer)),
            ReceiptStatus::Delivered | ReceiptStatus::Sent => None,
        };
        Ok(vec![DeliveryReceipt {
            // The URL that was called names the message.
            message_id: None,
            status,
            code,
            at_ms: None,
            // The codes are each network's own: none of them speaks for others.
            is_final_for_number: false,
        }])
    }
}

/// How long Kannel and the network may try, in minutes as it counts. It takes no
/// less than one.
fn whole_minutes(message: &Message) -> u64 {
    (message.validity_period.as_secs() / 60).max(1)
}

/// The state and error in what the SMSC said: `stat:UNDELIV err:001` of a report,
/// or the number in `NACK/11/…` of a refusal.
fn code_in(answer: &str) -> Option<ProviderCode> {
    if let Some(refusal) = answer.strip_prefix("NACK/") {
        let number = refusal.split('/').next().unwrap_or_default();
        return ProviderCode::new(&format!("nack-{number}"));
    }
    let word = |name: &str| {
        answer
            .split_whitespace()
            .find_map(|part| part.strip_prefix(name))
    };
    let stat = word("stat:")?;
    let text = match word("err:") {
        Some(error) => format!("{stat}-{error}"),
        None => stat.to_owned(),
    };
    ProviderCode::new(&text)
}
