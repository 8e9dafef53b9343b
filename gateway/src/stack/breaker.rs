//! The breaker of one provider and channel: a pure state machine over instants.
//!
//! Routing asks it before choosing a provider, so it is not only a layer.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerPolicy {
    /// Opens after so many failures in a row.
    pub consecutive_failures: u32,
    /// Or when more than this part of the window failed, from 0 to 1.
    pub failure_ratio: f64,
    /// With at least so many calls in the window.
    pub calls_min: u32,
    pub window: Duration,
    /// Open for this long the first time, then twice, three times ...
    pub open_for: Duration,
    pub open_max: Duration,
}

impl Default for BreakerPolicy {
    /// The figures are Envoy's outlier detection, shortened to what a person waits.
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_ratio: 0.5,
            calls_min: 20,
            window: Duration::from_secs(10),
            open_for: Duration::from_secs(30),
            open_max: Duration::from_secs(300),
        }
    }
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    Closed,
    Open,
    /// One call at a time finds out whether the provider is back.
    HalfOpen,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a call says about its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Works,
    Fails,
    /// Its credentials are refused: every further call would fail too.
    Hopeless,
    /// Says nothing about it: a refused number, for instance.
    Neutral,
}

/// The state of one breaker.
#[derive(Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    failures_in_a_row: u32,
    /// Calls of the window and whether they failed; at most [`CALLS_KEPT`].
    calls: VecDeque<(Instant, bool)>,
    open_until: Option<Instant>,
    times_opened: u32,
    probe_since: Option<Instant>,
    /// Raised when it opens: what was called before says nothing about after.
    generation: Generation,
}

/// Which life of a breaker a call belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation(u64);

const CALLS_KEPT: usize = 1000;
/// A probe that never reports back frees its place after so long.
const PROBE_MAX: Duration = Duration::from_secs(60);

impl Breaker {
    pub fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            failures_in_a_row: 0,
            calls: VecDeque::new(),
            open_until: None,
            times_opened: 0,
            probe_since: None,
            generation: Generation::default(),
        }
    }

    pub fn state(&self, now: Instant) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Whether routing should leave the provider out.
    pub fn is_ejected(&self, now: Instant) -> bool {
        match self.state(now) {
            BreakerState::Closed => false,
            BreakerState::Open => true,
            BreakerState::HalfOpen => self.is_probing(now),
        }
    }

    fn is_probing(&self, now: Instant) -> bool {
        self.probe_since
            .is_some_and(|since| now.duration_since(since) < PROBE_MAX)
    }

    /// Notes that a call starts. It is never refused here: the last provider of
    /// a route is called whatever its breaker says.
    pub fn call_begins(&mut self, now: Instant) -> Generation {
        if self.state(now) == BreakerState::HalfOpen && !self.is_probing(now) {
            self.probe_since = Some(now);
        }
        self.generation
    }

    /// Notes how a call ended. Gives the new state if it changed.
    pub fn call_ended(
        &mut self,
        verdict: Verdict,
        begun: Generation,
        now: Instant,
    ) -> Option<BreakerState> {
        if begun != self.generation {
            // A late answer from before it opened.
            return None;
        }
        let before = self.state(now);
        match verdict {
            Verdict::Neutral => self.probe_since = None,
            Verdict::Works => {
                self.note(now, false);
                self.failures_in_a_row = 0;
                if before != BreakerState::Closed {
                    let generation = self.generation;
                    *self = Self::new(self.policy);
                    self.generation = generation;
                }
            }
            Verdict::Fails => {
                self.note(now, true);
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                let opens = before == BreakerState::HalfOpen
                    || before == BreakerState::Closed && self.is_failing();
                if opens {
                    self.open(now);
                }
            }
            Verdict::Hopeless => {
                if before != BreakerState::Open {
                    self.open(now);
                }
            }
        }
        let after = self.state(now);
        (after != before).then_some(after)
    }

    fn note(&mut self, now: Instant, failed: bool) {
        self.calls.push_back((now, failed));
        let window = self.policy.window;
        while self.calls.len() > CALLS_KEPT
            || self
                .calls
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > window)
        {
            self.calls.pop_front();
        }
    }

    fn is_failing(&self) -> bool {
        let failed = self.calls.iter().filter(|(_, failed)| *failed).count();
        let count = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let failed = u32::try_from(failed).unwrap_or(u32::MAX);
        self.failures_in_a_row >= self.policy.consecutive_failures
            || count >= self.policy.calls_min
                && f64::from(failed) > f64::from(count) * self.policy.failure_ratio
    }

    fn open(&mut self, now: Instant) {
        self.times_opened = self.times_opened.saturating_add(1);
        self.generation = Generation(self.generation.0 + 1);
        let open_for = (self.policy.open_for * self.times_opened).min(self.policy.open_max);
        self.open_until = Some(now + open_for);
        self.failures_in_a_row = 0;
        self.probe_since = None;
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that begins and ends at once.
    fn ended(breaker: &mut Breaker, verdict: Verdict, at: Instant) -> Option<BreakerState> {
        let generation = breaker.generation;
        breaker.call_ended(verdict, generation, at)
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_and_one_success_closes_it() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for _ in 0..4 {
            assert_eq!(ended(&mut breaker, Verdict::Fails, start), None);
        }
        assert_eq!(
            ended(&mut breaker, Verdict::Fails, start),
            Some(BreakerState::Open)
        );
        assert!(breaker.is_ejected(after(start, 29)));
        assert!(!breaker.is_ejected(after(start, 30)));
        assert_eq!(breaker.state(after(start, 30)), BreakerState::HalfOpen);
        breaker.call_begins(after(start, 30));
        assert!(breaker.is_ejected(after(start, 30)), "one probe at a time");
        let closed = ended(&mut breaker, Verdict::Works, after(start, 31));
        assert_eq!(closed, Some(BreakerState::Closed));
        assert!(!breaker.is_ejected(after(start, 31)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_failed_probe_keeps_it_open_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        ended(&mut breaker, Verdict::Hopeless, now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let opened = now;
            while breaker.state(now) == BreakerState::Open {
                now += Duration::from_secs(1);
            }
            waits.push((now - opened).as_secs());
            breaker.call_begins(now);
            ended(&mut breaker, Verdict::Fails, now);
        }
        assert_eq!(
            waits,
            [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_half_of_twenty_calls_failing_opens_it() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        let mut opened = None;
        for call in 0..21 {
            let verdict = if call % 2 == 0 {
                Verdict::Fails
            } else {
                Verdict::Works
            };
            opened = opened.or(ended(&mut breaker, verdict, start));
        }
        assert_eq!(opened, Some(BreakerState::Open));
    }

    #[tokio::test(start_paused = true)]
    async fn old_failures_are_forgotten_and_refused_numbers_say_nothing() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for second in 0..100 {
            ended(&mut breaker, Verdict::Fails, after(start, second * 11));
            ended(&mut breaker, Verdict::Works, after(start, second * 11));
        }
        for _ in 0..100 {
            assert_eq!(
                ended(&mut breaker, Verdict::Neutral, after(start, 2000)),
                None
            );
        }
        assert_eq!(breaker.state(after(start, 2000)), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_reports_back_frees_its_place() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        ended(&mut breaker, Verdict::Hopeless, start);
        breaker.call_begins(after(start, 30));
        assert!(breaker.is_ejected(after(start, 89)));
        assert!(!breaker.is_ejected(after(start, 90)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_from_before_it_opened_does_not_close_it() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        let slow = breaker.call_begins(start);
        for _ in 0..5 {
            ended(&mut breaker, Verdict::Fails, start);
        }
        assert_eq!(
            breaker.call_ended(Verdict::Works, slow, after(start, 1)),
            None
        );
        assert_eq!(breaker.state(after(start, 1)), BreakerState::Open);
    }
}
