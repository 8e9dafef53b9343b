//! The load tester. Starts with the command line and ends with an exit code; in
//! between, the modules stand in the order of a run.

mod cli;
mod commands;

mod machine;
mod run;
mod scenario;
mod stage;
mod target;
mod tls;

mod arrivals;
mod bench;
mod capacity;
mod carrier;
mod chance;
mod compare;
mod handset;
mod people;
mod recorder;
mod seconds;
mod sends;
mod shape;
mod tenant;
mod timer;

mod diff;
#[cfg(test)]
mod example;
mod histogram;
mod merge;
mod phases;
mod report;
mod results;
mod slo;
mod table;
mod units;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::obey(arguments.command)));
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody is left to tell if this fails.
            writeln!(std::io::stderr(), "watchword-loadtest: {error:#}").ok();
            ExitCode::from(cli::exit_code::FAILED)
        }
    }
}
