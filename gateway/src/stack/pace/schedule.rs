//! Within the pace: when the turns are. Those this node was given, those it has
//! by itself, and how many it used lately.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Turns this node was given, in the order of their moments.
#[derive(Debug, Default)]
pub(super) struct Shares(VecDeque<Share>);

/// Turns given at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) next: Instant,
    /// From then on the next turn is lost; the one after it, an interval later.
    pub(super) lost_at: Instant,
    pub(super) interval: Duration,
    pub(super) left: usize,
}

impl Share {
    fn moment(&self, index: usize) -> Instant {
        self.next + times(self.interval, index)
    }

    fn skip(&mut self, count: usize) {
        self.next += times(self.interval, count);
        self.lost_at += times(self.interval, count);
        self.left = self.left.saturating_sub(count);
    }
}

impl Shares {
    /// Adds what was given after all the others.
    pub(super) fn add(&mut self, mut share: Share) {
        // Answers take unequally long, so their moments are not known exactly.
        if let Some(last) = self.last() {
            share.next = share.next.max(last);
        }
        if share.left > 0 {
            self.0.push_back(share);
        }
    }

    pub(super) fn left(&self) -> usize {
        self.0.iter().map(|share| share.left).sum()
    }

    /// The moment of the last turn.
    pub(super) fn last(&self) -> Option<Instant> {
        let last = self.0.back()?;
        Some(last.moment(last.left.saturating_sub(1)))
    }

    /// The moment of a turn, counted from 0.
    pub(super) fn nth(&self, mut index: usize) -> Option<Instant> {
        for share in &self.0 {
            if index < share.left {
                return Some(share.moment(index));
            }
            index -= share.left;
        }
        None
    }

    /// Uses up the first turn. `false` if there is none.
    pub(super) fn take(&mut self) -> bool {
        let Some(first) = self.0.front_mut() else {
            return false;
        };
        first.skip(1);
        if first.left == 0 {
            self.0.pop_front();
        }
        true
    }

    /// Drops the turns whose time is over.
    pub(super) fn forget_lost(&mut self, now: Instant) {
        while let Some(first) = self.0.front_mut() {
            let Some(late) = now.checked_duration_since(first.lost_at) else {
                return;
            };
            let lost = late.as_nanos() / first.interval.as_nanos().max(1) + 1;
            first.skip(usize::try_from(lost).unwrap_or(usize::MAX).min(first.left));
            if first.left > 0 {
                return;
            }
            self.0.pop_front();
        }
    }
}

/// Turns at even intervals, which this node has by itself.
#[derive(Debug)]
pub(super) struct Evenly {
    interval: Duration,
    next: Option<Instant>,
}

impl Evenly {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: None,
        }
    }

    /// Has no turn before this moment.
    pub(super) fn start_at(&mut self, moment: Instant) {
        self.next = self.next.max(Some(moment));
    }

    /// The moment of a turn, counted from 0. A pause has earned those of `behind`.
    pub(super) fn nth(&self, index: usize, (now, behind): (Instant, Duration)) -> Instant {
        let earliest = now.checked_sub(behind).unwrap_or(now);
        self.next.unwrap_or(now).max(earliest) + times(self.interval, index)
    }

    pub(super) fn take(&mut self, from: (Instant, Duration)) {
        self.next = Some(self.nth(1, from));
    }
}

fn times(interval: Duration, count: usize) -> Duration {
    interval.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How many turns were used in the last whole window.
#[derive(Debug)]
pub(super) struct Used {
    window: Duration,
    since: Instant,
    count: usize,
    before: usize,
}

impl Used {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            window,
            since: now,
            count: 0,
            before: 0,
        }
    }

    pub(super) fn note(&mut self, now: Instant) {
        self.move_on(now);
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn lately(&mut self, now: Instant) -> usize {
        self.move_on(now);
        self.before
    }

    fn move_on(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed >= 2 * self.window {
            (self.since, self.before, self.count) = (now, 0, 0);
        } else if passed >= self.window {
            self.since += self.window;
            (self.before, self.count) = (self.count, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn share(start: Instant, from_ms: u32, left: usize) -> Share {
        Share {
            next: start + from_ms * MS,
            lost_at: start + from_ms * MS + 250 * MS,
            interval: 50 * MS,
            left,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn shares_are_one_row_of_turns() {
        let start = Instant::now();
        let mut shares = Shares::default();
        assert_eq!((shares.nth(0), shares.last()), (None, None));
        assert!(!shares.take());
        shares.add(share(start, 0, 2));
        // Known less exactly, it seems to come before the last one.
        shares.add(share(start, 45, 2));
        let at = |ms: u32| Some(start + ms * MS);
        let moments: Vec<_> = (0..5).map(|index| shares.nth(index)).collect();
        assert_eq!(moments, [at(0), at(50), at(50), at(100), None]);
        assert!(shares.take() && shares.take() && shares.take());
        assert_eq!((shares.nth(0), shares.left()), (at(100), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_lost_one_by_one() {
        let start = Instant::now();
        let mut shares = Shares::default();
        shares.add(share(start, 0, 3));
        shares.add(share(start, 150, 1));
        let mut left_at = |ms: u32| {
            shares.forget_lost(start + ms * MS);
            shares.left()
        };
        let left = [249, 250, 299, 300, 399, 400].map(&mut left_at);
        assert_eq!(left, [4, 3, 3, 2, 1, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_whole_window_counts() {
        let start = Instant::now();
        let mut used = Used::new(250 * MS, start);
        for ms in [0, 100, 200] {
            used.note(start + ms * MS);
            assert_eq!(used.lately(start + ms * MS), 0);
        }
        assert_eq!(used.lately(start + 250 * MS), 3);
        assert_eq!(used.lately(start + 499 * MS), 3);
        assert_eq!(used.lately(start + 500 * MS), 0);
    }
}
