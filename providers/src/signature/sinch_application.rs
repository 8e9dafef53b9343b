//! Sinch's signature on what it asks of calls: HMAC-SHA256 over method, a hash of
//! the body, type, time and path.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header;

use super::SecretError;
use crate::request::parse_time_ms;
use crate::{Callback, ReceiptError, Secret};

const HEADER_TIMESTAMP: &str = "x-timestamp";

/// How far a timestamp may lie in the past or in the future.
const TOLERANCE_MS: u64 = 5 * 60 * 1000;

/// Sinch's own libraries read secrets as leniently.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The key and secrets of one application; any of the secrets verifies.
#[derive(Clone)]
pub struct SinchApplicationKeys {
    application_key: Box<str>,
    secrets: Vec<hmac::Key>,
}

impl SinchApplicationKeys {
    /// Takes secrets as base64, as the dashboard shows them.
    ///
    /// # Errors
    ///
    /// There is no secret, or one of them cannot be read.
    pub fn new(application_key: &str, secrets: &[Secret]) -> Result<Self, SecretError> {
        if secrets.is_empty() {
            return Err(SecretError::Missing);
        }
        let key_of = |secret: &Secret| {
            let url_safe =
                zeroize::Zeroizing::new(secret.expose().replace('+', "-").replace('/', "_"));
            let bytes = SECRET_BASE64
                .decode(&**url_safe)
                .map_err(|_| SecretError::Encoding)?;
            let bytes = zeroize::Zeroizing::new(bytes);
            if bytes.is_empty() {
                return Err(SecretError::Empty);
            }
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        Ok(Self {
            application_key: application_key.into(),
            secrets: secrets.iter().map(key_of).collect::<Result<_, _>>()?,
        })
    }

    /// Believes a callback only if one of the secrets signed it, lately.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if a header is missing or nothing fits;
    /// [`ReceiptError::Stale`] if a genuine signature is more than 5 minutes from
    /// now, either way.
    pub fn verify(&self, callback: &Callback<'_>) -> Result<(), ReceiptError> {
        let header = |name: &str| {
            let value = callback.headers.get(name)?;
            value.to_str().ok()
        };
        let authorization = header(header::AUTHORIZATION.as_str());
        let signature = authorization
            .and_then(|text| text.strip_prefix("Application "))
            .and_then(|text| text.split_once(':'))
            .filter(|(key, _)| *key == &*self.application_key)
            .map(|(_, signature)| signature)
            .ok_or(ReceiptError::Signature)?;
        let timestamp = header(HEADER_TIMESTAMP).ok_or(ReceiptError::Signature)?;
        let content_type = header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let path = path_of(callback.url).ok_or(ReceiptError::Signature)?;
        let signed = signed_text(callback, content_type, timestamp, path);
        let mut is_genuine = false;
        for secret in &self.secrets {
            let expected = STANDARD.encode(hmac::sign(secret, signed.as_bytes()));
            is_genuine |=
                verify_slices_are_equal(signature.as_bytes(), expected.as_bytes()).is_ok();
        }
        if !is_genuine {
            return Err(ReceiptError::Signature);
        }
        let signed_ms = parse_time_ms(timestamp).ok_or(ReceiptError::Signature)?;
        if signed_ms.abs_diff(callback.now_ms) > TOLERANCE_MS {
            return Err(ReceiptError::Stale);
        }
        Ok(())
    }

    /// What Sinch would put into `Authorization`; for tests that play Sinch.
    #[cfg(test)]
    pub(crate) fn sign(&self, callback: &Callback<'_>, timestamp: &str) -> String {
        let content_type = callback.headers[header::CONTENT_TYPE].to_str().unwrap();
        let path = path_of(callback.url).unwrap();
        let signed = signed_text(callback, content_type, timestamp, path);
        let tag = hmac::sign(&self.secrets[0], signed.as_bytes());
        format!(
            "Application {}:{}",
            self.application_key,
            STANDARD.encode(tag)
        )
    }
}

fn signed_text(callback: &Callback<'_>, content_type: &str, timestamp: &str, path: &str) -> String {
    let method = callback.method;
    let body_hash = if callback.body.is_empty() {
        String::new()
    } else {
        STANDARD.encode(md5::compute(callback.body).0)
    };
    format!("{method}\n{body_hash}\n{content_type}\n{HEADER_TIMESTAMP}:{timestamp}\n{path}")
}

/// The path of a URL, without its query.
fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.get(rest.find('/')?..)?;
    path.split('?').next()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    // From the tests of Sinch's own library for Node.
    const KEY: &str = "app-key";
    const SECRET: &str = "app-secret";
    const BODY: &[u8] =
        br#"{"id":"018d2104-aaa-bbbb-1234","price":{"amount":0.0308},"rate":{"amount":0.0}}"#;
    const TIMESTAMP: &str = "2024-01-19T09:19:28.9372196Z";
    const AUTHORIZATION: &str = "Application app-key:p7hUz20oz16Fhfogs4Z0X+VA/Nhuu505I1alXYqwlKw=";
    const NOW_MS: u64 = 1_705_655_968_937;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", AUTHORIZATION),
            ("content-type", "application/json; charset=utf-8"),
            (HEADER_TIMESTAMP, TIMESTAMP),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    fn verify_at(
        headers: &HeaderMap,
        url: &str,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        let keys = SinchApplicationKeys::new(KEY, &["bmV3".into(), SECRET.into()]).unwrap();
        keys.verify(&Callback {
            method: &Method::POST,
            url,
            headers,
            body,
            now_ms,
        })
    }

    const URL: &str = "https://otp.example.com/webhook?x=y";

    #[test]
    fn the_published_vector_verifies_until_it_is_stale() {
        for (now_ms, expected) in [
            (NOW_MS, Ok(())),
            (NOW_MS + TOLERANCE_MS, Ok(())),
            (NOW_MS + TOLERANCE_MS + 1, Err(ReceiptError::Stale)),
            (NOW_MS - TOLERANCE_MS - 1, Err(ReceiptError::Stale)),
        ] {
            assert_eq!(verify_at(&headers(), URL, BODY, now_ms), expected);
        }
    }

    #[test]
    fn one_flipped_byte_anywhere_is_refused() {
        let refused = Err(ReceiptError::Signature);
        for name in ["authorization", "content-type", HEADER_TIMESTAMP] {
            let length = headers()[name].len();
            for position in 0..length {
                let mut headers = headers();
                let mut value = headers[name].as_bytes().to_vec();
                value[position] ^= 1;
                headers.insert(name, http::HeaderValue::from_bytes(&value).unwrap());
                let verified = verify_at(&headers, URL, BODY, NOW_MS);
                assert_eq!(verified, refused, "{name} {position}");
            }
        }
        let mut body = BODY.to_vec();
        body[3] ^= 1;
        assert_eq!(verify_at(&headers(), URL, &body, NOW_MS), refused);
        let other = "https://otp.example.com/webhooc";
        assert_eq!(verify_at(&headers(), other, BODY, NOW_MS), refused);
        assert_eq!(verify_at(&HeaderMap::new(), URL, BODY, NOW_MS), refused);
    }

    #[test]
    fn secrets_must_be_given_as_base64() {
        let refused = |secrets: &[Secret]| SinchApplicationKeys::new(KEY, secrets).err();
        assert_eq!(refused(&[]), Some(SecretError::Missing));
        assert_eq!(refused(&["".into()]), Some(SecretError::Empty));
        assert_eq!(refused(&["!".into()]), Some(SecretError::Encoding));
    }
}
