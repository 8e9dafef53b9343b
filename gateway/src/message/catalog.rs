//! The message texts of every language, read and checked once at start and reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Locale;
use super::lint::{MessageLintError, Mistake, Rule, fixed_text_mistakes};
use super::template::{MinuteForms, Template};

/// The language of last resort; compiled in, so it is always there.
const DEFAULT_LOCALE: &str = "en";

/// The files compiled in, as their names and texts.
const BUILTIN: [MessageFile<'static>; 4] = [
    MessageFile {
        name: "de.toml",
        text: include_str!("../../../config/messages/de.toml"),
    },
    MessageFile {
        name: "en.toml",
        text: include_str!("../../../config/messages/en.toml"),
    },
    MessageFile {
        name: "es.toml",
        text: include_str!("../../../config/messages/es.toml"),
    },
    MessageFile {
        name: "fr.toml",
        text: include_str!("../../../config/messages/fr.toml"),
    },
];

/// A message file that has been read: `de.toml` and what stands in it.
#[derive(Clone, Copy, Debug)]
pub struct MessageFile<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// The texts of all languages, ready to render.
#[derive(Debug)]
pub struct Catalog {
    languages: BTreeMap<Arc<str>, Texts>,
}

/// The texts of one language.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) minute_forms: MinuteForms,
    pub(super) sms: Template,
    pub(super) sms_brief: Template,
    pub(super) sms_payment: Template,
    pub(super) voice: Template,
    pub(super) voice_payment: Template,
    pub(super) speech: Template,
    pub(super) speech_payment: Template,
    pub(super) call: CallTemplates,
}

/// What a call says sentence by sentence.
#[derive(Debug)]
pub(super) struct CallTemplates {
    pub(super) greeting: Template,
    pub(super) code: Template,
    pub(super) code_payment: Template,
    pub(super) keys: Template,
    pub(super) farewell: Template,
    pub(super) reported: Template,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    minutes: RawMinutes,
    sms: RawSms,
    voice: RawVoice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMinutes {
    one: String,
    other: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSms {
    text: String,
    brief: String,
    payment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVoice {
    text: String,
    payment: String,
    speech: String,
    speech_payment: String,
    #[serde(rename = "call-greeting")]
    call_greeting: String,
    #[serde(rename = "call-code")]
    call_code: String,
    #[serde(rename = "call-code-payment")]
    call_code_payment: String,
    #[serde(rename = "call-keys")]
    call_keys: String,
    #[serde(rename = "call-farewell")]
    call_farewell: String,
    #[serde(rename = "call-reported")]
    call_reported: String,
}

impl Catalog {
    /// The texts compiled in.
    pub fn builtin() -> Self {
        Self::with_overrides(&[]).expect("the texts compiled in pass the lint; a test reads them")
    }

    /// The texts compiled in and an operator's own. A file replaces the whole
    /// language it is named after, or adds it.
    ///
    /// # Errors
    ///
    /// Every mistake in every file, with what to do about it.
    pub fn with_overrides(files: &[MessageFile<'_>]) -> Result<Self, Vec<MessageLintError>> {
        let mut languages = BTreeMap::new();
        let mut errors = Vec::new();
        for file in BUILTIN.iter().chain(files) {
            let mut report = Report {
                file,
                errors: &mut errors,
            };
            if let Some((locale, texts)) = read_file(&mut report) {
                languages.insert(locale, texts);
            }
        }
        if errors.is_empty() {
            Ok(Self { languages })
        } else {
            Err(errors)
        }
    }

    /// The languages there are texts for.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(|locale| &**locale)
    }

    /// The nearest language that has texts: `en-GB`, then `en`, then the default.
    pub(super) fn resolve(&self, locale: &Locale) -> (&Arc<str>, &Texts) {
        locale
            .fallbacks()
            .chain([DEFAULT_LOCALE])
            .find_map(|tag| self.languages.get_key_value(tag))
            .expect("the default language is compiled in")
    }
}

/// Where the mistakes of one file go.
struct Report<'a> {
    file: &'a MessageFile<'a>,
    errors: &'a mut Vec<MessageLintError>,
}

impl Report<'_> {
    fn add(&mut self, key: &'static str, mistake: Mistake) {
        self.errors.push(MessageLintError {
            file: self.file.name.to_owned(),
            key,
            mistake,
        });
    }

    fn keep<T>(&mut self, key: &'static str, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.add(key, mistake)).ok()
    }
}

fn read_file(report: &mut Report<'_>) -> Option<(Arc<str>, Texts)> {
    let locale = report
        .file
        .name
        .strip_suffix(".toml")
        .and_then(|tag| Locale::parse(tag).ok())
        .ok_or(Mistake::FileName);
    let locale = report.keep("file", locale);
    let raw = toml::from_str::<RawFile>(report.file.text)
        .map_err(|error| Mistake::Toml(error.to_string().trim_end().to_owned()));
    let raw = report.keep("file", raw)?;
    let minute_forms = MinuteForms::parse(&raw.minutes.one, &raw.minutes.other);
    let minute_forms = report.keep("minutes", minute_forms)?;
    for mistake in fixed_text_mistakes(minute_forms.texts()) {
        report.add("minutes", mistake);
    }
    let mut read = |rule: &Rule, source: &str| {
        let template = report.keep(rule.key, Template::parse(source))?;
        for mistake in rule.check(&template, &minute_forms) {
            report.add(rule.key, mistake);
        }
        Some(template)
    };
    // All are read before any `?`, so that every mistake is reported at once.
    let sms = read(&Rule::SMS_TEXT, &raw.sms.text);
    let sms_brief = read(&Rule::SMS_BRIEF, &raw.sms.brief);
    let sms_payment = read(&Rule::SMS_PAYMENT, &raw.sms.payment);
    let voice = read(&Rule::VOICE_TEXT, &raw.voice.text);
    let voice_payment = read(&Rule::VOICE_PAYMENT, &raw.voice.payment);
    let speech = read(&Rule::VOICE_SPEECH, &raw.voice.speech);
    let speech_payment = read(&Rule::VOICE_SPEECH_PAYMENT, &raw.voice.speech_payment);
    let greeting = read(&Rule::CALL_GREETING, &raw.voice.call_greeting);
    let code = read(&Rule::CALL_CODE, &raw.voice.call_code);
    let code_payment = read(&Rule::CALL_CODE_PAYMENT, &raw.voice.call_code_payment);
    let keys = read(&Rule::CALL_KEYS, &raw.voice.call_keys);
    let farewell = read(&Rule::CALL_FAREWELL, &raw.voice.call_farewell);
    let reported = read(&Rule::CALL_REPORTED, &raw.voice.call_reported);
    let texts = Texts {
        sms: sms?,
        sms_brief: sms_brief?,
        sms_payment: sms_payment?,
        voice: voice?,
        voice_payment: voice_payment?,
        speech: speech?,
        speech_payment: speech_payment?,
        call: CallTemplates {
            greeting: greeting?,
            code: code?,
            code_payment: code_payment?,
            keys: keys?,
            farewell: farewell?,
            reported: reported?,
        },
        minute_forms,
    };
    Some((locale?.as_str().into(), texts))
}
