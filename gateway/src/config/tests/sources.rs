//! Overrides from the environment, and secrets from files of their own.

use super::*;

#[test]
fn the_environment_overrides_the_file_and_its_mistakes_name_the_variable() {
    let loaded = read_with(
        &least(),
        &[
            ("WATCHWORD__SERVER__LISTEN", "127.0.0.1:9090"),
            ("WATCHWORD__PROVIDERS__0__ATTEMPT_TIMEOUT_MS", "1500"),
            ("WATCHWORD__CODES__RESEND_WAITS_S", "20, 40"),
            ("WATCHWORD__TENANTS__0__REGIONS", "US,CA"),
            ("WATCHWORD__OPERATORS__0__NAME", "ada"),
            ("WATCHWORD__OPERATORS__0__KEYS__0__ID", "o1"),
            (
                "WATCHWORD__OPERATORS__0__KEYS__0__SHA256",
                &SHA256.replace('3', "4"),
            ),
            ("HOME", "/root"),
        ],
    );
    let settings = loaded.unwrap().settings;
    assert_eq!(settings.server.listen.port(), 9090);
    assert_eq!(
        settings.providers[0].attempt_timeout,
        Duration::from_millis(1_500)
    );
    assert_eq!(
        settings.codes.resend_waits,
        [Duration::from_secs(20), Duration::from_secs(40)]
    );
    assert!(settings.tenants[0].regions.contains("CA"));
    assert_eq!(settings.operators[0].keys[0].id, "o1");

    let mistakes = read_with(
        &least(),
        &[
            ("WATCHWORD__CODES__DIGITS", "many"),
            ("WATCHWORD__SERVER__LISEN", "x"),
            ("WATCHWORD__PROVIDERS__7__ID", "x"),
            ("WATCHWORD__STORE__KIND__X", "x"),
            ("WATCHWORD__", "x"),
            ("WATCHWORD__0", "x"),
        ],
    );
    let mistakes = mistakes.unwrap_err().to_string();
    for expected in [
        "WATCHWORD__CODES__DIGITS: codes.digits: must be an integer between 4 and 10",
        "WATCHWORD__SERVER__LISEN: server.lisen: unknown key; did you mean listen?",
        "WATCHWORD__PROVIDERS__7__ID: skips elements: the next one is number 1",
        "WATCHWORD__STORE__KIND__X: goes into something that is not a table",
        "WATCHWORD__: has an empty part",
        "WATCHWORD__0: must name a section first",
    ] {
        assert!(
            mistakes.contains(expected),
            "{expected}\nis not among\n{mistakes}"
        );
    }
}

#[test]
fn a_secret_may_come_from_a_file_and_a_file_that_others_read_gets_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k1");
    std::fs::write(&path, format!("  {KEY}\n")).unwrap();
    let text = least().replace(
        &format!("secret = \"{KEY}\""),
        &format!("secret_file = {path:?}"),
    );

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let loaded = read_with(&text, &[]).unwrap();
    assert_eq!(loaded.settings.keys, settings(&least()).keys);
    assert!(
        !loaded
            .warnings
            .iter()
            .any(|warning| warning.contains("chmod"))
    );

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let warnings = read_with(&text, &[]).unwrap().warnings;
    assert!(warnings.iter().any(|warning| {
        warning.starts_with("keys[0].secret_file: others on this machine may read")
    }));

    // The variable replaces the file instead of contradicting it.
    let other = KEY.replace("AAEC", "AAED");
    let loaded = read_with(&text, &[("WATCHWORD__KEYS__0__SECRET", &other)]).unwrap();
    assert_ne!(loaded.settings.keys, settings(&least()).keys);
}

#[test]
fn several_secrets_of_a_file_are_one_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hook");
    std::fs::write(
        &path,
        format!("whsec_{KEY}\nwhsec_{}\n", KEY.replace("AAEC", "AAED")),
    )
    .unwrap();
    let text = least().replace(
        &format!("secret = \"whsec_{KEY}\""),
        &format!("secret_file = {path:?}"),
    );
    let settings = settings(&text);
    assert_eq!(settings.providers[0].values.secrets("secret").len(), 2);
}

#[test]
fn the_hops_of_a_weighted_route_have_shares() {
    let weighted = "strategy = \"weighted\"\nhops = [{ provider = \"hook-a\", share = 70 }]";
    let route = &settings(&least().replace("hops = [\"hook-a\"]", weighted)).routes[0];
    assert_eq!(route.strategy, Strategy::Weighted(vec![70]));
    assert_eq!(route.hops, ["hook-a"]);
}
