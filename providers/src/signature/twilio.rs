//! `X-Twilio-Signature`: HMAC-SHA1 over the URL and the sorted form fields.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SecretError, sha256_hex};
use crate::{ReceiptError, Secret};

const TAG_BASE64_LENGTH: usize = 28;

/// Twilio sends about a dozen.
const FIELDS_MAX: usize = 256;

/// The fields of a form: names sorted, the values of each sorted and unique.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FormFields(BTreeMap<String, BTreeSet<String>>);

impl FormFields {
    /// Reads `application/x-www-form-urlencoded`; bytes that are not UTF-8 are
    /// replaced, so their signature cannot fit.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Malformed`] if there are more than 256 fields.
    pub fn parse(body: &[u8]) -> Result<Self, ReceiptError> {
        let mut fields = BTreeMap::<String, BTreeSet<String>>::new();
        for (position, (name, value)) in form_urlencoded::parse(body).enumerate() {
            if position == FIELDS_MAX {
                return Err(ReceiptError::Malformed);
            }
            fields
                .entry(name.into_owned())
                .or_default()
                .insert(value.into_owned());
        }
        Ok(Self(fields))
    }

    /// The value of a field that occurs with one value only.
    pub fn get(&self, name: &str) -> Option<&str> {
        let values = self.0.get(name)?;
        if values.len() == 1 {
            values.first().map(String::as_str)
        } else {
            None
        }
    }
}

/// The auth tokens of one account; any of them verifies.
#[derive(Clone)]
pub struct TwilioKeys(Vec<hmac::Key>);

impl TwilioKeys {
    /// Takes the tokens as they stand.
    ///
    /// # Errors
    ///
    /// There is no token, or one of them is empty.
    pub fn new(auth_tokens: &[Secret]) -> Result<Self, SecretError> {
        if auth_tokens.is_empty() {
            return Err(SecretError::Missing);
        }
        let key_of = |token: &Secret| match token.expose() {
            "" => Err(SecretError::Empty),
            token => Ok(hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                token.as_bytes(),
            )),
        };
        let keys: Result<_, _> = auth_tokens.iter().map(key_of).collect();
        Ok(Self(keys?))
    }

    /// Whether Twilio posted this form to `url`, the public URL it called.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if not.
    pub fn verify_form(
        &self,
        url: &str,
        fields: &FormFields,
        signature: &[u8],
    ) -> Result<(), ReceiptError> {
        let url = SignedUrl::split(url).ok_or(ReceiptError::Signature)?;
        let mut is_genuine = false;
        for key in &self.0 {
            // Twilio is not consistent in whether the port is part of what it signs.
            for port in [None, Some(url.port)] {
                let expected = tag_base64(key, &url, port, fields);
                is_genuine |= verify_slices_are_equal(signature, &expected).is_ok();
            }
        }
        if is_genuine {
            Ok(())
        } else {
            Err(ReceiptError::Signature)
        }
    }

    /// Whether Twilio posted this body, not a form, to `url`: its
    /// `bodySHA256` parameter must fit the body.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if not.
    pub fn verify_body(
        &self,
        url: &str,
        body: &[u8],
        signature: &[u8],
    ) -> Result<(), ReceiptError> {
        let (_, query) = url.split_once('?').ok_or(ReceiptError::Signature)?;
        let (_, claimed) = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "bodySHA256")
            .ok_or(ReceiptError::Signature)?;
        verify_slices_are_equal(claimed.as_bytes(), sha256_hex(body).as_bytes())
            .map_err(|_| ReceiptError::Signature)?;
        self.verify_form(url, &FormFields::default(), signature)
    }

    /// What Twilio would put into the header; for tests that play Twilio.
    #[cfg(test)]
    pub(crate) fn sign(&self, url: &str, fields: &FormFields) -> String {
        let url = SignedUrl::split(url).unwrap();
        let tag = tag_base64(&self.0[0], &url, None, fields);
        String::from_utf8(tag.to_vec()).unwrap()
    }
}

/// A URL taken apart around its port.
struct SignedUrl<'a> {
    /// Scheme and host: `https://example.com`.
    front: &'a str,
    /// The port it names, or the one its scheme means.
    port: &'a str,
    /// Path and query.
    rest: &'a str,
}

impl<'a> SignedUrl<'a> {
    fn split(url: &'a str) -> Option<Self> {
        let (scheme, after_scheme) = url.split_once("://")?;
        let authority_length = after_scheme
            .find(['/', '?', '#'])
            .unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at_checked(authority_length)?;
        let host_and_port = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let default_port = if scheme == "https" { "443" } else { "80" };
        let (host, port) = host_and_port.unwrap_or((authority, default_port));
        let front_length = scheme.len() + "://".len() + host.len();
        let front = url.get(..front_length)?;
        Some(Self { front, port, rest })
    }
}

fn tag_base64(
    key: &hmac::Key,
    url: &SignedUrl<'_>,
    port: Option<&str>,
    fields: &FormFields,
) -> [u8; TAG_BASE64_LENGTH] {
    let mut signed = hmac::Context::with_key(key);
    signed.update(url.front.as_bytes());
    if let Some(port) = port {
        signed.update(b":");
        signed.update(port.as_bytes());
    }
    signed.update(url.rest.as_bytes());
    for (name, values) in &fields.0 {
        for value in values {
            signed.update(name.as_bytes());
            signed.update(value.as_bytes());
        }
    }
    let mut encoded = [0; TAG_BASE64_LENGTH];
    STANDARD
        .encode_slice(signed.sign(), &mut encoded)
        .expect("20 bytes are 28 in base64");
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const FORM: &[u8] = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309\
        &To=%2B18005551212&Caller=%2B14158675309";
    const SIGNATURE: &[u8] = b"RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn keys(tokens: &[&str]) -> TwilioKeys {
        let tokens: Vec<_> = tokens.iter().copied().map(Secret::from).collect();
        TwilioKeys::new(&tokens).unwrap()
    }

    fn verify(tokens: &[&str], url: &str, form: &[u8], signature: &[u8]) -> bool {
        let fields = FormFields::parse(form).unwrap();
        keys(tokens).verify_form(url, &fields, signature).is_ok()
    }

    #[test]
    fn the_published_vectors_verify() {
        assert!(verify(&["12345"], URL, FORM, SIGNATURE));
        let repeated = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        let signature = b"IK+Dwps556ElfBT0I3Rgjkr1wJU=";
        assert!(verify(&["12345"], URL, repeated, signature));
        assert_eq!(
            sha256_hex(br#"{"property": "value", "boolean": true}"#),
            "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
        );
    }

    #[test]
    fn any_token_verifies_and_no_other() {
        assert!(verify(&["new", "12345"], URL, FORM, SIGNATURE));
        assert!(!verify(&["new"], URL, FORM, SIGNATURE));
    }

    #[test]
    fn the_port_may_be_signed_or_not() {
        let with_port = URL.replacen(".com", ".com:443", 1);
        let odd_port = URL.replacen(".com", ".com:8443", 1);
        assert!(verify(&["12345"], &with_port, FORM, SIGNATURE));
        assert!(verify(&["12345"], &odd_port, FORM, SIGNATURE));

        let fields = FormFields::parse(FORM).unwrap();
        let url = SignedUrl::split(URL).unwrap();
        let keys = keys(&["12345"]);
        let signed_with_port = tag_base64(&keys.0[0], &url, Some("443"), &fields);
        assert!(verify(&["12345"], URL, FORM, &signed_with_port));
        let signed_with_another = tag_base64(&keys.0[0], &url, Some("444"), &fields);
        assert!(!verify(&["12345"], URL, FORM, &signed_with_another));
    }

    #[test]
    fn a_changed_field_url_or_signature_is_refused() {
        let other_form = [FORM, b"&Extra=1"].concat();
        assert!(!verify(&["12345"], URL, &other_form, SIGNATURE));
        assert!(!verify(
            &["12345"],
            "https://mycompany.com/",
            FORM,
            SIGNATURE
        ));
        assert!(!verify(&["12345"], "mycompany.com", FORM, SIGNATURE));
        assert!(!verify(
            &["12345"],
            URL,
            FORM,
            b"RSOYDt4T1cUTdK1PDd93/VVr8B9="
        ));
        assert!(!verify(&["12345"], URL, FORM, b""));
    }

    #[test]
    fn a_json_body_is_verified_by_the_hash_in_the_url() {
        let body = br#"{"property": "value", "boolean": true}"#;
        let url = format!("https://example.com/hook?bodySHA256={}", sha256_hex(body));
        let keys = keys(&["12345"]);
        let signature = keys.sign(&url, &FormFields::default());
        let verify = |url: &str, body: &[u8]| keys.verify_body(url, body, signature.as_bytes());
        assert_eq!(verify(&url, body), Ok(()));
        assert_eq!(verify(&url, b"{}"), Err(ReceiptError::Signature));
        let without_hash = "https://example.com/hook";
        assert_eq!(verify(without_hash, body), Err(ReceiptError::Signature));
    }

    #[test]
    fn a_field_with_two_values_has_none_and_a_flood_of_fields_is_refused() {
        let fields = FormFields::parse(b"a=1&b=1&b=2").unwrap();
        assert_eq!(fields.get("a"), Some("1"));
        assert_eq!(fields.get("b"), None);
        assert!(FormFields::parse("a=1&".repeat(FIELDS_MAX).as_bytes()).is_ok());
        let flood = "a=1&".repeat(FIELDS_MAX + 1);
        assert_eq!(
            FormFields::parse(flood.as_bytes()).err(),
            Some(ReceiptError::Malformed)
        );
    }

    #[test]
    fn tokens_must_be_given() {
        assert_eq!(TwilioKeys::new(&[]).err(), Some(SecretError::Missing));
        let empty = TwilioKeys::new(&["".into()]);
        assert_eq!(empty.err(), Some(SecretError::Empty));
    }

    proptest! {
        #[test]
        fn arbitrary_input_never_panics_and_is_never_genuine(
            url in ".{0,64}",
            body in prop::collection::vec(any::<u8>(), 0..256),
            signature in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let keys = keys(&["12345"]);
            if let Ok(fields) = FormFields::parse(&body) {
                prop_assert!(keys.verify_form(&url, &fields, &signature).is_err());
            }
            prop_assert!(keys.verify_body(&url, &body, &signature).is_err());
        }
    }
}
