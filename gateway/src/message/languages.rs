//! The languages that have texts: which is nearest to the one asked for, and how
//! long its SMS become.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Locale;
use super::lint::longest_text;
use super::segments::{Segments, segment_count, unit_count};
use super::template::Template;

/// The languages there are, by their tags. Cheap to clone.
pub(super) type Languages<T> = BTreeMap<Arc<str>, Arc<T>>;

/// What an SMS text takes with the longest values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsLength {
    /// Which text: `sms`, `sms-brief`, `sms-payment`.
    pub id: &'static str,
    pub segments: Segments,
    /// In units of the alphabet: septets, or two bytes each.
    pub characters: usize,
}

/// The language of last resort; compiled in, so it is always there.
const DEFAULT_LOCALE: &str = "en";

/// Tags that mean a language under another name, and scripts that a region implies.
const ALIASES: [(&str, &str); 14] = [
    ("in", "id"),
    ("iw", "he"),
    ("nn", "nb"),
    ("no", "nb"),
    ("sh", "sr-Latn"),
    ("tl", "fil"),
    ("zh", "zh-CN"),
    ("zh-Hans", "zh-CN"),
    ("zh-Hant", "zh-TW"),
    ("zh-Hant-HK", "zh-HK"),
    ("zh-Hant-MO", "zh-HK"),
    ("zh-MO", "zh-HK"),
    ("zh-yue", "zh-HK"),
    ("yue", "zh-HK"),
];

/// The nearest of the languages: `en-GB`, then `en`, then the last resort.
pub(super) fn nearest_language<'a, T>(
    languages: &'a Languages<T>,
    locale: &Locale,
) -> (&'a Arc<str>, &'a T) {
    locale
        .fallbacks()
        .chain([DEFAULT_LOCALE])
        .find_map(|tag| {
            let found = languages.get_key_value(tag);
            found.or_else(|| languages.get_key_value(alias(tag)?))
        })
        .map(|(tag, texts)| (tag, &**texts))
        .expect("the default language is compiled in")
}

/// What a tag is called among our files, if it goes by another name there.
fn alias(tag: &str) -> Option<&'static str> {
    ALIASES
        .iter()
        .find(|(name, _)| *name == tag)
        .map(|(_, meant)| *meant)
}

/// How long texts become, by their ids.
pub(super) fn lengths_of(texts: &[(&'static str, &Template)]) -> Vec<SmsLength> {
    let lengths = texts.iter().map(|(id, template)| {
        let text = longest_text(template);
        SmsLength {
            id,
            segments: segment_count(&text),
            characters: unit_count(&text),
        }
    });
    lengths.collect()
}
