//! From a channel and a number to the hops that may carry the message, in order.

mod counts;
mod weights;

use std::sync::Arc;

use watchword_providers::Channel;

use crate::config::RegionSet;
pub use counts::{
    AREA_LENGTH, Area, CountRoutes, HOUR_MS, HourCounts, ROWS_MAX, RouteCounts, RouteKey, RouteRows,
};
pub use weights::{Draw, Weights};

/// Which provider: its id in the configuration.
pub type ProviderId = Arc<str>;

/// How the hops of a route are ordered.
#[derive(Clone, Debug)]
pub enum Strategy {
    /// As configured.
    Ordered,
    /// Each hop goes first in its share of the sends.
    Weighted(Weights),
}

impl Strategy {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Weighted(_) => "weighted",
        }
    }
}

/// A route: what it matches, and its hops. An empty list matches everything.
#[derive(Clone, Debug)]
pub struct Route {
    pub channel: Channel,
    pub tenants: Vec<Arc<str>>,
    pub countries: Option<RegionSet>,
    /// E.164 prefixes such as `+1415`.
    pub prefixes: Vec<Box<str>>,
    pub purposes: Vec<Box<str>>,
    pub strategy: Strategy,
    pub hops: Vec<ProviderId>,
}

/// What a route is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    pub tenant: &'a str,
    pub channel: Channel,
    pub region: &'a str,
    pub e164: &'a str,
    pub purpose: &'a str,
    /// A call there dials an extension.
    pub has_extension: bool,
}

/// All routes, in the order of the configuration: the first that matches is taken.
#[derive(Clone, Debug, Default)]
pub struct RoutingTable {
    pub routes: Vec<Route>,
}

impl RoutingTable {
    pub fn route(&self, to: Destination<'_>) -> Option<&Route> {
        self.routes.iter().find(|route| route.matches(to))
    }
}

impl Route {
    fn matches(&self, to: Destination<'_>) -> bool {
        let any_or = |list_is_empty: bool, matches: bool| list_is_empty || matches;
        self.channel == to.channel
            && any_or(
                self.tenants.is_empty(),
                self.tenants.iter().any(|name| **name == *to.tenant),
            )
            && any_or(
                self.countries.is_none() && self.prefixes.is_empty(),
                self.countries
                    .as_ref()
                    .is_some_and(|named| named.contains(to.region))
                    || self
                        .prefixes
                        .iter()
                        .any(|prefix| to.e164.starts_with(&**prefix)),
            )
            && any_or(
                self.purposes.is_empty(),
                self.purposes.iter().any(|p| **p == *to.purpose),
            )
    }

    /// The hops to try now: those already tried come last, ejected ones not at
    /// all, unless nothing else is left; then the first of them stays.
    pub fn hops(
        &self,
        draw: Draw,
        was_tried: impl Fn(&str) -> bool,
        is_ejected: impl Fn(&str) -> bool,
    ) -> Vec<ProviderId> {
        let places = |keep: &dyn Fn(&ProviderId) -> bool| -> Vec<usize> {
            let hops = self.hops.iter().enumerate();
            hops.filter(|(_, hop)| keep(hop))
                .map(|(place, _)| place)
                .collect()
        };
        let mut fresh = places(&|hop| !was_tried(hop) && !is_ejected(hop));
        let mut tried = places(&|hop| was_tried(hop) && !is_ejected(hop));
        if fresh.is_empty() && tried.is_empty() {
            // Never ejected: the last provider of a route.
            fresh = places(&|hop| !was_tried(hop));
            tried = places(&|hop| was_tried(hop));
            self.order(&mut fresh, Draw::Leave);
            self.order(&mut tried, Draw::Leave);
            fresh.append(&mut tried);
            fresh.truncate(1);
        } else if fresh.is_empty() {
            self.order(&mut tried, draw);
        } else {
            self.order(&mut fresh, draw);
            self.order(&mut tried, Draw::Leave);
        }
        let ordered = fresh.into_iter().chain(tried);
        ordered
            .filter_map(|place| self.hops.get(place).map(Arc::clone))
            .collect()
    }

    fn order(&self, places: &mut [usize], draw: Draw) {
        match &self.strategy {
            Strategy::Ordered => {}
            Strategy::Weighted(weights) => weights.order(places, draw),
        }
    }

    /// The share of a hop, where the route has shares.
    pub fn share(&self, provider: &str) -> Option<u32> {
        match &self.strategy {
            Strategy::Ordered => None,
            Strategy::Weighted(weights) => {
                let place = self.hops.iter().position(|hop| **hop == *provider)?;
                Some(weights.share(place))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(hops: &[&str]) -> Route {
        Route {
            channel: Channel::Sms,
            tenants: vec![],
            countries: None,
            prefixes: vec![],
            purposes: vec![],
            strategy: Strategy::Ordered,
            hops: hops.iter().map(|hop| Arc::from(*hop)).collect(),
        }
    }

    fn names(hops: &[ProviderId]) -> Vec<&str> {
        hops.iter().map(|hop| &**hop).collect()
    }

    const TO: Destination<'_> = Destination {
        tenant: "acme",
        channel: Channel::Sms,
        region: "US",
        e164: "+14155550123",
        purpose: "sign_in",
        has_extension: false,
    };

    #[test]
    fn the_first_route_that_matches_is_taken() {
        let german = Route {
            countries: Some(RegionSet::of(["DE"])),
            ..route(&["de"])
        };
        let californian = Route {
            prefixes: vec!["+1415".into()],
            ..route(&["ca"])
        };
        let payments = Route {
            purposes: vec!["payment".into()],
            ..route(&["pay"])
        };
        let others = Route {
            tenants: vec!["other".into()],
            ..route(&["other"])
        };
        let voice = Route {
            channel: Channel::Voice,
            ..route(&["voice"])
        };
        let table = RoutingTable {
            routes: vec![
                german,
                payments,
                others,
                voice,
                californian,
                route(&["rest"]),
            ],
        };
        let chosen = |to| names(&table.route(to).unwrap().hops).join(" ");
        assert_eq!(chosen(TO), "ca");
        assert_eq!(
            chosen(Destination {
                purpose: "payment",
                ..TO
            }),
            "pay"
        );
        assert_eq!(
            chosen(Destination {
                region: "DE",
                e164: "+4915112345678",
                ..TO
            }),
            "de"
        );
        assert_eq!(
            chosen(Destination {
                tenant: "other",
                ..TO
            }),
            "other"
        );
        assert_eq!(
            chosen(Destination {
                channel: Channel::Voice,
                ..TO
            }),
            "voice"
        );
        assert_eq!(
            chosen(Destination {
                e164: "+12125550123",
                ..TO
            }),
            "rest"
        );
        assert!(RoutingTable::default().route(TO).is_none());
    }

    #[test]
    fn tried_hops_come_last_and_ejected_ones_not_at_all() {
        let route = route(&["a", "b", "c"]);
        let none = |_: &str| false;
        assert_eq!(names(&route.hops(Draw::Take, none, none)), ["a", "b", "c"]);
        assert_eq!(
            names(&route.hops(Draw::Take, |hop| hop == "a", none)),
            ["b", "c", "a"]
        );
        assert_eq!(
            names(&route.hops(Draw::Take, none, |hop| hop == "b")),
            ["a", "c"]
        );
        assert_eq!(
            names(&route.hops(Draw::Take, |hop| hop == "a", |hop| hop != "a")),
            ["a"]
        );
    }

    #[test]
    fn the_last_provider_of_a_route_is_never_ejected() {
        let route = route(&["a", "b"]);
        assert_eq!(names(&route.hops(Draw::Take, |_| false, |_| true)), ["a"]);
        assert_eq!(
            names(&route.hops(Draw::Take, |hop| hop == "a", |_| true)),
            ["b"]
        );
    }

    #[test]
    fn a_weighted_route_draws_among_what_is_left() {
        let route = Route {
            strategy: Strategy::Weighted(Weights::new(vec![1, 6, 3], 0)),
            ..route(&["a", "b", "c"])
        };
        let none = |_: &str| false;
        let first = |was_tried: &dyn Fn(&str) -> bool, is_ejected: &dyn Fn(&str) -> bool| {
            let mut counts = std::collections::BTreeMap::new();
            for _ in 0..1_000 {
                let hops = route.hops(Draw::Take, was_tried, is_ejected);
                *counts.entry(hops[0].to_string()).or_insert(0_i32) += 1;
            }
            counts
        };
        let about = |count: Option<&i32>, due: i32| count.is_some_and(|n| (n - due).abs() < 6);
        let all = first(&none, &none);
        assert!(
            about(all.get("a"), 100) && about(all.get("b"), 600),
            "{all:?}"
        );
        // Without `b` the others have its share, one to three.
        let without = first(&none, &|hop| hop == "b");
        assert!(
            about(without.get("a"), 250) && about(without.get("c"), 750),
            "{without:?}"
        );
        let resend = first(&|hop| hop == "b", &none);
        assert_eq!(resend, without);
        let hops = route.hops(Draw::Take, |hop| hop != "a", none);
        assert_eq!(names(&hops), ["a", "b", "c"], "tried ones by their shares");
        assert_eq!(names(&route.hops(Draw::Leave, none, none)), ["b", "c", "a"]);
        assert_eq!(names(&route.hops(Draw::Take, none, |_| true)), ["b"]);
        assert_eq!((route.share("b"), route.share("x")), (Some(6), None));
    }
}
