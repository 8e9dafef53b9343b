//! Which form of a word goes with a number, by the plural rules of CLDR.

use std::collections::BTreeSet;

use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

use super::Locale;

/// The categories by the words that Fluent has for them.
const NAMES: [(PluralCategory, &str); 6] = [
    (PluralCategory::ZERO, "zero"),
    (PluralCategory::ONE, "one"),
    (PluralCategory::TWO, "two"),
    (PluralCategory::FEW, "few"),
    (PluralCategory::MANY, "many"),
    (PluralCategory::OTHER, "other"),
];

/// Numbers among which every category of every language occurs.
const PROBES: [u32; 4] = [0, 100, 1_000, 1_000_000];
const PROBED_UP_TO: u32 = 100;

/// How one language counts.
pub(super) struct Plurals {
    /// `None`: a language of which CLDR knows nothing has one form.
    rules: Option<PluralRules>,
}

impl Plurals {
    pub(super) fn of(locale: &Locale) -> Self {
        let rules = locale.fallbacks().find_map(|tag| {
            let language: LanguageIdentifier = tag.parse().ok()?;
            PluralRules::create(language, PluralRuleType::CARDINAL).ok()
        });
        Self { rules }
    }

    /// The category of a number: `one`, `few`, `other`, ..
    pub(super) fn category(&self, number: u32) -> &'static str {
        let category = self
            .rules
            .as_ref()
            .and_then(|rules| rules.select(number).ok())
            .unwrap_or(PluralCategory::OTHER);
        NAMES
            .iter()
            .find(|(known, _)| *known == category)
            .map_or("other", |(_, name)| name)
    }

    /// Every category the language has for whole numbers; `other` always.
    pub(super) fn all(&self) -> BTreeSet<&'static str> {
        (1..=PROBED_UP_TO)
            .chain(PROBES)
            .map(|number| self.category(number))
            .chain(["other"])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plurals(tag: &str) -> Plurals {
        Plurals::of(&Locale::parse(tag).unwrap())
    }

    #[test]
    fn languages_count_as_cldr_says() {
        for (tag, number, category) in [
            ("en", 1, "one"),
            ("en-GB", 2, "other"),
            ("pl", 2, "few"),
            ("pl", 5, "many"),
            ("ar", 2, "two"),
            ("ar", 10, "few"),
            ("lv", 10, "zero"),
            ("sr-Latn", 3, "few"),
            ("ja", 1, "other"),
            ("zh-Hant-TW", 1, "other"),
            ("tlh", 1, "other"),
        ] {
            assert_eq!(plurals(tag).category(number), category, "{tag} {number}");
        }
    }

    #[test]
    fn the_forms_of_a_language_are_known() {
        let all = |tag| plurals(tag).all().into_iter().collect::<Vec<_>>();
        assert_eq!(all("de"), ["one", "other"]);
        assert_eq!(all("ru"), ["few", "many", "one", "other"]);
        assert_eq!(all("ar"), ["few", "many", "one", "other", "two", "zero"]);
        assert_eq!(all("ko"), ["other"]);
    }
}
