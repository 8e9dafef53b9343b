//! First of Entra's words in a body: what stands around the encrypted part.
//! Pure. What the contract does not name is not looked at: it may grow.

use serde_json::{Map, Value};
use watchword_providers::Channel;

/// The one version of the contract that is spoken.
const TYPE: &str = "microsoft.mfa.otpDeliver.v1";

const TTL_S_MAX: u64 = 2_147_483_647;

/// A longer one names nothing that anybody looks for.
const CORRELATION_ID_CHARACTERS_MAX: usize = 256;

/// Whether anything is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    /// Everything but sending.
    Evaluation,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Evaluation => "evaluation",
        }
    }
}

/// The clear part of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The sign-in, in Microsoft's logs.
    pub correlation_id: Option<String>,
    pub channel: Channel,
    pub mode: Mode,
    pub ttl_s: Option<u32>,
    /// The encrypted part, not looked into.
    pub encrypted: String,
}

/// What is wrong with an envelope, in the contract's own words. Checked in the
/// order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("invalid JSON body")]
    NotJson,
    #[error("invalid envelope")]
    NotAnObject,
    #[error("unsupported envelope type")]
    Type,
    #[error("encryptedDeliveryContext is required")]
    NoContext,
    #[error("unsupported channel")]
    Channel,
    #[error("unsupported mode")]
    Mode,
    #[error("invalid ttlSeconds")]
    Ttl,
    #[error("ttlSeconds expired")]
    Expired,
}

impl EnvelopeError {
    /// The `reason` of the answer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotJson => "invalid JSON body",
            Self::NotAnObject => "invalid envelope",
            Self::Type => "unsupported envelope type",
            Self::NoContext => "encryptedDeliveryContext is required",
            Self::Channel => "unsupported channel",
            Self::Mode => "unsupported mode",
            Self::Ttl => "invalid ttlSeconds",
            Self::Expired => "ttlSeconds expired",
        }
    }
}

/// Reads a body.
///
/// # Errors
///
/// [`EnvelopeError`]: the first rule that it breaks.
pub fn parse(body: &[u8]) -> Result<Envelope, EnvelopeError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| EnvelopeError::NotJson)?;
    let Value::Object(mut fields) = value else {
        return Err(EnvelopeError::NotAnObject);
    };
    if fields.get("type").and_then(Value::as_str) != Some(TYPE) {
        return Err(EnvelopeError::Type);
    }
    let encrypted = match fields.remove("encryptedDeliveryContext") {
        Some(Value::String(text)) if !text.trim().is_empty() => text,
        Some(_) | None => return Err(EnvelopeError::NoContext),
    };
    let channels = [("sms", Channel::Sms), ("voice", Channel::Voice)];
    let modes = [("live", Mode::Live), ("evaluation", Mode::Evaluation)];
    Ok(Envelope {
        encrypted,
        channel: choice(fields.get("channel"), channels).ok_or(EnvelopeError::Channel)?,
        mode: choice(fields.get("mode"), modes).ok_or(EnvelopeError::Mode)?,
        ttl_s: fields.get("ttlSeconds").map(ttl_s).transpose()?,
        correlation_id: correlation_id(&mut fields),
    })
}

/// By its number, counted from 1, or by its name in any case.
fn choice<T: Copy>(value: Option<&Value>, choices: [(&str, T); 2]) -> Option<T> {
    let value = value?;
    let is = |number: u64, name: &str| {
        value.as_u64() == Some(number)
            || value
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case(name))
    };
    let mut numbered = (1..).zip(choices);
    let found = numbered.find(|(number, (name, _))| is(*number, name));
    found.map(|(_, (_, choice))| choice)
}

fn ttl_s(value: &Value) -> Result<u32, EnvelopeError> {
    match value.as_i64() {
        Some(seconds) if seconds <= 0 => Err(EnvelopeError::Expired),
        Some(seconds) => u64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= TTL_S_MAX)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .ok_or(EnvelopeError::Ttl),
        None => Err(EnvelopeError::Ttl),
    }
}

fn correlation_id(fields: &mut Map<String, Value>) -> Option<String> {
    match fields.remove("correlationId") {
        Some(Value::String(text)) if is_a_name(&text) => Some(text),
        Some(_) | None => None,
    }
}

/// Whether a text can name a sign-in.
pub fn is_a_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= CORRELATION_ID_CHARACTERS_MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn with(changes: Value) -> Value {
        let mut envelope = json!({
            "type": TYPE, "channel": 1, "mode": 1, "ttlSeconds": 60,
            "encryptedDeliveryContext": "a.b.c.d.e", "correlationId": "c-1",
        });
        let changes = changes.as_object().unwrap().clone();
        envelope.as_object_mut().unwrap().extend(changes);
        envelope
    }

    fn parsed(changes: Value) -> Result<Envelope, EnvelopeError> {
        parse(with(changes).to_string().as_bytes())
    }

    #[test]
    fn an_envelope_is_read_by_numbers_and_by_names() {
        let by_number = parsed(json!({})).unwrap();
        assert_eq!(by_number.channel, Channel::Sms);
        assert_eq!(by_number.mode, Mode::Live);
        assert_eq!(by_number.ttl_s, Some(60));
        assert_eq!(by_number.encrypted, "a.b.c.d.e");
        assert_eq!(by_number.correlation_id.as_deref(), Some("c-1"));
        let by_name = parsed(json!({"channel": "VOICE", "mode": "Evaluation"})).unwrap();
        assert_eq!(by_name.channel, Channel::Voice);
        assert_eq!(by_name.mode, Mode::Evaluation);
        let numbers = parsed(json!({"channel": 2, "mode": 2})).unwrap();
        assert_eq!(numbers.channel, Channel::Voice);
        assert_eq!(numbers.mode, Mode::Evaluation);
    }

    #[test]
    fn what_the_contract_does_not_name_is_not_looked_at() {
        let envelope = parsed(json!({"tenantId": [1], "new": {"deep": 1}})).unwrap();
        assert_eq!(envelope.channel, Channel::Sms);
        for odd in [json!(7), json!(""), json!("x".repeat(257)), json!(null)] {
            let envelope = parsed(json!({ "correlationId": odd })).unwrap();
            assert_eq!(envelope.correlation_id, None);
        }
    }

    #[test]
    fn each_rule_has_its_reason() {
        for body in ["", "{", "nothing", "\u{feff}{}", "{} {}"] {
            assert_eq!(
                parse(body.as_bytes()),
                Err(EnvelopeError::NotJson),
                "{body:?}"
            );
        }
        assert_eq!(parse(b"{\"type\":\"\xff\"}"), Err(EnvelopeError::NotJson));
        for body in ["[]", "null", "1", "\"text\"", "true"] {
            assert_eq!(
                parse(body.as_bytes()),
                Err(EnvelopeError::NotAnObject),
                "{body}"
            );
        }
        let table = [
            (json!({"type": "wrong"}), EnvelopeError::Type),
            (
                json!({"type": "MICROSOFT.MFA.OTPDELIVER.V1"}),
                EnvelopeError::Type,
            ),
            (json!({"type": 1}), EnvelopeError::Type),
            (
                json!({"encryptedDeliveryContext": ""}),
                EnvelopeError::NoContext,
            ),
            (
                json!({"encryptedDeliveryContext": " \n"}),
                EnvelopeError::NoContext,
            ),
            (
                json!({"encryptedDeliveryContext": null}),
                EnvelopeError::NoContext,
            ),
            (json!({"channel": true}), EnvelopeError::Channel),
            (json!({"channel": "1"}), EnvelopeError::Channel),
            (json!({"channel": 0}), EnvelopeError::Channel),
            (json!({"channel": 3}), EnvelopeError::Channel),
            (json!({"channel": 1.5}), EnvelopeError::Channel),
            (json!({"channel": [1]}), EnvelopeError::Channel),
            (json!({"mode": null}), EnvelopeError::Mode),
            (json!({"mode": "shutter"}), EnvelopeError::Mode),
            (json!({"ttlSeconds": "60"}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": null}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": true}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": 1.5}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": 2_147_483_648_u64}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": u64::MAX}), EnvelopeError::Ttl),
            (json!({"ttlSeconds": 0}), EnvelopeError::Expired),
            (json!({"ttlSeconds": -1}), EnvelopeError::Expired),
        ];
        for (changes, expected) in table {
            assert_eq!(parsed(changes.clone()), Err(expected), "{changes}");
        }
        assert_eq!(
            parsed(json!({"ttlSeconds": TTL_S_MAX})).unwrap().ttl_s,
            Some(2_147_483_647)
        );
    }

    #[test]
    fn the_first_rule_that_is_broken_gives_the_reason() {
        let mut all = json!({
            "type": "wrong", "encryptedDeliveryContext": "", "channel": false,
            "mode": null, "ttlSeconds": "bad",
        });
        for (expected, field, repaired) in [
            (EnvelopeError::Type, "type", json!(TYPE)),
            (
                EnvelopeError::NoContext,
                "encryptedDeliveryContext",
                json!("a"),
            ),
            (EnvelopeError::Channel, "channel", json!("sms")),
            (EnvelopeError::Mode, "mode", json!("live")),
            (EnvelopeError::Ttl, "ttlSeconds", json!(1)),
        ] {
            assert_eq!(parsed(all.clone()), Err(expected));
            all[field] = repaired;
        }
        assert!(parsed(all).is_ok());
    }

    #[test]
    fn a_reason_is_the_error_in_words() {
        for error in [
            EnvelopeError::NotJson,
            EnvelopeError::NotAnObject,
            EnvelopeError::Type,
            EnvelopeError::NoContext,
            EnvelopeError::Channel,
            EnvelopeError::Mode,
            EnvelopeError::Ttl,
            EnvelopeError::Expired,
        ] {
            assert_eq!(error.reason(), error.to_string());
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            _ = parse(&body);
        }

        #[test]
        fn whatever_stands_in_the_fields_is_read_or_refused(
            channel in ".{0,8}", mode in any::<i64>(), ttl in any::<f64>(),
        ) {
            _ = parsed(json!({"channel": channel, "mode": mode, "ttlSeconds": ttl}));
        }
    }
}
