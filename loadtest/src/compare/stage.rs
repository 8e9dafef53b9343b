//! The programs that are compared, each with a Redis of its own, in a directory
//! that is deleted at the end. The gateway is configured as in production.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest;
use tempfile::TempDir;

use super::counters::{ProcessWork, RedisCounters};
use super::generator::Host;
use super::requests::CheckForm;
use crate::carrier::signature::Secret;
use crate::stage::free_address;
use crate::stage::process::Process;
use crate::stage::settings;

/// What a Redis has on disk when it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Nothing,
    /// An append-only file, written to disk every second.
    EverySecond,
}

/// One of the two programs, and its Redis.
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) host: Host,
    pub(super) check_form: CheckForm,
    pub(super) program_id: u32,
    pub(super) program_work: ProcessWork,
    pub(super) redis_work: ProcessWork,
    redis_connection: redis::Connection,
    _program: Process,
    /// Ends after the program, which is dropped first.
    _redis: Process,
}

impl Candidate {
    pub(super) fn redis_counters(&mut self) -> anyhow::Result<RedisCounters> {
        RedisCounters::read(&mut self.redis_connection)
    }
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Gateway,
    Yardstick,
}

/// All processes. Dropping it ends them.
pub(super) struct Stage {
    gateway: Candidate,
    yardstick: Candidate,
    directory: TempDir,
}

impl Stage {
    /// Starts everything and waits until it answers.
    ///
    /// # Errors
    ///
    /// Says which program did not start, with the last lines of its log.
    pub(super) async fn set(
        bin_dir: &Path,
        carrier: SocketAddr,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("a directory for the run")?;
        let api_key = settings::draw_api_key()?;
        let setting = Setting {
            directory: directory.path(),
            carrier_url: format!("http://{carrier}/send"),
            api_key,
            durability,
        };
        let yardstick = setting
            .yardstick(&program(bin_dir, "watchword-yardstick")?)
            .await?;
        let gateway = setting.gateway(&program(bin_dir, "watchword")?).await?;
        Ok(Self {
            gateway,
            yardstick,
            directory,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn candidate(&mut self, which: Which) -> &mut Candidate {
        match which {
            Which::Gateway => &mut self.gateway,
            Which::Yardstick => &mut self.yardstick,
        }
    }
}

fn program(bin_dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
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

/// What both candidates are told.
struct Setting<'a> {
    directory: &'a Path,
    carrier_url: String,
    api_key: String,
    durability: Durability,
}

impl Setting<'_> {
    async fn yardstick(&self, program: &Path) -> anyhow::Result<Candidate> {
        let (redis, redis_url) = self.redis("redis-yardstick").await?;
        let address = free_address()?;
        let listen = address.to_string();
        let arguments = [
            "serve",
            "--listen",
            &listen,
            "--redis",
            &redis_url,
            "--carrier",
            &self.carrier_url,
            "--api-key",
            &self.api_key,
        ];
        let mut process = self.start(program, &arguments, "yardstick")?;
        process.wait_until_listening(address).await?;
        self.candidate(
            ("yardstick", CheckForm::Yardstick),
            (address, process),
            (redis, &redis_url),
        )
    }

    async fn gateway(&self, program: &Path) -> anyhow::Result<Candidate> {
        let (redis, redis_url) = self.redis("redis-gateway").await?;
        let (address, admin) = (free_address()?, free_address()?);
        let file = self.directory.join("gateway.toml");
        let configuration = self.configuration((address, admin), &redis_url)?;
        std::fs::write(&file, configuration).context("writing the gateway's settings")?;
        let file = file.to_str().context("the directory's name is not UTF-8")?;
        let mut process = self.start(program, &["serve", "--config", file], "gateway")?;
        process.wait_until_ready(admin, "/readyz").await?;
        self.candidate(
            ("gateway", CheckForm::Gateway),
            (address, process),
            (redis, &redis_url),
        )
    }

    fn candidate(
        &self,
        (name, check_form): (&'static str, CheckForm),
        (address, program): (SocketAddr, Process),
        (redis, redis_url): (Process, &str),
    ) -> anyhow::Result<Candidate> {
        Ok(Candidate {
            name,
            host: Host {
                address,
                api_key: self.api_key.clone(),
            },
            check_form,
            program_id: program.id(),
            program_work: ProcessWork::of(program.id()),
            redis_work: ProcessWork::of(redis.id()),
            redis_connection: redis::Client::open(redis_url)?.get_connection()?,
            _program: program,
            _redis: redis,
        })
    }

    async fn redis(&self, name: &str) -> anyhow::Result<(Process, String)> {
        let address = free_address()?;
        let port = address.port().to_string();
        let appendonly = match self.durability {
            Durability::Nothing => "no",
            Durability::EverySecond => "yes",
        };
        let arguments = [
            ["--bind", "127.0.0.1"],
            ["--port", &port],
            ["--save", ""],
            ["--appendonly", appendonly],
            ["--appendfsync", "everysec"],
            ["--appenddirname", name],
            // A rewrite in the middle of a slice would be measured with it.
            ["--auto-aof-rewrite-percentage", "0"],
        ];
        let program = Path::new("redis-server");
        let mut process = self.start(program, arguments.as_flattened(), name)?;
        process.wait_until_listening(address).await?;
        Ok((process, format!("redis://{address}/0")))
    }

    fn start(&self, program: &Path, arguments: &[&str], name: &str) -> anyhow::Result<Process> {
        let arguments = arguments.iter().map(|argument| OsStr::new(*argument));
        Process::start_as_equal(program, arguments, (self.directory, name))
    }

    /// As in production: sealing, the default limits, JSON logs at info, metrics.
    /// The load keeps off the limits by never repeating a number or an address.
    fn configuration(
        &self,
        (listen, admin_listen): (SocketAddr, SocketAddr),
        redis_url: &str,
    ) -> anyhow::Result<String> {
        let key = settings::draw_master_key()?;
        let secret = Secret::draw()?;
        let sha256 = digest::digest(&digest::SHA256, self.api_key.as_bytes());
        Ok(format!(
            r#"[server]
listen = "{listen}"
admin_listen = "{admin_listen}"

[store]
kind = "redis"
url = "{redis_url}"

[log]
level = "info"
format = "json"

[[keys]]
id = "k1"
secret = "{key}"

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
attempt_timeout_ms = 1500

[[routes]]
channel = "sms"
strategy = "ordered"
hops = ["carrier"]
"#,
            settings::hex(sha256.as_ref()),
            self.carrier_url,
            secret.expose(),
        ))
    }
}
