//! Shares of a weighted route: whose turn it is.
//!
//! Each send takes the next point of a sequence that covers the span of all
//! shares evenly: the golden ratio's multiples, of which any run leaves gaps of
//! three lengths at most. So the sends of a node differ from its shares by a
//! handful, which grows with the logarithm of their number, where independent
//! draws would differ by its square root. A point is taken with one atomic addition, and
//! nothing is remembered but where the sequence stands: a node that begins anew
//! begins anywhere in it, so restarts favour nobody, and the nodes of a fleet,
//! each even by itself, are even together. A hop that is ejected leaves its part
//! of the span to the others by their shares, and is not caught up with later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whether the order of hops takes a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// A message goes out this way.
    Take,
    /// Whoever asks wants to know who would be next.
    Show,
    /// The first hop is settled otherwise: the rest stand by their shares.
    Leave,
}

/// The shares of a route's hops, in the order of its hops. Clones take their
/// turns together.
#[derive(Clone, Debug)]
pub struct Weights {
    shares: Vec<u32>,
    next: Arc<AtomicU64>,
}

impl Weights {
    /// `start` is anywhere in the sequence; by one start the turns are the same.
    pub fn new(shares: Vec<u32>, start: u64) -> Self {
        Self {
            shares,
            next: Arc::new(AtomicU64::new(start)),
        }
    }

    /// The share of the hop at this place; 0 if there is none.
    pub fn share(&self, place: usize) -> u32 {
        self.shares.get(place).copied().unwrap_or(0)
    }

    /// Orders places of hops: whose turn it is, then the others by their shares.
    pub(super) fn order(&self, places: &mut [usize], draw: Draw) {
        let drawn = match draw {
            Draw::Take => self.at(places, self.next.fetch_add(STEP, Ordering::Relaxed)),
            Draw::Show => self.at(places, self.next.load(Ordering::Relaxed)),
            Draw::Leave => None,
        };
        places.sort_by_key(|place| (Some(*place) != drawn, u32::MAX - self.share(*place)));
    }

    /// Whose part of the span a point lies in.
    fn at(&self, places: &[usize], point: u64) -> Option<usize> {
        let total: u64 = places
            .iter()
            .map(|place| u64::from(self.share(*place)))
            .sum();
        let scaled = (u128::from(point) * u128::from(total)) >> 64;
        let mut left = u64::try_from(scaled).unwrap_or(u64::MAX);
        places.iter().copied().find(|place| {
            let share = u64::from(self.share(*place));
            let is_here = left < share;
            left = left.saturating_sub(share);
            is_here
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// No count is ever further than this from its share of the sends so far.
    const APART_MAX: f64 = 6.0;

    fn drawn(weights: &Weights, places: &[usize]) -> usize {
        let mut places = places.to_vec();
        weights.order(&mut places, Draw::Take);
        places[0]
    }

    /// The furthest that any count was from its share, at any moment.
    fn furthest(weights: &Weights, places: &[usize], sends: u32) -> f64 {
        let total: f64 = places
            .iter()
            .map(|place| f64::from(weights.share(*place)))
            .sum();
        let mut counts = [0.0; 16];
        let mut furthest = 0.0_f64;
        for send in 1..=sends {
            counts[drawn(weights, places)] += 1.0;
            for place in places {
                let due = f64::from(send) * f64::from(weights.share(*place)) / total;
                furthest = furthest.max((counts[*place] - due).abs());
            }
        }
        furthest
    }

    #[test]
    fn of_a_hundred_thousand_sends_each_hop_gets_its_share_to_within_six() {
        for (shares, start) in [
            (vec![70, 30], 0),
            (vec![1, 1, 1], 1 << 63),
            (vec![1, 999], 12_345),
            (vec![50, 25, 12, 8, 5], u64::MAX),
        ] {
            let places: Vec<usize> = (0..shares.len()).collect();
            let weights = Weights::new(shares.clone(), start);
            let apart = furthest(&weights, &places, 100_000);
            assert!(apart < APART_MAX, "{shares:?} are {apart} apart");
        }
    }

    #[test]
    fn a_fleet_that_restarts_is_as_even_as_its_nodes() {
        let mut counts = [0_u32; 2];
        for lifetime in 0..1_000_u64 {
            // Any start will do; a node begins somewhere each time.
            let start = lifetime.wrapping_mul(0x2545_f491_4f6c_dd1d);
            let weights = Weights::new(vec![70, 30], start);
            for _ in 0..7 {
                counts[drawn(&weights, &[0, 1])] += 1;
            }
        }
        let apart = f64::from(counts[0]) - 4_900.0;
        assert!(apart.abs() < 70.0, "{counts:?} of 7,000");
    }

    #[test]
    fn by_one_start_the_turns_are_the_same() {
        let turns = |start| -> Vec<usize> {
            let weights = Weights::new(vec![2, 1], start);
            (0..9).map(|_| drawn(&weights, &[0, 1])).collect()
        };
        assert_eq!(turns(0), [0, 0, 0, 1, 0, 0, 1, 0, 1]);
        assert_eq!(turns(7), turns(7));
        assert_ne!(turns(0), turns(1 << 63));
    }

    #[test]
    fn who_only_looks_takes_no_turn_and_the_rest_stand_by_their_shares() {
        let weights = Weights::new(vec![1, 5, 3], 0);
        let order = |draw| {
            let mut places = vec![0, 1, 2];
            weights.order(&mut places, draw);
            places
        };
        assert_eq!(order(Draw::Leave), [1, 2, 0]);
        assert_eq!(order(Draw::Show), [0, 1, 2]);
        assert_eq!(order(Draw::Show), [0, 1, 2]);
        assert_eq!(order(Draw::Take), [0, 1, 2]);
        assert_ne!(order(Draw::Take), [0, 1, 2]);
        let mut none = Vec::new();
        weights.order(&mut none, Draw::Take);
        assert!(none.is_empty());
    }

    proptest! {
        #[test]
        fn any_shares_are_kept_also_by_the_hops_that_are_left(
            shares in proptest::collection::vec(1_u32..=1_000, 1..=6),
            start: u64,
            left_out in 0_usize..6,
        ) {
            let all: Vec<usize> = (0..shares.len()).collect();
            let weights = Weights::new(shares, start);
            prop_assert!(furthest(&weights, &all, 2_000) < APART_MAX);
            let left: Vec<usize> = all.into_iter().filter(|place| *place != left_out).collect();
            if !left.is_empty() {
                prop_assert!(furthest(&weights, &left, 2_000) < APART_MAX);
            }
        }
    }
}
