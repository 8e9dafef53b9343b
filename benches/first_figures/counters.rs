//! What the system and Redis count: nanoseconds of CPU, commands, reads.

use std::collections::HashMap;
use std::fs;

use anyhow::Context as _;

/// CPU time by thread, in ns.
pub(crate) struct CpuTime(HashMap<String, u64>);

impl CpuTime {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let mut by_thread = HashMap::new();
        for thread in fs::read_dir(format!("/proc/{process}/task")).context("it has ended")? {
            let thread = thread?;
            // A thread may end between the two reads: what it used is lost, and little.
            let Ok(counted) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let on_cpu = counted.split(' ').next().unwrap_or_default().parse()?;
            by_thread.insert(thread.file_name().to_string_lossy().into_owned(), on_cpu);
        }
        Ok(Self(by_thread))
    }

    /// In ns.
    pub(crate) fn since(&self, before: &Self) -> u64 {
        let used = |(thread, now): (&String, &u64)| {
            now.saturating_sub(before.0.get(thread).copied().unwrap_or(0))
        };
        self.0.iter().map(used).sum()
    }
}

/// CPU time of this program's children that have ended, in ticks of 10 ms.
pub(crate) fn ended_children_ticks() -> anyhow::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .context("/proc/self/stat has a name")?;
    // The 14th and 15th behind the name: user and system time of waited-for children.
    let mut times = fields.split_ascii_whitespace().skip(13);
    let mut next = || -> anyhow::Result<u64> {
        Ok(times.next().context("/proc/self/stat is short")?.parse()?)
    };
    Ok(next()? + next()?)
}

/// What a Redis server has counted since its start.
#[derive(Clone, Copy)]
pub(crate) struct RedisCounters {
    /// Scripts run for clients: `EVALSHA` and `EVAL`.
    pub(crate) scripts: u64,
    /// Commands, those inside scripts included.
    pub(crate) commands: u64,
    /// Times a client's socket was read.
    pub(crate) reads: u64,
    pub(crate) memory_bytes: u64,
}

impl RedisCounters {
    pub(crate) fn of(connection: &mut redis::Connection) -> anyhow::Result<Self> {
        let counted: String = redis::cmd("INFO").arg("everything").query(connection)?;
        let number = |name: &str| -> u64 {
            let line = counted.lines().find_map(|line| line.strip_prefix(name));
            let digits = line.and_then(|line| line.split([',', '\r']).next());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        Ok(Self {
            scripts: number("cmdstat_evalsha:calls=") + number("cmdstat_eval:calls="),
            commands: number("total_commands_processed:"),
            reads: number("total_reads_processed:"),
            memory_bytes: number("used_memory:"),
        })
    }
}
