//! Vonage: its SMS API, a form out and signed parameters back; its Voice API,
//! JSON under a token of our application out and signed events back.

mod errors;
mod sms;
#[cfg(test)]
mod tests;
mod voice;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use serde::Deserialize;

use self::errors::SUBMISSION;
use self::voice::Calling;
use crate::answer::{Scalar, parse_object};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret, any_text};
use crate::registry::checked_url;
use crate::request::{post, url_below};
use crate::signature::{
    Parameters, SecretError, VonageJwtKeys, VonageSigKeys, VonageSigMethod, WebhookClaims,
};
use crate::speech::caller;
use crate::verdict::{Verdict, by_status};
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Feedback, Message, Provider, ReceiptError, Receipts, RequestError, Response,
    Secret, SubmitError, Submitted,
};

/// Vonage.
pub static KIND: Kind = Kind {
    name: "vonage",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender"],
    settings: &[
        Setting {
            key: "api_key",
            form: Form::Text(api_key),
            required: Some("\"abcd1234\""),
            about: "the account's API key",
        },
        Setting {
            key: "api_secret",
            form: Form::Secret {
                file: "api_secret_file",
            },
            required: None,
            about: "submits SMS; without it they are signed with the signature secret",
        },
        Setting {
            key: "signature_secret",
            form: Form::Secrets {
                list: "signature_secrets",
                file: "signature_secret_file",
                fits: any_secret,
            },
            required: Some("the account's signature secret"),
            about: "one of them; all of them verify callbacks",
        },
        Setting {
            key: "signature_method",
            form: Form::Choice(VonageSigMethod::WORDS),
            required: None,
            about: "what the account is set to, one of `md5hash`, `md5`, `sha1`, `sha256`, `sha512`; better one of the last two",
        },
        Setting {
            key: "application_id",
            form: Form::Text(any_text),
            required: None,
            about: "the application that calls; only with `voice`, and needed there",
        },
        Setting {
            key: "private_key",
            form: Form::Secret {
                file: "private_key_file",
            },
            required: None,
            about: "the application's RSA key in PEM; only with `voice`, and needed there",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "who an SMS is from; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "caller",
            form: Form::Text(caller),
            required: None,
            about: "a number of the account that calls come from, in E.164; a tenant's `voice_sender` goes before it. Without either, Vonage picks one",
        },
        Setting {
            key: "machine_detection",
            form: Form::Choice(&["off", "on"]),
            required: None,
            about: "`\"on\"`: Vonage listens whether a machine answers, and hangs up on it",
        },
        Setting {
            key: "entity_id",
            form: Form::Text(any_text),
            required: None,
            about: "the principal entity that is registered for texts to India",
        },
        Setting {
            key: "content_id",
            form: Form::Text(any_text),
            required: None,
            about: "the template that is registered for texts to India",
        },
        Setting {
            key: "feedback",
            form: Form::Flag,
            required: None,
            about: "reports to Vonage which codes were used; Vonage has to enable it",
        },
        Setting {
            key: "sms_url",
            form: Form::Url {
                default: Some("https://rest.nexmo.com"),
            },
            required: None,
            about: "where SMS are submitted",
        },
        Setting {
            key: "api_url",
            form: Form::Url {
                default: Some("https://api.nexmo.com"),
            },
            required: None,
            about: "where calls and feedback go; the host of your region",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

/// SMS and calls by way of Vonage.
pub struct VonageProvider {
    capabilities: Capabilities,
    sms_url: Uri,
    conversions_url: Uri,
    api_key: Arc<str>,
    api_secret: Option<Secret>,
    sig_keys: VonageSigKeys,
    jwt_keys: VonageJwtKeys,
    sender: Option<Arc<str>>,
    entity_id: Option<Arc<str>>,
    content_id: Option<Arc<str>>,
    calling: Option<Calling>,
    clock: Clock,
}

impl fmt::Debug for VonageProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VonageProvider")
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    VonageProvider::new(given).map(|provider| Arc::new(provider) as _)
}

fn api_key(text: &str) -> Result<(), &'static str> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(()).ok_or("must be letters and digits")
}

impl VonageProvider {
    fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let secrets = values.secrets("signature_secret");
        let method = values.text("signature_method");
        let method = method.and_then(|word| VonageSigMethod::from_word(word));
        let no_secret = |error: SecretError| error.of("signature_secret");
        let feedback = values.flag("feedback");
        // A signed request has a `timestamp` of its own, in another form.
        if feedback && !values.has("api_secret") {
            let fix = "needs api_secret or api_secret_file beside it";
            return Err(ConnectError::setting("feedback", fix));
        }
        let api_url = checked_url("api_url", values.required_url("api_url")?.clone())?;
        let sms_url = checked_url("sms_url", values.required_url("sms_url")?.clone())?;
        let calling = if given.channels.contains(&Channel::Voice) {
            Some(Calling::new(given, &api_url)?)
        } else {
            None
        };
        Ok(Self {
            capabilities: Capabilities {
                calls: Calls::Asked,
                dials_extensions: true,
                feedback,
                text_characters_max: sms::TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            sms_url: url_below("sms_url", &sms_url, "/sms/json")?,
            conversions_url: url_below("api_url", &api_url, "/conversions/sms")?,
            api_key: Arc::clone(values.required_text("api_key")?),
            api_secret: values.secret("api_secret").cloned(),
            sig_keys: VonageSigKeys::new(method.unwrap_or(VonageSigMethod::Md5Hash), secrets)
                .map_err(no_secret)?,
            jwt_keys: VonageJwtKeys::new(secrets).map_err(no_secret)?,
            sender: values.text("sender").cloned(),
            entity_id: values.text("entity_id").cloned(),
            content_id: values.text("content_id").cloned(),
            calling,
            clock: given.clock.clone(),
        })
    }

    /// A form that proves it is ours: by the account's secret, or a signature.
    fn post_form(&self, url: &Uri, mut parameters: Parameters) -> Request<Bytes> {
        parameters.insert("api_key".into(), (*self.api_key).to_owned());
        if self.api_secret.is_none() {
            self.sig_keys.sign(&mut parameters, self.clock.now_ms());
        }
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
        form.extend_pairs(&parameters);
        if let Some(secret) = &self.api_secret {
            form.append_pair("api_secret", secret.expose());
        }
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        post(url, headers, form.finish().into())
    }

    /// Believes a signed webhook, if it is for this account and application.
    fn believe(&self, callback: &Callback<'_>) -> Result<WebhookClaims, ReceiptError> {
        let claims = self
            .jwt_keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        let application = self
            .calling
            .as_ref()
            .map(|calling| &*calling.application_id);
        let is_other = |claimed: &Option<String>, ours: Option<&str>| matches!((claimed.as_deref(), ours), (Some(claimed), Some(ours)) if claimed != ours);
        if is_other(&claims.api_key, Some(&self.api_key))
            || is_other(&claims.application_id, application)
        {
            return Err(ReceiptError::Signature);
        }
        Ok(claims)
    }
}

/// All that is ever read from an answer: of an SMS, of a call, or of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    messages: Vec<Part<'a>>,
    uuid: Option<Scalar<'a>>,
}

/// One part of a text, submitted or not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    status: Option<Scalar<'a>>,
    #[serde(rename = "message-id")]
    message_id: Option<Scalar<'a>>,
}

impl Part<'_> {
    fn was_taken(&self) -> bool {
        self.status.as_ref().and_then(Scalar::number) == Some(0)
    }
}

impl Provider for VonageProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match (message.channel, &self.calling) {
            (Channel::Sms, _) if self.capabilities.channels.contains(&Channel::Sms) => {
                self.sms(message)
            }
            (Channel::Voice, Some(calling)) => calling.request(message, self.clock.now_ms()),
            (Channel::Sms, _) | (Channel::Voice, None) => Err(RequestError::Channel),
        }
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        let now_ms = self.clock.now_ms();
        if !response.status.is_success() {
            return Err(by_status(response, None, now_ms));
        }
        let refused = answer.messages.iter().find(|part| !part.was_taken());
        let taken = answer.messages.iter().find(|part| part.was_taken());
        match (taken, refused, &answer.uuid) {
            (Some(part), None, _) => Ok(Submitted {
                message_id: part.message_id.as_ref().and_then(Scalar::message_id),
            }),
            (taken, Some(part), _) => {
                let code = part.status.as_ref().and_then(Scalar::code);
                let known = code
                    .as_ref()
                    .and_then(|code| SUBMISSION.verdict(code.as_str()));
                let verdict = match (taken, &code) {
                    (None, Some(_)) => known.unwrap_or(Verdict::Provider),
                    // Some parts may have gone all the same, or it does not say.
                    (Some(_), _) | (None, None) => Verdict::Unknown,
                };
                Err(verdict.into_error(code, response, now_ms))
            }
            (None, None, Some(uuid)) => Ok(Submitted {
                message_id: uuid.message_id(),
            }),
            // Something answered 200, but not in the way Vonage does.
            (None, None, None) => Err(SubmitError::Unknown { code: None }),
        }
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let receipt = if callback.headers.contains_key(header::AUTHORIZATION) {
            self.believe(callback)?;
            voice::receipt(callback.body)?
        } else {
            self.sms_receipt(callback)?
        };
        Ok(vec![receipt])
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        self.believe(callback)?;
        voice::event(callback.body)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        voice::document(turn)
    }

    fn feedback(&self, feedback: &Feedback<'_>) -> Option<Request<Bytes>> {
        match feedback.channel {
            Channel::Sms if self.capabilities.feedback => {}
            // Vonage documents the voice half for the calls of an older API alone.
            Channel::Sms | Channel::Voice => return None,
        }
        self.conversion(feedback)
    }
}
