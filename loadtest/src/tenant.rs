//! The tenant: an identity service whose people ask for codes. One thread of it
//! runs here; each has its own connections, timer and recorder.

pub(crate) mod connection;
mod journey;
pub(crate) mod pool;
pub(crate) mod wire;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use self::journey::Traveller;
use self::pool::{CallError, Pool, PoolSettings};
use self::wire::Requests;
use crate::arrivals::Arrivals;
use crate::chance::Chance;
use crate::people::{Addresses, Country};
use crate::recorder::{Recorded, Recorder, add};
use crate::scenario::{ChannelName, Crowd};
use crate::sends::{Arrived, Sends};
use crate::timer::Timer;

/// After so many arrivals in a row that were due already, answers are read first.
const ARRIVALS_IN_A_ROW_MAX: u32 = 16;
/// Whole seconds are passed on so often.
const TURN: Duration = Duration::from_millis(500);
/// The run is over when for a second everybody waits and nothing is on its way:
/// a gateway that goes on over another provider does so within milliseconds.
const QUIET_ROUND: Duration = Duration::from_millis(100);
const QUIET_ROUNDS: u32 = 10;

/// What all threads of the tenant share.
pub(crate) struct Cast {
    pub(crate) crowds: Vec<Crowd>,
    /// In the order of labels.
    pub(crate) countries: Vec<Country>,
    pub(crate) addresses: Addresses,
    pub(crate) requests: Requests,
    pub(crate) sends: Arc<Sends>,
    pub(crate) seed: u64,
    /// The zero of the run.
    pub(crate) start: Instant,
    /// After the last arrival, the longest wait for those under way.
    pub(crate) settle: Duration,
    pub(crate) workers: usize,
    /// No more arrivals, because somebody asked for an end.
    pub(crate) is_stopped: AtomicBool,
}

/// One crowd as a thread sees it.
pub(crate) struct CrowdHere {
    crowd: Crowd,
    countries: Vec<(u8, f64)>,
    channels: Vec<(ChannelName, f64)>,
    addresses: Addresses,
}

/// One thread of the tenant.
pub(crate) struct Worker {
    cast: Arc<Cast>,
    pool: Rc<Pool>,
    timer: Timer,
    recorder: RefCell<Recorder>,
    chance: RefCell<Chance>,
    under_way: Cell<u64>,
    /// Those under way who have nothing to do before a message comes.
    waiting: Cell<u64>,
}

/// Runs thread `number` of the tenant to its end.
///
/// # Errors
///
/// The system gives no timer.
pub(crate) fn run(
    cast: &Arc<Cast>,
    number: usize,
    settings: PoolSettings,
    recorder: Recorder,
) -> anyhow::Result<Recorded> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let timer = Timer::new().context("a timer")?;
        let driven = timer.clone();
        let worker = Rc::new(Worker {
            cast: Arc::clone(cast),
            pool: Pool::open(settings),
            timer,
            recorder: RefCell::new(recorder),
            chance: RefCell::new(Chance::stream(cast.seed, 1_000 + number as u64)),
            under_way: Cell::new(0),
            waiting: Cell::new(0),
        });
        let driver = spawn_local(async move { driven.drive().await });
        let mender = spawn_local(Rc::clone(&worker.pool).mend());
        let turner = spawn_local(Rc::clone(&worker).turn());
        let crowds: Vec<_> = (0..cast.crowds.len())
            .map(|crowd| spawn_local(Rc::clone(&worker).receive(crowd, number)))
            .collect();
        for crowd in crowds {
            crowd.await.context("a crowd")??;
        }
        // Journeys that outlast this are cut off, and their sends accounted for.
        tokio::time::timeout(cast.settle, worker.quiet()).await.ok();
        turner.abort();
        mender.abort();
        driver.abort();
        worker
            .recorder
            .borrow_mut()
            .lateness
            .merge(&worker.pool.take_lateness());
        Ok(worker.take_recorder().finish())
    })
}

impl Worker {
    /// Sends the people of a crowd on their way when they are due.
    async fn receive(self: Rc<Self>, index: usize, number: usize) -> anyhow::Result<()> {
        let cast = Arc::clone(&self.cast);
        let crowd = cast.crowds.get(index).context("the crowd exists")?;
        let here = Rc::new(CrowdHere::new(crowd, &cast)?);
        let chance = Chance::stream(cast.seed, index as u64);
        let arrivals = Arrivals::new(crowd.arrivals.phases(), crowd.arrivals.process, chance);
        let mut in_a_row = 0;
        // All threads draw the same times, and each takes its share.
        for due in arrivals.skip(number).step_by(cast.workers) {
            let due = cast.start + due;
            if due > Instant::now() {
                in_a_row = 0;
                self.until(due).await;
            } else {
                in_a_row += 1;
                if in_a_row % ARRIVALS_IN_A_ROW_MAX == 0 {
                    tokio::task::yield_now().await;
                }
            }
            if cast.is_stopped.load(Ordering::Relaxed) {
                break;
            }
            self.recorder.borrow_mut().due(due);
            let traveller = Traveller::draw(&self, &here, due);
            self.under_way.set(self.under_way.get() + 1);
            let worker = Rc::clone(&self);
            spawn_local(async move {
                traveller.travel(&worker).await;
                worker.under_way.set(worker.under_way.get() - 1);
            });
        }
        Ok(())
    }

    /// Waits until `due`, or not much longer than until somebody asked for an end.
    async fn until(&self, due: Instant) {
        while Instant::now() < due && !self.cast.is_stopped.load(Ordering::Relaxed) {
            let at_most = Instant::now() + TURN;
            self.timer.until(due.min(at_most)).await;
        }
    }

    /// Waits for a message that may never come.
    async fn wait_for(&self, arrives: oneshot::Receiver<Arrived>) -> Result<Arrived, RecvError> {
        self.waiting.set(self.waiting.get() + 1);
        let arrived = arrives.await;
        self.waiting.set(self.waiting.get() - 1);
        arrived
    }

    /// Waits until nobody has anything to do, and nothing has come for a while.
    async fn quiet(&self) {
        let mut quiet_rounds = 0;
        while quiet_rounds < QUIET_ROUNDS {
            tokio::time::sleep(QUIET_ROUND).await;
            let is_idle = self.under_way.get() == self.waiting.get();
            quiet_rounds = if is_idle && self.cast.sends.is_quiet() {
                quiet_rounds + 1
            } else {
                0
            };
        }
    }

    async fn turn(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(TURN);
        loop {
            ticks.tick().await;
            self.recorder.borrow_mut().turn(Instant::now());
        }
    }

    /// Counts a call that got no answer.
    fn failed(&self, error: CallError) {
        let mut recorder = self.recorder.borrow_mut();
        add(&mut recorder.counts.errors, error.as_str(), 1);
        recorder.at(Instant::now()).errors += 1;
    }

    /// What has been recorded; journeys cut off may still hold on to the worker.
    fn take_recorder(&self) -> Recorder {
        let (unheard, _) = std::sync::mpsc::channel();
        let empty = Recorder::new(self.cast.start, unheard);
        self.recorder.replace(empty)
    }
}

impl CrowdHere {
    fn new(crowd: &Crowd, cast: &Cast) -> anyhow::Result<Self> {
        let countries = crowd.countries.iter().map(|(code, weight)| {
            let known = cast.countries.iter().position(|one| one.code == *code);
            let index = known.and_then(|index| u8::try_from(index).ok());
            anyhow::Ok((index.context("the country was prepared")?, *weight))
        });
        Ok(Self {
            countries: countries.collect::<anyhow::Result<_>>()?,
            channels: crowd
                .channels
                .iter()
                .map(|(channel, weight)| (*channel, *weight))
                .collect(),
            addresses: match crowd.addresses {
                Some(count) => cast.addresses.shared(count),
                None => cast.addresses.clone(),
            },
            crowd: crowd.clone(),
        })
    }
}
