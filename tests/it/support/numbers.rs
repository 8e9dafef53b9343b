//! Phone numbers for tests: well-formed, and no two alike in one process.
//! Nothing is ever sent to them, since providers are fakes on this machine.

use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A number in the United States that takes SMS and calls.
pub(crate) fn us_number() -> String {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(
        next < 6_000_000,
        "a test process has as many numbers as this pattern"
    );
    format!("+1415{}", 2_340_000 + next)
}

/// A mobile number in the United Kingdom.
pub(crate) fn gb_number() -> String {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(
        next < 100_000,
        "a test process has as many numbers as this pattern"
    );
    format!("+447400{:06}", 100_000 + next)
}
