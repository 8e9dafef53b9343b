//! Within the pace: who waits for which turn, and how many turns to ask for.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::schedule::{Evenly, Share, Shares, Used};
use super::{AHEAD, BEHIND, Sharing};
use crate::admission::turns::Turns;

/// A turn is lost so long after its moment. So in any `t` seconds no more than
/// rate × (`t` + this) + 1 submissions start.
pub(super) const KEPT: Duration = Duration::from_millis(250);
/// A node that got fewer turns than it asked for leaves the store alone for so
/// long at least, and at most.
const ASK_AGAIN: Duration = Duration::from_millis(50);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(1);
/// How often a store that could not say is asked again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// All that a pace knows, under one lock.
pub(super) struct State {
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
    pub(super) fn new(own: Duration, shared: Option<Duration>) -> Self {
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

    /// How many questions have been answered.
    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    /// A ticket for the end of the line.
    pub(super) fn join(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.line.push_back(ticket);
        ticket
    }

    /// Leaves the line. `false` for a ticket that has had its turn.
    pub(super) fn leave(&mut self, ticket: u64) -> bool {
        let position = self.line.binary_search(&ticket);
        position.is_ok_and(|position| self.line.remove(position).is_some())
    }

    #[cfg(test)]
    pub(super) fn is_nobody_waiting(&self) -> bool {
        self.line.is_empty()
    }

    /// Takes the turn of whoever holds the ticket, or of one who comes last.
    ///
    /// # Errors
    ///
    /// The moment of that turn; `None` while nobody knows it. Nothing is taken.
    pub(super) fn take(
        &mut self,
        ticket: Option<u64>,
        now: Instant,
    ) -> Result<(), Option<Instant>> {
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
    pub(super) fn is_to_ask(&mut self, now: Instant) -> bool {
        if self.is_asked || self.shortfall(now) == 0 {
            return false;
        }
        self.is_asked = now >= self.not_before;
        true
    }

    pub(super) fn next_step(&mut self, now: Instant) -> AskerStep {
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
    pub(super) fn is_promising(&self, enough: usize) -> bool {
        self.is_asked && self.sharing == Sharing::Shared && self.answers < enough
    }

    /// What an answer brings. Gives the sharing if it has changed.
    pub(super) fn answered(
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
pub(super) enum AskerStep {
    Ask(Question),
    WaitUntil(Instant),
    Wait,
}

/// A question to the source.
pub(super) struct Question {
    asked_at: Instant,
    pub(super) count: u32,
}
