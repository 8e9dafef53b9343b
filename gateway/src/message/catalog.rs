//! The message texts of every language, read and checked once at start and reload.

use std::sync::{Arc, LazyLock};

use super::Locale;
use super::builtin::builtin_files;
use super::compile::{Compiler, Wrong};
use super::languages::{Languages, SmsLength, lengths_of, nearest_language};
use super::layers::Layers;
use super::lint::{MessageLintError, Mistake, Rule};
use super::plural::Plurals;
use super::source::{MessageFile, Parsed, Source, Sources};
use super::template::Template;
use crate::config::nearest;

/// The texts of all languages, ready to render. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog {
    languages: Languages<Texts>,
}

/// The texts of one language.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) sms: Template,
    pub(super) sms_brief: Template,
    pub(super) sms_payment: Template,
    pub(super) call_greeting: Template,
    pub(super) call_code: Template,
    pub(super) call_payment: Template,
    pub(super) call_keys: Template,
    pub(super) call_farewell: Template,
    pub(super) call_reported: Template,
    pub(super) call_speech: Template,
    pub(super) call_speech_payment: Template,
}

static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
    let nothing = Catalog {
        languages: Languages::new(),
    };
    nothing
        .with_layers(&[])
        .expect("the texts compiled in pass the lint; a test reads them")
});

impl Catalog {
    /// The texts compiled in.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// The texts compiled in and an operator's own over them, text by text. A
    /// file adds the language it is named after, if it is new.
    ///
    /// # Errors
    ///
    /// Every mistake in every file, with what to do about it.
    pub fn with_overrides(files: &[MessageFile<'_>]) -> Result<Self, Vec<MessageLintError>> {
        BUILTIN.with_layers(&[files])
    }

    /// This catalog, made with the operator's `common` files, and a tenant's own
    /// texts over them.
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

    /// The languages there are texts for.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(|locale| &**locale)
    }

    /// How long the SMS texts of a language become; empty if there is none of that tag.
    pub fn sms_lengths(&self, tag: &str) -> Vec<SmsLength> {
        let Some(texts) = self.languages.get(tag) else {
            return Vec::new();
        };
        lengths_of(&[
            (Rule::SMS.id, &texts.sms),
            (Rule::SMS_BRIEF.id, &texts.sms_brief),
            (Rule::SMS_PAYMENT.id, &texts.sms_payment),
        ])
    }

    fn with_layers(&self, over: &[&[MessageFile<'_>]]) -> Result<Self, Vec<MessageLintError>> {
        let layers = Layers {
            builtin: builtin_files(),
            builtin_name: "built-in",
            over,
        };
        let languages = layers.read(&self.languages, texts_of)?;
        Ok(Self { languages })
    }

    /// The nearest language that has texts.
    pub(super) fn resolve(&self, locale: &Locale) -> (&Arc<str>, &Texts) {
        nearest_language(&self.languages, locale)
    }
}

/// Makes one language of the files of its tag and of more general ones.
fn texts_of(locale: &Locale, parsed: &[Parsed<'_>]) -> Result<Texts, Vec<MessageLintError>> {
    read_language((locale, parsed), &Rule::ALL, |reading| reading.texts())
}

/// Has one language's texts read by their rules, of the files of its tag and of
/// more general ones.
pub(super) fn read_language<T>(
    (locale, parsed): (&Locale, &[Parsed<'_>]),
    rules: &'static [Rule],
    read: impl FnOnce(&mut Reading<'_>) -> Option<T>,
) -> Result<T, Vec<MessageLintError>> {
    let mut sources = Sources::new();
    let mut above: Vec<&str> = locale.fallbacks().collect();
    above.reverse();
    for tag in above {
        for file in parsed.iter().filter(|file| file.locale.as_str() == tag) {
            file.put_into(&mut sources);
        }
    }
    // The last file of the language itself: what is missing is missing there.
    let own = parsed
        .iter()
        .rev()
        .find(|file| file.locale == *locale)
        .map_or("", Parsed::name);
    let plurals = Plurals::of(locale);
    let mut reading = Reading {
        compiler: Compiler {
            sources: &sources,
            plurals: &plurals,
        },
        own,
        rules,
        errors: Vec::new(),
    };
    reading.check_ids();
    let texts = read(&mut reading);
    match texts {
        Some(texts) if reading.errors.is_empty() => Ok(texts),
        Some(_) | None => Err(reading.errors),
    }
}

/// One language on its way from sources to templates.
pub(super) struct Reading<'a> {
    compiler: Compiler<'a>,
    own: &'a str,
    /// What there may be.
    rules: &'static [Rule],
    errors: Vec<MessageLintError>,
}

impl Reading<'_> {
    fn texts(&mut self) -> Option<Texts> {
        // All are read before any `?`, so that every mistake is reported at once.
        let sms = self.read(&Rule::SMS);
        let sms_brief = self.read(&Rule::SMS_BRIEF);
        let sms_payment = self.read(&Rule::SMS_PAYMENT);
        let call_greeting = self.read(&Rule::CALL_GREETING);
        let call_code = self.read(&Rule::CALL_CODE);
        let call_payment = self.read(&Rule::CALL_PAYMENT);
        let call_keys = self.read(&Rule::CALL_KEYS);
        let call_farewell = self.read(&Rule::CALL_FAREWELL);
        let call_reported = self.read(&Rule::CALL_REPORTED);
        let call_speech = self.read(&Rule::CALL_SPEECH);
        let call_speech_payment = self.read(&Rule::CALL_SPEECH_PAYMENT);
        Some(Texts {
            sms: sms?,
            sms_brief: sms_brief?,
            sms_payment: sms_payment?,
            call_greeting: call_greeting?,
            call_code: call_code?,
            call_payment: call_payment?,
            call_keys: call_keys?,
            call_farewell: call_farewell?,
            call_reported: call_reported?,
            call_speech: call_speech?,
            call_speech_payment: call_speech_payment?,
        })
    }

    pub(super) fn read(&mut self, rule: &Rule) -> Option<Template> {
        let Some(source) = self.compiler.sources.get(rule.id).copied() else {
            self.errors.push(MessageLintError {
                file: self.own.to_owned(),
                line: 1,
                key: "file".to_owned(),
                mistake: Mistake::TextMissing(rule.id),
            });
            return None;
        };
        let claims_gsm7 = self.claims_gsm7(rule, &source);
        match self.compiler.forms(&source) {
            Ok(forms) => {
                for mistake in rule.check(&forms, claims_gsm7) {
                    self.add(rule.id, &source, mistake);
                }
                Some(Template::new(forms))
            }
            Err(Wrong { part, mistake }) => {
                let (id, source) = part.unwrap_or_else(|| (rule.id.to_owned(), source));
                self.add(&id, &source, mistake);
                None
            }
        }
    }

    fn claims_gsm7(&mut self, rule: &Rule, source: &Source<'_>) -> bool {
        let mut claims_gsm7 = false;
        for attribute in source.attributes {
            if rule.is_sms() && Source::is_gsm7_claim(attribute) {
                claims_gsm7 = true;
            } else {
                let name = attribute.id.name.to_owned();
                self.add(rule.id, source, Mistake::Attribute(name));
            }
        }
        claims_gsm7
    }

    /// A text that is not known and stands in no other is a slip of the pen.
    fn check_ids(&mut self) {
        let used = self.compiler.parts();
        let strangers: Vec<(String, Source<'_>)> = self
            .compiler
            .sources
            .iter()
            .filter(|(id, _)| !used.contains(id.as_str()))
            .filter(|(id, _)| self.rules.iter().all(|rule| rule.id != id.as_str()))
            .map(|(id, source)| (id.clone(), *source))
            .collect();
        for (id, source) in strangers {
            let meant = nearest(&id, self.rules.iter().map(|rule| rule.id));
            self.add(&id, &source, Mistake::TextUnknown(meant));
        }
    }

    fn add(&mut self, key: &str, source: &Source<'_>, mistake: Mistake) {
        self.errors.push(MessageLintError {
            file: source.file.to_owned(),
            line: source.line,
            key: key.to_owned(),
            mistake,
        });
    }
}
