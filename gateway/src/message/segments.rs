//! What an SMS will be billed as: the alphabet it needs and the parts it takes.

/// The alphabet an SMS is sent in. One character outside GSM-7 moves the whole
/// text to UCS-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

/// How an SMS is encoded and into how many segments it falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    pub count: usize,
    pub encoding: Encoding,
}

/// The GSM 03.38 alphabet beside ASCII letters and digits: one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

/// Its extension table: an escape and a septet.
const EXTENSION: &str = "\u{C}^{}\\[~]|€";

/// Units of one message, and of one part of a joined message, which gives six
/// bytes to the header that joins them.
const GSM7_UNITS: (usize, usize) = (160, 153);
const UCS2_UNITS: (usize, usize) = (70, 67);

/// Counts the segments of an SMS. An empty text is one, as networks bill it.
pub fn segment_count(text: &str) -> Segments {
    let septets: Option<usize> = text.chars().map(septets_of).sum();
    match septets {
        Some(total) => Segments {
            count: parts(total, text.chars().filter_map(septets_of), GSM7_UNITS),
            encoding: Encoding::Gsm7,
        },
        None => Segments {
            count: parts(
                text.chars().map(char::len_utf16).sum(),
                text.chars().map(char::len_utf16),
                UCS2_UNITS,
            ),
            encoding: Encoding::Ucs2,
        },
    }
}

/// How many units of its alphabet a text has: septets, or two bytes each.
pub(super) fn unit_count(text: &str) -> usize {
    let septets: Option<usize> = text.chars().map(septets_of).sum();
    septets.unwrap_or_else(|| text.chars().map(char::len_utf16).sum())
}

fn septets_of(character: char) -> Option<usize> {
    // Nearly all there is, so that the alphabet is searched for the rest alone.
    let is_usual = character.is_ascii_alphanumeric() || matches!(character, ' ' | '.' | ',');
    if is_usual || BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Fills parts one by one: a character of two units is never split.
fn parts(
    total: usize,
    widths: impl Iterator<Item = usize>,
    (single, joined): (usize, usize),
) -> usize {
    if total <= single {
        return 1;
    }
    let (full, _) = widths.fold((1, 0), |(count, used), width| {
        if used + width > joined {
            (count + 1, width)
        } else {
            (count, used + width)
        }
    });
    full
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_are_counted_as_networks_bill_them() {
        use Encoding::{Gsm7, Ucs2};
        for (text, count, encoding) in [
            (String::new(), 1, Gsm7),
            ("a".repeat(160), 1, Gsm7),
            ("a".repeat(161), 2, Gsm7),
            ("a".repeat(306), 2, Gsm7),
            ("a".repeat(307), 3, Gsm7),
            ("@#\n".repeat(50), 1, Gsm7),
            ("€".repeat(80), 1, Gsm7),
            ("€".repeat(81), 2, Gsm7),
            // 153 is odd: the last septet of each part stays empty.
            ("€".repeat(152), 2, Gsm7),
            ("€".repeat(153), 3, Gsm7),
            ("ç".to_owned(), 1, Ucs2),
            ("é".repeat(160), 1, Gsm7),
            ("я".repeat(70), 1, Ucs2),
            ("я".repeat(71), 2, Ucs2),
            ("я".repeat(134), 2, Ucs2),
            ("я".repeat(135), 3, Ucs2),
            ("😀".repeat(35), 1, Ucs2),
            ("😀".repeat(36), 2, Ucs2),
            // 67 is odd: a pair of surrogates stays together.
            ("😀".repeat(66), 2, Ucs2),
            ("😀".repeat(67), 3, Ucs2),
            (format!("{}`", "a".repeat(70)), 2, Ucs2),
        ] {
            assert_eq!(
                segment_count(&text),
                Segments { count, encoding },
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_alphabet_has_its_128_septets() {
        let basic = BASIC.chars().count() + 62;
        // The 128th is the escape to the extension table.
        assert_eq!((basic, EXTENSION.chars().count()), (127, 10));
    }

    proptest! {
        #[test]
        fn a_longer_text_never_takes_fewer_segments_of_its_alphabet(
            text in any::<String>(),
            more in "[a-z€]{0,20}",
        ) {
            let longer = format!("{text}{more}");
            prop_assert!(segment_count(&text).count <= segment_count(&longer).count);
        }
    }
}
