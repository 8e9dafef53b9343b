//! The settings of a gateway under test: as in production, but with the simulated
//! carrier for a provider. Given to the gateways that the tester starts, and
//! printed by `init` for others.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::carrier::receipts::ACCOUNT_SID;
use crate::carrier::signature::Secret;
use crate::scenario::{Form, Provider, Scenario};

/// Where a gateway keeps its records.
pub(crate) enum Store {
    Redis(SocketAddr),
    Embedded,
}

/// Everything a node is told.
pub(crate) struct GatewaySettings<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) fleet_size: u32,
    pub(crate) store: &'a Store,
    pub(crate) master_key: &'a str,
    pub(crate) api_key: &'a str,
    pub(crate) secret: &'a Secret,
    pub(crate) carrier: SocketAddr,
}

impl GatewaySettings<'_> {
    /// A whole configuration.
    pub(crate) fn whole(&self) -> String {
        let Self {
            listen,
            admin_listen,
            fleet_size,
            master_key,
            ..
        } = self;
        let store = match self.store {
            Store::Redis(address) => format!("kind = \"redis\"\nurl = \"redis://{address}/0\""),
            Store::Embedded => "kind = \"embedded\"\npath = \"store\"".to_owned(),
        };
        let tested = tested(self.scenario, (self.api_key, self.secret), self.carrier);
        format!(
            r#"fleet_size = {fleet_size}

[server]
listen = "{listen}"
admin_listen = "{admin_listen}"
public_url = "http://{listen}"

[store]
{store}

[[keys]]
id = "k1"
secret = "{master_key}"

{tested}"#
        )
    }
}

/// What a gateway needs besides its own settings to be tested: the tenant, the
/// providers, the routes, and limits that do not stop honest load.
pub(crate) fn tested(
    scenario: &Scenario,
    (api_key, secret): (&str, &Secret),
    carrier: SocketAddr,
) -> String {
    let regions: BTreeSet<&String> = scenario
        .crowds
        .iter()
        .flat_map(|crowd| crowd.countries.keys())
        .collect();
    let regions: Vec<String> = regions.iter().map(|code| format!("\"{code}\"")).collect();
    let regions = regions.join(", ");
    let sha256 = hex(digest::digest(&digest::SHA256, api_key.as_bytes()).as_ref());
    let in_flight = scenario.stage.dispatch_in_flight_max;
    let dispatch = in_flight.map_or_else(String::new, |in_flight_max| {
        format!("[dispatch]\n# More are refused.\nin_flight_max = {in_flight_max}\n\n")
    });
    let mut text = format!(
        r#"{dispatch}[codes]
# The shortest there are, so that a short run sees people ask again.
resend_waits_s = [10, 20, 40]

[[tenants]]
name = "loadtest"
brand = "Loadtest"
regions = [{regions}]
voice_regions = [{regions}]
sms_sender = "+14155550100"
api_keys = [{{ id = "lt", sha256 = "{sha256}" }}]
"#
    );
    for provider in &scenario.providers {
        text.push_str(&provider_settings(scenario, provider, secret, carrier));
    }
    for channel in ["sms", "voice"] {
        let hops: Vec<String> = scenario
            .providers
            .iter()
            .filter(|provider| channel == "sms" || provider.form == Form::Webhook)
            .map(|provider| format!("\"{}\"", provider.id))
            .collect();
        if !hops.is_empty() {
            let hops = hops.join(", ");
            write!(
                text,
                "\n[[routes]]\nchannel = \"{channel}\"\nhops = [{hops}]\n"
            )
            .expect("writing to a string cannot fail");
        }
    }
    text
}

fn provider_settings(
    scenario: &Scenario,
    provider: &Provider,
    secret: &Secret,
    carrier: SocketAddr,
) -> String {
    let (id, secret) = (&provider.id, secret.expose());
    let path = provider.form.path(id);
    let stage = &scenario.stage;
    let own = match provider.form {
        Form::Webhook => format!(
            r#"kind = "webhook"
channels = ["sms", "voice"]
url = "http://{carrier}/{path}"
secret = "{secret}"
receipts = "reference""#
        ),
        Form::Twilio => format!(
            r#"kind = "twilio"
channels = ["sms"]
account_sid = "{ACCOUNT_SID}"
auth_token = "{secret}"
base_url = "http://{carrier}/{id}""#
        ),
    };
    // A run is the same from its first second: nothing is learned on the way.
    let deadline_s = stage.receipt_deadline_s;
    format!(
        r#"
[[providers]]
id = "{id}"
{own}
attempt_timeout_ms = {}
receipt_deadline_s = {deadline_s}
receipt_deadline_min_s = {deadline_s}
receipt_deadline_max_s = {deadline_s}
concurrency_max = {}
"#,
        stage.attempt_timeout_ms, stage.concurrency_max
    )
}

pub(crate) fn draw_master_key() -> anyhow::Result<String> {
    Ok(STANDARD.encode(random::<32>()?))
}

pub(crate) fn draw_api_key() -> anyhow::Result<String> {
    Ok(format!("wk_{}", hex(&random::<24>()?)))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}
