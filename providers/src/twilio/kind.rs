//! What a `twilio` block of the configuration holds.

use std::sync::Arc;

use super::{TwilioApiKey, TwilioProvider, TwilioSender, TwilioSettings};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret};
use crate::{Channel, Provider, Receipts};

/// Twilio: SMS and voice.
pub static KIND: Kind = Kind {
    name: "twilio",
    channels: &[Channel::Sms, Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &["sender", "messaging_service_sid"],
    settings: &[
        Setting {
            key: "account_sid",
            form: Form::Text(account_sid),
            required: Some("the AC… of your account"),
            about: "`AC` and 32 hexadecimal digits",
        },
        Setting {
            key: "auth_token",
            form: Form::Secrets {
                list: "auth_tokens",
                file: "auth_token_file",
                fits: any_secret,
            },
            required: Some("the auth token of your account"),
            about: "one of them; the first submits unless there is an API key, all of them verify callbacks",
        },
        Setting {
            key: "api_key_sid",
            form: Form::Text(api_key_sid),
            required: None,
            about: "submits in place of the auth token",
        },
        Setting {
            key: "api_key_secret",
            form: Form::Secret {
                file: "api_key_secret_file",
            },
            required: None,
            about: "the secret of `api_key_sid`",
        },
        Setting {
            key: "sender",
            form: Form::Sender,
            required: None,
            about: "what the phone shows; a tenant's `sms_sender` goes before it",
        },
        Setting {
            key: "messaging_service_sid",
            form: Form::Text(messaging_service_sid),
            required: None,
            about: "picks a sender itself, in place of `sender`",
        },
        Setting {
            key: "caller",
            form: Form::Text(caller),
            required: None,
            about: "the number that calls come from, in E.164; a tenant's `voice_sender` goes before it. Needed for `voice`",
        },
        Setting {
            key: "machine_detection",
            form: Form::Choice(&["off", "on"]),
            required: None,
            about: "`\"on\"`: Twilio listens first whether a machine answers, at a price; the key that a call asks for keeps codes from machines without it",
        },
        Setting {
            key: "feedback",
            form: Form::Flag,
            required: None,
            about: "tells Twilio which codes were used; for SMS",
        },
        Setting {
            key: "base_url",
            form: Form::Url {
                default: Some(TwilioSettings::BASE_URL),
            },
            required: None,
            about: "for regional edges",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    let api_key = match (values.text("api_key_sid"), values.secret("api_key_secret")) {
        (Some(sid), Some(secret)) => Some(TwilioApiKey {
            sid: Arc::clone(sid),
            secret: secret.clone(),
        }),
        (None, None) => None,
        (Some(_), None) => {
            let fix = "needs api_key_secret or api_key_secret_file beside it";
            return Err(ConnectError::setting("api_key_sid", fix));
        }
        (None, Some(_)) => {
            let fix = "needs api_key_sid beside it";
            return Err(ConnectError::setting("api_key_secret", fix));
        }
    };
    let sender = match (values.text("sender"), values.text("messaging_service_sid")) {
        (Some(sender), None) => Some(TwilioSender::From(Arc::clone(sender))),
        (None, Some(sid)) => Some(TwilioSender::MessagingService(Arc::clone(sid))),
        (None, None) => None,
        (Some(_), Some(_)) => {
            let fix = "set either sender or messaging_service_sid, not both";
            return Err(ConnectError::setting("messaging_service_sid", fix));
        }
    };
    let caller = values.text("caller").cloned();
    if given.channels.contains(&Channel::Voice) && caller.is_none() {
        let fix = "missing: calls need the number that they come from";
        return Err(ConnectError::setting("caller", fix));
    }
    let settings = TwilioSettings {
        channels: given.channels.to_vec(),
        caller,
        detects_machines: values
            .text("machine_detection")
            .is_some_and(|choice| &**choice == "on"),
        account_sid: Arc::clone(values.required_text("account_sid")?),
        auth_tokens: values.secrets("auth_token").to_vec(),
        api_key,
        sender,
        base_url: values.required_url("base_url")?.clone(),
        receipts: given.receipts,
        feedback: values.flag("feedback"),
    };
    Ok(Arc::new(TwilioProvider::new(
        settings,
        given.clock.clone(),
    )?))
}

fn account_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("AC", text)
        .then_some(())
        .ok_or("must be AC and 32 hexadecimal digits")
}

fn api_key_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("SK", text)
        .then_some(())
        .ok_or("must be SK and 32 hexadecimal digits")
}

fn messaging_service_sid(text: &str) -> Result<(), &'static str> {
    is_sid_of("MG", text)
        .then_some(())
        .ok_or("must be MG and 32 hexadecimal digits")
}

fn caller(text: &str) -> Result<(), &'static str> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(()).ok_or("must be a number in E.164")
}

fn is_sid_of(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
