//! Which directories of Microsoft Entra may ask, and by which keys.

use super::*;

const DIRECTORY: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const AUDIENCE: &str = "api://otp.example.com/1f2e3d4c-5b6a-7988-9786-a4b5c6d7e8f9";
const CALLER: &str = "2F3E4D5C-6b7a-8998-a786-b4c5d6e7f809";

/// Where the keys of the vectors are.
fn data(file: &str) -> String {
    format!("{}/../tests/data/entra/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// The least that a directory needs.
fn entra() -> String {
    format!(
        "\n[[entra]]\ntenant = \"acme\"\ndirectory = \"{DIRECTORY}\"\n\
         audiences = [\"{AUDIENCE}\"]\ncallers = [\"{CALLER}\"]\n\
         keys = [{{ id = \"2026\", key_file = \"{}\" }}]\n",
        data("current.pem")
    )
}

fn with(line: &str) -> String {
    least() + &entra() + line + "\n"
}

fn without(key: &str) -> String {
    let kept = |line: &&str| !line.starts_with(key);
    least() + &entra().lines().filter(kept).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_directory_needs_little_and_trusts_entras_own_issuers() {
    let settings = settings(&with(""));
    let entra = &settings.entra[0];
    assert_eq!(entra.directory, DIRECTORY);
    assert_eq!(entra.callers, [CALLER.to_lowercase()]);
    assert_eq!(
        entra.issuers,
        [
            format!("https://sts.windows.net/{DIRECTORY}/"),
            format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0"),
        ]
    );
    assert_eq!(
        entra.jwks_url,
        format!("https://login.microsoftonline.com/{DIRECTORY}/discovery/v2.0/keys")
    );
    assert!(entra.roles.is_empty());
    assert_eq!(entra.budget, Duration::from_millis(2_300));
    assert_eq!((entra.clock_skew_s, entra.validity_s), (60, 600));
    assert_eq!(format!("{:?}", entra.keys[0].pem), "Secret(..)");
}

#[test]
fn without_a_block_there_is_no_directory() {
    assert!(settings(&least()).entra.is_empty());
}

#[test]
fn what_says_whom_to_trust_has_no_default() {
    for (key, expected) in [
        ("tenant", "entra[0].tenant: missing"),
        ("directory", "entra[0].directory: missing"),
        ("audiences", "entra[0].audiences: missing"),
        ("callers", "entra[0].callers: missing"),
        ("keys", "entra[0].keys: missing"),
    ] {
        assert_refused(&without(key), expected);
    }
}

#[test]
fn each_setting_has_its_form_and_its_bounds() {
    for (line, expected) in [
        (
            "budget_ms = 2501",
            "entra[0].budget_ms: must be between 500 and 2500",
        ),
        (
            "budget_ms = 499",
            "entra[0].budget_ms: must be between 500 and 2500",
        ),
        (
            "clock_skew_s = 301",
            "entra[0].clock_skew_s: must be between 0 and 300",
        ),
        (
            "validity_s = 29",
            "entra[0].validity_s: must be between 30 and 86400",
        ),
        (
            "jwks_url = \"http://keys.example.com/\"",
            "must begin with https://",
        ),
        ("jwks_url = \"keys\"", "entra[0].jwks_url: must be a URL"),
        ("issuers = [\"me\"]", "entra[0].issuers[0]: must be a URL"),
        (
            "roles = [\"a b\"]",
            "entra[0].roles[0]: must be 1 to 128 visible",
        ),
        (
            "role = []",
            "entra[0].role: unknown key; did you mean roles?",
        ),
    ] {
        assert_refused(&with(line), expected);
    }
    let local = settings(&with("jwks_url = \"http://127.0.0.1:8090/keys\""));
    assert_eq!(local.entra[0].jwks_url, "http://127.0.0.1:8090/keys");
    for (old, new, expected) in [
        (
            DIRECTORY,
            "contoso.example.com",
            "entra[0].directory: must be a GUID",
        ),
        (
            CALLER,
            "StrongAuthenticationService",
            "entra[0].callers[0]: must be a GUID",
        ),
        (
            AUDIENCE,
            "otp",
            "entra[0].audiences[0]: must be an application id URI",
        ),
        (
            "\"acme\"\nd",
            "\"acmee\"\nd",
            "no tenant has this name; did you mean \"acme\"?",
        ),
    ] {
        assert_refused(&with("").replacen(old, new, 1), expected);
    }
    let short = "[server]\nrequest_timeout_ms = 2000\n".to_owned() + &with("");
    assert_refused(
        &short,
        "entra[0].budget_ms: must be shorter than server.request_timeout_ms",
    );
}

#[test]
fn a_directory_and_an_issuer_belong_to_one_entry() {
    let twice = with("") + &entra();
    assert_refused(
        &twice,
        &format!("entra[1].directory: {DIRECTORY:?} belongs to entra[0]"),
    );
    let issuers = "issuers = [\"https://issuer.example.com\"]\n";
    let other = entra().replace(DIRECTORY, "99999999-4b5a-6978-8796-a5b4c3d2e1f0");
    let shared = with(issuers) + &other + issuers;
    assert_refused(
        &shared,
        "entra[1].issuers: \"https://issuer.example.com\" belongs",
    );
    let own = with("") + &other;
    assert_eq!(settings(&own).entra.len(), 2);
}

#[test]
fn a_key_that_cannot_be_used_is_found_at_the_start() {
    let named = |file: &str| with("").replace(&data("current.pem"), &data(file));
    for good in ["previous.pem", "bundle.pem"] {
        assert_eq!(settings(&named(good)).entra[0].keys[0].id, "2026");
    }
    for (file, expected) in [
        ("encrypted.pem", "holds a key that a passphrase encrypts"),
        (
            "short.pem",
            "holds a private key that is damaged or not of RSA",
        ),
        ("../../../gateway/Cargo.toml", "holds no private key"),
        ("nothing.pem", "nothing.pem cannot be read"),
    ] {
        let path = "entra[0].keys[0].key_file: ";
        let mistakes = refused(&named(file));
        assert!(
            mistakes.contains(path) && mistakes.contains(expected),
            "{mistakes}"
        );
        assert!(mistakes.contains(file), "{mistakes}");
    }
    let older = format!(
        "\nkeys = [{{ id = \"2026\", key_file = \"{}\" }}, ",
        data("previous.pem")
    );
    let twice = with("").replace("\nkeys = [", &older);
    assert_refused(
        &twice,
        "entra[0].keys[1].id: \"2026\" is already the id of keys[0]",
    );
}

#[test]
fn a_key_may_stand_in_the_environment() {
    let pem = std::fs::read_to_string(data("current.pem")).unwrap();
    let text = with("").replace(&format!(", key_file = \"{}\"", data("current.pem")), "");
    let name = "WATCHWORD__ENTRA__0__KEYS__0__KEY";
    let settings = read_with(&text, &[(name, &pem)]).unwrap().settings;
    assert_eq!(settings.entra[0].keys[0].pem.expose(), pem.trim());
}
