//! The command line: what can be asked for, and how it ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// How the program ends.
pub(crate) mod exit_code {
    /// Done, and every rule held.
    pub(crate) const DONE: u8 = 0;
    /// It did not work; the last line says why.
    pub(crate) const FAILED: u8 = 1;
    /// A rule did not hold. Arguments that are wrong end with 2, as everywhere.
    pub(crate) const BROKEN_RULE: u8 = 3;
    /// The figures do not count.
    pub(crate) const VOID: u8 = 4;
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and every rule held
  1  it did not work; the last line says why
  2  the arguments are wrong
  3  a rule did not hold
  4  the run is void: its figures do not count";

/// Watchword's load tester: people who ask for codes, a simulated carrier that
/// has good and bad days, and an honest report.
#[derive(Debug, Parser)]
#[command(name = "watchword-loadtest", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 30 seconds, nothing to configure: starts a gateway and tries a little of everything.
    Quick(QuickArguments),
    /// Run a scenario against gateways of its own, or against yours.
    Run(RunArguments),
    /// Measure the gateway beside the yardstick, a bare program that does the same
    /// input and output.
    Compare(CompareArguments),
    /// Measure what the tester itself costs, without any gateway.
    Capacity(CapacityArguments),
    /// Measure how the gateway's cost changes with what is asked of it: live
    /// verifications, shards, connections, TLS, HTTP/2, stores, and what it keeps in
    /// memory.
    Shape(ShapeArguments),
    /// Run the simulated carrier alone.
    Carrier(CarrierArguments),
    /// Print what a gateway needs in its configuration to be tested.
    Init(InitArguments),
    /// List the scenarios.
    Scenarios,
    /// Make one report of the results of several generators.
    Merge(MergeArguments),
    /// Set two results side by side.
    Diff(DiffArguments),
}

#[derive(Debug, Args)]
pub(crate) struct QuickArguments {
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// The gateway's binary; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    pub(crate) gateway: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// One of `watchword-loadtest scenarios`, or a file of that form.
    pub(crate) scenario: String,
    /// A gateway that runs already, as http://HOST:PORT or https://HOST:PORT;
    /// several times for several.
    /// Without it, gateways are started for the run.
    #[arg(long, value_name = "URL")]
    pub(crate) target: Vec<String>,
    /// The target's API key. Without it, the environment's `WATCHWORD_LOADTEST_API_KEY`.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// What target and carrier sign with. Without it, the environment's
    /// `WATCHWORD_LOADTEST_SECRET`; without either, no receipts.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Where the target was told that its providers are.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    pub(crate) carrier_listen: SocketAddr,
    /// Authorities that sign the targets' certificates, in PEM. Without it, those
    /// that browsers trust.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) ca: Option<PathBuf>,
    /// Load a target that is not on this machine.
    #[arg(long, requires = "target")]
    pub(crate) i_own_this_target: bool,
    /// Arrivals a second in the scenario's first phase; the others keep their proportion.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<f64>,
    /// Length of the whole; all times keep their proportion.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration_s: Option<f64>,
    /// A rule besides the scenario's own, such as `accept.p99<20ms` or `lost=0`.
    #[arg(long, value_name = "RULE")]
    pub(crate) slo: Vec<String>,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Write files for HDR histogram tools too.
    #[arg(long)]
    pub(crate) hlog: bool,
    /// Speak HTTP/2 to the gateway.
    #[arg(long)]
    pub(crate) http2: bool,
    /// Threads of the generator, and as many of the carrier. By default one for
    /// each 15,000 arrivals a second.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// Draws the same arrivals, people and fates again.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The gateway's binary; by default the one beside this program.
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub(crate) gateway: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Writes the figures there too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Slices of about a second for each program and kind of load. Fewer than 24
    /// say little.
    #[arg(long, value_name = "COUNT", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) slices: u32,
    /// Requests under way at once.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) connections: u32,
    /// Measure only this.
    #[arg(long, value_enum)]
    pub(crate) only: Option<CompareOnly>,
    /// Speak HTTP/2 to both programs, 16 requests at once on each connection.
    #[arg(long)]
    pub(crate) http2: bool,
    /// Have both Redis servers write an append-only file, every second.
    #[arg(long)]
    pub(crate) aof: bool,
    /// Where `watchword` and `watchword-yardstick` are; by default beside this program.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// End with 3 if a goal is missed in any of the four groups of rounds.
    #[arg(long)]
    pub(crate) require_goals: bool,
}

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareOnly {
    /// CPU and sends a second with all that fits in.
    Saturation,
    /// Percentiles at half of that, and wake-ups at 1,000 sends a second.
    Latency,
    /// CPU of a check.
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct CapacityArguments {
    /// Sends a second of the generator.
    #[arg(long, value_name = "RATE", default_value_t = 10_000.0)]
    pub(crate) rate: f64,
    /// How long it sends.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub(crate) duration_s: f64,
}

#[derive(Debug, Args)]
pub(crate) struct ShapeArguments {
    /// Writes the figures there too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Measure only this part.
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Option<ShapePart>,
    /// Rounds of each part, with a slice of each of its configurations. Fewer than 8
    /// say little.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=24))]
    pub(crate) rounds: u32,
    /// Where the stores write, on a disk of the kind that matters; by default the
    /// system's directory for temporary files.
    #[arg(long, value_name = "DIR")]
    pub(crate) disk: Option<PathBuf>,
    /// Where `watchword` is; by default beside this program.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// End with 3 if a goal is missed.
    #[arg(long)]
    pub(crate) require_goals: bool,
}

/// A part of the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShapePart {
    /// CPU of a send with 100 to 100,000 live verifications in the store.
    Live,
    /// CPU of a send with 1 to 64 shards.
    Shards,
    /// CPU of a send over 64 to 1,000 connections.
    Connections,
    /// Bytes of a verification, live and ended, and of an idle connection.
    Memory,
    /// Two gateways on one Redis beside one.
    Two,
    /// CPU of a handshake, full and resumed, and of a send under TLS.
    Tls,
    /// HTTP/2 with 16 streams a connection beside HTTP/1.1.
    Http2,
    /// Redis with an append-only file, every second and always, beside none.
    Aof,
    /// The embedded store, with every send on disk before its answer.
    Embedded,
}

#[derive(Debug, Args)]
pub(crate) struct CarrierArguments {
    /// Whose providers and script: a scenario's name or a file.
    #[arg(long, default_value = "steady")]
    pub(crate) scenario: String,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    pub(crate) listen: SocketAddr,
    /// What gateway and carrier sign with. Without it, the environment's
    /// `WATCHWORD_LOADTEST_SECRET`; without either, no receipts.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Send receipts to gateways that are not on this machine.
    #[arg(long)]
    pub(crate) i_own_this_target: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The scenario that is to be run: its providers and countries.
    #[arg(default_value = "steady")]
    pub(crate) scenario: String,
    /// Where the gateway reaches the tester's carrier.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    pub(crate) carrier: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The `.json` files of the generators.
    #[arg(required = true, num_args = 2..)]
    pub(crate) results: Vec<PathBuf>,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    pub(crate) before: PathBuf,
    pub(crate) after: PathBuf,
    /// Write a page too; not over one that is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
