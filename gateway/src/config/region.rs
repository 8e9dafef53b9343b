//! Sets of regions: which countries a tenant may send to, a route covers or a
//! bound counts.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rlibphonenumber::PHONE_NUMBER_UTIL;

/// How libphonenumber names numbers that belong to no country, such as
/// satellite phones and international freephone.
pub const NON_GEOGRAPHIC: &str = "001";

/// Regions by their ISO 3166 code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionSet {
    /// Every country; what is non-geographic still has to be named.
    is_every_country: bool,
    named: BTreeSet<String>,
}

impl RegionSet {
    pub fn contains(&self, region: &str) -> bool {
        (self.is_every_country && region != NON_GEOGRAPHIC) || self.named.contains(region)
    }

    pub fn is_empty(&self) -> bool {
        !self.is_every_country && self.named.is_empty()
    }

    /// The words of the configuration it was made from.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let all = self.is_every_country.then_some("*");
        all.into_iter().chain(self.named.iter().map(String::as_str))
    }
}

#[cfg(test)]
impl RegionSet {
    /// Exactly these codes.
    pub(crate) fn of<const N: usize>(codes: [&str; N]) -> Self {
        codes
            .into_iter()
            .map(|code| Region::Named(code.to_owned()))
            .collect()
    }
}

impl FromIterator<Region> for RegionSet {
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Self {
        let mut set = Self::default();
        for region in regions {
            match region {
                Region::EveryCountry => set.is_every_country = true,
                Region::Named(code) => {
                    set.named.insert(code);
                }
            }
        }
        set
    }
}

/// One word of a list of regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    EveryCountry,
    Named(String),
}

static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let countries = PHONE_NUMBER_UTIL
        .get_supported_regions()
        .map(|region| region.to_string());
    countries.chain([NON_GEOGRAPHIC.to_owned()]).collect()
});

/// Reads `US`, `001` or `*`.
pub(super) fn parse(text: &str) -> Result<Region, String> {
    if text == "*" {
        return Ok(Region::EveryCountry);
    }
    if KNOWN.contains(text) {
        return Ok(Region::Named(text.to_owned()));
    }
    let upper = text.to_ascii_uppercase();
    let hint = if KNOWN.contains(&upper) {
        format!("; did you mean {upper:?}?")
    } else if text.eq_ignore_ascii_case("uk") {
        "; did you mean \"GB\"?".to_owned()
    } else {
        String::new()
    };
    Err(format!(
        "must be ISO country codes such as \"US\", \"001\" for numbers of no country, or \"*\" for every country{hint}"
    ))
}

#[cfg(test)]
pub(crate) fn exists(code: &str) -> bool {
    KNOWN.contains(code)
}

/// How many leading digits of an E.164 number are its country calling code.
pub(super) fn country_code_digits(e164: &str) -> Option<u8> {
    let digits = e164.strip_prefix('+')?;
    (1_u8..=3).find(|length| {
        let code = digits
            .get(..usize::from(*length))
            .and_then(|code| code.parse::<i32>().ok());
        code.is_some_and(|code| CALLING_CODES.contains(&code))
    })
}

static CALLING_CODES: LazyLock<BTreeSet<i32>> =
    LazyLock::new(|| PHONE_NUMBER_UTIL.get_supported_calling_codes().collect());

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> RegionSet {
        words.iter().map(|word| parse(word).unwrap()).collect()
    }

    #[test]
    fn every_country_leaves_out_what_has_no_country_until_it_is_named() {
        assert!(set(&["*"]).contains("US"));
        assert!(!set(&["*"]).contains("001"));
        assert!(set(&["*", "001"]).contains("001"));
        assert!(!set(&["US"]).contains("GB"));
        assert!(!set(&[]).contains("US"));
    }

    #[test]
    fn a_region_that_does_not_exist_is_refused_with_what_was_meant() {
        assert!(parse("us").unwrap_err().contains("\"US\""));
        assert!(parse("UK").unwrap_err().contains("\"GB\""));
        assert!(parse("XX").is_err());
    }

    #[test]
    fn country_calling_codes_are_found_by_their_prefix() {
        assert_eq!(country_code_digits("+14155550123"), Some(1));
        assert_eq!(country_code_digits("+447700900123"), Some(2));
        assert_eq!(country_code_digits("+353871234567"), Some(3));
        assert_eq!(country_code_digits("+99955"), None);
    }
}
