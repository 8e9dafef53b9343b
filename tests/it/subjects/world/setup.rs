//! The configuration of a story's gateway.

use std::collections::BTreeMap;
use std::fs;

use aws_lc_rs::digest::{SHA256, digest};
use watchword::config::{self, Settings};

use crate::support::hex;

/// The tenant's key that may do everything.
pub(crate) const TENANT: &str = "acme-everything";
/// One that sees numbers masked.
pub(crate) const MASKED: &str = "acme-masked";
/// One that may ask for codes and check them, and nothing about subjects.
pub(crate) const VERIFY_ONLY: &str = "acme-verify-only";
/// Another tenant's, which may do everything.
pub(crate) const OTHER_TENANT: &str = "other-everything";
/// Two operators.
pub(crate) const ADA: &str = "operator-ada";
pub(crate) const BOB: &str = "operator-bob";

/// Nothing else than the defaults, unless a story says so.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    lines: BTreeMap<&'static str, String>,
    acme_lines: String,
    acme: String,
    more: String,
    has_sole_operator: bool,
    keys: Keys,
}

/// The master keys a gateway is configured with.
#[derive(Clone, Copy, Default)]
pub(crate) enum Keys {
    #[default]
    First,
    /// A second one has taken over.
    Both,
    Second,
}

impl Setup {
    /// A line of a table, such as `subjects`.
    pub(crate) fn line(mut self, table: &'static str, line: &str) -> Self {
        let lines = self.lines.entry(table).or_default();
        lines.push_str(line);
        lines.push('\n');
        self
    }

    /// A line of the tenant `acme`, such as `blocked_prefixes`.
    pub(crate) fn acme_line(mut self, line: &str) -> Self {
        self.acme_lines.push_str(line);
        self.acme_lines.push('\n');
        self
    }

    /// Tables of the tenant `acme`, such as `[[tenants.idv_issuers]]`.
    pub(crate) fn acme(mut self, toml: &str) -> Self {
        self.acme.push_str(toml);
        self
    }

    /// Only Ada is an operator.
    pub(crate) fn sole_operator(mut self) -> Self {
        self.has_sole_operator = true;
        self
    }

    pub(super) fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    /// Entries of lists, such as `[[test_numbers]]`.
    pub(crate) fn more(mut self, toml: &str) -> Self {
        self.more.push_str(toml);
        self
    }

    /// # Panics
    ///
    /// If the configuration is wrong; says what is.
    pub(super) fn settings(&self) -> Settings {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("gateway.toml");
        fs::write(&path, self.toml()).expect("the directory can be written to");
        match config::load(&path) {
            Ok(loaded) => loaded.settings,
            Err(error) => panic!("{error}"),
        }
    }

    fn toml(&self) -> String {
        let mut tables = self.lines.clone();
        for (table, line) in BASE {
            let lines = tables.entry(table).or_default();
            let key = line.split('=').next().unwrap_or_default();
            if !lines.lines().any(|own| own.starts_with(key)) {
                lines.push_str(line);
                lines.push('\n');
            }
        }
        let mut toml = String::new();
        for (table, lines) in tables {
            toml.push_str(&format!("[{table}]\n{lines}"));
        }
        toml.push_str(&tenant(
            ("acme", &self.acme_lines),
            &[(TENANT, ALL), (MASKED, NOT_PII), (VERIFY_ONLY, VERIFY)],
        ));
        toml.push_str(ENDPOINT);
        toml.push_str(&self.acme);
        toml.push_str(&tenant(("other", ""), &[(OTHER_TENANT, ALL)]));
        let count = if self.has_sole_operator { 1 } else { 2 };
        for (name, key) in [("ada", ADA), ("bob", BOB)].into_iter().take(count) {
            toml.push_str(&operator(name, key));
        }
        // First, so that a story's own routes are found before those for everything.
        toml.push_str(&self.more);
        toml.push_str(match self.keys {
            Keys::First => FIRST_KEY,
            Keys::Both | Keys::Second => SECOND_KEY,
        });
        if let Keys::Both = self.keys {
            toml.push_str(FIRST_KEY);
        }
        toml.push_str(REST);
        toml
    }
}

const ALL: &str = r#"["verify", "read", "deliver", "explain", "subjects", "read_pii"]"#;
const NOT_PII: &str = r#"["verify", "read", "subjects"]"#;
const VERIFY: &str = r#"["verify"]"#;

/// Lines that a story may replace by its own.
const BASE: [(&str, &str); 10] = [
    ("server", "allow_sandbox = true"),
    ("server", "public_url = \"https://gateway.example\""),
    // The world opens the store; few shards are looked through quickly.
    ("store", "kind = \"memory\""),
    ("store", "shards = 4"),
    ("dispatch", "sweep_interval_ms = 1000"),
    ("log", "level = \"info\""),
    // So long that none stands in a file by chance.
    ("codes", "digits = 10"),
    // So wide that no story reaches them by accident.
    ("limits", "sends_per_number = [{ count = 1000, per_s = 1 }]"),
    (
        "limits",
        "sends_per_number_all_tenants = [{ count = 1000, per_s = 1 }]",
    ),
    (
        "limits",
        "sends_per_address = [{ count = 1000, per_s = 1 }]",
    ),
];

const ENDPOINT: &str = r#"
[[tenants.webhooks]]
id = "main"
url = "https://acme.example.com/hooks"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
"#;

const FIRST_KEY: &str = r#"
[[keys]]
id = "k1"
secret = "MdtSQvxD+5XP8paKbAfjv8khtRcNcu9EDVjnw+qaLdc="
"#;

const SECOND_KEY: &str = r#"
[[keys]]
id = "k2"
secret = "yT0kq4mS8dV3rW1pXn6uZbC5aFh9eJg2LoQiRxKtMvE="
"#;

const REST: &str = r#"
[[providers]]
id = "sandbox"
kind = "sandbox"
channels = ["sms", "voice"]
receipts = "reference"
latency_ms = 0

[[routes]]
channel = "sms"
hops = ["sandbox"]

[[routes]]
channel = "voice"
hops = ["sandbox"]
"#;

fn tenant((name, lines): (&str, &str), keys: &[(&str, &str)]) -> String {
    let mut toml = format!(
        "\n[[tenants]]\nname = {name:?}\nbrand = \"Acme\"\nregions = [\"US\", \"GB\"]\nvoice_regions = [\"US\", \"GB\"]\n{lines}"
    );
    for (key, scopes) in keys {
        let sha256 = sha256(key);
        toml.push_str(&format!(
            "[[tenants.api_keys]]\nid = {key:?}\nsha256 = {sha256:?}\nscopes = {scopes}\n"
        ));
    }
    toml
}

fn operator(name: &str, key: &str) -> String {
    let sha256 = sha256(key);
    format!("\n[[operators]]\nname = {name:?}\nkeys = [{{ id = {key:?}, sha256 = {sha256:?} }}]\n")
}

/// As the configuration names a key.
pub(crate) fn sha256(key: &str) -> String {
    hex(digest(&SHA256, key.as_bytes()).as_ref())
}
