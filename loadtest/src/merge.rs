//! Several generators loaded one gateway at the same time: their results as one run.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;

use crate::phases::{self, Phase};
use crate::results::{Counts, FORMAT, Histogram, Machine, Mark, Results, Second, Series, Stage};
use crate::slo::{self, Rule};

/// A day of seconds: no run is longer, and a broken file must not ask for more.
const SECONDS_MAX: u32 = 86_400;

/// Adds up the results of generators that ran one scenario side by side.
///
/// Counts and histograms add exactly. The timeline keeps per second the worst
/// generator's percentiles: those of all together cannot be above it.
///
/// # Errors
///
/// Different scenarios, runs that did not overlap, times or rules that do not parse.
pub(crate) fn merge(mut runs: Vec<Results>) -> anyhow::Result<Results> {
    let starts = starts(&runs)?;
    let (Some(first), Some(start)) = (runs.first(), starts.iter().min().copied()) else {
        bail!("nothing to merge");
    };
    let scenario = first.scenario.clone();
    for run in &runs {
        ensure!(
            run.scenario == scenario,
            "cannot merge different scenarios: `{}` and `{}`, or one of them was edited",
            scenario.name,
            run.scenario.name
        );
    }
    let offsets: Vec<f64> = starts
        .iter()
        .map(|at| at.duration_since(start).as_secs_f64())
        .collect();
    overlap(&runs, &offsets)?;

    let rules = rules(&runs)?;
    let mut merged = Results {
        format: FORMAT,
        scenario,
        command: commands(&runs),
        started_at: start.to_string(),
        duration_s: runs
            .iter()
            .zip(&offsets)
            .map(|(run, offset)| run.duration_s + offset)
            .fold(0.0, f64::max),
        machine: machines(&runs),
        targets: Vec::new(),
        void: void(&runs),
        lateness: Histogram::default(),
        series: series(&runs),
        counts: Counts::default(),
        timeline: timeline(&runs, &offsets)?,
        knee_per_s: knee_per_s(&runs),
        phases: phases(&runs),
        marks: marks(&runs, &offsets),
        slos: Vec::new(),
    };
    for run in &mut runs {
        merged.lateness.merge(&run.lateness);
        merged.counts.add(&run.counts);
        for target in run.targets.drain(..) {
            if !merged.targets.contains(&target) {
                merged.targets.push(target);
            }
        }
    }
    phases::count(&mut merged.phases, &merged.timeline, merged.knee_per_s);
    merged.slos = slo::judge(&rules, &merged);
    Ok(merged)
}

fn starts(runs: &[Results]) -> anyhow::Result<Vec<Timestamp>> {
    runs.iter()
        .map(|run| {
            let text = &run.started_at;
            text.parse()
                .with_context(|| format!("start time `{text}` is not RFC 3339"))
        })
        .collect()
}

fn overlap(runs: &[Results], offsets: &[f64]) -> anyhow::Result<()> {
    let first_end = runs
        .iter()
        .zip(offsets)
        .map(|(run, offset)| offset + run.duration_s)
        .fold(f64::INFINITY, f64::min);
    let last_start = offsets.iter().copied().fold(0.0, f64::max);
    ensure!(
        last_start <= first_end,
        "one generator began {:.0} s after another had ended: they did not load the \
         gateway together; compare such runs with `diff`",
        last_start - first_end
    );
    Ok(())
}

/// Every rule that any of the runs was judged by, once.
fn rules(runs: &[Results]) -> anyhow::Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for verdict in runs.iter().flat_map(|run| &run.slos) {
        let rule = verdict
            .rule
            .parse()
            .with_context(|| format!("rule `{}`", verdict.rule))?;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// The commands as a shell would run them side by side.
fn commands(runs: &[Results]) -> Vec<String> {
    let mut all = Vec::new();
    for run in runs {
        if !all.is_empty() {
            all.push("&".to_owned());
        }
        all.extend_from_slice(&run.command);
    }
    all
}

fn machines(runs: &[Results]) -> Machine {
    let mut kinds: Vec<&Machine> = Vec::new();
    for run in runs {
        let known =
            |kind: &&Machine| kind.cpu == run.machine.cpu && kind.kernel == run.machine.kernel;
        if !kinds.iter().any(known) {
            kinds.push(&run.machine);
        }
    }
    let join = |text: fn(&Machine) -> &str| {
        let texts: Vec<&str> = kinds.iter().map(|kind| text(kind)).collect();
        texts.join(" + ")
    };
    Machine {
        cpu: join(|machine| &machine.cpu),
        cores: kinds
            .iter()
            .map(|kind| kind.cores)
            .fold(0, u32::saturating_add),
        memory_mib: kinds
            .iter()
            .map(|kind| kind.memory_mib)
            .fold(0, u64::saturating_add),
        kernel: join(|machine| &machine.kernel),
        load_average: runs
            .iter()
            .map(|run| run.machine.load_average)
            .fold(0.0, f64::max),
    }
}

/// One void generator makes the whole void: its part of the load was not as said.
fn void(runs: &[Results]) -> Option<String> {
    let reasons: Vec<String> = runs
        .iter()
        .zip(1..)
        .filter_map(|(run, number)| Some(format!("generator {number}: {}", run.void.as_ref()?)))
        .collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn series(runs: &[Results]) -> Vec<Series> {
    let mut merged: BTreeMap<(Stage, &str, &str, &str), Histogram> = BTreeMap::new();
    for one in runs.iter().flat_map(|run| &run.series) {
        merged
            .entry((one.stage, &one.provider, &one.channel, &one.country))
            .or_default()
            .merge(&one.latencies);
    }
    merged
        .into_iter()
        .map(|((stage, provider, channel, country), latencies)| Series {
            stage,
            provider: provider.to_owned(),
            channel: channel.to_owned(),
            country: country.to_owned(),
            latencies,
        })
        .collect()
}

/// Each generator has a carrier of its own.
fn knee_per_s(runs: &[Results]) -> Option<f64> {
    runs.iter().map(|run| run.knee_per_s).sum()
}

/// The phases of the first run, with the latencies of all.
fn phases(runs: &[Results]) -> Vec<Phase> {
    let mut runs = runs.iter();
    let mut merged = runs.next().map_or_else(Vec::new, |run| run.phases.clone());
    for phase in runs.flat_map(|run| &run.phases) {
        let Some(into) = merged.iter_mut().find(|one| one.name == phase.name) else {
            continue;
        };
        for (stage, latencies) in &phase.latencies {
            into.latencies.entry(*stage).or_default().merge(latencies);
        }
    }
    merged
}

fn timeline(runs: &[Results], offsets: &[f64]) -> anyhow::Result<Vec<Second>> {
    let mut merged: BTreeMap<u32, Second> = BTreeMap::new();
    for (run, offset) in runs.iter().zip(offsets) {
        for one in &run.timeline {
            let second = one.second.saturating_add(offset.round() as u32);
            ensure!(second < SECONDS_MAX, "a timeline is longer than a day");
            let into = merged.entry(second).or_insert_with(|| Second {
                second,
                ..Second::default()
            });
            into.add(one);
        }
    }
    Ok(merged.into_values().collect())
}

/// Marks of all, each once: generators of one scenario note the same events.
fn marks(runs: &[Results], offsets: &[f64]) -> Vec<Mark> {
    let mut all: Vec<Mark> = Vec::new();
    for (run, offset) in runs.iter().zip(offsets) {
        all.extend(run.marks.iter().map(|mark| Mark {
            at_s: mark.at_s + offset,
            text: mark.text.clone(),
        }));
    }
    all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s).then_with(|| a.text.cmp(&b.text)));
    let mut merged: Vec<Mark> = Vec::new();
    for mark in all {
        let known = |seen: &Mark| seen.text == mark.text && mark.at_s - seen.at_s <= 1.0;
        if !merged.iter().any(known) {
            merged.push(mark);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn started(at: &str) -> Results {
        Results {
            started_at: at.to_owned(),
            ..example::brown_out()
        }
    }

    fn refusal(runs: Vec<Results>) -> String {
        merge(runs).expect_err("refused").to_string()
    }

    #[test]
    fn two_generators_make_one_run_of_twice_the_load() {
        let one = example::brown_out();
        let merged = merge(vec![one.clone(), one.clone()]).expect("merges");
        assert_eq!(merged.counts.due, 2 * one.counts.due);
        assert_eq!(
            merged.counts.scripted["hung"],
            2 * one.counts.scripted["hung"]
        );
        assert_eq!(merged.series.len(), one.series.len());
        let (all, single) = (merged.stage(Stage::InHand), one.stage(Stage::InHand));
        assert_eq!(all.count(), 2 * single.count());
        assert_eq!(all.percentile_us(99.0), single.percentile_us(99.0));
        assert_eq!(merged.timeline[70].due, 2 * one.timeline[70].due);
        assert_eq!(merged.timeline[70].latency_us, one.timeline[70].latency_us);
        assert_eq!(merged.marks, one.marks);
        assert_eq!(merged.targets, one.targets);
        assert_eq!(merged.machine.cores, one.machine.cores);
    }

    #[test]
    fn a_generator_that_began_later_is_counted_in_the_right_seconds() {
        let merged = merge(vec![
            started("2026-03-01T12:00:30Z"),
            started("2026-03-01T12:00:00Z"),
        ])
        .expect("merges");
        assert_eq!(merged.started_at, "2026-03-01T12:00:00Z");
        assert!((merged.duration_s - 212.4).abs() < 1e-6);
        assert_eq!(merged.timeline.len(), 210);
        assert_eq!((merged.timeline[29].due, merged.timeline[30].due), (40, 80));
        let at: Vec<f64> = merged.marks.iter().map(|mark| mark.at_s).collect();
        assert_eq!(at, [60.0, 90.0, 105.0, 135.0]);
    }

    #[test]
    fn rules_are_judged_again_on_the_whole() {
        let mut quick = example::brown_out();
        quick.slos.truncate(1);
        let mut slow = example::brown_out();
        slow.slos.truncate(1);
        slow.series = vec![example::series(
            Stage::Accept,
            ["", "sms", "US"],
            &[90_000; 9_000],
        )];
        assert!(quick.slos[0].holds && slow.slos[0].holds);
        let merged = merge(vec![quick, slow]).expect("merges");
        assert_eq!(merged.slos.len(), 1);
        assert!(!merged.slos[0].holds, "{:?}", merged.slos);
    }

    #[test]
    fn an_event_that_two_generators_saw_within_a_second_is_one_mark_at_its_first_time() {
        let late = started("2026-03-01T12:00:01Z");
        let early = started("2026-03-01T12:00:00Z");
        for runs in [vec![late.clone(), early.clone()], vec![early, late]] {
            let merged = merge(runs).expect("merges");
            assert_eq!(merged.marks, example::brown_out().marks);
        }
    }

    #[test]
    fn one_void_generator_makes_the_whole_void() {
        let mut late = example::brown_out();
        late.void = Some("the generator was late".to_owned());
        let merged = merge(vec![example::brown_out(), late]).expect("merges");
        assert_eq!(
            merged.void.as_deref(),
            Some("generator 2: the generator was late")
        );
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        assert!(refusal(vec![]).contains("nothing to merge"));
        let said = refusal(vec![example::brown_out(), example::empty()]);
        assert!(said.contains("`brown-out` and `empty`"), "{said}");
        let said = refusal(vec![example::brown_out(), started("2026-03-01T13:00:00Z")]);
        assert!(said.contains("3418 s after another had ended"), "{said}");
        assert!(refusal(vec![started("noon")]).contains("`noon` is not RFC 3339"));
        let mut odd = example::brown_out();
        odd.slos[0].rule = "sent<3".to_owned();
        assert!(refusal(vec![odd]).contains("rule `sent<3`"));
        let mut long = example::brown_out();
        long.timeline[5].second = u32::MAX;
        assert!(refusal(vec![long]).contains("longer than a day"));
    }

    proptest! {
        // Each case merges thousands of sends.
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_order_of_generators_does_not_matter(offsets in prop::collection::vec(0_u32..60, 1..4)) {
            let runs: Vec<Results> = offsets
                .iter()
                .map(|offset| started(&format!("2026-03-01T12:00:{offset:02}Z")))
                .collect();
            let mut reversed = runs.clone();
            reversed.reverse();
            let (a, b) = (merge(runs).expect("merges"), merge(reversed).expect("merges"));
            prop_assert_eq!(a.timeline, b.timeline);
            prop_assert_eq!(a.counts, b.counts);
            prop_assert_eq!(a.marks, b.marks);
            prop_assert_eq!(a.started_at, b.started_at);
        }
    }
}
