//! jambonz, the operator's own or hosted: calls by its REST API, signed questions
//! and reports back.

#[cfg(test)]
mod tests;
mod voice;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use serde::Deserialize;

use self::voice::Speech;
use crate::answer::{Scalar, parse_object, submitted};
use crate::kind::{CA_FILE, ConnectError, Form, Given, Kind, Make, Setting, any_secret, any_text};
use crate::request::{authorization, path_segment, url_below};
use crate::signature::JambonzKeys;
use crate::speech::caller;
use crate::verdict::{ErrorTable, Verdict, refusal};
use crate::{
    CallDocument, CallEvent, CallTurn, Callback, Calls, Capabilities, Channel, Clock,
    DeliveryReceipt, Message, Provider, ProviderCode, ReceiptError, Receipts, RequestError,
    Response, SubmitError, Submitted,
};

/// jambonz.
pub static KIND: Kind = Kind {
    name: "jambonz",
    channels: &[Channel::Voice],
    receipts: &[Receipts::Reference, Receipts::None],
    is_simulated: false,
    senders: &[],
    settings: &[
        Setting {
            key: "base_url",
            form: Form::Url { default: None },
            required: Some("\"https://jambonz.example.com/api\""),
            about: "the API, without `/v1`",
        },
        Setting {
            key: "account_sid",
            form: Form::Text(path_segment),
            required: Some("\"9351f46a-678c-43f5-b8a6-d4eb58d131af\""),
            about: "the account",
        },
        Setting {
            key: "api_key",
            form: Form::Secret {
                file: "api_key_file",
            },
            required: Some("an API key of the account"),
            about: "makes the calls",
        },
        Setting {
            key: "webhook_secret",
            form: Form::Secrets {
                list: "webhook_secrets",
                file: "webhook_secret_file",
                fits: any_secret,
            },
            required: Some("the account's webhook secret"),
            about: "one of them; all of them verify what jambonz asks and reports",
        },
        Setting {
            key: "caller",
            form: Form::Text(caller),
            required: None,
            about: "the number that calls come from, in E.164; a tenant's `voice_sender` goes before it",
        },
        Setting {
            key: "machine_detection",
            form: Form::Choice(&["off", "on"]),
            required: None,
            about: "`\"on\"`: jambonz listens whether a machine answers; needs a speech recognizer in the account",
        },
        Setting {
            key: "speech_vendor",
            form: Form::Text(any_text),
            required: None,
            about: "whose voices speak, as the account has them: `google`, `aws`, `microsoft`; else the account's own choice",
        },
        Setting {
            key: "speech_markup",
            form: Form::Choice(&["ssml", "text"]),
            required: None,
            about: "`\"text\"` for voices that read SSML out: then commas alone slow the digits down",
        },
        CA_FILE,
    ],
    make: Make::Http(make),
};

/// What an error's status means where jambonz has a use of its own for it.
static ERRORS: ErrorTable = ErrorTable(&[
    // No feature server is up: nothing was dialled.
    (Verdict::Now, &["480"]),
    // A limit of the account on calls at once.
    (Verdict::Throttled, &["429"]),
]);

struct Jambonz {
    capabilities: Capabilities,
    calls_url: Uri,
    authorization: HeaderValue,
    keys: JambonzKeys,
    caller: Option<Arc<str>>,
    detects_machines: bool,
    speech: Speech,
    clock: Clock,
}

fn make(given: &Given<'_>) -> Result<Arc<dyn Provider>, ConnectError> {
    let values = given.values;
    let account_sid = values.required_text("account_sid")?;
    let path = format!("/v1/Accounts/{account_sid}/Calls");
    let choice = |key| values.text(key).map(|word| &**word);
    Ok(Arc::new(Jambonz {
        capabilities: Capabilities {
            calls: Calls::Asked,
            dials_extensions: true,
            ..Capabilities::new(given.channels, given.receipts)
        },
        calls_url: url_below("base_url", values.required_url("base_url")?, &path)?,
        authorization: authorization("api_key", "Bearer", values.required_secret("api_key")?)?,
        keys: JambonzKeys::new(values.secrets("webhook_secret"))
            .map_err(|error| error.of("webhook_secret"))?,
        caller: values.text("caller").cloned(),
        detects_machines: choice("machine_detection") == Some("on"),
        speech: Speech {
            vendor: values.text("speech_vendor").cloned(),
            is_plain: choice("speech_markup") == Some("text"),
        },
        clock: given.clock.clone(),
    }))
}

/// All that is ever read from an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    sid: Option<Scalar<'a>>,
}

impl Provider for Jambonz {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        match message.channel {
            Channel::Voice => self.call(message),
            Channel::Sms => Err(RequestError::Channel),
        }
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        let answer: Answer<'_> = parse_object(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return submitted(answer.sid.as_ref());
        }
        let status = response.status.as_str();
        let now_ms = self.clock.now_ms();
        let code = ProviderCode::new(status);
        Err(refusal(ERRORS.verdict(status), code, response, now_ms))
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        self.keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        voice::receipt(callback.body).map(|receipt| vec![receipt])
    }

    fn call_event(&self, callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
        self.keys
            .verify(callback.headers, callback.body, callback.now_ms)?;
        voice::event(callback.url, callback.body)
    }

    fn call_answer(&self, turn: &CallTurn<'_>) -> CallDocument {
        self.speech.document(turn)
    }
}
