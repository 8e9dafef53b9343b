//! What the kernel and Redis count: nanoseconds of CPU, times gone to sleep,
//! commands, reads.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

/// Work done since the start of whatever does it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work {
    /// CPU time in ns.
    pub(crate) cpu_ns: u64,
    /// Times a thread has gone to sleep, that is voluntary context switches. As
    /// many times it was woken.
    pub(crate) sleeps: u64,
}

impl std::ops::Sub for Work {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            sleeps: self.sleeps.saturating_sub(before.sleeps),
        }
    }
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns + other.cpu_ns,
            sleeps: self.sleeps + other.sleeps,
        }
    }
}

/// The work of a process. Threads that have ended count with what they had done
/// when they were last seen, so it is read often, also in the middle of a slice.
pub(crate) struct ProcessWork {
    process: u32,
    by_thread: HashMap<String, Work>,
}

impl ProcessWork {
    pub(crate) fn of(process: u32) -> Self {
        Self {
            process,
            by_thread: HashMap::new(),
        }
    }

    /// The CPU time so far.
    pub(crate) fn cpu(&mut self) -> anyhow::Result<Work> {
        self.read(Wanted::Cpu)
    }

    /// CPU time and sleeps so far.
    pub(crate) fn all(&mut self) -> anyhow::Result<Work> {
        self.read(Wanted::All)
    }

    fn read(&mut self, wanted: Wanted) -> anyhow::Result<Work> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process));
        for thread in threads.context("it has ended")? {
            let thread = thread?;
            let known = self
                .by_thread
                .entry(thread.file_name().to_string_lossy().into_owned())
                .or_default();
            // A thread may end between two reads: it keeps what is known of it.
            if let Ok(cpu_ns) = cpu_ns(thread.path()) {
                known.cpu_ns = cpu_ns;
            }
            if let Wanted::All = wanted
                && let Ok(sleeps) = sleeps(thread.path())
            {
                known.sleeps = sleeps;
            }
        }
        Ok(self
            .by_thread
            .values()
            .fold(Work::default(), |sum, thread| sum + *thread))
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    Cpu,
    All,
}

/// A thread of this program.
#[derive(Clone, Copy)]
pub(crate) struct ThreadId(i32);

impl ThreadId {
    pub(crate) fn of_this() -> Self {
        Self(rustix::thread::gettid().as_raw_nonzero().get())
    }

    /// CPU time so far, in ns.
    pub(crate) fn cpu_ns(self) -> anyhow::Result<u64> {
        cpu_ns(PathBuf::from(format!("/proc/self/task/{}", self.0)))
    }
}

fn cpu_ns(thread: PathBuf) -> anyhow::Result<u64> {
    let counted = fs::read_to_string(thread.join("schedstat"))?;
    Ok(counted.split(' ').next().unwrap_or_default().parse()?)
}

fn sleeps(thread: PathBuf) -> anyhow::Result<u64> {
    let status = fs::read_to_string(thread.join("status"))?;
    let sleeps = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    Ok(sleeps
        .context("the kernel does not count")?
        .trim()
        .parse()?)
}

/// What a Redis server has counted since its start.
#[derive(Clone, Copy)]
pub(crate) struct RedisCounters {
    /// Scripts run for clients.
    pub(crate) scripts: u64,
    /// Commands, those inside scripts included.
    pub(crate) commands: u64,
    /// Times a client's socket was read.
    pub(crate) reads: u64,
    pub(crate) memory_bytes: u64,
}

impl RedisCounters {
    pub(crate) fn read(connection: &mut redis::Connection) -> anyhow::Result<Self> {
        let counted: String = redis::cmd("INFO").arg("everything").query(connection)?;
        Ok(Self::parse(&counted))
    }

    fn parse(counted: &str) -> Self {
        let number = |name: &str| -> u64 {
            let line = counted.lines().find_map(|line| line.strip_prefix(name));
            let digits = line.and_then(|line| line.split([',', '\r']).next());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let scripts = ["evalsha", "eval", "fcall"];
        let calls = scripts.map(|script| number(&format!("cmdstat_{script}:calls=")));
        Self {
            scripts: calls.iter().sum(),
            commands: number("total_commands_processed:"),
            reads: number("total_reads_processed:"),
            memory_bytes: number("used_memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_counts_is_read_from_what_it_tells() {
        let counted = "# Stats\r\ntotal_commands_processed:190\r\ntotal_reads_processed:31\r\n\
            used_memory:1048576\r\ncmdstat_evalsha:calls=20,usec=4,rejected_calls=0\r\n\
            cmdstat_eval:calls=2,usec=4\r\n";
        let counters = RedisCounters::parse(counted);
        assert_eq!((counters.scripts, counters.commands), (22, 190));
        assert_eq!((counters.reads, counters.memory_bytes), (31, 1_048_576));
    }

    #[test]
    fn a_thread_that_has_ended_still_counts() {
        let mut work = ProcessWork::of(std::process::id());
        let (seen, wait) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut sum = 0_u64;
            for number in 0..3_000_000_u64 {
                sum = std::hint::black_box(sum.wrapping_add(number));
            }
            begun.send(ThreadId::of_this()).unwrap();
            wait.recv().unwrap_err();
        });
        let id = begins.recv().unwrap();
        work.all().unwrap();
        drop(seen);
        thread.join().unwrap();
        work.all().unwrap();
        let known = work.by_thread[&id.0.to_string()];
        assert!(known.cpu_ns > 0);
    }
}
