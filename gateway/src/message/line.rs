//! What may stand in a line of a message, whoever wrote it.

use super::ValueError;

/// Shorter runs of digits are never taken for a code.
const CODE_DIGITS_MIN: usize = 4;

/// The text without its outer spaces, if it can stand in a line of a message.
pub(super) fn one_line(text: &str, characters_max: usize) -> Result<&str, ValueError> {
    let text = text.trim();
    // Bytes first: a body full of text is not worth counting.
    if text.len() > characters_max * 4 || text.chars().count() > characters_max {
        return Err(ValueError::TooLong);
    }
    if text.is_empty() {
        return Err(ValueError::Blank);
    }
    if text.chars().any(breaks_a_line) {
        return Err(ValueError::NotOneLine);
    }
    if has_sign(text) {
        return Err(ValueError::Sign);
    }
    if has_link(text) {
        return Err(ValueError::Link);
    }
    if has_code_like_run(text) {
        return Err(ValueError::CodeLike);
    }
    Ok(text)
}

/// Control characters, line and paragraph separators, and the invisible marks
/// that turn the direction of what follows.
fn breaks_a_line(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{2069}' | '\u{61C}' | '\u{FEFF}'
        )
}

/// The marks of the origin line, in either width.
pub(super) fn has_sign(text: &str) -> bool {
    text.contains(['@', '#', '\u{FF20}', '\u{FF03}'])
}

/// What phones turn into a link: a scheme, or a dot with letters on both sides.
pub(super) fn has_link(text: &str) -> bool {
    text.contains("://")
        || text.split_whitespace().any(|word| {
            word.split('.')
                .zip(word.split('.').skip(1))
                .any(|(front, back)| {
                    front.ends_with(char::is_alphanumeric)
                        && back
                            .chars()
                            .take_while(|letter| letter.is_alphabetic())
                            .count()
                            >= 2
                })
        })
}

/// A run of four digits or more, of any script.
pub(super) fn has_code_like_run(text: &str) -> bool {
    text.split(|character: char| !character.is_numeric())
        .any(|run| run.chars().count() >= CODE_DIGITS_MIN)
}
