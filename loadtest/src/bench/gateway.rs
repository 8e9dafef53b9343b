//! A gateway under test, configured as in production: sealing, the default limits,
//! JSON logs at info, metrics. The load keeps off the limits by never repeating a
//! number or an address.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest;

use super::generator::Host;
use crate::carrier::signature::Secret;
use crate::stage::free_address;
use crate::stage::process::Process;
use crate::stage::settings;

/// Keys that only this run knows.
pub(crate) struct Keys {
    pub(crate) api_key: String,
    master_key: String,
    secret: Secret,
}

impl Keys {
    pub(crate) fn draw() -> anyhow::Result<Self> {
        Ok(Self {
            api_key: settings::draw_api_key()?,
            master_key: settings::draw_master_key()?,
            secret: Secret::draw()?,
        })
    }
}

/// What all gateways of a run have in common.
pub(crate) struct Surroundings<'a> {
    pub(crate) program: PathBuf,
    /// Where their files lie.
    pub(crate) directory: &'a Path,
    pub(crate) keys: &'a Keys,
    /// Where messages are posted to.
    pub(crate) carrier_url: String,
}

/// What sets one apart from the others.
pub(crate) struct GatewayPlan<'a> {
    pub(crate) name: &'a str,
    pub(crate) store: StorePlan<'a>,
    /// `None` as by default.
    pub(crate) shards: Option<u32>,
    /// Serves TLS with these, and clear text without.
    pub(crate) tls: Option<&'a TlsFiles>,
    /// Of the carrier, where it speaks TLS.
    pub(crate) carrier_roots: Option<&'a Path>,
}

impl<'a> GatewayPlan<'a> {
    /// Everything as by default.
    pub(crate) fn plain(name: &'a str, store: StorePlan<'a>) -> Self {
        Self {
            name,
            store,
            shards: None,
            tls: None,
            carrier_roots: None,
        }
    }
}

/// Where records are kept.
#[derive(Clone, Copy)]
pub(crate) enum StorePlan<'a> {
    Redis(&'a str),
    /// In this file.
    Embedded(&'a Path),
}

/// Certificate and key, in PEM.
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Surroundings<'_> {
    /// Starts a gateway and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It does not get ready; with the last lines of its log.
    pub(crate) async fn start(&self, plan: &GatewayPlan<'_>) -> anyhow::Result<(Host, Process)> {
        let (address, admin) = (free_address()?, free_address()?);
        let file = self.directory.join(format!("{}.toml", plan.name));
        std::fs::write(&file, self.configuration((address, admin), plan)?)
            .context("writing a gateway's settings")?;
        let arguments = [
            OsStr::new("serve"),
            OsStr::new("--config"),
            file.as_os_str(),
        ];
        let mut process =
            Process::start_as_equal(&self.program, arguments, (self.directory, plan.name))?;
        process.wait_until_ready(admin, "/readyz").await?;
        let api_key = self.keys.api_key.clone();
        Ok((Host { address, api_key }, process))
    }

    fn configuration(
        &self,
        (listen, admin_listen): (SocketAddr, SocketAddr),
        plan: &GatewayPlan<'_>,
    ) -> anyhow::Result<String> {
        let tls = match plan.tls {
            Some(files) => format!(
                "tls_cert_file = {}\ntls_key_file = {}\n",
                quoted(&files.certificate)?,
                quoted(&files.key)?
            ),
            None => String::new(),
        };
        let store = match plan.store {
            StorePlan::Redis(url) => format!("kind = \"redis\"\nurl = \"{url}\"\n"),
            StorePlan::Embedded(path) => {
                format!("kind = \"embedded\"\npath = {}\n", quoted(path)?)
            }
        };
        let shards = plan.shards.map(|shards| format!("shards = {shards}\n"));
        let roots = match plan.carrier_roots {
            Some(path) => format!("ca_file = {}\n", quoted(path)?),
            None => String::new(),
        };
        let sha256 = digest::digest(&digest::SHA256, self.keys.api_key.as_bytes());
        Ok(format!(
            r#"[server]
listen = "{listen}"
admin_listen = "{admin_listen}"
{tls}
[store]
{store}{shards}
[log]
level = "info"
format = "json"

[[keys]]
id = "k1"
secret = "{}"

[[tenants]]
name = "acme"
brand = "Acme"
regions = ["US"]
api_keys = [{{ id = "a1", sha256 = "{}" }}]

[[providers]]
id = "carrier"
kind = "webhook"
channels = ["sms"]
url = "{}"
secret = "{}"
{roots}attempt_timeout_ms = 1500

[[routes]]
channel = "sms"
strategy = "ordered"
hops = ["carrier"]
"#,
            self.keys.master_key,
            settings::hex(sha256.as_ref()),
            self.carrier_url,
            self.keys.secret.expose(),
            shards = shards.unwrap_or_default(),
        ))
    }
}

fn quoted(path: &Path) -> anyhow::Result<String> {
    let path = path.to_str().context("a directory's name is not UTF-8")?;
    Ok(serde_json::Value::from(path).to_string())
}

/// A program of the release build.
///
/// # Errors
///
/// It is not there; says how to build it.
pub(crate) fn program(bin_dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let program = bin_dir.join(name);
    ensure!(
        program.is_file(),
        "no program at {}: build it with `cargo build --release -p watchword -p \
         watchword-loadtest`, or say with --bin-dir where it is",
        program.display()
    );
    // It is started in another directory.
    program
        .canonicalize()
        .with_context(|| format!("finding {}", program.display()))
}

/// Where this program is, and with it the others.
pub(crate) fn beside_this_program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let directory = here.parent().context("a program lies in a directory")?;
    Ok(directory.to_owned())
}
