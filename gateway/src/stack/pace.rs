//! Our own pace towards a provider: each submission takes a turn.
//!
//! A rate is the fleet's. Where nodes share a store, each takes turns from it a
//! little ahead, as many as it is about to use: the store gives no turn twice,
//! so all nodes together keep to the rate, and one that is busy alone has all
//! of it. While the store cannot say, a node goes by its even part of the rate.
//! A node with a store of its own has that part for good.

mod schedule;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use self::state::{AskerStep, State};
use crate::admission::turns::{TurnRule, Turns};

/// A pause earns the turns of so long.
const BEHIND: Duration = Duration::from_millis(100);
/// Turns are taken from the store at most so long before their moment: a busy
/// node asks some eight times a second, whatever the rate.
const AHEAD: Duration = Duration::from_millis(250);
/// An answer that takes longer is none: the node goes on by itself.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// Whoever will not wait for a turn still waits for so many answers that may
/// bring one: the one under way, and the one to its own question.
const ANSWERS_AWAITED: usize = 2;

/// How turns of a rate follow one another in the store.
pub fn rule(rate_per_s: f64) -> TurnRule {
    let number = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
    TurnRule {
        interval_ns: number(interval(rate_per_s).as_nanos()),
        behind_us: number(BEHIND.as_micros()),
        ahead_us: number(AHEAD.as_micros()),
    }
}

/// A rate above 0 and below a million is kept to; anything else is brought there.
fn interval(rate_per_s: f64) -> Duration {
    let rate = if rate_per_s.is_finite() {
        rate_per_s.clamp(0.001, 1e6)
    } else {
        1e6
    };
    Duration::from_secs_f64(1.0 / rate)
}

/// Whose turns a node goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Those the store gives out to all nodes.
    Shared,
    /// Its own: the store cannot say.
    Alone,
}

/// Gives out turns of a rate that all nodes share.
#[async_trait]
pub trait TurnSource: Send + Sync + 'static {
    /// At most `count` turns; `None` if it cannot say. May be dropped.
    async fn turns(&self, count: u32) -> Option<Turns>;

    /// Told at first, when its answers stop, and when they come again.
    fn sharing_changed(&self, sharing: Sharing);
}

/// Lets no more than a rate of submissions start, first come, first served.
pub struct Pace {
    desk: Arc<Desk>,
    /// Asks for turns, one question at a time. Ends with the pace.
    _asker: JoinSet<()>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pace").finish_non_exhaustive()
    }
}

impl Pace {
    /// A rate of this node alone.
    pub fn own(rate_per_s: f64) -> Self {
        Self {
            desk: Arc::new(Desk::new(State::new(interval(rate_per_s), None))),
            _asker: JoinSet::new(),
        }
    }

    /// A rate of all nodes, and what is this node's while the source cannot
    /// say. Must be called within a runtime.
    pub fn shared(rate_per_s: f64, alone_per_s: f64, source: impl TurnSource) -> Self {
        let state = State::new(interval(alone_per_s), Some(interval(rate_per_s)));
        let desk = Arc::new(Desk::new(state));
        let mut asker = JoinSet::new();
        asker.spawn(ask(Arc::clone(&desk), source));
        Self {
            desk,
            _asker: asker,
        }
    }

    /// Takes a turn if one is due and nobody waits for it.
    pub fn try_turn(&self) -> bool {
        self.desk.take(None).is_ok()
    }

    /// Waits in line for a turn and takes it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a turn is only taken when it returns.
    pub async fn turn(self: Arc<Self>) {
        let mut news = self.desk.news.subscribe();
        let place = Place::at_the_end(&self.desk);
        loop {
            match self.desk.take(Some(place.ticket)) {
                Ok(()) => return,
                Err(Some(moment)) => tokio::select! {
                    () = sleep_until(moment) => {}
                    // The sender lives in the desk.
                    _ = news.changed() => {}
                },
                Err(None) => drop(news.changed().await),
            }
        }
    }

    /// Waits while the store is asked for turns: until an answer that could
    /// bring one has come, if any is to come.
    pub async fn answers(&self) {
        let mut news = self.desk.news.subscribe();
        let enough = self.desk.lock().answers() + ANSWERS_AWAITED;
        while self.desk.lock().is_promising(enough) {
            drop(news.changed().await);
        }
    }
}

/// Where those in line and the asker meet.
struct Desk {
    state: Mutex<State>,
    /// Sent when moments may have changed: an answer came, or somebody left the line.
    news: watch::Sender<()>,
    /// Wakes the asker.
    demand: Notify,
}

/// A ticket's place in line. Left when dropped.
struct Place<'a> {
    desk: &'a Desk,
    ticket: u64,
}

impl<'a> Place<'a> {
    fn at_the_end(desk: &'a Desk) -> Self {
        let ticket = desk.lock().join();
        Self { desk, ticket }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let has_left = self.desk.lock().leave(self.ticket);
        if has_left {
            // Without a turn: those behind come sooner than they thought.
            self.desk.news.send_replace(());
        }
    }
}

impl Desk {
    fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            news: watch::Sender::new(()),
            demand: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`State::take`]; wakes the asker if turns run low.
    fn take(&self, ticket: Option<u64>) -> Result<(), Option<Instant>> {
        let now = Instant::now();
        let mut state = self.lock();
        let taken = state.take(ticket, now);
        let wakes_asker = state.is_to_ask(now);
        drop(state);
        if wakes_asker {
            self.demand.notify_one();
        }
        taken
    }
}

/// Asks for turns whenever they run low.
async fn ask(desk: Arc<Desk>, source: impl TurnSource) {
    source.sharing_changed(Sharing::Shared);
    loop {
        let step = desk.lock().next_step(Instant::now());
        match step {
            AskerStep::Ask(question) => {
                let answer = timeout(ANSWER_WITHIN, source.turns(question.count)).await;
                let answer = answer.ok().flatten();
                let changed = desk.lock().answered(&question, answer, Instant::now());
                desk.news.send_replace(());
                if let Some(sharing) = changed {
                    source.sharing_changed(sharing);
                }
            }
            AskerStep::WaitUntil(moment) => tokio::select! {
                () = sleep_until(moment) => {}
                () = desk.demand.notified() => {}
            },
            AskerStep::Wait => desk.demand.notified().await,
        }
    }
}
