//! The engine compiles a region's patterns at its first number, which costs up
//! to 20 ms. Done here, before the listener opens, no request pays it.

use std::time::Duration;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber as EngineNumber, PhoneNumberType};
use tokio::time::Instant;

use super::{Region, parse};

/// What warming did, for the start-up log.
#[derive(Clone, Copy, Debug)]
pub struct Warmed {
    pub number_count: usize,
    pub duration: Duration,
}

/// The types that have example numbers of their own in the metadata.
const EXAMPLE_TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// The version of Google's metadata inside `rlibphonenumber` 2.2.15, which does
/// not tell it; a test notices when the crate moves on.
const METADATA_VERSION: &str = "9.0.42";

/// The version of libphonenumber's metadata that decides about numbers.
pub fn metadata_version() -> &'static str {
    METADATA_VERSION
}

/// Parses every region's example numbers, so that all patterns are compiled.
///
/// Takes about a third of a second in a release build: call it from a blocking
/// thread. May be called more than once and from several threads.
pub fn warm() -> Warmed {
    let started = Instant::now();
    let number_count = PHONE_NUMBER_UTIL
        .get_supported_regions()
        .map(warm_region)
        .sum::<usize>()
        + PHONE_NUMBER_UTIL
            .get_supported_global_network_calling_codes()
            .filter_map(|code| {
                PHONE_NUMBER_UTIL
                    .get_example_number_for_non_geo_entity(code)
                    .ok()
            })
            .map(|example| warm_number(&example, None))
            .sum::<usize>();
    Warmed {
        number_count,
        duration: started.elapsed(),
    }
}

fn warm_region(region: rlibphonenumber::Region) -> usize {
    EXAMPLE_TYPES
        .into_iter()
        .filter_map(|line_type| {
            PHONE_NUMBER_UTIL
                .get_example_number_for_type_and_region(region, line_type)
                .ok()
        })
        .map(|example| warm_number(&example, Some(Region::from_engine(region))))
        .sum()
}

/// Parses one number as people abroad and at home write it, for both take
/// patterns of their own. Returns how many of the two were numbers.
fn warm_number(example: &EngineNumber, region: Option<Region>) -> usize {
    let national = example.get_national_significant_number();
    let international = format!("+{}{national}", example.country_code);
    usize::from(parse(&international, None).is_ok())
        + usize::from(region.is_some() && parse(&national, region).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warming_parses_examples_of_every_region() {
        let warmed = warm();
        let region_count = PHONE_NUMBER_UTIL.get_supported_regions().len();
        assert!(region_count >= 245, "{region_count} regions");
        assert!(
            warmed.number_count > 2 * region_count,
            "{} numbers",
            warmed.number_count
        );
    }

    #[test]
    fn the_metadata_version_is_the_one_of_the_locked_engine() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(
            lock.contains("name = \"rlibphonenumber\"\nversion = \"2.2.15\""),
            "rlibphonenumber has moved: take METADATA_VERSION from its readme"
        );
    }
}
