//! Who asks for a code: numbers and client addresses, each drawn once, so that
//! limits refuse nobody unless the scenario wants it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region};

/// The last digits of a number, in which numbering plans make no difference.
const TAIL: u64 = 10_000;
/// Before the tail, so many digits are tried.
const PREFIX_DIGITS: u32 = 3;
/// Coprime to every capacity below: consecutive numbers lie far apart.
const STRIDE: u64 = 1_000_000_007;
/// Tails that stand for all of their prefix.
const PROBES: [u64; 4] = [0, 1_234, 5_555, 9_999];
/// 16.0.0.0 to 95.255.255.255, less what is special.
const FIRST_ADDRESS: u32 = 0x1000_0000;
const ADDRESSES: u32 = 0x5000_0000;

/// Numbers of one country that can receive a code.
pub(crate) struct Country {
    /// As in `US`.
    pub(crate) code: String,
    /// E.164 numbers without their last four digits.
    prefixes: Vec<u64>,
    /// Where this run begins, so that the next one does not repeat it.
    offset: u64,
    drawn: AtomicU64,
}

/// An E.164 number without its `+`. Prints nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Number(pub(crate) u64);

impl Number {
    /// Reads what a carrier is given: `+` and digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let is_plain = digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_plain.then(|| digits.parse().ok())??;
        Some(Self(number))
    }
}

impl Country {
    /// Finds out which numbers of the country are mobile numbers.
    ///
    /// # Errors
    ///
    /// There is no such country, or hardly a number in it.
    pub(crate) fn new(code: &str, seed: u64) -> anyhow::Result<Self> {
        let prefixes = prefixes(code).with_context(|| format!("country {code:?}"))?;
        Ok(Self {
            code: code.to_owned(),
            offset: seed % (prefixes.len() as u64 * TAIL),
            prefixes,
            drawn: AtomicU64::new(0),
        })
    }

    /// A number that this run has not used, until all are used up.
    pub(crate) fn draw(&self) -> Number {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.at(self.offset.wrapping_add(drawn).wrapping_mul(STRIDE))
    }

    /// The next number of one single range.
    pub(crate) fn draw_in_one_range(&self) -> Number {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.at((self.offset / TAIL * TAIL).wrapping_add(drawn % TAIL))
    }

    fn at(&self, index: u64) -> Number {
        let index = index % self.capacity();
        let prefix = usize::try_from(index / TAIL).ok();
        let prefix = prefix.and_then(|prefix| self.prefixes.get(prefix));
        let prefix = prefix.expect("the index is below the capacity");
        Number(prefix * TAIL + index % TAIL)
    }

    /// How many numbers there are.
    pub(crate) fn capacity(&self) -> u64 {
        self.prefixes.len() as u64 * TAIL
    }
}

/// Prefixes all of whose numbers can receive an SMS, as far as probes tell.
fn prefixes(code: &str) -> anyhow::Result<Vec<u64>> {
    let region = Region::from_code(code).ok().context("no such country")?;
    let engine = &*PHONE_NUMBER_UTIL;
    let example = [PhoneNumberType::Mobile, PhoneNumberType::FixedLineOrMobile]
        .into_iter()
        .find_map(|kind| {
            engine
                .get_example_number_for_type_and_region(region, kind)
                .ok()
        })
        .context("it has no mobile numbers")?;
    let example: u64 = engine
        .format(&example, PhoneNumberFormat::E164)
        .trim_start_matches('+')
        .parse()?;
    let varied = 10_u64.pow(PREFIX_DIGITS);
    let fixed = example / (TAIL * varied);
    ensure!(fixed > 0, "its numbers are too short");
    let prefixes: Vec<u64> = (0..varied)
        .map(|digits| fixed * varied + digits)
        .filter(|prefix| {
            PROBES
                .iter()
                .all(|tail| receives_sms(region, prefix * TAIL + tail))
        })
        .collect();
    ensure!(!prefixes.is_empty(), "no range of numbers fits");
    Ok(prefixes)
}

fn receives_sms(region: Region, number: u64) -> bool {
    let engine = &*PHONE_NUMBER_UTIL;
    let Ok(parsed) = engine.parse(format!("+{number}"), None) else {
        return false;
    };
    let is_mobile = matches!(
        engine.get_number_type(&parsed),
        PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile
    );
    is_mobile && engine.get_region_for_number(&parsed) == Some(region)
}

/// Where requests come from.
#[derive(Clone)]
pub(crate) struct Addresses {
    offset: u32,
    /// Of all people, or of one crowd that shares few.
    among: u32,
    drawn: Arc<AtomicU32>,
}

impl Addresses {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            offset: (seed % u64::from(ADDRESSES)) as u32,
            among: ADDRESSES,
            drawn: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The same, for a crowd behind `count` addresses.
    pub(crate) fn shared(&self, count: u32) -> Self {
        Self {
            // Half a turn away, so that nobody else is behind them.
            offset: (self.offset + ADDRESSES / 2) % ADDRESSES,
            among: count.clamp(1, ADDRESSES),
            drawn: Arc::new(AtomicU32::new(0)),
        }
    }

    pub(crate) fn draw(&self) -> Ipv4Addr {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed) % self.among;
        let index = self.offset.wrapping_add(drawn) % ADDRESSES;
        Ipv4Addr::from(FIRST_ADDRESS + index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_drawn_is_new_and_can_receive_a_code() {
        for code in ["US", "GB", "DE", "FR", "BR", "IN", "LV", "ES"] {
            let country = Country::new(code, 987_654_321).unwrap();
            assert!(
                country.capacity() >= 100_000,
                "{code}: {}",
                country.capacity()
            );
            let region = Region::from_code(code).unwrap();
            let mut seen = HashSet::new();
            for _ in 0..2_000 {
                let number = country.draw();
                assert!(seen.insert(number.0), "{code} drew a number twice");
                assert!(receives_sms(region, number.0), "{code}");
            }
        }
    }

    #[test]
    fn numbers_of_one_range_follow_each_other() {
        let country = Country::new("LV", 1_234_567).unwrap();
        let first = country.draw_in_one_range().0;
        assert_eq!(country.draw_in_one_range().0, first + 1);
    }

    #[test]
    fn people_have_addresses_of_their_own_and_crowds_may_share_some() {
        let addresses = Addresses::new(u64::MAX);
        let own: HashSet<_> = (0..10_000).map(|_| addresses.draw()).collect();
        assert_eq!(own.len(), 10_000);
        let shared = addresses.shared(3);
        let few: HashSet<_> = (0..100).map(|_| shared.draw()).collect();
        assert_eq!(few.len(), 3);
        assert!(few.is_disjoint(&own));
    }

    #[test]
    fn an_unknown_country_is_named() {
        let error = Country::new("XX", 0).err().unwrap();
        assert!(format!("{error:#}").contains("XX"));
    }
}
