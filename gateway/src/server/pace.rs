//! On an open connection: how long its client may take for what it does next.
//!
//! hyper has a deadline for request heads, but it also runs between two
//! requests, so it cannot be short for a dripping head and long for an idle
//! connection. This one can, and costs no timer per request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::ServerSettings;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What a client took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooSlow {
    /// A request head, or the first request at all.
    Header,
    /// The next request.
    Idle,
}

/// Shared by the stream (bytes came), the service (a request began, ended) and
/// the task that drives both.
#[derive(Debug)]
pub(super) struct Pace {
    protocol: Protocol,
    header_timeout: Duration,
    idle_timeout: Duration,
    started: Instant,
    /// While no request is in flight: since when, in ms after `started`.
    waiting_since_ms: AtomicU64,
    /// While no request is in flight: whether a head is owed in full.
    head_begun: AtomicBool,
    in_flight: AtomicUsize,
    /// Asked to end: to idle is no longer its choice.
    ending: AtomicBool,
}

impl Pace {
    /// The first request is owed at once: nobody connects to be idle.
    pub(super) fn new(protocol: Protocol, settings: &ServerSettings) -> Arc<Self> {
        Arc::new(Self {
            protocol,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            started: Instant::now(),
            waiting_since_ms: AtomicU64::new(0),
            head_begun: AtomicBool::new(true),
            in_flight: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        })
    }

    /// Bytes came from the client.
    pub(super) fn bytes_read(&self) {
        match self.protocol {
            Protocol::Http1 => {}
            // Pings and window updates are no beginning of a request.
            Protocol::Http2 => return,
        }
        let is_waiting = self.in_flight.load(Ordering::Acquire) == 0;
        if is_waiting && !self.head_begun.swap(true, Ordering::AcqRel) {
            self.wait_from_now();
        }
    }

    /// A request's head is complete; its client owes nothing until the answer
    /// is gone, which is when the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> RequestInFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        RequestInFlight {
            pace: Arc::clone(self),
        }
    }

    /// The connection was asked to end: from here only a begun head is owed.
    pub(super) fn asked_to_end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// What the client is too slow for by now, if anything.
    pub(super) fn too_slow(&self, now: Instant) -> Option<TooSlow> {
        let (deadline, owed) = self.owed()?;
        (deadline <= now).then_some(owed)
    }

    /// Whether nothing is owed or running, and has not been for a while: a
    /// connection that may be asked to end when its place is needed.
    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.owed().is_some_and(|(deadline, owed)| {
            owed == TooSlow::Idle && now + self.idle_timeout >= deadline + self.header_timeout
        })
    }

    /// When to look again. `None` while a request is in flight.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.owed().map(|(deadline, _)| deadline)
    }

    fn owed(&self) -> Option<(Instant, TooSlow)> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return None;
        }
        let (timeout, owed) = if self.head_begun.load(Ordering::Acquire) {
            (self.header_timeout, TooSlow::Header)
        } else if self.ending.load(Ordering::Acquire) {
            return None;
        } else {
            (self.idle_timeout, TooSlow::Idle)
        };
        let since = Duration::from_millis(self.waiting_since_ms.load(Ordering::Acquire));
        Some((self.started + since + timeout, owed))
    }

    fn wait_from_now(&self) {
        let since = self.started.elapsed().as_millis();
        let since_ms = u64::try_from(since).unwrap_or(u64::MAX);
        self.waiting_since_ms.store(since_ms, Ordering::Release);
    }
}

/// A request between its head and the end of its answer.
#[derive(Debug)]
pub(super) struct RequestInFlight {
    pace: Arc<Pace>,
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.pace.head_begun.store(false, Ordering::Release);
        self.pace.wait_from_now();
        self.pace.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const HEADER: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    fn pace(protocol: Protocol) -> Arc<Pace> {
        let settings = ServerSettings {
            header_timeout: HEADER,
            idle_timeout: IDLE,
            ..ServerSettings::default()
        };
        Pace::new(protocol, &settings)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_is_owed_within_the_header_timeout() {
        let pace = pace(Protocol::Http1);
        advance(HEADER / 2).await;
        pace.bytes_read();
        assert_eq!(pace.too_slow(Instant::now()), None);

        advance(HEADER / 2).await;
        assert_eq!(pace.too_slow(Instant::now()), Some(TooSlow::Header));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_may_idle_until_bytes_come() {
        let pace = pace(Protocol::Http1);
        drop(pace.request());
        advance(HEADER * 2).await;
        assert_eq!(pace.too_slow(Instant::now()), None);

        pace.bytes_read();
        advance(HEADER).await;
        assert_eq!(pace.too_slow(Instant::now()), Some(TooSlow::Header));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_is_not_late_and_the_wait_starts_at_its_end() {
        let pace = pace(Protocol::Http2);
        let (first, second) = (pace.request(), pace.request());
        drop(first);
        advance(IDLE * 2).await;
        assert_eq!(pace.deadline(), None);

        drop(second);
        assert_eq!(pace.deadline(), Some(Instant::now() + IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_once_it_idled_as_long_as_a_head_may_take() {
        let pace = pace(Protocol::Http1);
        advance(HEADER).await;
        assert!(!pace.is_resting(Instant::now()));

        drop(pace.request());
        advance(HEADER - Duration::from_secs(1)).await;
        assert!(!pace.is_resting(Instant::now()));
        advance(Duration::from_secs(1)).await;
        assert!(pace.is_resting(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn once_asked_to_end_an_idle_connection_owes_nothing() {
        let pace = pace(Protocol::Http1);
        drop(pace.request());
        pace.asked_to_end();
        assert_eq!(pace.deadline(), None);

        pace.bytes_read();
        assert_eq!(pace.deadline(), Some(Instant::now() + HEADER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_no_request_and_buys_no_time() {
        let pace = pace(Protocol::Http2);
        drop(pace.request());
        advance(IDLE / 2).await;
        pace.bytes_read();
        advance(IDLE / 2).await;
        assert_eq!(pace.too_slow(Instant::now()), Some(TooSlow::Idle));
    }
}
