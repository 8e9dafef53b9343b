//! Arguments in, exit code out.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use watchword::cli::{
    self, Arguments, Command, HealthCall, KeysCommand, MessagesCommand, Question, SubjectsCommand,
    WebhooksCommand, exit_code,
};
use watchword::clock::{Clock, SystemClock};
use watchword::config::{self, Loaded, Settings};
use watchword::message::{builtin_files, builtin_notice_files};
use watchword::run::{self, SANDBOX_DIRECTORY, Source};
use watchword::telemetry::{LogFormat, LogLevel, LogSettings, Metrics, logging};
use watchword::{api, server};

/// A send makes many short-lived values, often freed by another thread: the
/// system's allocator spent a sixth of the gateway's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Without standard output there is nobody to tell.
            drop(writeln!(io::stderr(), "watchword: {error:#}"));
            ExitCode::from(exit_code::FAILED)
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<u8> {
    let (loaded, source) = match arguments.command {
        Some(Command::CheckConfig(file)) => {
            let mut out = io::stdout().lock();
            return Ok(cli::check_config(
                &file.config,
                &mut out,
                &mut io::stderr().lock(),
            )?);
        }
        Some(Command::Keys(KeysCommand::New)) => {
            cli::new_keys(&mut io::stdout().lock())?;
            return Ok(exit_code::DONE);
        }
        Some(Command::Messages(command)) => return Ok(messages(&command)?),
        Some(Command::Openapi) => {
            writeln!(io::stdout(), "{}", api::openapi::DOCUMENT)?;
            return Ok(exit_code::DONE);
        }
        Some(Command::Explain(call)) => return ask(&Question::Explain(call)),
        Some(Command::Send(call)) => return ask(&Question::Send(call)),
        Some(Command::Find(call)) => return ask(&Question::Find(call)),
        Some(Command::Routes(call)) => return ask(&Question::Routes(call)),
        Some(Command::Webhooks(WebhooksCommand::Replay(call))) => {
            return ask(&Question::Replay(call));
        }
        Some(Command::Subjects(SubjectsCommand::ImportGraph(call))) => {
            return ask(&Question::ImportGraph(call));
        }
        Some(Command::Health(call)) => return health(&call),
        Some(Command::Serve(file)) => (config::load(&file.config), Source::File(file.config)),
        None => (
            Settings::sandbox(Path::new(SANDBOX_DIRECTORY)),
            Source::Sandbox,
        ),
    };
    match loaded {
        Ok(loaded) => serve(loaded, source),
        Err(error) => {
            cli::write_error(&error, &mut io::stderr().lock())?;
            Ok(exit_code::REFUSED)
        }
    }
}

fn ask(question: &Question) -> anyhow::Result<u8> {
    match cli::ask(question, &mut io::stdout().lock()) {
        Ok(()) => Ok(exit_code::DONE),
        Err(error) => {
            writeln!(io::stderr(), "watchword: {error}")?;
            Ok(error.exit_code())
        }
    }
}

fn messages(command: &MessagesCommand) -> io::Result<u8> {
    let mut out = io::stdout().lock();
    let mut mistakes = io::stderr().lock();
    match command {
        MessagesCommand::Lint { directory } => {
            cli::lint_messages(directory.as_deref(), &mut out, &mut mistakes)
        }
        MessagesCommand::Show { tag, notices } => {
            let files = if *notices {
                builtin_notice_files()
            } else {
                builtin_files()
            };
            cli::show_messages((tag, files), &mut out, &mut mistakes)
        }
    }
}

fn health(call: &HealthCall) -> anyhow::Result<u8> {
    match cli::health(call, &mut io::stdout().lock()) {
        Ok(()) => Ok(exit_code::DONE),
        Err(error) => {
            writeln!(io::stderr(), "watchword: {error}")?;
            Ok(error.exit_code())
        }
    }
}

fn serve(loaded: Loaded, source: Source) -> anyhow::Result<u8> {
    let logs = logging::start(&log_settings(&loaded.settings))?;
    log_panics_without_payload();
    let limits = server::prepare_process();
    if let Err(error) = &limits.open_files_max {
        tracing::warn!("the limit of open files could not be raised: {error}");
    }
    if let Err(error) = &limits.core_dumps_off {
        tracing::warn!("core dumps could not be switched off: {error}");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = Arc::new(Metrics::new(logs.dropped_lines()));
    metrics.process_started(SystemClock.now_ms());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(run::run(loaded, source, metrics));
    // A name look-up that hangs must not hold the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // Nothing else holds the store now: dropping it writes the last steps down.
    let result = result.map(drop);
    drop(logs);
    result?;
    Ok(exit_code::DONE)
}

/// What a panic says may hold a number or a code: only its place is logged.
fn log_panics_without_payload() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings {
        level: match settings.log.level {
            config::LogLevel::Error => LogLevel::Error,
            config::LogLevel::Warn => LogLevel::Warn,
            config::LogLevel::Info => LogLevel::Info,
            config::LogLevel::Debug => LogLevel::Debug,
            config::LogLevel::Trace => LogLevel::Trace,
        },
        format: match settings.log.format {
            config::LogFormat::Text => LogFormat::Human,
            config::LogFormat::Json => LogFormat::Json,
        },
        ..LogSettings::default()
    }
}
