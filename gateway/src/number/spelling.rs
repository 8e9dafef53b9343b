//! What a person typed, reduced to what the engine may see: ASCII digits behind
//! at most one `+`. Whatever else a string can hold ends here.

use super::NumberError;

/// Longer than any number with its separators, shorter than any attack.
const CHARACTERS_MAX: usize = 32;

/// The zero of every block of decimal digits (Unicode general category Nd);
/// the other nine follow it.
const ZEROS: [u32; 77] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66,
    0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50,
    0x11DA0, 0x11DE0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE,
    0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// Reads the digits and the leading `+` out of `text`: `＋44 (0)7911` gives `+4407911`.
///
/// # Errors
///
/// [`NumberError::NotANumber`] at the first character that no spelling of a
/// number has, [`NumberError::TooLong`] past 32 characters.
pub(super) fn read(text: &str) -> Result<String, NumberError> {
    let mut spelled = String::with_capacity(CHARACTERS_MAX);
    for (position, character) in text.chars().enumerate() {
        if position == CHARACTERS_MAX {
            return Err(NumberError::TooLong);
        }
        if let Some(digit) = ascii_digit(character) {
            spelled.push(digit);
        } else if is_plus(character) && spelled.is_empty() {
            spelled.push('+');
        } else if !is_separator(character) {
            return Err(NumberError::NotANumber);
        }
    }
    if spelled.trim_start_matches('+').is_empty() {
        return Err(NumberError::NotANumber);
    }
    Ok(spelled)
}

/// The ASCII form of a decimal digit of any script.
fn ascii_digit(character: char) -> Option<char> {
    let code_point = u32::from(character);
    let block = ZEROS.partition_point(|&zero| zero <= code_point);
    let zero = ZEROS.get(block.checked_sub(1)?)?;
    char::from_digit(code_point - zero, 10)
}

fn is_plus(character: char) -> bool {
    matches!(character, '+' | '\u{FF0B}')
}

fn is_separator(character: char) -> bool {
    matches!(
        character,
        // Space, no-break space, narrow no-break space, ideographic space.
        ' ' | '\u{A0}' | '\u{202F}' | '\u{3000}'
        // The ASCII hyphen, the Unicode hyphens and dashes, the full-width hyphen.
        | '-' | '\u{2010}'
            ..='\u{2015}' | '\u{FF0D}' | '.' | '(' | ')' | '\u{FF08}' | '\u{FF09}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rlibphonenumber::PHONE_NUMBER_UTIL;

    use super::*;

    #[test]
    fn every_way_to_write_digits_and_separators_reads_the_same() {
        for spelling in [
            "+44 7911 123456",
            "+44-7911-123456",
            "(+44) 7911.123456",
            " +447911123456 ",
            "＋４４　７９１１（１２３４５６）",
            "+٤٤ ٧٩١١ ١٢٣٤٥٦",
            "+۴۴\u{A0}۷۹۱۱\u{202F}۱۲۳۴۵۶",
            "+४४‐७९११–१२३४५६",
            "+৪৪ ৭৯১১ ১২৩৪৫৬",
            "+๔๔ ๗๙๑๑ ๑๒๓๔๕๖",
            "+𝟒𝟒 𝟕𝟗𝟏𝟏 𝟏𝟐𝟑𝟒𝟓𝟔",
        ] {
            assert_eq!(
                read(spelling).as_deref(),
                Ok("+447911123456"),
                "{spelling:?}"
            );
        }
    }

    #[test]
    fn what_no_spelling_of_a_number_has_is_not_a_number() {
        for hostile in [
            "",
            "+",
            " - ",
            "++447911123456",
            "44+7911123456",
            "+44 7911 12345a",
            "1-800-FLOWERS",
            "+447911123456;ext=1",
            "tel:+447911123456",
            "+447911123456x1",
            "+4479\0",
            "\u{202A}+447911123456\u{202C}",
            "\u{200F}+447911123456",
            "+44\u{200B}7911123456",
            "+44\t7911",
            "+44\n7911",
            "+44/7911",
            "+44²",
            "Ⅳ4791112345",
            "五4791112345",
            "\u{FEFF}447911123456",
        ] {
            assert_eq!(read(hostile), Err(NumberError::NotANumber), "{hostile:?}");
        }
    }

    #[test]
    fn the_thirty_third_character_is_too_many() {
        assert_eq!(read(&"1".repeat(32)), Ok("1".repeat(32)));
        assert_eq!(read(&"1".repeat(33)), Err(NumberError::TooLong));
        assert_eq!(read(&" ".repeat(33)), Err(NumberError::TooLong));
        assert_eq!(read(&"7".repeat(10_240)), Err(NumberError::TooLong));
    }

    #[test]
    fn the_engine_knows_the_same_digits() {
        for character in char::MIN..=char::MAX {
            let engine = PHONE_NUMBER_UTIL.normalize_digits_only(character.to_string());
            let ours = ascii_digit(character).map(String::from).unwrap_or_default();
            assert_eq!(ours, engine, "U+{:04X}", u32::from(character));
        }
    }

    proptest! {
        #[test]
        fn only_a_plus_and_ascii_digits_come_out(text in any::<String>()) {
            if let Ok(spelled) = read(&text) {
                let digits = spelled.strip_prefix('+').unwrap_or(&spelled);
                prop_assert!(!digits.is_empty());
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert!(spelled.len() <= CHARACTERS_MAX);
            }
        }
    }
}
