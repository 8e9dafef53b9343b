//! One slice of load: a second of `wrk` against one program, and what it cost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::counters::{CpuTime, RedisCounters, ended_children_ticks};
use super::processes::{Candidate, Stage};
use super::report::{RoundTrips, Slice};

const SCRIPT: &str = include_str!("load.lua");
const SLICE_S: u32 = 1;
/// No slice sends more, so no number comes twice.
const SENDS_PER_SLICE_MAX: u64 = 60_000;
/// A program is quiet when it uses less than a tenth of a core for so long.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_ROUNDS: u32 = 200;
/// Far enough apart that no two sends of one connection overlap.
const PAUSE_MS: u32 = 10;

/// Drives load; remembers which numbers have been used.
pub(crate) struct Load {
    script: PathBuf,
    api_key: String,
    next_number: u64,
}

/// What `wrk` reports.
struct Driven {
    requests: u64,
    seconds: f64,
}

/// Everything counted at one moment.
struct Counted {
    program: CpuTime,
    redis: CpuTime,
    carrier: CpuTime,
    generator_ticks: u64,
    redis_counters: RedisCounters,
    messages: u64,
}

impl Counted {
    fn now(stage: &Stage, candidate: &Candidate) -> anyhow::Result<Self> {
        let client = redis::Client::open(candidate.redis_url.as_str())?;
        Ok(Self {
            redis_counters: RedisCounters::of(&mut client.get_connection()?)?,
            messages: stage.messages_taken()?,
            program: CpuTime::of(candidate.program_id())?,
            redis: CpuTime::of(candidate.redis_id())?,
            carrier: CpuTime::of(stage.carrier_id())?,
            generator_ticks: ended_children_ticks()?,
        })
    }
}

impl Load {
    pub(crate) fn new(directory: &Path, api_key: &str) -> anyhow::Result<Self> {
        let script = directory.join("load.lua");
        std::fs::write(&script, SCRIPT)?;
        Ok(Self {
            script,
            api_key: api_key.to_owned(),
            next_number: 0,
        })
    }

    /// Saturates a program with closed loops for a second and waits until all is settled.
    pub(crate) fn slice(
        &mut self,
        stage: &Stage,
        candidate: &Candidate,
        connections: u32,
    ) -> anyhow::Result<Slice> {
        let before = Counted::now(stage, candidate)?;
        let driven = self.drive(candidate, connections, 0);
        let settled_after = wait_until_quiet(candidate)?;
        let driven = driven?;
        let after = Counted::now(stage, candidate)?;
        let sends = after.messages - before.messages;
        ensure!(
            (driven.requests..=driven.requests + u64::from(connections)).contains(&sends),
            "{} requests became {sends} messages",
            driven.requests
        );
        let per_send = |count: u64| count as f64 / sends as f64;
        let us_per_send = |ns: u64| per_send(ns) / 1_000.0;
        let (redis, redis_before) = (after.redis_counters, before.redis_counters);
        Ok(Slice {
            sends_per_s: driven.requests as f64 / driven.seconds,
            program_us: us_per_send(after.program.since(&before.program)),
            redis_us: us_per_send(after.redis.since(&before.redis)),
            carrier_us: us_per_send(after.carrier.since(&before.carrier)),
            generator_us: us_per_send(
                (after.generator_ticks - before.generator_ticks) * 10_000_000,
            ),
            scripts: per_send(redis.scripts - redis_before.scripts),
            commands: per_send(redis.commands - redis_before.commands),
            reads: per_send(redis.reads - redis_before.reads),
            memory_bytes: per_send(redis.memory_bytes.saturating_sub(redis_before.memory_bytes)),
            settled_after_ms: settled_after.as_secs_f64() * 1_000.0,
        })
    }

    /// Counts what one send at a time asks of Redis, less what the program asks when idle.
    pub(crate) fn round_trips(
        &mut self,
        stage: &Stage,
        candidate: &Candidate,
    ) -> anyhow::Result<RoundTrips> {
        wait_until_quiet(candidate)?;
        let idle_from = Counted::now(stage, candidate)?.redis_counters;
        std::thread::sleep(Duration::from_secs(u64::from(5 * SLICE_S)));
        let before = Counted::now(stage, candidate)?;
        let driven = self.drive(candidate, 1, PAUSE_MS)?;
        let after = Counted::now(stage, candidate)?;
        let idle_part = driven.seconds / f64::from(5 * SLICE_S);
        let sends = (after.messages - before.messages) as f64;
        let (now, then) = (after.redis_counters, before.redis_counters);
        let net = |now: u64, then: u64, idle_from: u64| {
            ((now - then) as f64 - (then - idle_from) as f64 * idle_part) / sends
        };
        Ok(RoundTrips {
            sends: after.messages - before.messages,
            scripts: net(now.scripts, then.scripts, idle_from.scripts),
            reads: net(now.reads, then.reads, idle_from.reads),
            idle_scripts_per_s: (then.scripts - idle_from.scripts) as f64 / f64::from(5 * SLICE_S),
        })
    }

    fn drive(
        &mut self,
        candidate: &Candidate,
        connections: u32,
        pause_ms: u32,
    ) -> anyhow::Result<Driven> {
        let first = self.next_number;
        self.next_number += SENDS_PER_SLICE_MAX;
        let output = Command::new("wrk")
            .args(["-t", "1", "-c", &connections.to_string()])
            .args(["-d", &format!("{SLICE_S}s"), "-s"])
            .arg(&self.script)
            .arg(format!("http://{}/", candidate.address))
            .args([
                "--",
                &self.api_key,
                &first.to_string(),
                &pause_ms.to_string(),
            ])
            .output()
            .context("starting wrk")?;
        let report = String::from_utf8_lossy(&output.stdout);
        let line = report
            .lines()
            .find_map(|line| line.strip_prefix("figures "));
        let mut figures = line
            .with_context(|| format!("wrk failed: {report}"))?
            .split(' ')
            .map(str::parse::<u64>);
        let mut next = || anyhow::Ok(figures.next().context("wrk said too little")??);
        let (requests, duration_us, errors) = (next()?, next()?, next()?);
        ensure!(errors == 0, "{errors} of {requests} requests failed");
        ensure!(
            requests > 0 && requests < SENDS_PER_SLICE_MAX,
            "{requests} requests"
        );
        Ok(Driven {
            requests,
            seconds: duration_us as f64 / 1e6,
        })
    }
}

/// How long it took until what was still under way had been settled.
fn wait_until_quiet(candidate: &Candidate) -> anyhow::Result<Duration> {
    let used = || CpuTime::of(candidate.program_id());
    let mut before = used()?;
    for round in 0..QUIET_ROUNDS {
        std::thread::sleep(QUIET);
        let now = used()?;
        if u128::from(now.since(&before)) < QUIET.as_nanos() / 10 {
            return Ok(QUIET * round);
        }
        before = now;
    }
    anyhow::bail!("{} does not come to rest", candidate.name)
}
