//! The stage: two Redis servers, the carrier, the gateway and the yardstick, all
//! on loopback in a directory that is deleted at the end.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

/// A start takes well below a second.
const START_ROUNDS: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(50);

/// A child, ended when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// One of the two programs, and its Redis.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) redis_url: String,
    program: Process,
    redis: Process,
}

impl Candidate {
    pub(crate) fn program_id(&self) -> u32 {
        self.program.0.id()
    }

    pub(crate) fn redis_id(&self) -> u32 {
        self.redis.0.id()
    }
}

/// All processes.
pub(crate) struct Stage {
    gateway: Candidate,
    yardstick: Candidate,
    carrier: Process,
    carrier_address: SocketAddr,
    api_key: String,
    directory: TempDir,
}

impl Stage {
    /// Starts everything and waits until it answers.
    pub(crate) fn set(bin_dir: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let api_key = format!("wk_{}", hex(&random::<24>()?));
        let yardstick_bin = bin_dir.join("watchword-yardstick");
        let carrier_address = free_address()?;
        let listen = carrier_address.to_string();
        let carrier = start(
            Command::new(&yardstick_bin).args(["carrier", "--listen", &listen]),
            (directory.path(), "carrier"),
        )?;
        wait_for(carrier_address, "the carrier")?;
        let carrier_url = format!("http://{carrier_address}/send");

        let (redis, redis_url) = start_redis(directory.path(), "redis-yardstick")?;
        let address = free_address()?;
        let program = start(
            Command::new(&yardstick_bin)
                .args(["serve", "--listen", &address.to_string()])
                .args(["--redis", &redis_url, "--carrier", &carrier_url])
                .args(["--api-key", &api_key]),
            (directory.path(), "yardstick"),
        )?;
        wait_for(address, "the yardstick")?;
        let yardstick = Candidate {
            name: "yardstick",
            address,
            redis_url,
            program,
            redis,
        };

        let (redis, redis_url) = start_redis(directory.path(), "redis-gateway")?;
        let address = free_address()?;
        let configuration = configuration(
            (address, free_address()?),
            &redis_url,
            (&carrier_url, &api_key),
        )?;
        let file = directory.path().join("gateway.toml");
        fs::write(&file, configuration)?;
        let program = start(
            Command::new(bin_dir.join("watchword"))
                .arg("serve")
                .arg("--config")
                .arg(&file),
            (directory.path(), "gateway"),
        )?;
        // It binds its port first; it accepts once it is ready.
        wait_for_answer(address, "the gateway")?;
        let gateway = Candidate {
            name: "gateway",
            address,
            redis_url,
            program,
            redis,
        };
        Ok(Self {
            gateway,
            yardstick,
            carrier,
            carrier_address,
            api_key,
            directory,
        })
    }

    /// The gateway, then the yardstick.
    pub(crate) fn candidates(&self) -> [&Candidate; 2] {
        [&self.gateway, &self.yardstick]
    }

    pub(crate) fn carrier_id(&self) -> u32 {
        self.carrier.0.id()
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// How many messages the carrier has taken.
    pub(crate) fn messages_taken(&self) -> anyhow::Result<u64> {
        let answer = get(self.carrier_address)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
        Ok(body.parse()?)
    }
}

fn start(command: &mut Command, (directory, name): (&Path, &str)) -> anyhow::Result<Process> {
    let log = File::create(directory.join(format!("{name}.log")))?;
    let child = command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .spawn();
    Ok(Process(child.with_context(|| format!("starting {name}"))?))
}

fn start_redis(directory: &Path, name: &str) -> anyhow::Result<(Process, String)> {
    let address = free_address()?;
    let port = address.port().to_string();
    let redis = start(
        Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port])
            .args(["--save", "", "--appendonly", "no"]),
        (directory, name),
    )?;
    wait_for(address, name)?;
    Ok((redis, format!("redis://{address}/0")))
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn wait_for(address: SocketAddr, name: &str) -> anyhow::Result<()> {
    for _ in 0..START_ROUNDS {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(START_PAUSE);
    }
    anyhow::bail!("{name} does not start")
}

fn wait_for_answer(address: SocketAddr, name: &str) -> anyhow::Result<()> {
    for _ in 0..START_ROUNDS {
        if get(address).is_ok_and(|answer| answer.starts_with("HTTP/1.1")) {
            return Ok(());
        }
        std::thread::sleep(START_PAUSE);
    }
    anyhow::bail!("{name} does not start")
}

fn get(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    ensure!(!answer.is_empty(), "no answer");
    Ok(answer)
}

/// As in production: sealing, the default limits, JSON logs, metrics. Only the
/// load keeps off the limits, by never repeating a number or an address.
fn configuration(
    (listen, admin_listen): (SocketAddr, SocketAddr),
    redis_url: &str,
    (carrier_url, api_key): (&str, &str),
) -> anyhow::Result<String> {
    let key = STANDARD.encode(random::<32>()?);
    let webhook_secret = STANDARD.encode(random::<32>()?);
    let sha256 = hex(digest::digest(&digest::SHA256, api_key.as_bytes()).as_ref());
    Ok(format!(
        r#"[server]
listen = "{listen}"
admin_listen = "{admin_listen}"

[store]
kind = "redis"
url = "{redis_url}"

[[keys]]
id = "k1"
secret = "{key}"

[[tenants]]
name = "acme"
brand = "Acme"
regions = ["US"]
api_keys = [{{ id = "a1", sha256 = "{sha256}" }}]

[[providers]]
id = "carrier"
kind = "webhook"
channels = ["sms"]
url = "{carrier_url}"
secret = "whsec_{webhook_secret}"
attempt_timeout_ms = 1500

[[routes]]
channel = "sms"
strategy = "ordered"
hops = ["carrier"]
"#
    ))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
