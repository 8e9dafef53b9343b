//! Results for tests: an empty run, and one with a brown-out in the middle.

use std::collections::BTreeMap;

use crate::phases::{Figures, Phase, Recovery, Span};
use crate::results::{
    Counts, FORMAT, Histogram, Machine, Mark, Results, ScenarioText, Second, Series, SloVerdict,
    Stage, Target,
};

/// A run in which nothing happened.
pub(crate) fn empty() -> Results {
    Results {
        format: FORMAT,
        scenario: ScenarioText {
            name: "empty".to_owned(),
            ..ScenarioText::default()
        },
        command: Vec::new(),
        started_at: "2026-03-01T12:00:00Z".to_owned(),
        duration_s: 0.0,
        machine: Machine::default(),
        targets: Vec::new(),
        void: None,
        lateness: Histogram::default(),
        series: Vec::new(),
        counts: Counts::default(),
        timeline: Vec::new(),
        knee_per_s: None,
        phases: Vec::new(),
        marks: Vec::new(),
        slos: Vec::new(),
    }
}

/// One series of these latencies in microseconds.
pub(crate) fn series(stage: Stage, labels: [&str; 3], latencies_us: &[u64]) -> Series {
    let [provider, channel, country] = labels.map(str::to_owned);
    Series {
        stage,
        provider,
        channel,
        country,
        latencies: of(latencies_us),
    }
}

/// A run below, at twice and at ten times its knee of 1,000 a second; it does
/// not come back from the last.
pub(crate) fn overload() -> Results {
    let mut run = empty();
    run.scenario.name = "overload".to_owned();
    run.knee_per_s = Some(1_000.0);
    let phases = [
        ("before", 500, 500, None),
        ("x2", 2_000, 950, Some(Recovery::WithinS(2))),
        ("after x2", 500, 500, None),
        ("x10", 10_000, 700, Some(Recovery::NotSeen)),
    ];
    for (at, (name, due, in_hand, recovery)) in (0_u32..).zip(phases) {
        let (from, refused) = (at * 10, due - in_hand);
        run.timeline.extend((from..from + 10).map(|second| Second {
            second,
            due,
            accepted: in_hand,
            refused,
            in_hand,
            checks: in_hand,
            approved: in_hand,
            memory_kib: 120 * 1_024,
            ..Second::default()
        }));
        let mut phase = Phase::of(Span {
            name: name.to_owned(),
            from_s: f64::from(from),
            to_s: f64::from(from + 10),
        });
        phase.figures = Figures {
            seconds: 10,
            due_per_s: due as f64,
            accepted_per_s: in_hand as f64,
            goodput_per_s: in_hand as f64,
            refused_per_s: refused as f64,
            errors_per_s: 0.0,
            goodput_ratio: Some(in_hand as f64 / 1_000.0),
            check_ratio: Some(1.0),
            memory_kib: Some(120 * 1_024),
            recovery,
        };
        let latencies = &mut phase.latencies;
        latencies.insert(Stage::Accept, of([1_500; 200].as_slice()));
        if refused > 0 {
            latencies.insert(Stage::Refuse, of([3_000; 200].as_slice()));
        }
        run.phases.push(phase);
    }
    run
}

fn of(latencies_us: &[u64]) -> Histogram {
    let mut latencies = Histogram::default();
    for us in latencies_us {
        latencies.record_us(*us);
    }
    latencies
}

/// Three minutes at 40 a second; from 60 s to 105 s the first provider is slow and loses messages.
pub(crate) fn brown_out() -> Results {
    let mut run = Run::new();
    for second in 0..180 {
        run.second(second);
    }
    run.results()
}

const BROWN_OUT: std::ops::Range<u32> = 60..105;

struct Run {
    random: u64,
    series: BTreeMap<(Stage, [&'static str; 3]), Histogram>,
    lateness: Histogram,
    counts: Counts,
    timeline: Vec<Second>,
}

impl Run {
    fn new() -> Self {
        Self {
            random: 0x5eed,
            series: BTreeMap::new(),
            lateness: Histogram::default(),
            counts: Counts::default(),
            timeline: Vec::new(),
        }
    }

    /// Uniform in 0..1.
    fn chance(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal around a median, with a heavier tail once in two hundred.
    fn around(&mut self, median_us: f64, spread: f64) -> u64 {
        let normal = (0..12).map(|_| self.chance()).sum::<f64>() - 6.0;
        let tail = if self.chance() < 0.005 { 4.0 } else { 1.0 };
        (median_us * (normal * spread).exp() * tail) as u64
    }

    fn record(&mut self, stage: Stage, labels: [&'static str; 3], us: u64, into: &mut [Vec<u64>]) {
        self.series
            .entry((stage, labels))
            .or_default()
            .record_us(us);
        into[stage as usize].push(us);
    }

    fn second(&mut self, second: u32) {
        let brown_out = BROWN_OUT.contains(&second);
        let mut seen: Vec<Vec<u64>> = vec![Vec::new(); Stage::ALL.len()];
        let mut entry = Second {
            second,
            due: 40,
            ..Second::default()
        };
        for _ in 0..40 {
            self.send(brown_out, &mut entry, &mut seen);
        }
        for (stage, latencies) in Stage::ALL.into_iter().zip(&mut seen) {
            latencies.sort_unstable();
            if let Some(max) = latencies.last() {
                let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
                entry.latency_us.insert(stage, [at(0.5), at(0.99), *max]);
            }
        }
        self.counts.due += entry.due;
        self.counts.accepted += entry.accepted;
        self.counts.in_hand += entry.in_hand;
        self.counts.approved += entry.approved;
        self.counts.failovers += entry.failovers;
        self.timeline.push(entry);
    }

    fn send(&mut self, brown_out: bool, entry: &mut Second, seen: &mut [Vec<u64>]) {
        let countries = ["US", "GB", "DE", "IN"];
        let country = countries[(self.chance() * 4.0) as usize];
        let late = self.around(60.0, 0.5);
        self.lateness.record_us(late);
        if brown_out && self.chance() < 0.02 {
            entry.refused += 1;
            *self
                .counts
                .refused
                .entry("503 overloaded".to_owned())
                .or_default() += 1;
            let us = self.around(900.0, 0.3);
            self.record(Stage::Refuse, ["", "sms", country], us, seen);
            return;
        }
        if self.chance() < 0.0006 {
            entry.errors += 1;
            *self.counts.errors.entry("timeout".to_owned()).or_default() += 1;
            return;
        }
        entry.accepted += 1;
        let accept = self.around(900.0, 0.35);
        self.record(Stage::Accept, ["", "sms", country], accept, seen);
        let fails_over = brown_out && self.chance() < 0.6;
        let provider = if fails_over { "carrier-b" } else { "carrier-a" };
        let submit = if fails_over {
            entry.failovers += 1;
            1_500_000 + self.around(2_500.0, 0.4)
        } else {
            self.around(if brown_out { 4_000.0 } else { 700.0 }, 0.4)
        };
        self.record(Stage::Submit, [provider, "sms", country], submit, seen);
        let deliver = self.around(if brown_out { 2_600_000.0 } else { 800_000.0 }, 0.5);
        self.record(Stage::Deliver, [provider, "sms", country], deliver, seen);
        let in_hand = accept + submit + deliver;
        self.record(Stage::InHand, [provider, "sms", country], in_hand, seen);
        entry.in_hand += 1;
        self.counts.submissions += 1 + u64::from(fails_over);
        *self
            .counts
            .by_provider
            .entry(provider.to_owned())
            .or_default() += 1;
        let check = self.around(600.0, 0.4);
        self.record(Stage::Check, ["", "sms", country], check, seen);
        self.counts.checks += 1;
        entry.checks += 1;
        if self.chance() < 0.97 {
            entry.approved += 1;
        } else {
            *self
                .counts
                .checks_refused
                .entry("422 code_mismatch".to_owned())
                .or_default() += 1;
        }
    }

    fn results(mut self) -> Results {
        self.counts.duplicates = 4;
        self.counts.scripted = [("delayed", 1_080), ("hung", 962), ("doubled", 4)]
            .map(|(kind, n)| (kind.to_owned(), n))
            .into();
        let series = self
            .series
            .into_iter()
            .map(|((stage, labels), latencies)| Series {
                stage,
                provider: labels[0].to_owned(),
                channel: labels[1].to_owned(),
                country: labels[2].to_owned(),
                latencies,
            });
        Results {
            scenario: ScenarioText {
                name: "brown-out".to_owned(),
                shows: "One of two carriers turns slow for 45 s.".to_owned(),
                expect: "Sends fail over within their attempt timeout; none is lost, and \
                    the reply stays as fast as before."
                    .to_owned(),
            },
            command: ["watchword-loadtest", "run", "brown-out", "--rate", "40"]
                .map(str::to_owned)
                .to_vec(),
            duration_s: 182.4,
            machine: Machine {
                cpu: "AMD EPYC 9R14".to_owned(),
                cores: 2,
                memory_mib: 7_936,
                kernel: "Linux 6.1.0".to_owned(),
                load_average: 0.12,
            },
            targets: vec![Target {
                url: "http://127.0.0.1:8080".to_owned(),
                version: "0.1.0".to_owned(),
                durability: "redis-everysec".to_owned(),
            }],
            lateness: self.lateness,
            series: series.collect(),
            counts: self.counts,
            timeline: self.timeline,
            marks: [(60.0, "carrier-a slow"), (105.0, "carrier-a recovers")]
                .map(|(at_s, text)| Mark {
                    at_s,
                    text: text.to_owned(),
                })
                .to_vec(),
            slos: [
                ("accept.p99<20ms", "3.1ms", true),
                ("in_hand.p99<1s", "6.2s", false),
                ("lost=0", "0", true),
            ]
            .map(|(rule, measured, holds)| SloVerdict {
                rule: rule.to_owned(),
                measured: measured.to_owned(),
                holds,
            })
            .to_vec(),
            ..empty()
        }
    }
}
