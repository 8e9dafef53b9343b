//! One run: canary, arrivals, the wait for what is under way, accounting.

mod accounts;
mod canary;
mod director;
mod outcome;
mod progress;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use aws_lc_rs::rand;
use tokio::time::Instant;

use self::director::{Director, moments};
use self::signals::Signals;
use crate::carrier::signature::Secret;
use crate::carrier::{self, Carrier, CarrierSettings};
use crate::machine;
use crate::people::{Addresses, Country};
use crate::phases::Phase;
use crate::recorder::{Names, Recorded, Recorder};
use crate::results::{Histogram, Mark, Results, Target};
use crate::scenario::Scenario;
use crate::seconds::{Part, Seconds};
use crate::sends::Sends;
use crate::slo::Rule;
use crate::stage::{self, Keys, Stage};
use crate::target::{Endpoint, Reach};
use crate::tenant::connection::Protocol;
use crate::tenant::pool::PoolSettings;
use crate::tenant::wire::Requests;
use crate::tenant::{self, Cast};
use crate::tls::Trust;

/// Between the canary and the first arrival, for threads to connect.
const RUN_UP: Duration = Duration::from_millis(500);

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
    Targets(Box<Targets>),
}

/// Gateways that run already.
pub(crate) struct Targets {
    pub(crate) urls: Vec<String>,
    pub(crate) reach: Reach,
    pub(crate) api_key: String,
    pub(crate) secret: Option<Secret>,
    /// Where they were told that their provider is.
    pub(crate) carrier: SocketAddr,
    /// Of those that speak TLS.
    pub(crate) trust: Trust,
}

/// Runs a scenario to its end.
///
/// # Errors
///
/// Nothing was measured: a gateway did not start, a target is not ours to load,
/// the canary went astray, or somebody did not want to wait.
pub(crate) async fn run(order: Order) -> anyhow::Result<Results> {
    let signals = Signals::listen()?;
    let machine = machine::describe();
    let (staged, targets) = tokio::select! {
        staged = prepare(&order) => staged?,
        () = signals.reach(1) => bail!("interrupted before the run began"),
    };
    let started_at = jiff::Timestamp::now().to_string();
    let measured = tokio::select! {
        measured = staged.measure(&order, &signals) => measured?,
        () = signals.reach(2) => bail!("interrupted twice: nothing was accounted for"),
    };
    Ok(outcome::results(
        order,
        measured,
        (started_at, machine, targets),
    ))
}

/// Everybody in place, and the way tried once.
async fn prepare(order: &Order) -> anyhow::Result<(Staged, Vec<Target>)> {
    let seed = match order.seed {
        Some(seed) => seed,
        None => draw_seed()?,
    };
    let sends = Arc::new(Sends::default());
    let (carrier, stage, urls, (reach, api_key)) = match &order.whom {
        Whom::Own { gateway } => {
            let keys = Keys::draw()?;
            let here = SocketAddr::from(([127, 0, 0, 1], 0));
            let secret = Some(keys.secret.clone());
            let whence = (here, secret, Reach::LoopbackOnly);
            let carrier = hire(order, seed, &sends, whence).await?;
            let set = Stage::set(&order.scenario, gateway.clone(), carrier.address, &keys);
            let stage = set.await?;
            let urls = stage.urls();
            let how = (Reach::LoopbackOnly, keys.api_key);
            (carrier, Some(stage), urls, how)
        }
        Whom::Targets(targets) => {
            let whence = (targets.carrier, targets.secret.clone(), targets.reach);
            let carrier = hire(order, seed, &sends, whence).await?;
            let how = (targets.reach, targets.api_key.clone());
            (carrier, None, targets.urls.clone(), how)
        }
    };
    let config = trust(order).of_tenant(order.protocol)?;
    let endpoints = urls.iter().map(|url| Endpoint::parse(url, reach, &config));
    let endpoints: Vec<Endpoint> = endpoints.collect::<anyhow::Result<_>>()?;
    let targets = describe(&endpoints).await?;
    let ways = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.authority.to_str().ok());
    // Nobody else has set them.
    carrier
        .book
        .detours
        .set(ways.map(str::to_owned).collect())
        .ok();
    let cast = cast(order, seed, sends, &api_key)?;
    canary::fly(&cast, &endpoints, order.protocol).await?;
    let staged = Staged {
        cast,
        carrier,
        endpoints,
        stage,
    };
    Ok((staged, targets))
}

fn trust(order: &Order) -> Trust {
    match &order.whom {
        Whom::Own { .. } => Trust::public(),
        Whom::Targets(targets) => targets.trust.clone(),
    }
}

fn draw_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(u64::from_le_bytes(bytes))
}

async fn hire(
    order: &Order,
    seed: u64,
    sends: &Arc<Sends>,
    (listen, secret, reach): (SocketAddr, Option<Secret>, Reach),
) -> anyhow::Result<Carrier> {
    let settings = CarrierSettings {
        listen,
        threads: order.workers,
        providers: order.scenario.providers.clone(),
        secret,
        seed,
        reach,
        tls: trust(order).config()?,
    };
    Carrier::start(settings, Arc::clone(sends)).await
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
        requests: Requests::new(api_key, order.protocol, order.scenario.tenant.wait_s)?,
        sends,
        seed,
        start: Instant::now(),
        settle: Duration::from_secs_f64(order.scenario.settle_s),
        workers: order.workers.max(1),
        is_stopped: AtomicBool::new(false),
    })
}

/// Everybody in place.
struct Staged {
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
    /// Whether the carrier kept its times.
    carrier_lateness: Histogram,
}

type WorkerThread = JoinHandle<anyhow::Result<Recorded>>;

impl Staged {
    async fn measure(mut self, order: &Order, signals: &Signals) -> anyhow::Result<Measured> {
        let start = Instant::now() + RUN_UP;
        self.cast.start = start;
        let cast = Arc::new(self.cast);
        let spans = order.scenario.spans();
        let phases = spans.into_iter().map(Phase::of).collect();
        let (parts, mut seconds) = Seconds::new(phases);
        self.carrier.begin(start, parts.clone());
        let threads = start_workers(order, &cast, &self.endpoints, parts.clone())?;
        let mut director = Director {
            cast: &cast,
            stage: self.stage,
            marks: marks(&order.scenario),
            parts,
            kills: moments(&order.scenario),
            duration_s: order.scenario.duration_s(),
        };
        let was_interrupted = director.direct(&threads, (&mut seconds, signals)).await?;
        let mut recorded = join(threads).await?;
        let books = accounts::settle(&cast, &self.endpoints, order.protocol).await?;
        recorded.counts.lost += books.lost;
        recorded.counts.in_hand_unaccepted += cast.sends.in_hand_unaccepted();
        for (how, count) in &books.ended {
            crate::recorder::add(&mut recorded.counts.ended, how, *count);
        }
        let mut at_carrier = self.carrier.finish().await?;
        let carrier_lateness = std::mem::take(&mut at_carrier.lateness);
        recorded.merge(at_carrier);
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
            names: names(order, &cast),
            seconds,
            marks,
            was_interrupted,
            carrier_lateness,
        })
    }
}

/// What the scenario has in store, for a chart.
fn marks(scenario: &Scenario) -> Vec<Mark> {
    let mut marks = carrier::marks(&scenario.providers);
    marks.extend(scenario.spans().into_iter().map(|span| Mark {
        at_s: span.from_s,
        text: format!("phase {}", span.name),
    }));
    marks
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

#[cfg(test)]
mod tests;
