//! Recovery, bypass and sealed codes: drawn without bias, shown once, kept as a
//! slow hash.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::model::SlowHash;
use crate::id::write_base32;
use crate::keys::random;

/// Digits of a recovery code, 83 bits.
const RECOVERY_DIGITS: usize = 25;
/// Characters of a sealed code, five bits each.
const SEALED_CHARACTERS: usize = 30;
/// The shortest and longest bypass code.
pub const BYPASS_LENGTH_MIN: u8 = 8;
pub const BYPASS_LENGTH_MAX: u8 = 48;
/// What a guess at a stolen hash costs.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");

/// 25 digits in groups of five.
pub fn draw_recovery() -> Zeroizing<String> {
    grouped(&draw(RECOVERY_DIGITS, 10))
}

/// So many characters, brought into 8 to 48.
pub fn draw_bypass(length: u8) -> Zeroizing<String> {
    let length = length.clamp(BYPASS_LENGTH_MIN, BYPASS_LENGTH_MAX);
    draw(usize::from(length), 32)
}

/// 30 characters in groups of five, 150 bits.
pub fn draw_sealed() -> Zeroizing<String> {
    grouped(&draw(SEALED_CHARACTERS, 32))
}

/// The first 40 bits of a token as a message shows it: `K7QM-2XRP`.
pub fn short_token(token: &[u8; 16]) -> Zeroizing<String> {
    const CHARACTERS: usize = 8;
    let bits = u128::from_be_bytes(*token) >> (128 - 5 * CHARACTERS);
    let text = Zeroizing::new(write_base32(bits, CHARACTERS).to_ascii_uppercase());
    let (front, back) = text.split_at_checked(CHARACTERS / 2).unwrap_or((&text, ""));
    Zeroizing::new(format!("{front}-{back}"))
}

/// All bits of a token, as a webhook carries it for the tenant's own mail.
pub fn long_token(token: &[u8; 16]) -> Zeroizing<String> {
    Zeroizing::new(write_base32(u128::from_be_bytes(*token), 26).to_ascii_uppercase())
}

/// What people type, in the one spelling that is compared: upper case, without
/// spaces and dashes, look-alikes as the digit they look like.
pub fn normalise(typed: &str) -> Zeroizing<String> {
    let kept = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '‐' | '–' | '—'));
    let spelled = kept.map(|letter| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    Zeroizing::new(spelled.collect())
}

/// Hides that there is no code to compare with: nothing hashes to it.
pub(super) const NO_CODE: SlowHash = SlowHash {
    salt: [0; 16],
    rounds: ROUNDS.get(),
    hash: [0; 32],
};

/// Hashes a normalised code. Takes some tenths of a second: never on a thread
/// that serves requests.
pub fn hash(normalised: &str) -> SlowHash {
    hash_in(normalised, ROUNDS)
}

fn hash_in(normalised: &str, rounds: NonZeroU32) -> SlowHash {
    let salt: [u8; 16] = random();
    let mut hash = [0; 32];
    let secret = normalised.as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, secret, &mut hash);
    SlowHash {
        salt,
        rounds: rounds.get(),
        hash,
    }
}

/// Whether a normalised code is the hashed one. As slow as [`hash`].
pub fn verify(hash: &SlowHash, normalised: &str) -> bool {
    let Some(rounds) = NonZeroU32::new(hash.rounds) else {
        return false;
    };
    let secret = normalised.as_bytes();
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::verify(algorithm, rounds, &hash.salt, secret, &hash.hash).is_ok()
}

/// Characters of the first `base` digits of the alphabet, each as likely as any other.
fn draw(length: usize, base: u8) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let [byte] = random();
        if let Some(digit) = digit(byte, base) {
            text.push_str(&write_base32(u128::from(digit), 1).to_ascii_uppercase());
        }
    }
    text
}

/// The digit that a random byte stands for.
fn digit(byte: u8, base: u8) -> Option<u8> {
    // The last, incomplete round would make the low digits likelier.
    let whole_rounds = u8::MAX - u8::MAX % base;
    (byte < whole_rounds).then_some(byte % base)
}

fn grouped(text: &str) -> Zeroizing<String> {
    const GROUP: usize = 5;
    let mut groups = Zeroizing::new(String::with_capacity(text.len() + text.len() / GROUP));
    for (position, letter) in text.chars().enumerate() {
        if position > 0 && position % GROUP == 0 {
            groups.push('-');
        }
        groups.push(letter);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: NonZeroU32 = NonZeroU32::new(10).unwrap();

    #[test]
    fn a_code_verifies_however_it_is_typed() {
        let hash = hash_in(&normalise("K0LM1-2X"), FEW);
        for typed in ["k0lm1-2x", " KOLM I2X ", "K0–lm12X"] {
            assert!(verify(&hash, &normalise(typed)), "{typed}");
        }
        for typed in ["K0LM12Y", "", "K0LM12XX"] {
            assert!(!verify(&hash, &normalise(typed)), "{typed}");
        }
    }

    #[test]
    fn a_hash_without_rounds_verifies_nothing() {
        let mut hash = hash_in("A", FEW);
        hash.rounds = 0;
        assert!(!verify(&hash, "A"));
    }

    #[test]
    fn the_same_code_hashes_to_another_value_each_time() {
        assert_ne!(hash_in("A", FEW), hash_in("A", FEW));
    }

    #[test]
    fn codes_have_the_length_and_letters_they_promise() {
        let recovery = draw_recovery();
        let groups: Vec<usize> = recovery.split('-').map(str::len).collect();
        assert_eq!(groups, [5; 5]);
        let digits = normalise(&recovery);
        assert!(digits.len() == 25 && digits.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(normalise(&draw_sealed()).len(), 30);
        for (asked, length) in [(0, 8), (8, 8), (48, 48), (200, 48)] {
            assert_eq!(draw_bypass(asked).len(), length);
        }
        // What is drawn reads back as itself: it holds no look-alikes.
        let bypass = draw_bypass(48);
        assert_eq!(*normalise(&bypass), *bypass);
    }

    #[test]
    fn each_digit_is_as_likely_as_any_other() {
        for base in [10, 32] {
            let mut bytes_of = vec![0; usize::from(base)];
            for digit in (0..=u8::MAX).filter_map(|byte| digit(byte, base)) {
                bytes_of[usize::from(digit)] += 1;
            }
            assert!(bytes_of[0] > 0);
            assert!(bytes_of.iter().all(|count| *count == bytes_of[0]));
        }
    }

    #[test]
    fn a_short_token_is_the_front_of_the_long_one() {
        let token = [
            0xff, 0x00, 0xff, 0x00, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        ];
        assert_eq!(short_token(&token).len(), 9);
        assert_eq!(*short_token(&token), "ZW0F-Y07Z");
        assert_eq!(long_token(&token).len(), 26);
        assert_ne!(*short_token(&token), *short_token(&[0; 16]));
    }
}
