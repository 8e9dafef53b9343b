//! `X-Plivo-Signature-V3`: HMAC-SHA256 over the URL, the sorted parameters and a
//! nonce; and V2, which leaves the parameters out: it says that Plivo called the
//! URL, and not what it said there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};

use super::{SecretError, hmac_keys};
use crate::{ReceiptError, Secret};

/// By the token of the (sub)account, and always by that of the main account.
const V3_HEADERS: [&str; 2] = ["x-plivo-signature-v3", "x-plivo-signature-ma-v3"];
const V3_NONCE: &str = "x-plivo-signature-v3-nonce";
const V2_HEADERS: [&str; 2] = ["x-plivo-signature-v2", "x-plivo-signature-ma-v2"];
const V2_NONCE: &str = "x-plivo-signature-v2-nonce";

/// More than any rotation needs; the rest of a longer list is not looked at.
const SIGNATURES_MAX: usize = 16;

/// Plivo sends some twenty.
const PARAMETERS_MAX: usize = 256;

/// The auth tokens of one account; any of them verifies.
#[derive(Clone)]
pub struct PlivoKeys {
    keys: Vec<hmac::Key>,
}

/// What a signature is over.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub method: &'a Method,
    /// The public URL that was called, with its query.
    pub url: &'a str,
    /// A form.
    pub body: &'a [u8],
}

type Parameters<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

impl PlivoKeys {
    /// Takes the tokens as they stand.
    ///
    /// # Errors
    ///
    /// There is no token, or one of them is empty.
    pub fn new(auth_tokens: &[Secret]) -> Result<Self, SecretError> {
        let keys = hmac_keys(hmac::HMAC_SHA256, auth_tokens)?;
        Ok(Self { keys })
    }

    /// Whether Plivo sent this, with these parameters: by V3.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if not; [`ReceiptError::Malformed`] if there
    /// are more than 256 parameters.
    pub fn verify(&self, signed: &Signed<'_>, headers: &HeaderMap) -> Result<(), ReceiptError> {
        let text = format!("{}.", v3_text(signed)?);
        self.verify_text(&text, headers, (V3_HEADERS, V3_NONCE))
    }

    /// Whether Plivo called this URL, by V2: whoever saw the signature can repeat
    /// it there with other parameters. Where there is a V3 signature, that one
    /// decides alone.
    ///
    /// # Errors
    ///
    /// As for [`Self::verify`].
    pub fn verify_url(&self, signed: &Signed<'_>, headers: &HeaderMap) -> Result<(), ReceiptError> {
        if V3_HEADERS.iter().any(|name| headers.contains_key(*name)) {
            return self.verify(signed, headers);
        }
        self.verify_text(v2_text(signed), headers, (V2_HEADERS, V2_NONCE))
    }

    fn verify_text(
        &self,
        text: &str,
        headers: &HeaderMap,
        (names, nonce): ([&str; 2], &str),
    ) -> Result<(), ReceiptError> {
        let nonce = headers.get(nonce).ok_or(ReceiptError::Signature)?;
        let text = [text.as_bytes(), nonce.as_bytes()].concat();
        let mut is_genuine = false;
        for key in &self.keys {
            let expected = STANDARD.encode(hmac::sign(key, &text));
            for claimed in names.iter().filter_map(|name| headers.get(*name)) {
                let signatures = claimed.as_bytes().split(|byte| *byte == b',');
                for signature in signatures.take(SIGNATURES_MAX) {
                    let signature = signature.trim_ascii();
                    is_genuine |= verify_slices_are_equal(signature, expected.as_bytes()).is_ok();
                }
            }
        }
        is_genuine.then_some(()).ok_or(ReceiptError::Signature)
    }

    /// The headers that Plivo would send; for tests that play Plivo.
    #[cfg(test)]
    pub(crate) fn sign(&self, signed: &Signed<'_>, nonce: &str) -> HeaderMap {
        let text = format!("{}.{nonce}", v3_text(signed).unwrap());
        let tag = STANDARD.encode(hmac::sign(&self.keys[0], text.as_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert("x-plivo-signature-ma-v3", tag.parse().unwrap());
        headers.insert(V3_NONCE, nonce.parse().unwrap());
        headers
    }

    /// The headers of the older scheme alone.
    #[cfg(test)]
    pub(crate) fn sign_url(&self, signed: &Signed<'_>, nonce: &str) -> HeaderMap {
        let text = format!("{}{nonce}", v2_text(signed));
        let tag = STANDARD.encode(hmac::sign(&self.keys[0], text.as_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert("x-plivo-signature-ma-v2", tag.parse().unwrap());
        headers.insert(V2_NONCE, nonce.parse().unwrap());
        headers
    }
}

/// The URL up to its query.
fn v2_text<'a>(signed: &Signed<'a>) -> &'a str {
    let end = signed.url.find(['?', '#']);
    end.and_then(|end| signed.url.get(..end))
        .unwrap_or(signed.url)
}

/// A GET carries its parameters in the query; a POST has them in its body, and
/// they follow the query that the URL was given with.
fn v3_text(signed: &Signed<'_>) -> Result<String, ReceiptError> {
    let without_fragment = signed
        .url
        .split_once('#')
        .map_or(signed.url, |(url, _)| url);
    let (base, query) = without_fragment
        .split_once('?')
        .unwrap_or((without_fragment, ""));
    let query = parse(query.as_bytes())?;
    let body = if signed.method == Method::GET {
        Parameters::new()
    } else {
        parse(signed.body)?
    };
    let mut text = base.to_owned();
    if !query.is_empty() || !body.is_empty() {
        text.push('?');
    }
    push_all(&mut text, &query, "=", "&");
    if !query.is_empty() && !body.is_empty() {
        text.push('.');
    }
    push_all(&mut text, &body, "", "");
    Ok(text)
}

/// Names sorted, and the values of each.
fn parse(encoded: &[u8]) -> Result<Parameters<'_>, ReceiptError> {
    let mut parameters = Parameters::new();
    for (position, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
        if position == PARAMETERS_MAX {
            return Err(ReceiptError::Malformed);
        }
        parameters.entry(name).or_default().push(value);
    }
    for values in parameters.values_mut() {
        values.sort_unstable();
    }
    Ok(parameters)
}

fn push_all(text: &mut String, parameters: &Parameters<'_>, equals: &str, between: &str) {
    let mut is_first = true;
    for (name, values) in parameters {
        for value in values {
            if !is_first {
                text.push_str(between);
            }
            is_first = false;
            text.push_str(name);
            text.push_str(equals);
            text.push_str(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Of the vendor's Go library.
    const V2_TOKEN: &str = "my_auth_token";
    const V2_SIGNATURE: &str = "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=";
    const V3_TOKEN: &str = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4";
    const V3_URL: &str = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml";
    const V3_PARAMETERS: &str = "Direction=outbound&From=19792014278\
        &ALegUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36&CallStatus=in-progress\
        &BillRate=0.002&ParentAuthID=MANWVLYTK4ZWU1YTY4QA\
        &To=sip%3APlivoSignature382029104058171078704104%40phone-qa.voice.plivodev.com\
        &ALegRequestUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36\
        &CallUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36\
        &RequestUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36\
        &SIP-H-To=%3Csip%3APlivoSignature382029104058171078704104%4052.9.11.55\
        %3Btransport%3Dudp%3E%3Btag%3D1\
        &SessionStart=2020-04-08+11%3A34%3A33.238707&Event=StartApp";
    const V3_NONCE_VALUE: &str = "31627761595286130198";

    /// Method, URL, and what is signed under them.
    const V3_VECTORS: [(&Method, &str, &str); 4] = [
        (
            &Method::POST,
            "/?a=b&c=d",
            "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=",
        ),
        (
            &Method::GET,
            "/?a=b&c=d&",
            "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ=",
        ),
        (
            &Method::POST,
            "",
            "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0=",
        ),
        (
            &Method::GET,
            "?",
            "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc=",
        ),
    ];

    fn keys() -> PlivoKeys {
        let tokens = ["another", V2_TOKEN, V3_TOKEN].map(Secret::from);
        PlivoKeys::new(&tokens).unwrap()
    }

    fn headers(name: &'static str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, signature.parse().unwrap());
        headers.insert(V2_NONCE, HeaderValue::from_static("12345"));
        headers.insert(V3_NONCE, HeaderValue::from_static(V3_NONCE_VALUE));
        headers
    }

    fn get(url: &str) -> Signed<'_> {
        Signed {
            method: &Method::GET,
            url,
            body: b"",
        }
    }

    fn post<'a>(url: &'a str, body: &'a [u8]) -> Signed<'a> {
        Signed {
            method: &Method::POST,
            url,
            body,
        }
    }

    fn flipped(signature: &str, position: usize) -> String {
        let mut bytes = signature.as_bytes().to_vec();
        bytes[position] ^= 1;
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_published_vectors_of_v3_verify_and_a_flipped_byte_does_not() {
        for (method, end, signature) in V3_VECTORS {
            let (url, body) = if method == Method::GET {
                (format!("{V3_URL}{end}{V3_PARAMETERS}"), "")
            } else {
                (format!("{V3_URL}{end}"), V3_PARAMETERS)
            };
            let signed = Signed {
                method,
                url: &url,
                body: body.as_bytes(),
            };
            let verify = |signature: &str| {
                let headers = headers("x-plivo-signature-v3", signature);
                keys().verify(&signed, &headers)
            };
            assert_eq!(verify(signature), Ok(()), "{method} {end}");
            assert_eq!(verify(&format!("AAAA, {signature}")), Ok(()));
            for position in 0..signature.len() {
                let verdict = verify(&flipped(signature, position));
                assert_eq!(verdict, Err(ReceiptError::Signature), "{position}");
            }
        }
    }

    #[test]
    fn the_published_vector_of_v2_verifies_the_url_and_nothing_said_there() {
        let url = "https://answer.url?any=thing";
        let verify = |signature: &str| {
            let headers = headers("x-plivo-signature-ma-v2", signature);
            let signed = post(url, b"any=body");
            let in_full = keys().verify(&signed, &headers);
            assert_eq!(in_full, Err(ReceiptError::Signature));
            keys().verify_url(&signed, &headers)
        };
        assert_eq!(verify(V2_SIGNATURE), Ok(()));
        for position in 0..V2_SIGNATURE.len() {
            let verdict = verify(&flipped(V2_SIGNATURE, position));
            assert_eq!(verdict, Err(ReceiptError::Signature), "{position}");
        }
    }

    #[test]
    fn a_v2_signature_does_not_help_where_there_is_one_of_v3() {
        let mut both = headers("x-plivo-signature-v2", V2_SIGNATURE);
        both.extend(headers("x-plivo-signature-v3", V2_SIGNATURE));
        let verdict = keys().verify_url(&post("https://answer.url", b"any=body"), &both);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn the_text_that_is_signed_has_query_and_body_sorted() {
        let url = "https://a.example/r?z=1&b=2";
        for (signed, text) in [
            (get("https://a.example/r"), "https://a.example/r"),
            (get(url), "https://a.example/r?b=2&z=1"),
            (post("https://a.example/r", b""), "https://a.example/r"),
            (
                post("https://a.example/r", b"B=%2B1&A=x+y"),
                "https://a.example/r?Ax yB+1",
            ),
            (
                post(url, b"To=1&From=2"),
                "https://a.example/r?b=2&z=1.From2To1",
            ),
            (post(url, b""), "https://a.example/r?b=2&z=1"),
        ] {
            assert_eq!(v3_text(&signed).unwrap(), text);
        }
    }

    #[test]
    fn a_changed_field_url_method_or_nonce_is_refused() {
        let keys = keys();
        let url = "https://a.example/r";
        let genuine = keys.sign(&post(url, b"Status=delivered"), "1");
        let verify = |signed: Signed<'_>| keys.verify(&signed, &genuine);
        assert_eq!(verify(post(url, b"Status=delivered")), Ok(()));
        assert!(verify(post(url, b"Status=delivere")).is_err());
        assert!(verify(post(url, b"Status=delivered&x=")).is_err());
        assert!(verify(post("https://b.example/r", b"Status=delivered")).is_err());
        assert!(verify(get("https://a.example/r")).is_err());
        let mut other_nonce = genuine.clone();
        other_nonce.insert(V3_NONCE, HeaderValue::from_static("2"));
        let verdict = keys.verify(&post(url, b"Status=delivered"), &other_nonce);
        assert_eq!(verdict, Err(ReceiptError::Signature));
        other_nonce.remove(V3_NONCE);
        let verdict = keys.verify(&post(url, b"Status=delivered"), &other_nonce);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let flood = "a=1&".repeat(PARAMETERS_MAX + 1);
        let verdict = v3_text(&post("https://a.example/r", flood.as_bytes()));
        assert_eq!(verdict, Err(ReceiptError::Malformed));
    }

    #[test]
    fn tokens_must_be_given() {
        let refused = |tokens: &[Secret]| PlivoKeys::new(tokens).err();
        assert_eq!(refused(&[]), Some(SecretError::Missing));
        assert_eq!(refused(&["".into()]), Some(SecretError::Empty));
    }

    proptest! {
        #[test]
        fn arbitrary_input_never_panics_and_is_never_genuine(
            url in ".{0,64}",
            body in prop::collection::vec(any::<u8>(), 0..256),
            signature in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(V3_NONCE, HeaderValue::from_static("1"));
            if let Ok(signature) = HeaderValue::from_bytes(&signature) {
                headers.insert("x-plivo-signature-v3", signature);
            }
            prop_assert!(keys().verify(&post(&url, &body), &headers).is_err());
        }
    }
}
