//! A message text made ready at load, so that a send only joins pieces.

use std::fmt::Write;

/// The longest a code lives, in minutes.
pub(super) const MINUTES_MAX: u32 = 10;

/// What a text can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    Code,
    Brand,
    Minutes,
    Amount,
    Payee,
    /// What undoes a number change.
    Undo,
    /// What says that somebody else asked for it.
    Report,
}

impl Placeholder {
    pub(super) const ALL: [Self; 7] = [
        Self::Code,
        Self::Brand,
        Self::Minutes,
        Self::Amount,
        Self::Payee,
        Self::Undo,
        Self::Report,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Brand => "brand",
            Self::Minutes => "minutes",
            Self::Amount => "amount",
            Self::Payee => "payee",
            Self::Undo => "undo",
            Self::Report => "report",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Box<str>),
    Value(Placeholder),
}

/// A text as it is for one number of minutes: what grammar makes of the number
/// is decided.
pub(super) type Form = Vec<Piece>;

/// What one message puts into the placeholders. No `Debug`: it holds the code.
#[derive(Default)]
pub(super) struct Values<'a> {
    pub(super) code: &'a str,
    pub(super) brand: &'a str,
    pub(super) minutes: u32,
    pub(super) amount: &'a str,
    pub(super) currency: &'a str,
    pub(super) payee: &'a str,
    pub(super) undo: &'a str,
    pub(super) report: &'a str,
}

/// A text ready to be filled in.
#[derive(Debug)]
pub(super) struct Template {
    /// For 1, 2, .. [`MINUTES_MAX`] minutes, the number written out; one alone
    /// if the text does not speak of minutes.
    by_minutes: Box<[Form]>,
}

impl Template {
    /// Takes the form for 1 minute, that for 2 minutes, and so on.
    pub(super) fn new(forms: Vec<Form>) -> Self {
        let mut by_minutes: Vec<Form> = (1_u32..)
            .zip(forms)
            .map(|(minutes, form)| with_minutes_written(form, minutes))
            .collect();
        if by_minutes
            .windows(2)
            .all(|pair| pair.first() == pair.last())
        {
            by_minutes.truncate(1);
        }
        Self {
            by_minutes: by_minutes.into(),
        }
    }

    /// The text with its values, in one string with `spare` bytes of room.
    pub(super) fn render(&self, values: &Values<'_>, spare: usize) -> String {
        // Nothing lives longer than the last form says; a form too many minutes
        // off is better than none.
        let index = usize::try_from(values.minutes.saturating_sub(1)).unwrap_or(usize::MAX);
        let form = self.by_minutes.get(index).or(self.by_minutes.last());
        form.map(|form| fill(form, values, spare))
            .unwrap_or_default()
    }
}

/// The form with its values, in one string with `spare` bytes of room.
pub(super) fn fill(form: &[Piece], values: &Values<'_>, spare: usize) -> String {
    let mut text = String::with_capacity(length(form, values) + spare);
    for piece in form {
        match piece {
            Piece::Text(fixed) => text.push_str(fixed),
            Piece::Value(Placeholder::Code) => text.push_str(values.code),
            Piece::Value(Placeholder::Brand) => text.push_str(values.brand),
            Piece::Value(Placeholder::Minutes) => push_number(&mut text, values.minutes),
            Piece::Value(Placeholder::Amount) => {
                text.push_str(values.amount);
                text.push(' ');
                text.push_str(values.currency);
            }
            Piece::Value(Placeholder::Payee) => text.push_str(values.payee),
            Piece::Value(Placeholder::Undo) => text.push_str(values.undo),
            Piece::Value(Placeholder::Report) => text.push_str(values.report),
        }
    }
    text
}

/// How long the text becomes, in bytes.
fn length(form: &[Piece], values: &Values<'_>) -> usize {
    const MINUTES_BYTES: usize = 10;
    form.iter()
        .map(|piece| match piece {
            Piece::Text(fixed) => fixed.len(),
            Piece::Value(Placeholder::Code) => values.code.len(),
            Piece::Value(Placeholder::Brand) => values.brand.len(),
            Piece::Value(Placeholder::Minutes) => MINUTES_BYTES,
            Piece::Value(Placeholder::Amount) => values.amount.len() + values.currency.len() + 1,
            Piece::Value(Placeholder::Payee) => values.payee.len(),
            Piece::Value(Placeholder::Undo) => values.undo.len(),
            Piece::Value(Placeholder::Report) => values.report.len(),
        })
        .sum()
}

/// Adjacent texts become one, with the minutes in them.
fn with_minutes_written(form: Form, minutes: u32) -> Form {
    let mut written = Form::new();
    let mut text = String::new();
    for piece in form {
        match piece {
            Piece::Text(fixed) => text.push_str(&fixed),
            Piece::Value(Placeholder::Minutes) => push_number(&mut text, minutes),
            Piece::Value(value) => {
                if !text.is_empty() {
                    written.push(Piece::Text(std::mem::take(&mut text).into()));
                }
                written.push(Piece::Value(value));
            }
        }
    }
    if !text.is_empty() {
        written.push(Piece::Text(text.into()));
    }
    written
}

fn push_number(text: &mut String, number: u32) {
    write!(text, "{number}").expect("writing to a string cannot fail");
}
