//! A Redis of a candidate's own, and what it counts.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use super::counters::{ProcessWork, RedisCounters, Work};
use crate::stage::free_address;
use crate::stage::process::Process;

/// Keys that are asked for, or deleted, in one command.
const KEYS_AT_ONCE: usize = 1_000;

/// What a Redis has on disk when it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Durability {
    Nothing,
    /// An append-only file, written to disk every second.
    EverySecond,
    /// An append-only file, written to disk before each answer.
    Always,
}

/// The process; ends when dropped.
pub(crate) struct RedisServer {
    pub(crate) url: String,
    work: ProcessWork,
    connection: redis::Connection,
    _process: Process,
}

impl RedisServer {
    /// Starts it in this directory and waits until it listens.
    pub(crate) async fn start(
        (directory, name): (&Path, &str),
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let port = address.port().to_string();
        let (appendonly, appendfsync) = match durability {
            Durability::Nothing => ("no", "everysec"),
            Durability::EverySecond => ("yes", "everysec"),
            Durability::Always => ("yes", "always"),
        };
        let arguments = [
            ["--bind", "127.0.0.1"],
            ["--port", &port],
            ["--save", ""],
            ["--appendonly", appendonly],
            ["--appendfsync", appendfsync],
            ["--appenddirname", name],
            // A rewrite in the middle of a slice would be measured with it.
            ["--auto-aof-rewrite-percentage", "0"],
        ];
        let arguments = arguments.as_flattened().iter().map(OsStr::new);
        let program = Path::new("redis-server");
        let mut process = Process::start_as_equal(program, arguments, (directory, name))?;
        process.wait_until_listening(address).await?;
        let url = format!("redis://{address}/0");
        Ok(Self {
            work: ProcessWork::of(process.id()),
            connection: redis::Client::open(url.as_str())?.get_connection()?,
            url,
            _process: process,
        })
    }

    pub(crate) fn counters(&mut self) -> anyhow::Result<RedisCounters> {
        RedisCounters::read(&mut self.connection)
    }

    pub(crate) fn cpu(&mut self) -> anyhow::Result<Work> {
        self.work.cpu()
    }

    /// Everything that is in it now.
    pub(crate) fn keys(&mut self) -> anyhow::Result<HashSet<Vec<u8>>> {
        let mut scan = redis::cmd("SCAN");
        scan.cursor_arg(0).arg("COUNT").arg(KEYS_AT_ONCE);
        let keys = scan.iter::<Vec<u8>>(&mut self.connection)?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Deletes everything but these.
    pub(crate) fn keep_only(&mut self, kept: &HashSet<Vec<u8>>) -> anyhow::Result<()> {
        let keys = self.keys()?;
        let gone: Vec<&Vec<u8>> = keys.difference(kept).collect();
        for part in gone.chunks(KEYS_AT_ONCE) {
            redis::cmd("DEL").arg(part).exec(&mut self.connection)?;
        }
        Ok(())
    }
}
