//! One run: canary, arrivals, the wait for what is under way, accounting.

mod accounts;
mod canary;
mod progress;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::progress::Progress;
use crate::carrier::signature::Secret;
use crate::carrier::{self, Carrier, CarrierSettings};
use crate::machine;
use crate::people::{Addresses, Country};
use crate::recorder::{Names, Recorded, Recorder};
use crate::results::{FORMAT, Histogram, Mark, Results, Target};
use crate::scenario::Scenario;
use crate::seconds::{Part, Seconds};
use crate::sends::Sends;
use crate::slo::{self, Rule};
use crate::stage::{self, Keys, Stage};
use crate::target::{Endpoint, Reach};
use crate::tenant::connection::Protocol;
use crate::tenant::pool::PoolSettings;
use crate::tenant::wire::Requests;
use crate::tenant::{self, Cast};

/// Later than this, in one send of a hundred, and the run says more about the
/// tester than about the gateway.
pub(crate) const LATENESS_P99_MAX: Duration = Duration::from_millis(10);
/// Between the canary and the first arrival, for threads to connect.
const RUN_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_millis(100);

/// Everything that was asked for.
pub(crate) struct Order {
    pub(crate) scenario: Scenario,
    pub(crate) whom: Whom,
    pub(crate) rules: Vec<Rule>,
    pub(crate) protocol: Protocol,
    /// Threads of the tenant, and of the carrier.
    pub(crate) workers: usize,
    pub(crate) seed: Option<u64>,
    /// Without keys.
    pub(crate) command: Vec<String>,
}

/// Who is tested.
pub(crate) enum Whom {
    /// Gateways that we start ourselves, from this program or from the one beside us.
    Own {
        gateway: Option<PathBuf>,
    },
    Targets(Targets),
}

/// Gateways that run already.
pub(crate) struct Targets {
    pub(crate) urls: Vec<String>,
    pub(crate) reach: Reach,
    pub(crate) api_key: String,
    pub(crate) secret: Option<Secret>,
    /// Where they were told that their provider is.
    pub(crate) carrier: SocketAddr,
}

/// Runs a scenario to its end.
///
/// # Errors
///
/// Nothing was measured: a gateway did not start, a target is not ours to load,
/// or the canary went astray.
pub(crate) async fn run(order: Order) -> anyhow::Result<Results> {
    let machine = machine::describe();
    let seed = match order.seed {
        Some(seed) => seed,
        None => draw_seed()?,
    };
    let sends = Arc::new(Sends::default());
    let (keys, carrier) = hire(&order, seed, &sends).await?;
    let (mut stage, endpoints) = match &order.whom {
        Whom::Own { gateway } => {
            let keys = keys.context("keys were drawn for our own gateways")?;
            let set = Stage::set(&order.scenario, gateway.clone(), carrier.address, &keys);
            let stage = set.await?;
            let endpoints = endpoints(&stage.urls(), Reach::LoopbackOnly)?;
            (Some((stage, keys.api_key)), endpoints)
        }
        Whom::Targets(targets) => (None, endpoints(&targets.urls, targets.reach)?),
    };
    let api_key = match (&stage, &order.whom) {
        (Some((_, api_key)), _) => api_key.clone(),
        (None, Whom::Targets(targets)) => targets.api_key.clone(),
        (None, Whom::Own { .. }) => return Err(anyhow!("our own gateways have a key")),
    };
    let stage = stage.take().map(|(stage, _)| stage);
    let described = describe(&endpoints).await?;
    let ways = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.authority.to_str().ok());
    carrier
        .book
        .detours
        .set(ways.map(str::to_owned).collect())
        .ok();
    let cast = cast(&order, seed, Arc::clone(&sends), &api_key)?;
    canary::fly(&cast, &endpoints, order.protocol).await?;
    let staged = Staged {
        order: &order,
        cast,
        carrier,
        endpoints,
        stage,
    };
    let started_at = jiff::Timestamp::now().to_string();
    let measured = staged.measure().await?;
    Ok(results(order, measured, (started_at, machine, described)))
}

fn draw_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(u64::from_le_bytes(bytes))
}

/// Starts the carrier, and draws keys for gateways of our own.
async fn hire(
    order: &Order,
    seed: u64,
    sends: &Arc<Sends>,
) -> anyhow::Result<(Option<Keys>, Carrier)> {
    let (keys, listen, secret, reach) = match &order.whom {
        Whom::Own { .. } => {
            let keys = Keys::draw()?;
            let secret = Some(keys.secret.clone());
            let anywhere_here = SocketAddr::from(([127, 0, 0, 1], 0));
            (Some(keys), anywhere_here, secret, Reach::LoopbackOnly)
        }
        Whom::Targets(targets) => (None, targets.carrier, targets.secret.clone(), targets.reach),
    };
    let settings = CarrierSettings {
        listen,
        threads: order.workers,
        providers: order.scenario.providers.clone(),
        secret,
        seed,
        reach,
    };
    Ok((keys, Carrier::start(settings, Arc::clone(sends)).await?))
}

fn endpoints(urls: &[String], reach: Reach) -> anyhow::Result<Vec<Endpoint>> {
    urls.iter().map(|url| Endpoint::parse(url, reach)).collect()
}

async fn describe(endpoints: &[Endpoint]) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for endpoint in endpoints {
        let described = stage::describe(endpoint).await?;
        targets.push(Target {
            url: endpoint.url.clone(),
            version: described.version,
            durability: described.durability,
        });
    }
    Ok(targets)
}

fn cast(order: &Order, seed: u64, sends: Arc<Sends>, api_key: &str) -> anyhow::Result<Cast> {
    let codes = order
        .scenario
        .crowds
        .iter()
        .flat_map(|crowd| crowd.countries.keys());
    let codes: std::collections::BTreeSet<&String> = codes.collect();
    let countries = codes.into_iter().enumerate().map(|(index, code)| {
        Country::new(
            code,
            seed.rotate_left(u32::try_from(index % 64).unwrap_or(0)),
        )
    });
    Ok(Cast {
        crowds: order.scenario.crowds.clone(),
        countries: countries.collect::<anyhow::Result<_>>()?,
        addresses: Addresses::new(seed),
        requests: Requests::new(api_key, order.protocol)?,
        sends,
        seed,
        start: Instant::now(),
        settle: Duration::from_secs_f64(order.scenario.settle_s),
        workers: order.workers.max(1),
        is_stopped: AtomicBool::new(false),
    })
}

/// Everybody in place.
struct Staged<'o> {
    order: &'o Order,
    cast: Cast,
    carrier: Carrier,
    endpoints: Vec<Endpoint>,
    stage: Option<Stage>,
}

/// What a run leaves.
struct Measured {
    recorded: Recorded,
    names: Names,
    seconds: Seconds,
    marks: Vec<Mark>,
    was_interrupted: bool,
}

type WorkerThread = JoinHandle<anyhow::Result<Recorded>>;

impl Staged<'_> {
    async fn measure(mut self) -> anyhow::Result<Measured> {
        let start = Instant::now() + RUN_UP;
        self.cast.start = start;
        let cast = Arc::new(self.cast);
        let (parts, mut seconds) = Seconds::new();
        self.carrier.begin(start, parts.clone());
        let threads = start_workers(self.order, &cast, &self.endpoints, parts)?;
        let mut director = Director {
            order: self.order,
            cast: &cast,
            stage: self.stage,
            marks: carrier::marks(&self.order.scenario.providers),
            kills: moments(&self.order.scenario),
        };
        let was_interrupted = director.direct(&threads, &mut seconds).await?;
        let mut recorded = join(threads).await?;
        let books = accounts::settle(&cast, &self.endpoints, self.order.protocol).await?;
        recorded.counts.lost += books.lost;
        for (how, count) in &books.ended {
            crate::recorder::add(&mut recorded.counts.ended, how, *count);
        }
        recorded.merge(self.carrier.finish().await?);
        let mut marks = director.marks;
        if books.still_queued > 0 {
            marks.push(Mark {
                at_s: start.elapsed().as_secs_f64(),
                text: format!(
                    "{} of those counted as lost are still queued at the gateway: the run \
                     stopped waiting",
                    books.still_queued
                ),
            });
        }
        Ok(Measured {
            recorded,
            names: names(self.order, &cast),
            seconds,
            marks,
            was_interrupted,
        })
    }
}

fn names(order: &Order, cast: &Cast) -> Names {
    let providers = order.scenario.providers.iter();
    Names {
        providers: providers.map(|provider| provider.id.clone()).collect(),
        countries: cast.countries.iter().map(|one| one.code.clone()).collect(),
    }
}

fn start_workers(
    order: &Order,
    cast: &Arc<Cast>,
    endpoints: &[Endpoint],
    parts: mpsc::Sender<Part>,
) -> anyhow::Result<Vec<WorkerThread>> {
    let tenant = &order.scenario.tenant;
    let workers = u32::try_from(cast.workers)?;
    let share = |of_all: u32| of_all.div_ceil(workers).max(1);
    (0..cast.workers)
        .map(|number| {
            let settings = PoolSettings {
                endpoints: endpoints.to_vec(),
                protocol: order.protocol,
                connections: share(tenant.connections),
                streams: tenant.streams,
                in_flight_max: share(tenant.in_flight_max),
                request_timeout: Duration::from_millis(tenant.request_timeout_ms.into()),
            };
            let recorder = Recorder::new(cast.start, parts.clone());
            let cast = Arc::clone(cast);
            let thread = std::thread::Builder::new().name(format!("tenant-{number}"));
            Ok(thread.spawn(move || tenant::run(&cast, number, settings, recorder))?)
        })
        .collect()
}

async fn join(threads: Vec<WorkerThread>) -> anyhow::Result<Recorded> {
    tokio::task::spawn_blocking(move || {
        let mut all = Recorded::default();
        for thread in threads {
            let recorded = thread.join().map_err(|_| anyhow!("a tenant thread died"))?;
            all.merge(recorded?);
        }
        Ok(all)
    })
    .await?
}

/// A node to be ended, or started again.
#[derive(Clone, Copy)]
enum Cue {
    Kill(u32),
    Start(u32),
}

/// When what happens to the nodes, in order.
fn moments(scenario: &Scenario) -> Vec<(f64, Cue)> {
    let cues = scenario.kills.iter().flat_map(|kill| {
        let kills = (kill.at_s, Cue::Kill(kill.node));
        let starts = kill
            .restart_after_s
            .map(|after_s| (kill.at_s + after_s, Cue::Start(kill.node)));
        std::iter::once(kills).chain(starts)
    });
    let mut cues: Vec<_> = cues.collect();
    cues.sort_by(|one, other| one.0.total_cmp(&other.0));
    cues
}

/// Watches over a run: signals, nodes, the line in the terminal.
struct Director<'r> {
    order: &'r Order,
    cast: &'r Arc<Cast>,
    stage: Option<Stage>,
    marks: Vec<Mark>,
    kills: Vec<(f64, Cue)>,
}

impl Director<'_> {
    /// Until all threads have ended. True if somebody asked for an earlier end.
    async fn direct(
        &mut self,
        threads: &[WorkerThread],
        seconds: &mut Seconds,
    ) -> anyhow::Result<bool> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut progress = Progress::new(self.order.scenario.duration_s());
        let mut rounds = tokio::time::interval(ROUND);
        let mut was_interrupted = false;
        while threads.iter().any(|thread| !thread.is_finished()) {
            tokio::select! {
                _ = rounds.tick() => {}
                _ = interrupt.recv() => was_interrupted = true,
                _ = terminate.recv() => was_interrupted = true,
            }
            if was_interrupted {
                self.cast.is_stopped.store(true, Ordering::Relaxed);
            }
            let at_s = Instant::now()
                .saturating_duration_since(self.cast.start)
                .as_secs_f64();
            self.cue(at_s).await?;
            seconds.collect(at_s as u32);
            progress.show(at_s, seconds);
        }
        progress.end();
        Ok(was_interrupted)
    }

    async fn cue(&mut self, at_s: f64) -> anyhow::Result<()> {
        while let Some((due_s, cue)) = self.kills.first().copied()
            && due_s <= at_s
        {
            self.kills.remove(0);
            let stage = self.stage.as_mut();
            let stage = stage.context("only nodes that we started can be killed")?;
            let text = match cue {
                Cue::Kill(node) => {
                    stage.kill(node)?;
                    format!("node {node} killed")
                }
                Cue::Start(node) => {
                    stage.start(node).await?;
                    format!("node {node} started again")
                }
            };
            let now = Instant::now().saturating_duration_since(self.cast.start);
            self.marks.push(Mark {
                at_s: now.as_secs_f64(),
                text,
            });
        }
        Ok(())
    }
}

fn results(
    order: Order,
    measured: Measured,
    (started_at, machine, targets): (String, crate::results::Machine, Vec<Target>),
) -> Results {
    let Measured {
        mut recorded,
        names,
        seconds,
        mut marks,
        was_interrupted,
    } = measured;
    marks.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    let lateness = std::mem::take(&mut recorded.lateness);
    let counts = std::mem::take(&mut recorded.counts);
    let mut results = Results {
        format: FORMAT,
        scenario: order.scenario.text(),
        command: order.command,
        started_at,
        duration_s: recorded.last.as_secs_f64(),
        machine,
        targets,
        void: void(&lateness, was_interrupted),
        lateness,
        series: recorded.into_series(&names),
        counts,
        timeline: seconds.finish(),
        marks,
        slos: Vec::new(),
    };
    results.slos = slo::judge(&order.rules, &results);
    results
}

/// Why the figures do not count.
fn void(lateness: &Histogram, was_interrupted: bool) -> Option<String> {
    if was_interrupted {
        return Some("it was interrupted".to_owned());
    }
    let late = Duration::from_micros(lateness.percentile_us(99.0));
    (late > LATENESS_P99_MAX).then(|| {
        format!(
            "the generator was late: 1 request in 100 left more than {late:.1?} after it was \
             due, and {LATENESS_P99_MAX:?} is the bound. Lower the rate, or give the generator \
             cores of its own"
        )
    })
}

#[cfg(test)]
mod tests;
