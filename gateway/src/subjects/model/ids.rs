//! What a subject and its parts are called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{RecordId, read_base32, write_base32};
use crate::keys::random;
use crate::verification::NumberTag;

/// Names a subject: its shard and a keyed hash of (tenant, subject).
///
/// Its record is sealed under this id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SubjectKey(pub RecordId);

impl SubjectKey {
    /// The number record its verifications are counted under: what holds per
    /// number holds per subject.
    pub fn account(self) -> NumberTag {
        NumberTag(self.0.random)
    }
}

/// `mth_` and 16 digits: a keyed hash of subject and number, so the same number
/// is always the same method of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MethodId(pub [u8; 10]);

impl MethodId {
    const PREFIX: &'static str = "mth_";
    const LENGTH: usize = 16;

    /// `None` for anything that is not exactly what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        (digits.len() == Self::LENGTH).then_some(())?;
        let bits = read_base32(digits)?;
        bits.to_be_bytes().last_chunk().copied().map(Self)
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self
            .0
            .iter()
            .fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let digits = write_base32(bits, Self::LENGTH);
        write!(formatter, "{}{digits}", Self::PREFIX)
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Declares a random id of 128 bits with its prefix.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            pub fn draw() -> Self {
                Self(random())
            }

            /// `None` for anything that is not exactly what [`fmt::Display`] writes.
            pub fn parse(text: &str) -> Option<Self> {
                read_random(text.strip_prefix($prefix)?).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "{}"), write_random(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }
    };
}

random_id! {
    /// Names a number change: `chg_` and 26 digits.
    ChangeId, "chg_"
}
random_id! {
    /// Names an opened recovery: `rec_` and 26 digits.
    GrantId, "rec_"
}
random_id! {
    /// Names what waits for a second operator: `act_` and 26 digits.
    ActionId, "act_"
}

/// 26 digits hold 130 bits: the first may only carry three.
const RANDOM_LENGTH: usize = 26;

fn write_random(random: [u8; 16]) -> String {
    write_base32(u128::from_be_bytes(random), RANDOM_LENGTH)
}

fn read_random(digits: &str) -> Option<[u8; 16]> {
    (digits.len() == RANDOM_LENGTH).then_some(())?;
    (digits.bytes().next()? < b'8').then_some(())?;
    read_base32(digits).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_survives_its_text_form(short: [u8; 10], long: [u8; 16]) {
            let method = MethodId(short);
            prop_assert_eq!(MethodId::parse(&method.to_string()), Some(method));
            let change = ChangeId(long);
            prop_assert_eq!(ChangeId::parse(&change.to_string()), Some(change));
            prop_assert_eq!(GrantId::parse(&change.to_string()), None);
        }

        #[test]
        fn any_text_is_refused_or_is_the_one_spelling(text in "(mth_|act_)?[0-9a-zA-Z\u{0}-\u{ff}]{0,30}") {
            if let Some(id) = MethodId::parse(&text) {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Some(id) = ActionId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
