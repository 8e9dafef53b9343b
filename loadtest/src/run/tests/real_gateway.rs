//! The tester and a real gateway end to end: what does not depend on time must
//! come out exactly.

use super::*;

/// Twenty sends in half a second, each in hand at once.
const SCENARIO: &str = r#"
name = "real"
shows = ""
expect = ""
slos = ["lost=0", "duplicates=0", "errors=0", "memory>0MiB"]
settle_s = 20

[tenant]
connections = 4

[[crowds]]
name = "people"
countries = { US = 1, GB = 1 }
wrong_code_ratio = 1.0
typing = { constant_ms = 10 }

[crowds.arrivals]
process = "constant"
phases = [{ for_s = 0.5, rate = 40 }]

[[providers]]
id = "a"
behaviour = { unavailable_ratio = 1.0 }

[[providers]]
id = "b"
form = "twilio"
"#;

const DUE: u64 = 20;

/// Twenty sends in half a second, of which the gateway has places for three, and
/// each takes the carrier longer than the whole lasts.
const FULL: &str = r#"
name = "full"
shows = ""
expect = ""
slos = ["lost=0", "duplicates=0", "errors=0"]
settle_s = 20

[stage]
attempt_timeout_ms = 6000
concurrency_max = 2
dispatch_in_flight_max = 3

[tenant]
connections = 4

[[crowds]]
name = "people"
never_typed_ratio = 1.0

[crowds.arrivals]
process = "constant"
phases = [{ name = "beyond", for_s = 0.5, rate = 40 }]

[[providers]]
id = "a"
behaviour = { answer = { constant_ms = 3000 } }
"#;

/// `cargo test --workspace` leaves it beside the directory of the tests.
fn gateway() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let built = here.parent().and_then(std::path::Path::parent).unwrap();
    let gateway = built.join("watchword");
    assert!(
        gateway.is_file(),
        "no {}: build it with `cargo build -p watchword`",
        gateway.display()
    );
    gateway
}

fn play(scenario: &str) -> Results {
    let scenario = Scenario::parse(scenario).unwrap();
    let order = Order {
        rules: scenario
            .slos
            .iter()
            .map(|rule| rule.parse().unwrap())
            .collect(),
        scenario,
        whom: Whom::Own {
            gateway: Some(gateway()),
        },
        protocol: Protocol::Http1,
        workers: 1,
        seed: Some(7),
        command: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(order)).unwrap()
}

#[test]
fn a_real_gateway_is_played_through_to_the_last_check() {
    let results = play(SCENARIO);
    let counts = &results.counts;
    assert!(is_complete(&results));
    assert_eq!((counts.due, counts.accepted), (DUE, DUE), "{counts:?}");
    assert_eq!((counts.in_hand, counts.duplicates), (DUE, 0), "{counts:?}");
    assert_eq!((counts.lost, total(&counts.ended)), (0, 0));
    // The first provider takes nothing. Once its breaker opens it is no longer asked.
    assert_eq!(counts.by_provider["b"], DUE);
    assert!(counts.scripted["unavailable"] <= DUE);
    assert_eq!(counts.failovers, counts.scripted["unavailable"]);
    assert_eq!(counts.submissions, DUE + counts.scripted["unavailable"]);
    // Everybody mistypes once, and then does not.
    assert_eq!((counts.checks, counts.approved), (2 * DUE, DUE));
    assert_eq!(counts.checks_refused["422 code_mismatch"], DUE);
    assert!(
        results.slos.iter().all(|slo| slo.holds),
        "{:?}",
        results.slos
    );
}

#[test]
fn a_gateway_without_a_place_refuses_and_loses_nothing_it_has_accepted() {
    let results = play(FULL);
    let counts = &results.counts;
    assert!(is_complete(&results));
    assert_eq!((counts.due, counts.accepted), (DUE, 3), "{counts:?}");
    assert_eq!(counts.refused["503 overloaded"], DUE - 3);
    assert_eq!((counts.in_hand, counts.submissions), (3, 3), "{counts:?}");
    // Two at once, three seconds each.
    assert_eq!(results.knee_per_s, Some(2.0 * 1_000.0 / 3_000.0));
    assert!(
        results.slos.iter().all(|slo| slo.holds),
        "{:?}",
        results.slos
    );
}
