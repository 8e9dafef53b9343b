//! System calls of a program, counted by `perf` where it is installed and allowed
//! to. Counting costs the program a little, so it has slices of its own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

const EVENT: &str = "raw_syscalls:sys_enter";
/// Until it counts.
const ATTACH: Duration = Duration::from_millis(500);

/// A count that goes on until it is taken; ends when dropped.
pub(crate) struct Counting {
    perf: Child,
    file: NamedTempFile,
}

impl Drop for Counting {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.perf.kill().ok();
        self.perf.wait().ok();
    }
}

/// Whether there is a `perf` that may count.
pub(crate) fn can_be_counted() -> bool {
    let counted = Command::new("perf")
        .args(["stat", "-e", EVENT, "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    counted.is_ok_and(|status| status.success())
}

impl Counting {
    /// Counts for all threads of these processes, and those that they start.
    pub(crate) async fn begin(processes: impl Iterator<Item = u32>) -> anyhow::Result<Self> {
        let file = NamedTempFile::new().context("a file for perf")?;
        let processes: Vec<String> = processes.map(|process| process.to_string()).collect();
        let perf = Command::new("perf")
            .args(["stat", "-x", ",", "-e", EVENT, "-o"])
            .arg(file.path())
            .args(["-p", &processes.join(",")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting perf")?;
        let counting = Self { perf, file };
        tokio::time::sleep(ATTACH).await;
        Ok(counting)
    }

    /// How many there have been.
    pub(crate) fn take(mut self) -> anyhow::Result<u64> {
        // On an interrupt it writes down what it has counted.
        kill_process(Pid::from_child(&self.perf), Signal::INT)?;
        self.perf.wait()?;
        let report =
            std::fs::read_to_string(self.file.path()).context("perf has written nothing")?;
        let count = read(&report).with_context(|| format!("perf did not count: {report}"))?;
        ensure!(count > 0, "perf has seen no system call");
        Ok(count)
    }
}

/// The count in a report of comma-separated values.
fn read(report: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_stands_before_its_event() {
        let report = "# started on Sun Nov 22\n\n48123,,raw_syscalls:sys_enter,9,100.00,,\n";
        assert_eq!(read(report), Some(48_123));
        assert_eq!(
            read("<not counted>,,raw_syscalls:sys_enter,0,100.00,,"),
            None
        );
        assert_eq!(read("# started on Sun Nov 22\n"), None);
    }
}
