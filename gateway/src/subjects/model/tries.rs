//! How often a secret may be guessed.

use super::Tries;
use crate::subjects::command::Refusal;

/// Wrong ones that cost no wait.
const FREE: u32 = 5;
/// From here on an operator has to unfreeze the subject.
const STOP: u32 = 100;
const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 3_600_000;

impl Tries {
    /// Asked before a secret is compared, and again before the outcome is written:
    /// guesses made at the same time are answered by one only.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyTries`]. To be refused prolongs nothing.
    pub fn admit(self, now_ms: u64) -> Result<(), Refusal> {
        if self.count >= STOP {
            return Err(Refusal::TooManyTries {
                available_at_ms: None,
            });
        }
        self.admit_in_time(now_ms)
    }

    /// As [`Tries::admit`], without an end: what stops a thief must not be
    /// stopped by them.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyTries`].
    pub fn admit_in_time(self, now_ms: u64) -> Result<(), Refusal> {
        if now_ms < self.next_at_ms {
            return Err(Refusal::TooManyTries {
                available_at_ms: Some(self.next_at_ms),
            });
        }
        Ok(())
    }

    /// Counts a wrong one: after five each waits twice as long as the last, up
    /// to an hour.
    pub fn count_wrong(&mut self, now_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.last_at_ms = now_ms;
        if let Some(doublings) = self.count.checked_sub(FREE) {
            // More doublings than these are past the longest wait anyway.
            let wait = FIRST_WAIT_MS << doublings.min(8);
            self.next_at_ms = now_ms.saturating_add(wait.min(LONGEST_WAIT_MS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_free_then_each_waits_longer_and_at_a_hundred_all_stop() {
        let mut tries = Tries::default();
        let mut now_ms = 1_000;
        let mut waits = Vec::new();
        for _ in 0..STOP - 1 {
            assert_eq!(tries.admit(now_ms), Ok(()));
            tries.count_wrong(now_ms);
            waits.push(tries.next_at_ms.saturating_sub(now_ms) / 1_000);
            if tries.next_at_ms > now_ms {
                let refused = tries.admit(tries.next_at_ms - 1);
                let available_at_ms = Some(tries.next_at_ms);
                assert_eq!(refused, Err(Refusal::TooManyTries { available_at_ms }));
                now_ms = tries.next_at_ms;
            }
        }
        assert_eq!(
            waits[..14],
            [
                0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600
            ]
        );
        tries.count_wrong(now_ms);
        let never = Err(Refusal::TooManyTries {
            available_at_ms: None,
        });
        assert_eq!(tries.admit(u64::MAX), never);
    }
}
