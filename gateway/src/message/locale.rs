//! Which language a message is in: BCP 47 in, the nearest text we have out.

use std::fmt;

/// A well-formed BCP 47 language tag in its usual case: `en`, `pt-BR`, `zh-Hant-TW`.
///
/// Well-formed is all it is: the language need not exist, and a language without
/// texts falls back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locale(Box<str>);

/// The text is no language tag; the API answers `invalid_locale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed BCP 47 language tag")]
pub struct InvalidLocale;

/// Longer than any tag in use; RFC 5646 asks for room for 35.
const BYTES_MAX: usize = 64;

/// Tags from before the grammar that do not follow it and are still well-formed.
const IRREGULAR: [&str; 17] = [
    "en-gb-oed",
    "i-ami",
    "i-bnn",
    "i-default",
    "i-enochian",
    "i-hak",
    "i-klingon",
    "i-lux",
    "i-mingo",
    "i-navajo",
    "i-pwn",
    "i-tao",
    "i-tay",
    "i-tsu",
    "sgn-be-fr",
    "sgn-be-nl",
    "sgn-ch-de",
];

impl Locale {
    /// # Errors
    ///
    /// [`InvalidLocale`] if `text` is not well-formed, or longer than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidLocale> {
        if text.len() > BYTES_MAX {
            return Err(InvalidLocale);
        }
        let lower = text.to_ascii_lowercase();
        let subtags: Vec<&str> = lower.split('-').collect();
        let well_formed = IRREGULAR.contains(&lower.as_str()) || is_language_tag(&subtags);
        well_formed
            .then(|| Self(in_usual_case(&subtags).into()))
            .ok_or(InvalidLocale)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag, then ever more general ones: `zh-Hant-TW`, `zh-Hant`, `zh`.
    pub(super) fn fallbacks(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |tag| {
            tag.rsplit_once('-').map(|(general, _)| general)
        })
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The lower-case subtags not yet read.
struct Subtags<'a>(&'a [&'a str]);

impl Subtags<'_> {
    /// Reads the next subtag if `accepts` takes it.
    fn take_if(&mut self, accepts: impl Fn(&str) -> bool) -> bool {
        match self.0.split_first() {
            Some((next, rest)) if accepts(next) => {
                self.0 = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Reads all subtags that `accepts` takes, and counts them.
    fn take_while(&mut self, accepts: impl Fn(&str) -> bool) -> usize {
        let mut count = 0;
        while self.take_if(&accepts) {
            count += 1;
        }
        count
    }
}

/// `Langtag` or `privateuse` of RFC 5646.
fn is_language_tag(subtags: &[&str]) -> bool {
    let mut subtags = Subtags(subtags);
    if subtags.0.first() == Some(&"x") {
        return is_private_use(subtags);
    }
    if subtags.take_if(|tag| is_letters(tag, 2, 3)) {
        // Extended languages, such as zh-yue.
        for _ in 0..3 {
            subtags.take_if(|tag| is_letters(tag, 3, 3));
        }
    } else if !subtags.take_if(|tag| is_letters(tag, 4, 8)) {
        return false;
    }
    subtags.take_if(is_script);
    subtags.take_if(is_region);
    subtags.take_while(is_variant);
    while subtags.take_if(|tag| tag != "x" && is_alphanumeric(tag, 1, 1)) {
        if subtags.take_while(|tag| is_alphanumeric(tag, 2, 8)) == 0 {
            return false;
        }
    }
    subtags.0.is_empty() || is_private_use(subtags)
}

/// `x` and at least one subtag up to the end.
fn is_private_use(mut subtags: Subtags<'_>) -> bool {
    subtags.take_if(|tag| tag == "x")
        && subtags.take_while(|tag| is_alphanumeric(tag, 1, 8)) > 0
        && subtags.0.is_empty()
}

fn is_script(tag: &str) -> bool {
    is_letters(tag, 4, 4)
}

fn is_region(tag: &str) -> bool {
    is_letters(tag, 2, 2) || (tag.len() == 3 && tag.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_variant(tag: &str) -> bool {
    let starts_with_digit = tag.starts_with(|first: char| first.is_ascii_digit());
    is_alphanumeric(tag, 5, 8) || (starts_with_digit && is_alphanumeric(tag, 4, 4))
}

fn is_letters(tag: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_alphanumeric(tag: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&tag.len())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Scripts are written `Hant` and regions `TW`, but not behind a singleton.
fn in_usual_case(subtags: &[&str]) -> String {
    let mut text = String::with_capacity(BYTES_MAX);
    let mut behind_singleton = false;
    for (position, subtag) in subtags.iter().enumerate() {
        if position > 0 {
            text.push('-');
        }
        let mut letters = subtag.chars();
        match (position, behind_singleton, letters.next()) {
            (1.., false, Some(first)) if is_script(subtag) => {
                text.push(first.to_ascii_uppercase());
                text.push_str(letters.as_str());
            }
            (1.., false, Some(_)) if is_region(subtag) => {
                text.push_str(&subtag.to_ascii_uppercase());
            }
            _ => text.push_str(subtag),
        }
        behind_singleton |= subtag.len() == 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_formed_tags_are_taken_and_put_into_their_usual_case() {
        for (text, expected) in [
            ("en", "en"),
            ("EN-gb", "en-GB"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("zh-yue-HK", "zh-yue-HK"),
            ("de-CH-1901", "de-CH-1901"),
            ("sl-rozaj-biske", "sl-rozaj-biske"),
            ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
            ("en-a-bbbb-x-us-test", "en-a-bbbb-x-us-test"),
            ("x-whatever", "x-whatever"),
            ("i-klingon", "i-klingon"),
            ("tlh", "tlh"),
            ("qaa-Qaaa-QM", "qaa-Qaaa-QM"),
        ] {
            let locale = Locale::parse(text);
            assert_eq!(
                locale.as_ref().map(Locale::as_str),
                Ok(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn malformed_tags_are_refused() {
        for text in [
            "",
            "e",
            "-",
            "en-",
            "-en",
            "en--GB",
            "en_GB",
            "en GB",
            "en-GB\0",
            "englishlanguage",
            "en-a",
            "en-x",
            "x",
            "en-a-x-b",
            "12",
            "de-419-DE",
            "é",
            "en-GB-toolongsubtag",
            "i-nothing",
            &"en-".repeat(40),
            &format!("en{}", "-abcde".repeat(20)),
        ] {
            assert_eq!(Locale::parse(text), Err(InvalidLocale), "{text:?}");
        }
    }

    #[test]
    fn a_tag_falls_back_subtag_by_subtag() {
        let locale = Locale::parse("zh-Hant-TW").unwrap();
        let tags: Vec<_> = locale.fallbacks().collect();
        assert_eq!(tags, ["zh-Hant-TW", "zh-Hant", "zh"]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_locale_or_an_error(text in any::<String>()) {
            let _locale = Locale::parse(&text);
        }

        #[test]
        fn parsing_is_stable(text in "[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8}){0,4}") {
            if let Ok(locale) = Locale::parse(&text) {
                prop_assert_eq!(Locale::parse(locale.as_str()), Ok(locale.clone()));
            }
        }
    }
}
