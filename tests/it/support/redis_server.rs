//! A real Redis of the test's own: started on a free port in a directory of
//! its own, and ended with the test.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::process::{self, Signal};

/// Longest wait for Redis to answer after its start.
const START_WITHIN: Duration = Duration::from_secs(10);

/// Killed when dropped.
pub(crate) struct RedisServer {
    address: SocketAddr,
    directory: TempDir,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// Persistent (`appendfsync everysec`), and keeps the arguments of every
    /// command in its slow log, where a test can look for secrets.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further arguments, such as `["--maxmemory", "20mb"]`.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], super::ports::free_port())),
            directory: tempfile::tempdir().expect("a temporary directory"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            child: Mutex::new(None),
        };
        server.start_again().await;
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// Where it keeps its files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("redis.log")
    }

    /// Starts it with the files and on the port it had, and waits until it answers.
    pub(crate) async fn start_again(&self) {
        let log = File::options().create(true).append(true).open(self.log());
        let child = Command::new("redis-server")
            .args([
                "--port",
                &self.address.port().to_string(),
                "--bind",
                "127.0.0.1",
            ])
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
            ])
            // Compressed values would hide what the leak scan looks for.
            .args(["--rdbcompression", "no", "--slowlog-log-slower-than", "0"])
            .args([
                "--slowlog-max-len",
                "20000",
                "--maxmemory-policy",
                "noeviction",
            ])
            .arg("--dir")
            .arg(self.directory.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.expect("a writable temporary directory"))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is installed");
        *self.child() = Some(child);
        let answers = process::eventually(START_WITHIN, async || {
            let ping = async {
                let mut connection = self.try_connection().await?;
                redis::cmd("PING")
                    .query_async::<String>(&mut connection)
                    .await
            };
            ping.await.is_ok()
        });
        assert!(
            answers.await,
            "redis-server did not start: see {}",
            self.log().display()
        );
    }

    /// An orderly end: everything is on disk. Its port refuses connections.
    pub(crate) async fn stop(&self) {
        self.end(Signal::TERM).await;
    }

    /// `kill -9`.
    pub(crate) async fn kill(&self) {
        self.end(Signal::KILL).await;
    }

    async fn end(&self, signal: Signal) {
        let mut child = self.child().take().expect("Redis is running");
        process::send_signal(&child, signal);
        child.wait().await.expect("a child can be waited for");
    }

    /// Stops in mid-air, connections open, until [`Self::resume`].
    pub(crate) fn freeze(&self) {
        process::send_signal(
            self.child().as_ref().expect("Redis is running"),
            Signal::STOP,
        );
    }

    pub(crate) fn resume(&self) {
        process::send_signal(
            self.child().as_ref().expect("Redis is running"),
            Signal::CONT,
        );
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().expect("no holder panics")
    }

    /// A connection past every proxy.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.try_connection().await.expect("Redis is running")
    }

    async fn try_connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        client.get_multiplexed_async_connection().await
    }
}
