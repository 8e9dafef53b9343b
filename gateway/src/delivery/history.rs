//! Which attempts a delivery keeps: an outage of a day is thousands of them.

use super::{AttemptRecord, DeliveryRecord};

/// Up to so many attempts are kept, whatever they were.
const ATTEMPTS_KEPT: usize = 16;

impl DeliveryRecord {
    /// The attempt of this number, unless it is folded or was never made.
    pub fn attempt(&self, number: u32) -> Option<&AttemptRecord> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    }

    pub(super) fn attempt_mut(&mut self, number: u32) -> Option<&mut AttemptRecord> {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.number == number)
    }

    /// The number of the last attempt, 0 before the first.
    pub fn last_number(&self) -> u32 {
        // The last one is never folded.
        self.attempts.last().map_or(0, |attempt| attempt.number)
    }

    pub(super) fn push_attempt(&mut self, provider: &str, now_ms: u64) {
        let begun = AttemptRecord::begun(self.last_number() + 1, provider, self.walk, now_ms);
        self.attempts.push(begun);
        self.fold();
    }

    /// Forgets the oldest attempts that nobody will ask for.
    fn fold(&mut self) {
        while self.attempts.len() > ATTEMPTS_KEPT {
            let Some(index) = self.foldable() else {
                return;
            };
            self.attempts.remove(index);
            self.folded = self.folded.saturating_add(1);
        }
    }

    /// The oldest attempt that certainly reached nobody, belongs to an earlier
    /// walk, and of whose provider a later one tells that it was tried.
    fn foldable(&self) -> Option<usize> {
        let is_foldable = |(index, attempt): (usize, &AttemptRecord)| {
            let later = self.attempts.iter().skip(index + 1);
            !attempt.outcome.counts_as_submission()
                && attempt.receipt.is_none()
                && attempt.walk < self.walk
                && later
                    .map(|later| &later.provider)
                    .any(|by| *by == attempt.provider)
        };
        let mut attempts = self.attempts.iter().enumerate();
        attempts.position(is_foldable)
    }
}
