//! Where a number belongs: what tenants enable, routes match and limits count by.

use std::fmt;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::NumberError;

const NON_GEOGRAPHIC: Region = Region(*b"001");

/// A CLDR region that has a numbering plan (`GB`), or `001` for numbers that
/// belong to no country, such as satellite phones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region([u8; 3]);

impl Region {
    /// Takes two ASCII letters of either case, or `001`.
    ///
    /// # Errors
    ///
    /// [`NumberError::UnknownRegion`] if no numbering plan is known for it.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let region =
            rlibphonenumber::Region::from_code(text).map_err(|_| NumberError::UnknownRegion)?;
        let has_a_plan = region == rlibphonenumber::Region::World
            || PHONE_NUMBER_UTIL
                .get_country_code_for_region(region)
                .is_some();
        has_a_plan
            .then(|| Self::from_engine(region))
            .ok_or(NumberError::UnknownRegion)
    }

    /// `GB`, or `001`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0)
            .expect("a region is three ASCII bytes")
            .trim_end_matches('\0')
    }

    /// Whether it is `001`: tenants must name it to send there.
    pub fn is_non_geographic(self) -> bool {
        self == NON_GEOGRAPHIC
    }

    pub(super) fn from_engine(region: rlibphonenumber::Region) -> Self {
        match region.as_region_str().as_bytes() {
            [first, second] => Self([*first, *second, 0]),
            _ => NON_GEOGRAPHIC,
        }
    }

    pub(super) fn to_engine(self) -> rlibphonenumber::Region {
        rlibphonenumber::Region::from_code(self.as_str())
            .expect("every region came from the engine")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_with_a_numbering_plan_is_known_in_either_case() {
        for (text, expected) in [("GB", "GB"), ("us", "US"), ("Ac", "AC"), ("001", "001")] {
            assert_eq!(Region::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_has_no_numbering_plan_is_no_region() {
        for text in [
            "", "G", "GBR", "ZZ", "AQ", "UK", "00", "002", "G\0", "ＧＢ", "éa",
        ] {
            assert_eq!(
                Region::parse(text),
                Err(NumberError::UnknownRegion),
                "{text:?}"
            );
        }
    }

    #[test]
    fn every_region_of_the_engine_survives_the_round_trip() {
        for engine in PHONE_NUMBER_UTIL.get_supported_regions() {
            let region = Region::parse(&engine.as_region_str()).unwrap();
            assert_eq!(region.to_engine(), engine);
            assert!(!region.is_non_geographic());
        }
        assert!(Region::parse("001").unwrap().is_non_geographic());
    }
}
