//! A real Kannel of the test's own: bearerbox, smsbox and the fake SMSC, on free
//! loopback ports, with a directory of its own, gone when dropped.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::client::Client;
use super::ports::free_port;
use super::process::{Signal, eventually, send_signal};

/// Where Debian's `kannel-extras` has it.
const FAKE_SMSC: &str = "/usr/lib/kannel/test/fakesmsc";
const READY_WITHIN: Duration = Duration::from_secs(20);
const USERNAME: &str = "watchword";
const PASSWORD: &str = "pigeonhole";

pub(crate) struct Kannel {
    directory: TempDir,
    sendsms_port: u16,
    smsc_port: u16,
    admin: Client,
    /// In the order they were started; ended in the reverse.
    processes: Vec<Child>,
}

impl Kannel {
    /// Started, with its SMSC connected.
    ///
    /// # Panics
    ///
    /// If it is not installed: `tests/run` installs the packages `kannel` and
    /// `kannel-extras`.
    pub(crate) async fn start() -> Self {
        let mut kannel = Self::without_smsc().await;
        kannel.connect_smsc().await;
        kannel
    }

    /// Started, and nobody takes what it has to send.
    pub(crate) async fn without_smsc() -> Self {
        let admin_port = free_port();
        let mut kannel = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            sendsms_port: free_port(),
            smsc_port: free_port(),
            admin: Client::new(SocketAddr::from(([127, 0, 0, 1], admin_port)), "none"),
            processes: Vec::new(),
        };
        let file = kannel.directory.path().join("kannel.conf");
        let settings = kannel.settings(admin_port, free_port());
        fs::write(&file, settings).expect("a writable directory");
        kannel.spawn(Path::new("bearerbox"), &[&path(&file)]);
        kannel.shows("Status: running").await;
        kannel.spawn(Path::new("smsbox"), &[&path(&file)]);
        kannel.shows("smsbox:").await;
        kannel
    }

    pub(crate) async fn connect_smsc(&mut self) {
        let port = self.smsc_port.to_string();
        let arguments = ["-H", "127.0.0.1", "-r", &port, "-m", "0", "1 2 text none"];
        self.spawn(Path::new(FAKE_SMSC), &arguments);
        self.shows("(online").await;
    }

    /// A `[[providers]]` entry with this Kannel, and a route over it.
    pub(crate) fn entry(&self, id: &str) -> String {
        format!(
            r#"
[[providers]]
id = "{id}"
kind = "kannel"
channels = ["sms"]
url = "http://127.0.0.1:{port}/cgi-bin/sendsms"
username = "{USERNAME}"
password = "{PASSWORD}"
sender = "ACME"

[[routes]]
channel = "sms"
hops = ["{id}"]
"#,
            port = self.sendsms_port,
        )
    }

    /// The text that the SMSC got for a number, once it has.
    ///
    /// # Panics
    ///
    /// If none comes in time.
    pub(crate) async fn text_to(&self, number: &str, within: Duration) -> String {
        let begin = format!("<ACME {number} text ");
        let text = || {
            let log = fs::read_to_string(self.log_of(Path::new(FAKE_SMSC))).unwrap_or_default();
            let line = log.lines().find_map(|line| line.split_once(&begin));
            line.and_then(|(_, text)| text.strip_suffix('>').map(str::to_owned))
        };
        eventually(within, async || text().is_some()).await;
        text().expect("the SMSC gets the message in time")
    }

    fn settings(&self, admin_port: u16, box_port: u16) -> String {
        format!(
            r#"
group = core
admin-port = {admin_port}
admin-password = status
smsbox-port = {box_port}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"

group = smsc
smsc = fake
smsc-id = fake
port = {smsc_port}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms_port}

group = sendsms-user
username = {USERNAME}
password = {PASSWORD}
max-messages = 10
concatenation = true
"#,
            smsc_port = self.smsc_port,
            sendsms_port = self.sendsms_port,
        )
    }

    fn log_of(&self, program: &Path) -> std::path::PathBuf {
        let name = program.file_name().expect("a program has a name");
        self.directory.path().join(name).with_extension("log")
    }

    fn spawn(&mut self, program: &Path, arguments: &[&str]) {
        let log = File::create(self.log_of(program)).expect("a writable directory");
        let errors = log.try_clone().expect("a file can be shared");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}: install kannel and kannel-extras, as tests/run does",
                program.display()
            )
        });
        self.processes.push(child);
    }

    /// Waits until bearerbox' status page has these words.
    async fn shows(&self, words: &str) {
        let page = || async {
            let url = format!("{}/status.txt?password=status", self.admin.base());
            let request = http::Request::get(url).body(bytes::Bytes::new());
            let request = request.expect("a well-formed request");
            let answer = self.admin.try_send(request).await;
            answer.map_or_else(
                |_| String::new(),
                |answer| String::from_utf8_lossy(&answer.bytes).into_owned(),
            )
        };
        let is_there = eventually(READY_WITHIN, async || page().await.contains(words)).await;
        assert!(is_there, "Kannel never showed {words}:\n{}", page().await);
    }
}

fn path(path: &Path) -> String {
    path.to_str().expect("temporary paths are text").to_owned()
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let has_ended = child.try_wait().is_ok_and(|ended| ended.is_some());
            if !has_ended {
                send_signal(child.id(), Signal::KILL);
            }
            if let Err(error) = child.wait() {
                eprintln!("a process of Kannel cannot be waited for: {error}");
            }
        }
    }
}
