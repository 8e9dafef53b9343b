//! One slice: a second of load on one of the two programs, and what it cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::Instant;

use super::carrier::Carrier;
use super::counters::{RedisCounters, Work};
use super::generator::{Driven, Generator, Load};
use super::line::Protocol;
use super::notes::Notes;
use super::stage::{Stage, Which};
use super::system_calls::Counting;
use crate::histogram::Histogram;

const SLICE: Duration = Duration::from_secs(1);
/// Checks of a slice. They are answered within about a second.
const CHECKS: u64 = 8_000;
/// Sends a second at which mostly wake-ups cost.
pub(super) const LOW_RATE: f64 = 1_000.0;
/// Whatever a slice does, it has failed when it takes so long.
const SLICE_MAX: Duration = Duration::from_secs(30);
/// How often threads are looked at, so that those that end are not forgotten.
const LOOK: Duration = Duration::from_millis(200);
/// A program is quiet when it uses less than a tenth of a core for so long.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_ROUNDS: u32 = 200;

/// A figure by its name, per send or check where it is a cost.
pub(super) type Figures = BTreeMap<&'static str, f64>;

/// What one slice showed.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    pub(super) figures: Figures,
}

impl Slice {
    pub(super) fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied()
    }
}

/// What a slice consists of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// As many sends as can be, in closed loop.
    Saturation,
    /// Sends at this rate, in open loop.
    Paced { rate: f64 },
    /// As saturation, with the program's system calls counted.
    SystemCalls,
    /// Right checks, in closed loop.
    Checks,
}

/// Everything that takes part.
pub(super) struct Bench {
    pub(super) generator: Generator,
    pub(super) stage: Stage,
    pub(super) carrier: Carrier,
    pub(super) notes: Arc<Notes>,
    pub(super) protocol: Protocol,
    pub(super) connections: u32,
}

/// Everything counted at one moment.
struct Counted {
    program: Work,
    redis: Work,
    carrier_ns: u64,
    generator_ns: u64,
    redis_counters: RedisCounters,
}

/// Whether sleeps are counted too, which takes longer to read.
#[derive(Clone, Copy)]
enum Detail {
    Cpu,
    Sleeps,
}

impl Bench {
    /// Puts load on one of the programs and waits until all is settled.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the load ends.
    pub(super) async fn slice(
        &mut self,
        which: Which,
        kind: Kind,
        seed: u64,
    ) -> anyhow::Result<Slice> {
        tokio::time::timeout(SLICE_MAX, self.unbounded_slice(which, kind, seed))
            .await
            .context("a slice did not end")?
    }

    /// After a slice that failed: waits until nothing of it is under way any more.
    pub(super) async fn calm_down(&mut self) -> anyhow::Result<()> {
        self.wait_until_quiet(Which::Gateway).await?;
        self.wait_until_quiet(Which::Yardstick).await
    }

    async fn unbounded_slice(
        &mut self,
        which: Which,
        kind: Kind,
        seed: u64,
    ) -> anyhow::Result<Slice> {
        let host = self.stage.candidate(which).host.clone();
        self.generator
            .open(host, self.protocol, self.connections)
            .await
            .with_context(|| format!("connecting to the {}", self.stage.candidate(which).name))?;
        self.notes.begin_slice();
        match kind {
            Kind::Saturation => self.starts(which, Load::Saturate(SLICE), Detail::Cpu).await,
            Kind::Paced { rate } => {
                let load = Load::Pace {
                    rate,
                    lasting: SLICE,
                    seed,
                };
                self.starts(which, load, Detail::Sleeps).await
            }
            Kind::SystemCalls => self.system_calls(which).await,
            Kind::Checks => self.checks(which).await,
        }
    }

    async fn starts(&mut self, which: Which, load: Load, detail: Detail) -> anyhow::Result<Slice> {
        let is_paced = matches!(load, Load::Pace { .. });
        let before = self.counted(which, detail)?;
        let driven = self.drive_until_settled(which, load).await?;
        let after = self.counted(which, detail)?;
        let mut figures = costs(&before, &after, driven.answered);
        figures.insert("answer_bytes", driven.answer_bytes as f64);
        let count = driven.answered as f64;
        if is_paced {
            let slept = after.program - before.program;
            figures.insert("sleeps", slept.sleeps as f64 / count);
            self.latencies(&driven, &mut figures)?;
        } else {
            figures.insert("sends_per_s", count / driven.seconds);
            // Where fewer are sent, Redis's own buffers make more of a difference.
            let memory = after.redis_counters.memory_bytes;
            let grown = memory.saturating_sub(before.redis_counters.memory_bytes);
            figures.insert("redis_bytes", grown as f64 / count);
        }
        Ok(Slice { figures })
    }

    /// Counts what is hardly a matter of how fast the machine is just now.
    async fn system_calls(&mut self, which: Which) -> anyhow::Result<Slice> {
        let program = self.stage.candidate(which).program_id;
        let counting = Counting::begin(program, self.stage.directory()).await?;
        let before = self.counted(which, Detail::Cpu)?;
        let driven = self
            .drive_until_settled(which, Load::Saturate(SLICE))
            .await?;
        let after = self.counted(which, Detail::Cpu)?;
        let calls = counting.take()? as f64 / driven.answered as f64;
        let cost = costs(&before, &after, driven.answered);
        let generator = cost.get(GENERATOR_COST).copied().unwrap_or(0.0);
        let rate = driven.answered as f64 / driven.seconds;
        Ok(Slice {
            figures: Figures::from([
                ("system_calls", calls),
                (GENERATOR_COST, generator),
                ("sends_per_s", rate),
            ]),
        })
    }

    fn latencies(&self, driven: &Driven, figures: &mut Figures) -> anyhow::Result<()> {
        let mut arrivals = Histogram::default();
        for (send, due) in &driven.sends {
            let after = self.notes.arrival_after(*send, *due);
            arrivals.record(after.context("a message has not come")?);
        }
        let us = |histogram: &Histogram, percentile| histogram.percentile_us(percentile) as f64;
        figures.insert("reply_p50_us", us(&driven.replies, 50.0));
        figures.insert("reply_p99_us", us(&driven.replies, 99.0));
        figures.insert("arrival_p50_us", us(&arrivals, 50.0));
        figures.insert("arrival_p99_us", us(&arrivals, 99.0));
        figures.insert("generator_late_p99_us", us(&driven.late, 99.0));
        Ok(())
    }

    /// Checks codes whose sends have been made before and are not measured.
    async fn checks(&mut self, which: Which) -> anyhow::Result<Slice> {
        let started = self
            .drive_until_settled(which, Load::Prepare(CHECKS))
            .await?;
        let candidate = self.stage.candidate(which);
        let host = (candidate.host.address, candidate.host.api_key.as_str());
        let mut checks = Vec::new();
        for (send, id) in &started.ids {
            let code = self.notes.code(*send).context("a code has not come")?;
            checks.push(candidate.check_form.ready(host, id, code));
        }
        let before = self.counted(which, Detail::Cpu)?;
        let driven = self.drive(which, Load::Checks(checks)).await?;
        self.wait_until_quiet(which).await?;
        let after = self.counted(which, Detail::Cpu)?;
        let mut figures = costs(&before, &after, driven.answered);
        figures.insert("checks_per_s", driven.answered as f64 / driven.seconds);
        figures.insert("answer_bytes", driven.answer_bytes as f64);
        Ok(Slice { figures })
    }

    async fn drive_until_settled(&mut self, which: Which, load: Load) -> anyhow::Result<Driven> {
        let (taken, strange) = (self.notes.taken(), self.notes.strange());
        let driven = self.drive(which, load).await?;
        ensure!(driven.answered > 0, "nothing was sent");
        for _ in 0..QUIET_ROUNDS {
            if self.notes.taken() - taken >= driven.answered {
                break;
            }
            tokio::time::sleep(QUIET).await;
        }
        self.wait_until_quiet(which).await?;
        let (taken, strange) = (self.notes.taken() - taken, self.notes.strange() - strange);
        ensure!(
            taken == driven.answered && strange == 0,
            "{} sends became {taken} messages and {strange} strange ones",
            driven.answered
        );
        Ok(driven)
    }

    async fn drive(&mut self, which: Which, load: Load) -> anyhow::Result<Driven> {
        let candidate = self.stage.candidate(which);
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        let driving = self.generator.drive(load);
        tokio::pin!(driving);
        loop {
            tokio::select! {
                driven = &mut driving => return driven,
                _ = looks.tick() => {
                    candidate.program_work.cpu()?;
                    candidate.redis_work.cpu()?;
                }
            }
        }
    }

    async fn wait_until_quiet(&mut self, which: Which) -> anyhow::Result<()> {
        let candidate = self.stage.candidate(which);
        let mut before = candidate.program_work.cpu()?;
        for _ in 0..QUIET_ROUNDS {
            tokio::time::sleep(QUIET).await;
            let now = candidate.program_work.cpu()?;
            if u128::from((now - before).cpu_ns) < QUIET.as_nanos() / 10 {
                return Ok(());
            }
            before = now;
        }
        anyhow::bail!("the {} does not come to rest", candidate.name)
    }

    fn counted(&mut self, which: Which, detail: Detail) -> anyhow::Result<Counted> {
        let candidate = self.stage.candidate(which);
        let redis_counters = candidate.redis_counters()?;
        Ok(Counted {
            redis_counters,
            program: match detail {
                Detail::Cpu => candidate.program_work.cpu()?,
                Detail::Sleeps => candidate.program_work.all()?,
            },
            redis: candidate.redis_work.cpu()?,
            carrier_ns: self.carrier.thread_id.cpu_ns()?,
            generator_ns: self.generator.thread_id.cpu_ns()?,
        })
    }
}

/// What everybody spent, per send or check.
fn costs(before: &Counted, after: &Counted, count: u64) -> Figures {
    let each = |now: u64, then: u64| now.saturating_sub(then) as f64 / count as f64;
    let us = |now: u64, then: u64| each(now, then) / 1_000.0;
    let (redis, redis_before) = (&after.redis_counters, &before.redis_counters);
    Figures::from([
        ("cpu_us", us(after.program.cpu_ns, before.program.cpu_ns)),
        ("redis_cpu_us", us(after.redis.cpu_ns, before.redis.cpu_ns)),
        ("carrier_cpu_us", us(after.carrier_ns, before.carrier_ns)),
        (GENERATOR_COST, us(after.generator_ns, before.generator_ns)),
        ("redis_scripts", each(redis.scripts, redis_before.scripts)),
        (
            "redis_commands",
            each(redis.commands, redis_before.commands),
        ),
        ("redis_reads", each(redis.reads, redis_before.reads)),
    ])
}

/// By which it is known whether the generator was disturbed.
pub(super) const GENERATOR_COST: &str = "generator_cpu_us";
