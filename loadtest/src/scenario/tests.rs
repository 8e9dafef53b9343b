//! Scenarios as files: those that come with the program, and mistakes.

use super::*;

const LEAST: &str = r#"
name = "x"
shows = ""
expect = ""
[[crowds]]
name = "people"
arrivals = { phases = [{ for_s = 10, rate = 100 }] }
[[providers]]
id = "a"
"#;

fn mistake(change: impl FnOnce(String) -> String) -> String {
    let error = Scenario::parse(&change(LEAST.to_owned())).err();
    format!("{:#}", error.expect("the change is a mistake"))
}

#[test]
fn every_scenario_that_comes_with_the_program_is_right_and_explains_itself() {
    for (name, text) in BUILT_IN {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(scenario.name, name);
        assert!(
            scenario.shows.len() > 40 && scenario.expect.len() > 40,
            "{name}"
        );
        assert!(!scenario.slos.is_empty(), "{name}");
        for rule in &scenario.slos {
            rule.parse::<crate::slo::Rule>()
                .unwrap_or_else(|error| panic!("{name}: {rule}: {error:#}"));
        }
    }
}

#[test]
fn the_least_scenario_has_reasonable_defaults() {
    let scenario = Scenario::parse(LEAST).unwrap();
    assert_eq!(scenario.sends(), 1_000.0);
    assert_eq!((scenario.duration_s(), scenario.rate_max()), (10.0, 100.0));
    assert_eq!(scenario.stage.nodes, 1);
}

#[test]
fn a_key_that_does_not_exist_is_refused_with_its_line() {
    let text = mistake(|least| least.replace("id = \"a\"", "id = \"a\"\nlatency = 3"));
    assert!(
        text.contains("latency") && text.contains("line 10"),
        "{text}"
    );
}

fn each_is_told(mistakes: &[(&str, &str, &str)]) {
    for (from, to, says) in mistakes {
        let text = mistake(|least| least.replace(from, to));
        assert!(text.contains(says), "{to}: {text}");
    }
}

#[test]
fn mistakes_about_arrivals_say_what_to_change() {
    each_is_told(&[
        (
            "rate = 100",
            "rate = -1",
            "a rate goes from 0 to 200000, not -1",
        ),
        (
            "rate = 100",
            "rate = 300000",
            "a rate goes from 0 to 200000",
        ),
        ("rate = 100", "rate = 0", "change rate or duration"),
        ("for_s = 10", "for_s = 0", "for_s is above 0"),
        (
            "for_s = 10",
            "for_s = 80000, to_rate = 200000",
            "change rate or duration",
        ),
        (
            "phases = [{ for_s = 10, rate = 100 }]",
            "phases = []",
            "arrivals need phases",
        ),
    ]);
}

#[test]
fn mistakes_about_providers_and_people_say_what_to_change() {
    each_is_told(&[
        ("id = \"a\"", "id = \"A\"", "an id has 1 to 32 of a-z"),
        (
            "id = \"a\"",
            "id = \"a\"\n[[providers]]\nid = \"a\"",
            "two are called a",
        ),
        (
            "id = \"a\"",
            "id = \"a\"\nbehaviour = { lost_ratio = 2 }",
            "from 0 to 1",
        ),
        (
            "id = \"a\"",
            "id = \"a\"\nbehaviour = { lost_ratio = 0.6, hung_ratio = 0.6 }",
            "their sum must not exceed 1",
        ),
        (
            "id = \"a\"",
            "id = \"a\"\nbehaviour = { answer = { uniform_ms = [5, 1] } }",
            "the smaller first",
        ),
        (
            "id = \"a\"",
            "id = \"a\"\nwindows = [{ from_s = 5, to_s = 1, text = \"\", behaviour = {} }]",
            "begins before it ends",
        ),
        (
            "id = \"a\"",
            "id = \"a\"\n[[kills]]\nat_s = 1\nnode = 2",
            "node 2 does not exist",
        ),
        (
            "name = \"people\"",
            "name = \"p\"\nresend_ratio = 1.5",
            "not 1.5",
        ),
        (
            "name = \"people\"",
            "name = \"p\"\nresend_ratio = 0.6\nnever_typed_ratio = 0.6",
            "parts of the same people",
        ),
        (
            "name = \"people\"",
            "name = \"p\"\nchannels = { sms = 0 }",
            "weights above 0",
        ),
    ]);
}

#[test]
fn spikes_end_each_period_and_leave_the_rest_alone() {
    let text = LEAST.replace(
        "rate = 100 }]",
        "rate = 10 }], spikes = { every_s = 4, for_s = 1, rate = 100 }",
    );
    let scenario = Scenario::parse(&text).unwrap();
    let phases = scenario.crowds[0].arrivals.phases();
    let seen: Vec<_> = phases
        .iter()
        .map(|phase| (phase.length_s, phase.rate))
        .collect();
    assert_eq!(
        seen,
        [
            (3.0, 10.0),
            (1.0, 100.0),
            (3.0, 10.0),
            (1.0, 100.0),
            (2.0, 10.0)
        ]
    );
}

#[test]
fn rate_and_duration_scale_everything_in_proportion() {
    let scale = Scale {
        rate: Some(1_000.0),
        duration_s: Some(12.0),
    };
    let scenario = Scenario::load("brown-out", scale).unwrap();
    assert_eq!(
        (scenario.duration_s(), scenario.rate_max()),
        (12.0, 1_000.0)
    );
    let window = &scenario.providers[0].windows[0];
    assert_eq!((window.from_s, window.to_s), (4.0, 8.0));
}

#[test]
fn an_unknown_name_lists_those_that_exist() {
    let error = Scenario::load("stedy", Scale::default()).err().unwrap();
    assert!(format!("{error:#}").contains("steady, ramp"));
}
