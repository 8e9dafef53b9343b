//! Beside every stop: where log lines go, in which form, and how many at most.
//!
//! Lines are written by a thread of their own behind a bounded queue. A slow
//! output loses lines and counts them; it never makes a request wait.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

mod capture;
mod gather;
mod json;

pub use capture::{CapturedLog, capture};
use json::{JsonLine, JsonSpan};

/// The target every module of ours logs under, providers included.
const OUR_TARGET: &str = "watchword";

/// How much of what we do is logged. What others (hyper, rustls, the Redis
/// client) log is never below `warn`: their lower levels print what came from
/// outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Human,
}

/// What the configuration says about logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: LogLevel,
    pub format: LogFormat,
    /// How many lines may wait for a slow output before further ones are lost.
    pub buffered_lines_max: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            format: LogFormat::default(),
            buffered_lines_max: 16_384,
        }
    }
}

/// How many log lines were lost to a slow output.
#[derive(Clone, Default)]
pub struct DroppedLines {
    counter: Option<ErrorCounter>,
}

impl DroppedLines {
    /// Of a writer that loses none.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn count(&self) -> u64 {
        let count = self.counter.as_ref().map_or(0, ErrorCounter::dropped_lines);
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for DroppedLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("DroppedLines")
            .field(&self.count())
            .finish()
    }
}

/// Keeps the writing thread alive; dropping it writes what still waits.
#[must_use = "lines still waiting are written when this is dropped, at the end of main"]
#[derive(Debug)]
pub struct LogGuard {
    dropped_lines: DroppedLines,
    _worker: WorkerGuard,
}

impl LogGuard {
    pub fn dropped_lines(&self) -> DroppedLines {
        self.dropped_lines.clone()
    }
}

/// Logging was started before, by us or by another library.
#[derive(Debug, thiserror::Error)]
#[error("logging was already started in this process")]
pub struct AlreadyStarted(#[source] tracing_subscriber::util::TryInitError);

/// Starts logging to the standard output, for the whole process.
///
/// # Errors
///
/// Logging had been started before; nothing changes.
pub fn start(settings: &LogSettings) -> Result<LogGuard, AlreadyStarted> {
    let (writer, worker, dropped_lines) = bounded(settings, io::stdout());
    let is_terminal = io::stdout().is_terminal();
    tracing_subscriber::registry()
        .with(layer(settings, writer, Ansi::on_terminal(is_terminal)))
        .try_init()
        .map_err(AlreadyStarted)?;
    Ok(LogGuard {
        dropped_lines,
        _worker: worker,
    })
}

/// Puts a bounded queue and a thread of its own before an output.
fn bounded<W>(settings: &LogSettings, output: W) -> (NonBlocking, WorkerGuard, DroppedLines)
where
    W: io::Write + Send + 'static,
{
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(settings.buffered_lines_max.max(1))
        .thread_name("log-writer")
        .finish(gather::Gathering::new(output));
    let dropped_lines = DroppedLines {
        counter: Some(writer.error_counter()),
    };
    (writer, worker, dropped_lines)
}

/// Whether lines may carry colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ansi {
    Colours,
    Plain,
}

impl Ansi {
    fn on_terminal(is_terminal: bool) -> Self {
        if is_terminal {
            Self::Colours
        } else {
            Self::Plain
        }
    }
}

fn layer<S, W>(settings: &LogSettings, writer: W, ansi: Ansi) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let filter = filter(settings.level);
    match settings.format {
        LogFormat::Json => layer
            .fmt_fields(JsonSpan)
            .event_format(JsonLine)
            .with_filter(filter)
            .boxed(),
        LogFormat::Human => layer
            .with_target(false)
            .with_ansi(ansi == Ansi::Colours)
            .with_filter(filter)
            .boxed(),
    }
}

fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(ours.min(LevelFilter::WARN))
        .with_target(OUR_TARGET, ours)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_line_is_one_json_object_with_its_fields_at_the_top() {
        let (log, guard) = capture(&LogSettings::default());
        tracing::info!(provider = "hook-a", duration_ms = 84_u64, "submitted");
        drop(guard);

        let text = log.text();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "submitted");
        assert_eq!(line["provider"], "hook-a");
        assert_eq!(line["duration_ms"], 84);
        assert_eq!(line["level"], "INFO");
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
    }

    /// An output that takes nothing until its test lets it go.
    struct Stuck(mpsc::Receiver<()>);

    impl io::Write for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // An error means the test is over.
            self.0.recv().ok();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_output_loses_lines_and_counts_them_and_nobody_waits() {
        let settings = LogSettings {
            buffered_lines_max: 8,
            ..LogSettings::default()
        };
        let (release, stuck) = mpsc::channel();
        let (writer, worker, dropped_lines) = bounded(&settings, Stuck(stuck));
        let metrics = Metrics::new(dropped_lines.clone());
        // Not by way of an event: whether one is wanted changes for all threads
        // while other tests begin and end.
        for _ in 0..100 {
            writer.make_writer().write_all(b"one of many\n").unwrap();
        }

        // Eight wait, and at most one is with the output.
        let dropped = dropped_lines.count();
        assert!((91..=92).contains(&dropped), "{dropped}");
        let sample = format!("watchword_log_lines_dropped_total {dropped}");
        assert!(metrics.encode().contains(&sample));
        drop(release);
        drop(worker);
    }

    #[test]
    fn what_others_log_stays_at_warn_whatever_our_level() {
        let settings = LogSettings {
            level: LogLevel::Trace,
            ..LogSettings::default()
        };
        let (log, guard) = capture(&settings);
        tracing::info!(target: "hyper::proto", "a header as it came");
        tracing::debug!(target: "rustls::server", "a name as it came");
        tracing::warn!(target: "redis::aio", "the connection is lost");
        tracing::trace!(target: "watchword_providers::webhook", "a step of ours");
        drop(guard);

        let text = log.text();
        assert!(!text.contains("as it came"), "{text}");
        assert!(text.contains("the connection is lost"), "{text}");
        assert!(text.contains("a step of ours"), "{text}");
    }

    #[test]
    fn a_level_of_error_silences_the_warnings_of_others_too() {
        let settings = LogSettings {
            level: LogLevel::Error,
            ..LogSettings::default()
        };
        let (log, guard) = capture(&settings);
        tracing::warn!(target: "redis::aio", "the connection is lost");
        tracing::error!("someone must act");
        drop(guard);

        assert_eq!(log.text().lines().count(), 1);
    }

    #[test]
    fn a_person_at_a_terminal_reads_a_plain_sentence() {
        let settings = LogSettings {
            format: LogFormat::Human,
            ..LogSettings::default()
        };
        let (log, guard) = capture(&settings);
        tracing::info!(listen = "127.0.0.1:8080", "listening");
        drop(guard);

        let text = log.text();
        assert!(
            text.contains("INFO listening listen=\"127.0.0.1:8080\""),
            "{text}"
        );
    }
}
