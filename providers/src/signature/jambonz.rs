//! jambonz: HMAC-SHA256 over time and body, in hexadecimal.

use aws_lc_rs::hmac;
use http::HeaderMap;

use super::{SecretError, hmac_keys, lately};
use crate::{ReceiptError, Secret};

/// `t=<s since the Unix epoch>,v1=<hex>`, and `v1` again while secrets change.
const HEADER: &str = "jambonz-signature";

/// More than any rotation needs; the rest of a longer list is not looked at.
const PARTS_MAX: usize = 16;

/// The webhook secrets of an account.
#[derive(Clone)]
pub struct JambonzKeys(Vec<hmac::Key>);

impl JambonzKeys {
    /// # Errors
    ///
    /// There is no secret, or one is empty.
    pub fn new(secrets: &[Secret]) -> Result<Self, SecretError> {
        hmac_keys(hmac::HMAC_SHA256, secrets).map(Self)
    }

    /// Believes a body only if one of the secrets signed it, lately.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if the header is missing or nothing in it fits;
    /// [`ReceiptError::Stale`] if a genuine signature is more than 5 minutes
    /// from `now_ms`, either way.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        let header = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let header = header.ok_or(ReceiptError::Signature)?;
        let parts = || {
            let pairs = header.split(',').take(PARTS_MAX);
            pairs.filter_map(|part| part.trim().split_once('='))
        };
        let timestamp = parts().find_map(|(name, value)| (name == "t").then_some(value));
        let timestamp = timestamp.ok_or(ReceiptError::Signature)?;
        let signed_at = digits(timestamp).ok_or(ReceiptError::Signature)?;
        let signed = [timestamp.as_bytes(), b".", body].concat();
        let mut is_genuine = false;
        for (_, signature) in parts().filter(|(name, _)| *name == "v1") {
            let Some(tag) = tag_of(signature) else {
                continue;
            };
            for key in &self.0 {
                is_genuine |= hmac::verify(key, &signed, &tag).is_ok();
            }
        }
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        lately(signed_at, now_ms)
    }
}

/// Digits only: `u64::from_str` would also take a leading `+`.
fn digits(text: &str) -> Option<u64> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// 32 bytes from lower-case hexadecimal.
fn tag_of(hex: &str) -> Option<[u8; 32]> {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut tag = [0; 32];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != tag.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(tag)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What jambonz sends beside a body.
    pub(crate) fn signed(secret: &str, now_ms: u64, body: &[u8]) -> HeaderMap {
        let timestamp = (now_ms / 1000).to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, &[timestamp.as_bytes(), b".", body].concat());
        let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let mut headers = HeaderMap::new();
        let header = format!("t={timestamp},v1={hex}").parse().unwrap();
        headers.insert(HEADER, header);
        headers
    }

    const BODY: &[u8] = br#"{"call_sid":"c1","call_status":"completed"}"#;
    const NOW_MS: u64 = 1_700_000_000_000;

    fn keys() -> JambonzKeys {
        JambonzKeys::new(&["wh_new".into(), "wh_old".into()]).unwrap()
    }

    /// Made with Python's `hmac.new(b"wh_old", b"1700000000." + body, "sha256")`.
    const VECTOR: &str =
        "t=1700000000,v1=1592b81e85c2868035fd4696e6c019fca7f05de474b4cb6cb654473e41605f5d";

    #[test]
    fn a_signature_made_elsewhere_is_believed_and_none_with_a_flipped_byte() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, VECTOR.parse().unwrap());
        assert_eq!(keys().verify(&headers, BODY, NOW_MS), Ok(()));
        for position in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[position] ^= 1;
            let verdict = keys().verify(&headers, &body, NOW_MS);
            assert_eq!(verdict, Err(ReceiptError::Signature), "{position}");
        }
        for position in 0..VECTOR.len() {
            let mut vector = VECTOR.as_bytes().to_vec();
            vector[position] ^= 1;
            headers.insert(HEADER, vector.as_slice().try_into().unwrap());
            assert!(keys().verify(&headers, BODY, NOW_MS).is_err(), "{position}");
        }
    }

    #[test]
    fn any_secret_verifies_but_not_for_ever() {
        for secret in ["wh_new", "wh_old"] {
            let headers = signed(secret, NOW_MS, BODY);
            let at = |now_ms| keys().verify(&headers, BODY, now_ms);
            assert_eq!(at(NOW_MS + 300_000), Ok(()));
            assert_eq!(at(NOW_MS - 301_000), Err(ReceiptError::Stale));
            assert_eq!(at(NOW_MS + 301_000), Err(ReceiptError::Stale));
        }
        let headers = signed("wh_other", NOW_MS, BODY);
        let verdict = keys().verify(&headers, BODY, NOW_MS);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        assert!(JambonzKeys::new(&[]).is_err());
        assert!(JambonzKeys::new(&["".into()]).is_err());
        for header in [
            "",
            "t=",
            "t=1700000000",
            "v1=00",
            "t=+1700000000,v1=00",
            "t=1,v1=zz",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, header.parse().unwrap());
            assert!(keys().verify(&headers, BODY, NOW_MS).is_err(), "{header}");
        }
        assert!(keys().verify(&HeaderMap::new(), BODY, NOW_MS).is_err());
    }
}
