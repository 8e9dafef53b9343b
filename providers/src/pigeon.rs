//! Pigeon Post, which does not exist: SMS by a JSON post, receipts signed as
//! Standard Webhooks describes.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use serde::{Deserialize, Serialize};

use crate::answer::{Scalar, is_longer_than, parse_object};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::registry::checked_url;
use crate::signature::WebhookKeys;
use crate::verdict::{ErrorTable, Verdict, by_status};
use crate::{
    Callback, Capabilities, Channel, Clock, DeliveryReceipt, Message, Provider, ReceiptError,
    ReceiptStatus, Receipts, RequestError, Response, Secret, SubmitError, Submitted,
};

/// Pigeon Post.
pub static KIND: Kind = Kind {
    name: "pigeon",
    channels: &[Channel::Sms],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        Setting {
            key: "loft",
            form: Form::Text(loft),
            required: Some("\"loft-7\""),
            about: "the loft that your contract names",
        },
        Setting {
            key: "secret",
            form: Form::Secrets {
                list: "secrets",
                file: "secret_file",
                fits: any_secret,
            },
            required: Some("the secret of your loft"),
            about: "one of them; the first authenticates, all of them verify receipts",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some("https://api.pigeon.example"),
            },
            required: None,
            about: "for tests",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn loft(text: &str) -> Result<(), &'static str> {
    let digits = text.strip_prefix("loft-").unwrap_or_default();
    let fits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(()).ok_or("must be loft- and a number")
}

/// What Pigeon Post's error codes mean. Those that are not here say no more than
/// the HTTP status does.
static ERRORS: ErrorTable = ErrorTable(&[
    (Verdict::Number, &["no_such_roof"]),
    (Verdict::Provider, &["no_pigeon_for_country"]),
    (Verdict::Now, &["storm"]),
    (Verdict::Fraud, &["hawk"]),
]);

/// In characters: a pigeon carries no more.
const TEXT_CHARACTERS_MAX: usize = 320;

struct Pigeon {
    capabilities: Capabilities,
    url: Uri,
    authorization: HeaderValue,
    keys: WebhookKeys,
    clock: Clock,
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    let loft = values.required_text("loft")?;
    let base_url = checked_url("base_url", values.required_url("base_url")?.clone())?;
    let url = format!("{base_url}lofts/{loft}/messages")
        .parse()
        .map_err(|_| ConnectError::setting("base_url", "must be a URL"))?;
    let secrets = values.secrets("secret");
    Ok(Arc::new(Pigeon {
        capabilities: Capabilities {
            text_characters_max: TEXT_CHARACTERS_MAX,
            ..Capabilities::new(given.channels, given.receipts)
        },
        url,
        authorization: authorization(secrets)?,
        keys: WebhookKeys::new(secrets).map_err(|error| error.of("secret"))?,
        clock: given.clock.clone(),
    }))
}

fn authorization(secrets: &[Secret]) -> Result<HeaderValue, ConnectError> {
    let secret = secrets.first().map_or("", Secret::expose);
    let mut header = HeaderValue::try_from(format!("Bearer {secret}"))
        .map_err(|_| ConnectError::setting("secret", "must be visible ASCII"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[derive(Serialize)]
struct Letter<'a> {
    /// Pigeon Post sends a letter of the same name once.
    id: &'a str,
    to: &'a str,
    text: &'a str,
    valid_s: u64,
    report_to: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Scalar<'a>>,
    error: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    state: Scalar<'a>,
    #[serde(borrow, default)]
    why: Option<Scalar<'a>>,
}

impl Provider for Pigeon {
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
        let letter = Letter {
            id: &message.reference,
            to: message.to.expose(),
            text: &message.text,
            // When the code is useless, the network need not try any more.
            valid_s: message.validity_period.as_secs(),
            report_to: message.receipt_url.as_deref(),
        };
        let body = serde_json::to_vec(&letter).map_err(|_| RequestError::Malformed)?;
        Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .map_err(|_| RequestError::Malformed)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            let message_id = answer.id.as_ref().and_then(Scalar::message_id);
            return Ok(Submitted { message_id });
        }
        let error = answer.error.as_ref();
        let code = error.and_then(Scalar::code);
        let verdict = error
            .and_then(Scalar::text)
            .and_then(|code| ERRORS.verdict(code));
        let now_ms = self.clock.now_ms();
        Err(match verdict {
            Some(verdict) if response.status.is_client_error() => {
                verdict.into_error(code, response, now_ms)
            }
            Some(_) | None => by_status(response, code, now_ms),
        })
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        // First of all: nothing that is not signed is read.
        self.keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        let report: Report<'_> = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
        let status = match report.state.text() {
            Some("landed") => ReceiptStatus::Delivered,
            Some("lost") => ReceiptStatus::Undelivered,
            Some("flying") => ReceiptStatus::Sent,
            Some(_) | None => return Err(ReceiptError::Malformed),
        };
        let why = report.why.as_ref();
        let verdict = why
            .and_then(Scalar::text)
            .and_then(|code| ERRORS.verdict(code));
        Ok(vec![DeliveryReceipt {
            // The URL that was called names the message.
            message_id: None,
            status,
            code: why.and_then(Scalar::code),
            at_ms: None,
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        }])
    }
}
