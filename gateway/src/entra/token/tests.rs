//! Which tokens let somebody in: those of `tests/data/entra/`, signed by another
//! library, against the key set beside them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::entra::jwks;

const VECTORS: &str = include_str!("../../../../tests/data/entra/tokens.json");

pub(crate) fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn rules(vectors: &Value) -> TokenRules {
    TokenRules {
        directory: vectors["directory"].as_str().unwrap().to_owned(),
        issuers: texts(&vectors["issuers"]),
        audiences: texts(&vectors["audiences"]),
        callers: texts(&vectors["callers"]),
        roles: Vec::new(),
        clock_skew_s: 60,
    }
}

/// As [`crate::entra::Directories::admit`] does, without an issuer to ask.
fn judged(token: &str, rules: &TokenRules, vectors: &Value) -> Result<(), TokenRefusal> {
    let presented = read(token)?;
    if !rules.issuers.contains(&presented.issuer) {
        return Err(TokenRefusal::Issuer);
    }
    let document = vectors["jwks"].to_string();
    let key = jwks::tests::key_of(&document, rules, &presented.key_id);
    let key = key.ok_or(TokenRefusal::UnknownKey)?;
    presented.verify(rules, &key, vectors["now_s"].as_u64().unwrap())
}

fn judge(list: &str, rules: &TokenRules) {
    let vectors = vectors();
    for vector in vectors[list].as_array().unwrap() {
        let token = vector["token"].as_str().unwrap();
        let judged = judged(token, rules, &vectors);
        let word = judged.map_or_else(TokenRefusal::as_str, |()| "admitted");
        assert_eq!(vector["expected"], word, "{}", vector["name"]);
    }
}

#[test]
fn only_a_listed_caller_with_a_genuine_token_is_let_in() {
    let vectors = vectors();
    assert!(vectors["tokens"].as_array().unwrap().len() >= 50);
    judge("tokens", &rules(&vectors));
}

#[test]
fn a_role_is_asked_for_where_one_is_configured() {
    let mut rules = rules(&vectors());
    rules.roles = vec!["Other".to_owned(), "Epp.Invoke".to_owned()];
    judge("with_roles", &rules);
}

#[test]
fn the_skew_is_what_is_configured() {
    let vectors = vectors();
    let mut rules = rules(&vectors);
    rules.clock_skew_s = 0;
    let named = |name: &str| {
        let mut list = vectors["tokens"].as_array().unwrap().iter();
        let vector = list.find(|vector| vector["name"] == name).unwrap();
        judged(vector["token"].as_str().unwrap(), &rules, &vectors)
    };
    assert_eq!(named("expired within the skew"), Err(TokenRefusal::Expired));
    assert_eq!(
        named("early within the skew"),
        Err(TokenRefusal::NotYetValid)
    );
    assert_eq!(named("version 1"), Ok(()));
}

#[test]
fn a_guid_has_one_form() {
    assert!(is_guid("0f1e2d3c-4b5a-6978-8796-A5B4C3D2E1F0"));
    for other in [
        "",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}",
        "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1g0",
        "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-",
        "0f1e2d3-c4b5a-6978-8796-a5b4c3d2e1f0",
    ] {
        assert!(!is_guid(other), "{other}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_refused(text in ".{0,300}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn a_character_changed_anywhere_lets_nobody_in(at in 0_usize..1_000, to in prop::char::range('-', 'z')) {
        let vectors = vectors();
        let good = vectors["tokens"][0]["token"].as_str().unwrap();
        let at = at % good.len();
        let changed = good.chars().enumerate();
        let changed = changed.map(|(index, old)| if index == at { to } else { old });
        let changed: String = changed.collect();
        let judged = judged(&changed, &rules(&vectors), &vectors);
        prop_assert_eq!(judged.is_ok(), changed == good);
    }
}
