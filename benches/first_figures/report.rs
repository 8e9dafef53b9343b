//! Medians, ratios and their spread; as JSON and as a table.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What one slice of load cost, per send.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) sends_per_s: f64,
    pub(crate) program_us: f64,
    pub(crate) redis_us: f64,
    pub(crate) carrier_us: f64,
    pub(crate) generator_us: f64,
    pub(crate) scripts: f64,
    pub(crate) commands: f64,
    pub(crate) reads: f64,
    pub(crate) memory_bytes: f64,
    pub(crate) settled_after_ms: f64,
}

/// What one send at a time asks of Redis.
pub(crate) struct RoundTrips {
    pub(crate) sends: u64,
    pub(crate) scripts: f64,
    pub(crate) reads: f64,
    /// What the program asks when nobody sends anything.
    pub(crate) idle_scripts_per_s: f64,
}

/// All slices at one number of connections: gateway and yardstick, round by round.
pub(crate) struct Level {
    name: &'static str,
    connections: u32,
    rounds: Vec<(Slice, Slice)>,
    /// For a disturbed generator.
    dropped: usize,
    /// Why rounds failed.
    failed: Vec<String>,
}

/// All that was measured.
pub(crate) struct Figures {
    pub(crate) levels: Vec<Level>,
    pub(crate) gateway_round_trips: RoundTrips,
    pub(crate) yardstick_round_trips: RoundTrips,
}

/// A figure of a slice, by name.
type Figure = (&'static str, fn(&Slice) -> f64);

const FIGURES: [Figure; 10] = [
    ("sends_per_s", |slice| slice.sends_per_s),
    ("cpu_us", |slice| slice.program_us),
    ("redis_cpu_us", |slice| slice.redis_us),
    ("carrier_cpu_us", |slice| slice.carrier_us),
    ("generator_cpu_us", |slice| slice.generator_us),
    ("redis_scripts", |slice| slice.scripts),
    ("redis_commands", |slice| slice.commands),
    ("redis_reads", |slice| slice.reads),
    ("redis_bytes", |slice| slice.memory_bytes),
    ("settled_after_ms", |slice| slice.settled_after_ms),
];
/// The figures whose ratio to the yardstick is a goal, with the goal's name.
const RATIOS: [(&str, Figure); 3] = [
    ("cpu", FIGURES[1]),
    ("throughput", FIGURES[0]),
    ("redis_cpu", FIGURES[2]),
];
/// A claim must hold in each of so many parts of a run.
const GROUPS: usize = 4;
/// A generator that costs so much more or less than usual was disturbed.
const GENERATOR_TOLERANCE: f64 = 0.25;

impl Level {
    /// Leaves out rounds in which the generator was disturbed.
    pub(crate) fn new(
        (name, connections): (&'static str, u32),
        mut rounds: Vec<(Slice, Slice)>,
        failed: Vec<String>,
    ) -> Self {
        let usual = [
            median(rounds.iter().map(|round| round.0.generator_us)),
            median(rounds.iter().map(|round| round.1.generator_us)),
        ];
        let is_usual = |slice: &Slice, usual: f64| {
            (slice.generator_us - usual).abs() <= usual * GENERATOR_TOLERANCE
        };
        let count = rounds.len();
        let [of_gateway, of_yardstick] = usual;
        rounds.retain(|(gateway, yardstick)| {
            is_usual(gateway, of_gateway) && is_usual(yardstick, of_yardstick)
        });
        Self {
            name,
            connections,
            dropped: count - rounds.len(),
            rounds,
            failed,
        }
    }

    fn gateway(&self) -> Vec<Slice> {
        self.rounds.iter().map(|round| round.0).collect()
    }

    fn yardstick(&self) -> Vec<Slice> {
        self.rounds.iter().map(|round| round.1).collect()
    }

    /// Round by round, so that what slows both down cancels out.
    fn ratios(&self, of: fn(&Slice) -> f64) -> Vec<f64> {
        self.rounds
            .iter()
            .map(|(gateway, yardstick)| of(gateway) / of(yardstick))
            .collect()
    }

    fn to_json(&self) -> Value {
        let ratios = RATIOS.map(|(name, (_, of))| {
            let ratios = self.ratios(of);
            let groups: Vec<f64> = ratios
                .chunks(ratios.len().div_ceil(GROUPS).max(1))
                .map(|group| median(group.iter().copied()))
                .map(rounded)
                .collect();
            let value = json!({
                "median": rounded(median(ratios.iter().copied())),
                "quartiles": quartiles(&ratios),
                "medians_of_groups": groups,
            });
            (name.to_owned(), value)
        });
        json!({
            "connections": self.connections,
            "rounds": self.rounds.len(),
            "rounds_dropped": self.dropped,
            "rounds_failed": &self.failed,
            "gateway": program_json(&self.gateway()),
            "yardstick": program_json(&self.yardstick()),
            "ratios": Value::Object(ratios.into_iter().collect()),
        })
    }
}

impl Figures {
    pub(crate) fn to_json(&self) -> Value {
        let levels = self
            .levels
            .iter()
            .map(|level| (level.name.to_owned(), level.to_json()));
        let round_trips = |counted: &RoundTrips| {
            json!({
                "sends": counted.sends,
                "scripts": rounded(counted.scripts),
                "reads": rounded(counted.reads),
                "idle_scripts_per_s": rounded(counted.idle_scripts_per_s),
            })
        };
        json!({
            "levels": Value::Object(levels.collect()),
            "one_send_at_a_time": {
                "gateway": round_trips(&self.gateway_round_trips),
                "yardstick": round_trips(&self.yardstick_round_trips),
            },
        })
    }

    /// A table of medians in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for level in &self.levels {
            let (gateway, yardstick) = (level.gateway(), level.yardstick());
            let mut line = |cells: [String; 4]| {
                writeln!(table, "| {} |", cells.join(" | ")).expect("strings take everything");
            };
            let title = format!("{} connections, per send", level.connections);
            line([title, "gateway".into(), "yardstick".into(), "ratio".into()]);
            line(["---", "---", "---", "---"].map(str::to_owned));
            for (name, of) in FIGURES {
                let ratio = median(level.ratios(of));
                let gateway = median(gateway.iter().map(of));
                let yardstick = median(yardstick.iter().map(of));
                line([
                    name.to_owned(),
                    format!("{gateway:.1}"),
                    format!("{yardstick:.1}"),
                    if ratio.is_finite() {
                        format!("{ratio:.2}")
                    } else {
                        String::from("-")
                    },
                ]);
            }
            table.push('\n');
        }
        table
    }
}

fn program_json(slices: &[Slice]) -> Value {
    let figures = FIGURES.map(|(name, of)| {
        let values: Vec<f64> = slices.iter().map(of).collect();
        let value = json!({
            "median": rounded(median(values.iter().copied())),
            "quartiles": quartiles(&values),
        });
        (name.to_owned(), value)
    });
    Value::Object(figures.into_iter().collect())
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

fn quartiles(values: &[f64]) -> [f64; 2] {
    [0.25, 0.75].map(|part| rounded(quantile(values.iter().copied(), part)))
}

/// The value below which this part of them lies; 0 if there are none.
fn quantile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let place = part * sorted.len().saturating_sub(1) as f64;
    let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(0.0);
    at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quartiles(&[1.0, 2.0, 3.0, 4.0, 5.0]), [2.0, 4.0]);
        assert_eq!(median([]), 0.0);
    }
}
