//! Text that came from outside, made safe to stand in a page.

/// Longer texts are cut: a page is for reading, the JSON beside it has everything.
const TEXT_MAX: usize = 2_000;

/// Escapes `text` for element content and for quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(TEXT_MAX) + 16);
    for (at, c) in text.chars().enumerate() {
        if at == TEXT_MAX {
            safe.push('…');
            break;
        }
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push(c),
            c if c.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_text_is_cut_and_control_characters_are_shown_as_such() {
        assert_eq!(escape("a\u{1b}[31m\nb"), "a\u{fffd}[31m\nb");
        assert_eq!(escape(&"x".repeat(5_000)).chars().count(), TEXT_MAX + 1);
    }

    proptest! {
        #[test]
        fn nothing_escaped_opens_a_tag_or_ends_an_attribute(text in ".{0,80}|[<>&\"']{0,20}") {
            let safe = escape(&text);
            prop_assert!(!safe.contains(['<', '>', '"', '\'']));
            let back = safe
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
            let plain = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
            prop_assert_eq!(back, text.chars().map(plain).collect::<String>());
        }
    }
}
