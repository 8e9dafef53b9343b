//! Standard Webhooks: HMAC-SHA256 over id, timestamp and body.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::{SecretError, lately};
use crate::{ReceiptError, Secret};

/// Names one message: the same on every repetition of it.
pub const HEADER_ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was signed, in s since the Unix epoch.
pub const HEADER_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Signatures by one or more secrets, space-separated.
pub const HEADER_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// More than any rotation needs; the rest of a longer list is not looked at.
const SIGNATURES_MAX: usize = 16;

const VERSION_PREFIX: &str = "v1,";
const TAG_BASE64_LENGTH: usize = 44;

/// Secrets are written by people: with or without the `=` at the end.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secrets shared with one partner: the first signs, any verifies.
#[derive(Clone)]
pub struct WebhookKeys {
    signing: hmac::Key,
    older: Vec<hmac::Key>,
}

impl WebhookKeys {
    /// Takes secrets as base64 behind `whsec_`, or anything else as it stands.
    ///
    /// # Errors
    ///
    /// There is no secret, or one of them cannot be read.
    pub fn new(secrets: &[Secret]) -> Result<Self, SecretError> {
        let mut keys = secrets.iter().map(key_of);
        let signing = keys.next().ok_or(SecretError::Missing)??;
        let older = keys.collect::<Result<_, _>>()?;
        Ok(Self { signing, older })
    }

    /// Sets the three headers that prove a body is ours.
    pub fn sign(&self, headers: &mut HeaderMap, id: HeaderValue, timestamp_s: u64, body: &[u8]) {
        let timestamp = HeaderValue::from(timestamp_s);
        let mut signature = [0; VERSION_PREFIX.len() + TAG_BASE64_LENGTH];
        let (prefix, tag) = signature.split_at_mut(VERSION_PREFIX.len());
        prefix.copy_from_slice(VERSION_PREFIX.as_bytes());
        tag.copy_from_slice(&tag_base64(
            &self.signing,
            id.as_bytes(),
            timestamp.as_bytes(),
            body,
        ));
        let signature = HeaderValue::from_bytes(&signature).expect("base64 is valid in a header");
        headers.insert(HEADER_ID, id);
        headers.insert(HEADER_TIMESTAMP, timestamp);
        headers.insert(HEADER_SIGNATURE, signature);
    }

    /// Believes a body only if one of the secrets signed it, lately.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if a header is missing or no signature fits;
    /// [`ReceiptError::Stale`] if a genuine signature is more than 5 minutes
    /// from `now_ms`, either way.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        let header = |name: HeaderName| headers.get(name).ok_or(ReceiptError::Signature);
        let id = header(HEADER_ID)?.as_bytes();
        let timestamp = header(HEADER_TIMESTAMP)?;
        let signatures = header(HEADER_SIGNATURE)?
            .to_str()
            .map_err(|_| ReceiptError::Signature)?;
        let timestamp_s = parse_timestamp(timestamp).ok_or(ReceiptError::Signature)?;

        let mut is_genuine = false;
        for key in std::iter::once(&self.signing).chain(&self.older) {
            let expected = tag_base64(key, id, timestamp.as_bytes(), body);
            for signature in signatures.split(' ').take(SIGNATURES_MAX) {
                let Some(tag) = signature.strip_prefix(VERSION_PREFIX) else {
                    continue;
                };
                is_genuine |= verify_slices_are_equal(tag.as_bytes(), &expected).is_ok();
            }
        }
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        lately(timestamp_s, now_ms)
    }
}

fn key_of(secret: &Secret) -> Result<hmac::Key, SecretError> {
    let bytes = match secret.expose().strip_prefix("whsec_") {
        Some(encoded) => SECRET_BASE64
            .decode(encoded)
            .map_err(|_| SecretError::Encoding)?,
        None => secret.expose().as_bytes().to_vec(),
    };
    let bytes = Zeroizing::new(bytes);
    if bytes.is_empty() {
        return Err(SecretError::Empty);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Digits only: `u64::from_str` would also take a leading `+`.
fn parse_timestamp(header: &HeaderValue) -> Option<u64> {
    let text = header.to_str().ok()?;
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

fn tag_base64(
    key: &hmac::Key,
    id: &[u8],
    timestamp: &[u8],
    body: &[u8],
) -> [u8; TAG_BASE64_LENGTH] {
    let mut signed = hmac::Context::with_key(key);
    for part in [id, b".", timestamp, b".", body] {
        signed.update(part);
    }
    let mut encoded = [0; TAG_BASE64_LENGTH];
    general_purpose::STANDARD
        .encode_slice(signed.sign(), &mut encoded)
        .expect("32 bytes are 44 in base64");
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use standardwebhooks::Webhook;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW_S: u64 = 1_614_265_330;

    fn keys(secrets: &[&str]) -> WebhookKeys {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::from).collect();
        WebhookKeys::new(&secrets).unwrap()
    }

    fn signed(keys: &WebhookKeys, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        keys.sign(&mut headers, HeaderValue::from_static("msg_1"), NOW_S, body);
        headers
    }

    #[test]
    fn the_published_vectors_are_signed_and_verified() {
        let vectors = [
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                SECRET,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                NOW_S,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        for (secret, id, timestamp_s, body, signature) in vectors {
            let keys = keys(&[secret]);
            let mut headers = HeaderMap::new();
            let id = HeaderValue::from_static(id);
            keys.sign(&mut headers, id, timestamp_s, body.as_bytes());
            assert_eq!(headers[HEADER_SIGNATURE], signature);
            let verdict = keys.verify(&headers, body.as_bytes(), timestamp_s * 1000);
            assert_eq!(verdict, Ok(()));
        }
    }

    #[test]
    fn one_wrong_character_in_the_signature_is_refused() {
        let keys = keys(&[SECRET]);
        let body = br#"{"test": 2432232314}"#;
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_static("msg_p5jXN8AQM9LWM0D4loKWxJek");
        keys.sign(&mut headers, id, NOW_S, body);
        headers.insert(
            HEADER_SIGNATURE,
            HeaderValue::from_static("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="),
        );
        let verdict = keys.verify(&headers, body, NOW_S * 1000);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn during_rotation_the_first_secret_signs_and_both_verify() {
        let (old, new) = (keys(&["old secret"]), keys(&["new secret", "old secret"]));
        let now_ms = NOW_S * 1000;
        assert_eq!(new.verify(&signed(&old, b"{}"), b"{}", now_ms), Ok(()));
        assert_eq!(new.verify(&signed(&new, b"{}"), b"{}", now_ms), Ok(()));
        assert_eq!(
            old.verify(&signed(&new, b"{}"), b"{}", now_ms),
            Err(ReceiptError::Signature)
        );
    }

    #[test]
    fn any_signature_of_the_list_suffices_and_other_versions_are_skipped() {
        let keys = keys(&[SECRET]);
        let mut headers = signed(&keys, b"{}");
        let genuine = headers[HEADER_SIGNATURE].to_str().unwrap();
        let list = format!("v1a,abc v1,wrong  {genuine}");
        headers.insert(HEADER_SIGNATURE, list.parse().unwrap());
        assert_eq!(keys.verify(&headers, b"{}", NOW_S * 1000), Ok(()));
    }

    #[test]
    fn a_signature_beyond_the_sixteenth_is_not_looked_at() {
        let keys = keys(&[SECRET]);
        let mut headers = signed(&keys, b"{}");
        let genuine = headers[HEADER_SIGNATURE].to_str().unwrap();
        let list = format!("{}{genuine}", "v1,x ".repeat(SIGNATURES_MAX));
        headers.insert(HEADER_SIGNATURE, list.parse().unwrap());
        let verdict = keys.verify(&headers, b"{}", NOW_S * 1000);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn a_genuine_signature_is_stale_after_five_minutes_either_way() {
        let keys = keys(&[SECRET]);
        let headers = signed(&keys, b"{}");
        for (now_s, verdict) in [
            (NOW_S - 301, Err(ReceiptError::Stale)),
            (NOW_S - 300, Ok(())),
            (NOW_S + 300, Ok(())),
            (NOW_S + 301, Err(ReceiptError::Stale)),
        ] {
            assert_eq!(keys.verify(&headers, b"{}", now_s * 1000), verdict);
        }
    }

    #[test]
    fn a_missing_or_unreadable_header_is_refused() {
        let keys = keys(&[SECRET]);
        for name in [HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE] {
            let mut headers = signed(&keys, b"{}");
            headers.remove(&name);
            let verdict = keys.verify(&headers, b"{}", NOW_S * 1000);
            assert_eq!(verdict, Err(ReceiptError::Signature), "{name}");
        }
        for timestamp in ["+1614265330", "-1", "", "99999999999999999999999", "soon"] {
            let mut headers = signed(&keys, b"{}");
            headers.insert(HEADER_TIMESTAMP, HeaderValue::from_static(timestamp));
            let verdict = keys.verify(&headers, b"{}", NOW_S * 1000);
            assert_eq!(verdict, Err(ReceiptError::Signature), "{timestamp:?}");
        }
    }

    #[test]
    fn unusable_secrets_are_told_apart() {
        let refused = |secrets: &[Secret]| WebhookKeys::new(secrets).err();
        assert_eq!(refused(&[]), Some(SecretError::Missing));
        assert_eq!(refused(&["".into()]), Some(SecretError::Empty));
        assert_eq!(refused(&["whsec_".into()]), Some(SecretError::Empty));
        assert_eq!(refused(&["whsec_*".into()]), Some(SecretError::Encoding));
        assert_eq!(
            refused(&["good".into(), "".into()]),
            Some(SecretError::Empty)
        );
        assert_eq!(refused(&["whsec_YWI".into()]), None);
    }

    proptest! {
        #[test]
        fn we_sign_what_the_reference_library_signs(
            secret in prop::collection::vec(any::<u8>(), 1..64),
            id in "[a-zA-Z0-9_-]{1,64}",
            timestamp_s in 0..=i64::MAX,
            body in ".{0,256}",
        ) {
            let encoded = format!("whsec_{}", general_purpose::STANDARD.encode(&secret));
            let ours = keys(&[&encoded]);
            let theirs = Webhook::from_bytes(secret).unwrap();
            let mut headers = HeaderMap::new();
            let timestamp_u64 = u64::try_from(timestamp_s).unwrap();
            ours.sign(&mut headers, id.parse().unwrap(), timestamp_u64, body.as_bytes());
            let expected = theirs.sign(&id, timestamp_s, body.as_bytes()).unwrap();
            prop_assert_eq!(headers[HEADER_SIGNATURE].to_str().unwrap(), expected);
            let verdict = ours.verify(&headers, body.as_bytes(), timestamp_u64.saturating_mul(1000));
            let clock_fits = timestamp_u64 < u64::MAX / 1000;
            prop_assert_eq!(verdict.is_ok(), clock_fits);
        }

        #[test]
        fn a_changed_body_is_refused(body in prop::collection::vec(any::<u8>(), 1..256), at in any::<prop::sample::Index>()) {
            let keys = keys(&[SECRET]);
            let headers = signed(&keys, &body);
            let mut changed = body;
            let position = at.index(changed.len());
            changed[position] ^= 1;
            let verdict = keys.verify(&headers, &changed, NOW_S * 1000);
            prop_assert_eq!(verdict, Err(ReceiptError::Signature));
        }

        #[test]
        fn arbitrary_headers_never_panic(
            id in prop::collection::vec(any::<u8>(), 0..40),
            timestamp in prop::collection::vec(any::<u8>(), 0..40),
            signature in prop::collection::vec(any::<u8>(), 0..200),
            now_ms in any::<u64>(),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in [(HEADER_ID, id), (HEADER_TIMESTAMP, timestamp), (HEADER_SIGNATURE, signature)] {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.insert(name, value);
                }
            }
            let verdict = keys(&[SECRET]).verify(&headers, b"{}", now_ms);
            prop_assert!(verdict.is_err());
        }
    }
}
