//! JSON Web Tokens as Vonage uses them: HS256 on its webhooks, with a hash of
//! the body among the claims, and RS256 on what an application asks of it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::{SecretError, lately, sha256_hex};
use crate::{ReceiptError, Secret};

/// Vonage's tokens have a few hundred bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// How long a token of ours is good for, as long as the vendor's libraries have it.
const LIFETIME_S: u64 = 15 * 60;

/// The signature secrets of one account; any of them verifies.
#[derive(Clone)]
pub struct VonageJwtKeys(Vec<hmac::Key>);

/// What is read of a webhook's token.
#[derive(Debug, Deserialize)]
pub struct WebhookClaims {
    /// When it was signed, in s since the Unix epoch.
    pub iat: u64,
    #[serde(default)]
    pub exp: Option<u64>,
    #[serde(default)]
    pub api_key: Option<String>,
    #[serde(default)]
    pub application_id: Option<String>,
    /// SHA-256 of the body, in hexadecimal digits.
    #[serde(default)]
    pub payload_hash: Option<String>,
}

#[derive(Deserialize)]
struct TokenHeader<'a> {
    alg: &'a str,
}

impl VonageJwtKeys {
    /// Takes the secrets as they stand.
    ///
    /// # Errors
    ///
    /// There is no secret, or one of them is empty.
    pub fn new(secrets: &[Secret]) -> Result<Self, SecretError> {
        if secrets.is_empty() {
            return Err(SecretError::Missing);
        }
        let key_of = |secret: &Secret| match secret.expose() {
            "" => Err(SecretError::Empty),
            secret => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
        };
        let keys: Result<_, _> = secrets.iter().map(key_of).collect();
        Ok(Self(keys?))
    }

    /// Believes a body only if its token was signed by one of the secrets,
    /// lately, and for this body.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if the token is missing, not ours or for
    /// another body; [`ReceiptError::Stale`] if it is more than 5 minutes from
    /// `now_ms` or has expired.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<WebhookClaims, ReceiptError> {
        let claims = self
            .claims(bearer_token(headers).ok_or(ReceiptError::Signature)?)
            .ok_or(ReceiptError::Signature)?;
        let claimed_hash = claims.payload_hash.as_deref().unwrap_or_default();
        let claimed_hash = claimed_hash.to_ascii_lowercase();
        verify_slices_are_equal(claimed_hash.as_bytes(), sha256_hex(body).as_bytes())
            .map_err(|_| ReceiptError::Signature)?;
        let now_s = now_ms / 1000;
        if claims.exp.is_some_and(|expires_s| expires_s < now_s) {
            return Err(ReceiptError::Stale);
        }
        lately(claims.iat, now_ms)?;
        Ok(claims)
    }

    /// The claims of a token by one of the secrets.
    fn claims(&self, token: &str) -> Option<WebhookClaims> {
        let (signed, tag) = token.rsplit_once('.')?;
        let (token_header, claims) = signed.split_once('.')?;
        let token_header = URL_SAFE_NO_PAD.decode(token_header).ok()?;
        let token_header: TokenHeader<'_> = serde_json::from_slice(&token_header).ok()?;
        // A token that could choose its algorithm could choose none.
        if token_header.alg != "HS256" {
            return None;
        }
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let mut is_genuine = false;
        for key in &self.0 {
            is_genuine |= hmac::verify(key, signed.as_bytes(), &tag).is_ok();
        }
        if !is_genuine {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// What Vonage would put into `Authorization`; for tests that play Vonage.
    #[cfg(test)]
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let token_header = encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{token_header}.{}", encode(&claims.to_string()));
        let tag = hmac::sign(&self.0[0], signed.as_bytes());
        format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES_MAX;
    fits.then_some(token.trim())
}

/// A private key that cannot sign for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an RSA key in PEM, of 2048 to 8192 bits")]
pub struct ApplicationKeyError;

/// An application's private key.
pub struct ApplicationKey {
    application_id: Box<str>,
    key: KeyPair,
}

#[derive(Serialize)]
struct ApplicationClaims<'a> {
    application_id: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

impl ApplicationKey {
    /// Reads the key that Vonage handed out with the application.
    ///
    /// # Errors
    ///
    /// It is no RSA key in PEM, or too short.
    pub fn new(application_id: &str, pem: &[u8]) -> Result<Self, ApplicationKeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| ApplicationKeyError)?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(_) | _ => return Err(ApplicationKeyError),
        };
        Ok(Self {
            application_id: application_id.into(),
            key: key.map_err(|_| ApplicationKeyError)?,
        })
    }

    /// `Authorization` for one request. `id` must not have been used before.
    ///
    /// `None` if the key cannot sign, which a key that was read can.
    pub fn authorization(&self, id: &str, now_ms: u64) -> Option<HeaderValue> {
        let now_s = now_ms / 1000;
        let claims = serde_json::to_vec(&ApplicationClaims {
            application_id: &self.application_id,
            iat: now_s,
            exp: now_s.saturating_add(LIFETIME_S),
            jti: id,
        });
        let token_header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{token_header}.{}", URL_SAFE_NO_PAD.encode(claims.ok()?));
        let mut tag = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut tag,
            )
            .ok()?;
        let text = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, UnparsedPublicKey};
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Of the vendor's Python library.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1a\
        WxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMyNTQ1NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88v\
        Jc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM";
    const SECRET: &str = "qwertyuiopasdfghjklzxcvbnm123456";
    const NOW_S: u64 = 1_697_634_680;

    fn keys(secrets: &[&str]) -> VonageJwtKeys {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::from).collect();
        VonageJwtKeys::new(&secrets).unwrap()
    }

    fn verify(claims: &serde_json::Value, body: &[u8]) -> Result<(), ReceiptError> {
        let keys = keys(&[SECRET]);
        let mut headers = HeaderMap::new();
        let authorization = keys.sign(claims).parse().unwrap();
        headers.insert(header::AUTHORIZATION, authorization);
        keys.verify(&headers, body, NOW_S * 1000).map(|_| ())
    }

    /// A key of its own for each run: none is kept in the repository.
    pub(crate) fn application_key_pem() -> (String, KeyPair) {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key);
        let encoded = STANDARD.encode(der.unwrap().as_ref());
        let begin = "-----BEGIN PRIVATE KEY-----";
        let pem = format!("{begin}\n{encoded}\n-----END PRIVATE KEY-----\n");
        (pem, key)
    }

    #[test]
    fn the_published_token_verifies_and_a_flipped_byte_does_not() {
        let claims = keys(&["new secret", SECRET]).claims(TOKEN).unwrap();
        assert_eq!(claims.iat, NOW_S);
        assert!(keys(&["asdf"]).claims(TOKEN).is_none());
        // The last character carries four bits that no byte holds.
        for position in 0..TOKEN.len() - 1 {
            let mut token = TOKEN.as_bytes().to_vec();
            token[position] ^= 1;
            let token = String::from_utf8(token).unwrap();
            let claims = keys(&[SECRET]).claims(&token);
            assert!(claims.is_none(), "flipped at {position}");
        }
    }

    #[test]
    fn a_token_is_for_one_body_and_for_a_while() {
        let hash = sha256_hex(b"{}");
        let signed_at = |iat: u64| verify(&json!({ "iat": iat, "payload_hash": hash }), b"{}");
        assert_eq!(signed_at(NOW_S), Ok(()));
        assert_eq!(signed_at(NOW_S - 300), Ok(()));
        assert_eq!(signed_at(NOW_S - 301), Err(ReceiptError::Stale));
        assert_eq!(signed_at(NOW_S + 301), Err(ReceiptError::Stale));

        let claims = json!({ "iat": NOW_S, "payload_hash": hash.to_uppercase() });
        assert_eq!(verify(&claims, b"{}"), Ok(()));
        assert_eq!(verify(&claims, b"[]"), Err(ReceiptError::Signature));
        let expired = json!({ "iat": NOW_S, "exp": NOW_S - 1, "payload_hash": hash });
        assert_eq!(verify(&expired, b"{}"), Err(ReceiptError::Stale));
        let for_any_body = json!({ "iat": NOW_S });
        assert_eq!(verify(&for_any_body, b"{}"), Err(ReceiptError::Signature));
        let timeless = json!({ "payload_hash": hash });
        assert_eq!(verify(&timeless, b"{}"), Err(ReceiptError::Signature));
    }

    #[test]
    fn a_token_cannot_choose_its_algorithm() {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{NOW_S}}}"#));
        for (algorithm, tag) in [("none", ""), ("HS512", "AAAA"), ("RS256", "AAAA")] {
            let head = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#));
            let claims = keys(&[SECRET]).claims(&format!("{head}.{claims}.{tag}"));
            assert!(claims.is_none(), "{algorithm}");
        }
    }

    #[test]
    fn an_application_s_token_verifies_with_its_public_key() {
        let (pem, key) = application_key_pem();
        let application = ApplicationKey::new("app-1", pem.as_bytes()).unwrap();
        let header = application.authorization("att_1", NOW_S * 1000).unwrap();
        assert!(header.is_sensitive());
        let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let (signed, tag) = token.rsplit_once('.').unwrap();
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        let public = UnparsedPublicKey::new(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            key.public_key().as_ref(),
        );
        assert!(public.verify(signed.as_bytes(), &tag).is_ok());
        let (_, claims) = signed.split_once('.').unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let expected = json!({
            "application_id": "app-1", "iat": NOW_S, "exp": NOW_S + 900, "jti": "att_1",
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        for pem in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        ] {
            let refused = ApplicationKey::new("app-1", pem.as_bytes()).err();
            assert_eq!(refused, Some(ApplicationKeyError), "{pem:?}");
        }
    }

    #[test]
    fn secrets_must_be_given() {
        assert_eq!(VonageJwtKeys::new(&[]).err(), Some(SecretError::Missing));
        let empty = VonageJwtKeys::new(&["".into()]);
        assert_eq!(empty.err(), Some(SecretError::Empty));
    }

    proptest! {
        #[test]
        fn arbitrary_tokens_never_panic_and_are_never_genuine(
            token in ".{0,200}",
            authorization in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let keys = keys(&[SECRET]);
            prop_assert!(keys.claims(&token).is_none());
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&authorization) {
                headers.insert(header::AUTHORIZATION, value);
            }
            let verdict = keys.verify(&headers, b"{}", NOW_S * 1000);
            prop_assert!(verdict.is_err());
        }
    }
}
