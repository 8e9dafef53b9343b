//! Whom to ask about numbers, and whose word on a person's identity counts.

use super::*;
use crate::config::{CamaraLogin, SignalSettings};
use crate::subjects::policy::{Effect, Effects};

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

const COMMON: &str = "\n[[subjects.signals]]\nforwarded = \"allow\"\ndevice_swap = \"other_method\"\n\
                      [[subjects.signals]]\npurposes = [\"number_change\"]\ndevice_swap = \"longer_hold\"\n";

#[test]
fn the_first_entry_that_speaks_of_a_signal_decides_and_a_tenants_own_come_first() {
    let own = "[[tenants.subjects.signals]]\npurposes = [\"pay\"]\nsim_swap = \"suspend\"\n\
               device_swap = \"allow\"\n[[providers]]";
    let read = settings(&(least().replacen("[[providers]]", own, 1) + COMMON));
    let policy = &read.tenants[0].subjects;
    let sign_in = Effects {
        sim_swap: Effect::OtherMethod,
        device_swap: Effect::OtherMethod,
        recycled: Effect::Suspend,
        forwarded: Effect::Allow,
    };
    assert_eq!(policy.effects("sign_in"), sign_in);
    let pay = Effects {
        sim_swap: Effect::Suspend,
        device_swap: Effect::Allow,
        ..sign_in
    };
    assert_eq!(policy.effects("pay"), pay);
    let change = Effects {
        sim_swap: Effect::LongerHold,
        device_swap: Effect::LongerHold,
        recycled: Effect::LongerHold,
        forwarded: Effect::LongerHold,
    };
    assert_eq!(policy.effects("number_change"), change);
}

#[test]
fn a_signal_leads_to_nothing_harsher_than_it_may() {
    let entry = |lines: &str| least() + "\n[[subjects.signals]]\n" + lines;
    let change = "purposes = [\"number_change\"]\n";
    let table = [
        ("device_swap = \"suspend\"\n".to_owned(), "device_swap"),
        ("forwarded = \"suspend\"\n".to_owned(), "forwarded"),
        ("recycled = \"other_method\"\n".to_owned(), "recycled"),
        ("sim_swap = \"longer_hold\"\n".to_owned(), "sim_swap"),
        (
            format!("{change}device_swap = \"suspend\"\n"),
            "device_swap",
        ),
        (
            "purposes = [\"pay\", \"number_change\"]\n".to_owned(),
            "purposes",
        ),
        ("purposes = [\"confirm_method\"]\n".to_owned(), "purposes"),
    ];
    for (lines, key) in table {
        assert_refused(&entry(&lines), &format!("subjects.signals[0].{key}: "));
    }
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
