//! The first figures for speed: a release gateway and the yardstick under the
//! same load, each with a Redis of its own, in short alternating slices.
//!
//! Everything runs on loopback and ends within minutes. Needs `redis-server` and
//! `wrk` on the path, and a release build of `watchword` and `watchword-yardstick`.

mod counters;
mod load;
mod processes;
mod report;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Parser;

use load::Load;
use processes::{Candidate, Stage};
use report::{Level, Slice};

/// One round in so many may fail, and is reported.
const FAILED_PART_MAX: usize = 4;

/// Measures the gateway beside the yardstick.
#[derive(Parser)]
struct Arguments {
    /// Where the release builds lie. Default: beside this program.
    #[arg(long)]
    bin_dir: Option<PathBuf>,
    /// Slices for each program and level of load.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(4..=100))]
    slices: u32,
    /// Connections that saturate the machine.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// Connections at the lower level.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections_low: u32,
    /// Writes the figures there too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bin_dir = match &arguments.bin_dir {
        Some(bin_dir) => bin_dir.clone(),
        None => std::env::current_exe()?
            .parent()
            .context("a program lies in a directory")?
            .to_owned(),
    };
    let stage = Stage::set(&bin_dir)?;
    let mut load = Load::new(stage.directory(), stage.api_key())?;
    for candidate in stage.candidates() {
        load.slice(&stage, candidate, arguments.connections)
            .context("warming up")?;
        load.slice(&stage, candidate, arguments.connections)?;
    }
    let levels = vec![
        level(
            &stage,
            &mut load,
            "saturation",
            (arguments.connections, arguments.slices),
        )?,
        level(
            &stage,
            &mut load,
            "low",
            (arguments.connections_low, arguments.slices),
        )?,
    ];
    let [gateway, yardstick] = stage.candidates();
    let figures = report::Figures {
        levels,
        gateway_round_trips: load.round_trips(&stage, gateway)?,
        yardstick_round_trips: load.round_trips(&stage, yardstick)?,
    };
    let json = serde_json::to_vec_pretty(&figures.to_json())?;
    if let Some(path) = &arguments.json {
        fs::write(path, &json).with_context(|| format!("writing {}", path.display()))?;
    }
    let mut out = io::stdout().lock();
    out.write_all(&json)?;
    writeln!(out, "\n\n{}", figures.table())?;
    Ok(())
}

/// Alternating slices; every second round goes the other way, so that neither
/// program always follows the other.
fn level(
    stage: &Stage,
    load: &mut Load,
    name: &'static str,
    (connections, slices): (u32, u32),
) -> anyhow::Result<Level> {
    let mut rounds = Vec::new();
    let mut failed = Vec::new();
    for round in 0..slices {
        match both(stage, load, (connections, round % 2 == 0)) {
            Ok(slices) => rounds.push(slices),
            Err(error) => failed.push(format!("{error:#}")),
        }
        ensure!(
            failed.len() <= rounds.len() / FAILED_PART_MAX + 1,
            "too many rounds failed: {failed:?}"
        );
    }
    Ok(Level::new((name, connections), rounds, failed))
}

/// One round. Its second slice follows whatever became of the first.
fn both(
    stage: &Stage,
    load: &mut Load,
    (connections, is_gateway_first): (u32, bool),
) -> anyhow::Result<(Slice, Slice)> {
    let [gateway, yardstick] = stage.candidates();
    let mut measure = |candidate: &Candidate| {
        let slice = load.slice(stage, candidate, connections);
        slice.with_context(|| format!("{} at {connections} connections", candidate.name))
    };
    if is_gateway_first {
        let of_gateway = measure(gateway);
        let of_yardstick = measure(yardstick);
        Ok((of_gateway?, of_yardstick?))
    } else {
        let of_yardstick = measure(yardstick);
        Ok((measure(gateway)?, of_yardstick?))
    }
}
