//! Everything on one machine: a Redis, the gateways, all with keys drawn for this
//! run, in a directory that is deleted at the end.

mod probe;
pub(crate) mod process;
pub(crate) mod settings;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

pub(crate) use self::probe::describe;
use self::process::Process;
use self::settings::{GatewaySettings, Store};
use crate::carrier::signature::Secret;
use crate::scenario::Scenario;

/// The processes of a run. Dropping it ends them.
pub(crate) struct Stage {
    nodes: Vec<Node>,
    gateway: PathBuf,
    directory: TempDir,
    /// Ends after the gateways, which are dropped first.
    _redis: Option<Process>,
}

struct Node {
    listen: SocketAddr,
    admin_listen: SocketAddr,
    /// `None` while it is down.
    process: Option<Process>,
}

/// Keys that only this run knows.
pub(crate) struct Keys {
    pub(crate) api_key: String,
    pub(crate) secret: Secret,
}

impl Keys {
    pub(crate) fn draw() -> anyhow::Result<Self> {
        Ok(Self {
            api_key: settings::draw_api_key()?,
            secret: Secret::draw()?,
        })
    }
}

impl Stage {
    /// Starts the scenario's gateways and waits until they are ready.
    ///
    /// # Errors
    ///
    /// Says which program did not start, with the last lines of its log.
    pub(crate) async fn set(
        scenario: &Scenario,
        gateway: Option<PathBuf>,
        carrier: SocketAddr,
        keys: &Keys,
    ) -> anyhow::Result<Self> {
        let gateway = match gateway {
            Some(gateway) => gateway,
            None => beside_this_program()?,
        };
        let directory = tempfile::tempdir().context("a directory for the run")?;
        let master_key = settings::draw_master_key()?;
        let (redis, store) = start_store(&directory, scenario.stage.nodes).await?;
        let mut stage = Self {
            nodes: Vec::new(),
            gateway,
            directory,
            _redis: redis,
        };
        for number in 1..=scenario.stage.nodes {
            let (listen, admin_listen) = (free_address()?, free_address()?);
            let text = GatewaySettings {
                scenario,
                listen,
                admin_listen,
                fleet_size: scenario.stage.nodes,
                store: &store,
                master_key: &master_key,
                api_key: &keys.api_key,
                secret: &keys.secret,
                carrier,
            };
            let path = stage.settings_file(number);
            std::fs::write(&path, text.whole()).context("writing a gateway's settings")?;
            stage.nodes.push(Node {
                listen,
                admin_listen,
                process: None,
            });
        }
        for number in 1..=scenario.stage.nodes {
            stage.start(number).await?;
        }
        Ok(stage)
    }

    /// Where the gateways listen.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |node: &Node| format!("http://{}", node.listen);
        self.nodes.iter().map(url).collect()
    }

    /// Starts a node and waits until it is ready.
    pub(crate) async fn start(&mut self, number: u32) -> anyhow::Result<()> {
        let settings = self.settings_file(number);
        let name = format!("gateway-{number}");
        let mut process = Process::start(
            &self.gateway,
            ["serve".as_ref(), "--config".as_ref(), settings.as_os_str()],
            (self.directory.path(), &name),
        )?;
        let node = self.node(number)?;
        process
            .wait_until_ready(node.admin_listen, "/readyz")
            .await?;
        node.process = Some(process);
        Ok(())
    }

    /// Ends a node without warning.
    pub(crate) fn kill(&mut self, number: u32) -> anyhow::Result<()> {
        self.node(number)?.process = None;
        Ok(())
    }

    /// What the gateway that holds the most has resident, as the system tells it.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        let processes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        processes.filter_map(Process::memory_kib).max()
    }

    fn node(&mut self, number: u32) -> anyhow::Result<&mut Node> {
        let index = number.checked_sub(1).map(|index| index as usize);
        index
            .and_then(|index| self.nodes.get_mut(index))
            .with_context(|| format!("there is no node {number}"))
    }

    fn settings_file(&self, number: u32) -> PathBuf {
        self.directory.path().join(format!("gateway-{number}.toml"))
    }
}

fn beside_this_program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let gateway = here.with_file_name("watchword");
    if !gateway.is_file() {
        bail!(
            "no gateway at {}: build it with `cargo build --release -p watchword`, name it with \
             --gateway, or test one that runs with --target",
            gateway.display()
        );
    }
    Ok(gateway)
}

/// A Redis of our own, or, where none is installed, the embedded store.
async fn start_store(directory: &TempDir, nodes: u32) -> anyhow::Result<(Option<Process>, Store)> {
    let redis = Path::new("redis-server");
    let address = free_address()?;
    let port = address.port().to_string();
    let arguments = ["--bind", "127.0.0.1", "--port", &port].into_iter().chain([
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    let arguments = arguments.map(AsRef::as_ref);
    match Process::start(redis, arguments, (directory.path(), "redis")) {
        Ok(mut process) => {
            process.wait_until_listening(address).await?;
            Ok((Some(process), Store::Redis(address)))
        }
        Err(_) if nodes == 1 => Ok((None, Store::Embedded)),
        Err(error) => Err(error.context("several gateways share a Redis; install redis-server")),
    }
}

pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
