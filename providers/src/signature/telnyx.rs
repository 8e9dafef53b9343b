//! `telnyx-signature-ed25519`: Ed25519 over a timestamp and the body.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::lately;
use crate::ReceiptError;

const HEADER_SIGNATURE: &str = "telnyx-signature-ed25519";
const HEADER_TIMESTAMP: &str = "telnyx-timestamp";

const KEY_LENGTH: usize = 32;

/// What stands before the 32 bytes where a key comes as SubjectPublicKeyInfo
/// (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The public keys of one account; any of them verifies.
#[derive(Clone, Debug)]
pub struct TelnyxKeys(Vec<[u8; KEY_LENGTH]>);

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the base64 of an Ed25519 public key, of 32 bytes")]
pub struct PublicKeyError;

impl TelnyxKeys {
    /// Reads the key that the account's portal shows.
    ///
    /// # Errors
    ///
    /// It is no Ed25519 public key in base64.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, PublicKeyError> {
        let key_of = |text: &str| {
            let bytes = STANDARD.decode(text.trim()).ok()?;
            let raw = bytes.strip_prefix(&SPKI_PREFIX).unwrap_or(&bytes);
            <[u8; KEY_LENGTH]>::try_from(raw).ok()
        };
        let keys: Option<Vec<_>> = keys.into_iter().map(key_of).collect();
        let keys = keys.filter(|keys| !keys.is_empty());
        keys.map(Self).ok_or(PublicKeyError)
    }

    /// When Telnyx signed this body, in s since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if it did not; [`ReceiptError::Stale`] if
    /// that is more than 5 minutes from `now_ms`.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<u64, ReceiptError> {
        let header = |name| headers.get(name).ok_or(ReceiptError::Signature);
        let signature = STANDARD
            .decode(header(HEADER_SIGNATURE)?.as_bytes())
            .map_err(|_| ReceiptError::Signature)?;
        let timestamp = header(HEADER_TIMESTAMP)?;
        let signed_s = timestamp
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or(ReceiptError::Signature)?;
        let signed = [timestamp.as_bytes(), b"|", body].concat();
        let is_genuine = self.0.iter().any(|key| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(&signed, &signature).is_ok()
        });
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        lately(signed_s, now_ms)?;
        Ok(signed_s)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const NOW_S: u64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"data":{"event_type":"message.finalized"}}"#;

    /// Plays the account: a key of its own for each seed.
    pub(crate) fn account(seed: u8) -> (Ed25519KeyPair, String) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = STANDARD.encode(pair.public_key().as_ref());
        (pair, public)
    }

    /// The headers that Telnyx would send.
    pub(crate) fn sign(pair: &Ed25519KeyPair, timestamp_s: u64, body: &[u8]) -> HeaderMap {
        let signed = [format!("{timestamp_s}|").as_bytes(), body].concat();
        let signature = STANDARD.encode(pair.sign(&signed).as_ref());
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_SIGNATURE, signature.parse().unwrap());
        headers.insert(HEADER_TIMESTAMP, HeaderValue::from(timestamp_s));
        headers
    }

    fn hex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// Telnyx publishes no vector of its own; its scheme is plain Ed25519, of
    /// which this is test 3 of RFC 8032, section 7.1.
    #[test]
    fn the_published_vector_of_ed25519_verifies_and_a_flipped_byte_does_not() {
        let key = hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
        let signature = hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        );
        let verify = |message: &[u8], signature: &[u8]| {
            let key = UnparsedPublicKey::new(&ED25519, &key);
            key.verify(message, signature).is_ok()
        };
        assert!(verify(&hex("af82"), &signature));
        assert!(!verify(&hex("af83"), &signature));
        let mut flipped = signature;
        flipped[5] ^= 1;
        assert!(!verify(&hex("af82"), &flipped));
    }

    #[test]
    fn a_signed_body_verifies_and_a_flipped_byte_does_not() {
        let (pair, public) = account(7);
        let (_, another) = account(8);
        let keys = TelnyxKeys::new([&*another, &*public]).unwrap();
        let headers = sign(&pair, NOW_S, BODY);
        assert_eq!(keys.verify(&headers, BODY, NOW_S * 1000), Ok(NOW_S));

        for position in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[position] ^= 1;
            let verdict = keys.verify(&headers, &body, NOW_S * 1000);
            assert_eq!(verdict, Err(ReceiptError::Signature), "{position}");
        }
        let signature = STANDARD.decode(&headers[HEADER_SIGNATURE]).unwrap();
        for position in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[position] ^= 1;
            let mut headers = headers.clone();
            let encoded = STANDARD.encode(flipped).parse().unwrap();
            headers.insert(HEADER_SIGNATURE, encoded);
            let verdict = keys.verify(&headers, BODY, NOW_S * 1000);
            assert_eq!(verdict, Err(ReceiptError::Signature), "{position}");
        }
        let mut moved = headers;
        moved.insert(HEADER_TIMESTAMP, HeaderValue::from(NOW_S + 1));
        let verdict = keys.verify(&moved, BODY, NOW_S * 1000);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn a_genuine_signature_is_stale_after_five_minutes_either_way() {
        let (pair, public) = account(7);
        let keys = TelnyxKeys::new([&*public]).unwrap();
        let headers = sign(&pair, NOW_S, BODY);
        for (now_s, verdict) in [
            (NOW_S - 301, Err(ReceiptError::Stale)),
            (NOW_S - 300, Ok(NOW_S)),
            (NOW_S + 300, Ok(NOW_S)),
            (NOW_S + 301, Err(ReceiptError::Stale)),
        ] {
            assert_eq!(keys.verify(&headers, BODY, now_s * 1000), verdict);
        }
    }

    #[test]
    fn a_missing_or_unreadable_header_is_refused() {
        let (pair, public) = account(7);
        let keys = TelnyxKeys::new([&*public]).unwrap();
        for name in [HEADER_SIGNATURE, HEADER_TIMESTAMP] {
            for value in [None, Some("soon"), Some("-1"), Some("")] {
                let mut headers = sign(&pair, NOW_S, BODY);
                headers.remove(name);
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
                let verdict = keys.verify(&headers, BODY, NOW_S * 1000);
                assert_eq!(verdict, Err(ReceiptError::Signature), "{name} {value:?}");
            }
        }
    }

    #[test]
    fn a_key_is_taken_raw_or_with_its_algorithm_and_nothing_else_is() {
        let (pair, public) = account(7);
        let raw = STANDARD.decode(&public).unwrap();
        let spki = STANDARD.encode([SPKI_PREFIX.as_slice(), &raw].concat());
        let keys = TelnyxKeys::new([&*spki]).unwrap();
        let headers = sign(&pair, NOW_S, BODY);
        assert!(keys.verify(&headers, BODY, NOW_S * 1000).is_ok());
        for wrong in ["", "AAAA", "not base64", public.split_at(1).1] {
            assert_eq!(TelnyxKeys::new([wrong]).err(), Some(PublicKeyError));
        }
        assert_eq!(TelnyxKeys::new([]).err(), Some(PublicKeyError));
    }

    proptest! {
        #[test]
        fn arbitrary_input_never_panics_and_is_never_genuine(
            signature in prop::collection::vec(any::<u8>(), 0..100),
            body in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let (_, public) = account(7);
            let keys = TelnyxKeys::new([&*public]).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(HEADER_SIGNATURE, STANDARD.encode(signature).parse().unwrap());
            headers.insert(HEADER_TIMESTAMP, HeaderValue::from(NOW_S));
            prop_assert!(keys.verify(&headers, &body, NOW_S * 1000).is_err());
        }
    }
}
