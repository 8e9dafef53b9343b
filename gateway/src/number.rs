//! Text to phone number: the first thing every send, lookup and route asks.
//! Says what the number is, or why not, and what may be sent there.
//!
//! The text passes `spelling` first, so the engine (`rlibphonenumber`, a port
//! of Google's) sees at most a `+` and 32 ASCII digits, whatever came in.

mod line_type;
mod region;
mod spelling;
mod warm;

use std::fmt::Write;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber as EngineNumber, ValidationError,
};
use watchword_providers::Channel;

pub use self::line_type::{LineType, NumberRefusal};
pub use self::region::Region;
pub use self::warm::{Warmed, metadata_version, warm};
pub use watchword_providers::PhoneNumber;

/// A valid number and what its numbering plan says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedNumber {
    pub number: PhoneNumber,
    pub region: Region,
    pub line_type: LineType,
}

/// Why a text is no number that anything could be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("not a phone number")]
    NotANumber,
    /// Written as at home, and nobody said where that is.
    #[error("a national number needs its region")]
    RegionNeeded,
    #[error("no numbering plan is known for the region")]
    UnknownRegion,
    #[error("no country has this calling code")]
    UnknownCountryCode,
    #[error("too short for a number of its country")]
    TooShort,
    #[error("too long for a number of its country")]
    TooLong,
    /// Between the shortest and the longest, but no number has this length.
    #[error("no number of its country has this length")]
    Impossible,
    /// The length fits; the range is not in the numbering plan.
    #[error("the numbering plan has no such number")]
    Unassigned,
}

impl NumberError {
    /// The stable word for API answers and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotANumber => "invalid_number",
            Self::RegionNeeded => "region_needed",
            Self::UnknownRegion => "unknown_region",
            Self::UnknownCountryCode => "unknown_country_code",
            Self::TooShort => "number_too_short",
            Self::TooLong => "number_too_long",
            Self::Impossible => "number_impossible",
            Self::Unassigned => "number_unassigned",
        }
    }
}

impl ParsedNumber {
    /// The channels the number may receive.
    pub fn channels(&self) -> &'static [Channel] {
        self.line_type.channels()
    }

    /// Whether a message over `channel` may go to the number.
    ///
    /// # Errors
    ///
    /// The reason why not, with the channels that would do.
    pub fn may_receive(&self, channel: Channel) -> Result<(), NumberRefusal> {
        self.line_type.may_receive(channel)
    }
}

/// Reads a number in any spelling people use.
///
/// `region` says where a number without `+` is dialled from. A leading `00`
/// means `+` where no region is given, and where the region's own plan makes
/// nothing of it: travellers type it from anywhere.
///
/// # Errors
///
/// Why `text` is no valid number. Any text gives an error at worst.
pub fn parse(text: &str, region: Option<Region>) -> Result<ParsedNumber, NumberError> {
    let spelled = spelling::read(text)?;
    let from_abroad = spelled.strip_prefix("00");
    if region.is_none() && from_abroad.is_none() && !spelled.starts_with('+') {
        return Err(NumberError::RegionNeeded);
    }
    match (region, from_abroad) {
        (None, Some(rest)) => recognise(&format!("+{rest}"), None),
        (Some(_), Some(rest)) => recognise(&spelled, region)
            .or_else(|error| recognise(&format!("+{rest}"), None).map_err(|_| error)),
        (None | Some(_), None) => recognise(&spelled, region),
    }
}

/// Has the engine find the number's plan and its range there.
fn recognise(spelled: &str, region: Option<Region>) -> Result<ParsedNumber, NumberError> {
    let engine = &*PHONE_NUMBER_UTIL;
    let number = engine
        .parse(spelled, region.map(Region::to_engine))
        .map_err(why_unreadable)?;
    // A number is valid exactly if it has a region there and a type: asking for
    // these two spares the engine's own validity check, a third search.
    let region = engine.get_region_for_number(&number);
    let line_type = LineType::from_engine(engine.get_number_type(&number));
    match (region, line_type) {
        (Some(region), Some(line_type)) => Ok(ParsedNumber {
            number: to_e164(&number)?,
            region: Region::from_engine(region),
            line_type,
        }),
        (None | Some(_), None) | (None, Some(_)) => Err(why_invalid(&number)),
    }
}

fn to_e164(number: &EngineNumber) -> Result<PhoneNumber, NumberError> {
    let leading_zeros = if number.italian_leading_zero() {
        usize::try_from(number.number_of_leading_zeros()).unwrap_or(0)
    } else {
        0
    };
    let mut e164 = String::with_capacity(24);
    write!(
        e164,
        "+{}{:0<leading_zeros$}{}",
        number.country_code, "", number.national_number
    )
    .expect("writing to a string cannot fail");
    let country_code_digits = match number.country_code {
        ..=9 => 1,
        10..=99 => 2,
        100.. => 3,
    };
    // The plans of some countries have numbers longer than E.164's 15 digits.
    PhoneNumber::from_e164(&e164, country_code_digits).ok_or(if e164.len() > "+".len() + 15 {
        NumberError::TooLong
    } else {
        NumberError::TooShort
    })
}

fn why_unreadable(error: ParseError) -> NumberError {
    match error {
        ParseError::InvalidCountryCode => NumberError::UnknownCountryCode,
        ParseError::NotANumber(_) => NumberError::NotANumber,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NumberError::TooShort,
        ParseError::TooLongNsn => NumberError::TooLong,
    }
}

fn why_invalid(number: &EngineNumber) -> NumberError {
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => NumberError::Unassigned,
        // Good for a call within one town: the area code is missing.
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            NumberError::TooShort
        }
        Err(ValidationError::TooLong) => NumberError::TooLong,
        Err(ValidationError::InvalidLength) => NumberError::Impossible,
        Err(ValidationError::InvalidCountryCode) => NumberError::UnknownCountryCode,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_in(text: &str, region: &str) -> Result<ParsedNumber, NumberError> {
        let region = (!region.is_empty()).then(|| Region::parse(region).unwrap());
        parse(text, region)
    }

    #[test]
    fn every_spelling_gives_one_number() {
        for (text, region) in [
            ("+447400123456", ""),
            ("+44 (0)7400 123456", ""),
            ("00447400123456", ""),
            ("00 44 7400-123456", "GB"),
            ("00447400123456", "US"),
            ("011 44 7400 123456", "US"),
            ("07400 123456", "GB"),
            ("7400123456", "GB"),
            ("(07400) 123456", "GB"),
            ("０７４００１２３４５６", "GB"),
            ("٠٧٤٠٠١٢٣٤٥٦", "GB"),
            ("+447400123456", "US"),
            ("447400123456", "GB"),
        ] {
            let parsed = parse_in(text, region).unwrap();
            assert_eq!(
                parsed.number.expose(),
                "+447400123456",
                "{text:?} in {region:?}"
            );
            assert_eq!(parsed.number.country_code_digits(), 2);
            assert_eq!(parsed.region.as_str(), "GB");
            assert_eq!(parsed.line_type, LineType::Mobile);
        }
    }

    #[test]
    fn region_and_line_type_come_from_the_numbering_plan() {
        for (text, region, line_type) in [
            ("+1 201 555 0123", "US", LineType::FixedLineOrMobile),
            ("+1 506 234 5678", "CA", LineType::FixedLineOrMobile),
            ("+1 242 359 1234", "BS", LineType::Mobile),
            ("+44 20 7946 0018", "GB", LineType::FixedLine),
            ("+44 56 1234 5678", "GB", LineType::Voip),
            ("+44 70 1234 5678", "GB", LineType::Personal),
            ("+44 900 123 4567", "GB", LineType::PremiumRate),
            ("+43 810 123456", "AT", LineType::SharedCost),
            ("+1 800 234 5678", "US", LineType::TollFree),
            ("+39 02 1234 5678", "IT", LineType::FixedLine),
            ("+800 1234 5678", "001", LineType::TollFree),
            ("+881 612 345 678", "001", LineType::Mobile),
        ] {
            let parsed = parse(text, None).unwrap();
            assert_eq!(
                (parsed.region.as_str(), parsed.line_type),
                (region, line_type),
                "{text}"
            );
        }
    }

    #[test]
    fn a_leading_zero_that_belongs_to_the_number_stays() {
        let parsed = parse("+39 02 1234 5678", None).unwrap();
        assert_eq!(parsed.number.expose(), "+390212345678");
    }

    #[test]
    fn each_refusal_has_its_own_reason() {
        for (text, region, code) in [
            ("hello", "", "invalid_number"),
            ("", "GB", "invalid_number"),
            ("1", "GB", "invalid_number"),
            ("07400 123456", "", "region_needed"),
            ("+999 123 4567", "", "unknown_country_code"),
            ("+0 123 4567", "", "unknown_country_code"),
            ("000 123 4567", "", "unknown_country_code"),
            ("+1 201 555", "", "number_too_short"),
            ("+1 555 0123", "", "number_too_short"),
            ("+44 7", "", "number_too_short"),
            ("+1 201 555 01234", "", "number_too_long"),
            ("+44 7400 1234567890", "", "number_too_long"),
            ("12345678901234567890123456789012", "GB", "number_too_long"),
            ("+41 78 123 45 678", "", "number_impossible"),
            ("+1 201 055 0123", "", "number_unassigned"),
            ("00 1 201 055 0123", "GB", "number_unassigned"),
        ] {
            let error = parse_in(text, region).unwrap_err();
            assert_eq!(error.code(), code, "{text:?} in {region:?}");
        }
    }

    #[test]
    fn nothing_that_prints_shows_the_number() {
        let parsed = parse("+44 7400 123456", None).unwrap();
        assert!(!format!("{parsed:?}").contains("7400"));
    }

    fn any_region() -> impl Strategy<Value = Option<Region>> {
        let mut regions: Vec<_> = PHONE_NUMBER_UTIL
            .get_supported_regions()
            .map(Region::from_engine)
            .chain(Region::parse("001"))
            .collect();
        regions.sort();
        proptest::option::of(proptest::sample::select(regions))
    }

    fn is_stable(text: &str, region: Option<Region>) -> Result<(), TestCaseError> {
        if let Ok(parsed) = parse(text, region) {
            let again = parse(parsed.number.expose(), None);
            prop_assert_eq!(again.as_ref(), Ok(&parsed));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_text_is_a_number_or_an_error(text in any::<String>(), region in any_region()) {
            is_stable(&text, region)?;
        }

        #[test]
        fn any_digits_are_a_number_or_an_error(
            text in "[+＋]?[0-9٠-٩]{1,32}",
            region in any_region(),
        ) {
            is_stable(&text, region)?;
        }

        #[test]
        fn any_digits_abroad_are_a_number_or_an_error(
            text in "(\\+|00|011)[1-9][0-9]{5,14}",
            region in any_region(),
        ) {
            is_stable(&text, region)?;
        }
    }
}
