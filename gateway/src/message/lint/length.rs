//! How long a text becomes with the longest values, in what it is billed or
//! limited by.

use super::Mistake;
use crate::message::RETRIEVER_BYTES_MAX;
use crate::message::notices::TOKEN_CHARACTERS;
use crate::message::segments::{Encoding, segment_count};
use crate::message::template::{Form, MINUTES_MAX, Piece, Placeholder, Template, Values, fill};
use crate::message::values::{
    AppHash, BRAND_CHARACTERS_MAX, CODE_DIGITS_MAX, PAYMENT_CHARACTERS_MAX,
};

/// Languages outside the GSM alphabet get one segment with common values, which
/// the shipped texts keep to, and no more than this with the longest.
const UCS2_SEGMENTS_MAX: usize = 2;
const UCS2_PAYMENT_SEGMENTS_MAX: usize = 3;

/// How long a call may take before people hang up.
const SPEECH_S_MAX: u32 = 45;
/// A digit of the code and the pause behind it.
const DIGIT_MS: usize = 900;
/// Ordinary speech is about 15 letters, or 5 signs that are syllables, a second.
const LETTER_MS: usize = 65;
const SYLLABLE_MS: usize = 200;
/// A long amount in words: "one hundred and twenty-three thousand ..".
const AMOUNT_MS: usize = 5_000;

/// The longest values, in letters of every alphabet's width one.
fn longest_values(text: &str) -> Values<'_> {
    let cut = |length: usize| text.get(..length).unwrap_or(text);
    Values {
        code: cut(CODE_DIGITS_MAX),
        brand: cut(BRAND_CHARACTERS_MAX),
        minutes: MINUTES_MAX,
        amount: cut(PAYMENT_CHARACTERS_MAX),
        currency: cut(3),
        payee: cut(PAYMENT_CHARACTERS_MAX),
        undo: cut(TOKEN_CHARACTERS + 1),
        report: cut(TOKEN_CHARACTERS + 1),
    }
}

fn with_longest(form: &Form) -> String {
    fill(
        form,
        &longest_values(&"0".repeat(PAYMENT_CHARACTERS_MAX)),
        0,
    )
}

/// A text with the longest values, in the form that most minutes have.
pub(in crate::message) fn longest_text(template: &Template) -> String {
    let filler = "0".repeat(PAYMENT_CHARACTERS_MAX);
    template.render(&longest_values(&filler), 0)
}

/// The length by which the longest form of a text is found.
pub(super) fn longest(form: &Form) -> usize {
    with_longest(form).chars().count()
}

pub(super) fn too_many_segments(form: &Form, is_payment: bool) -> Option<Mistake> {
    let text = with_longest(form);
    let segments = segment_count(&text);
    let ucs2_max = if is_payment {
        UCS2_PAYMENT_SEGMENTS_MAX
    } else {
        UCS2_SEGMENTS_MAX
    };
    let (allowed, characters_max) = match segments.encoding {
        Encoding::Gsm7 => (1, 160),
        Encoding::Ucs2 => (ucs2_max, ucs2_max * 67),
    };
    (segments.count > allowed).then(|| Mistake::TooManySegments {
        found: segments.count,
        allowed,
        excess: text.chars().count().saturating_sub(characters_max).max(1),
    })
}

/// The first character that keeps a text from the alphabet it claims.
pub(super) fn outside_gsm7(form: &Form) -> Option<Mistake> {
    with_longest(form)
        .chars()
        .find(|character| {
            segment_count(character.encode_utf8(&mut [0; 4])).encoding != Encoding::Gsm7
        })
        .map(Mistake::OutsideGsm7)
}

/// What a brief text is for is the app hash behind it.
pub(super) fn brief_too_long(form: &Form) -> Option<Mistake> {
    let found = with_longest(form).len() + 1 + AppHash::BYTES;
    (found > RETRIEVER_BYTES_MAX).then_some(Mistake::BriefTooLong {
        found,
        allowed: RETRIEVER_BYTES_MAX,
    })
}

pub(super) fn speech_too_long(form: &Form) -> Option<Mistake> {
    let spoken_ms: usize = form
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.chars().map(spoken_ms).sum(),
            Piece::Value(Placeholder::Code) => CODE_DIGITS_MAX * DIGIT_MS,
            Piece::Value(Placeholder::Brand) => BRAND_CHARACTERS_MAX * LETTER_MS,
            Piece::Value(Placeholder::Minutes) => DIGIT_MS,
            Piece::Value(Placeholder::Amount) => AMOUNT_MS,
            Piece::Value(Placeholder::Payee) => PAYMENT_CHARACTERS_MAX * LETTER_MS,
            Piece::Value(Placeholder::Undo | Placeholder::Report) => TOKEN_CHARACTERS * DIGIT_MS,
        })
        .sum();
    let found_s = u32::try_from(spoken_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
    (found_s > SPEECH_S_MAX).then_some(Mistake::SpeechTooLong {
        found_s,
        allowed_s: SPEECH_S_MAX,
    })
}

fn spoken_ms(character: char) -> usize {
    match character {
        // Kana, Chinese characters, Korean syllables.
        '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => SYLLABLE_MS,
        _ => LETTER_MS,
    }
}
