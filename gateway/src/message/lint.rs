//! What is wrong with a message text, found at load: a text that slips through
//! here reaches phones in that form.

mod direction;
mod length;
mod mistake;

pub(super) use self::length::longest_text;
pub use self::mistake::{MessageLintError, Mistake};

use super::line::{has_code_like_run, has_link, has_sign};
use super::template::{Form, Piece, Placeholder};

/// What one text of a language must be.
pub(super) struct Rule {
    pub(super) id: &'static str,
    medium: Medium,
    /// How often each placeholder stands in it, in the order of [`Placeholder::ALL`].
    counts: [usize; 7],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Medium {
    Sms,
    /// An SMS that leaves room for an app hash.
    BriefSms,
    /// Said in a call, by itself or as a part of it.
    Speech,
}

impl Rule {
    pub(super) const SMS: Self = Self {
        id: "sms",
        medium: Medium::Sms,
        counts: [1, 1, 1, 0, 0, 0, 0],
    };
    pub(super) const SMS_BRIEF: Self = Self {
        id: "sms-brief",
        medium: Medium::BriefSms,
        counts: [1, 1, 0, 0, 0, 0, 0],
    };
    pub(super) const SMS_PAYMENT: Self = Self {
        id: "sms-payment",
        medium: Medium::Sms,
        counts: [1, 1, 1, 1, 1, 0, 0],
    };
    pub(super) const CALL_GREETING: Self = Self::spoken("call-greeting", [0, 1, 0, 0, 0, 0, 0]);
    pub(super) const CALL_CODE: Self = Self::spoken("call-code", [1, 0, 0, 0, 0, 0, 0]);
    pub(super) const CALL_PAYMENT: Self = Self::spoken("call-payment", [1, 0, 0, 1, 1, 0, 0]);
    pub(super) const CALL_KEYS: Self = Self::spoken("call-keys", [0, 0, 0, 0, 0, 0, 0]);
    pub(super) const CALL_FAREWELL: Self = Self::spoken("call-farewell", [0, 0, 0, 0, 0, 0, 0]);
    pub(super) const CALL_REPORTED: Self = Self::spoken("call-reported", [0, 0, 0, 0, 0, 0, 0]);
    pub(super) const CALL_SPEECH: Self = Self::spoken("call-speech", [3, 1, 0, 0, 0, 0, 0]);
    pub(super) const CALL_SPEECH_PAYMENT: Self =
        Self::spoken("call-speech-payment", [3, 1, 0, 1, 1, 0, 0]);

    /// The texts that every language has.
    pub(super) const ALL: [Self; 11] = [
        Self::SMS,
        Self::SMS_BRIEF,
        Self::SMS_PAYMENT,
        Self::CALL_GREETING,
        Self::CALL_CODE,
        Self::CALL_PAYMENT,
        Self::CALL_KEYS,
        Self::CALL_FAREWELL,
        Self::CALL_REPORTED,
        Self::CALL_SPEECH,
        Self::CALL_SPEECH_PAYMENT,
    ];

    pub(super) const NOTICE_CHANGE: Self = Self {
        id: "change",
        medium: Medium::Sms,
        counts: [0, 1, 0, 0, 0, 1, 1],
    };
    pub(super) const NOTICE_SECURITY: Self = Self {
        id: "security",
        medium: Medium::Sms,
        counts: [0, 1, 0, 0, 0, 0, 0],
    };
    pub(super) const CALL_CHANGE: Self = Self::spoken("call-change", [0, 1, 0, 0, 0, 2, 2]);
    pub(super) const CALL_SECURITY: Self = Self::spoken("call-security", [0, 1, 0, 0, 0, 0, 0]);

    /// The texts that every language of notices has.
    pub(super) const NOTICES: [Self; 4] = [
        Self::NOTICE_CHANGE,
        Self::NOTICE_SECURITY,
        Self::CALL_CHANGE,
        Self::CALL_SECURITY,
    ];

    const fn spoken(id: &'static str, counts: [usize; 7]) -> Self {
        Self {
            id,
            medium: Medium::Speech,
            counts,
        }
    }

    /// Every mistake in a text, seen in all its forms.
    pub(super) fn check(&self, forms: &[Form], claims_gsm7: bool) -> Vec<Mistake> {
        let mut found: Vec<Mistake> = Vec::new();
        for mistake in forms.iter().flat_map(|form| self.check_form(form)) {
            if !found.contains(&mistake) {
                found.push(mistake);
            }
        }
        // The length of a text with wrong placeholders says nothing.
        if found.is_empty()
            && let Some(longest) = forms.iter().max_by_key(|form| length::longest(form))
        {
            found.extend(self.length_mistake(longest));
            if claims_gsm7 {
                found.extend(forms.iter().find_map(length::outside_gsm7));
            }
        }
        found
    }

    /// Whether the text may claim an alphabet.
    pub(super) fn is_sms(&self) -> bool {
        match self.medium {
            Medium::Sms | Medium::BriefSms => true,
            Medium::Speech => false,
        }
    }

    fn check_form(&self, form: &Form) -> Vec<Mistake> {
        let mut mistakes: Vec<_> = Placeholder::ALL
            .into_iter()
            .zip(self.counts)
            .filter_map(|(placeholder, expected)| miscounted(form, placeholder, expected))
            .collect();
        mistakes.extend(form.iter().filter_map(fixed_text_mistake));
        mistakes.extend(blank_ends(form));
        mistakes.extend(beside_the_code(form));
        if self.is_sms() {
            mistakes.extend(direction::mistake(form));
        }
        if has_payment(&self.counts) && !payment_stands_on_lines(form) {
            mistakes.push(Mistake::PaymentLines);
        }
        mistakes
    }

    fn length_mistake(&self, form: &Form) -> Option<Mistake> {
        let segments = || length::too_many_segments(form, has_payment(&self.counts));
        match self.medium {
            Medium::Sms => segments(),
            Medium::BriefSms => segments().or_else(|| length::brief_too_long(form)),
            Medium::Speech => length::speech_too_long(form),
        }
    }
}

fn has_payment([_, _, _, amount, payee, ..]: &[usize; 7]) -> bool {
    amount + payee > 0
}

fn miscounted(form: &Form, placeholder: Placeholder, expected: usize) -> Option<Mistake> {
    let found = form
        .iter()
        .filter(|piece| matches!(piece, Piece::Value(value) if *value == placeholder))
        .count();
    (found != expected).then_some(Mistake::PlaceholderCount {
        name: placeholder.name(),
        expected,
        found,
    })
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
    } else if text.contains(direction::is_mark) {
        Some(Mistake::DirectionMark)
    } else if text
        .chars()
        .any(|character| character.is_control() && character != '\n')
    {
        Some(Mistake::Control)
    } else {
        None
    }
}

fn blank_ends(form: &Form) -> Option<Mistake> {
    let first_is_blank = match form.first() {
        Some(Piece::Text(text)) => text.starts_with(char::is_whitespace),
        Some(Piece::Value(_)) => false,
        None => true,
    };
    let last_is_blank = match form.last() {
        Some(Piece::Text(text)) => text.ends_with(char::is_whitespace),
        Some(Piece::Value(_)) | None => false,
    };
    (first_is_blank || last_is_blank).then_some(Mistake::Blank)
}

/// A digit or another value directly beside the code would be read as part of it.
fn beside_the_code(form: &Form) -> Option<Mistake> {
    let is_code = |piece: &Piece| *piece == Piece::Value(Placeholder::Code);
    let merges = |piece: &Piece, digit_is_near: fn(&str) -> bool| match piece {
        Piece::Text(text) => digit_is_near(text),
        Piece::Value(_) => true,
    };
    let is_wrong = |pair: &[Piece]| match pair {
        [before, code] if is_code(code) => merges(before, |text| text.ends_with(char::is_numeric)),
        [code, behind] if is_code(code) => {
            merges(behind, |text| text.starts_with(char::is_numeric))
        }
        _ => false,
    };
    form.windows(2)
        .any(is_wrong)
        .then_some(Mistake::BesideTheCode)
}

/// Whether a line break stands between the amount and the payee.
fn payment_stands_on_lines(form: &Form) -> bool {
    let mut line = 0;
    let mut lines = Vec::new();
    for piece in form {
        match piece {
            Piece::Text(text) => line += text.matches('\n').count(),
            Piece::Value(Placeholder::Amount | Placeholder::Payee) => lines.push(line),
            Piece::Value(
                Placeholder::Code
                | Placeholder::Brand
                | Placeholder::Minutes
                | Placeholder::Undo
                | Placeholder::Report,
            ) => {}
        }
    }
    lines.is_sorted_by(|one, next| one < next)
}

#[cfg(test)]
mod tests;
