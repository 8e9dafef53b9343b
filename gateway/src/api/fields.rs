//! What every text field of a request may look like at most, and the headers
//! that shape a request. What a field means is judged by the service.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use watchword_providers::{Channel, Extension};

use super::codes::{self, Code};
use super::endpoint::Asked;
use super::json::Object;
use super::problem::Problem;
use crate::service::{Bind, Client, IdempotencyKey};

/// The bounds of one text field.
pub(super) struct TextRule {
    /// As in JSON.
    pub field: &'static str,
    pub refusal: &'static Code,
    pub characters_min: usize,
    pub characters_max: usize,
    pub allows: fn(char) -> bool,
}

const fn rule(
    field: &'static str,
    refusal: &'static Code,
    characters_max: usize,
    allows: fn(char) -> bool,
) -> TextRule {
    TextRule {
        field,
        refusal,
        characters_min: 1,
        characters_max,
        allows,
    }
}

fn any(_: char) -> bool {
    true
}

fn printable(character: char) -> bool {
    !character.is_control()
}

fn printable_or_line_feed(character: char) -> bool {
    character == '\n' || printable(character)
}

fn purpose_character(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '_' | '.' | '-')
}

fn visible(character: char) -> bool {
    character.is_ascii_graphic()
}

fn digit(character: char) -> bool {
    character.is_ascii_digit()
}

pub(super) static TO: TextRule = rule("to", &codes::INVALID_NUMBER, 64, any);
pub(super) static NUMBER: TextRule = rule("number", &codes::INVALID_NUMBER, 64, any);
pub(super) static REGION: TextRule = rule("region", &codes::UNKNOWN_REGION, 8, any);
pub(super) static LOCALE: TextRule = rule("locale", &codes::INVALID_LOCALE, 35, any);
pub(super) static PURPOSE: TextRule =
    rule("purpose", &codes::INVALID_PURPOSE, 32, purpose_character);
pub(super) static SUBJECT: TextRule = rule("subject", &codes::INVALID_SUBJECT, 128, printable);
pub(super) static REFERENCE: TextRule =
    rule("reference", &codes::INVALID_REFERENCE, 128, printable);
pub(super) static ORIGIN: TextRule = rule("origin", &codes::INVALID_ORIGIN, 253, visible);
pub(super) static APP_HASH: TextRule = rule("app_hash", &codes::INVALID_APP_HASH, 11, visible);
pub(super) static TEXT: TextRule = rule("text", &codes::INVALID_TEXT, 1600, printable_or_line_feed);
pub(super) static SPEECH: TextRule =
    rule("speech", &codes::INVALID_TEXT, 1600, printable_or_line_feed);
pub(super) static TENANT: TextRule = rule("tenant", &codes::NOT_FOUND, 64, printable);
pub(super) static ENDPOINT: TextRule = rule("endpoint", &codes::NOT_FOUND, 48, printable);
pub(super) static EVENT_ID: TextRule = rule("event_id", &codes::NOT_FOUND, 64, printable);
pub(super) static FROM: TextRule = rule("from", &codes::INVALID_FIELD, 40, printable);
pub(super) static UNTIL: TextRule = rule("until", &codes::INVALID_FIELD, 40, printable);
pub(super) static PHONE: TextRule = rule("phone", &codes::INVALID_NUMBER, 64, any);
pub(super) static SENDER: TextRule = rule("from", &codes::INVALID_NUMBER, 64, any);
pub(super) static ROLE: TextRule = rule("role", &codes::INVALID_ROLE, 9, visible);
static EXTENSION: TextRule = rule(
    "extension",
    &codes::INVALID_EXTENSION,
    Extension::DIGITS_MAX,
    digit,
);
pub(super) static FACTOR: TextRule = rule("kind", &codes::INVALID_EVIDENCE, 32, purpose_character);
pub(super) static ASSERTION: TextRule = rule("assertion", &codes::INVALID_EVIDENCE, 8192, visible);
pub(super) static SECRET: TextRule = rule("code", &codes::INVALID_SECRET, 64, printable);
pub(super) static SEALED_CODE: TextRule =
    rule("sealed_code", &codes::INVALID_SECRET, 64, printable);
pub(super) static TOKEN: TextRule = rule("token", &codes::INVALID_TOKEN, 64, printable);
pub(super) static REASON: TextRule = rule("reason", &codes::INVALID_REASON, 256, printable);
pub(super) static NOTE: TextRule = rule("note", &codes::INVALID_REASON, 256, printable);
pub(super) static TICKET: TextRule = rule("ticket", &codes::INVALID_REASON, 128, printable);
pub(super) static SCOPE: TextRule = rule("scope", &codes::INVALID_SCOPE, 7, visible);
pub(super) static OPERATOR: TextRule = rule("operator", &codes::NOT_FOUND, 48, printable);
pub(super) static CODE: TextRule = TextRule {
    characters_min: 4,
    ..rule("code", &codes::INVALID_CODE, 10, digit)
};
static SESSION: TextRule = rule("bind", &codes::INVALID_BIND, 256, printable);
static PAYMENT_PART: TextRule = rule("bind", &codes::INVALID_BIND, 32, printable);
/// The longest IPv6 address in text.
static CLIENT_IP: TextRule = rule("client.ip", &codes::INVALID_CLIENT_IP, 45, visible);
static CHANNEL: TextRule = rule("channel", &codes::INVALID_CHANNEL, 5, visible);
static FALLBACK: TextRule = rule("fallback", &codes::INVALID_FALLBACK, 5, visible);
static OUTCOME: TextRule = rule("outcome", &codes::INVALID_OUTCOME, 8, visible);

impl TextRule {
    pub(super) fn refusal(&self) -> Problem {
        Problem::new(self.refusal).field(self.field)
    }

    pub(super) fn check(&self, value: String) -> Result<String, Problem> {
        // Four bytes a character at most: a long text need not be counted.
        let is_long = value.len() > self.characters_max * 4;
        let fits = !is_long
            && (self.characters_min..=self.characters_max).contains(&value.chars().count())
            && value.chars().all(self.allows);
        if fits { Ok(value) } else { Err(self.refusal()) }
    }

    pub(super) fn optional(&self, value: Option<String>) -> Result<Option<String>, Problem> {
        value.map(|value| self.check(value)).transpose()
    }

    pub(super) fn required(&self, value: Option<String>) -> Result<String, Problem> {
        let missing = || Problem::new(&codes::MISSING_FIELD).field(self.field);
        self.check(value.ok_or_else(missing)?)
    }
}

pub(super) fn channel(value: Option<String>) -> Result<Option<Channel>, Problem> {
    value.map(|value| named(&value, &CHANNEL)).transpose()
}

pub(super) fn extension(value: Option<String>) -> Result<Option<Extension>, Problem> {
    let parsed = |text: String| Extension::parse(&text).ok_or_else(|| EXTENSION.refusal());
    EXTENSION.optional(value)?.map(parsed).transpose()
}

pub(super) fn fallback(value: Option<Vec<String>>) -> Result<Vec<Channel>, Problem> {
    let mut channels: Vec<Channel> = Vec::new();
    for value in value.unwrap_or_default() {
        let channel = named(&value, &FALLBACK)?;
        if channels.contains(&channel) {
            return Err(FALLBACK.refusal());
        }
        channels.push(channel);
    }
    Ok(channels)
}

fn named(value: &str, rule: &TextRule) -> Result<Channel, Problem> {
    [Channel::Sms, Channel::Voice]
        .into_iter()
        .find(|channel| channel.as_str() == value)
        .ok_or_else(|| rule.refusal())
}

/// `{"outcome": "used" | "not_used"}`.
pub(super) fn was_used(value: Option<String>) -> Result<bool, Problem> {
    match OUTCOME.required(value)?.as_str() {
        "used" => Ok(true),
        "not_used" => Ok(false),
        _ => Err(OUTCOME.refusal()),
    }
}

/// `client` in JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientBody {
    ip: Option<String>,
    known: Option<bool>,
}

pub(super) fn client(value: Option<Object<ClientBody>>) -> Result<Client, Problem> {
    let Object(client) = value.unwrap_or_default();
    let address = |text: String| text.parse::<IpAddr>().map_err(|_| CLIENT_IP.refusal());
    Ok(Client {
        ip: CLIENT_IP.optional(client.ip)?.map(address).transpose()?,
        known: client.known.unwrap_or_default(),
    })
}

/// `bind` in JSON: a session, or a payment.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum BindBody {
    Session(String),
    Payment(Object<PaymentBody>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentBody {
    amount: String,
    currency: String,
    payee: String,
}

pub(super) fn bind(value: Option<BindBody>) -> Result<Option<Bind>, Problem> {
    Ok(match value {
        None => None,
        Some(BindBody::Session(session)) => Some(Bind::Session(SESSION.check(session)?)),
        Some(BindBody::Payment(Object(payment))) => Some(Bind::Payment {
            amount: PAYMENT_PART.check(payment.amount)?,
            currency: PAYMENT_PART.check(payment.currency)?,
            payee: PAYMENT_PART.check(payment.payee)?,
        }),
    })
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The header `Idempotency-Key` together with the body it stands for.
pub(super) fn idempotency(asked: &Asked) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = asked.head.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic)
        && values.next().is_none();
    let key = fits.then(|| value.to_str().ok()).flatten();
    let key = key.ok_or_else(|| Problem::new(&codes::INVALID_IDEMPOTENCY_KEY))?;
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        content: asked.body.clone(),
    }))
}

const WAIT_MAX_S: u64 = 5;

/// How long `Prefer: wait=N` asks us to wait (RFC 7240): at most 5 s, and
/// preferences we do not know are ignored.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let preferences = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut waits = preferences.filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then_some(())?;
        let value = value.trim().trim_matches('"');
        value.parse::<u64>().ok()
    });
    let seconds = waits.next()?.min(WAIT_MAX_S);
    (seconds > 0).then_some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", value.parse().unwrap());
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_bounded_and_nonsense_ignored() {
        assert_eq!(prefer("wait=3"), Some(3));
        assert_eq!(prefer("respond-async, Wait = \"2\"; x=1"), Some(2));
        assert_eq!(prefer("wait=500"), Some(5));
        for ignored in [
            "wait=0",
            "wait=-1",
            "wait=",
            "wait",
            "wait=soon",
            "return=minimal",
        ] {
            assert_eq!(prefer(ignored), None, "{ignored}");
        }
    }

    #[test]
    fn a_text_is_judged_by_characters_at_both_ends() {
        let fits = |rule: &TextRule, text: &str| rule.check(text.to_owned()).is_ok();
        assert!(fits(&SUBJECT, &"\u{1f600}".repeat(128)));
        assert!(!fits(&SUBJECT, &"\u{1f600}".repeat(129)));
        assert!(!fits(&SUBJECT, ""));
        assert!(!fits(&SUBJECT, "a\u{0}"));
        assert!(fits(&TEXT, "one\ntwo"));
        for (code, is_good) in [
            ("123", false),
            ("1234", true),
            ("1234567890", true),
            ("12345678901", false),
            ("12a4", false),
            ("\u{661}\u{662}\u{663}\u{664}", false),
        ] {
            assert_eq!(fits(&CODE, code), is_good, "{code}");
        }
        for (purpose, is_good) in [("sign_in", true), ("Sign", false), ("", false)] {
            assert_eq!(fits(&PURPOSE, purpose), is_good, "{purpose}");
        }
    }

    #[test]
    fn a_fallback_names_each_channel_once() {
        let list = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(fallback(list(&["voice"])).unwrap(), [Channel::Voice]);
        assert!(fallback(list(&["voice", "voice"])).is_err());
        assert!(fallback(list(&["call"])).is_err());
        assert!(fallback(None).unwrap().is_empty());
    }
}
