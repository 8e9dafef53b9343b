//! What the comparison says: figures, ratios, and which goals are met.

use serde_json::{Map, Value, json};

use crate::bench::figures_table::Bound;
use crate::bench::rounds::{GROUPS, Ratio, Rounds};
use crate::bench::slice::Figures;
use crate::cli::CompareOnly;
use crate::results::Machine;

/// Everything that was measured. A kind that was left out has no rounds.
pub(super) struct Outcome {
    pub(super) saturation: Rounds,
    pub(super) system_calls: Rounds,
    pub(super) half_load: Rounds,
    pub(super) low_load: Rounds,
    pub(super) checks: Rounds,
    pub(super) circumstances: Circumstances,
}

/// What a reader must know of how it was measured.
pub(super) struct Circumstances {
    pub(super) command: Vec<String>,
    /// RFC 3339.
    pub(super) started_at: String,
    pub(super) machine: Machine,
    pub(super) connections: u32,
    pub(super) protocol: &'static str,
    pub(super) redis: &'static str,
    /// Why there are fewer rounds than wanted.
    pub(super) cut_short: Option<String>,
}

/// A ratio that has a goal.
#[derive(Clone, Copy)]
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) bound: Bound,
    /// Where it is measured.
    part: CompareOnly,
}

pub(super) const GOALS: [Goal; 5] = [
    Goal {
        name: "cpu",
        bound: Bound::AtMost(1.25),
        part: CompareOnly::Saturation,
    },
    Goal {
        name: "throughput",
        bound: Bound::AtLeast(0.8),
        part: CompareOnly::Saturation,
    },
    Goal {
        name: "p99_half_load",
        bound: Bound::AtMost(1.25),
        part: CompareOnly::Latency,
    },
    Goal {
        name: "redis_cpu",
        bound: Bound::AtMost(1.15),
        part: CompareOnly::Saturation,
    },
    Goal {
        name: "check_cpu",
        bound: Bound::AtMost(1.25),
        part: CompareOnly::Check,
    },
];

impl Goal {
    /// Only if each group meets it; without enough rounds it is not met.
    pub(super) fn is_met(self, ratio: Option<&Ratio>) -> bool {
        ratio.is_some_and(|ratio| {
            ratio.groups.len() == GROUPS
                && ratio.groups.iter().all(|group| self.bound.holds(*group))
        })
    }
}

impl Outcome {
    /// The ratio with this goal's name.
    pub(super) fn ratio(&self, name: &str) -> Option<Ratio> {
        match name {
            "cpu" => self.saturation.ratio("cpu_us"),
            "throughput" => self.saturation.ratio("sends_per_s"),
            "redis_cpu" => self.saturation.ratio("redis_cpu_us"),
            "p99_half_load" => {
                let reply = self.half_load.ratio("reply_p99_us")?;
                Some(reply.worse(self.half_load.ratio("arrival_p99_us")?))
            }
            "check_cpu" => self.checks.ratio("cpu_us"),
            _ => None,
        }
    }

    /// All goals, or those of the only part that was asked for.
    pub(super) fn meets_goals(&self, only: Option<CompareOnly>) -> bool {
        GOALS
            .iter()
            .filter(|goal| only.is_none_or(|only| only == goal.part))
            .all(|goal| goal.is_met(self.ratio(goal.name).as_ref()))
    }

    /// The kinds of rounds by name.
    pub(super) fn kinds(&self) -> [(&'static str, &Rounds); 5] {
        [
            ("saturation", &self.saturation),
            ("system_calls", &self.system_calls),
            ("half_load", &self.half_load),
            ("low_load", &self.low_load),
            ("check", &self.checks),
        ]
    }

    pub(super) fn to_json(&self) -> Value {
        let mut programs = [Map::new(), Map::new()];
        let mut rounds = Map::new();
        for (name, of_kind) in self.kinds() {
            let (gateway, yardstick) = of_kind.medians();
            let [of_gateway, of_yardstick] = &mut programs;
            of_gateway.insert(name.to_owned(), figures_json(&gateway));
            of_yardstick.insert(name.to_owned(), figures_json(&yardstick));
            let counts = json!({
                "kept": of_kind.kept.len(),
                "dropped": of_kind.dropped,
                "failed": &of_kind.failed,
            });
            rounds.insert(name.to_owned(), counts);
        }
        let [gateway, yardstick] = programs;
        let (mut ratios, mut groups, mut goals) = (Map::new(), Map::new(), Map::new());
        for goal in GOALS {
            let ratio = self.ratio(goal.name);
            let name = || goal.name.to_owned();
            goals.insert(name(), goal_json(goal, ratio.as_ref()));
            let median = ratio.as_ref().map(|ratio| rounded(ratio.median));
            ratios.insert(name(), json!(median));
            let of_groups = ratio.map(|ratio| ratio.groups).unwrap_or_default();
            let of_groups: Vec<f64> = of_groups.into_iter().map(rounded).collect();
            groups.insert(name(), json!(of_groups));
        }
        let circumstances = &self.circumstances;
        json!({
            "gateway": gateway,
            "yardstick": yardstick,
            "ratios": ratios,
            "groups": groups,
            "goals": goals,
            "rounds": rounds,
            "cut_short": circumstances.cut_short,
            "machine": circumstances.machine,
            "command": circumstances.command,
            "started_at": circumstances.started_at,
            "version": env!("CARGO_PKG_VERSION"),
            "connections": circumstances.connections,
            "protocol": circumstances.protocol,
            "redis": circumstances.redis,
        })
    }
}

fn goal_json(goal: Goal, ratio: Option<&Ratio>) -> Value {
    let is_met = goal.is_met(ratio);
    let (name, bound) = goal.bound.named();
    json!({ name: bound, "met": is_met })
}

fn figures_json(figures: &Figures) -> Value {
    let figures = figures
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(rounded(*value))));
    Value::Object(figures.collect())
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::rounds::tests::round;

    /// Rounds with these ratios for what is measured in each kind.
    pub(in crate::compare) fn outcome(times: &[f64]) -> Outcome {
        let rounds = |names: &[&'static str]| {
            let made = times.iter().map(|times| round(names, *times)).collect();
            Rounds::new(made, Vec::new())
        };
        Outcome {
            saturation: rounds(&["cpu_us", "redis_cpu_us", "sends_per_s"]),
            system_calls: rounds(&["system_calls"]),
            half_load: rounds(&["reply_p99_us", "arrival_p99_us"]),
            low_load: rounds(&["sleeps"]),
            checks: rounds(&["cpu_us"]),
            circumstances: Circumstances {
                command: vec!["watchword-loadtest".to_owned(), "compare".to_owned()],
                started_at: "2026-11-22T12:00:00Z".to_owned(),
                machine: Machine::default(),
                connections: 64,
                protocol: "HTTP/1.1",
                redis: "nothing on disk",
                cut_short: None,
            },
        }
    }

    #[test]
    fn a_goal_is_met_only_if_every_group_meets_it() {
        let mut times = [1.0; 8];
        assert!(outcome(&times).meets_goals(None));
        for slow in times.iter_mut().rev().take(2) {
            *slow = 1.3;
        }
        let json = outcome(&times).to_json();
        assert_eq!(json["ratios"]["cpu"], 1.0);
        assert_eq!(json["groups"]["cpu"], json!([1.0, 1.0, 1.0, 1.3]));
        assert_eq!(json["goals"]["cpu"]["met"], false);
        assert_eq!(json["goals"]["throughput"]["met"], true);
        assert!(!outcome(&times).meets_goals(None));
    }

    #[test]
    fn too_few_rounds_meet_no_goal() {
        for goal in GOALS {
            assert!(!goal.is_met(outcome(&[1.0; 3]).ratio(goal.name).as_ref()));
            assert!(goal.is_met(outcome(&[1.0; 4]).ratio(goal.name).as_ref()));
        }
    }

    #[test]
    fn the_json_has_what_scripts_read() {
        let json = outcome(&[1.1; 8]).to_json();
        for name in [
            "cpu",
            "throughput",
            "p99_half_load",
            "redis_cpu",
            "check_cpu",
        ] {
            assert_eq!(json["ratios"][name], 1.1, "{name}");
            assert_eq!(json["groups"][name], json!([1.1, 1.1, 1.1, 1.1]));
            assert_eq!(json["goals"][name]["met"], true);
        }
        assert_eq!(json["gateway"]["saturation"]["cpu_us"], 11.0);
        assert_eq!(json["yardstick"]["saturation"]["cpu_us"], 10.0);
        assert_eq!(json["rounds"]["check"]["kept"], 8);
        assert_eq!(json["rounds"]["check"]["dropped"], 0);
        assert_eq!(json["machine"]["cores"], 0);
        assert_eq!(json["command"][1], "compare");
    }

    #[test]
    fn what_was_left_out_is_null_and_meets_no_goal() {
        let outcome = Outcome {
            checks: Rounds::default(),
            ..outcome(&[1.0; 8])
        };
        let json = outcome.to_json();
        assert_eq!(json["ratios"]["check_cpu"], Value::Null);
        assert_eq!(json["groups"]["check_cpu"], json!([]));
        assert_eq!(json["goals"]["check_cpu"]["met"], false);
        assert!(!outcome.meets_goals(None));
        assert!(outcome.meets_goals(Some(CompareOnly::Latency)));
        assert!(!outcome.meets_goals(Some(CompareOnly::Check)));
    }

    #[test]
    fn of_the_two_latencies_the_worse_counts() {
        let ratio = |median, groups: [f64; 4]| Ratio {
            median,
            groups: groups.to_vec(),
        };
        let worse = ratio(1.0, [1.0, 2.0, 1.0, 1.0]).worse(ratio(1.5, [1.5, 1.0, 1.5, 1.5]));
        assert_eq!(worse, ratio(1.5, [1.5, 2.0, 1.5, 1.5]));
    }
}
