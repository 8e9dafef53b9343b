//! A process that ends with us.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, setpriority_process};
use tokio::net::TcpStream;

use super::probe;

/// A gateway warms its numbering plans first; half a minute is a machine in trouble.
const ROUNDS: u32 = 600;
const ROUND: Duration = Duration::from_millis(50);
/// When cores are short, the tester keeps its times and the gateway answers for
/// what it cannot do; otherwise both would be late, and nobody could tell who.
const NICENESS: i32 = 5;
/// Of a log, what is shown when a process does not start.
const LOG_LINES: usize = 5;

/// A child, ended when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Process {
    /// Starts it with a lower priority than ours.
    pub(crate) fn start<'a>(
        program: &Path,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        place: (&Path, &str),
    ) -> anyhow::Result<Self> {
        let process = Self::start_as_equal(program, arguments, place)?;
        // Its threads, which inherit it, are still to come.
        setpriority_process(Some(Pid::from_child(&process.child)), NICENESS).ok();
        Ok(process)
    }

    /// Starts it with our own priority.
    pub(crate) fn start_as_equal<'a>(
        program: &Path,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        (directory, name): (&Path, &str),
    ) -> anyhow::Result<Self> {
        let path = directory.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path)?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            // Ctrl-C is meant for us: we end our children ourselves.
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self {
            child,
            name: name.to_owned(),
            log: path,
        })
    }

    /// What the system calls it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has resident; `None` once it has ended.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }

    /// Waits until somebody accepts connections at the address.
    pub(crate) async fn wait_until_listening(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        for _ in 0..ROUNDS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            self.pause().await?;
        }
        bail!("{} does not listen: {}", self.name, self.last_words())
    }

    /// Waits until the path answers 200.
    pub(crate) async fn wait_until_ready(
        &mut self,
        address: SocketAddr,
        path: &str,
    ) -> anyhow::Result<()> {
        for _ in 0..ROUNDS {
            if probe::get(address, path)
                .await
                .is_ok_and(|answer| answer.is_ok())
            {
                return Ok(());
            }
            self.pause().await?;
        }
        bail!("{} does not get ready: {}", self.name, self.last_words())
    }

    async fn pause(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}: {}", self.name, self.last_words());
        }
        tokio::time::sleep(ROUND).await;
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}
