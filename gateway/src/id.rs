//! Identifiers: they carry the shard that holds their record, so it is read
//! from the text and never recomputed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The hash slot that holds all records of one (tenant, number), or of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard(u16);

/// As many shards as three hexadecimal digits can name.
pub const SHARDS_MAX: u16 = 4096;

impl Shard {
    /// Every store has it.
    pub const FIRST: Self = Self(0);

    /// `None` past [`SHARDS_MAX`].
    pub fn new(number: u16) -> Option<Self> {
        (number < SHARDS_MAX).then_some(Self(number))
    }

    /// The shard of a keyed hash among `shard_count` shards.
    ///
    /// # Panics
    ///
    /// Never: `shard_count` is at least 1 and at most [`SHARDS_MAX`] by configuration,
    /// and zero counts as one.
    pub fn of_hash(hash: u64, shard_count: u16) -> Self {
        let count = u64::from(shard_count.clamp(1, SHARDS_MAX));
        Self(u16::try_from(hash % count).unwrap_or(0))
    }

    pub fn number(self) -> u16 {
        self.0
    }
}

/// Names one stored record: a verification, or a send-only delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordId {
    pub shard: Shard,
    pub random: [u8; 16],
}

/// `vrf_<shard><128 random bits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerificationId(pub RecordId);

/// `dlv_<shard><128 random bits><ordinal>`: a delivery is named by the record
/// that holds it and its ordinal there, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    pub record: RecordId,
    pub ordinal: u8,
}

/// One hexadecimal digit names it.
pub const ORDINAL_MAX: u8 = 15;

impl VerificationId {
    /// `None` for anything that is not exactly what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        RecordId::decode(text.strip_prefix("vrf_")?).map(Self)
    }
}

impl DeliveryId {
    /// `None` for anything that is not exactly what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("dlv_")?;
        let (record, ordinal) = rest.split_at_checked(RecordId::TEXT_LENGTH)?;
        let ordinal = u8::try_from(hex_value(ordinal)?).ok()?;
        (1..=ORDINAL_MAX).contains(&ordinal).then_some(())?;
        Some(Self {
            record: RecordId::decode(record)?,
            ordinal,
        })
    }
}

impl RecordId {
    const SHARD_LENGTH: usize = 3;
    const RANDOM_LENGTH: usize = 26;
    const TEXT_LENGTH: usize = Self::SHARD_LENGTH + Self::RANDOM_LENGTH;

    /// The shard and the random part, without the prefix that says what it is.
    pub fn decode(text: &str) -> Option<Self> {
        let (shard, random) = text.split_at_checked(Self::SHARD_LENGTH)?;
        Some(Self {
            shard: Shard::new(hex_value(shard)?)?,
            random: base32_decode(random)?,
        })
    }
}

impl RecordId {
    /// What [`fmt::Display`] writes, put together without its machinery: every
    /// request names its record several times.
    fn text(self) -> [u8; Self::TEXT_LENGTH] {
        let mut text = [b'0'; Self::TEXT_LENGTH];
        let (shard, random) = text.split_at_mut(Self::SHARD_LENGTH);
        let mut bits = u128::from(self.shard.0);
        for digit in shard.iter_mut().rev() {
            *digit = digit_of(bits & 15);
            bits >>= 4;
        }
        let mut bits = u128::from_be_bytes(self.random);
        for digit in random.iter_mut().rev() {
            *digit = digit_of(bits & 31);
            bits >>= 5;
        }
        text
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for VerificationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "vrf_{}", self.0)
    }
}

impl fmt::Debug for VerificationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "dlv_{}{:x}", self.record, self.ordinal)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Crockford's digits, lower case: no letter that looks like a number.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Its first sixteen are the hexadecimal ones.
fn digit_of(value: u128) -> u8 {
    let index = usize::try_from(value).unwrap_or(0);
    ALPHABET.get(index).copied().unwrap_or(b'0')
}

fn hex_value(text: &str) -> Option<u16> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.bytes().all(lower).then_some(())?;
    u16::from_str_radix(text, 16).ok()
}

fn base32_decode(text: &str) -> Option<[u8; 16]> {
    (text.len() == RecordId::RANDOM_LENGTH).then_some(())?;
    // 26 digits hold 130 bits: the first may only carry three.
    (text.bytes().next()? < b'8').then_some(())?;
    read_base32(text).map(u128::to_be_bytes)
}

/// The lowest bits of a number in so many digits of five bits each.
pub(crate) fn write_base32(bits: u128, digits: usize) -> String {
    let places = (0..digits).rev();
    let digit = |place: usize| {
        let shift = u32::try_from(place * 5).unwrap_or(u32::MAX);
        char::from(digit_of(bits.checked_shr(shift).unwrap_or(0) & 31))
    };
    places.map(digit).collect()
}

/// What [`write_base32`] wrote; nothing but its own digits is read.
pub(crate) fn read_base32(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |bits, byte| {
        let value = ALPHABET.iter().position(|digit| *digit == byte)?;
        Some((bits << 5) | u128::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_survives_its_text_form(shard in 0..SHARDS_MAX, random: [u8; 16], ordinal in 1..=ORDINAL_MAX) {
            let record = RecordId { shard: Shard::new(shard).unwrap(), random };
            let verification = VerificationId(record);
            prop_assert_eq!(VerificationId::parse(&verification.to_string()), Some(verification));
            let delivery = DeliveryId { record, ordinal };
            prop_assert_eq!(DeliveryId::parse(&delivery.to_string()), Some(delivery));
        }

        #[test]
        fn any_text_is_refused_or_is_the_one_spelling(text in "(vrf_|dlv_)?[0-9a-zA-Z_\u{0}-\u{ff}]{0,40}") {
            if let Some(id) = VerificationId::parse(&text) {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Some(id) = DeliveryId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn shards_past_the_last_are_refused() {
        assert_eq!(Shard::new(SHARDS_MAX), None);
        assert_eq!(Shard::of_hash(67, 64).number(), 3);
    }
}
