//! A real `redis-server` of the bench's own, on a port of loopback that was
//! free, gone when dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// A start takes well below a second.
const LOOKS: u32 = 200;
const LOOK_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing, and waits until it listens.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("loopback has a free port")
            .port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is on the path");
        let server = Self {
            process,
            port,
            _directory: directory,
        };
        assert!(server.listens(), "redis-server did not start");
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn listens(&self) -> bool {
        (0..LOOKS).any(|_| {
            let answer = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            if answer.is_err() {
                sleep(LOOK_PAUSE);
            }
            answer.is_ok()
        })
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
