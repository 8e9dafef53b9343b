//! How changes of numbers are judged: what holds for all tenants, for one, and
//! what is refused.

use super::*;
use crate::subjects::policy::{IdvAlgorithm, SubjectPolicy, VoipPolicy};

/// The least, with these lines behind the tenant's own.
fn of_acme(lines: &str) -> String {
    least().replace("[[providers]]", &format!("{lines}\n[[providers]]"))
}

const DAY_MS: u64 = 86_400_000;

#[test]
fn the_defaults_of_the_file_are_those_of_the_code() {
    let settings = settings(&least());
    assert_eq!(settings.subjects.policy, SubjectPolicy::default());
    assert_eq!(settings.tenants[0].subjects, SubjectPolicy::default());
    assert!(!settings.subjects.on_forgetful_store && !settings.subjects.may_be_lost);
    assert_eq!(settings.signals, SignalSettings::None);
    let limits = settings.limits;
    assert_eq!(limits.sends_per_subject, limits.sends_per_number);
}

#[test]
fn a_tenant_replaces_single_lines_of_what_holds_for_all() {
    let text = of_acme("[tenants.subjects]\nhold_d_s = 1728000\nvoip = \"deny\"")
        + "[subjects]\nhold_a_s = 5\nhold_c_s = 172800\nreport_freezes = false\n";
    let settings = settings(&text);
    let common = settings.subjects.policy;
    let own = &settings.tenants[0].subjects;
    assert_eq!((common.holds.a_ms, common.holds.c_ms), (5_000, 2 * DAY_MS));
    assert_eq!(common.holds.d_ms, 30 * DAY_MS);
    assert_eq!((own.holds.a_ms, own.holds.c_ms), (5_000, 2 * DAY_MS));
    assert_eq!(own.holds.d_ms, 20 * DAY_MS);
    assert_eq!(
        (common.voip, own.voip),
        (VoipPolicy::Allow, VoipPolicy::Deny)
    );
    assert!(!own.report_freezes);
}

#[test]
fn weaker_evidence_does_not_wait_for_less() {
    assert_refused(
        &(least() + "[subjects]\nhold_c_s = 3600\n"),
        "subjects.hold_c_s: must be at least 86400: weaker evidence may not wait for less",
    );
    assert_refused(
        &of_acme("[tenants.subjects]\nhold_a_s = 100000"),
        "tenants[0].subjects.hold_b_s: must be at least 100000",
    );
    assert_refused(
        &(least() + "[subjects]\nhold_d_s = 2592001\n"),
        "subjects.hold_d_s: must be between 0 and 2592000",
    );
}

#[test]
fn every_time_of_policy_is_a_tenants_to_set_within_its_bounds() {
    let own = of_acme(
        "[tenants.subjects]\nrecovery_lifetime_s = 600\nenrolment_window_s = 3600\n\
         recheck_after_s = 0\napproval_within_s = 3600\nsealed_code_wait_s = 86400",
    );
    let own = &settings(&own).tenants[0].subjects;
    let times = [
        own.grant_ms,
        own.enrolment_ms,
        own.recheck_after_ms,
        own.approval_ms,
        own.sealed_wait_ms,
    ];
    assert_eq!(times, [600_000, 3_600_000, 0, 3_600_000, DAY_MS]);
    for (line, bounds) in [
        ("recovery_lifetime_s = 599", "600 and 2592000"),
        ("enrolment_window_s = 2592001", "3600 and 2592000"),
        ("recheck_after_s = 31536001", "0 and 31536000"),
        // Nobody approves what they no longer know the story of.
        ("approval_within_s = 86401", "3600 and 86400"),
        ("sealed_code_wait_s = 86399", "86400 and 2592000"),
    ] {
        let (key, _) = line.split_once(' ').unwrap();
        assert_refused(
            &of_acme(&format!("[tenants.subjects]\n{line}")),
            &format!("tenants[0].subjects.{key}: must be between {bounds}"),
        );
    }
}

#[test]
fn a_weekend_is_left_to_undo() {
    assert_refused(
        &of_acme("[tenants.subjects]\nundo_window_s = 259199"),
        "tenants[0].subjects.undo_window_s: must be between 259200 and 2592000",
    );
}

#[test]
fn it_takes_two_words_to_keep_subjects_where_they_are_lost() {
    let both = least() + "[subjects]\non_forgetful_store = true\nmay_be_lost = true\n";
    assert!(settings(&both).subjects.may_be_lost);
    for one in ["on_forgetful_store = true", "may_be_lost = true"] {
        assert_refused(
            &(least() + "[subjects]\n" + one),
            "subjects.on_forgetful_store: and may_be_lost go together",
        );
    }
    assert_refused(
        &of_acme("[tenants.subjects]\nmay_be_lost = true"),
        "tenants[0].subjects.may_be_lost: unknown key",
    );
}

const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----";

#[test]
fn who_may_prove_identities_is_named_with_key_and_algorithm() {
    let issuer = |algorithm: &str, key: &str| {
        of_acme(&format!(
            "[[tenants.idv_issuers]]\nissuer = \"https://idv.example.com\"\n\
             algorithm = \"{algorithm}\"\n{key}"
        ))
    };
    let with_key = format!("key_pem = \"{PUBLIC_KEY}\"");
    let named = &settings(&issuer("EdDSA", &with_key)).tenants[0]
        .subjects
        .idv_issuers[0];
    assert_eq!(named.algorithm, IdvAlgorithm::EdDsa);
    assert!(named.key_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_refused(
        &issuer("HS256", &with_key),
        "tenants[0].idv_issuers[0].algorithm: must be one of ES256, EdDSA, RS256",
    );
    assert_refused(
        &issuer("ES256", ""),
        "tenants[0].idv_issuers[0].key_pem: missing",
    );
    assert_refused(
        &issuer("ES256", "key_pem = \"-----BEGIN PRIVATE KEY-----\""),
        "tenants[0].idv_issuers[0].key_pem: must be a public key in PEM",
    );
}

#[test]
fn networks_are_asked_where_they_are_named() {
    let camara = least() + "[signals]\nkind = \"camara\"\n";
    assert_refused(&camara, "signals.base_url: missing");
    let text = camara.clone() + "base_url = \"https://camara.example.com\"\ntoken = \"t\"\n";
    let SignalSettings::Camara(named) = settings(&text).signals else {
        panic!("it is CAMARA");
    };
    assert_eq!(named.base_url, "https://camara.example.com");
    assert_eq!(named.paths.sim_swap, "/sim-swap/v2/check");
    assert_eq!(named.timeout, Duration::from_millis(300));
    assert!(
        !format!("{named:?}").contains("\"t\""),
        "the token is hidden"
    );
    for wrong in [
        "camara.example.com",
        "https://camara.example.com/",
        "ftp://x",
    ] {
        let text = camara.clone() + &format!("base_url = \"{wrong}\"\n");
        assert_refused(&text, "signals.base_url: must be a URL without a slash");
    }
    assert_refused(
        &(least() + "[signals]\nkind = \"scripted\"\n"),
        "signals.kind: is \"scripted\", which is for a sandbox",
    );
}

#[test]
fn an_operator_is_a_subject_of_a_tenant_that_exists() {
    let ada = |tenant: &str| {
        least()
            + &format!(
                "[[operators]]\nname = \"ada\"\nsubjects = [{{ tenant = \"{tenant}\", subject = \"u-1\" }}]\n\
                 keys = [{{ id = \"o1\", sha256 = \"{}\" }}]\n",
                SHA256.replace('3', "4")
            )
    };
    assert_eq!(
        settings(&ada("acme")).operators[0].subjects[0].subject,
        "u-1"
    );
    assert_refused(
        &ada("acm"),
        "operators[0].subjects[0].tenant: there is no tenant \"acm\"",
    );
}

#[test]
fn the_operators_of_the_sandbox_are_refused_elsewhere() {
    for known in [
        "6452bc3559aa261684c96e198c10ead337f44db73b4dd3bc8ab3ec8e69b4c292",
        "5a0de16223219360dee7e585912c13abc0fbde60cdc6c224731b4bc27c028a2c",
    ] {
        let text = format!(
            "[[operators]]\nname = \"ada\"\nkeys = [{{ id = \"o1\", sha256 = \"{known}\" }}]\n"
        );
        assert_refused(
            &(least() + &text),
            "operators[0].keys[0].sha256: is a key of the sandbox",
        );
    }
}
