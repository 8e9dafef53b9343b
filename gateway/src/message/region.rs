//! Languages with their regions: voices are named `en-US`, and some providers
//! refuse `en`.

use std::borrow::Cow;

/// The likely region of each language that has texts, by CLDR's likely subtags
/// (Unicode CLDR 46, `supplemental/likelySubtags`), but for Portuguese: CLDR says
/// Brazil, which has texts of its own, and ours for `pt` are Portugal's.
///
/// Sorted by tag.
const REGIONS: [(&str, &str); 56] = [
    ("af", "af-ZA"),
    ("ar", "ar-EG"),
    ("bg", "bg-BG"),
    ("bn", "bn-BD"),
    ("ca", "ca-ES"),
    ("cs", "cs-CZ"),
    ("da", "da-DK"),
    ("de", "de-DE"),
    ("el", "el-GR"),
    ("en", "en-US"),
    ("es", "es-ES"),
    ("et", "et-EE"),
    ("fa", "fa-IR"),
    ("fi", "fi-FI"),
    ("fil", "fil-PH"),
    ("fr", "fr-FR"),
    ("gu", "gu-IN"),
    ("he", "he-IL"),
    ("hi", "hi-IN"),
    ("hr", "hr-HR"),
    ("hu", "hu-HU"),
    ("id", "id-ID"),
    ("it", "it-IT"),
    ("ja", "ja-JP"),
    ("kn", "kn-IN"),
    ("ko", "ko-KR"),
    ("lt", "lt-LT"),
    ("lv", "lv-LV"),
    ("ml", "ml-IN"),
    ("mr", "mr-IN"),
    ("ms", "ms-MY"),
    ("nb", "nb-NO"),
    ("nl", "nl-NL"),
    ("no", "nb-NO"),
    ("pa", "pa-IN"),
    ("pl", "pl-PL"),
    ("pt", "pt-PT"),
    ("ro", "ro-RO"),
    ("ru", "ru-RU"),
    ("sk", "sk-SK"),
    ("sl", "sl-SI"),
    ("sr", "sr-RS"),
    ("sr-Latn", "sr-Latn-RS"),
    ("sv", "sv-SE"),
    ("sw", "sw-TZ"),
    ("ta", "ta-IN"),
    ("te", "te-IN"),
    ("th", "th-TH"),
    ("tr", "tr-TR"),
    ("uk", "uk-UA"),
    ("ur", "ur-PK"),
    ("vi", "vi-VN"),
    ("zh", "zh-CN"),
    ("zh-Hans", "zh-CN"),
    ("zh-Hant", "zh-TW"),
    ("zh-Hant-HK", "zh-HK"),
];

/// A language tag with its likely region. One that has a region, or that we have no
/// texts in, stays as it is.
pub fn with_region(locale: &str) -> Cow<'_, str> {
    let known = REGIONS
        .iter()
        .find(|(tag, _)| tag.eq_ignore_ascii_case(locale));
    match known {
        Some((_, full)) => Cow::Borrowed(full),
        None => Cow::Borrowed(locale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Locale, builtin_files};

    #[test]
    fn every_language_with_texts_gets_a_region() {
        for file in builtin_files() {
            let tag = file.name.strip_suffix(".ftl").unwrap();
            let full = with_region(tag);
            let region = full.rsplit('-').next().unwrap();
            let is_region =
                region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
            assert!(is_region, "{tag}: {full}");
            assert_eq!(Locale::parse(&full).unwrap().as_str(), full);
        }
    }

    #[test]
    fn the_table_is_sorted_and_names_each_tag_once() {
        assert!(REGIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn what_has_a_region_or_is_unknown_stays() {
        for tag in ["en-GB", "es-419", "de-CH-1901", "tlh", "x-whatever"] {
            assert_eq!(with_region(tag), tag);
        }
        assert_eq!(with_region("EN"), "en-US");
    }
}
