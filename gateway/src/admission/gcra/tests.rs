//! The rate, compared with a well-kept library and with its own promise.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use proptest::prelude::*;

use super::*;

/// A clock the oracle reads.
#[derive(Clone, Debug, Default)]
struct Oracle(Arc<AtomicU64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl Clock for Oracle {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Duration::from_millis(self.0.saturating_sub(earlier.0)).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        let duration: Duration = duration.into();
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_millis()).unwrap()),
        )
    }
}

impl std::ops::Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        let duration: Duration = duration.into();
        Self(self.0 + u64::try_from(duration.as_millis()).unwrap())
    }
}

proptest! {
    #[test]
    fn it_decides_as_the_library_does(
        count in 1_u32..10,
        interval_ms in 1_u64..5_000,
        steps in prop::collection::vec(0_u64..8_000, 1..80),
    ) {
        let clock = Oracle::default();
        let quota = Quota::with_period(Duration::from_millis(interval_ms)).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(count).unwrap());
        let library = RateLimiter::direct_with_clock(quota, clock.clone());
        let rule = GcraRule { count, per_ms: interval_ms * u64::from(count) };
        let mut states = Vec::new();
        let mut now_ms = 1_000_000;
        clock.0.store(now_ms, Ordering::SeqCst);
        for step_ms in steps {
            now_ms += step_ms;
            clock.0.store(now_ms, Ordering::SeqCst);
            let ours = Gcra::take_all(&mut states, &[rule], now_ms);
            prop_assert_eq!(ours.is_ok(), library.check().is_ok());
        }
    }

    #[test]
    fn a_refusal_says_exactly_when_it_ends(
        count in 1_u32..10,
        per_ms in 1_u64..100_000,
        now_ms in 0_u64..1_000_000,
    ) {
        let rules = [GcraRule { count, per_ms }];
        let mut states = Vec::new();
        for _ in 0..count {
            prop_assert_eq!(Gcra::take_all(&mut states, &rules, now_ms), Ok(()));
        }
        prop_assert_eq!(states[0].left(rules[0], now_ms), 0);
        let denied = Gcra::take_all(&mut states, &rules, now_ms).unwrap_err();
        let before_ms = denied.available_at_ms - 1;
        prop_assert!(Gcra::take_all(&mut states.clone(), &rules, before_ms).is_err());
        prop_assert_eq!(Gcra::take_all(&mut states, &rules, denied.available_at_ms), Ok(()));
    }
}

#[test]
fn the_rule_that_opens_last_refuses_and_nothing_is_taken() {
    let short = GcraRule {
        count: 1,
        per_ms: 30_000,
    };
    let long = GcraRule {
        count: 1,
        per_ms: 600_000,
    };
    let mut states = Vec::new();
    Gcra::take_all(&mut states, &[short, long], 0).unwrap();
    let before = states.clone();
    let denied = Gcra::take_all(&mut states, &[short, long], 1_000).unwrap_err();
    assert_eq!((denied.rule, denied.available_at_ms), (1, 600_000));
    assert_eq!(states, before);
}

#[test]
fn what_is_given_back_can_be_taken() {
    let rules = [GcraRule {
        count: 2,
        per_ms: 60_000,
    }];
    let mut states = Vec::new();
    Gcra::take_all(&mut states, &rules, 0).unwrap();
    Gcra::take_all(&mut states, &rules, 0).unwrap();
    Gcra::give_back(&mut states, &rules);
    assert_eq!(states[0].left(rules[0], 0), 1);
    Gcra::take_all(&mut states, &rules, 0).unwrap();
    assert!(Gcra::take_all(&mut states, &rules, 0).is_err());
}

#[test]
fn a_rule_of_zero_lets_nothing_through() {
    let rule = GcraRule {
        count: 0,
        per_ms: 1_000,
    };
    assert!(Gcra::take_all(&mut Vec::new(), &[rule], 1).is_err());
}

#[test]
fn absurd_rules_do_not_panic() {
    for (count, per_ms) in [(u32::MAX, 1), (1, u64::MAX / 1_000), (1, u64::MAX)] {
        let rule = GcraRule { count, per_ms };
        let mut states = Vec::new();
        assert_eq!(Gcra::take_all(&mut states, &[rule], 1), Ok(()));
        assert_eq!(states.len(), 1);
    }
}
