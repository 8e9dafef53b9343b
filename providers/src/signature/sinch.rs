//! Sinch's signature on SMS callbacks: HMAC-SHA256 over body, nonce and timestamp.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::{SecretError, hmac_keys, lately};
use crate::{ReceiptError, Secret};

const HEADER_SIGNATURE: &str = "x-sinch-webhook-signature";
const HEADER_NONCE: &str = "x-sinch-webhook-signature-nonce";
const HEADER_TIMESTAMP: &str = "x-sinch-webhook-signature-timestamp";
const HEADER_ALGORITHM: &str = "x-sinch-webhook-signature-algorithm";

/// The one algorithm that Sinch names and we take.
const ALGORITHM: &str = "HmacSHA256";

/// The secrets that sign the callbacks of one service plan; any of them verifies.
#[derive(Clone)]
pub struct SinchKeys(Vec<hmac::Key>);

impl SinchKeys {
    /// Takes the secrets as they stand.
    ///
    /// # Errors
    ///
    /// There is no secret, or one of them is empty.
    pub fn new(secrets: &[Secret]) -> Result<Self, SecretError> {
        hmac_keys(hmac::HMAC_SHA256, secrets).map(Self)
    }

    /// Believes a body only if one of the secrets signed it, lately.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if a header is missing or nothing fits;
    /// [`ReceiptError::Stale`] if a genuine signature is more than 5 minutes
    /// from `now_ms`, either way.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        let header = |name| headers.get(name).ok_or(ReceiptError::Signature);
        let signature = header(HEADER_SIGNATURE)?.as_bytes();
        let nonce = header(HEADER_NONCE)?.as_bytes();
        let timestamp = header(HEADER_TIMESTAMP)?.as_bytes();
        if headers
            .get(HEADER_ALGORITHM)
            .is_some_and(|algorithm| algorithm != ALGORITHM)
        {
            return Err(ReceiptError::Signature);
        }
        let mut is_genuine = false;
        for key in &self.0 {
            let expected = tag_base64(key, body, nonce, timestamp);
            is_genuine |= verify_slices_are_equal(signature, expected.as_bytes()).is_ok();
        }
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        let signed_s: u64 = std::str::from_utf8(timestamp)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(ReceiptError::Signature)?;
        lately(signed_s, now_ms)
    }

    /// What Sinch would send along; for tests that play Sinch.
    #[cfg(test)]
    pub(crate) fn sign(&self, headers: &mut HeaderMap, timestamp_s: u64, body: &[u8]) {
        let nonce = "01FJA8B4A7BM43YGWSG9GBV067";
        let timestamp = timestamp_s.to_string();
        let tag = tag_base64(&self.0[0], body, nonce.as_bytes(), timestamp.as_bytes());
        for (name, value) in [
            (HEADER_NONCE, nonce),
            (HEADER_TIMESTAMP, &timestamp),
            (HEADER_ALGORITHM, ALGORITHM),
            (HEADER_SIGNATURE, &tag),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
    }
}

fn tag_base64(key: &hmac::Key, body: &[u8], nonce: &[u8], timestamp: &[u8]) -> String {
    let mut signed = hmac::Context::with_key(key);
    for part in [body, b".", nonce, b".", timestamp] {
        signed.update(part);
    }
    STANDARD.encode(signed.sign())
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the tests of Sinch's own .NET SDK.
    const SECRET: &str = "foo_secret1234";
    const TIMESTAMP_S: u64 = 1_634_579_353;
    const SIGNATURE: &str = "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=";
    const BODY: &str = concat!(
        r#"{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z","#,
        r#""project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4","#,
        r#""contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1","#,
        r#""channel_identities":[{"channel":"SMS","identity":"48123456789","app_id":""}],"#,
        r#""display_name":"New Test Contact","email":"new.contact@email.com","#,
        r#""external_id":"","metadata":"","language":"EN_US"}},"message_metadata":""}"#,
    );

    fn keys(secrets: &[&str]) -> SinchKeys {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::from).collect();
        SinchKeys::new(&secrets).unwrap()
    }

    fn published() -> HeaderMap {
        let mut headers = HeaderMap::new();
        keys(&[SECRET]).sign(&mut headers, TIMESTAMP_S, BODY.as_bytes());
        assert_eq!(headers[HEADER_SIGNATURE], SIGNATURE);
        headers
    }

    fn verify(keys: &SinchKeys, headers: &HeaderMap, body: &str) -> Result<(), ReceiptError> {
        keys.verify(headers, body.as_bytes(), TIMESTAMP_S * 1000)
    }

    #[test]
    fn the_published_vector_verifies_by_any_secret() {
        let headers = published();
        assert_eq!(verify(&keys(&[SECRET]), &headers, BODY), Ok(()));
        assert_eq!(verify(&keys(&["new", SECRET]), &headers, BODY), Ok(()));
        let other = verify(&keys(&["new"]), &headers, BODY);
        assert_eq!(other, Err(ReceiptError::Signature));
    }

    #[test]
    fn one_flipped_byte_anywhere_is_refused() {
        let keys = keys(&[SECRET]);
        for name in [HEADER_SIGNATURE, HEADER_NONCE, HEADER_TIMESTAMP] {
            let mut headers = published();
            let mut value = headers[name].as_bytes().to_vec();
            value[5] ^= 1;
            headers.insert(name, http::HeaderValue::from_bytes(&value).unwrap());
            let outcome = verify(&keys, &headers, BODY);
            assert_eq!(outcome, Err(ReceiptError::Signature), "{name}");
            headers.remove(name);
            let outcome = verify(&keys, &headers, BODY);
            assert_eq!(outcome, Err(ReceiptError::Signature), "without {name}");
        }
        let body = BODY.replacen("New Test", "New Tesu", 1);
        let outcome = verify(&keys, &published(), &body);
        assert_eq!(outcome, Err(ReceiptError::Signature));
        let mut headers = published();
        headers.insert(HEADER_ALGORITHM, "HmacSHA1".parse().unwrap());
        let outcome = verify(&keys, &headers, BODY);
        assert_eq!(outcome, Err(ReceiptError::Signature));
    }

    #[test]
    fn a_replayed_callback_is_stale() {
        let keys = keys(&[SECRET]);
        for (now_s, expected) in [
            (TIMESTAMP_S + 300, Ok(())),
            (TIMESTAMP_S + 301, Err(ReceiptError::Stale)),
            (TIMESTAMP_S - 301, Err(ReceiptError::Stale)),
        ] {
            let outcome = keys.verify(&published(), BODY.as_bytes(), now_s * 1000);
            assert_eq!(outcome, expected, "{now_s}");
        }
    }

    #[test]
    fn secrets_must_be_given() {
        assert_eq!(SinchKeys::new(&[]).err(), Some(SecretError::Missing));
        let empty = SinchKeys::new(&["".into()]);
        assert_eq!(empty.err(), Some(SecretError::Empty));
    }
}
