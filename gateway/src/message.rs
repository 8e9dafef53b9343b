//! What the person gets to read or hear: a text per language and channel, with
//! the last line that lets browsers and apps fill the code in.

mod builtin;
mod catalog;
mod compile;
mod languages;
mod layers;
mod line;
mod lint;
mod locale;
mod neutral;
mod notices;
mod paced;
mod plural;
mod region;
mod segments;
mod source;
mod template;
mod values;

use std::sync::Arc;

use watchword_providers::{CallTexts, Channel};

pub use self::builtin::builtin_files;
pub use self::catalog::Catalog;
pub use self::languages::SmsLength;
pub use self::lint::{MessageLintError, Mistake};
pub use self::locale::{InvalidLocale, Locale};
pub use self::neutral::not_sent;
pub use self::notices::{Notice, Notices, TOKEN_CHARACTERS, WrittenNotice, builtin_notice_files};
pub use self::paced::{paced, repeated};
pub use self::region::with_region;
pub use self::segments::{Encoding, Segments, segment_count};
pub use self::source::{EXTENSION as MESSAGE_FILE_EXTENSION, MessageFile};
pub use self::values::{
    AppHash, BRAND_CHARACTERS_MAX, Brand, CODE_DIGITS_MAX, Origin, PAYMENT_CHARACTERS_MAX, Payment,
    PaymentError, ValueError,
};

use self::catalog::Texts;
use self::template::Values;

/// Above this Android's SMS Retriever does not look at a message.
const RETRIEVER_BYTES_MAX: usize = 140;

/// What a message has to say. No `Debug`: it holds the code.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The plain code, 4 to 10 digits.
    pub code: &'a str,
    pub brand: &'a Brand,
    /// How long the code is valid from now on.
    pub minutes: u32,
    pub payment: Option<&'a Payment>,
    /// The page that may read the code; must be listed for the tenant.
    pub origin: Option<&'a Origin>,
    /// The Android app that may read the code; must be listed for the tenant.
    pub app_hash: Option<&'a AppHash>,
}

/// A message ready for a provider. No `Debug`: it holds the code.
pub struct Rendered {
    /// What an SMS says, or what a call is about.
    pub text: String,
    /// For `voice`: what the call says, digits apart (`5, 8, 4, 2.`).
    pub speech: Option<String>,
    /// For `voice`: the same sentence by sentence, where a key can be asked for.
    pub call: Option<CallTexts>,
    /// The language found for the locale asked for.
    pub locale: Arc<str>,
    /// What an SMS is billed as; 0 segments for a call.
    pub segment_count: usize,
    pub encoding: Encoding,
    /// Whether the text carries the app hash asked for. It is left off where
    /// Android's 140 bytes have no room for it, even with the brief text.
    pub has_app_hash: bool,
}

impl Catalog {
    /// What a call says around a text that is the tenant's own.
    pub fn call_around(&self, locale: &Locale, brand: &Brand, text: &str) -> CallTexts {
        let (locale, texts) = self.resolve(locale);
        let around = Content {
            code: "",
            brand,
            minutes: 1,
            payment: None,
            origin: None,
            app_hash: None,
        };
        call_texts(locale, texts, &values(&around, ""), text.into())
    }

    /// Writes the message in the language nearest to `locale`.
    pub fn render(&self, channel: Channel, locale: &Locale, content: &Content<'_>) -> Rendered {
        let (locale, texts) = self.resolve(locale);
        match channel {
            Channel::Sms => render_sms(locale, texts, content),
            Channel::Voice => render_call(locale, texts, content),
        }
    }
}

fn render_sms(locale: &Arc<str>, texts: &Texts, content: &Content<'_>) -> Rendered {
    let values = values(content, content.code);
    let template = match content.payment {
        Some(_) => &texts.sms_payment,
        None => &texts.sms,
    };
    let origin_bytes = content.origin.map_or(0, |origin| {
        "\n@ #".len() + origin.as_str().len() + content.code.len()
    });
    let hash_bytes = content.app_hash.map_or(0, |_| 1 + AppHash::BYTES);
    let tail_bytes = origin_bytes + hash_bytes;
    let mut text = template.render(&values, tail_bytes);
    let mut app_hash = content.app_hash;
    if app_hash.is_some() && text.len() + tail_bytes > RETRIEVER_BYTES_MAX {
        // A payment has no brief form: the payer must see amount and payee.
        let brief = content
            .payment
            .is_none()
            .then(|| texts.sms_brief.render(&values, tail_bytes))
            .filter(|brief| brief.len() + tail_bytes <= RETRIEVER_BYTES_MAX);
        match brief {
            Some(brief) => text = brief,
            None => app_hash = None,
        }
    }
    push_last_line(&mut text, content, app_hash);
    let segments = segment_count(&text);
    Rendered {
        text,
        speech: None,
        call: None,
        locale: Arc::clone(locale),
        segment_count: segments.count,
        encoding: segments.encoding,
        has_app_hash: app_hash.is_some(),
    }
}

/// `@host #code` with exactly one space, the app hash behind it, and nothing
/// after: browsers read the last line only, and a line break would be one more.
fn push_last_line(text: &mut String, content: &Content<'_>, app_hash: Option<&AppHash>) {
    if let Some(origin) = content.origin {
        text.push_str("\n@");
        text.push_str(origin.as_str());
        text.push_str(" #");
        text.push_str(content.code);
    }
    if let Some(app_hash) = app_hash {
        text.push(if content.origin.is_some() { ' ' } else { '\n' });
        text.push_str(app_hash.as_str());
    }
}

fn render_call(locale: &Arc<str>, texts: &Texts, content: &Content<'_>) -> Rendered {
    let (text, speech, code) = match content.payment {
        Some(_) => (
            &texts.sms_payment,
            &texts.call_speech_payment,
            &texts.call_payment,
        ),
        None => (&texts.sms, &texts.call_speech, &texts.call_code),
    };
    let spelled = spell(content.code);
    let text = text.render(&values(content, content.code), 0);
    let encoding = segment_count(&text).encoding;
    let spoken = values(content, &spelled);
    Rendered {
        text,
        speech: Some(speech.render(&spoken, 0)),
        call: Some(call_texts(
            locale,
            texts,
            &spoken,
            code.render(&spoken, 0).into(),
        )),
        locale: Arc::clone(locale),
        segment_count: 0,
        encoding,
        has_app_hash: false,
    }
}

fn call_texts(locale: &Arc<str>, texts: &Texts, values: &Values<'_>, code: Arc<str>) -> CallTexts {
    CallTexts {
        language: with_region(locale).into(),
        greeting: texts.call_greeting.render(values, 0).into(),
        code,
        keys: texts.call_keys.render(values, 0).into(),
        farewell: texts.call_farewell.render(values, 0).into(),
        reported: texts.call_reported.render(values, 0).into(),
    }
}

/// `5842` as `5, 8, 4, 2.`: voices pause at a comma and stop at a full stop.
fn spell(code: &str) -> String {
    let mut spelled = String::with_capacity(code.len() * 3);
    for (position, digit) in code.chars().enumerate() {
        if position > 0 {
            spelled.push_str(", ");
        }
        spelled.push(digit);
    }
    spelled.push('.');
    spelled
}

fn values<'a>(content: &Content<'a>, code: &'a str) -> Values<'a> {
    Values {
        code,
        brand: content.brand.as_str(),
        minutes: content.minutes,
        amount: content.payment.map_or("", Payment::amount),
        currency: content.payment.map_or("", Payment::currency),
        payee: content.payment.map_or("", Payment::payee),
        ..Values::default()
    }
}

#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;
