//! What is refused although each line is right, or because everybody knows it.

use watchword_providers::registry::KINDS;

use super::*;

#[test]
fn what_everybody_knows_is_refused() {
    assert_refused(
        &least()
            .replace(KEY, "d2F0Y2h3b3JkIGRvY3VtZW50ZWQgZXhhbXBsZSBrZXk=")
            .replace("whsec_d2F0", "whsec_AAAA"),
        "keys[0].secret: stands in the documentation",
    );
    assert_refused(
        &least().replace(
            SHA256,
            "b7ad567477c83756aab9a542b2be04f77dbae25115d85f22070d74d8cc4779dc",
        ),
        "tenants[0].api_keys[0].sha256: is a key of the sandbox",
    );
    assert_refused(
        &least().replace(
            &format!("secret = \"{KEY}\""),
            &format!("secret = \"{}=\"", "A".repeat(43)),
        ),
        "keys[0].secret: is no key",
    );
}

const SANDBOX_PROVIDER: &str =
    "\n[[providers]]\nid = \"sandbox\"\nkind = \"sandbox\"\nchannels = [\"sms\"]\n";

#[test]
fn a_sandbox_stands_neither_beside_a_real_provider_nor_behind_an_open_listener() {
    let beside = least() + SANDBOX_PROVIDER;
    assert_refused(
        &beside,
        "providers[1].kind: is a sandbox beside real providers",
    );
    settings(&(beside.clone() + "[server]\nallow_sandbox = true\n"));

    let webhook = part("[[providers]]");
    let alone = least()
        .replace(&webhook, SANDBOX_PROVIDER)
        .replace("hook-a", "sandbox");
    settings(&alone);
    let open = alone + "[server]\nlisten = \"0.0.0.0:8080\"\ninsecure_listen = true\n";
    assert_refused(
        &open,
        "providers[0].kind: is a sandbox on a listener that is reachable",
    );
    settings(&(open + "allow_sandbox = true\n"));
}

#[test]
fn an_open_listener_needs_tls_or_an_explicit_word() {
    let open = least() + "[server]\nlisten = \"0.0.0.0:8443\"\n";
    assert_refused(
        &open,
        "server.listen: is reachable from the network without TLS",
    );
    settings(&(open.clone() + "insecure_listen = true\n"));
    let with_tls =
        settings(&(open.clone() + "tls_cert_file = \"c.pem\"\ntls_key_file = \"/k.pem\"\n"));
    let tls = with_tls.server.tls.unwrap();
    assert_eq!(tls.cert_file, Path::new("/etc/watchword/c.pem"));
    assert_eq!(tls.key_file, Path::new("/k.pem"));
    assert_refused(
        &(open + "tls_cert_file = \"c.pem\"\n"),
        "server.tls_cert_file: needs tls_key_file",
    );
    let receipts = least() + "[server]\nreceipts_listen = \"0.0.0.0:8444\"\n";
    assert_refused(
        &receipts,
        "server.receipts_listen: is reachable from the network without TLS",
    );
    let twice = least() + "[server]\nadmin_listen = \"127.0.0.1:8080\"\n";
    assert_refused(
        &twice,
        "server.admin_listen: 127.0.0.1:8080 already serves another listener",
    );
}

/// What is changed in the least configuration, into what, and the mistake that follows.
const CONTRADICTIONS: [(&str, &str, &str); 39] = [
    (
        "regions = [",
        "submissions_per_day_max = [{ region = \"*\", max = 1 }, { region = \"*\", max = 2 }]\nregions = [",
        "tenants[0].submissions_per_day_max[1].region: has a bound for this channel already",
    ),
    (
        "hops = [\"hook-a\"]",
        "hops = [\"hook-b\"]",
        "routes[0].hops[0]: there is no provider \"hook-b\"; did you mean \"hook-a\"?",
    ),
    (
        "hops = [\"hook-a\"]",
        "hops = [\"hook-a\", \"hook-a\"]",
        "routes[0].hops[1]: \"hook-a\" is already a hop",
    ),
    (
        "hops = [\"hook-a\"]",
        "hops = []",
        "routes[0].hops: missing",
    ),
    (
        "hops = [",
        "tenants = [\"acne\"]\nhops = [",
        "routes[0].tenants[0]: there is no tenant \"acne\"; did you mean \"acme\"?",
    ),
    (
        "hops = [",
        "countries = []\nhops = [",
        "routes[0].countries: must not be empty",
    ),
    (
        "hops = [",
        "strategy = \"fastest\"\nhops = [",
        "routes[0].strategy: must be one of ordered, weighted",
    ),
    (
        "hops = [\"hook-a\"]",
        "hops = [{ provider = \"hook-a\", share = 1 }]",
        "routes[0].hops[0]: has a share, which takes strategy = \"weighted\"",
    ),
    (
        "hops = [",
        "strategy = \"weighted\"\nhops = [",
        "routes[0].hops[0]: has no share: write it as { provider = ",
    ),
    (
        "hops = [\"hook-a\"]",
        "strategy = \"weighted\"\nhops = [{ provider = \"hook-a\", share = 0 }]",
        "routes[0].hops[0].share: must be",
    ),
    (
        "hops = [\"hook-a\"]",
        "strategy = \"weighted\"\nhops = [{ provider = \"hook-a\", share = 1001 }]",
        "routes[0].hops[0].share: must be",
    ),
    (
        "hops = [\"hook-a\"]",
        "strategy = \"weighted\"\nhops = [{ provider = \"hook-a\" }]",
        "routes[0].hops[0].share: missing: set it to 1 to 1000",
    ),
    (
        "hops = [\"hook-a\"]",
        "strategy = \"weighted\"\nhops = [{ share = 30 }]",
        "routes[0].hops[0].provider: missing: set it, for example to \"hook-a\"",
    ),
    (
        "[\"sms\", \"voice\"]",
        "[\"voice\"]",
        "routes[0].hops[0]: \"hook-a\" does not carry sms",
    ),
    (
        "[\"US\", \"GB\"]",
        "[\"US\", \"UK\"]",
        "tenants[0].regions[1]: must be ISO country codes",
    ),
    (
        "regions = [\"US\", \"GB\"]",
        "",
        "tenants[0].regions: missing",
    ),
    (
        "regions = [",
        "voice_regions = [\"FR\"]\nregions = [",
        "tenants[0].voice_regions: has \"FR\", which regions lacks",
    ),
    (
        "regions = [",
        "unconfirmed_regions = [\"FR\"]\nregions = [",
        "tenants[0].unconfirmed_regions: has \"FR\", which regions lacks",
    ),
    (
        "regions = [",
        "blocked_prefixes = [\"0870\"]\nregions = [",
        "tenants[0].blocked_prefixes[0]: must be the beginning of a number in E.164",
    ),
    (
        "regions = [",
        "ramp = { since = \"soon\", first_day_max = 9 }\nregions = [",
        "tenants[0].ramp.since: must be a date",
    ),
    (
        "regions = [",
        "ramp = { since = \"2026-11-01\" }\nregions = [",
        "tenants[0].ramp.first_day_max: missing",
    ),
    (
        "kind = \"memory\"",
        "kind = \"embedded\"",
        "store.path: missing",
    ),
    (
        "kind = \"memory\"",
        "kind = \"redis\"",
        "store.url: missing",
    ),
    (
        "kind = \"memory\"",
        "kind = \"redis\"\nurl = \"unix:/x\"",
        "store.url: must be redis://",
    ),
    (
        "channels = [\"sms\"",
        "receipts = \"reference\"\nchannels = [\"sms\"",
        "providers[0].receipts: is \"reference\", for which",
    ),
    (
        "channels = [\"sms\"",
        "attempt_timeout_ms = 14000\nchannels = [\"sms\"",
        "providers[0].attempt_timeout_ms: must be at least 2 s shorter than dispatch.lease_s",
    ),
    (
        "[store]",
        "[dispatch]\ndeadline_s = 3\n[store]",
        "routes[0].hops: their attempt timeouts add up to 5000 ms",
    ),
    (
        "[store]",
        "[codes]\nlifetime_s = 120\n[dispatch]\ndeadline_s = 61\n[store]",
        "codes.lifetime_s: must be at least dispatch.deadline_s + dispatch.last_submission_before_expiry_s = 121, is 120",
    ),
    (
        "[store]",
        "[codes]\ndigits = 5\n[store]",
        "codes.digits: must be at least 6 unless allow_short = true",
    ),
    (
        "[store]",
        "[codes]\ndigits = 4\nallow_short = true\nchecks_max = 4\n[store]",
        "codes.checks_max: must be at most 3",
    ),
    (
        "[store]",
        "[limits]\nsends_per_number = []\n[store]",
        "limits.sends_per_number: must have at least one rule",
    ),
    (
        "[store]",
        "[limits]\nsends_per_number = [{ count = 0, per_s = 60 }]\n[store]",
        "limits.sends_per_number[0].count: must be between 1 and 1000000, is 0",
    ),
    (
        "[[tenants]]",
        "[[tenants]]\nname = \"beta\"\nregions = [\"US\"]\napi_keys = [{ id = \"a1\", sha256 = \"SHA\" }]\n[[tenants]]",
        "tenants[1].api_keys[0].sha256: is the key of tenants[0].api_keys[0].sha256 too",
    ),
    (
        "[[keys]]",
        "[[keys]]\nid = \"k1\"\nsecret = \"KEY\"\n[[keys]]",
        "keys[1].id: \"k1\" is already the id of keys[0]",
    ),
    (
        "id = \"k1\"",
        "id = \"K 1\"",
        "keys[0].id: must be 1 to 48 of a-z, 0-9, - and _",
    ),
    (
        "kind = \"webhook\"",
        "kind = \"webhok\"",
        "; did you mean \"webhook\"?",
    ),
    (
        "secret = \"whsec_",
        "secret = \"",
        "providers[0].secret: must be whsec_ and the base64 of 24 to 64 bytes",
    ),
    (
        "[[routes]]",
        "[[test_numbers]]\ntenant = \"acm\"\nnumber = \"+14155550100\"\ncode = \"424242\"\n[[routes]]",
        "test_numbers[0].tenant: there is no tenant \"acm\"",
    ),
    (
        "[store]",
        "[server]\nfleet_size = 2\n[store]",
        "server.fleet_size: unknown key",
    ),
];

#[test]
fn what_contradicts_itself_is_refused() {
    for (old, new, expected) in CONTRADICTIONS {
        let new = new.replace("SHA", SHA256).replace("KEY", KEY);
        let changed = least().replacen(old, &new, 1);
        assert_ne!(changed, least(), "{old}");
        assert_refused(&changed, expected);
    }
}

#[test]
fn a_provider_of_unknown_kind_is_not_taken_for_a_sandbox() {
    let text = least() + &SANDBOX_PROVIDER.replace("kind = \"sandbox\"", "kind = \"pigeon\"");
    let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let expected = format!("providers[1].kind: must be one of {}", kinds.join(", "));
    assert_refused(&text, &expected);
}

#[test]
fn a_mistake_in_a_request_template_is_reported_with_its_line() {
    let secret = format!("secret = \"whsec_{KEY}\"");
    let with = |lines: &str| least().replace(&secret, lines);
    settings(&with("form = [\"to={to}\", \"text={text}\"]"));
    for (lines, key, words) in [
        (
            "form = [\"to={nummer}\"]",
            "form",
            "has an unknown placeholder {nummer}: there are {to} ",
        ),
        (
            "json = '''{ \"to\": {to} }'''",
            "json",
            "is no JSON in its line 1",
        ),
        (
            "query = [\"a={text}{to}\"]\nerrors = [\"1=fatal\"]",
            "errors",
            "has \"fatal\" behind the =: there are number, ",
        ),
        (
            "errors = [\"1=now\"]",
            "errors",
            "is for a request by template: ",
        ),
        (
            "",
            "secret",
            "missing: set one of secret, secrets and secret_file",
        ),
    ] {
        let text = with(lines);
        let mistakes = refused(&text);
        let line = if lines.is_empty() {
            line_of(&text, "[[providers]]")
        } else {
            line_of(&text, &format!("{key} = "))
        };
        let expected = format!("gateway.toml:{line}: providers[0].{key}: {words}");
        assert!(mistakes.starts_with(&expected), "{expected}\n{mistakes}");
    }
}
