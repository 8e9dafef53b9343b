//! A tenant's first days: until it is known what its traffic is like, each day
//! may have twice as many submissions as the one before.

use super::limits::DAY_MS;

/// How a new tenant's submissions may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Its first day (UTC), counted from the Unix epoch.
    pub since_day: u64,
    /// Submissions on that day.
    pub first_day_max: u32,
    /// Days that are bounded, from 1.
    pub days: u32,
}

impl Ramp {
    /// Submissions on the day of `now_ms`; `None` once the ramp is over.
    pub fn max_at(&self, now_ms: u64) -> Option<u32> {
        // Who begins before the first day begins with it.
        let day = (now_ms / DAY_MS).saturating_sub(self.since_day);
        let day = u32::try_from(day).ok().filter(|day| *day < self.days)?;
        Some(self.first_day_max.saturating_mul(2_u32.saturating_pow(day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_twice_as_many_until_the_ramp_is_over() {
        let ramp = Ramp {
            since_day: 20_000,
            first_day_max: 50,
            days: 3,
        };
        let at = |day: u64| ramp.max_at(day * DAY_MS);
        let last_ms = 20_001 * DAY_MS - 1;
        assert_eq!([at(19_990), at(20_000)], [Some(50), Some(50)]);
        assert_eq!(ramp.max_at(last_ms), Some(50));
        assert_eq!([at(20_001), at(20_002)], [Some(100), Some(200)]);
        assert_eq!([at(20_003), at(40_000)], [None, None]);
    }

    #[test]
    fn a_long_ramp_from_a_great_number_does_not_wrap() {
        let ramp = Ramp {
            since_day: 0,
            first_day_max: u32::MAX,
            days: 60,
        };
        assert_eq!(ramp.max_at(59 * DAY_MS), Some(u32::MAX));
    }
}
