//! Holds config/gateway.toml, the examples and the documentation to the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::cross_checks::Use;
use super::tree::{Table, Value};
use super::*;

const EXAMPLES: [(&str, &str); 2] = [
    (
        "redis-two-providers.toml",
        include_str!("../../../config/examples/redis-two-providers.toml"),
    ),
    (
        "embedded-twilio.toml",
        include_str!("../../../config/examples/embedded-twilio.toml"),
    ),
];

/// The configuration for Kubernetes, and the deployment that it goes with.
const MANIFEST: &str = include_str!("../../../config/kubernetes/configuration.yaml");
const DEPLOYMENT: &str = include_str!("../../../config/kubernetes/deployment.yaml");

const GUIDE: &str = include_str!("../../../docs/configuration.md");

/// The default file with all its settings set: "#name" uncommented, "# text" not.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting)
            if setting.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') =>
        {
            setting.to_owned()
        }
        Some(_) | None => line.to_owned(),
    };
    DEFAULTS.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn findings(text: &str) -> Findings {
    let source = Source {
        name: "gateway.toml",
        text,
        directory: Path::new("/nowhere"),
        variables: &[],
        is_too_open: false,
    };
    read_all(&source, Use::Serve).1
}

/// Every path of the tree, as the reader names them, with what the first one holds.
fn flatten(table: &Table, prefix: &str, into: &mut BTreeMap<String, String>) {
    for (key, node) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let text = match &node.value {
            Value::Text(text) | Value::Untyped(text) => format!("{:?}", text.as_str()),
            Value::Integer(integer) => integer.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::Flag(flag) => flag.to_string(),
            Value::Array(list) => {
                for inner in list.iter() {
                    if let Value::Table(inner) = &inner.value {
                        flatten(inner, &format!("{path}[]"), into);
                    }
                }
                "a list".to_owned()
            }
            Value::Table(inner) => {
                flatten(inner, &path, into);
                "a table".to_owned()
            }
        };
        into.entry(path).or_insert(text);
    }
}

fn documented() -> BTreeMap<String, String> {
    let (table, mistakes) = tree::parse(&uncommented());
    assert_eq!(mistakes, [], "the uncommented default file is no TOML");
    let mut paths = BTreeMap::new();
    flatten(&table, "", &mut paths);
    paths
}

#[test]
fn every_setting_that_is_read_is_documented_and_the_other_way_round() {
    let found = findings(&uncommented());
    let read: BTreeSet<&String> = found.known.keys().collect();
    let documented = documented();
    let documented: BTreeSet<&String> = documented.keys().collect();
    assert_eq!(
        read.difference(&documented).collect::<Vec<_>>(),
        Vec::<&&String>::new(),
        "read, but not documented"
    );
    assert_eq!(
        documented.difference(&read).collect::<Vec<_>>(),
        Vec::<&&String>::new(),
        "documented, but not read"
    );
}

#[test]
fn the_defaults_in_the_code_are_the_documented_ones() {
    let documented = documented();
    let known = findings(&uncommented()).known;
    let in_code: Vec<_> = known
        .iter()
        .filter_map(|(path, default)| Some((path, default.as_ref()?)))
        .collect();
    assert!(in_code.len() > 10, "{in_code:?}");
    for (path, default) in in_code {
        assert_eq!(documented.get(path), Some(default), "{path}");
    }
}

#[test]
fn every_setting_has_its_reason_above_it() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let setting = line.trim_start_matches('#');
        if !setting.starts_with(|first: char| first.is_ascii_lowercase()) || line.starts_with("# ")
        {
            continue;
        }
        let above = lines[..index]
            .iter()
            .rev()
            .take_while(|line| !line.is_empty());
        let has_reason = above.into_iter().any(|line| line.starts_with("# "));
        // An entry's id, kind and channels say it themselves; its block has the reason.
        let is_name = [
            "id",
            "kind",
            "channels",
            "name",
            "account_sid",
            "channel",
            "hops",
            "tenant",
        ]
        .iter()
        .any(|name| setting.starts_with(&format!("{name} =")));
        assert!(has_reason || is_name, "line {}: {line}", index + 1);
    }
}

#[test]
fn the_default_file_lacks_only_what_an_operator_has_to_decide() {
    let found = findings(DEFAULTS);
    let mut paths: Vec<&str> = found
        .mistakes
        .iter()
        .map(|mistake| mistake.path.as_str())
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["keys", "providers", "routes", "store.kind", "tenants"]
    );
    assert!(
        found
            .mistakes
            .iter()
            .all(|mistake| mistake.text.starts_with("missing: "))
    );
}

#[test]
fn the_examples_are_refused_for_their_documented_secrets_and_nothing_else() {
    for (name, text) in EXAMPLES {
        let found = findings(text);
        assert!(found.mistakes.len() >= 3, "{name}");
        for mistake in found.mistakes {
            assert!(
                mistake.text.contains("everybody knows it"),
                "{name}: {mistake:?}"
            );
        }
        assert_eq!(found.warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_examples_bound_what_fraud_can_cost() {
    for (name, text) in EXAMPLES {
        assert!(text.contains("submissions_per_day_max = [\n"), "{name}");
    }
}

#[test]
fn the_configuration_for_kubernetes_lacks_only_its_secrets() {
    let (_, text) = MANIFEST.split_once("gateway.toml: |\n").unwrap();
    let found = findings(text);
    for mistake in &found.mistakes {
        let is_secret =
            mistake.text.contains("everybody knows it") || mistake.text.contains("cannot be read");
        assert!(is_secret, "{mistake:?}");
    }
    assert!(found.mistakes.len() >= 5, "{:?}", found.mistakes);
}

#[test]
fn kubernetes_waits_for_the_drain_and_starts_as_many_as_share_the_providers() {
    let number = |text: &str, name: &str| -> u32 {
        let (_, rest) = text.split_once(name).unwrap();
        rest.lines().next().unwrap().parse().unwrap()
    };
    let drain_s = number(MANIFEST, "drain_delay_s = ") + number(MANIFEST, "drain_timeout_s = ");
    let grace_s = number(DEPLOYMENT, "terminationGracePeriodSeconds: ");
    assert!(
        grace_s >= drain_s + 5,
        "{grace_s} s for a drain of {drain_s} s"
    );
    assert_eq!(
        number(DEPLOYMENT, "replicas: "),
        number(MANIFEST, "fleet_size = ")
    );
}

#[test]
fn every_secret_of_the_default_file_is_refused() {
    let found = findings(&uncommented());
    for path in [
        "keys[0].secret",
        "tenants[0].api_keys[0].sha256",
        "operators[0].keys[0].sha256",
        "providers[0].secret",
        "providers[0].secrets",
        "providers[1].auth_token",
        "providers[1].auth_tokens",
        "providers[1].api_key_secret",
        "providers[3].credential",
        "providers[3].receipt_secret",
    ] {
        let refused =
            |mistake: &Mistake| mistake.path == path && mistake.text.contains("everybody knows it");
        assert!(found.mistakes.iter().any(refused), "{path}");
    }
}

#[test]
fn the_guide_shows_settings_that_exist() {
    let blocks: Vec<&str> = GUIDE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        for mistake in findings(block).mistakes {
            let is_elsewhere = mistake.text.starts_with("missing: ")
                || mistake.text.contains("everybody knows it")
                || mistake.text.contains("cannot be read")
                || mistake.text.starts_with("there is no ");
            assert!(is_elsewhere, "{mistake:?} in\n{block}");
        }
    }
}
