//! Many lines in one write: the thread that writes them rests between two
//! flushes, and what is logged meanwhile wakes nobody.

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::Duration;

/// A line waits no longer than this for its write. Waking the thread for each
/// line cost a busy gateway three system calls a send.
const REST: Duration = Duration::from_millis(5);

/// An output that rests after each flush.
pub(super) struct Gathering<W: Write>(BufWriter<W>);

impl<W: Write> Gathering<W> {
    pub(super) fn new(output: W) -> Self {
        Self(BufWriter::with_capacity(64 * 1024, output))
    }
}

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Called by the writing thread when no line waits any more.
    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.flush();
        thread::sleep(REST);
        flushed
    }
}
