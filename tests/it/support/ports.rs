//! Hands out ports on which servers of a test may listen.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections, so that no
/// connection takes a port between our look at it and the server's.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that nothing listens on, given to nobody else by this process.
pub(crate) fn free_port() -> u16 {
    // Two test processes at the same time start far apart.
    let offset = u16::try_from(u64::from(std::process::id()) * 211 % u64::from(COUNT))
        .expect("less than COUNT");
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset + next % COUNT) % COUNT;
        if TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} on is free");
}
