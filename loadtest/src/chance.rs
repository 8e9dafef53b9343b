//! Chance with a seed: the same seed draws the same run. Not for secrets.

use std::f64::consts::TAU;

/// `SplitMix64`: small, fast, and even enough for arrivals and delays.
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// A stream of its own for a part of the run, so that parts do not disturb each other.
    pub(crate) fn stream(seed: u64, part: u64) -> Self {
        let mut chance = Self(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.next();
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but never, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn happens(&mut self, ratio: f64) -> bool {
        ratio > 0.0 && self.unit() < ratio
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Normal with mean 0 and deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (TAU * self.unit()).cos()
    }

    /// One of `weights`, by its part of their sum; 0 if they sum to nothing.
    pub(crate) fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_has_the_mean_it_should_have() {
        let mut chance = Chance::stream(7, 0);
        let mean = |draw: &mut dyn FnMut() -> f64| (0..100_000).map(|_| draw()).sum::<f64>() / 1e5;
        assert!((mean(&mut || chance.unit()) - 0.5).abs() < 0.01);
        let mut chance = Chance::stream(8, 0);
        assert!((mean(&mut || chance.exponential()) - 1.0).abs() < 0.02);
        let mut chance = Chance::stream(9, 0);
        assert!(mean(&mut || chance.normal()).abs() < 0.02);
        let mut chance = Chance::stream(10, 0);
        assert!((mean(&mut || chance.pick(&[1.0, 3.0]) as f64) - 0.75).abs() < 0.01);
    }

    #[test]
    fn what_has_no_chance_never_happens_and_what_is_certain_always_does() {
        let mut chance = Chance::stream(1, 0);
        assert!((0..1000).all(|_| !chance.happens(0.0)));
        assert!((0..1000).all(|_| chance.happens(1.0)));
    }
}
