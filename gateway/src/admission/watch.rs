//! Whether a tenant's checks fail too often: somebody may be trying codes
//! against many numbers, each of them within its own limits.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Counts a tenant's checks on this node over a window.
#[derive(Debug, Default)]
pub struct CheckWatch {
    window_from_ms: AtomicU64,
    checks: AtomicU32,
    failed: AtomicU32,
    has_alarmed: AtomicBool,
}

const WINDOW_MS: u64 = 5 * 60_000;
/// Fewer checks in the window say nothing.
const CHECKS_MIN: u32 = 100;
/// People mistype one code in five or ten; half is somebody guessing.
const FAILED_RATIO_MAX: f64 = 0.5;

impl CheckWatch {
    /// Counts a check. Gives the failed-check ratio when it is alarming, once a window.
    ///
    /// Counts of parallel checks at the turn of a window may be lost: this is
    /// an alarm, not a limit.
    pub fn note(&self, has_failed: bool, now_ms: u64) -> Option<f64> {
        let from_ms = self.window_from_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(from_ms) > WINDOW_MS {
            self.window_from_ms.store(now_ms, Ordering::Relaxed);
            self.checks.store(0, Ordering::Relaxed);
            self.failed.store(0, Ordering::Relaxed);
            self.has_alarmed.store(false, Ordering::Relaxed);
        }
        let checks = self
            .checks
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let failed = self
            .failed
            .fetch_add(u32::from(has_failed), Ordering::Relaxed)
            + u32::from(has_failed);
        let ratio = f64::from(failed) / f64::from(checks);
        let is_alarming = checks >= CHECKS_MIN && ratio > FAILED_RATIO_MAX;
        (is_alarming && !self.has_alarmed.swap(true, Ordering::Relaxed)).then_some(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failing_checks_alarm_once_a_window() {
        let watch = CheckWatch::default();
        let alarms = |from_ms: u64, has_failed: fn(u64) -> bool| {
            (0..300)
                .filter(|n| watch.note(has_failed(*n), from_ms + n).is_some())
                .count()
        };
        assert_eq!(alarms(1_000_000, |_| true), 1);
        assert_eq!(alarms(2_000_000, |n| n % 3 == 0), 0);
        assert_eq!(alarms(3_000_000, |n| n % 3 != 0), 1);
    }
}
