//! Texts from right to left. Phones lay a line out by its first letter, and what
//! is Latin keeps its own order inside: a code beside a Latin name would swap
//! places with it. No mark is needed if a word of the language stands between.

use super::Mistake;
use crate::message::template::{Piece, Placeholder};

/// The invisible marks that set or isolate a direction.
pub(super) fn is_mark(character: char) -> bool {
    matches!(
        character,
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{61C}'
    )
}

/// What a line is made of, as far as its direction goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Letters from right to left.
    RightToLeft,
    /// Latin and other letters, and names, which are mostly Latin.
    LeftToRight,
    Code,
}

/// What phones would show in the wrong order, if the text has letters from right
/// to left at all.
pub(super) fn mistake(form: &[Piece]) -> Option<Mistake> {
    let lines = lines(form);
    if !lines
        .iter()
        .flatten()
        .any(|part| *part == Part::RightToLeft)
    {
        return None;
    }
    lines.iter().find_map(|line| line_mistake(line))
}

fn line_mistake(line: &[Part]) -> Option<Mistake> {
    let beside = line.windows(2).any(|pair| {
        matches!(
            pair,
            [Part::Code, Part::LeftToRight] | [Part::LeftToRight, Part::Code]
        )
    });
    if beside {
        return Some(Mistake::DirectionBeside);
    }
    // A line that is a name alone has nothing to be turned around.
    let is_turned = line.contains(&Part::RightToLeft)
        && line.iter().find(|part| **part != Part::Code) == Some(&Part::LeftToRight);
    is_turned.then_some(Mistake::DirectionBegins)
}

/// The parts of each line, those of one kind in a row as one.
fn lines(form: &[Piece]) -> Vec<Vec<Part>> {
    let mut lines = vec![Vec::new()];
    for piece in form {
        match piece {
            Piece::Text(text) => {
                for (index, line) in text.split('\n').enumerate() {
                    if index > 0 {
                        lines.push(Vec::new());
                    }
                    line.chars()
                        .filter_map(direction)
                        .for_each(|part| push(&mut lines, part));
                }
            }
            Piece::Value(Placeholder::Code | Placeholder::Undo | Placeholder::Report) => {
                push(&mut lines, Part::Code);
            }
            Piece::Value(Placeholder::Brand | Placeholder::Amount | Placeholder::Payee) => {
                push(&mut lines, Part::LeftToRight);
            }
            // Digits take the direction of what they stand in.
            Piece::Value(Placeholder::Minutes) => {}
        }
    }
    lines
}

fn push(lines: &mut [Vec<Part>], part: Part) {
    if let Some(line) = lines.last_mut()
        && line.last() != Some(&part)
    {
        line.push(part);
    }
}

fn direction(character: char) -> Option<Part> {
    match character {
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            if character.is_alphabetic() =>
        {
            Some(Part::RightToLeft)
        }
        _ if character.is_alphabetic() => Some(Part::LeftToRight),
        _ => None,
    }
}
