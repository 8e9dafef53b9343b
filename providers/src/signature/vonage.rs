//! `sig`: how Vonage's SMS API signs, a hash or an HMAC over sorted parameters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{SecretError, lately};
use crate::{ReceiptError, Secret};

/// Vonage sends about a dozen.
const PARAMETERS_MAX: usize = 64;

const SIGNATURE: &str = "sig";
const TIMESTAMP: &str = "timestamp";

/// Which of its five methods an account is set to, in Vonage's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VonageSigMethod {
    Md5Hash,
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl VonageSigMethod {
    /// All words that [`Self::from_word`] knows, the account's default first.
    pub const WORDS: &'static [&'static str] = &["md5hash", "md5", "sha1", "sha256", "sha512"];

    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "md5hash" => Some(Self::Md5Hash),
            "md5" => Some(Self::Md5),
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// The parameters of a request, each with one value.
pub type Parameters = BTreeMap<String, String>;

/// Reads parameters from a query or a form.
///
/// # Errors
///
/// [`ReceiptError::Malformed`] if there are more than 64, or one comes twice.
pub fn parse_parameters(encoded: &[u8]) -> Result<Parameters, ReceiptError> {
    let mut parameters = Parameters::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let is_new = parameters
            .insert(name.into_owned(), value.into_owned())
            .is_none();
        if !is_new || parameters.len() > PARAMETERS_MAX {
            return Err(ReceiptError::Malformed);
        }
    }
    Ok(parameters)
}

/// Reads parameters from a flat JSON object.
///
/// # Errors
///
/// [`ReceiptError::Malformed`] if it is none, or has more than 64 members.
pub fn parse_json_parameters(body: &[u8]) -> Result<Parameters, ReceiptError> {
    let members: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|_| ReceiptError::Malformed)?;
    if members.len() > PARAMETERS_MAX {
        return Err(ReceiptError::Malformed);
    }
    let texts = members.into_iter().map(|(name, value)| {
        let text = match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Bool(flag) => Some(flag.to_string()),
            serde_json::Value::Null
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        };
        text.map(|text| (name, text)).ok_or(ReceiptError::Malformed)
    });
    texts.collect()
}

/// The signature secrets of one account: the first signs, any verifies.
#[derive(Clone)]
pub struct VonageSigKeys {
    method: VonageSigMethod,
    secrets: Vec<Secret>,
}

impl VonageSigKeys {
    /// Takes the secrets as they stand.
    ///
    /// # Errors
    ///
    /// There is no secret, or one of them is empty.
    pub fn new(method: VonageSigMethod, secrets: &[Secret]) -> Result<Self, SecretError> {
        if secrets.is_empty() {
            return Err(SecretError::Missing);
        }
        if secrets.iter().any(|secret| secret.expose().is_empty()) {
            return Err(SecretError::Empty);
        }
        Ok(Self {
            method,
            secrets: secrets.to_vec(),
        })
    }

    /// Adds the `timestamp` and the `sig` that stand in for the account's secret.
    pub fn sign(&self, parameters: &mut Parameters, now_ms: u64) {
        parameters.insert(TIMESTAMP.into(), (now_ms / 1000).to_string());
        if let Some(secret) = self.secrets.first() {
            let signature = self.signature(parameters, secret);
            parameters.insert(SIGNATURE.into(), signature);
        }
    }

    /// When Vonage signed these parameters, in s since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if it did not;
    /// [`ReceiptError::Stale`] if that is more than 5 minutes from `now_ms`.
    pub fn verify(&self, parameters: &Parameters, now_ms: u64) -> Result<u64, ReceiptError> {
        let claimed = parameters.get(SIGNATURE).ok_or(ReceiptError::Signature)?;
        let claimed = claimed.to_ascii_lowercase();
        let mut is_genuine = false;
        for secret in &self.secrets {
            let expected = self.signature(parameters, secret);
            is_genuine |= verify_slices_are_equal(claimed.as_bytes(), expected.as_bytes()).is_ok();
        }
        let timestamp = parameters.get(TIMESTAMP);
        let timestamp_s = timestamp.and_then(|text| text.parse::<u64>().ok());
        match timestamp_s {
            Some(signed_s) if is_genuine => {
                lately(signed_s, now_ms)?;
                Ok(signed_s)
            }
            // Without a time it could be repeated for ever.
            Some(_) | None => Err(ReceiptError::Signature),
        }
    }

    /// In lower case: Vonage writes its HMACs in upper case, and its hash not.
    fn signature(&self, parameters: &Parameters, secret: &Secret) -> String {
        let signed = signed_text(parameters);
        let secret = secret.expose().as_bytes();
        let tag = |algorithm| {
            let key = hmac::Key::new(algorithm, secret);
            hex(hmac::sign(&key, &signed).as_ref())
        };
        match self.method {
            VonageSigMethod::Md5Hash => {
                let text = Zeroizing::new([signed.as_slice(), secret].concat());
                hex(&md5::compute(&*text).0)
            }
            VonageSigMethod::Md5 => hex(&hmac_md5(secret, &signed)),
            VonageSigMethod::Sha1 => tag(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            VonageSigMethod::Sha256 => tag(hmac::HMAC_SHA256),
            VonageSigMethod::Sha512 => tag(hmac::HMAC_SHA512),
        }
    }
}

/// `&name=value` for all but the signature, by name; what separates parameters
/// is replaced in values.
fn signed_text(parameters: &Parameters) -> Zeroizing<Vec<u8>> {
    let mut signed = Zeroizing::new(Vec::with_capacity(512));
    for (name, value) in parameters {
        if name != SIGNATURE {
            let value = value.replace(['&', '='], "_");
            signed.extend_from_slice(format!("&{name}={value}").as_bytes());
        }
    }
    signed
}

/// RFC 2104 over MD5, which our cryptography library rightly does not have.
fn hmac_md5(secret: &[u8], message: &[u8]) -> [u8; 16] {
    const BLOCK_LENGTH: usize = 64;
    let mut key = Zeroizing::new(secret.to_vec());
    if key.len() > BLOCK_LENGTH {
        *key = md5::compute(secret).0.to_vec();
    }
    key.resize(BLOCK_LENGTH, 0);
    let padded = |pad: u8, message: &[u8]| {
        let block = key.iter().map(|byte| byte ^ pad);
        let text = Zeroizing::new(block.chain(message.iter().copied()).collect::<Vec<_>>());
        md5::compute(&*text).0
    };
    padded(0x5c, &padded(0x36, message))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OUTBOUND_SECRET: &str = "71efab63122f1d179f51c46bac838fb5";
    const INBOUND_SECRET: &str = "my_secret_key_for_testing";
    const INBOUND_S: u64 = 1_385_047_698;

    fn keys(word: &str, secret: &str) -> VonageSigKeys {
        let method = VonageSigMethod::from_word(word).unwrap();
        VonageSigKeys::new(method, &[secret.into()]).unwrap()
    }

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn inbound() -> Parameters {
        parameters(&[
            ("message-timestamp", "2013-11-21 15:27:30"),
            ("messageId", "020000001B0FE827"),
            ("msisdn", "14843472194"),
            ("text", "Test again"),
            ("timestamp", "1385047698"),
            ("to", "13239877404"),
            ("type", "text"),
        ])
    }

    /// Of the vendor's PHP library, each with its method.
    const INBOUND_VECTORS: &[(&str, &str)] = &[
        ("md5hash", "d2e7b1dc968737c5998ad624e02f90b7"),
        ("md5", "DDEBD46008C2D4E93CCE578A332A52D5"),
        ("sha1", "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A"),
        (
            "sha256",
            "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330",
        ),
        (
            "sha512",
            "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481C\
             D3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82",
        ),
    ];

    #[test]
    fn the_published_vectors_of_callbacks_verify_and_a_flipped_byte_does_not() {
        for (method, signature) in INBOUND_VECTORS {
            let mut signed = inbound();
            signed.insert(SIGNATURE.into(), (*signature).into());
            let keys = keys(method, INBOUND_SECRET);
            assert_eq!(keys.verify(&signed, INBOUND_S * 1000), Ok(INBOUND_S));
            for position in 0..signature.len() {
                let mut bytes = signature.as_bytes().to_vec();
                bytes[position] ^= 1;
                signed.insert(SIGNATURE.into(), String::from_utf8(bytes).unwrap());
                let verdict = keys.verify(&signed, INBOUND_S * 1000);
                assert_eq!(verdict, Err(ReceiptError::Signature), "{method} {position}");
            }
        }
    }

    #[test]
    fn the_published_vectors_of_submissions_are_made() {
        let parameters = parameters(&[
            ("api_key", "fake_api_key"),
            ("to", "14155550100"),
            ("from", "AcmeInc"),
            ("text", "Test From Nexmo"),
            ("type", "text"),
        ]);
        for (method, signature) in [
            ("md5", "51cdafebb4bbce9525b195c1617cb8d2"),
            ("sha1", "0162aec64bc183b2e1256545951fe5639dc98020"),
            (
                "sha256",
                "9fec5ef6d0f2b3d2bb7558b6e4042569823cab9ea0dd30503472b7b304601975",
            ),
            (
                "sha512",
                "40bd12b9a4b6000ad1138eefd24ffe9fbd72aee13c3fa04b32bb69dbc256ad0a\
                 04a463b1a9af6660d10f6e1e769ee14b9cff6a635502e93afcd0bfab29f38f87",
            ),
        ] {
            let mut signed = parameters.clone();
            keys(method, OUTBOUND_SECRET).sign(&mut signed, 1_540_924_779_000);
            assert_eq!(signed[SIGNATURE], signature, "{method}");
        }
    }

    #[test]
    fn separators_in_a_value_are_replaced() {
        let mut signed = parameters(&[
            ("keyword", "TEST"),
            ("message-timestamp", "2017-04-04 22:57:47"),
            ("messageId", "0B00000042AC53BD"),
            ("msisdn", "14843472194"),
            ("nonce", "929d6744-bd28-42c8-b6cf-31d5b4f43732"),
            ("text", "Test with & and ="),
            ("timestamp", "1491346667"),
            ("to", "12192259404"),
            ("type", "text"),
        ]);
        signed.insert(SIGNATURE.into(), "e06d9763e3fd0b9c31beb5fc2fcb011c".into());
        let verdict = keys("md5hash", INBOUND_SECRET).verify(&signed, 1_491_346_667_000);
        assert_eq!(verdict, Ok(1_491_346_667));
    }

    #[test]
    fn hmac_md5_is_that_of_rfc_2202() {
        let long_key = [0xaa; 80];
        for (key, message, tag) in [
            (
                b"Jefe".as_slice(),
                "what do ya want for nothing?",
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (
                &long_key,
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
        ] {
            assert_eq!(hex(&hmac_md5(key, message.as_bytes())), tag);
        }
    }

    #[test]
    fn only_the_account_s_own_method_and_secrets_are_believed() {
        let mut signed = inbound();
        keys("md5hash", INBOUND_SECRET).sign(&mut signed, INBOUND_S * 1000);
        let verdict = |keys: VonageSigKeys| keys.verify(&signed, INBOUND_S * 1000);
        assert!(verdict(keys("sha512", INBOUND_SECRET)).is_err());
        assert!(verdict(keys("md5hash", "another")).is_err());
        let both = [Secret::from("another"), Secret::from(INBOUND_SECRET)];
        let rotating = VonageSigKeys::new(VonageSigMethod::Md5Hash, &both).unwrap();
        assert!(verdict(rotating).is_ok());
    }

    #[test]
    fn what_is_old_from_the_future_or_without_a_time_is_refused() {
        let keys = keys("sha256", INBOUND_SECRET);
        let mut signed = inbound();
        keys.sign(&mut signed, INBOUND_S * 1000);
        for (now_s, verdict) in [
            (INBOUND_S - 301, Err(ReceiptError::Stale)),
            (INBOUND_S - 300, Ok(INBOUND_S)),
            (INBOUND_S + 300, Ok(INBOUND_S)),
            (INBOUND_S + 301, Err(ReceiptError::Stale)),
        ] {
            assert_eq!(keys.verify(&signed, now_s * 1000), verdict);
        }
        let mut timeless = inbound();
        timeless.remove(TIMESTAMP);
        let secret = Secret::from(INBOUND_SECRET);
        let signature = keys.signature(&timeless, &secret);
        timeless.insert(SIGNATURE.into(), signature);
        let verdict = keys.verify(&timeless, INBOUND_S * 1000);
        assert_eq!(verdict, Err(ReceiptError::Signature));
    }

    #[test]
    fn parameters_come_as_a_form_or_as_json_and_once_each() {
        let form = parse_parameters(b"status=delivered&err-code=0&to=A%26B").unwrap();
        let json = br#"{"status":"delivered","err-code":0,"to":"A&B"}"#;
        assert_eq!(parse_json_parameters(json).unwrap(), form);
        assert!(parse_parameters(b"a=1&a=1").is_err());
        assert!(parse_json_parameters(br#"{"a":{}}"#).is_err());
        assert!(parse_json_parameters(b"[]").is_err());
        let flood: Vec<_> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=")).collect();
        assert!(parse_parameters(flood.join("&").as_bytes()).is_err());
        assert!(parse_parameters(flood[1..].join("&").as_bytes()).is_ok());
    }

    #[test]
    fn every_word_is_known_and_secrets_must_be_given() {
        for word in VonageSigMethod::WORDS {
            assert!(VonageSigMethod::from_word(word).is_some(), "{word}");
        }
        assert_eq!(VonageSigMethod::from_word("MD5"), None);
        let refused = |secrets: &[Secret]| {
            let keys = VonageSigKeys::new(VonageSigMethod::Sha256, secrets);
            keys.err()
        };
        assert_eq!(refused(&[]), Some(SecretError::Missing));
        assert_eq!(refused(&["".into()]), Some(SecretError::Empty));
    }

    proptest! {
        #[test]
        fn arbitrary_input_never_panics_and_is_never_genuine(
            body in prop::collection::vec(any::<u8>(), 0..256),
            signature in ".{0,64}",
            now_ms in any::<u64>(),
        ) {
            let mut read = parse_parameters(&body).unwrap_or_default();
            read.extend(parse_json_parameters(&body).unwrap_or_default());
            read.insert(SIGNATURE.into(), signature);
            prop_assert!(keys("sha256", INBOUND_SECRET).verify(&read, now_ms).is_err());
        }
    }
}
