//! From a channel and a number to the hops that may carry the message, in order.

use std::sync::Arc;

use watchword_providers::Channel;

use crate::config::RegionSet;

/// Which provider: its id in the configuration.
pub type ProviderId = Arc<str>;

/// How the hops of a route are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As configured.
    Ordered,
}

impl Strategy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
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
        was_tried: impl Fn(&str) -> bool,
        is_ejected: impl Fn(&str) -> bool,
    ) -> Vec<ProviderId> {
        let (tried, fresh): (Vec<&ProviderId>, Vec<&ProviderId>) =
            self.hops.iter().partition(|hop| was_tried(hop));
        let ordered: Vec<&ProviderId> = fresh.into_iter().chain(tried).collect();
        let usable: Vec<ProviderId> = ordered
            .iter()
            .filter(|hop| !is_ejected(hop))
            .map(|hop| Arc::clone(hop))
            .collect();
        if usable.is_empty() {
            ordered
                .first()
                .map(|hop| Arc::clone(hop))
                .into_iter()
                .collect()
        } else {
            usable
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
        assert_eq!(names(&route.hops(none, none)), ["a", "b", "c"]);
        assert_eq!(names(&route.hops(|hop| hop == "a", none)), ["b", "c", "a"]);
        assert_eq!(names(&route.hops(none, |hop| hop == "b")), ["a", "c"]);
        assert_eq!(
            names(&route.hops(|hop| hop == "a", |hop| hop != "a")),
            ["a"]
        );
    }

    #[test]
    fn the_last_provider_of_a_route_is_never_ejected() {
        let route = route(&["a", "b"]);
        assert_eq!(names(&route.hops(|_| false, |_| true)), ["a"]);
        assert_eq!(names(&route.hops(|hop| hop == "a", |_| true)), ["b"]);
    }
}
