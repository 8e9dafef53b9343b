//! Whom to ask about numbers, and whose word on a person's identity counts.

use super::*;
use crate::config::{CamaraLogin, SignalSettings};

const CAMARA: &str = "\n[signals]\nkind = \"camara\"\nbase_url = \"https://camara.example.com\"\n";
const CLIENT: &str = "token_url = \"https://camara.example.com/token\"\nclient_id = \"us\"\n\
                      client_secret = \"not in any document\"\n";

fn login(lines: &str) -> CamaraLogin {
    match settings(&(least() + CAMARA + lines)).signals {
        SignalSettings::Camara(camara) => camara.login,
        SignalSettings::None | SignalSettings::Scripted(_) => panic!("another kind"),
    }
}

#[test]
fn a_network_knows_us_in_one_way() {
    assert_eq!(login(""), CamaraLogin::None);
    let token = "token = \"not in any document\"\n";
    assert!(matches!(login(token), CamaraLogin::Token(_)));
    let CamaraLogin::Client(client) = login(&format!("{CLIENT}scope = \"sim-swap:check\"\n"))
    else {
        panic!("another way");
    };
    assert_eq!(client.id, "us");
    assert_eq!(client.scope.as_deref(), Some("sim-swap:check"));

    assert_refused(
        &(least() + CAMARA + token + CLIENT),
        "signals.token: is one way to log in",
    );
    assert_refused(
        &(least() + CAMARA + "client_id = \"us\"\n"),
        "signals.token_url: goes with client_id and client_secret",
    );
}

#[test]
fn answers_that_somebody_wrote_down_are_for_a_sandbox() {
    assert_refused(
        &(least() + "\n[signals]\nkind = \"scripted\"\n"),
        "signals.kind: is \"scripted\", which is for a sandbox",
    );
}

#[test]
fn a_key_that_can_verify_nothing_is_found_at_the_start() {
    let issuer = |algorithm| {
        least().replace(
            "[[providers]]",
            &format!(
                "[[tenants.idv_issuers]]\nissuer = \"https://id.example.com\"\n\
                 algorithm = \"{algorithm}\"\nkey_pem = \"\"\"\n-----BEGIN PUBLIC KEY-----\n\
                 {ED25519}\n-----END PUBLIC KEY-----\n\"\"\"\n[[providers]]"
            ),
        )
    };
    let known = settings(&issuer("EdDSA"));
    assert_eq!(known.tenants[0].subjects.idv_issuers.len(), 1);
    assert_refused(
        &issuer("ES256"),
        "tenants[0].idv_issuers[0].key_pem: is no public key of this algorithm",
    );
}

/// The public key of RFC 8410's example.
const ED25519: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
