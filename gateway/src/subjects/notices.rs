//! When those who must hear of a change are told, and told again.

const DAY_MS: u64 = 86_400_000;

/// Nobody is told anything so long after a number was proved: it may belong to
/// a stranger by then.
pub const NOTICES_END_MS: u64 = 30 * DAY_MS;

/// When the notices of a change are due, whose last moment is `end_ms`: at once,
/// after a day, after a week, and a day before the end.
pub fn schedule(new_verified_at_ms: u64, end_ms: u64) -> Vec<u64> {
    let last = new_verified_at_ms.saturating_add(NOTICES_END_MS);
    let end = end_ms.min(last);
    let day_before = end.saturating_sub(DAY_MS).max(new_verified_at_ms);
    let after = |days: u64| new_verified_at_ms.saturating_add(days * DAY_MS);
    let mut due = vec![new_verified_at_ms, after(1), after(7), day_before];
    due.sort_unstable();
    due.dedup();
    // Whatever the end: somebody must have been told.
    due.retain(|at| *at < end || *at == new_verified_at_ms);
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000;

    fn days(end: u64) -> Vec<u64> {
        let due = schedule(START, START + end);
        due.iter().map(|at| (at - START) / DAY_MS).collect()
    }

    #[test]
    fn the_longer_the_window_the_more_notices() {
        assert_eq!(days(3 * DAY_MS), [0, 1, 2]);
        assert_eq!(days(8 * DAY_MS), [0, 1, 7]);
        assert_eq!(days(30 * DAY_MS), [0, 1, 7, 29]);
    }

    #[test]
    fn nobody_is_told_after_the_window_or_the_thirtieth_day() {
        assert_eq!(days(90 * DAY_MS), [0, 1, 7, 29]);
        for end in [1, DAY_MS, DAY_MS + 1, 2 * DAY_MS, 100 * DAY_MS] {
            let due = schedule(START, START + end);
            assert_eq!(due.first(), Some(&START));
            assert!(due.iter().all(|at| *at < START + end), "{end}");
        }
    }
}
