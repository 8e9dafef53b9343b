//! Which statements are believed, and which are not.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW_S: u64 = 1_800_000_000;

/// An issuer, and the key only it has.
struct Issuer {
    known: IdvIssuer,
    key: EncodingKey,
    algorithm: Algorithm,
}

fn pem(spki: &[u8]) -> String {
    let text = STANDARD.encode(spki);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

impl Issuer {
    fn new(name: &str, algorithm: IdvAlgorithm) -> Self {
        let random = SystemRandom::new();
        let (spki, key, used) = match algorithm {
            IdvAlgorithm::Es256 => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
                let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref()).unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let key = EncodingKey::from_ec_der(pkcs8.as_ref());
                (spki.as_ref().to_vec(), key, Algorithm::ES256)
            }
            IdvAlgorithm::EdDsa => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let key = EncodingKey::from_ed_der(pkcs8.as_ref());
                (spki.as_ref().to_vec(), key, Algorithm::EdDSA)
            }
            IdvAlgorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let key = EncodingKey::from_rsa_der(&pkcs1(pkcs8.as_ref()));
                (spki.as_ref().to_vec(), key, Algorithm::RS256)
            }
        };
        Self {
            known: IdvIssuer {
                issuer: name.to_owned(),
                algorithm,
                key_pem: pem(&spki),
            },
            key,
            algorithm: used,
        }
    }

    fn states(&self, claims: &Value) -> String {
        encode(&Header::new(self.algorithm), claims, &self.key).unwrap()
    }
}

/// What stands in the octet string at the end of a PKCS #8 key of 2,048 bits.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    const BEFORE: usize = 26;
    pkcs8[BEFORE..].to_vec()
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com", "aud": "watchword", "sub": "u-1",
        "iat": NOW_S - 30, "exp": NOW_S + 300,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn issuer() -> Issuer {
    Issuer::new("https://id.example.com", IdvAlgorithm::Es256)
}

#[test]
fn a_fresh_statement_of_a_configured_issuer_is_believed() {
    for algorithm in [
        IdvAlgorithm::Es256,
        IdvAlgorithm::EdDsa,
        IdvAlgorithm::Rs256,
    ] {
        let issuer = Issuer::new("https://id.example.com", algorithm);
        let assertion = issuer.states(&claims());
        let verified = verify(&[issuer.known], &assertion, "u-1", NOW_S);
        assert!(verified.is_ok(), "{algorithm:?}: {verified:?}");
    }
}

#[test]
fn an_issuer_may_have_an_old_key_and_a_new_one() {
    let (old, new) = (issuer(), issuer());
    let issuers = [old.known.clone(), new.known.clone()];
    for signer in [&old, &new] {
        assert!(verify(&issuers, &signer.states(&claims()), "u-1", NOW_S).is_ok());
    }
}

#[test]
fn a_statement_for_somebody_else_or_by_somebody_else_is_not_believed() {
    let issuer = issuer();
    let known = [issuer.known.clone()];
    let stranger = Issuer::new("https://id.example.com", IdvAlgorithm::Es256);
    let mut nobody = claims();
    nobody.as_object_mut().unwrap().remove("sub");
    let table = [
        (with("sub", json!("u-2")), IdvError::OtherSubject),
        (with("aud", json!("another")), IdvError::OtherAudience),
        (with("aud", json!([])), IdvError::OtherAudience),
        (with("aud", json!(["another"])), IdvError::OtherAudience),
        (
            with("iss", json!("https://other.example.com")),
            IdvError::UnknownIssuer,
        ),
        (nobody, IdvError::UnknownIssuer),
    ];
    for (claims, expected) in table {
        let verified = verify(&known, &issuer.states(&claims), "u-1", NOW_S);
        assert_eq!(verified, Err(expected), "{claims}");
    }
    let verified = verify(&known, &stranger.states(&claims()), "u-1", NOW_S);
    assert_eq!(verified, Err(IdvError::UnknownIssuer));
    assert!(verify(&[], &issuer.states(&claims()), "u-1", NOW_S).is_err());
}

#[test]
fn a_statement_is_believed_only_while_it_is_fresh() {
    let issuer = issuer();
    let known = [issuer.known.clone()];
    let table = [
        (NOW_S - 30, NOW_S + 1, Ok(())),
        (NOW_S - 30, NOW_S, Err(IdvError::NotFresh)),
        (NOW_S + CLOCKS_APART_MAX_S, NOW_S + 300, Ok(())),
        (
            NOW_S + CLOCKS_APART_MAX_S + 1,
            NOW_S + 300,
            Err(IdvError::NotFresh),
        ),
        (NOW_S, NOW_S + LIFETIME_MAX_S, Ok(())),
        (NOW_S, NOW_S + LIFETIME_MAX_S + 1, Err(IdvError::NotFresh)),
        (NOW_S + 10, NOW_S + 5, Err(IdvError::NotFresh)),
        (0, u64::MAX, Err(IdvError::NotFresh)),
    ];
    for (iat, exp, expected) in table {
        let mut claims = claims();
        claims["iat"] = json!(iat);
        claims["exp"] = json!(exp);
        let verified = verify(&known, &issuer.states(&claims), "u-1", NOW_S);
        assert_eq!(verified.map(drop), expected, "from {iat} to {exp}");
    }
    let not_yet = with("nbf", json!(NOW_S + CLOCKS_APART_MAX_S + 1));
    let verified = verify(&known, &issuer.states(&not_yet), "u-1", NOW_S);
    assert_eq!(verified, Err(IdvError::NotFresh));
}

#[test]
fn an_unsigned_statement_or_one_signed_with_the_public_key_is_not_believed() {
    let issuer = issuer();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        part(&json!({ "alg": "none", "typ": "JWT" })),
        part(&claims())
    );
    let public = EncodingKey::from_secret(issuer.known.key_pem.as_bytes());
    let confused = encode(&Header::new(Algorithm::HS256), &claims(), &public).unwrap();
    let known = [issuer.known];
    for assertion in [&unsigned, &confused, "", ".", "..", "a.b.c", "\u{0}"] {
        let verified = verify(&known, assertion, "u-1", NOW_S);
        assert_eq!(verified, Err(IdvError::UnknownIssuer), "{assertion:?}");
    }
}

#[test]
fn a_changed_statement_is_not_believed() {
    let issuer = issuer();
    let assertion = issuer.states(&claims());
    let known = [issuer.known.clone()];
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, _claims) = signed.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(with("exp", json!(NOW_S + 599)).to_string());
    let forged = format!("{header}.{other}.{signature}");
    assert!(verify(&known, &forged, "u-1", NOW_S).is_err());
}

#[test]
fn a_statement_that_is_too_long_is_not_believed() {
    let issuer = issuer();
    let known = [issuer.known.clone()];
    let padded = |length: usize| issuer.states(&with("more", json!("x".repeat(length))));
    let about = (STATEMENT_BYTES_MAX - padded(0).len()) * 3 / 4;
    let mut paddings = about..;
    let longest = paddings.find(|length| padded(*length).len() >= STATEMENT_BYTES_MAX);
    let longest = padded(longest.unwrap());
    assert_eq!(longest.len(), STATEMENT_BYTES_MAX);
    assert!(verify(&known, &longest, "u-1", NOW_S).is_ok());
    let longer = padded(paddings.start);
    assert!(verify(&known, &longer, "u-1", NOW_S).is_err());
}

#[test]
fn a_statement_signed_again_is_the_same_statement() {
    let issuer = issuer();
    let known = [issuer.known.clone()];
    let named = |assertion: &str| verify(&known, assertion, "u-1", NOW_S).unwrap();
    let (one, again) = (issuer.states(&claims()), issuer.states(&claims()));
    // Each signature of this algorithm draws a number of its own.
    assert_ne!(one, again);
    assert_eq!(named(&one), named(&again));
    let other = issuer.states(&with("exp", json!(NOW_S + 301)));
    assert_ne!(named(&one), named(&other));
}

#[test]
fn a_statement_with_a_name_is_known_by_it_among_those_of_its_issuer() {
    let one = issuer();
    let two = Issuer::new("https://other.example.com", IdvAlgorithm::EdDsa);
    let known = [one.known.clone(), two.known.clone()];
    let named = |issuer: &Issuer, claims: &Value| {
        verify(&known, &issuer.states(claims), "u-1", NOW_S).unwrap()
    };
    let mut claims = with("jti", json!("7"));
    let first = named(&one, &claims);
    claims["exp"] = json!(NOW_S + 301);
    assert_eq!(named(&one, &claims), first, "handed out again");
    claims["iss"] = json!("https://other.example.com");
    assert_ne!(named(&two, &claims), first);
}

#[test]
fn a_statement_for_several_or_with_what_must_be_understood() {
    let issuer = issuer();
    let known = [issuer.known.clone()];
    let several = with("aud", json!(["another", AUDIENCE]));
    assert!(verify(&known, &issuer.states(&several), "u-1", NOW_S).is_ok());
    let mut header = Header::new(issuer.algorithm);
    header.crit = Some(vec!["b64".to_owned()]);
    let strange = encode(&header, &claims(), &issuer.key).unwrap();
    let verified = verify(&known, &strange, "u-1", NOW_S);
    assert_eq!(verified, Err(IdvError::UnknownIssuer));
}

#[test]
fn a_key_that_is_none_believes_nobody() {
    let issuer = issuer();
    let assertion = issuer.states(&claims());
    let table = [
        ("", IdvAlgorithm::Es256),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            IdvAlgorithm::Es256,
        ),
        (issuer.known.key_pem.as_str(), IdvAlgorithm::EdDsa),
        (issuer.known.key_pem.as_str(), IdvAlgorithm::Rs256),
    ];
    for (key_pem, algorithm) in table {
        let broken = IdvIssuer {
            key_pem: key_pem.to_owned(),
            algorithm,
            ..issuer.known.clone()
        };
        assert!(!is_usable(&broken), "{algorithm:?}");
        assert!(verify(&[broken], &assertion, "u-1", NOW_S).is_err());
    }
    assert!(is_usable(&issuer.known));
}
