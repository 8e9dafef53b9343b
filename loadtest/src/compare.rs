//! Gateway beside yardstick: the same load on both in short alternating slices,
//! so that what the machine does meanwhile meets both. Figures of one run can be
//! compared; those of two runs cannot.

mod carrier;
mod counters;
mod generator;
mod line;
mod notes;
mod outcome;
mod requests;
mod rounds;
mod slice;
mod stage;
mod system_calls;
mod table;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::carrier::Carrier;
use self::generator::Generator;
use self::line::Protocol;
use self::notes::Notes;
use self::outcome::{Circumstances, Outcome};
use self::rounds::{Round, Rounds, median};
use self::slice::{Bench, Kind, LOW_RATE};
use self::stage::{Durability, Stage, Which};
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

/// What was found, as text and as JSON, and how the program ends.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) json: serde_json::Value,
    pub(crate) exit_code: u8,
}

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
    let mut course = Course {
        bench: set_up(arguments).await?,
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
    let of_gateway = |round: &Round| round.gateway.figure("sends_per_s");
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

async fn set_up(arguments: &CompareArguments) -> anyhow::Result<Bench> {
    let bin_dir = match &arguments.bin_dir {
        Some(bin_dir) => bin_dir.clone(),
        None => beside_this_program()?,
    };
    let notes = Notes::new();
    let carrier = Carrier::start(Arc::clone(&notes)).await?;
    let durability = if arguments.aof {
        Durability::EverySecond
    } else {
        Durability::Nothing
    };
    Ok(Bench {
        generator: Generator::start(Arc::clone(&notes)).await?,
        stage: Stage::set(&bin_dir, carrier.address, durability).await?,
        carrier,
        notes,
        protocol: if arguments.http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        },
        connections: arguments.connections,
    })
}

fn beside_this_program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let directory = here.parent().context("a program lies in a directory")?;
    Ok(directory.to_owned())
}

/// The rounds that a run makes, one after the other.
struct Course {
    bench: Bench,
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
                    self.bench.calm_down().await?;
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
        let mut slice = async |which| self.bench.slice(which, kind, seed).await;
        if number.is_multiple_of(2) {
            let gateway = slice(Which::Gateway).await?;
            let yardstick = slice(Which::Yardstick).await?;
            Ok(Round { gateway, yardstick })
        } else {
            let yardstick = slice(Which::Yardstick).await?;
            let gateway = slice(Which::Gateway).await?;
            Ok(Round { gateway, yardstick })
        }
    }
}
