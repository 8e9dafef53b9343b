//! Where providers take the time of day from, so that a test can own it.

use std::fmt;
use std::sync::Arc;

/// A source of wall-clock time, handed in when a provider is connected.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self::from_fn(system_now_ms)
    }

    /// A clock that asks `now_ms` for ms since the Unix epoch.
    pub fn from_fn(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The time now, in ms since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else is handed"
)]
fn system_now_ms() -> u64 {
    // A clock before 1970 reads as 0: signatures then fail as stale, nothing panics.
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since_epoch| {
            u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_tells_what_it_was_given() {
        assert_eq!(Clock::from_fn(|| 42).now_ms(), 42);
        let the_year_2020_ms = 1_577_836_800_000;
        assert!(Clock::system().now_ms() > the_year_2020_ms);
    }
}
