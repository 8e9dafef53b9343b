//! Our own pace towards a provider: each submission takes a turn.
//!
//! A rate is the fleet's. Where nodes share a store, each takes turns from it a
//! little ahead, as many as it is about to use: the store gives no turn twice,
//! so all nodes together keep to the rate, and one that is busy alone has all
//! of it. While the store cannot say, a node goes by its even part of the rate.
//! A node with a store of its own has that part for good.

mod schedule;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use self::schedule::{Evenly, Share, Shares, Used};
use crate::admission::turns::{TurnRule, Turns};

/// A pause earns the turns of so long.
const BEHIND: Duration = Duration::from_millis(100);
/// Turns are taken from the store at most so long before their moment: a busy
/// node asks some eight times a second, whatever the rate.
const AHEAD: Duration = Duration::from_millis(250);
/// A turn is lost so long after its moment. So in any `t` seconds no more than
/// rate × (`t` + this) + 1 submissions start.
const KEPT: Duration = Duration::from_millis(250);
/// An answer that takes longer is none: the node goes on by itself.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// A node that got fewer turns than it asked for leaves the store alone for so
/// long at least, and at most.
const ASK_AGAIN: Duration = Duration::from_millis(50);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(1);
/// How often a store that could not say is asked again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
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
        let enough = self.desk.lock().answers + ANSWERS_AWAITED;
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
        let mut state = desk.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.line.push_back(ticket);
        drop(state);
        Self { desk, ticket }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.desk.lock();
        if let Ok(position) = state.line.binary_search(&self.ticket) {
            // Without a turn: those behind come sooner than they thought.
            state.line.remove(position);
            drop(state);
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

    /// Takes the turn of whoever holds the ticket, or of one who comes last.
    ///
    /// # Errors
    ///
    /// The moment of that turn; `None` while nobody knows it. Nothing is taken.
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

struct State {
    shares: Shares,
    own: Evenly,
    sharing: Sharing,
    /// The tickets of those who wait, in the order they came.
    line: VecDeque<u64>,
    next_ticket: u64,
    used: Used,
    asking: Option<Asking>,
    /// A question is under way, or about to be.
    is_asked: bool,
    answers: usize,
    /// No question before.
    not_before: Instant,
}

/// How a node asks for its share.
#[derive(Clone, Copy)]
struct Asking {
    interval: Duration,
    /// Turns to have at hand at most: those of [`AHEAD`], and at least one.
    share_max: usize,
}

impl State {
    fn new(own: Duration, shared: Option<Duration>) -> Self {
        let now = Instant::now();
        let asking = shared.map(|interval| Asking {
            interval,
            share_max: usize::try_from(AHEAD.as_nanos().div_ceil(interval.as_nanos().max(1)))
                .unwrap_or(usize::MAX),
        });
        Self {
            shares: Shares::default(),
            own: Evenly::new(own),
            sharing: if asking.is_some() {
                Sharing::Shared
            } else {
                Sharing::Alone
            },
            line: VecDeque::new(),
            next_ticket: 0,
            used: Used::new(AHEAD, now),
            asking,
            is_asked: false,
            answers: 0,
            not_before: now,
        }
    }

    fn take(&mut self, ticket: Option<u64>, now: Instant) -> Result<(), Option<Instant>> {
        self.shares.forget_lost(now);
        let position = match ticket {
            Some(ticket) => self.line.partition_point(|earlier| *earlier < ticket),
            None => self.line.len(),
        };
        let moment = self.nth(position, now);
        if moment.is_none_or(|moment| moment > now) {
            return Err(moment);
        }
        // One turn is like another: the first is taken, and each of those in
        // front has one that is due as well.
        if !self.shares.take() {
            self.own.take((now, BEHIND));
        }
        if ticket.is_some() {
            self.line.remove(position);
        }
        self.used.note(now);
        Ok(())
    }

    /// The moment of a turn, counted from 0; `None` while nobody knows it.
    fn nth(&self, index: usize, now: Instant) -> Option<Instant> {
        self.shares.nth(index).or(match self.sharing {
            Sharing::Shared => None,
            Sharing::Alone => {
                let index = index.saturating_sub(self.shares.left());
                Some(self.own.nth(index, (now, BEHIND)))
            }
        })
    }

    /// How many turns to ask for; 0: none now.
    fn shortfall(&mut self, now: Instant) -> usize {
        let Some(Asking { share_max, .. }) = self.asking else {
            return 0;
        };
        self.shares.forget_lost(now);
        let (have, waiting) = (self.shares.left(), self.line.len());
        let lately = self.used.lately(now);
        let wanted = (waiting + lately).min(share_max).saturating_sub(have);
        match self.sharing {
            Sharing::Alone => wanted.max(1),
            // One turn now and then is asked for when it is needed: taken ahead,
            // it would mostly be lost. Half a share is left before the next.
            Sharing::Shared => {
                let is_short = waiting > have || have < lately / 2;
                if is_short && have * 2 < share_max {
                    wanted.max(1)
                } else {
                    0
                }
            }
        }
    }

    /// Whether the asker has something to do, now or soon.
    fn is_to_ask(&mut self, now: Instant) -> bool {
        if self.is_asked || self.shortfall(now) == 0 {
            return false;
        }
        self.is_asked = now >= self.not_before;
        true
    }

    fn next_step(&mut self, now: Instant) -> AskerStep {
        let is_short = self.is_to_ask(now);
        if self.is_asked {
            let count = self.shortfall(now).max(1);
            AskerStep::Ask(Question {
                asked_at: now,
                count: u32::try_from(count).unwrap_or(u32::MAX),
            })
        } else if is_short {
            AskerStep::WaitUntil(self.not_before)
        } else {
            AskerStep::Wait
        }
    }

    /// Whether an answer is under way that may bring turns, and before `enough` came.
    fn is_promising(&self, enough: usize) -> bool {
        self.is_asked && self.sharing == Sharing::Shared && self.answers < enough
    }

    /// What an answer brings. Gives the sharing if it has changed.
    fn answered(
        &mut self,
        question: &Question,
        answer: Option<Turns>,
        now: Instant,
    ) -> Option<Sharing> {
        let sharing_before = self.sharing;
        self.is_asked = false;
        self.answers += 1;
        match (answer, self.asking) {
            (Some(turns), Some(asking)) => {
                self.sharing = Sharing::Shared;
                self.not_before = self.received(question, turns, (asking.interval, now));
            }
            (None, _) | (_, None) => {
                self.sharing = Sharing::Alone;
                self.not_before = now + TRY_AGAIN;
                if sharing_before == Sharing::Shared {
                    self.own
                        .start_at(self.shares.last().unwrap_or(now).max(now));
                }
            }
        }
        // Whoever waits for answers must find the next question asked already.
        self.is_to_ask(now);
        (self.sharing != sharing_before).then_some(self.sharing)
    }

    /// Puts turns to the others, and says when to ask again.
    fn received(
        &mut self,
        question: &Question,
        turns: Turns,
        (interval, now): (Duration, Instant),
    ) -> Instant {
        // The store's clock was read between question and answer. So that no turn
        // is used too early it counts as just read; that none is used too late,
        // as read when it was asked.
        let moment = |read: Instant| {
            let ahead = Duration::from_micros(turns.first_us.saturating_sub(turns.now_us));
            let behind = Duration::from_micros(turns.now_us.saturating_sub(turns.first_us));
            read.checked_sub(behind).unwrap_or(read) + ahead
        };
        let count = usize::try_from(turns.count).unwrap_or(usize::MAX);
        self.shares.add(Share {
            next: moment(now),
            lost_at: moment(question.asked_at) + KEPT,
            interval,
            left: count,
        });
        if turns.count >= question.count {
            return now;
        }
        let next = moment(now) + interval.saturating_mul(turns.count);
        let opens = next.checked_sub(AHEAD).unwrap_or(now);
        opens.clamp(now + ASK_AGAIN, now + ASK_AGAIN_MAX)
    }
}

/// What the asker does next.
enum AskerStep {
    Ask(Question),
    WaitUntil(Instant),
    Wait,
}

/// A question to the source.
struct Question {
    asked_at: Instant,
    count: u32,
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
