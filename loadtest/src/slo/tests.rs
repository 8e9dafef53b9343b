//! Rules are judged by what was measured, and by nothing that was not.

use super::*;
use crate::example;

fn verdict(rule: &str, results: &Results) -> SloVerdict {
    let rule = rule.parse().expect("a rule");
    judge(&[rule], results).remove(0)
}

#[test]
fn a_latency_is_judged_over_all_series_of_its_stage() {
    let mut results = example::empty();
    results.series = vec![
        example::series(Stage::InHand, ["a", "sms", "US"], &[100_000; 99]),
        example::series(Stage::InHand, ["b", "sms", "US"], &[3_000_000; 99]),
    ];
    assert!(!verdict("in_hand.p99<1s", &results).holds);
    let only_a = verdict("in_hand[provider=a].p99<1s", &results);
    assert!(only_a.holds, "{only_a:?}");
    assert_eq!(only_a.measured, "0.10003s");
    assert!(verdict("in_hand.p50<=101ms", &results).holds);
    assert!(verdict("in_hand[country=US,provider=b].max>2s", &results).holds);
}

#[test]
fn what_was_never_measured_does_not_hold() {
    let results = example::empty();
    for (rule, said) in [
        ("accept.p99<20ms", "no samples"),
        ("check.max>0us", "no samples"),
        ("lost=0", "nothing accepted"),
        ("errors=0", "nothing due"),
        ("checks_refused=0", "nothing checked"),
        ("conversion<=1", "nothing dispatched"),
    ] {
        let verdict = verdict(rule, &results);
        assert!(!verdict.holds, "{rule}");
        assert_eq!(verdict.measured, said);
    }
    let mut one_provider = example::empty();
    one_provider.series = vec![example::series(Stage::InHand, ["a", "sms", "US"], &[5])];
    assert!(!verdict("in_hand[provider=b].p99<1s", &one_provider).holds);
}

#[test]
fn phases_and_memory_are_judged_by_their_worst_unless_one_is_named() {
    let results = example::overload();
    for (rule, measured, holds) in [
        ("goodput[phase=x2]>=90%", "95%", true),
        ("goodput[phase=x10]>=0.8", "0.7", false),
        ("goodput[phase=x10]>60%", "70%", true),
        ("check_success[phase=x10]>=99%", "100%", true),
        ("recovery[phase=x2]<=10s", "2s", true),
        ("recovery<=10s", "not recovered", false),
        ("refuse[phase=x10].p99<5ms", "3.001ms", true),
        ("refuse[phase=before].p99<5ms", "no samples", false),
        ("goodput[phase=x3]>=0", "no such phase", false),
        ("memory<=256MiB", "120MiB", true),
        ("memory<0.1GiB", "0.11719GiB", false),
    ] {
        let verdict = verdict(rule, &results);
        assert_eq!(
            (&*verdict.measured, verdict.holds),
            (measured, holds),
            "{rule}"
        );
    }
    let without = example::empty();
    assert_eq!(
        verdict("memory<1GiB", &without).measured,
        "no gateway of ours"
    );
    assert!(!verdict("recovery<=10s", &without).holds);
}

#[test]
fn counts_and_conversion_are_compared_as_they_are() {
    let mut results = example::empty();
    results.counts = Counts {
        due: 100,
        accepted: 90,
        resent: 10,
        approved: 95,
        checks: 99,
        errors: [("timeout".to_owned(), 3), ("refused".to_owned(), 4)].into(),
        ..Counts::default()
    };
    assert!(verdict("lost=0", &results).holds);
    assert!(verdict("errors=7", &results).holds);
    assert!(!verdict("failovers>0", &results).holds);
    assert!(verdict("conversion>=0.95", &results).holds);
    assert_eq!(verdict("conversion>95%", &results).measured, "95%");
    assert!(!verdict("conversion>95%", &results).holds);
}
