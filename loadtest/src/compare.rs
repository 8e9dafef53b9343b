//! Gateway beside yardstick: the same load on both in short alternating slices,
//! so that what the machine does meanwhile meets both. Figures of one run can be
//! compared; those of two runs cannot.

mod outcome;
mod stage;
mod table;

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::outcome::{Circumstances, Outcome};
use self::stage::{Stage, Which};
use crate::bench::Report;
use crate::bench::gateway::beside_this_program;
use crate::bench::line::Protocol;
use crate::bench::redis_server::Durability;
use crate::bench::rounds::{Round, Rounds, median};
use crate::bench::slice::{Bench, Kind, LOW_RATE, Lines, Slice};
use crate::bench::system_calls;
use crate::cli::{CompareArguments, CompareOnly, exit_code};
use crate::machine;

/// No new round begins later.
const BUDGET: Duration = Duration::from_secs(9 * 60);
/// The end, whatever happens.
const WHOLE_MAX: Duration = Duration::from_secs(10 * 60);
/// Before anything counts: caches fill, connections open.
const WARM_UP_ROUNDS: u32 = 2;
/// Where saturation is not what is asked for, but its rate is needed.
const RATE_ROUNDS: u32 = 4;
/// One slice for so many others, where the figures hardly vary.
const STEADY_PART: u32 = 3;
/// One more round for so many, if others had to be left out.
const SPARE_PART: u32 = 2;
/// One round in so many may fail, and is reported; of few rounds some more.
const FAILED_PART_MAX: u32 = 4;
const FAILED_MIN: u32 = 2;

/// Measures both programs; ends what it has started, also when it is stopped.
///
/// # Errors
///
/// Something is missing, has failed too often, or a signal has come.
pub(crate) async fn compare(arguments: &CompareArguments) -> anyhow::Result<Report> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What is dropped here ends its threads and processes.
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(WHOLE_MAX, Box::pin(measure(arguments))) => outcome,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    };
    let outcome = outcome.context("it took longer than 10 minutes")??;
    Ok(Report {
        text: table::table(&outcome),
        json: outcome.to_json(),
        exit_code: if arguments.require_goals && !outcome.meets_goals(arguments.only) {
            exit_code::BROKEN_RULE
        } else {
            exit_code::DONE
        },
    })
}

async fn measure(arguments: &CompareArguments) -> anyhow::Result<Outcome> {
    let circumstances = circumstances(arguments);
    let ends_at = Instant::now() + BUDGET;
    let (bench, stage) = set_up(arguments).await?;
    let mut course = Course {
        bench,
        stage,
        lines: lines(arguments),
        ends_at,
        is_cut_short: false,
    };
    course.rounds(Kind::Saturation, WARM_UP_ROUNDS).await?;
    let is_wanted = |kind| arguments.only.is_none_or(|only| only == kind);
    let slices = arguments.slices;
    let (mut saturation, mut system_calls) = (Rounds::default(), Rounds::default());
    if is_wanted(CompareOnly::Saturation) {
        saturation = course.rounds(Kind::Saturation, slices).await?;
        if system_calls::can_be_counted() {
            let rounds = slices.div_ceil(STEADY_PART);
            system_calls = course.rounds(Kind::SystemCalls, rounds).await?;
        }
    }
    let (mut half_load, mut low_load) = (Rounds::default(), Rounds::default());
    if is_wanted(CompareOnly::Latency) {
        let rate = match saturated_rate(&saturation) {
            Some(rate) => rate,
            None => {
                let rounds = course.rounds(Kind::Saturation, RATE_ROUNDS).await?;
                saturated_rate(&rounds).context("the gateway's saturation is not known")?
            }
        };
        let half = Kind::Paced { rate: rate / 2.0 };
        half_load = course.rounds(half, slices).await?;
        let low = Kind::Paced { rate: LOW_RATE };
        low_load = course.rounds(low, slices.div_ceil(STEADY_PART)).await?;
    }
    let mut checks = Rounds::default();
    if is_wanted(CompareOnly::Check) {
        checks = course.rounds(Kind::Checks, slices).await?;
    }
    Ok(Outcome {
        saturation,
        system_calls,
        half_load,
        low_load,
        checks,
        circumstances: Circumstances {
            cut_short: course
                .is_cut_short
                .then(|| "Cut short: the time was up before all rounds were made.".to_owned()),
            ..circumstances
        },
    })
}

fn saturated_rate(saturation: &Rounds) -> Option<f64> {
    let of_gateway = |round: &Round| round.subject.figure("sends_per_s");
    median(saturation.kept.iter().filter_map(of_gateway))
}

fn circumstances(arguments: &CompareArguments) -> Circumstances {
    Circumstances {
        command: std::env::args().collect(),
        started_at: jiff::Timestamp::now().to_string(),
        machine: machine::describe(),
        connections: arguments.connections,
        protocol: if arguments.http2 {
            "HTTP/2, 16 streams a connection"
        } else {
            "HTTP/1.1"
        },
        redis: if arguments.aof {
            "append-only file, written every second"
        } else {
            "nothing on disk"
        },
        cut_short: None,
    }
}

async fn set_up(arguments: &CompareArguments) -> anyhow::Result<(Bench, Stage)> {
    let bin_dir = match &arguments.bin_dir {
        Some(bin_dir) => bin_dir.clone(),
        None => beside_this_program()?,
    };
    let durability = if arguments.aof {
        Durability::EverySecond
    } else {
        Durability::Nothing
    };
    let bench = Bench::start(None).await?;
    let stage = Stage::set(&bin_dir, bench.carrier.address, durability).await?;
    Ok((bench, stage))
}

fn lines(arguments: &CompareArguments) -> Lines {
    Lines {
        protocol: if arguments.http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        },
        count: arguments.connections,
    }
}

/// The rounds that a run makes, one after the other.
struct Course {
    bench: Bench,
    stage: Stage,
    lines: Lines,
    ends_at: Instant,
    is_cut_short: bool,
}

impl Course {
    /// Makes rounds until so many count, or half as many more have been made.
    async fn rounds(&mut self, kind: Kind, wanted: u32) -> anyhow::Result<Rounds> {
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for number in 0..wanted + wanted.div_ceil(SPARE_PART) {
            if number >= wanted {
                let so_far = Rounds::new(made.clone(), failed.clone());
                if so_far.kept.len() >= wanted as usize {
                    break;
                }
            }
            if Instant::now() >= self.ends_at {
                self.is_cut_short = true;
                break;
            }
            match self.round(kind, number).await {
                Ok(round) => made.push(round),
                Err(error) => {
                    failed.push(format!("{error:#}"));
                    for which in [Which::Gateway, Which::Yardstick] {
                        let candidate = self.stage.candidate(which);
                        self.bench.calm_down(candidate).await?;
                    }
                }
            }
            ensure!(
                failed.len() <= (wanted / FAILED_PART_MAX + FAILED_MIN) as usize,
                "too many rounds failed: {}",
                failed.join("; ")
            );
        }
        Ok(Rounds::new(made, failed))
    }

    /// Every second round goes the other way, so that neither program always
    /// follows the other.
    async fn round(&mut self, kind: Kind, number: u32) -> anyhow::Result<Round> {
        let seed = u64::from(number);
        let order = if number.is_multiple_of(2) {
            [Which::Gateway, Which::Yardstick]
        } else {
            [Which::Yardstick, Which::Gateway]
        };
        let [first, second] = order;
        let first = self.slice(first, (kind, seed)).await?;
        let second = self.slice(second, (kind, seed)).await?;
        let [subject, reference] = if number.is_multiple_of(2) {
            [first, second]
        } else {
            [second, first]
        };
        Ok(Round { subject, reference })
    }

    async fn slice(&mut self, which: Which, load: (Kind, u64)) -> anyhow::Result<Slice> {
        let candidate = self.stage.candidate(which);
        self.bench.slice(candidate, &self.lines, load).await
    }
}
