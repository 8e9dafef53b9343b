//! The settings of the generic HTTP provider: of its own form, and of requests by
//! template.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kind::{CA_FILE, Form, Setting, any_secret, any_text};

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "url",
        form: Form::Url { default: None },
        required: Some("\"https://sms.example.com/send\""),
        about: "where to post; `http` gets a warning unless it is loopback. No user or password in it",
    },
    Setting {
        key: "secret",
        form: Form::Secrets {
            list: "secrets",
            file: "secret_file",
            fits: standard_webhooks_secret,
        },
        required: None,
        about: "one of them; the first signs, all of them verify receipts. Needed, except in a request by template",
    },
    texts(
        "query",
        "of a template: parameters of the URL, `name=value` each",
    ),
    texts(
        "form",
        "of a template: the fields of a form, `name=value` each",
    ),
    Setting {
        key: "json",
        form: Form::Text(document),
        required: None,
        about: "of a template: a JSON document, with placeholders in its texts",
    },
    texts("headers", "of a template: `Name: value` each"),
    Setting {
        key: "method",
        form: Form::Choice(&["POST", "PUT", "GET"]),
        required: None,
        about: "of a template",
    },
    Setting {
        key: "auth",
        form: Form::Choice(&["none", "basic", "bearer"]),
        required: None,
        about: "of a template: what goes into `Authorization`",
    },
    Setting {
        key: "user",
        form: Form::Text(any_text),
        required: None,
        about: "of `auth = \"basic\"`; the password is `credential`",
    },
    Setting {
        key: "credential",
        form: Form::Secret {
            file: "credential_file",
        },
        required: None,
        about: "what `auth` sends, and `{credential}` stands for",
    },
    texts(
        "success_status",
        "which statuses say that the message was taken, as `\"200\"`; without it every 2xx",
    ),
    texts(
        "success",
        "what else has to stand in the answer: `/pointer=word`, any of them",
    ),
    Setting {
        key: "message_id_at",
        form: Form::Text(any_text),
        required: None,
        about: "JSON pointer to the message's id in an answer",
    },
    Setting {
        key: "error_at",
        form: Form::Text(any_text),
        required: None,
        about: "JSON pointer to the error code in an answer",
    },
    texts(
        "errors",
        "what error codes, or else statuses, mean: `code=number`, `provider`, `now`, `fraud`, `throttled`, `credentials` or `unknown`",
    ),
    Setting {
        key: "receipt_verification",
        form: Form::Choice(&["signature", "secret", "hmac-sha256", "reference"]),
        required: None,
        about: "what a receipt is believed by, in a template",
    },
    Setting {
        key: "receipt_secret",
        form: Form::Secrets {
            list: "receipt_secrets",
            file: "receipt_secret_file",
            fits: any_secret,
        },
        required: None,
        about: "of `\"secret\"` and `\"hmac-sha256\"`: any of them proves a receipt",
    },
    Setting {
        key: "receipt_header",
        form: Form::Text(any_text),
        required: None,
        about: "which header holds the secret or the HMAC",
    },
    Setting {
        key: "receipt_status_at",
        form: Form::Text(any_text),
        required: None,
        about: "where a receipt has its status: a JSON pointer, or the name of a field in form or URL",
    },
    texts(
        "receipt_words",
        "what stands there: `word=delivered`, `undelivered` or `sent`",
    ),
    Setting {
        key: "receipt_error_at",
        form: Form::Text(any_text),
        required: None,
        about: "where a receipt has its error code, of which `errors` says which are final for the number",
    },
    Setting {
        key: "receipt_message_id_at",
        form: Form::Text(any_text),
        required: None,
        about: "where a receipt has the message's id; needed with `receipts = \"message_id\"`",
    },
    CA_FILE,
];

/// What our own form has no use for, apart from choices, which always have a value.
pub(super) const TEMPLATE_ONLY: [&str; 14] = [
    "headers",
    "user",
    "credential",
    "success_status",
    "success",
    "message_id_at",
    "error_at",
    "errors",
    "receipt_secret",
    "receipt_header",
    "receipt_status_at",
    "receipt_words",
    "receipt_error_at",
    "receipt_message_id_at",
];

/// Of a template: up to 32 lines.
const fn texts(key: &'static str, about: &'static str) -> Setting {
    Setting {
        key,
        form: Form::Texts { count_max: 32 },
        required: None,
        about,
    }
}

/// A document may have lines, and is longer than other texts.
fn document(text: &str) -> Result<(), &'static str> {
    let fits = (1..=16 * 1024).contains(&text.len());
    fits.then_some(()).ok_or("must be 1 to 16384 bytes")
}

/// The specification's form is asked for, though any text could be a key.
fn standard_webhooks_secret(secret: &str) -> Result<(), &'static str> {
    let encoded = secret.strip_prefix("whsec_");
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    bytes
        .filter(|bytes| (24..=64).contains(&bytes.len()))
        .map(|_| ())
        .ok_or(
            "must be whsec_ and the base64 of 24 to 64 bytes, as the Standard Webhooks specification has it",
        )
}
