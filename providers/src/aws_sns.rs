//! Amazon SNS: a plain SMS by its Publish action. It has no validity period, no
//! callbacks and no feedback: [`crate::aws`] has them all.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::answer::is_longer_than;
use crate::aws::credentials;
use crate::aws::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, SESSION_TOKEN};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting};
use crate::request::post;
use crate::signature::AwsSigner;
use crate::verdict::{ErrorTable, Verdict, refusal};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, MessageId, Provider,
    ProviderCode, ReceiptError, Receipts, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// More elements than any answer has.
const EVENTS_MAX: usize = 64;

/// Codes of SNS, and of the front that all of AWS shares.
static ERRORS: ErrorTable = ErrorTable(&[
    (
        Verdict::Provider,
        &[
            "InvalidParameter",
            "ParameterValueInvalid",
            "ValidationError",
            "NotFound",
            "UserError",
        ],
    ),
    (Verdict::Now, &["ServiceUnavailable"]),
    (
        Verdict::Throttled,
        &[
            "Throttled",
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
        ],
    ),
    (
        Verdict::Credentials,
        &[
            "AuthorizationError",
            "AccessDenied",
            "InvalidSecurity",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "ExpiredToken",
            "MissingAuthenticationToken",
            "OptInRequired",
        ],
    ),
    (Verdict::Unknown, &["InternalError", "InternalFailure"]),
]);

/// Amazon SNS.
pub static KIND: Kind = Kind {
    name: "aws-sns",
    channels: &[Channel::Sms],
    receipts: &[Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        REGION,
        ACCESS_KEY_ID,
        SECRET_ACCESS_KEY,
        SESSION_TOKEN,
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows: an alphanumeric id, or a number of the account; without it AWS picks one",
        },
        Setting {
            key: "base_url",
            form: Form::Url { default: None },
            required: None,
            about: "in place of the region's own endpoint, for a VPC endpoint",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    SnsProvider::new(given).map(|provider| Arc::new(provider) as _)
}

/// SMS by way of Amazon SNS.
pub struct SnsProvider {
    capabilities: Capabilities,
    url: Uri,
    signer: AwsSigner,
    sender: Option<Arc<str>>,
    clock: Clock,
}

impl fmt::Debug for SnsProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SnsProvider")
    }
}

impl SnsProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        Ok(Self {
            capabilities: Capabilities {
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            url: credentials::endpoint(given, "sns")?,
            signer: credentials::signer(given, "sns")?,
            sender: given.values.text("sender").cloned(),
            clock: given.clock.clone(),
        })
    }

    fn form(&self, message: &Message) -> String {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
        form.append_pair("Action", "Publish");
        form.append_pair("Version", "2010-03-31");
        form.append_pair("PhoneNumber", message.to.expose());
        form.append_pair("Message", &message.text);
        let sender = message.sender.as_deref().or(self.sender.as_deref());
        let sender = sender.map(|sender| {
            let is_number = sender.starts_with('+');
            let name = if is_number {
                "AWS.MM.SMS.OriginationNumber"
            } else {
                "AWS.SNS.SMS.SenderID"
            };
            (name, sender)
        });
        let attributes = [Some(("AWS.SNS.SMS.SMSType", "Transactional")), sender];
        for ((name, value), position) in attributes.into_iter().flatten().zip(1..) {
            let entry = format!("MessageAttributes.entry.{position}");
            form.append_pair(&format!("{entry}.Name"), name);
            form.append_pair(&format!("{entry}.Value.DataType"), "String");
            form.append_pair(&format!("{entry}.Value.StringValue"), value);
        }
        form.finish()
    }
}

impl Provider for SnsProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match message.channel {
            Channel::Sms => {}
            Channel::Voice => return Err(RequestError::Channel),
        }
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let form = self.form(message);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(header::HOST, credentials::host(&self.url)?);
        let now_ms = self.clock.now_ms();
        self.signer
            .sign(&Method::POST, &mut headers, form.as_bytes(), now_ms)?;
        Ok(post(&self.url, headers, form.into()))
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        if response.status.is_success() {
            return match element(&response.body, b"MessageId") {
                Some(id) => Ok(Submitted {
                    message_id: MessageId::new(&id),
                }),
                // Something answered 200, but not in the way SNS does.
                None => Err(SubmitError::Unknown { code: None }),
            };
        }
        let name = element(&response.body, b"Code");
        let code = name.as_deref().and_then(ProviderCode::new);
        let verdict = name.and_then(|name| ERRORS.verdict(&name));
        Err(refusal(verdict, code, response, self.clock.now_ms()))
    }

    fn receipts(&self, _callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }
}

/// The text of the first element of this name, if that is all there is in it.
fn element(xml: &[u8], name: &[u8]) -> Option<String> {
    let mut reader = Reader::from_reader(xml);
    let mut is_inside = false;
    for _ in 0..EVENTS_MAX {
        let event = reader.read_event().ok()?;
        if let (Event::Text(text), true) = (&event, is_inside) {
            return String::from_utf8(text.to_vec()).ok();
        }
        if event == Event::Eof {
            return None;
        }
        is_inside = matches!(&event, Event::Start(start) if start.local_name().as_ref() == name);
    }
    None
}
