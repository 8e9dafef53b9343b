//! Beside every stop, in tests: the log kept in memory, to be searched for what
//! must never be in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{AlreadyStarted, Ansi, LogSettings, layer};

/// More than any test logs; what comes after it is lost, and said to be.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A log kept in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct CapturedLog {
    kept: Arc<Mutex<Vec<u8>>>,
}

impl CapturedLog {
    /// Captures the log of the whole process, for an integration test's binary.
    ///
    /// # Errors
    ///
    /// Logging had been started before; nothing changes.
    pub fn start(settings: &LogSettings) -> Result<Self, AlreadyStarted> {
        let log = Self::default();
        tracing_subscriber::registry()
            .with(layer(settings, log.clone(), Ansi::Plain))
            .try_init()
            .map_err(AlreadyStarted)?;
        Ok(log)
    }

    /// Everything logged so far.
    pub fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

/// Captures what the current thread logs until the guard is dropped.
pub fn capture(settings: &LogSettings) -> (CapturedLog, DefaultGuard) {
    let log = CapturedLog::default();
    let guard = tracing_subscriber::registry()
        .with(layer(settings, log.clone(), Ansi::Plain))
        .set_default();
    (log, guard)
}

impl Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + bytes.len() > KEPT_BYTES_MAX {
            return Err(io::Error::other("the captured log is full"));
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for CapturedLog {
    type Writer = Self;

    fn make_writer(&self) -> Self::Writer {
        self.clone()
    }
}
