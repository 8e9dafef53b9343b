//! One slice: about a second of load on one candidate, and what it cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::candidate::Candidate;
use super::carrier::Carrier;
use super::counters::{RedisCounters, Work};
use super::generator::{Driven, Generator, Load};
use super::line::Protocol;
use super::notes::Notes;
use super::requests::Ready;
use super::system_calls::Counting;
use crate::histogram::Histogram;

const SLICE: Duration = Duration::from_secs(1);
/// Checks of a slice. They are answered within about a second.
const CHECKS: u64 = 8_000;
/// Sends a second at which mostly wake-ups cost.
pub(crate) const LOW_RATE: f64 = 1_000.0;
/// Whatever a slice does, it has failed when it takes so long.
const SLICE_MAX: Duration = Duration::from_secs(30);
/// How often threads are looked at, so that those that end are not forgotten.
const LOOK: Duration = Duration::from_millis(200);
/// A program is quiet when it uses less than a tenth of a core for so long.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_ROUNDS: u32 = 200;

/// A figure by its name, per send or check where it is a cost.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// What one slice showed.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) figures: Figures,
}

impl Slice {
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied()
    }
}

/// What a slice consists of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// As many sends as can be, in closed loop.
    Saturation,
    /// Sends at this rate, in open loop.
    Paced { rate: f64 },
    /// So many sends as fast as they are answered, in closed loop.
    Count(u64),
    /// As saturation, with the program's system calls counted.
    SystemCalls,
    /// Right checks, in closed loop.
    Checks,
}

/// How a candidate is spoken to.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) protocol: Protocol,
    /// Requests under way at once.
    pub(crate) count: u32,
}

/// Everything that takes part besides the candidates.
pub(crate) struct Bench {
    pub(crate) generator: Generator,
    pub(crate) carrier: Carrier,
    pub(crate) notes: Arc<Notes>,
}

/// Everything counted at one moment.
struct Counted {
    program: Work,
    redis: Work,
    carrier_ns: u64,
    generator_ns: u64,
    /// `None` where there is no Redis.
    redis_counters: Option<RedisCounters>,
}

/// Whether sleeps are counted too, which takes longer to read.
#[derive(Clone, Copy)]
enum Detail {
    Cpu,
    Sleeps,
}

impl Bench {
    /// Starts generator and carrier, which speaks HTTP/2 too with settings for TLS.
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>) -> anyhow::Result<Self> {
        let notes = Notes::new();
        Ok(Self {
            carrier: Carrier::start(Arc::clone(&notes), tls).await?,
            generator: Generator::start(Arc::clone(&notes)).await?,
            notes,
        })
    }

    /// Puts load on a candidate and waits until all is settled.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the load ends.
    pub(crate) async fn slice(
        &mut self,
        candidate: &mut Candidate,
        lines: &Lines,
        (kind, seed): (Kind, u64),
    ) -> anyhow::Result<Slice> {
        let slice = self.unbounded_slice(candidate, lines, (kind, seed));
        tokio::time::timeout(SLICE_MAX, slice)
            .await
            .context("a slice did not end")?
    }

    async fn unbounded_slice(
        &mut self,
        candidate: &mut Candidate,
        lines: &Lines,
        (kind, seed): (Kind, u64),
    ) -> anyhow::Result<Slice> {
        self.open(candidate, lines).await?;
        self.notes.begin_slice();
        match kind {
            Kind::Saturation => {
                self.starts(candidate, Load::Saturate(SLICE), Detail::Cpu)
                    .await
            }
            Kind::Count(count) => {
                self.starts(candidate, Load::Prepare(count), Detail::Cpu)
                    .await
            }
            Kind::Paced { rate } => {
                let load = Load::Pace {
                    rate,
                    lasting: SLICE,
                    seed,
                };
                self.starts(candidate, load, Detail::Sleeps).await
            }
            Kind::SystemCalls => self.system_calls(candidate).await,
            Kind::Checks => self.checks(candidate).await,
        }
    }

    async fn open(&self, candidate: &Candidate, lines: &Lines) -> anyhow::Result<()> {
        let (protocol, count) = (lines.protocol.clone(), lines.count);
        self.generator
            .open(candidate.hosts.clone(), protocol, count)
            .await
            .with_context(|| format!("connecting to the {}", candidate.name))
    }

    /// After a slice that failed: waits until nothing of it is under way any more.
    pub(crate) async fn calm_down(&self, candidate: &mut Candidate) -> anyhow::Result<()> {
        wait_until_quiet(candidate).await
    }

    async fn starts(
        &mut self,
        candidate: &mut Candidate,
        load: Load,
        detail: Detail,
    ) -> anyhow::Result<Slice> {
        let is_paced = matches!(load, Load::Pace { .. });
        let before = self.counted(candidate, detail)?;
        let driven = self.drive_until_settled(candidate, load).await?;
        let after = self.counted(candidate, detail)?;
        let mut figures = costs(&before, &after, driven.answered);
        figures.insert("answer_bytes", driven.answer_bytes as f64);
        let count = driven.answered as f64;
        if is_paced {
            let slept = after.program - before.program;
            figures.insert("sleeps", slept.sleeps as f64 / count);
            self.latencies(&driven, &mut figures)?;
        } else {
            figures.insert("sends_per_s", count / driven.seconds);
            let us = |percentile| driven.replies.percentile_us(percentile) as f64;
            figures.insert("reply_p50_us", us(50.0));
            figures.insert("reply_p99_us", us(99.0));
            if driven.resumed > 0 {
                figures.insert("resumed_ratio", driven.resumed as f64 / count);
            }
            // Where fewer are sent, Redis's own buffers make more of a difference.
            if let (Some(after), Some(before)) = (after.redis_counters, before.redis_counters) {
                let grown = after.memory_bytes.saturating_sub(before.memory_bytes);
                figures.insert("redis_bytes", grown as f64 / count);
            }
        }
        Ok(Slice { figures })
    }

    /// Counts what is hardly a matter of how fast the machine is just now.
    async fn system_calls(&mut self, candidate: &mut Candidate) -> anyhow::Result<Slice> {
        let counting = Counting::begin(candidate.program_ids()).await?;
        let before = self.counted(candidate, Detail::Cpu)?;
        let driven = self
            .drive_until_settled(candidate, Load::Saturate(SLICE))
            .await?;
        let after = self.counted(candidate, Detail::Cpu)?;
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

    /// Starts so many verifications and lets them settle; answers with their checks,
    /// all right.
    pub(crate) async fn prepare(
        &mut self,
        candidate: &mut Candidate,
        lines: &Lines,
        count: u64,
    ) -> anyhow::Result<Vec<Ready>> {
        self.open(candidate, lines).await?;
        self.notes.begin_slice();
        self.prepared_checks(candidate, count).await
    }

    /// Makes these checks over the lines that were opened last.
    pub(crate) async fn check_all(
        &mut self,
        candidate: &mut Candidate,
        checks: Vec<Ready>,
    ) -> anyhow::Result<()> {
        self.drive(candidate, Load::Checks(checks)).await?;
        wait_until_quiet(candidate).await
    }

    async fn prepared_checks(
        &mut self,
        candidate: &mut Candidate,
        count: u64,
    ) -> anyhow::Result<Vec<Ready>> {
        let started = self
            .drive_until_settled(candidate, Load::Prepare(count))
            .await?;
        let host = candidate.hosts.first().context("nobody to ask")?;
        let host = (host.address, host.api_key.as_str());
        let mut checks = Vec::new();
        for (send, id) in &started.ids {
            let code = self.notes.code(*send).context("a code has not come")?;
            checks.push(candidate.check_form.ready(host, id, code));
        }
        Ok(checks)
    }

    /// Checks codes whose sends have been made before and are not measured.
    async fn checks(&mut self, candidate: &mut Candidate) -> anyhow::Result<Slice> {
        let checks = self.prepared_checks(candidate, CHECKS).await?;
        let before = self.counted(candidate, Detail::Cpu)?;
        let driven = self.drive(candidate, Load::Checks(checks)).await?;
        wait_until_quiet(candidate).await?;
        let after = self.counted(candidate, Detail::Cpu)?;
        let mut figures = costs(&before, &after, driven.answered);
        figures.insert("checks_per_s", driven.answered as f64 / driven.seconds);
        figures.insert("answer_bytes", driven.answer_bytes as f64);
        Ok(Slice { figures })
    }

    async fn drive_until_settled(
        &mut self,
        candidate: &mut Candidate,
        load: Load,
    ) -> anyhow::Result<Driven> {
        let (taken, strange) = (self.notes.taken(), self.notes.strange());
        let driven = self.drive(candidate, load).await?;
        ensure!(driven.answered > 0, "nothing was sent");
        for _ in 0..QUIET_ROUNDS {
            if self.notes.taken() - taken >= driven.answered {
                break;
            }
            tokio::time::sleep(QUIET).await;
        }
        wait_until_quiet(candidate).await?;
        let (taken, strange) = (self.notes.taken() - taken, self.notes.strange() - strange);
        ensure!(
            taken == driven.answered && strange == 0,
            "{} sends became {taken} messages and {strange} strange ones",
            driven.answered
        );
        Ok(driven)
    }

    async fn drive(&mut self, candidate: &mut Candidate, load: Load) -> anyhow::Result<Driven> {
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        let driving = self.generator.drive(load);
        tokio::pin!(driving);
        loop {
            tokio::select! {
                driven = &mut driving => return driven,
                _ = looks.tick() => {
                    candidate.cpu()?;
                    candidate.redis_cpu()?;
                }
            }
        }
    }

    fn counted(&self, candidate: &mut Candidate, detail: Detail) -> anyhow::Result<Counted> {
        let redis_counters = candidate.redis_counters()?;
        Ok(Counted {
            redis_counters,
            program: match detail {
                Detail::Cpu => candidate.cpu()?,
                Detail::Sleeps => candidate.all()?,
            },
            redis: candidate.redis_cpu()?,
            carrier_ns: self.carrier.thread_id.cpu_ns()?,
            generator_ns: self.generator.thread_id.cpu_ns()?,
        })
    }
}

async fn wait_until_quiet(candidate: &mut Candidate) -> anyhow::Result<()> {
    let mut before = candidate.cpu()?;
    for _ in 0..QUIET_ROUNDS {
        tokio::time::sleep(QUIET).await;
        let now = candidate.cpu()?;
        if u128::from((now - before).cpu_ns) < QUIET.as_nanos() / 10 {
            return Ok(());
        }
        before = now;
    }
    anyhow::bail!("the {} does not come to rest", candidate.name)
}

/// What everybody spent, per send or check.
fn costs(before: &Counted, after: &Counted, count: u64) -> Figures {
    let each = |now: u64, then: u64| now.saturating_sub(then) as f64 / count as f64;
    let us = |now: u64, then: u64| each(now, then) / 1_000.0;
    let mut figures = Figures::from([
        ("cpu_us", us(after.program.cpu_ns, before.program.cpu_ns)),
        ("carrier_cpu_us", us(after.carrier_ns, before.carrier_ns)),
        (GENERATOR_COST, us(after.generator_ns, before.generator_ns)),
    ]);
    if let (Some(redis), Some(then)) = (after.redis_counters, before.redis_counters) {
        figures.extend([
            ("redis_cpu_us", us(after.redis.cpu_ns, before.redis.cpu_ns)),
            ("redis_scripts", each(redis.scripts, then.scripts)),
            ("redis_commands", each(redis.commands, then.commands)),
            ("redis_reads", each(redis.reads, then.reads)),
        ]);
    }
    figures
}

/// By which it is known whether the generator was disturbed.
pub(crate) const GENERATOR_COST: &str = "generator_cpu_us";
