//! MessageBird's signature on callbacks: a JWT that holds hashes of URL and body.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::{SecretError, sha256_hex};
use crate::{ReceiptError, Secret};

/// How far MessageBird's clock and ours may differ.
const LEEWAY_S: u64 = 5;

/// MessageBird's own token lives a minute; whatever says more is not believed longer.
const LIFETIME_MAX_S: u64 = 5 * 60;

/// More is not looked at: genuine tokens have some 450 bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// The signing keys of one account; any of them verifies.
#[derive(Clone)]
pub struct MessageBirdKeys(Vec<DecodingKey>);

#[derive(Deserialize)]
struct Claims {
    iss: String,
    nbf: u64,
    exp: u64,
    jti: String,
    url_hash: String,
    payload_hash: Option<String>,
}

impl MessageBirdKeys {
    /// Takes the signing keys as they stand.
    ///
    /// # Errors
    ///
    /// There is no key, or one of them is empty.
    pub fn new(signing_keys: &[Secret]) -> Result<Self, SecretError> {
        if signing_keys.is_empty() {
            return Err(SecretError::Missing);
        }
        let key_of = |key: &Secret| match key.expose() {
            "" => Err(SecretError::Empty),
            key => Ok(DecodingKey::from_secret(key.as_bytes())),
        };
        signing_keys
            .iter()
            .map(key_of)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether MessageBird called `url`, the public URL with its query, with
    /// this body, just now.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if not; [`ReceiptError::Stale`] if a genuine
    /// token is not valid yet, or no more.
    pub fn verify(
        &self,
        url: &str,
        body: &[u8],
        token: &[u8],
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        let claims = self.claims(token).ok_or(ReceiptError::Signature)?;
        let payload_hash = match (body, &claims.payload_hash) {
            ([], None) => None,
            ([_, ..], Some(hash)) => Some(hash),
            ([], Some(_)) | ([_, ..], None) => return Err(ReceiptError::Signature),
        };
        let fits = |hash: &str, bytes: &[u8]| {
            verify_slices_are_equal(hash.as_bytes(), sha256_hex(bytes).as_bytes()).is_ok()
        };
        let is_genuine = claims.iss == "MessageBird"
            && !claims.jti.is_empty()
            && fits(&claims.url_hash, url.as_bytes())
            && payload_hash.is_none_or(|hash| fits(hash, body));
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        let now_s = now_ms / 1000;
        let until_s = claims.exp.min(claims.nbf.saturating_add(LIFETIME_MAX_S));
        let is_too_early = now_s.saturating_add(LEEWAY_S) < claims.nbf;
        if is_too_early || now_s > until_s.saturating_add(LEEWAY_S) {
            return Err(ReceiptError::Stale);
        }
        Ok(())
    }

    /// What a token claims, if one of the keys signed it.
    fn claims(&self, token: &[u8]) -> Option<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        // The library would take the time from the machine; `verify` has its own.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        self.0.iter().find_map(|key| {
            let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
            decoded.ok().map(|token| token.claims)
        })
    }
}

/// What MessageBird would put into the header; for tests that play MessageBird.
#[cfg(test)]
pub(crate) fn sign(signing_key: &str, url: &str, body: &[u8], now_s: u64) -> String {
    let mut claims = serde_json::json!({
        "iss": "MessageBird",
        "nbf": now_s,
        "exp": now_s + 60,
        "jti": "59a244dc-e9ad-4e23-9778-371faa238f72",
        "url_hash": sha256_hex(url.as_bytes()),
    });
    if !body.is_empty() {
        claims["payload_hash"] = sha256_hex(body).into();
    }
    let key = jsonwebtoken::EncodingKey::from_secret(signing_key.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb";

    /// MessageBird's own vectors, as its libraries carry them.
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        #[serde(default)]
        secret: String,
        url: String,
        #[serde(default)]
        payload: String,
        timestamp: String,
        token: String,
        valid: bool,
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../testdata/messagebird_signature_jwt.json");
        serde_json::from_str(text).unwrap()
    }

    impl Vector {
        fn verify(&self, token: &[u8]) -> Result<(), ReceiptError> {
            let secret = if self.secret.is_empty() {
                KEY
            } else {
                &self.secret
            };
            let keys = MessageBirdKeys::new(&["new".into(), secret.into()]).unwrap();
            let now_ms = crate::request::parse_time_ms(&self.timestamp).unwrap();
            keys.verify(&self.url, self.payload.as_bytes(), token, now_ms)
        }
    }

    #[test]
    fn the_published_vectors_are_judged_as_published() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 16);
        for vector in vectors {
            let verified = vector.verify(vector.token.as_bytes());
            assert_eq!(verified.is_ok(), vector.valid, "{}", vector.name);
        }
    }

    #[test]
    fn one_flipped_byte_in_header_claims_or_signature_is_refused() {
        for vector in vectors().into_iter().filter(|vector| vector.valid) {
            for position in 0..vector.token.len() {
                let mut token = vector.token.clone().into_bytes();
                token[position] ^= 4;
                let refused = Err(ReceiptError::Signature);
                assert_eq!(vector.verify(&token), refused, "{position}");
            }
        }
    }

    #[test]
    fn a_token_is_believed_for_its_minute_only() {
        let keys = MessageBirdKeys::new(&[KEY.into()]).unwrap();
        let url = "https://example.com/?status=delivered";
        let token = sign(KEY, url, b"", 1000);
        for (now_s, expected) in [
            (994, Err(ReceiptError::Stale)),
            (995, Ok(())),
            (1065, Ok(())),
            (1066, Err(ReceiptError::Stale)),
        ] {
            let verified = keys.verify(url, b"", token.as_bytes(), now_s * 1000);
            assert_eq!(verified, expected, "{now_s}");
        }
    }

    #[test]
    fn signing_keys_must_be_given() {
        assert_eq!(MessageBirdKeys::new(&[]).err(), Some(SecretError::Missing));
        let empty = MessageBirdKeys::new(&["".into()]);
        assert_eq!(empty.err(), Some(SecretError::Empty));
    }

    proptest! {
        #[test]
        fn arbitrary_tokens_never_panic_and_are_never_genuine(
            token in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let keys = MessageBirdKeys::new(&[KEY.into()]).unwrap();
            prop_assert!(keys.verify("https://example.com/", b"", &token, 0).is_err());
        }
    }
}
