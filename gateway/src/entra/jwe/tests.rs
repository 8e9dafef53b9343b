//! What is opened and what is not: JWEs made by other libraries, in
//! `tests/data/entra/`.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::entra::context;

const CURRENT: &str = include_str!("../../../../tests/data/entra/current.pem");
const PREVIOUS: &str = include_str!("../../../../tests/data/entra/previous.pem");
const BUNDLE: &str = include_str!("../../../../tests/data/entra/bundle.pem");
const ENCRYPTED: &str = include_str!("../../../../tests/data/entra/encrypted.pem");
const SHORT: &str = include_str!("../../../../tests/data/entra/short.pem");
const VECTORS: &str = include_str!("../../../../tests/data/entra/jwe.json");

fn key(id: &str, pem: &str) -> DecryptionKey {
    DecryptionKey::from_pem(id, pem).unwrap()
}

/// One key in PKCS #8 and one in PKCS #1.
pub(crate) fn keys() -> DecryptionKeys {
    DecryptionKeys::new(vec![key("current", CURRENT), key("previous", PREVIOUS)])
}

pub(crate) fn vectors(kind: &str) -> Vec<(String, String, Value)> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = vectors[kind].as_array().unwrap().iter();
    list.map(|vector| (text(&vector["name"]), text(&vector["jwe"]), vector.clone()))
        .collect()
}

#[test]
fn what_another_library_encrypts_is_opened_by_the_right_key() {
    let keys = keys();
    let all = vectors("opened");
    assert!(all.len() >= 9);
    for (name, jwe, vector) in all {
        let opened = keys.open(&jwe).unwrap_or_else(|_| panic!("{name}"));
        assert_eq!(vector["key"], *opened.key_id, "{name}");
        let plaintext: Value = serde_json::from_slice(&opened.plaintext).unwrap();
        if vector["context"].is_object() {
            assert_eq!(plaintext, vector["context"], "{name}");
        } else {
            assert_eq!(jwe.len(), CHARACTERS_MAX, "{name}");
        }
        assert!(context::parse(&opened.plaintext).is_ok(), "{name}");
    }
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let keys = keys();
    let all = vectors("refused");
    assert!(all.len() >= 40);
    for (name, jwe, _) in all {
        let opened = keys.open(&jwe);
        let is_refused = match &opened {
            Err(DecryptionFailed) => true,
            Ok(opened) => {
                name.contains("plaintext")
                    && context::parse(&opened.plaintext).err()
                        == Some(context::ContextError::NotAnObject)
            }
        };
        assert!(is_refused, "{name}");
    }
}

#[test]
fn what_is_opened_and_incomplete_is_told_apart() {
    let keys = keys();
    let all = vectors("incomplete");
    assert_eq!(all.len(), 15);
    for (name, jwe, _) in all {
        let opened = keys.open(&jwe).unwrap_or_else(|_| panic!("{name}"));
        let error = context::parse(&opened.plaintext).err();
        assert_eq!(error, Some(context::ContextError::Incomplete), "{name}");
    }
}

#[test]
fn an_older_key_that_is_gone_opens_nothing_any_more() {
    let alone = DecryptionKeys::new(vec![key("current", CURRENT)]);
    let opened = |keys: &DecryptionKeys| {
        let all = vectors("opened").into_iter();
        all.filter(|(_, jwe, _)| keys.open(jwe).is_ok()).count()
    };
    assert_eq!(opened(&keys()) - opened(&alone), 2);
}

#[test]
fn a_key_stands_alone_or_beside_its_certificate() {
    for pem in [CURRENT, PREVIOUS, BUNDLE] {
        let key = DecryptionKey::from_pem("k", pem).unwrap();
        assert_eq!(format!("{key:?}"), "DecryptionKey(k)");
    }
    let bundled = DecryptionKeys::new(vec![key("bundled", BUNDLE)]);
    assert!(bundled.open(&vectors("opened")[0].1).is_ok());
    assert_eq!(
        format!("{bundled:?}"),
        "DecryptionKeys([DecryptionKey(bundled)])"
    );
}

#[test]
fn a_key_that_cannot_be_used_says_what_to_do() {
    let (certificate, _) = BUNDLE.split_once("-----BEGIN PRIVATE").unwrap();
    let curve = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let broken = CURRENT.replace("-----END PRIVATE KEY-----", "");
    let damaged = CURRENT.replacen("MII", "MIJ", 1);
    let table = [
        ("", "holds no private key"),
        ("nothing", "holds no private key"),
        (certificate, "holds no private key"),
        (ENCRYPTED, "holds a key that a passphrase encrypts"),
        (SHORT, "not of RSA"),
        (&curve, "not of RSA"),
        (&damaged, "damaged"),
        (&broken, "broken PEM"),
        (&format!("{CURRENT}{PREVIOUS}"), "more than one private key"),
    ];
    for (pem, expected) in table {
        let error = DecryptionKey::from_pem("k", pem).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}: {expected}");
        assert!(!error.contains("MII"), "{error}");
    }
}

#[test]
fn more_keys_than_are_tried_are_not_kept() {
    let many = (0..=KEYS_MAX).map(|number| key(&number.to_string(), CURRENT));
    let keys = DecryptionKeys::new(many.collect());
    assert_eq!(keys.ids().count(), KEYS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_is_refused(text in ".{0,200}") {
        prop_assert!(keys().open(&text).is_err());
    }

    #[test]
    fn whatever_stands_between_dots_is_refused(
        parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 5),
    ) {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
        let compact = format!("{header}.{}", parts[1..].join("."));
        prop_assert!(keys().open(&compact).is_err());
        prop_assert!(keys().open(&parts.join(".")).is_err());
    }

    #[test]
    fn a_character_changed_anywhere_opens_nothing(at in 0_usize..600, to in prop::char::range('-', 'z')) {
        let good = vectors("opened").swap_remove(0).1;
        let at = at % good.len();
        let changed = good.chars().enumerate();
        let changed = changed.map(|(index, old)| if index == at { to } else { old });
        let changed: String = changed.collect();
        prop_assert_eq!(keys().open(&changed).is_ok(), changed == good);
    }
}
