//! A message text taken apart once at load, so that a send only joins pieces.

use std::fmt::Write;

use super::lint::Mistake;

/// What a text can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    Code,
    Brand,
    Minutes,
    Amount,
    Payee,
}

impl Placeholder {
    pub(super) const ALL: [Self; 5] = [
        Self::Code,
        Self::Brand,
        Self::Minutes,
        Self::Amount,
        Self::Payee,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Brand => "brand",
            Self::Minutes => "minutes",
            Self::Amount => "amount",
            Self::Payee => "payee",
        }
    }
}

#[derive(Debug)]
pub(super) enum Piece {
    Text(Box<str>),
    Value(Placeholder),
}

/// A text with its placeholders.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Box<[Piece]>,
}

/// What one message puts into the placeholders. No `Debug`: it holds the code.
pub(super) struct Values<'a> {
    pub(super) code: &'a str,
    pub(super) brand: &'a str,
    pub(super) minutes: u32,
    pub(super) minute_forms: &'a MinuteForms,
    pub(super) amount: &'a str,
    pub(super) currency: &'a str,
    pub(super) payee: &'a str,
}

impl Template {
    /// Takes `source` apart; `{name}` stands for a value, and braces for nothing else.
    pub(super) fn parse(source: &str) -> Result<Self, Mistake> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((text, behind)) = rest.split_once('{') {
            push_text(&mut pieces, text)?;
            let (name, behind) = behind.split_once('}').ok_or(Mistake::BraceOpen)?;
            let placeholder = Placeholder::ALL
                .into_iter()
                .find(|placeholder| placeholder.name() == name)
                .ok_or_else(|| Mistake::PlaceholderUnknown(name.to_owned()))?;
            pieces.push(Piece::Value(placeholder));
            rest = behind;
        }
        push_text(&mut pieces, rest)?;
        Ok(Self {
            pieces: pieces.into(),
        })
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The text with its values, in one string with `spare` bytes of room.
    pub(super) fn render(&self, values: &Values<'_>, spare: usize) -> String {
        let mut text = String::with_capacity(self.length(values) + spare);
        for piece in &self.pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Value(Placeholder::Code) => text.push_str(values.code),
                Piece::Value(Placeholder::Brand) => text.push_str(values.brand),
                Piece::Value(Placeholder::Minutes) => {
                    values.minute_forms.push(&mut text, values.minutes);
                }
                Piece::Value(Placeholder::Amount) => {
                    text.push_str(values.amount);
                    text.push(' ');
                    text.push_str(values.currency);
                }
                Piece::Value(Placeholder::Payee) => text.push_str(values.payee),
            }
        }
        text
    }

    /// At least how long the text becomes, in bytes; a little more than it is.
    fn length(&self, values: &Values<'_>) -> usize {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(fixed) => fixed.len(),
                Piece::Value(Placeholder::Code) => values.code.len(),
                Piece::Value(Placeholder::Brand) => values.brand.len(),
                Piece::Value(Placeholder::Minutes) => values.minute_forms.length(),
                Piece::Value(Placeholder::Amount) => {
                    values.amount.len() + values.currency.len() + 1
                }
                Piece::Value(Placeholder::Payee) => values.payee.len(),
            })
            .sum()
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), Mistake> {
    if text.contains('}') {
        return Err(Mistake::BraceClosed);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Ok(())
}

/// `1 minute`, `5 minutes`: the two forms most languages have for the minutes a
/// code lives. A language with more writes an abbreviation in both.
#[derive(Debug)]
pub(super) struct MinuteForms {
    one: (Box<str>, Box<str>),
    other: (Box<str>, Box<str>),
}

impl MinuteForms {
    /// Takes two texts with `{minutes}` once each.
    pub(super) fn parse(one: &str, other: &str) -> Result<Self, Mistake> {
        let split = |form: &str| {
            let (front, back) = form
                .split_once("{minutes}")
                .filter(|(front, back)| !front.contains(['{', '}']) && !back.contains(['{', '}']))
                .ok_or(Mistake::MinutesForm)?;
            Ok((front.into(), back.into()))
        };
        Ok(Self {
            one: split(one)?,
            other: split(other)?,
        })
    }

    /// The fixed words of both forms, for the lint.
    pub(super) fn texts(&self) -> [&str; 4] {
        [&self.one.0, &self.one.1, &self.other.0, &self.other.1]
    }

    pub(super) fn push(&self, text: &mut String, minutes: u32) {
        let (front, back) = if minutes == 1 { &self.one } else { &self.other };
        text.push_str(front);
        write!(text, "{minutes}").expect("writing to a string cannot fail");
        text.push_str(back);
    }

    fn length(&self) -> usize {
        const DIGITS: usize = 3;
        self.texts().iter().map(|text| text.len()).sum::<usize>() + DIGITS
    }
}
