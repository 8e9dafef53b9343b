//! Our own pace towards a provider: one submission every so often, with a small
//! burst. A fleet's rate is divided by its size before it gets here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets no more than a rate of submissions start.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// How far behind its pace it may catch up at once.
    burst: Duration,
    next: Mutex<Option<Instant>>,
}

/// So much of a second's worth may start at once after a pause.
const BURST_SECONDS: f64 = 0.1;

impl Pace {
    /// `rate_per_s` above 0 and below a million is kept to; anything else is brought there.
    pub fn new(rate_per_s: f64) -> Self {
        let rate = if rate_per_s.is_finite() {
            rate_per_s.clamp(0.001, 1e6)
        } else {
            1e6
        };
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            burst: Duration::from_secs_f64(BURST_SECONDS),
            next: Mutex::new(None),
        }
    }

    /// Takes the turn if it has come.
    ///
    /// # Errors
    ///
    /// When to ask again. Nothing is taken, so nothing is lost by giving up.
    pub fn take_turn(&self, now: Instant) -> Result<(), Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        let turn = next.unwrap_or(now).max(earliest);
        if turn > now {
            return Err(turn);
        }
        *next = Some(turn + self.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_rate_passes_and_a_pause_earns_a_small_burst() {
        let start = Instant::now();
        let pace = Pace::new(100.0);
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(pace.take_turn(start), Ok(()));
        assert_eq!(pace.take_turn(start), Err(at(10)));
        assert_eq!(pace.take_turn(at(9)), Err(at(10)));
        assert_eq!(pace.take_turn(at(10)), Ok(()));
        let later = at(10_000);
        let at_once = (0..100).filter(|_| pace.take_turn(later).is_ok()).count();
        assert_eq!(
            at_once, 11,
            "a tenth of a second's worth, and the turn itself"
        );
    }
}
