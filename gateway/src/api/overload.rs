//! Refuses at once what cannot be worked on soon: the least urgent first, so
//! that a person with a code in hand gets in while new sends are turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower::ServiceExt;

use super::RequestBody;
use super::codes;
use super::endpoint::{Class, Matched};
use super::problem::Problem;
use super::stack::{Stage, shared};

/// How many requests are worked on, over all connections and listeners.
#[derive(Debug)]
pub(super) struct InFlight {
    count: AtomicUsize,
    max: usize,
}

/// A request's place; given back when dropped.
struct Place(Arc<InFlight>);

impl InFlight {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(0),
            max,
        })
    }

    /// The count at which a class gets no more places. Each class leaves some
    /// for those more urgent; small maxima still leave one to each.
    fn ceiling(&self, class: Class) -> usize {
        let percent = match class {
            Class::Check => 100,
            Class::Receipt => 90,
            Class::Send => 80,
            Class::Resend => 65,
            Class::Read => 50,
        };
        (self.max * percent / 100).max(1)
    }

    fn enter(self: &Arc<Self>, class: Class) -> Option<Place> {
        let ceiling = self.ceiling(class);
        let one_more = |count| (count < ceiling).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()
            .map(|_| Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn shed_overload<B, S>(in_flight: &Arc<InFlight>, next: S) -> impl Stage<Matched<B>>
where
    B: RequestBody,
    S: Stage<Matched<B>>,
{
    let in_flight = Arc::clone(in_flight);
    shared(move |request: Matched<B>| {
        let place = in_flight.enter(request.endpoint.class);
        let next = next.clone();
        async move {
            let Some(_place) = place else {
                return Err(Problem::new(&codes::OVERLOADED).retry_after_s(1));
            };
            next.oneshot(request).await
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_urgent_is_refused_first_and_a_place_left_is_free_again() {
        let in_flight = InFlight::new(20);
        let mut places = Vec::new();
        let mut refused_from = Vec::new();
        for class in Class::ALL.into_iter().rev() {
            while let Some(place) = in_flight.enter(class) {
                places.push(place);
            }
            refused_from.push(places.len());
        }
        assert_eq!(refused_from, [10, 13, 16, 18, 20]);
        places.pop();
        assert!(in_flight.enter(Class::Receipt).is_none());
        assert!(in_flight.enter(Class::Check).is_some());
        drop(places);
        assert!(in_flight.enter(Class::Read).is_some());
    }
}
