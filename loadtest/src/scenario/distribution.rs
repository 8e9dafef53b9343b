//! How long something takes, when it does not always take as long.

use std::time::Duration;

use serde::Deserialize;

use crate::chance::Chance;

/// Nothing in a run takes longer.
pub(crate) const LONGEST_MS: f64 = 600_000.0;

/// The 99th percentile of a normal distribution, in deviations.
const Z99: f64 = 2.326_347_9;

/// Written as `{ constant_ms = 40 }`, `{ uniform_ms = [20, 60] }`,
/// `{ lognormal_ms = { median = 40, p99 = 300 } }` or `{ exponential_ms = 50 }`,
/// where the last is a mean.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) enum Distribution {
    #[serde(rename = "constant_ms")]
    Constant(f64),
    #[serde(rename = "uniform_ms")]
    Uniform([f64; 2]),
    #[serde(rename = "lognormal_ms")]
    Lognormal(Lognormal),
    #[serde(rename = "exponential_ms")]
    Exponential(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lognormal {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

impl Distribution {
    pub(crate) fn draw(self, chance: &mut Chance) -> Duration {
        let ms = match self {
            Self::Constant(ms) => ms,
            Self::Uniform([from, to]) => from + (to - from) * chance.unit(),
            Self::Lognormal(Lognormal { median, p99 }) => {
                median * ((p99 / median).ln() / Z99 * chance.normal()).exp()
            }
            Self::Exponential(mean) => mean * chance.exponential(),
        };
        Duration::from_secs_f64(ms.clamp(0.0, LONGEST_MS) / 1_000.0)
    }

    pub(crate) fn mean_ms(self) -> f64 {
        match self {
            Self::Constant(ms) | Self::Exponential(ms) => ms,
            Self::Uniform([from, to]) => (from + to) / 2.0,
            Self::Lognormal(Lognormal { median, p99 }) => {
                let deviation = (p99 / median).ln() / Z99;
                median * (deviation * deviation / 2.0).exp()
            }
        }
    }

    /// What is wrong with its numbers.
    pub(crate) fn mistake(self) -> Option<String> {
        let is_time = |ms: f64| (0.0..=LONGEST_MS).contains(&ms);
        let is_right = match self {
            Self::Constant(ms) | Self::Exponential(ms) => is_time(ms),
            Self::Uniform([from, to]) => is_time(from) && is_time(to) && from <= to,
            Self::Lognormal(Lognormal { median, p99 }) => {
                is_time(p99) && 0.0 < median && median <= p99
            }
        };
        (!is_right).then(|| {
            format!("times go from 0 to {LONGEST_MS} ms, the smaller first (median above 0)")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_shape_that_was_asked_for() {
        let mut chance = Chance::stream(3, 0);
        let mut sorted = |distribution: Distribution| {
            let mut all: Vec<f64> = (0..20_000)
                .map(|_| distribution.draw(&mut chance).as_secs_f64() * 1_000.0)
                .collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let lognormal = sorted(Distribution::Lognormal(Lognormal {
            median: 40.0,
            p99: 300.0,
        }));
        assert!(
            (38.0..42.0).contains(&lognormal[10_000]),
            "{}",
            lognormal[10_000]
        );
        assert!(
            (260.0..340.0).contains(&lognormal[19_800]),
            "{}",
            lognormal[19_800]
        );
        let uniform = sorted(Distribution::Uniform([20.0, 60.0]));
        assert!(uniform[0] >= 20.0 && uniform[19_999] <= 60.0);
        let exponential = sorted(Distribution::Exponential(50.0));
        assert!((32.0..37.5).contains(&exponential[10_000]));
        let constant = sorted(Distribution::Constant(7.0));
        assert_eq!((constant[0], constant[19_999]), (7.0, 7.0));
    }
}
