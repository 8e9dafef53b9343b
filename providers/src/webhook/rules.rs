//! What the answers and receipts of somebody else's API mean, by rules from the
//! configuration.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, StatusCode};
use serde_json::Value;

use super::signed_receipt;
use crate::kind::{ConnectError, Given, Values};
use crate::signature::WebhookKeys;
use crate::verdict::{Verdict, by_status};
use crate::{
    Callback, DeliveryReceipt, MessageId, ProviderCode, ReceiptError, ReceiptStatus, Receipts,
    Response, Secret, SubmitError, Submitted,
};

/// Words for the rows of `errors`.
const VERDICTS: &[(&str, Verdict)] = &[
    ("number", Verdict::Number),
    ("provider", Verdict::Provider),
    ("now", Verdict::Now),
    ("fraud", Verdict::Fraud),
    ("throttled", Verdict::Throttled),
    ("credentials", Verdict::Credentials),
    ("unknown", Verdict::Unknown),
];

/// Words for the rows of `receipt_words`.
const STATUSES: &[(&str, ReceiptStatus)] = &[
    ("delivered", ReceiptStatus::Delivered),
    ("undelivered", ReceiptStatus::Undelivered),
    ("sent", ReceiptStatus::Sent),
];

/// Error codes by their verdicts.
type Errors = Arc<[(String, Verdict)]>;

/// What an answer means.
pub(super) struct AnswerRules {
    /// Empty: every 2xx.
    statuses: Vec<StatusCode>,
    /// Where, and which word stands there. Empty: the status alone decides.
    words: Vec<(String, String)>,
    message_id_at: Option<Arc<str>>,
    error_at: Option<Arc<str>>,
    errors: Errors,
}

impl AnswerRules {
    pub(super) fn new(values: &Values) -> Result<Self, ConnectError> {
        let status = |text: &Arc<str>| {
            let status = text
                .parse()
                .ok()
                .filter(|status| (200..400).contains(status));
            let status = status.and_then(|status: u16| StatusCode::from_u16(status).ok());
            status.ok_or_else(|| {
                ConnectError::setting("success_status", "must be statuses from 200 to 399")
            })
        };
        let word = |text: &Arc<str>| {
            let (at, word) = pair("success", text)?;
            pointer("success", at)?;
            Ok((at.to_owned(), word.to_owned()))
        };
        let statuses = values.texts("success_status").iter().map(status);
        let words = values.texts("success").iter().map(word);
        Ok(Self {
            statuses: statuses.collect::<Result<_, _>>()?,
            words: words.collect::<Result<_, ConnectError>>()?,
            message_id_at: place(values, "message_id_at")?,
            error_at: place(values, "error_at")?,
            errors: errors(values)?,
        })
    }

    pub(super) fn classify(
        &self,
        response: &Response,
        now_ms: u64,
    ) -> Result<Submitted, SubmitError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let is_success = match &*self.statuses {
            [] => response.status.is_success(),
            statuses => statuses.contains(&response.status),
        };
        let said = self.words.iter();
        let said: Vec<_> = said.map(|(at, word)| (text_at(&body, at), word)).collect();
        let is_taken =
            said.is_empty() || said.iter().any(|(text, word)| text.as_ref() == Some(*word));
        if is_success && is_taken {
            let id = self.message_id_at.as_deref();
            let id = id.and_then(|at| text_at(&body, at));
            let message_id = id.and_then(|id| MessageId::new(&id));
            return Ok(Submitted { message_id });
        }
        let code = self.error_at.as_deref().and_then(|at| text_at(&body, at));
        let verdict = code
            .as_deref()
            .and_then(|code| verdict(&self.errors, code))
            .or_else(|| verdict(&self.errors, response.status.as_str()));
        let code = code.and_then(|code| ProviderCode::new(&code));
        Err(match verdict {
            Some(verdict) => verdict.into_error(code, response, now_ms),
            // It said something else than that it took the message.
            None if is_success && said.iter().any(|(text, _)| text.is_some()) => {
                Verdict::Provider.into_error(code, response, now_ms)
            }
            None => by_status(response, code, now_ms),
        })
    }
}

/// Who vouches for a receipt.
enum Verification {
    /// Standard Webhooks, over our own form or theirs.
    Signature(Box<WebhookKeys>),
    /// A header that holds the secret.
    Secret(HeaderName, Vec<Secret>),
    /// A header that holds an HMAC over the body.
    Hmac(HeaderName, Vec<hmac::Key>),
    /// The URL, which has our own MAC in it.
    Reference,
}

/// What a receipt means.
pub(super) struct ReceiptRules {
    verification: Verification,
    /// `None`: receipts come in our own form.
    status_at: Option<Arc<str>>,
    error_at: Option<Arc<str>>,
    message_id_at: Option<Arc<str>>,
    words: Vec<(String, ReceiptStatus)>,
    errors: Errors,
    kind: Receipts,
}

impl ReceiptRules {
    pub(super) fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let wants_mapping = ConnectError::setting(
            "receipt_status_at",
            "missing: say where a receipt has its status, for only signed ones may come in our own form",
        );
        let verification = verification(given)?;
        let status_at = place_or_name(values, "receipt_status_at");
        if status_at.is_none() && given.receipts != Receipts::None {
            match verification {
                Verification::Signature(_) => {}
                Verification::Secret(..) | Verification::Hmac(..) | Verification::Reference => {
                    return Err(wants_mapping);
                }
            }
        }
        let word = |text: &Arc<str>| {
            let (word, status) = pair("receipt_words", text)?;
            let status = one_of("receipt_words", STATUSES, status)?;
            Ok((word.to_owned(), status))
        };
        let words = values.texts("receipt_words").iter().map(word);
        let words = words.collect::<Result<Vec<_>, ConnectError>>()?;
        if status_at.is_some() && words.is_empty() {
            let fix = "missing: name the words that stand for delivered and undelivered";
            return Err(ConnectError::setting("receipt_words", fix));
        }
        Ok(Self {
            verification,
            status_at,
            error_at: place_or_name(values, "receipt_error_at"),
            message_id_at: place_or_name(values, "receipt_message_id_at"),
            words,
            errors: errors(values)?,
            kind: given.receipts,
        })
    }

    pub(super) fn are_signed(&self) -> bool {
        match self.verification {
            Verification::Signature(_) | Verification::Secret(..) | Verification::Hmac(..) => true,
            Verification::Reference => false,
        }
    }

    pub(super) fn read(&self, callback: &Callback<'_>) -> Result<DeliveryReceipt, ReceiptError> {
        let Some(status_at) = self.status_at.as_deref() else {
            let Verification::Signature(keys) = &self.verification else {
                return Err(ReceiptError::Signature);
            };
            return signed_receipt(keys, callback);
        };
        self.verification.verify(callback)?;
        let body: Value = serde_json::from_slice(callback.body).unwrap_or_default();
        let said = |at: &str| match at.starts_with('/') {
            true => text_at(&body, at),
            false => field(callback, at),
        };
        let word = said(status_at).ok_or(ReceiptError::Malformed)?;
        let known = self.words.iter().find(|(known, _)| *known == word);
        // A word that nobody named is a step on the way: nothing changes.
        let status = known.map_or(ReceiptStatus::Sent, |(_, status)| *status);
        let code = self.error_at.as_deref().and_then(said);
        let verdict = code.as_deref().and_then(|code| verdict(&self.errors, code));
        let message_id = self.message_id_at.as_deref().and_then(said);
        let message_id = message_id.and_then(|id| MessageId::new(&id));
        if self.kind == Receipts::MessageId && message_id.is_none() {
            return Err(ReceiptError::Malformed);
        }
        Ok(DeliveryReceipt {
            message_id,
            status,
            code: code.and_then(|code| ProviderCode::new(&code)),
            at_ms: None,
            is_final_for_number: status == ReceiptStatus::Undelivered
                && verdict.is_some_and(Verdict::is_final_for_number),
        })
    }
}

impl Verification {
    fn verify(&self, callback: &Callback<'_>) -> Result<(), ReceiptError> {
        let header = |name: &HeaderName| {
            let value = callback.headers.get(name);
            value.ok_or(ReceiptError::Signature)
        };
        let is_genuine = match self {
            Self::Signature(keys) => {
                return keys.verify(callback.headers, callback.body, callback.now_ms);
            }
            Self::Reference => true,
            Self::Secret(name, secrets) => {
                let given = header(name)?.as_bytes();
                secrets.iter().fold(false, |found, secret| {
                    found | verify_slices_are_equal(given, secret.expose().as_bytes()).is_ok()
                })
            }
            Self::Hmac(name, keys) => {
                let given = header(name)?
                    .to_str()
                    .map_err(|_| ReceiptError::Signature)?;
                let tag = tag_of(given).ok_or(ReceiptError::Signature)?;
                keys.iter().fold(false, |found, key| {
                    found | hmac::verify(key, callback.body, &tag).is_ok()
                })
            }
        };
        is_genuine.then_some(()).ok_or(ReceiptError::Signature)
    }
}

fn verification(given: &Given<'_>) -> Result<Verification, ConnectError> {
    let values = given.values;
    let word = values.text("receipt_verification");
    let word = word.map_or("signature", |word| &**word);
    let key = match word {
        "signature" => "secret",
        _ => "receipt_secret",
    };
    let secrets = values.secrets(key);
    let needs_secret = given.receipts != Receipts::None && word != "reference";
    if needs_secret && secrets.is_empty() {
        let fix = format!(
            "missing: receipts are verified by it; set one of {key}, {key}s and {key}_file"
        );
        return Err(ConnectError::setting(key, fix));
    }
    let header = || {
        let name = values.text("receipt_header");
        let name = name.and_then(|name| name.parse::<HeaderName>().ok());
        name.ok_or_else(|| {
            ConnectError::setting("receipt_header", "must be the header that proves a receipt")
        })
    };
    Ok(match word {
        "secret" => Verification::Secret(header()?, secrets.to_vec()),
        "hmac-sha256" => {
            let key =
                |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            Verification::Hmac(header()?, secrets.iter().map(key).collect())
        }
        "reference" if given.receipts == Receipts::MessageId => {
            let fix =
                "cannot be \"reference\" with receipts = \"message_id\": anybody could report";
            return Err(ConnectError::setting("receipt_verification", fix));
        }
        // Without receipts there may be no secret, and nothing to verify.
        _ if word == "reference" || secrets.is_empty() => Verification::Reference,
        _ => {
            let keys = WebhookKeys::new(secrets);
            Verification::Signature(Box::new(keys.map_err(|error| error.of("secret"))?))
        }
    })
}

/// 32 bytes in hexadecimal or base64, with `sha256=` before them or not.
fn tag_of(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("sha256=").unwrap_or(text);
    if text.len() != 64 {
        return STANDARD.decode(text).ok();
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let pair = str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.iter().map(byte).collect()
}

/// A text, number or flag at a place in JSON.
fn text_at(body: &Value, at: &str) -> Option<String> {
    match body.pointer(at)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A field of the form in a body, or of the URL.
fn field(callback: &Callback<'_>, name: &str) -> Option<String> {
    let query = callback.url.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(callback.body)
        .chain(form_urlencoded::parse(query.as_bytes()))
        .find_map(|(found, value)| (found == name).then(|| value.into_owned()))
}

fn verdict(errors: &Errors, code: &str) -> Option<Verdict> {
    let row = errors.iter().find(|(known, _)| known == code);
    row.map(|(_, verdict)| *verdict)
}

fn errors(values: &Values) -> Result<Errors, ConnectError> {
    let row = |text: &Arc<str>| {
        let (code, verdict) = pair("errors", text)?;
        Ok((code.to_owned(), one_of("errors", VERDICTS, verdict)?))
    };
    values.texts("errors").iter().map(row).collect()
}

/// `left=right`, split at the last sign: pointers may hold one.
fn pair<'a>(key: &'static str, text: &'a str) -> Result<(&'a str, &'a str), ConnectError> {
    let parts = text.rsplit_once('=');
    parts
        .map(|(left, right)| (left.trim(), right.trim()))
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
        .ok_or_else(|| ConnectError::setting(key, format!("has {text:?}, which is no a=b")))
}

fn one_of<T: Copy>(key: &'static str, words: &[(&str, T)], word: &str) -> Result<T, ConnectError> {
    let known = words.iter().find(|(known, _)| *known == word);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let fix = format!("has {word:?} behind the =: there are {}", all.join(", "));
        ConnectError::setting(key, fix)
    })
}

fn pointer(key: &'static str, at: &str) -> Result<(), ConnectError> {
    let fix = "must be a JSON pointer, as /messages/0/status";
    let is_pointer = at.starts_with('/');
    is_pointer
        .then_some(())
        .ok_or_else(|| ConnectError::setting(key, fix))
}

fn place(values: &Values, key: &'static str) -> Result<Option<Arc<str>>, ConnectError> {
    let at = values.text(key);
    at.map_or(Ok(()), |at| pointer(key, at))?;
    Ok(at.cloned())
}

/// Of a receipt: a pointer into JSON, or the name of a field.
fn place_or_name(values: &Values, key: &str) -> Option<Arc<str>> {
    values.text(key).cloned()
}
