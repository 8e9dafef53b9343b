//! Which texts fit the alphabet of GSM 03.38: some providers want to be told.

/// Beside ASCII; what is escaped with a second septet is among them.
const BESIDE_ASCII: &str = "£¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¡ÄÖÑÜ§¿äöñüà€¤";

/// Whether every character of a text is in the alphabet or its extension.
pub(crate) fn fits(text: &str) -> bool {
    text.chars().all(|character| match character {
        '`' => false,
        '\n' | '\r' | ' '..='~' => true,
        other => BESIDE_ASCII.contains(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_outside_the_alphabet_is_enough() {
        assert!(fits("Your code is 428519.\n@£$ {}[]~^|\\€ Öß"));
        for outside in ["ё", "–", "`", "ё 1", "ç", "\t", "😀"] {
            assert!(!fits(outside), "{outside:?}");
        }
    }
}
