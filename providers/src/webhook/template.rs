//! Templates of requests: texts with placeholders in braces. What they are filled
//! with is escaped by the form it goes into, never by its writer.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{Message, Moment, Secret};

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    To,
    ToDigits,
    Extension,
    Channel,
    Text,
    Sender,
    Reference,
    Locale,
    ReceiptUrl,
    ValidityS,
    ValidityMin,
    ExpiresAt,
    Credential,
}

/// All of them by their names.
const PLACEHOLDERS: &[(&str, Placeholder)] = &[
    ("to", Placeholder::To),
    ("to_digits", Placeholder::ToDigits),
    ("extension", Placeholder::Extension),
    ("channel", Placeholder::Channel),
    ("text", Placeholder::Text),
    ("sender", Placeholder::Sender),
    ("reference", Placeholder::Reference),
    ("locale", Placeholder::Locale),
    ("receipt_url", Placeholder::ReceiptUrl),
    ("validity_s", Placeholder::ValidityS),
    ("validity_min", Placeholder::ValidityMin),
    ("expires_at", Placeholder::ExpiresAt),
    ("credential", Placeholder::Credential),
];

/// Behind a placeholder in JSON: a number, not a text.
const AS_NUMBER: &str = ":number";

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Value(Placeholder),
}

/// One text with placeholders, checked.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
    is_number: bool,
}

/// What templates are filled with.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) message: &'a Message,
    pub(super) credential: Option<&'a Secret>,
}

impl Template {
    /// Reads `{name}`; `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// What is wrong, and how it would be right.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut is_number = false;
        let mut rest = text;
        while let Some(position) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(position);
            literal.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(inner) = brace.strip_prefix('{') {
                let (name, after) = inner
                    .split_once('}')
                    .ok_or("has a { that no } closes: write {{ for a brace")?;
                let (name, number) = match name.strip_suffix(AS_NUMBER) {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                is_number |= number;
                let placeholder = placeholder(name)?;
                if number && !placeholder.is_number() {
                    return Err(format!("{{{name}}} is no number: take {AS_NUMBER} away"));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Value(placeholder));
                rest = after;
            } else {
                return Err("has a } that no { opens: write }} for a brace".to_owned());
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if is_number && parts.len() > 1 {
            return Err(format!(
                "has {AS_NUMBER} beside other text: a number stands alone"
            ));
        }
        Ok(Self { parts, is_number })
    }

    pub(super) fn has(&self, wanted: Placeholder) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Value(placeholder) => *placeholder == wanted,
            Part::Literal(_) => false,
        })
    }

    /// The text, or `None` if it is nothing but a placeholder for what this
    /// message has not got.
    pub(super) fn fill(&self, filling: Filling<'_>) -> Option<String> {
        if let [Part::Value(placeholder)] = &*self.parts {
            return placeholder.value(filling);
        }
        let mut text = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(placeholder) => {
                    text.push_str(&placeholder.value(filling).unwrap_or_default());
                }
            }
        }
        Some(text)
    }
}

fn placeholder(name: &str) -> Result<Placeholder, String> {
    let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
    known.map(|(_, placeholder)| *placeholder).ok_or_else(|| {
        let mut names = String::new();
        for (name, _) in PLACEHOLDERS {
            _ = write!(names, " {{{name}}}");
        }
        format!("has an unknown placeholder {{{name}}}: there are{names}")
    })
}

impl Placeholder {
    fn is_number(self) -> bool {
        match self {
            Self::ValidityS | Self::ValidityMin => true,
            Self::To
            | Self::ToDigits
            | Self::Extension
            | Self::Channel
            | Self::Text
            | Self::Sender
            | Self::Reference
            | Self::Locale
            | Self::ReceiptUrl
            | Self::ExpiresAt
            | Self::Credential => false,
        }
    }

    fn value(self, filling: Filling<'_>) -> Option<String> {
        let message = filling.message;
        let validity_s = message.validity_period.as_secs();
        match self {
            Self::To => Some(message.to.expose().to_owned()),
            Self::ToDigits => Some(message.to.to_msisdn().to_owned()),
            Self::Extension => {
                let extension = message.extension.as_ref();
                extension.map(|extension| extension.expose().to_owned())
            }
            Self::Channel => Some(message.channel.as_str().to_owned()),
            Self::Text => Some(text_of(message).to_owned()),
            Self::Sender => message.sender.as_deref().map(str::to_owned),
            Self::Reference => Some(message.reference.as_ref().to_owned()),
            Self::Locale => Some(message.locale.as_ref().to_owned()),
            Self::ReceiptUrl => message.receipt_url.as_deref().map(str::to_owned),
            Self::ValidityS => Some(validity_s.to_string()),
            // No network takes none.
            Self::ValidityMin => Some((validity_s / 60).max(1).to_string()),
            Self::ExpiresAt => serde_json::to_value(Moment::of_ms(message.expires_at_ms))
                .ok()
                .and_then(|value| value.as_str().map(str::to_owned)),
            Self::Credential => filling.credential.map(|secret| secret.expose().to_owned()),
        }
    }
}

/// A call says its speech, which has the code slowly.
fn text_of(message: &Message) -> &str {
    match message.channel {
        crate::Channel::Sms => &message.text,
        crate::Channel::Voice => message.spoken(),
    }
}

/// A JSON document whose texts are templates.
#[derive(Clone, Debug)]
pub(super) enum JsonTemplate {
    Text(Template),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    /// As it is.
    Other(Value),
}

impl JsonTemplate {
    /// # Errors
    ///
    /// It is no JSON, or one of its texts is no template.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            format!(
                "is no JSON in its line {}, column {}: placeholders stand within quotation marks",
                error.line(),
                error.column()
            )
        })?;
        Self::of(value)
    }

    fn of(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text)?),
            Value::Array(items) => {
                let items = items.into_iter().map(Self::of);
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::of(value)?)));
                Self::Object(members.collect::<Result<_, String>>()?)
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Self::Other(other),
        })
    }

    pub(super) fn has(&self, wanted: Placeholder) -> bool {
        match self {
            Self::Text(template) => template.has(wanted),
            Self::List(items) => items.iter().any(|item| item.has(wanted)),
            Self::Object(members) => members.iter().any(|(_, member)| member.has(wanted)),
            Self::Other(_) => false,
        }
    }

    /// `None` where a text has nothing to say: its member is left out.
    pub(super) fn fill(&self, filling: Filling<'_>) -> Option<Value> {
        match self {
            Self::Text(template) => {
                let text = template.fill(filling)?;
                Some(match text.parse::<u64>() {
                    Ok(number) if template.is_number => number.into(),
                    Ok(_) | Err(_) => text.into(),
                })
            }
            Self::List(items) => {
                let items = items.iter().filter_map(|item| item.fill(filling));
                Some(Value::Array(items.collect()))
            }
            Self::Object(members) => {
                let members = members.iter();
                let filled = members
                    .filter_map(|(name, member)| Some((name.clone(), member.fill(filling)?)));
                Some(Value::Object(filled.collect::<Map<_, _>>()))
            }
            Self::Other(value) => Some(value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transcripts;

    fn filled(template: &str) -> Option<String> {
        Template::parse(template).unwrap().fill(Filling {
            message: &transcripts::message(),
            credential: Some(&"s3cret".into()),
        })
    }

    #[test]
    fn every_placeholder_has_its_value() {
        for (template, expected) in [
            ("{to}", Some("+14155550123")),
            ("{to_digits}", Some("14155550123")),
            ("{channel}", Some("sms")),
            ("{text}", Some("428519 is your code & nobody's else – Zoë")),
            ("{sender}", None),
            ("from {sender}.", Some("from .")),
            ("{reference}", Some("att_07c1e0")),
            ("{locale}", Some("en")),
            ("{receipt_url}", Some(transcripts::RECEIPT_URL)),
            ("{validity_s}", Some("540")),
            ("{validity_min}", Some("9")),
            ("{expires_at}", Some("2023-11-14T22:23:20.000Z")),
            ("Key {credential}", Some("Key s3cret")),
            ("{{to}} {to_digits}}}", Some("{to} 14155550123}")),
            ("", Some("")),
        ] {
            assert_eq!(filled(template).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_what_would_be() {
        for (template, words) in [
            ("{number}", "unknown placeholder {number}: there are {to}"),
            ("{to", "{ that no } closes"),
            ("to}", "} that no { opens"),
            ("{to:number}", "{to} is no number"),
            ("in {validity_s:number} s", "beside other text"),
            ("{}", "unknown placeholder {}"),
        ] {
            let error = Template::parse(template).unwrap_err();
            assert!(error.contains(words), "{template}: {error}");
        }
        let error = JsonTemplate::parse("{\n\"to\": {to}\n}").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn json_is_escaped_and_what_is_absent_is_left_out() {
        let template =
            r#"{"a": ["{text}", 1, null], "from": "{sender}", "ttl": "{validity_s:number}"}"#;
        let template = JsonTemplate::parse(template).unwrap();
        let mut message = transcripts::message();
        message.text = "\"}],\\ \n{to}".into();
        let filled = template.fill(Filling {
            message: &message,
            credential: None,
        });
        let expected = serde_json::json!({"a": ["\"}],\\ \n{to}", 1, null], "ttl": 540});
        assert_eq!(filled, Some(expected));
    }

    proptest! {
        #[test]
        fn any_template_is_read_or_refused(text in "[{}a-z_: ]{0,40}") {
            if let Ok(template) = Template::parse(&text) {
                let filled = template.fill(Filling {
                    message: &transcripts::message(),
                    credential: None,
                });
                prop_assert!(filled.is_none_or(|filled| filled.len() < 4000));
            }
        }
    }
}
