//! Plays the recorded exchanges in `transcripts/` against the providers: what we
//! send, what comes back, and what dispatch is told. A file is one story.

mod served;
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;

pub(crate) use self::served::play_served;
use crate::kind::{Given, Make, Value, Values};
use crate::signature::{FormFields, TwilioKeys, WebhookKeys};
use crate::twilio::{TwilioProvider, TwilioSender, TwilioSettings};
use crate::verdict::Verdict;
use crate::webhook::{WebhookProvider, WebhookSettings};
use crate::{
    CallTexts, Callback, Channel, Clock, DeliveryReceipt, Extension, Message, MessageId,
    PhoneNumber, Provider, ProviderCode, ReceiptError, Receipts, RefusalScope, Response, Secret,
    SubmitError, Submitted,
};

/// When all of it happens: 2023-11-14T22:13:20Z.
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TWILIO_TOKEN: &str = "12345";
pub(crate) const RECEIPT_URL: &str = "https://otp.example.com/v1/receipts/hook-a/ref_1?x=y";

/// The message of every story, unless the story changes it.
pub(crate) fn message() -> Message {
    Message {
        reference: "att_07c1e0".into(),
        tenant: "acme".into(),
        to: PhoneNumber::from_e164("+14155550123", 1).unwrap(),
        extension: None,
        channel: Channel::Sms,
        text: "428519 is your code & nobody's else – Zoë".into(),
        speech: None,
        call: None,
        call_url: None,
        sender: None,
        locale: "en".into(),
        expires_at_ms: NOW_MS + 600_000,
        validity_period: Duration::from_secs(540),
        receipt_url: Some(RECEIPT_URL.into()),
    }
}

/// A call in its place, which asks there what to say.
pub(crate) fn call(texts: impl Into<Arc<CallTexts>>, call_url: &str) -> Message {
    Message {
        channel: Channel::Voice,
        call: Some(texts.into()),
        call_url: Some(call_url.into()),
        ..message()
    }
}

pub(crate) fn webhook(url: &str) -> WebhookProvider {
    let settings = WebhookSettings {
        url: url.parse().unwrap(),
        secrets: vec![WEBHOOK_SECRET.into()],
        channels: vec![Channel::Sms, Channel::Voice],
        receipts: Receipts::Reference,
        sender: Some("ACME".into()),
    };
    WebhookProvider::new(settings, clock()).unwrap()
}

pub(crate) fn twilio() -> TwilioProvider {
    TwilioProvider::new(twilio_settings(), clock()).unwrap()
}

pub(crate) fn twilio_settings() -> TwilioSettings {
    TwilioSettings {
        channels: vec![Channel::Sms, Channel::Voice],
        caller: Some("+15017122661".into()),
        detects_machines: false,
        account_sid: "AC00000000000000000000000000000001".into(),
        auth_tokens: vec![TWILIO_TOKEN.into()],
        api_key: None,
        sender: Some(TwilioSender::MessagingService(
            "MG0000000000000000000000000000000a".into(),
        )),
        base_url: TwilioSettings::BASE_URL.parse().unwrap(),
        receipts: Receipts::Reference,
        feedback: false,
    }
}

pub(crate) fn clock() -> Clock {
    Clock::from_fn(|| NOW_MS)
}

/// Makes a provider of these settings, for all of its kind's channels.
pub(crate) fn given<P>(
    values: &Values,
    channels: &[Channel],
    receipts: Receipts,
    make: impl FnOnce(&Given<'_>) -> P,
) -> P {
    make(&Given {
        id: "played",
        channels,
        receipts,
        values,
        clock: &clock(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transcript {
    story: String,
    #[serde(default)]
    message: Changes,
    request: Option<ExpectedRequest>,
    request_error: Option<String>,
    response: Option<GivenResponse>,
    outcome: Option<String>,
    callback: Option<GivenCallback>,
    receipt: Option<String>,
}

/// What is different about the message of this story.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    channel: Option<Channel>,
    extension: Option<String>,
    text: Option<String>,
    text_repeated: Option<usize>,
    speech: Option<String>,
    sender: Option<String>,
    reference: Option<String>,
    validity_s: Option<u64>,
    #[serde(default)]
    no_receipt_url: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRequest {
    /// `POST` unless it says otherwise.
    method: Option<String>,
    url: String,
    headers: BTreeMap<String, String>,
    json: Option<serde_json::Value>,
    form: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenResponse {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(flatten)]
    body: Body,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenCallback {
    /// Of a `GET`: what the provider adds to the URL.
    query: Option<String>,
    /// Signed with this instead of the secret we share.
    secret: Option<String>,
    #[serde(flatten)]
    body: Body,
}

#[derive(Deserialize)]
enum Body {
    #[serde(rename = "body")]
    Text(String),
    #[serde(rename = "body_base64")]
    Base64(String),
    #[serde(rename = "json")]
    Json(serde_json::Value),
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(encoded) => STANDARD.decode(encoded).unwrap(),
            Self::Json(value) => value.to_string().into_bytes(),
        }
    }
}

impl Changes {
    fn apply(self) -> Message {
        let mut message = message();
        if let Some(channel) = self.channel {
            message.channel = channel;
        }
        let extension = self.extension.as_deref();
        message.extension = extension.map(|digits| Extension::parse(digits).unwrap());
        if let Some(text) = self.text {
            message.text = text.repeat(self.text_repeated.unwrap_or(1)).into();
        }
        if let Some(reference) = self.reference {
            message.reference = reference.into();
        }
        if let Some(validity_s) = self.validity_s {
            message.validity_period = Duration::from_secs(validity_s);
        }
        if self.no_receipt_url {
            message.receipt_url = None;
        }
        message.speech = self.speech.map(Into::into);
        message.sender = self.sender.map(Into::into);
        message
    }
}

/// Every file of a folder, by its name.
fn all(kind: &str) -> Vec<(String, Transcript)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(kind);
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let transcript =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        (file, transcript)
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

/// Plays every file of a folder; `sign` plays the provider that signs a callback.
pub(crate) fn play(kind: &str, provider: &dyn Provider, sign: impl Fn(&str, &[u8]) -> HeaderMap) {
    let mut played = 0;
    for (file, transcript) in all(kind) {
        let story = format!("{file}: {}", transcript.story);

        let request = provider.request(&transcript.message.apply());
        match (&transcript.request, &transcript.request_error) {
            (Some(expected), None) => check_request(&request.unwrap(), expected, &story),
            (None, Some(expected)) => {
                assert_eq!(format!("{:?}", request.unwrap_err()), *expected, "{story}");
            }
            (None, None) => assert!(request.is_ok(), "{story}"),
            (Some(_), Some(_)) => panic!("{story}: a request and an error"),
        }
        if let Some(response) = &transcript.response {
            let outcome = outcome_words(&provider.classify(&response.given()));
            assert_eq!(Some(outcome), transcript.outcome, "{story}");
        }
        if let Some(callback) = &transcript.callback {
            let body = callback.body.bytes();
            let secret = callback.secret.as_deref().unwrap_or_default();
            let headers = sign(secret, &body);
            let query = callback.query.as_deref();
            let url = query.map(|query| format!("{RECEIPT_URL}&{query}"));
            let receipts = provider.receipts(&Callback {
                method: &query.map_or(Method::POST, |_| Method::GET),
                url: url.as_deref().unwrap_or(RECEIPT_URL),
                headers: &headers,
                body: &body,
                now_ms: NOW_MS,
            });
            assert_eq!(Some(receipt_words(receipts)), transcript.receipt, "{story}");
        }
        played += 1;
    }
    assert!(played > 5, "only {played} stories of {kind} were found");
}

impl GivenResponse {
    fn given(&self) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        Response {
            status: StatusCode::from_u16(self.status).unwrap(),
            headers,
            body: self.body.bytes().into(),
        }
    }
}

fn check_request(request: &http::Request<bytes::Bytes>, expected: &ExpectedRequest, story: &str) {
    let method = expected.method.as_deref().unwrap_or("POST");
    assert_eq!(request.method(), method, "{story}");
    assert_eq!(request.uri().to_string(), expected.url, "{story}");
    let sent: BTreeMap<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(sent, expected.headers, "{story}");
    if let Some(expected) = &expected.json {
        let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(sent, *expected, "{story}");
    }
    if let Some(expected) = &expected.form {
        let sent: BTreeMap<_, _> = form_urlencoded::parse(request.body())
            .into_owned()
            .collect();
        assert_eq!(sent, *expected, "{story}");
    }
}

fn with_code(words: &str, code: Option<&ProviderCode>) -> String {
    code.map_or_else(|| words.to_owned(), |code| format!("{words}, code {code}"))
}

pub(crate) fn outcome_words(outcome: &Result<Submitted, SubmitError>) -> String {
    let words = match outcome {
        Ok(submitted) => {
            let id = submitted.message_id.as_ref().and_then(MessageId::code);
            return id.map_or("submitted".to_owned(), |id| format!("submitted as {id}"));
        }
        Err(SubmitError::Throttled { retry_after }) => {
            return retry_after.map_or("throttled".to_owned(), |wait| {
                format!("throttled for {} s", wait.as_secs())
            });
        }
        Err(SubmitError::Refused { scope, .. }) => match scope {
            RefusalScope::Number => "refused for the number",
            RefusalScope::Provider => "refused for this provider",
            RefusalScope::Now => "refused for now",
        },
        Err(SubmitError::Fraud { .. }) => "refused as fraud",
        Err(SubmitError::Credentials { .. }) => "credentials refused",
        Err(SubmitError::Unknown { .. }) => "unknown",
        Err(SubmitError::Unreachable | SubmitError::Shed) => panic!("no answer means this"),
    };
    with_code(words, outcome.as_ref().err().and_then(SubmitError::code))
}

/// The words of a row of an error table, as [`outcome_words`] says them.
pub(crate) fn verdict_words(verdict: Verdict, code: impl Display) -> String {
    let words = match verdict {
        Verdict::Number => "refused for the number",
        Verdict::Provider => "refused for this provider",
        Verdict::Now => "refused for now",
        Verdict::Fraud => "refused as fraud",
        Verdict::Throttled => return "throttled".to_owned(),
        Verdict::Credentials => "credentials refused",
        Verdict::Unknown => "unknown",
    };
    format!("{words}, code {code}")
}

fn receipt_words(receipts: Result<Vec<DeliveryReceipt>, ReceiptError>) -> String {
    match receipts.as_deref() {
        Ok([receipt]) => {
            let mut words = with_code(receipt.status.as_str(), receipt.code.as_ref());
            if let Some(id) = receipt.message_id.as_ref().and_then(MessageId::code) {
                words += &format!(", message {id}");
            }
            if let Some(at_ms) = receipt.at_ms {
                words += &format!(", at {at_ms}");
            }
            if receipt.is_final_for_number {
                words += ", final for the number";
            }
            words
        }
        Ok(several) => panic!("{} receipts in one callback", several.len()),
        Err(error) => format!("{error:?}"),
    }
}
