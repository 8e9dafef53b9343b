//! What several providers' calls have in common: which of a vendor's voices
//! speaks a language, the documents of those that take XML, and URLs that say what
//! their callers do not.

use std::time::Duration;

use crate::contract::{CODE_REPETITIONS, KEY_WAIT, LAST_KEY_WAIT};
use crate::{CallDocument, CallStep, CallTurn, Extension};

/// Said of a URL that is asked when nobody pressed a key: some vendors tell that
/// by no word of their own.
pub(crate) const WAITED: &str = "waited=1";

/// The same URL, marked.
pub(crate) fn marked(url: &str, mark: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{mark}")
}

/// Whether a callback came to a URL with this mark.
pub(crate) fn has_mark(url: &str, mark: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair == mark)
}

/// The form of a setting that names the number calls come from.
pub(crate) fn caller(text: &str) -> Result<(), &'static str> {
    crate::PhoneNumber::from_e164(text, 1)
        .map(|_| ())
        .ok_or("must be a number in E.164, as +14155550100")
}

/// The one key in what a provider gathered.
pub(crate) fn key_of(digits: &str) -> Option<char> {
    let key = digits.chars().next()?;
    matches!(key, '0'..='9' | '*' | '#').then_some(key)
}

/// The vendor's name for a language, out of the ones it speaks: that very one, the
/// same without its region, or the first of the same language. `None` if it speaks
/// none of them.
pub(crate) fn voice_language<'a>(spoken: &[&'a str], wanted: &str) -> Option<&'a str> {
    let exact = spoken.iter().find(|one| one.eq_ignore_ascii_case(wanted));
    // Read by a Mandarin voice, Cantonese would be another language.
    let is_cantonese = ["zh-HK", "zh-MO"]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(wanted));
    if is_cantonese {
        return exact.copied();
    }
    let primary = primary_subtag(wanted);
    let is_traditional = ["-Hant", "-TW"].iter().any(|part| wanted.contains(part));
    let same = |one: &&&'a str| {
        let one = **one;
        let is_taiwan = one.ends_with("-TW");
        let fits_script = primary != "zh" || is_taiwan == is_traditional;
        canonical(primary_subtag(one)) == canonical(primary) && fits_script
    };
    let without_region = wanted.rsplit_once('-').map(|(general, _)| general);
    let general = spoken.iter().find(|one| Some(**one) == without_region);
    exact
        .or(general)
        .or_else(|| spoken.iter().find(same))
        .copied()
}

fn primary_subtag(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// Vendors and browsers have several words for some languages.
fn canonical(primary: &str) -> &str {
    match primary {
        "cmn" => "zh",
        "nb" | "nn" => "no",
        "fil" => "tl",
        "iw" => "he",
        "arb" => "ar",
        other => other,
    }
}

/// A vendor's verbs for what a call does.
pub(crate) struct Verbs {
    pub(crate) content_type: &'static str,
    /// Dials an extension; `None` where the provider took it along with the call.
    pub(crate) dial: Option<fn(&Extension) -> String>,
    /// Says a text in a language.
    pub(crate) say: fn(language: &str, text: &str) -> String,
    /// Between two repetitions of the code; empty where none may stand there.
    pub(crate) pause: &'static str,
    /// Says what is said so, waits so long for one key, which ends it at any time,
    /// and asks the URL, naming the key.
    pub(crate) gather: fn(said: &str, wait: Duration, asked: Asked<'_>) -> String,
}

/// Where a key is told, and what follows if there is none.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// That is told there too.
    WithoutKeyToo(&'a str),
    /// The document goes on.
    WithKey(&'a str),
}

impl<'a> Asked<'a> {
    pub(crate) fn call_url(self) -> &'a str {
        match self {
            Self::WithoutKeyToo(call_url) | Self::WithKey(call_url) => call_url,
        }
    }

    /// What stands behind the verb of a vendor that tells no silence by itself:
    /// it asks once more, by a URL that says so.
    pub(crate) fn redirect(self) -> String {
        match self {
            Self::WithoutKeyToo(call_url) => {
                let waited = escaped(&marked(call_url, WAITED));
                format!("<Redirect method=\"POST\">{waited}</Redirect>")
            }
            Self::WithKey(_) => String::new(),
        }
    }
}

/// What a call does next, in a vendor's XML.
pub(crate) fn document(turn: &CallTurn<'_>, verbs: &Verbs) -> CallDocument {
    CallDocument {
        content_type: verbs.content_type,
        body: written(turn, verbs).into(),
    }
}

/// The same, to go along with something else.
pub(crate) fn written(turn: &CallTurn<'_>, verbs: &Verbs) -> String {
    let said = |texts: &crate::CallTexts, text: &str| (verbs.say)(&texts.language, text);
    let content = match *turn {
        CallTurn::Ask {
            texts,
            call_url,
            extension,
        } => {
            let dialled = verbs.dial.zip(extension).map(|(dial, one)| dial(one));
            let greeting = said(texts, &texts.greeting);
            let asked = (verbs.gather)(&greeting, KEY_WAIT, Asked::WithoutKeyToo(call_url));
            dialled.unwrap_or_default() + &asked
        }
        CallTurn::Tell { texts, call_url } => {
            let code = said(texts, &texts.code);
            let keys = said(texts, &texts.keys);
            let again = format!("{}{code}", verbs.pause).repeat(CODE_REPETITIONS - 1);
            let all = format!("{code}{keys}{again}");
            let told = (verbs.gather)(&all, LAST_KEY_WAIT, Asked::WithKey(call_url));
            told + &said(texts, &texts.farewell)
        }
        CallTurn::Reported { texts } => said(texts, &texts.reported),
        CallTurn::Farewell { texts } => said(texts, &texts.farewell),
        CallTurn::HangUp => String::new(),
    };
    enclosed(&format!("{content}<Hangup/>"))
}

/// A whole document.
pub(crate) fn enclosed(content: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{content}</Response>")
}

/// What a question of a call is about that somebody has taken.
pub(crate) fn asked(url: &str, digits: Option<&str>) -> CallStep {
    match digits.and_then(key_of) {
        Some(key) => CallStep::Key(key),
        None if has_mark(url, WAITED) || digits.is_some() => CallStep::NoKey,
        None => CallStep::Answered,
    }
}

/// Text for XML: in an element, or in an attribute between double quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // XML 1.0 has no way to write these.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_spoken_as_it_is_or_in_its_first_country() {
        const SPOKEN: &[&str] = &[
            "cmn-CN", "cmn-TW", "de-DE", "en-US", "en-GB", "no-NO", "pt-BR",
        ];
        for (wanted, voice) in [
            ("en-GB", Some("en-GB")),
            ("en-gb", Some("en-GB")),
            ("en", Some("en-US")),
            ("de-AT", Some("de-DE")),
            ("pt-PT", Some("pt-BR")),
            ("zh", Some("cmn-CN")),
            ("zh-Hans", Some("cmn-CN")),
            ("zh-Hant", Some("cmn-TW")),
            ("zh-TW", Some("cmn-TW")),
            ("zh-HK", None),
            ("nb", Some("no-NO")),
            ("ka", None),
            ("", None),
        ] {
            assert_eq!(voice_language(SPOKEN, wanted), voice, "{wanted}");
        }
    }

    #[test]
    fn a_language_without_a_country_goes_before_another_country_s() {
        let spoken = ["en-GB", "en", "sr", "sr-Latn"];
        for (wanted, voice) in [
            ("en-GB", "en-GB"),
            ("en-US", "en"),
            ("sr-RS", "sr"),
            ("sr-Latn-RS", "sr-Latn"),
        ] {
            assert_eq!(voice_language(&spoken, wanted), Some(voice), "{wanted}");
        }
    }

    #[test]
    fn urls_callers_and_keys_are_read() {
        for url in ["https://a.example/c/1", "https://a.example/c/1?x=y"] {
            assert!(!has_mark(url, WAITED), "{url}");
            assert!(has_mark(&marked(url, WAITED), WAITED), "{url}");
        }
        assert!(caller("+14155550100").is_ok() && caller("ACME").is_err());
        assert_eq!(key_of("9"), Some('9'));
        assert_eq!(key_of("#"), Some('#'));
        assert_eq!(key_of(""), None);
        assert_eq!(key_of("x"), None);
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = "a<b>&\"'\u{0}";
        assert_eq!(escaped(text), "a&lt;b&gt;&amp;&quot;&apos; ");
    }
}
