//! A test that checks the tester: against a gateway whose every step is known,
//! the report must say exactly what the script did.

mod fake_gateway;
mod real_gateway;
mod tls_proxy;

use std::net::TcpListener;

use self::fake_gateway::{FakeGateway, Temper};
use self::tls_proxy::TlsProxy;
use super::*;
use crate::results::{Stage, total};

const SENDS: u64 = 60;

/// What a story changes.
struct Story {
    temper: Temper,
    protocol: Protocol,
    /// Of provider `a`.
    behaviour: &'static str,
    providers: &'static [&'static str],
    rate: f64,
    crowd: &'static str,
    tenant: &'static str,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            temper: Temper::Honest,
            protocol: Protocol::Http1,
            behaviour: "{}",
            providers: &["a"],
            rate: 100.0,
            crowd: "",
            tenant: "connections = 8",
        }
    }
}

impl Story {
    fn scenario(&self) -> Scenario {
        let for_s = SENDS as f64 / self.rate;
        let providers: String = self
            .providers
            .iter()
            .map(|id| match *id {
                "a" => format!(
                    "[[providers]]\nid = \"a\"\nbehaviour = {}\n",
                    self.behaviour
                ),
                id => format!("[[providers]]\nid = \"{id}\"\n"),
            })
            .collect();
        Scenario::parse(&format!(
            r#"
name = "story"
shows = ""
expect = ""
settle_s = 20
[tenant]
{}
[[crowds]]
name = "people"
arrivals = {{ process = "constant", phases = [{{ for_s = {for_s}, rate = {} }}] }}
typing = {{ constant_ms = 10 }}
{}
{providers}"#,
            self.tenant, self.rate, self.crowd
        ))
        .unwrap()
    }

    fn tell(&self) -> (anyhow::Result<Results>, u64) {
        self.tell_through(|gateway| (format!("http://{gateway}"), Trust::public()))
    }

    /// `way` says where the gateway at this address is reached, and whom to trust there.
    fn tell_through(
        &self,
        way: impl FnOnce(SocketAddr) -> (String, Trust),
    ) -> (anyhow::Result<Results>, u64) {
        let carrier = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let gateway = FakeGateway::start(self.temper, carrier, self.providers);
        let (url, trust) = way(gateway.address);
        let order = Order {
            scenario: self.scenario(),
            whom: Whom::Targets(Box::new(Targets {
                urls: vec![url],
                reach: Reach::LoopbackOnly,
                api_key: "key".to_owned(),
                secret: None,
                carrier,
                trust,
            })),
            rules: vec!["lost=0".parse().unwrap()],
            protocol: self.protocol,
            workers: 1,
            seed: Some(7),
            command: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let results = runtime.block_on(run(order));
        let submitted = results.is_ok().then(|| gateway.submitted());
        (results, submitted.unwrap_or(0))
    }

    fn results(&self) -> Results {
        let (results, _) = self.tell();
        results.unwrap()
    }
}

/// Every arrival has exactly one end.
fn is_complete(results: &Results) -> bool {
    let counts = &results.counts;
    counts.due == counts.accepted + total(&counts.refused) + total(&counts.errors)
}

#[test]
fn a_run_without_faults_counts_every_code_once() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let story = Story {
            protocol,
            ..Story::default()
        };
        let (results, submitted) = story.tell();
        let results = results.unwrap();
        let counts = &results.counts;
        assert!(is_complete(&results));
        assert_eq!(
            (counts.due, counts.accepted, submitted),
            (SENDS, SENDS, SENDS)
        );
        assert_eq!(
            (counts.in_hand, counts.duplicates, counts.lost),
            (SENDS, 0, 0)
        );
        assert_eq!((counts.checks, counts.approved), (SENDS, SENDS));
        assert!(counts.scripted.is_empty() && counts.errors.is_empty());
        for stage in [Stage::Accept, Stage::Submit, Stage::Deliver, Stage::InHand] {
            assert_eq!(results.stage(stage).count(), SENDS, "{stage:?}");
        }
        // Starts and checks leave through the same door.
        assert_eq!(results.lateness.count(), 2 * SENDS);
        assert_eq!(results.targets[0].version, "fake");
        assert!(results.slos[0].holds);
    }
}

#[test]
fn over_tls_the_run_is_the_same_and_sessions_are_resumed() {
    let story = Story::default();
    let mut proxy = None;
    let (results, submitted) = story.tell_through(|gateway| {
        let proxy = proxy.insert(TlsProxy::before(gateway));
        (proxy.url.clone(), Trust::read(&proxy.authority()).unwrap())
    });
    let counts = results.unwrap().counts;
    let proxy = proxy.unwrap();
    assert_eq!((counts.in_hand, counts.approved), (SENDS, SENDS));
    assert_eq!(
        (submitted, counts.lost, total(&counts.errors)),
        (SENDS, 0, 0)
    );
    // The one that asks for the release, the canary's, and eight for the load.
    assert!(proxy.http1() >= 10, "{}", proxy.http1());
    assert!(proxy.resumed() >= 1);
}

#[test]
fn a_gateway_with_a_strange_certificate_is_not_loaded() {
    let mut proxy = None;
    let (results, _) = Story::default().tell_through(|gateway| {
        let proxy = proxy.insert(TlsProxy::before(gateway));
        (proxy.url.clone(), Trust::public())
    });
    let text = format!("{:#}", results.err().unwrap());
    assert!(text.contains("does not answer"), "{text}");
    assert!(text.contains("certificate"), "{text}");
}

#[test]
fn what_the_carrier_loses_is_missing_exactly() {
    let results = Story {
        behaviour: "{ lost_ratio = 1.0 }",
        ..Story::default()
    }
    .results();
    let counts = &results.counts;
    assert_eq!(counts.scripted["lost"], SENDS);
    assert_eq!((counts.in_hand, counts.approved), (0, 0));
    // The carrier lost them, not the gateway.
    assert_eq!((counts.submissions, counts.lost), (SENDS, 0));
}

#[test]
fn what_the_carrier_doubles_comes_twice_exactly() {
    let results = Story {
        behaviour: "{ doubled_ratio = 1.0 }",
        ..Story::default()
    }
    .results();
    let counts = &results.counts;
    assert_eq!(counts.scripted["doubled"], SENDS);
    assert_eq!((counts.in_hand, counts.duplicates), (SENDS, SENDS));
    assert_eq!(counts.approved, SENDS);
}

#[test]
fn what_the_carrier_delays_shows_in_the_stage_it_belongs_to() {
    let results = Story {
        behaviour: "{ delayed_ratio = 1.0, delay = { constant_ms = 400 } }",
        ..Story::default()
    }
    .results();
    assert_eq!(results.counts.scripted["delayed"], SENDS);
    assert_eq!(results.counts.in_hand, SENDS);
    let deliver = results.stage(Stage::Deliver);
    assert!(
        deliver.percentile_us(0.1) >= 399_000,
        "{}",
        deliver.percentile_us(0.1)
    );
    assert!(results.stage(Stage::InHand).percentile_us(0.1) >= 399_000);
    assert!(results.stage(Stage::Accept).percentile_us(50.0) < 300_000);
}

#[test]
fn a_mixture_adds_up_to_the_last_message() {
    let (results, submitted) = Story {
        behaviour: "{ lost_ratio = 0.2, doubled_ratio = 0.2, delayed_ratio = 0.2, \
                    delay = { constant_ms = 300 }, broken_ratio = 0.1 }",
        ..Story::default()
    }
    .tell();
    let results = results.unwrap();
    let counts = &results.counts;
    let scripted = |kind: &str| counts.scripted.get(kind).copied().unwrap_or(0);
    assert_eq!(counts.in_hand, SENDS - scripted("lost"));
    assert_eq!(counts.duplicates, scripted("doubled"));
    assert_eq!(counts.submissions, SENDS);
    assert_eq!(submitted, SENDS - scripted("broken"));
    assert_eq!(
        counts.by_provider.get("a"),
        Some(&(SENDS - scripted("broken")))
    );
    assert!(
        ["lost", "doubled", "delayed", "broken"]
            .iter()
            .all(|kind| scripted(kind) > 0)
    );
}

#[test]
fn a_provider_that_refuses_makes_each_send_fail_over_once() {
    let results = Story {
        behaviour: "{ unavailable_ratio = 1.0 }",
        providers: &["a", "b"],
        ..Story::default()
    }
    .results();
    let counts = &results.counts;
    assert_eq!(counts.scripted["unavailable"], SENDS);
    assert_eq!(
        (counts.failovers, counts.in_hand, counts.duplicates),
        (SENDS, SENDS, 0)
    );
    assert_eq!(counts.by_provider["b"], SENDS);
    assert_eq!(counts.submissions, 2 * SENDS);
}

#[test]
fn what_a_gateway_forgets_is_lost_whatever_it_says() {
    let results = Story {
        temper: Temper::Forgets(5),
        ..Story::default()
    }
    .results();
    let counts = &results.counts;
    assert_eq!((counts.accepted, counts.lost), (SENDS, SENDS / 5));
    assert_eq!(counts.in_hand, SENDS - SENDS / 5);
    assert!(!results.slos[0].holds);
}

#[test]
fn what_a_gateway_gives_up_is_ended_and_not_lost() {
    let results = Story {
        temper: Temper::GivesUp(6),
        ..Story::default()
    }
    .results();
    assert_eq!(results.counts.ended["failed"], SENDS / 6);
    assert_eq!(results.counts.lost, 0);
}

#[test]
fn people_who_mistype_are_refused_once_each() {
    let results = Story {
        crowd: "wrong_code_ratio = 1.0",
        ..Story::default()
    }
    .results();
    let counts = &results.counts;
    assert_eq!((counts.checks, counts.approved), (2 * SENDS, SENDS));
    assert_eq!(counts.checks_refused["422 code_mismatch"], SENDS);
}

/// A tester that waited for answers before it asked again would see one slow
/// request for each connection, and call 9 of 10 fast.
#[test]
fn a_gateway_that_stands_still_is_seen_by_everybody_who_came_meanwhile() {
    let results = Story {
        temper: Temper::Stalls(10),
        rate: 50.0,
        tenant: "connections = 2",
        crowd: "never_typed_ratio = 1.0",
        ..Story::default()
    }
    .results();
    assert_eq!(results.counts.accepted, SENDS);
    let accept = results.stage(Stage::Accept);
    // Fifty were due in that second, each waiting for what was left of it.
    assert!(
        accept.percentile_us(99.0) >= 950_000,
        "{}",
        accept.percentile_us(99.0)
    );
    assert!(
        accept.percentile_us(50.0) >= 200_000,
        "{}",
        accept.percentile_us(50.0)
    );
    let worst = results
        .timeline
        .iter()
        .filter_map(|second| second.latency_us.get(&Stage::Accept));
    assert!(worst.map(|[_, _, max]| *max).max().unwrap() >= 900_000);
}

#[test]
fn an_arrival_beyond_the_bound_is_an_error_and_never_dropped_in_silence() {
    let results = Story {
        temper: Temper::Stalls(10),
        rate: 50.0,
        tenant: "connections = 1\nin_flight_max = 5",
        crowd: "never_typed_ratio = 1.0",
        ..Story::default()
    }
    .results();
    assert!(is_complete(&results));
    assert!(
        results.counts.errors["in_flight_full"] >= 20,
        "{:?}",
        results.counts.errors
    );
}

#[test]
fn nothing_is_sent_when_the_canary_does_not_arrive() {
    let (results, _) = Story {
        temper: Temper::SendsElsewhere,
        ..Story::default()
    }
    .tell();
    let text = format!("{:#}", results.err().unwrap());
    assert!(text.contains("the gateway sends elsewhere"), "{text}");
}

#[test]
fn a_late_tester_makes_its_own_run_void() {
    let void = outcome::void;
    let punctual = Histogram::default();
    let mut late = Histogram::default();
    for _ in 0..980 {
        late.record(Duration::from_micros(50));
    }
    assert_eq!(void(&late, &late, false), None);
    for _ in 0..20 {
        late.record(Duration::from_millis(11));
    }
    assert!(
        void(&late, &punctual, false)
            .unwrap()
            .contains("the generator was late")
    );
    assert!(
        void(&punctual, &late, false)
            .unwrap()
            .contains("the carrier was late")
    );
    assert!(
        void(&punctual, &punctual, true)
            .unwrap()
            .contains("interrupted")
    );
}
