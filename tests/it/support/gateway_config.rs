//! Writes the configuration a gateway of a test is started with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fake_provider::FakeProvider;

/// A provider whose calls dial no extension; nobody listens there.
pub(crate) const DIALS_NOTHING: &str = r#"
[[providers]]
id = "bird"
kind = "bird-voice"
channels = ["voice"]
access_key = "live_0123456789abcdef"
caller = "+14155550100"
base_url = "http://127.0.0.1:9"
"#;

/// A master key with its id.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) id: String,
    pub(crate) bytes: [u8; 32],
}

impl TestKey {
    pub(crate) fn random(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            bytes: super::random_bytes(),
        }
    }

    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(self.bytes)
    }
}

/// A tenant with one API key that may do everything.
#[derive(Clone)]
pub(crate) struct TestTenant {
    pub(crate) name: String,
    pub(crate) api_key: String,
}

impl TestTenant {
    pub(crate) fn random(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            api_key: format!("wk_{}", super::hex(&super::random_bytes::<24>())),
        }
    }

    fn toml(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.api_key.as_bytes());
        format!(
            r#"
[[tenants]]
name = "{name}"
regions = ["US", "GB"]
voice_regions = ["US", "GB"]
api_keys = [{{ id = "{name}-1", sha256 = "{sha256}", scopes = ["verify", "read", "deliver", "explain", "subjects", "read_pii"] }}]
"#,
            name = self.name,
            sha256 = super::hex(digest.as_ref()),
        )
    }
}

/// A provider's entry: where it is and how long it may take.
#[derive(Clone)]
pub(crate) struct ProviderEntry {
    id: String,
    url: String,
    secret: String,
    attempt_timeout: Duration,
    receipts: &'static str,
    more: String,
}

impl ProviderEntry {
    pub(crate) fn new(provider: &FakeProvider) -> Self {
        Self {
            id: provider.id().to_owned(),
            url: provider.url(),
            secret: provider.secret().text().to_owned(),
            attempt_timeout: Duration::from_millis(1500),
            receipts: "none",
            more: String::new(),
        }
    }

    /// Points elsewhere, such as where nobody listens.
    pub(crate) fn at(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self
    }

    pub(crate) fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Sends receipts to the URL it is given.
    pub(crate) fn with_receipts(mut self) -> Self {
        self.receipts = "reference";
        self
    }

    /// Sends receipts that name its own message ids.
    pub(crate) fn with_receipts_by_message_id(mut self) -> Self {
        self.receipts = "message_id";
        self
    }

    /// One more line of its table.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }

    /// Its table, as it stands in the file.
    pub(crate) fn toml(&self) -> String {
        format!(
            r#"
[[providers]]
id = "{}"
kind = "webhook"
channels = ["sms", "voice"]
url = "{}"
secret = "{}"
attempt_timeout_ms = {}
receipts = "{}"
{}"#,
            self.id,
            self.url,
            self.secret,
            self.attempt_timeout.as_millis(),
            self.receipts,
            self.more
        )
    }
}

/// A configuration: written anew at each start of its gateway.
#[derive(Clone)]
pub(crate) struct GatewayConfig {
    /// Settings by table and key; values as TOML writes them.
    tables: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    fleet_size: u32,
    pub(crate) keys: Vec<TestKey>,
    pub(crate) tenants: Vec<TestTenant>,
    providers: Vec<ProviderEntry>,
    /// Of the first tenant.
    webhooks: String,
    /// Entries that few tests need, as they stand in the file.
    entries: String,
}

impl GatewayConfig {
    /// One tenant and nothing that would refuse a test's traffic. Codes have
    /// ten digits: none stands in a log by chance.
    pub(crate) fn new(keys: &[TestKey], tenants: &[TestTenant]) -> Self {
        let mut config = Self {
            tables: BTreeMap::new(),
            fleet_size: 1,
            keys: keys.to_vec(),
            tenants: tenants.to_vec(),
            providers: Vec::new(),
            webhooks: String::new(),
            entries: String::new(),
        };
        config.set("codes", "digits", "10");
        config.set("server", "drain_delay_s", "0");
        config.set("log", "level", r#""info""#);
        config
    }

    /// A setting; the value as TOML writes it.
    pub(crate) fn set(&mut self, table: &'static str, key: &'static str, value: &str) -> &mut Self {
        let table = self.tables.entry(table).or_default();
        table.insert(key, value.to_owned());
        self
    }

    /// How many gateways there are said to be.
    pub(crate) fn fleet_size(&mut self, count: u32) -> &mut Self {
        self.fleet_size = count;
        self
    }

    pub(crate) fn store_redis(&mut self, url: &str) -> &mut Self {
        self.set("store", "kind", r#""redis""#);
        self.set("store", "url", &format!("{url:?}"))
    }

    pub(crate) fn store_embedded(&mut self, path: &Path) -> &mut Self {
        self.set("store", "kind", r#""embedded""#);
        self.set("store", "path", &format!("{path:?}"))
    }

    /// The next hop of every route.
    pub(crate) fn provider(&mut self, provider: ProviderEntry) -> &mut Self {
        self.providers.push(provider);
        self
    }

    /// The one hop of every route, in place of those before.
    pub(crate) fn only_provider(&mut self, provider: ProviderEntry) -> &mut Self {
        self.providers = vec![provider];
        self
    }

    /// More entries of lists, such as `[[test_numbers]]`, as TOML writes them.
    pub(crate) fn entry(&mut self, toml: &str) -> &mut Self {
        self.entries.push('\n');
        self.entries.push_str(toml);
        self
    }

    /// A webhook of the first tenant, as TOML writes it.
    pub(crate) fn webhook(&mut self, toml: &str) -> &mut Self {
        self.webhooks.push_str(toml);
        self
    }

    /// Limits so wide that no test reaches them by accident.
    pub(crate) fn generous_limits(&mut self) -> &mut Self {
        let wide = "[{ count = 1000000, per_s = 1 }]";
        for limit in [
            "sends_per_number",
            "sends_per_number_all_tenants",
            "sends_per_address",
            "failed_checks_per_address",
        ] {
            self.set("limits", limit, wide);
        }
        self
    }

    /// The file, for a gateway on these addresses.
    pub(crate) fn toml(&self, listen: SocketAddr, admin_listen: SocketAddr) -> String {
        let mut config = self.clone();
        config.set("server", "listen", &format!(r#""{listen}""#));
        config.set("server", "admin_listen", &format!(r#""{admin_listen}""#));
        config.set("server", "public_url", &format!(r#""http://{listen}""#));
        let mut file = format!("fleet_size = {}\n", config.fleet_size);
        for (table, settings) in &config.tables {
            writeln!(file, "\n[{table}]").expect("strings take everything");
            for (key, value) in settings {
                writeln!(file, "{key} = {value}").expect("strings take everything");
            }
        }
        for key in &config.keys {
            let entry = format!(
                "\n[[keys]]\nid = {:?}\nsecret = {:?}\n",
                key.id,
                key.base64()
            );
            file.push_str(&entry);
        }
        for (tenant, at) in config.tenants.iter().zip(0..) {
            file.push_str(&tenant.toml());
            if at == 0 {
                file.push_str(&config.webhooks);
            }
        }
        file.extend(config.providers.iter().map(ProviderEntry::toml));
        file.push_str(&config.entries);
        if config.providers.is_empty() {
            return file;
        }
        let hops: Vec<&str> = config
            .providers
            .iter()
            .map(|provider| provider.id.as_str())
            .collect();
        for channel in ["sms", "voice"] {
            let route = format!(
                "\n[[routes]]\nchannel = {channel:?}\nstrategy = \"ordered\"\nhops = {hops:?}\n"
            );
            file.push_str(&route);
        }
        file
    }
}
