//! Arguments in, exit code out.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use watchword::cli::{self, Arguments, Command, KeysCommand, exit_code};
use watchword::config::{self, Settings};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Without standard output there is nobody to tell.
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::from(exit_code::FAILED)
        }
    }
}

fn run(arguments: Arguments) -> io::Result<u8> {
    let loaded = match arguments.command {
        Some(Command::CheckConfig(file)) => {
            return cli::check_config(
                &file.config,
                &mut io::stdout().lock(),
                &mut io::stderr().lock(),
            );
        }
        Some(Command::Keys(KeysCommand::New)) => {
            cli::new_keys(&mut io::stdout().lock())?;
            return Ok(exit_code::DONE);
        }
        Some(Command::Serve(file)) => config::load(&file.config),
        None => Settings::sandbox(Path::new("watchword-sandbox")),
        Some(Command::Explain(_) | Command::Send(_) | Command::Find(_) | Command::Openapi) => {
            return Err(io::Error::other(
                "this command needs the service, which this build lacks",
            ));
        }
    };
    match loaded {
        Ok(_) => Err(io::Error::other("this build has no service yet")),
        Err(error) => {
            cli::write_error(&error, &mut io::stderr().lock())?;
            Ok(exit_code::REFUSED)
        }
    }
}
