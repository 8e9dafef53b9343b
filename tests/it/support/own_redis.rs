//! A real `redis-server` of one's own: on a free loopback port, with its own
//! directory, gone when dropped.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

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

/// A running server.
#[derive(Debug)]
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    options: RedisOptions,
    directory: TempDir,
    ca_pem: Option<Vec<u8>>,
}

/// Another program may take a free port before the server does.
const STARTS_MAX: u32 = 5;

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    pub(crate) fn start_with(options: RedisOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let ca_pem = match options.transport {
            Transport::Plain => None,
            Transport::Tls => Some(write_certificates(directory.path())),
        };
        for _ in 0..STARTS_MAX {
            let port = free_port();
            if let Some(process) = spawn(port, directory.path(), &options) {
                return Self {
                    process,
                    port,
                    options,
                    directory,
                    ca_pem,
                };
            }
        }
        panic!("redis-server did not start; is it on the PATH?");
    }

    /// Where it listens, without user and password.
    pub(crate) fn url(&self) -> String {
        match self.options.transport {
            Transport::Plain => format!("redis://127.0.0.1:{}/0", self.port),
            Transport::Tls => format!("rediss://localhost:{}/0", self.port),
        }
    }

    /// As a user with a password.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}/0", self.port)
    }

    /// The certificate to trust, of a server with TLS.
    pub(crate) fn ca_pem(&self) -> Option<Vec<u8>> {
        self.ca_pem.clone()
    }

    /// A blocking connection of the test's own.
    pub(crate) fn connection(&self) -> redis::Connection {
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
            .query(&mut self.connection())
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

    /// Stops it where it stands: connections stay, nothing answers.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("the server runs");
        self.process
            .wait()
            .expect("the server was ours to wait for");
    }

    /// Starts it again after [`Self::kill`], on the same port with the same directory.
    pub(crate) fn restart(&mut self) {
        self.process =
            spawn(self.port, self.directory.path(), &self.options).expect("the port is still free");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.process.id().to_string())
            .status()
            .expect("kill is on the PATH");
        assert!(status.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed by the test, or be paused: SIGKILL reaches both.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}

/// Starts the server and waits for it to say that it is ready; `None` if it ends instead.
fn spawn(port: u16, directory: &Path, options: &RedisOptions) -> Option<Child> {
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
    let mut process = Command::new("redis-server")
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is on the PATH");
    let stdout = process.stdout.take().expect("its output is ours to read");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
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
