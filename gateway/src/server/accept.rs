//! At accept: the next connection together with its permit.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::permits::{Permit, Permits};
use crate::telemetry::ConnectionMetrics;

/// The first pause after an error that will not go away by itself, doubled up
/// to the longest. Short: connections wait in the system's backlog meanwhile.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many connections may wait for the accept loop. When more do, the system
/// drops their first packet and they come again a second later; the usual 1,024
/// are a few milliseconds of a burst.
const BACKLOG: u32 = 4_096;

/// Listens on an address, ready for bursts, and right after a restart.
///
/// # Errors
///
/// The address is not ours, taken, or not allowed to us.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections from a socket, one at a time, whatever the socket says.
pub(super) struct Acceptor {
    socket: TcpListener,
    permits: Permits,
    metrics: ConnectionMetrics,
    /// Accepted, but without a permit yet: at most one connection above the bound.
    waiting: Option<TcpStream>,
    backoff: Backoff,
}

impl Acceptor {
    pub(super) fn new(socket: TcpListener, permits: Permits, metrics: ConnectionMetrics) -> Self {
        Self {
            socket,
            permits,
            metrics,
            waiting: None,
            backoff: Backoff::default(),
        }
    }

    /// The next connection that may be served.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a connection accepted without a permit is kept for the next
    /// call.
    pub(super) async fn next(&mut self) -> (TcpStream, Permit) {
        loop {
            if self.waiting.is_some() {
                let permit = self.permits.acquire().await;
                if let Some(stream) = self.waiting.take() {
                    return (stream, permit);
                }
            }
            self.backoff.wait().await;
            let stream = match self.socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    self.refused(&error);
                    continue;
                }
            };
            self.backoff.reset();
            if let Some(permit) = self.permits.try_acquire() {
                return (stream, permit);
            }
            self.metrics.waited();
            self.permits.evict_oldest_silent();
            self.waiting = Some(stream);
        }
    }

    fn refused(&mut self, error: &io::Error) {
        self.metrics.accept_error();
        if is_of_one_connection(error.kind()) {
            return;
        }
        // Most likely file descriptors or memory have run out: make room.
        self.permits.evict_oldest_silent();
        if self.backoff.grow() == PAUSE_MIN {
            warn!(error = %error, "cannot accept connections, trying again");
        }
    }
}

/// Whether only the connection at hand failed; the next may be fine.
fn is_of_one_connection(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// How long to leave the socket alone after it failed.
#[derive(Debug, Default)]
struct Backoff {
    pause: Duration,
    until: Option<Instant>,
}

impl Backoff {
    /// Doubles the pause and starts it; answers with its length.
    fn grow(&mut self) -> Duration {
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.until = Some(Instant::now() + self.pause);
        self.pause
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Cancel safe: what is left of the pause is waited for by the next call.
    async fn wait(&mut self) {
        if let Some(until) = self.until {
            sleep_until(until).await;
            self.until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pause_doubles_up_to_a_second_and_starts_small_again() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..10).map(|_| backoff.grow().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);

        let before = Instant::now();
        backoff.wait().await;
        assert_eq!(before.elapsed().as_millis(), 1_000);
        backoff.wait().await;
        assert_eq!(before.elapsed().as_millis(), 1_000);

        backoff.reset();
        assert_eq!(backoff.grow(), PAUSE_MIN);
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error_that_says_so() {
        let socket = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let again = bind(socket.local_addr().unwrap());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_client_that_left_the_backlog_costs_no_pause() {
        assert!(is_of_one_connection(io::ErrorKind::ConnectionAborted));
        const EMFILE: i32 = 24;
        let exhausted = io::Error::from_raw_os_error(EMFILE);
        assert!(!is_of_one_connection(exhausted.kind()));
    }
}
