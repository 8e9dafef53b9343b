//! What is wrong with a message text, found at load: a text that slips through
//! here reaches phones in that form.

use super::line::{has_code_like_run, has_link, has_sign};
use super::segments::{Encoding, segment_count};
use super::template::{MinuteForms, Piece, Placeholder, Template, Values};
use super::values::{BRAND_CHARACTERS_MAX, CODE_DIGITS_MAX, PAYMENT_CHARACTERS_MAX};

/// A mistake in a message file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}: {mistake}")]
pub struct MessageLintError {
    /// The file's name, as it was given.
    pub file: String,
    /// Which text of it, such as `sms.text`; `file` for the file as a whole.
    pub key: &'static str,
    pub mistake: Mistake,
}

/// What is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("the file name is no language: name it after one, such as de.toml or pt-BR.toml")]
    FileName,
    #[error("{0}")]
    Toml(String),
    #[error("a brace is not closed: write placeholders as {{code}}")]
    BraceOpen,
    #[error("a brace is closed that was not opened: write placeholders as {{code}}")]
    BraceClosed,
    #[error("{{{0}}} is unknown: use {{code}}, {{brand}}, {{minutes}}, {{amount}} or {{payee}}")]
    PlaceholderUnknown(String),
    #[error("{{{name}}} must stand here {expected} times and stands {found} times")]
    PlaceholderCount {
        name: &'static str,
        expected: usize,
        found: usize,
    },
    #[error("write {{minutes}} once, and no other placeholder")]
    MinutesForm,
    #[error("{{amount}} and {{payee}} must stand on lines of their own: begin a new line")]
    PaymentLines,
    #[error("four or more digits in a row may be taken for the code: write fewer")]
    CodeLike,
    #[error("`@` and `#` are kept for the line that browsers read: take them out")]
    Sign,
    #[error("a link in a code message looks like fraud: take it out")]
    Link,
    #[error("only line breaks and printable characters may stand here: take the others out")]
    Control,
    #[error("take the blanks and empty lines off both ends")]
    Blank,
    #[error(
        "with the longest values it takes {found} segments of at most {allowed}: shorten it by \
         about {excess} characters"
    )]
    TooManySegments {
        found: usize,
        allowed: usize,
        excess: usize,
    },
    #[error("it takes up to {found_s} s to say, of at most {allowed_s} s: shorten it")]
    SpeechTooLong { found_s: u32, allowed_s: u32 },
}

/// What one text of a file must be.
pub(super) struct Rule {
    pub(super) key: &'static str,
    medium: Medium,
    code_count: usize,
    has_brand: bool,
    has_minutes: bool,
    has_payment: bool,
}

enum Medium {
    /// `ucs2_segments_max` is for languages outside the GSM alphabet; those
    /// within it get one segment.
    Sms {
        ucs2_segments_max: usize,
    },
    /// The plain text of a call: never sent as an SMS, never spoken.
    CallText,
    Speech,
}

impl Rule {
    pub(super) const SMS_TEXT: Self = Self {
        key: "sms.text",
        medium: Medium::Sms {
            ucs2_segments_max: 2,
        },
        code_count: 1,
        has_brand: true,
        has_minutes: true,
        has_payment: false,
    };
    pub(super) const SMS_BRIEF: Self = Self {
        key: "sms.brief",
        has_minutes: false,
        ..Self::SMS_TEXT
    };
    pub(super) const SMS_PAYMENT: Self = Self {
        key: "sms.payment",
        medium: Medium::Sms {
            ucs2_segments_max: 3,
        },
        has_payment: true,
        ..Self::SMS_TEXT
    };
    pub(super) const VOICE_TEXT: Self = Self {
        key: "voice.text",
        medium: Medium::CallText,
        ..Self::SMS_TEXT
    };
    pub(super) const VOICE_PAYMENT: Self = Self {
        key: "voice.payment",
        has_payment: true,
        ..Self::VOICE_TEXT
    };
    pub(super) const VOICE_SPEECH: Self = Self {
        key: "voice.speech",
        medium: Medium::Speech,
        code_count: 3,
        ..Self::SMS_TEXT
    };
    pub(super) const VOICE_SPEECH_PAYMENT: Self = Self {
        key: "voice.speech_payment",
        has_payment: true,
        ..Self::VOICE_SPEECH
    };

    pub(super) const CALL_GREETING: Self = Self {
        key: "voice.call-greeting",
        code_count: 0,
        has_minutes: false,
        ..Self::VOICE_SPEECH
    };
    pub(super) const CALL_CODE: Self = Self {
        key: "voice.call-code",
        code_count: 1,
        has_brand: false,
        ..Self::CALL_GREETING
    };
    pub(super) const CALL_CODE_PAYMENT: Self = Self {
        key: "voice.call-code-payment",
        has_payment: true,
        ..Self::CALL_CODE
    };
    pub(super) const CALL_KEYS: Self = Self {
        key: "voice.call-keys",
        code_count: 0,
        ..Self::CALL_CODE
    };
    pub(super) const CALL_FAREWELL: Self = Self {
        key: "voice.call-farewell",
        ..Self::CALL_KEYS
    };
    pub(super) const CALL_REPORTED: Self = Self {
        key: "voice.call-reported",
        ..Self::CALL_KEYS
    };

    fn expected_count(&self, placeholder: Placeholder) -> usize {
        match placeholder {
            Placeholder::Code => self.code_count,
            Placeholder::Brand => usize::from(self.has_brand),
            Placeholder::Minutes => usize::from(self.has_minutes),
            Placeholder::Amount | Placeholder::Payee => usize::from(self.has_payment),
        }
    }

    /// Every mistake of a text that has been read.
    pub(super) fn check(&self, template: &Template, minute_forms: &MinuteForms) -> Vec<Mistake> {
        let mut mistakes: Vec<_> = Placeholder::ALL
            .into_iter()
            .filter_map(|placeholder| self.miscounted(template, placeholder))
            .collect();
        mistakes.extend(template.pieces().iter().filter_map(fixed_text_mistake));
        mistakes.extend(blank_ends(template));
        if self.has_payment && !payment_stands_on_lines(template) {
            mistakes.push(Mistake::PaymentLines);
        }
        // The length of a text with wrong placeholders says nothing.
        if mistakes.is_empty() {
            mistakes.extend(self.too_long(template, minute_forms));
        }
        mistakes
    }

    fn miscounted(&self, template: &Template, placeholder: Placeholder) -> Option<Mistake> {
        let found = template
            .pieces()
            .iter()
            .filter(|piece| matches!(piece, Piece::Value(value) if *value == placeholder))
            .count();
        let expected = self.expected_count(placeholder);
        (found != expected).then_some(Mistake::PlaceholderCount {
            name: placeholder.name(),
            expected,
            found,
        })
    }

    fn too_long(&self, template: &Template, minute_forms: &MinuteForms) -> Option<Mistake> {
        match self.medium {
            Medium::Sms { ucs2_segments_max } => {
                too_many_segments(template, minute_forms, ucs2_segments_max)
            }
            Medium::CallText => None,
            Medium::Speech => speech_too_long(template, minute_forms),
        }
    }
}

pub(super) fn fixed_text_mistakes<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = Mistake> {
    texts.into_iter().filter_map(text_mistake)
}

fn fixed_text_mistake(piece: &Piece) -> Option<Mistake> {
    match piece {
        Piece::Text(text) => text_mistake(text),
        Piece::Value(_) => None,
    }
}

fn text_mistake(text: &str) -> Option<Mistake> {
    if has_code_like_run(text) {
        Some(Mistake::CodeLike)
    } else if has_sign(text) {
        Some(Mistake::Sign)
    } else if has_link(text) {
        Some(Mistake::Link)
    } else if text
        .chars()
        .any(|character| character.is_control() && character != '\n')
    {
        Some(Mistake::Control)
    } else {
        None
    }
}

fn blank_ends(template: &Template) -> Option<Mistake> {
    let first_is_blank = match template.pieces().first() {
        Some(Piece::Text(text)) => text.starts_with(char::is_whitespace),
        Some(Piece::Value(_)) => false,
        None => true,
    };
    let last_is_blank = match template.pieces().last() {
        Some(Piece::Text(text)) => text.ends_with(char::is_whitespace),
        Some(Piece::Value(_)) | None => false,
    };
    (first_is_blank || last_is_blank).then_some(Mistake::Blank)
}

/// Whether a line break stands between the amount and the payee.
fn payment_stands_on_lines(template: &Template) -> bool {
    let mut line = 0;
    let mut lines = Vec::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(text) => line += text.matches('\n').count(),
            Piece::Value(Placeholder::Amount | Placeholder::Payee) => lines.push(line),
            Piece::Value(Placeholder::Code | Placeholder::Brand | Placeholder::Minutes) => {}
        }
    }
    lines.is_sorted_by(|one, next| one < next)
}

/// The longest values, in letters of every alphabet's width one.
fn longest<'a>(text: &'a str, minute_forms: &'a MinuteForms) -> Values<'a> {
    let cut = |length: usize| text.get(..length).unwrap_or(text);
    Values {
        code: cut(CODE_DIGITS_MAX),
        brand: cut(BRAND_CHARACTERS_MAX),
        minutes: 10,
        minute_forms,
        amount: cut(PAYMENT_CHARACTERS_MAX),
        currency: cut(3),
        payee: cut(PAYMENT_CHARACTERS_MAX),
    }
}

fn too_many_segments(
    template: &Template,
    minute_forms: &MinuteForms,
    ucs2_segments_max: usize,
) -> Option<Mistake> {
    let filler = "0".repeat(PAYMENT_CHARACTERS_MAX);
    let text = template.render(&longest(&filler, minute_forms), 0);
    let segments = segment_count(&text);
    let (allowed, characters_max) = match segments.encoding {
        Encoding::Gsm7 => (1, 160),
        Encoding::Ucs2 => (ucs2_segments_max, ucs2_segments_max * 67),
    };
    (segments.count > allowed).then(|| Mistake::TooManySegments {
        found: segments.count,
        allowed,
        excess: text.chars().count().saturating_sub(characters_max).max(1),
    })
}

/// How long a call may take before people hang up.
const SPEECH_S_MAX: u32 = 45;
/// A digit of the code and the pause behind it.
const DIGIT_MS: usize = 900;
/// Ordinary speech is about 15 characters a second.
const CHARACTER_MS: usize = 65;
/// A long amount in words: "one hundred and twenty-three thousand ..".
const AMOUNT_MS: usize = 5_000;

fn speech_too_long(template: &Template, minute_forms: &MinuteForms) -> Option<Mistake> {
    let filler = "x".repeat(PAYMENT_CHARACTERS_MAX);
    let values = longest(&filler, minute_forms);
    let mut minutes = String::new();
    minute_forms.push(&mut minutes, values.minutes);
    let spoken_ms: usize = template
        .pieces()
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.chars().count() * CHARACTER_MS,
            Piece::Value(Placeholder::Code) => CODE_DIGITS_MAX * DIGIT_MS,
            Piece::Value(Placeholder::Brand) => values.brand.len() * CHARACTER_MS,
            Piece::Value(Placeholder::Minutes) => minutes.chars().count() * CHARACTER_MS,
            Piece::Value(Placeholder::Amount) => AMOUNT_MS,
            Piece::Value(Placeholder::Payee) => values.payee.len() * CHARACTER_MS,
        })
        .sum();
    let found_s = u32::try_from(spoken_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
    (found_s > SPEECH_S_MAX).then_some(Mistake::SpeechTooLong {
        found_s,
        allowed_s: SPEECH_S_MAX,
    })
}

#[cfg(test)]
mod tests;
