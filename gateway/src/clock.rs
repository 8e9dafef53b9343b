//! Before any stop: what time it is, handed to whoever needs to know.
//!
//! Points in time that leave the process (stored, signed, shown) are
//! milliseconds since the Unix epoch and come from a [`Clock`]. Waits and
//! deadlines within it use [`tokio::time::Instant`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time of day.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now, in ms since the Unix epoch. May step backwards when the system's
    /// clock is set.
    fn now_ms(&self) -> u64;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now_ms(&self) -> u64 {
        self.as_ref().now_ms()
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine, so that everything else can be tested"
    )]
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 reads as the epoch: everything then counts as
        // not yet expired, and the skew to the store closes its shards.
        to_ms(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }
}

/// A clock that moves only when told to.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now_ms: Arc<AtomicU64>,
}

impl ManualClock {
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms: Arc::new(AtomicU64::new(now_ms)),
        }
    }

    /// Moves every clone of this clock forward.
    pub fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(to_ms(by), Ordering::SeqCst);
    }

    /// Sets every clone of this clock, backwards too.
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        const NOVEMBER_2025_MS: u64 = 1_762_000_000_000;
        assert!(SystemClock.now_ms() > NOVEMBER_2025_MS);
    }

    #[test]
    fn a_manual_clock_moves_for_all_who_hold_it() {
        let clock = ManualClock::new(1_000);
        let held_elsewhere: Arc<dyn Clock> = Arc::new(clock.clone());

        clock.advance(Duration::from_secs(2));
        assert_eq!(held_elsewhere.now_ms(), 3_000);

        clock.set(5);
        assert_eq!(held_elsewhere.now_ms(), 5);
    }
}
