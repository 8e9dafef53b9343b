//! AWS End User Messaging: SMS and calls by signed JSON requests, events by way
//! of an SNS topic.

pub(crate) mod credentials;
mod errors;
mod events;
mod speech;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::{Deserialize, Serialize};

pub(crate) use self::credentials::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, SESSION_TOKEN};
use self::errors::ERRORS;
use self::events::Events;
use crate::answer::{Scalar, is_longer_than, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_text};
use crate::request::post;
use crate::signature::{AwsSigner, SnsTopic};
use crate::verdict::refusal;
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Feedback, Message, Provider,
    ProviderCode, ReceiptError, Receipts, RequestError, Response, SubmitError, Submitted,
};

const TEXT_CHARACTERS_MAX: usize = 1600;

/// AWS takes from 5 seconds to 3 days.
const VALIDITY_PERIOD_S: std::ops::RangeInclusive<u64> = 5..=259_200;

/// AWS End User Messaging.
pub static KIND: Kind = Kind {
    name: "aws",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::MessageId, Receipts::None],
    is_simulated: false,
    senders: &["sender", "pool"],
    settings: &[
        REGION,
        ACCESS_KEY_ID,
        SECRET_ACCESS_KEY,
        SESSION_TOKEN,
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "pool",
            form: Form::Text(any_text),
            required: None,
            about: "the id or ARN of a pool, which picks a sender itself, in place of `sender`",
        },
        Setting {
            key: "caller",
            form: Form::Text(any_text),
            required: None,
            about: "the number, or the id or ARN of one, that calls come from; needed for `voice`",
        },
        Setting {
            key: "configuration_set",
            form: Form::Text(any_text),
            required: None,
            about: "the set whose event destination is `topic_arn`; needed for receipts",
        },
        Setting {
            key: "topic_arn",
            form: Form::Text(topic_arn),
            required: None,
            about: "the SNS topic that events come from; needed for receipts",
        },
        Setting {
            key: "sns_url",
            form: Form::Url { default: None },
            required: None,
            about: "in place of SNS's own address in the topic's region, for a VPC endpoint: where its certificate is fetched and a subscription confirmed; https alone",
        },
        Setting {
            key: "feedback",
            form: Form::Flag,
            required: None,
            about: "reports to AWS which codes were used",
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
    AwsProvider::new(given).map(|provider| Arc::new(provider) as _)
}

fn topic_arn(text: &str) -> Result<(), &'static str> {
    SnsTopic::new(text)
        .map(drop)
        .ok_or("must be arn:aws:sns:REGION:ACCOUNT:NAME")
}

/// SMS and calls by way of AWS End User Messaging.
pub struct AwsProvider {
    capabilities: Capabilities,
    url: Uri,
    signer: AwsSigner,
    /// A sender, or a pool of them.
    origination: Option<Arc<str>>,
    caller: Option<Arc<str>>,
    configuration_set: Option<Arc<str>>,
    events: Option<Events>,
    clock: Clock,
}

impl fmt::Debug for AwsProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AwsProvider")
    }
}

impl AwsProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let needed = |key, fix| ConnectError::setting(key, fix);
        let events = Events::new(values)?;
        let configuration_set = values.text("configuration_set").cloned();
        if given.receipts != Receipts::None {
            if events.is_none() {
                return Err(needed(
                    "topic_arn",
                    "needed for receipts, or set receipts = \"none\"",
                ));
            }
            if configuration_set.is_none() {
                return Err(needed("configuration_set", "needed for receipts"));
            }
        }
        let caller = values.text("caller").cloned();
        if given.channels.contains(&Channel::Voice) && caller.is_none() {
            return Err(needed("caller", "needed for voice"));
        }
        let origination = match (values.text("sender"), values.text("pool")) {
            (Some(_), Some(_)) => {
                return Err(needed("pool", "set either sender or pool, not both"));
            }
            (sender, pool) => sender.or(pool).cloned(),
        };
        Ok(Self {
            capabilities: Capabilities {
                feedback: values.flag("feedback"),
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            url: credentials::endpoint(given, "sms-voice")?,
            signer: credentials::signer(given, "sms-voice")?,
            origination,
            caller,
            configuration_set,
            events,
            clock: given.clock.clone(),
        })
    }

    fn signed(
        &self,
        action: &'static str,
        body: &impl Serialize,
    ) -> Result<Request<Bytes>, RequestError> {
        let body = serde_json::to_vec(body).map_err(|_| RequestError::Malformed)?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.0"),
        );
        let target = format!("PinpointSMSVoiceV2.{action}");
        let target = HeaderValue::try_from(target).map_err(|_| RequestError::Malformed)?;
        headers.insert("x-amz-target", target);
        headers.insert(header::HOST, credentials::host(&self.url)?);
        let now_ms = self.clock.now_ms();
        self.signer
            .sign(&Method::POST, &mut headers, &body, now_ms)?;
        Ok(post(&self.url, headers, body.into()))
    }

    fn sms(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let sender = message.sender.as_ref().or(self.origination.as_ref());
        let text = Text {
            origination_identity: sender.ok_or(RequestError::SenderMissing)?,
            message_body: &message.text,
            message_type: "TRANSACTIONAL",
            common: self.common(message),
        };
        self.signed("SendTextMessage", &text)
    }

    fn call(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        let caller = message.sender.as_deref().or(self.caller.as_deref());
        let texts = message.call.as_deref();
        let language = texts.map_or(&*message.locale, |texts| &*texts.language);
        let call = Call {
            origination_identity: caller.ok_or(RequestError::SenderMissing)?,
            message_body: speech::ssml(message)?,
            message_body_text_type: "SSML",
            // Read by another language's voice, nobody would understand the digits.
            voice_id: speech::voice(language).ok_or(RequestError::Malformed)?,
            common: self.common(message),
        };
        self.signed("SendVoiceMessage", &call)
    }

    fn common<'a>(&'a self, message: &'a Message) -> Common<'a> {
        let validity_s = message.validity_period.as_secs();
        Common {
            destination_phone_number: message.to.expose(),
            configuration_set_name: self.configuration_set.as_deref(),
            time_to_live: validity_s.clamp(*VALIDITY_PERIOD_S.start(), *VALIDITY_PERIOD_S.end()),
            context: Context {
                reference: &message.reference,
            },
            message_feedback_enabled: self.capabilities.feedback,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    origination_identity: &'a str,
    message_body: &'a str,
    message_type: &'static str,
    #[serde(flatten)]
    common: Common<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Call<'a> {
    origination_identity: &'a str,
    message_body: String,
    message_body_text_type: &'static str,
    voice_id: &'static str,
    #[serde(flatten)]
    common: Common<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Common<'a> {
    destination_phone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
    time_to_live: u64,
    context: Context<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    message_feedback_enabled: bool,
}

/// Comes back in every event, for whoever reads them besides us.
#[derive(Serialize)]
struct Context<'a> {
    reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MessageFeedback<'a> {
    message_id: &'a str,
    message_feedback_status: &'static str,
}

/// All that is ever read from an answer: of a message, or of an exception.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow, rename = "MessageId")]
    message_id: Option<Scalar<'a>>,
    #[serde(rename = "__type")]
    exception: Option<Scalar<'a>>,
    #[serde(rename = "Reason")]
    reason: Option<Scalar<'a>>,
}

impl Provider for AwsProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match message.channel {
            Channel::Sms => self.sms(message),
            Channel::Voice => self.call(message),
        }
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return submitted(answer.message_id.as_ref());
        }
        let exception = answer.exception.as_ref().and_then(Scalar::text);
        // `com.amazonaws.…#ConflictException:http://…`: only the middle is its name.
        let exception = exception
            .and_then(|name| name.rsplit('#').next())
            .and_then(|name| name.split(':').next());
        let reason = answer.reason.as_ref().and_then(Scalar::text);
        let names = [reason, exception];
        let code = names
            .iter()
            .flatten()
            .find_map(|name| ProviderCode::new(name));
        let verdict = names.iter().flatten().find_map(|name| ERRORS.verdict(name));
        Err(refusal(verdict, code, response, self.clock.now_ms()))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let events = self.events.as_ref().ok_or(ReceiptError::NotExpected)?;
        events.certificate_url(callback)?;
        Err(ReceiptError::Unfetched)
    }

    fn document(&self, callback: &Callback<'_>) -> Option<Uri> {
        self.events.as_ref()?.certificate_url(callback).ok()
    }

    fn receipts_by(
        &self,
        callback: &Callback<'_>,
        document: &[u8],
    ) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let events = self.events.as_ref().ok_or(ReceiptError::NotExpected)?;
        events.receipts(callback, document)
    }

    fn confirmation(&self, callback: &Callback<'_>, document: &[u8]) -> Option<Uri> {
        self.events.as_ref()?.confirmation(callback, document)
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        if !self.capabilities.feedback {
            return None;
        }
        let status = if feedback.was_used {
            "RECEIVED"
        } else {
            "FAILED"
        };
        let feedback = MessageFeedback {
            message_id: feedback.message_id.as_str(),
            message_feedback_status: status,
        };
        self.signed("PutMessageFeedback", &feedback).ok()
    }
}
