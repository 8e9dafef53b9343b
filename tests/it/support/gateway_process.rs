//! The built gateway as a process of its own: started, signalled, killed and
//! started again on the same ports.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::client::Client;
use super::gateway_config::GatewayConfig;
use super::process::{self, Signal};

/// Longest wait for `/readyz` after a start: an unoptimised build warms its number
/// tables first, and the machine may be busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(40);
/// Longest wait for the end after SIGTERM: the drain, and some.
const END_WITHIN: Duration = Duration::from_secs(20);

fn id_of(child: &Child) -> u32 {
    child.id().expect("nobody has waited for it yet")
}

struct Shared {
    name: String,
    listen: SocketAddr,
    admin_listen: SocketAddr,
    directory: PathBuf,
    child: Mutex<Option<Child>>,
}

/// Cheap to clone; the process is killed with the last clone.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Shared>);

impl Gateway {
    /// Not started yet. Keeps its files in a directory named after it.
    pub(crate) fn new(name: &str, directory: &Path) -> Self {
        let directory = directory.join(name);
        fs::create_dir(&directory).expect("each gateway of a test has a name of its own");
        let on_loopback = || SocketAddr::from(([127, 0, 0, 1], super::ports::free_port()));
        Self(Arc::new(Shared {
            name: name.to_owned(),
            listen: on_loopback(),
            admin_listen: on_loopback(),
            directory,
            child: Mutex::new(None),
        }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.listen
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(self.0.listen, key)
    }

    fn admin(&self) -> Client {
        Client::new(self.0.admin_listen, "none")
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it ends or does not become ready; shows the end of its log.
    pub(crate) async fn start(&self, config: &GatewayConfig) {
        self.spawn(config);
        self.is_ready_within(READY_WITHIN).await;
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(&self, config: &GatewayConfig) {
        let file = self.write(config);
        let log = || {
            let log = File::options()
                .create(true)
                .append(true)
                .open(self.log_path());
            Stdio::from(log.expect("a writable directory"))
        };
        // Another build may be put to the same tests, such as an optimised one.
        let built = super::from_the_caller("WATCHWORD");
        let built = built.unwrap_or_else(|| env!("CARGO_BIN_EXE_watchword").to_owned());
        let child = Command::new(built)
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(&self.0.directory)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary was built with this test");
        let earlier = self.child().replace(child);
        assert!(earlier.is_none(), "{} is running already", self.0.name);
    }

    /// Puts this configuration in its file and sends SIGHUP; does not wait.
    pub(crate) fn reload(&self, config: &GatewayConfig) {
        self.write(config);
        self.signal(Signal::HUP);
    }

    fn write(&self, config: &GatewayConfig) -> PathBuf {
        let file = self.0.directory.join("gateway.toml");
        fs::write(&file, config.toml(self.0.listen, self.0.admin_listen))
            .expect("a writable directory");
        file
    }

    /// # Panics
    ///
    /// If `/readyz` does not answer 200 in time; shows the end of the log.
    pub(crate) async fn is_ready_within(&self, within: Duration) {
        let is_ready = process::eventually(within, async || {
            let has_ended = match self.child().as_mut() {
                Some(child) => child.try_wait().is_ok_and(|ended| ended.is_some()),
                None => true,
            };
            has_ended || self.readiness().await == Some(200)
        });
        let in_time = is_ready.await && self.readiness().await == Some(200);
        assert!(
            in_time,
            "{} was not ready within {within:?}:\n{}",
            self.0.name,
            self.log_end()
        );
    }

    /// What `/readyz` answers; `None` if nothing does.
    pub(crate) async fn readiness(&self) -> Option<u16> {
        let request = http::Request::get(format!("http://{}/readyz", self.0.admin_listen));
        let request = request
            .body(bytes::Bytes::new())
            .expect("a well-formed request");
        let answer = self.admin().try_send(request).await;
        answer.ok().map(|answer| answer.status.as_u16())
    }

    /// What `/readyz` says.
    pub(crate) async fn readiness_document(&self) -> serde_json::Value {
        self.admin().get("/readyz").await.json()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) async fn kill(&self) {
        let mut child = self.child().take().expect("the gateway is running");
        process::send_signal(id_of(&child), Signal::KILL);
        child.wait().await.expect("a child can be waited for");
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.exit_within(END_WITHIN).await
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    ///
    /// If it does not; shows the end of its log.
    pub(crate) async fn exit_within(&self, within: Duration) -> ExitStatus {
        let mut child = self.child().take().expect("the gateway is running");
        match tokio::time::timeout(within, child.wait()).await {
            Ok(ended) => ended.expect("a child can be waited for"),
            Err(_) => panic!(
                "{} did not end within {within:?}:\n{}",
                self.0.name,
                self.log_end()
            ),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child().is_some()
    }

    /// Stops it in mid-air, until [`Self::resume`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child();
        let child = child.as_ref().expect("the gateway is running");
        process::send_signal(id_of(child), signal);
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.child.lock().expect("no holder panics")
    }

    fn log_path(&self) -> PathBuf {
        self.0.directory.join("gateway.log")
    }

    /// Everything it wrote to standard output and error since its first start.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The metrics as a scraper sees them.
    pub(crate) async fn metrics(&self) -> String {
        let answer = self.admin().get("/metrics").await.expect(200);
        String::from_utf8(answer.bytes.to_vec()).expect("metrics are text")
    }

    /// The sum of all series of a metric whose line has each of these pieces.
    pub(crate) async fn metric(&self, name: &str, pieces: &[&str]) -> f64 {
        self.metrics()
            .await
            .lines()
            .filter(|line| {
                line.starts_with(name) && pieces.iter().all(|piece| line.contains(piece))
            })
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(_, value)| value.parse::<f64>().ok())
            .sum()
    }
}
