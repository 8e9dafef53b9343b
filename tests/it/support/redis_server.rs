//! A real `redis-server` of the test's own: on a free loopback port, with its
//! own directory, gone when dropped.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use super::ports;
use super::process::Signal;

/// What the server is started with beyond the least.
#[derive(Clone, Debug, Default)]
pub(crate) struct RedisOptions {
    /// Lines of configuration, as `name value`.
    pub(crate) lines: Vec<String>,
    pub(crate) transport: Transport,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    Plain,
    Tls,
}

impl RedisOptions {
    pub(crate) fn with(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Keeps what it was told over a restart, and the arguments of every command
    /// in its slow log, where a test can look for secrets.
    pub(crate) fn searchable(self) -> Self {
        self.append_only("everysec")
            // Compressed values would hide what the search looks for.
            .with("rdbcompression no")
            .with("slowlog-log-slower-than 0")
            .with("slowlog-max-len 20000")
    }

    /// Writes an append-only file, synced as named.
    pub(crate) fn append_only(self, appendfsync: &str) -> Self {
        self.with("appendonly yes")
            .with(format!("appendfsync {appendfsync}"))
    }

    /// A cluster of one node; [`RedisServer::assign_all_slots`] makes it usable.
    pub(crate) fn cluster(self) -> Self {
        self.with("cluster-enabled yes")
    }

    pub(crate) fn maxmemory(self, bytes: u64, policy: &str) -> Self {
        self.with(format!("maxmemory {bytes}"))
            .with(format!("maxmemory-policy {policy}"))
    }

    pub(crate) fn tls(mut self) -> Self {
        self.transport = Transport::Tls;
        self
    }
}

/// A server, killed when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    process: Mutex<Option<Child>>,
    address: SocketAddr,
    options: RedisOptions,
    directory: TempDir,
    ca_pem: Option<Vec<u8>>,
}

/// Another program may take a free port before the server does.
const STARTS_MAX: u32 = 5;

/// Longest wait for an answer to a test's own question.
const PATIENCE: Duration = Duration::from_secs(20);

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    pub(crate) fn start_with(options: RedisOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        Self::start_in(directory, options)
    }

    /// A fresh server, with a copy of another one's files.
    pub(crate) fn start_from(options: RedisOptions, files: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let copied = Command::new("cp")
            .args(["-a".as_ref(), files.join(".").as_os_str()])
            .arg(directory.path())
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        Self::start_in(directory, options)
    }

    fn start_in(directory: TempDir, options: RedisOptions) -> Self {
        let ca_pem = match options.transport {
            Transport::Plain => None,
            Transport::Tls => Some(write_certificates(directory.path())),
        };
        for _ in 0..STARTS_MAX {
            let address = SocketAddr::from(([127, 0, 0, 1], ports::free_port()));
            if let Some(process) = spawn(address, directory.path(), &options) {
                return Self {
                    process: Mutex::new(Some(process)),
                    address,
                    options,
                    directory,
                    ca_pem,
                };
            }
        }
        panic!("redis-server did not start; is it on the PATH?");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it keeps its files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it listens, without user and password.
    pub(crate) fn url(&self) -> String {
        match self.options.transport {
            Transport::Plain => format!("redis://{}/0", self.address),
            Transport::Tls => format!("rediss://localhost:{}/0", self.address.port()),
        }
    }

    /// As a user with a password.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@{}/0", self.address)
    }

    /// The certificate to trust, of a server with TLS.
    pub(crate) fn ca_pem(&self) -> Option<Vec<u8>> {
        self.ca_pem.clone()
    }

    /// A connection of the test's own, past every proxy, and patient enough for a
    /// slow log of many thousand commands on a busy machine.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("the URL is valid");
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = client
            .get_multiplexed_async_connection_with_config(&patient)
            .await;
        connection.expect("the server of the test answers")
    }

    /// The same, blocking.
    pub(crate) fn blocking_connection(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .and_then(|client| client.get_connection())
            .expect("the server of the test answers")
    }

    /// Runs one command, its words parted by spaces.
    pub(crate) fn command<T: redis::FromRedisValue>(&self, words: &str) -> T {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().expect("a command has a first word"));
        for word in words {
            command.arg(word);
        }
        command
            .query(&mut self.blocking_connection())
            .expect("the server of the test takes the command")
    }

    /// Makes a server with `cluster-enabled` answer for every slot.
    pub(crate) fn assign_all_slots(&self) {
        self.command::<()>("CLUSTER ADDSLOTSRANGE 0 16383");
        let is_up = |text: String| text.contains("cluster_state:ok");
        while !is_up(self.command("CLUSTER INFO")) {
            std::thread::yield_now();
        }
    }

    /// Stops it where it stands, connections open, until [`Self::resume`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// An orderly end: everything is on disk. Its port refuses connections.
    pub(crate) async fn stop(&self) {
        self.end(Signal::TERM).await;
    }

    /// `kill -9`.
    pub(crate) async fn kill(&self) {
        self.end(Signal::KILL).await;
    }

    /// Starts it after its end with the files and on the port it had.
    pub(crate) async fn start_again(&self) {
        let (address, options) = (self.address, self.options.clone());
        let directory = PathBuf::from(self.directory.path());
        let starting = tokio::task::spawn_blocking(move || spawn(address, &directory, &options));
        let process = starting.await.expect("starting it does not panic");
        assert!(process.is_some(), "its port is still free");
        *self.process() = process;
    }

    async fn end(&self, signal: Signal) {
        self.signal(signal);
        let mut process = self.process().take().expect("the server runs");
        let ending = tokio::task::spawn_blocking(move || process.wait());
        let ended = ending.await.expect("waiting does not panic");
        ended.expect("a child can be waited for");
    }

    fn signal(&self, signal: Signal) {
        let process = self.process();
        let pid = Pid::from_child(process.as_ref().expect("the server runs"));
        kill_process(pid, signal).expect("a child that lives can be signalled");
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().expect("no holder panics")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Ok(Some(process)) = self.process.get_mut() {
            // It may be frozen: SIGKILL reaches it all the same.
            _ = process.kill();
            _ = process.wait();
        }
    }
}

/// Starts the server and waits for it to say that it is ready; `None` if it ends instead.
fn spawn(address: SocketAddr, directory: &Path, options: &RedisOptions) -> Option<Child> {
    let port = address.port();
    let mut configuration = format!("bind 127.0.0.1\ndir {}\nsave \"\"\n", directory.display());
    match options.transport {
        Transport::Plain => configuration.push_str(&format!("port {port}\n")),
        Transport::Tls => configuration.push_str(&format!(
            "port 0\ntls-port {port}\ntls-auth-clients no\ntls-cert-file {0}/server.pem\n\
             tls-key-file {0}/server.key\ntls-ca-cert-file {0}/ca.pem\n",
            directory.display()
        )),
    }
    for line in &options.lines {
        configuration.push_str(line);
        configuration.push('\n');
    }
    let file = directory.join("redis.conf");
    std::fs::write(&file, configuration).expect("the directory can be written to");
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("redis.log"));
    let mut log = log.expect("the directory can be written to");
    let mut process = Command::new("redis-server")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is on the PATH");
    let stdout = process.stdout.take().expect("its output is ours to read");
    let mut lines = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        // What it says is searched for secrets too.
        .inspect(move |line| writeln!(log, "{line}").expect("the log can be written to"));
    if lines.any(|line| line.contains("Ready to accept connections")) {
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        return Some(process);
    }
    process.wait().expect("the server was ours to wait for");
    None
}

/// Writes a CA, and a certificate of it for `localhost`; the CA's.
fn write_certificates(directory: &Path) -> Vec<u8> {
    let ca_key = rcgen::KeyPair::generate().expect("a key can be drawn");
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("no names are valid names");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("it can sign itself");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("a key can be drawn");
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|params| params.signed_by(&key, &issuer))
        .expect("the CA can sign it");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.join(name), text).expect("the directory can be written to");
    };
    write("ca.pem", &ca_certificate.pem());
    write("server.pem", &certificate.pem());
    write("server.key", &key.serialize_pem());
    ca_certificate.pem().into_bytes()
}
