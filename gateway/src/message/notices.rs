//! What a person is told when something about their account has changed: texts
//! of their own, since a stranger may hold the phone by now. They name nobody,
//! show no number and hold no link.

use std::sync::{Arc, LazyLock};

use watchword_providers::Channel;

use super::catalog::{Reading, read_language};
use super::languages::{Languages, SmsLength, lengths_of, nearest_language};
use super::layers::Layers;
use super::lint::{MessageLintError, Rule};
use super::source::MessageFile;
use super::template::{Template, Values};
use super::{Brand, Locale, spell};

/// A token in an SMS has so many characters, and a dash in its middle.
pub const TOKEN_CHARACTERS: usize = 8;

macro_rules! files {
    ($($tag:literal),* $(,)?) => {
        [$(MessageFile {
            name: concat!($tag, ".ftl"),
            path: None,
            text: include_str!(concat!("../../../config/notices/", $tag, ".ftl")),
        }),*]
    };
}

/// The files of the built-in notices, by their tags.
pub fn builtin_notice_files() -> &'static [MessageFile<'static>] {
    &FILES
}

/// In the order of their tags.
static FILES: [MessageFile<'static>; 10] = files![
    "de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "pt-BR"
];

/// What a notice has to say. No `Debug`: it holds tokens.
#[derive(Clone, Copy)]
pub enum Notice<'a> {
    /// A change of number was asked for; with what to type to stop it.
    Change { undo: &'a str, report: &'a str },
    /// Something else that protects the account was changed.
    Security,
}

/// A notice ready to be sent. No `Debug`: it holds tokens.
pub struct WrittenNotice {
    /// What an SMS says, or what a call is about.
    pub text: String,
    /// For `voice`: what the call says, tokens sign by sign.
    pub speech: Option<String>,
    /// The language found for the locale asked for.
    pub locale: Arc<str>,
}

/// The notices of every language that has them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notices {
    languages: Languages<Texts>,
}

#[derive(Debug)]
struct Texts {
    change: Template,
    security: Template,
    call_change: Template,
    call_security: Template,
}

static BUILTIN: LazyLock<Notices> = LazyLock::new(|| {
    let nothing = Notices {
        languages: Languages::new(),
    };
    nothing
        .with_layers(&[])
        .expect("the notices compiled in pass the lint; a test reads them")
});

impl Notices {
    /// The notices compiled in.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// The notices compiled in and an operator's own over them, text by text. A
    /// file adds the language it is named after, if it is new.
    ///
    /// # Errors
    ///
    /// Every mistake in every file, with what to do about it.
    pub fn with_overrides(files: &[MessageFile<'_>]) -> Result<Self, Vec<MessageLintError>> {
        BUILTIN.with_layers(&[files])
    }

    /// These, made with the operator's `common` files, and a tenant's own over them.
    ///
    /// # Errors
    ///
    /// Every mistake in every file, with what to do about it.
    pub fn for_tenant(
        &self,
        common: &[MessageFile<'_>],
        own: &[MessageFile<'_>],
    ) -> Result<Self, Vec<MessageLintError>> {
        self.with_layers(&[common, own])
    }

    fn with_layers(&self, over: &[&[MessageFile<'_>]]) -> Result<Self, Vec<MessageLintError>> {
        let layers = Layers {
            builtin: &FILES,
            builtin_name: "built-in notices",
            over,
        };
        let languages = layers.read(&self.languages, |locale, parsed| {
            read_language((locale, parsed), &Rule::NOTICES, texts)
        })?;
        Ok(Self { languages })
    }

    /// The languages there are notices in.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(|locale| &**locale)
    }

    /// Writes the notice in the language nearest to `locale`.
    pub fn write(
        &self,
        channel: Channel,
        (locale, brand): (&Locale, &Brand),
        notice: Notice<'_>,
    ) -> WrittenNotice {
        let (locale, texts) = nearest_language(&self.languages, locale);
        let (undo, report) = match notice {
            Notice::Change { undo, report } => (undo, report),
            Notice::Security => ("", ""),
        };
        let (sms, call) = match notice {
            Notice::Change { .. } => (&texts.change, &texts.call_change),
            Notice::Security => (&texts.security, &texts.call_security),
        };
        let speech = match channel {
            Channel::Sms => None,
            Channel::Voice => {
                let (undo, report) = (spelled(undo), spelled(report));
                Some(call.render(&values(brand, (&undo, &report)), 0))
            }
        };
        WrittenNotice {
            text: sms.render(&values(brand, (undo, report)), 0),
            speech,
            locale: Arc::clone(locale),
        }
    }

    /// How long the SMS texts of a language become; empty if there is none of that tag.
    pub fn sms_lengths(&self, tag: &str) -> Vec<SmsLength> {
        let Some(texts) = self.languages.get(tag) else {
            return Vec::new();
        };
        lengths_of(&[
            (Rule::NOTICE_CHANGE.id, &texts.change),
            (Rule::NOTICE_SECURITY.id, &texts.security),
        ])
    }
}

fn texts(reading: &mut Reading<'_>) -> Option<Texts> {
    // All are read before any `?`, so that every mistake is reported at once.
    let change = reading.read(&Rule::NOTICE_CHANGE);
    let security = reading.read(&Rule::NOTICE_SECURITY);
    let call_change = reading.read(&Rule::CALL_CHANGE);
    let call_security = reading.read(&Rule::CALL_SECURITY);
    Some(Texts {
        change: change?,
        security: security?,
        call_change: call_change?,
        call_security: call_security?,
    })
}

fn values<'a>(brand: &'a Brand, (undo, report): (&'a str, &'a str)) -> Values<'a> {
    Values {
        brand: brand.as_str(),
        undo,
        report,
        ..Values::default()
    }
}

/// As a code is said, without the dash that only helps the eye.
fn spelled(token: &str) -> String {
    spell(&token.replace('-', ""))
}

#[cfg(test)]
mod tests;
