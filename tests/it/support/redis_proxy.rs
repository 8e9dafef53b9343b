//! Stands between the gateway and Redis and breaks what passes: late, cut off,
//! swallowed, reset or refused, and mended again while the test runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Everything passes.
    Pass,
    /// Connections stay open and are accepted, yet nothing passes. What was
    /// held arrives when the fault ends, as on a network that was cut.
    Blackhole,
    /// Each piece waits for so long, in both directions.
    Delay(Duration),
    /// Existing connections are reset, new ones are refused.
    Refuse,
    /// Each connection is reset after so many bytes of requests: a command may
    /// arrive in part.
    CutRequestsAfter(u64),
    /// Each connection is reset after so many bytes of replies: commands are
    /// carried out and nobody hears of it.
    CutRepliesAfter(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Replies,
}

#[derive(Default)]
struct Counters {
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    connections: AtomicU64,
}

/// What everybody shares: the fault, and how often all connections were reset.
#[derive(Clone, Copy)]
struct Mode {
    fault: Fault,
    reset_count: u64,
}

/// A proxy before one Redis. Ends when dropped.
pub(crate) struct RedisProxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    counters: Arc<Counters>,
    is_listening: watch::Receiver<bool>,
    listener: JoinHandle<()>,
}

impl RedisProxy {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let (mode, watched) = watch::channel(Mode {
            fault: Fault::Pass,
            reset_count: 0,
        });
        let counters = Arc::new(Counters::default());
        let (listening, is_listening) = watch::channel(true);
        let door = Door {
            upstream,
            mode: watched,
            counters: Arc::clone(&counters),
            is_listening: listening,
        };
        Self {
            address,
            mode,
            counters,
            is_listening,
            listener: tokio::spawn(door.listen(listener)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// From the return of this on; connections that exist are affected too.
    pub(crate) async fn set(&self, fault: Fault) {
        self.mode.send_modify(|mode| mode.fault = fault);
        let mut is_listening = self.is_listening.clone();
        let in_force = |listens: &bool| *listens == (fault != Fault::Refuse);
        is_listening
            .wait_for(in_force)
            .await
            .expect("the listener lives as long as the proxy");
    }

    /// Resets every connection once; new ones are served as the fault says.
    pub(crate) fn reset_all(&self) {
        self.mode.send_modify(|mode| mode.reset_count += 1);
    }

    pub(crate) fn request_bytes(&self) -> u64 {
        self.counters.request_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn reply_bytes(&self) -> u64 {
        self.counters.reply_bytes.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::Relaxed)
    }
}

impl Drop for RedisProxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.reset_all();
    }
}

/// Where connections come in.
struct Door {
    upstream: SocketAddr,
    mode: watch::Receiver<Mode>,
    counters: Arc<Counters>,
    is_listening: watch::Sender<bool>,
}

impl Door {
    /// Accepts connections; while they are to be refused, nothing listens.
    async fn listen(mut self, listener: TcpListener) {
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let mut listener = Some(listener);
        loop {
            if self.mode.borrow_and_update().fault == Fault::Refuse {
                listener = None;
            } else if listener.is_none() {
                let again = TcpListener::bind(address).await;
                listener = Some(again.expect("nobody else takes a port below the ephemeral ones"));
            }
            self.is_listening.send_replace(listener.is_some());
            let accepted = async {
                match &listener {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.mode.changed() => if changed.is_err() { return },
                accepted = accepted => if let Ok((client, _)) = accepted {
                    self.counters.connections.fetch_add(1, Ordering::Relaxed);
                    let counters = Arc::clone(&self.counters);
                    tokio::spawn(connect(client, self.upstream, self.mode.clone(), counters));
                }
            }
        }
    }
}

/// Serves one connection until either side ends it or the fault does.
async fn connect(
    client: TcpStream,
    upstream: SocketAddr,
    mode: watch::Receiver<Mode>,
    counters: Arc<Counters>,
) {
    // Whatever ends it, the client sees a reset, not an orderly end.
    client.set_zero_linger().expect("an open socket");
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("an open socket");
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let requests = Pump {
        direction: Direction::Requests,
        mode: mode.clone(),
        counters: Arc::clone(&counters),
    };
    let replies = Pump {
        direction: Direction::Replies,
        mode,
        counters,
    };
    tokio::select! {
        () = requests.run(from_client, to_server) => {}
        () = replies.run(from_server, to_client) => {}
    }
}

/// One direction of one connection.
struct Pump {
    direction: Direction,
    mode: watch::Receiver<Mode>,
    counters: Arc<Counters>,
}

impl Pump {
    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let reset_count = self.mode.borrow_and_update().reset_count;
        let mut passed: u64 = 0;
        let mut buffer = vec![0_u8; 64 * 1024];
        loop {
            let length = tokio::select! {
                changed = self.mode.changed() => {
                    if changed.is_err() || self.is_over(reset_count) {
                        return;
                    }
                    continue;
                }
                read = from.read(&mut buffer), if !self.is_held() => match read {
                    Ok(0) | Err(_) => return,
                    Ok(length) => length,
                },
            };
            let Some(length) = self.pass(passed, length, reset_count).await else {
                return;
            };
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
            let counter = match self.direction {
                Direction::Requests => &self.counters.request_bytes,
                Direction::Replies => &self.counters.reply_bytes,
            };
            counter.fetch_add(length as u64, Ordering::Relaxed);
            passed += length as u64;
            if self.left(passed) == Some(0) {
                return;
            }
        }
    }

    /// How many of `length` bytes may go on now; waits as long as the fault
    /// says. `None`: the connection is over.
    async fn pass(&mut self, passed: u64, length: usize, reset_count: u64) -> Option<usize> {
        let fault = self.mode.borrow().fault;
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        while self.is_held() {
            self.mode.changed().await.ok()?;
        }
        if self.is_over(reset_count) {
            return None;
        }
        let left = self.left(passed).unwrap_or(u64::MAX);
        Some(length.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    fn is_held(&self) -> bool {
        self.mode.borrow().fault == Fault::Blackhole
    }

    fn is_over(&self, reset_count: u64) -> bool {
        let mode = *self.mode.borrow();
        mode.reset_count != reset_count || mode.fault == Fault::Refuse
    }

    /// How many bytes this direction may still carry, if there is a bound.
    fn left(&self, passed: u64) -> Option<u64> {
        match (self.mode.borrow().fault, self.direction) {
            (Fault::CutRequestsAfter(bytes), Direction::Requests)
            | (Fault::CutRepliesAfter(bytes), Direction::Replies) => {
                Some(bytes.saturating_sub(passed))
            }
            (Fault::CutRequestsAfter(_), Direction::Replies)
            | (Fault::CutRepliesAfter(_), Direction::Requests)
            | (Fault::Pass | Fault::Blackhole | Fault::Delay(_) | Fault::Refuse, _) => None,
        }
    }
}
