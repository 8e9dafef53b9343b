//! The starts of one slice: every line takes the next one as soon as it is free.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::Instant;

use super::{CREATED, Driven};
use crate::bench::line::Line;
use crate::bench::notes::{Notes, SENDS_PER_SLICE_MAX};
use crate::bench::requests::Start;
use crate::tenant::wire::{Verification, refusal};
use crate::timer::Timer;

/// Which starts are to come.
pub(super) enum Turns {
    /// At once, until this moment.
    Until(Instant),
    /// At once, so many.
    Count(u64),
    /// At these moments.
    At(VecDeque<Instant>),
}

pub(super) struct Starts {
    turns: RefCell<Turns>,
    notes: Arc<Notes>,
    begun: Cell<u64>,
    request: Start,
    timer: Timer,
    driven: RefCell<Driven>,
}

/// One start.
struct Turn {
    send: u64,
    /// `None` at once.
    due: Option<Instant>,
    is_id_kept: bool,
}

impl Starts {
    pub(super) fn new(turns: Turns, notes: Arc<Notes>, request: Start, timer: Timer) -> Self {
        Self {
            turns: RefCell::new(turns),
            notes,
            begun: Cell::new(0),
            request,
            timer,
            driven: RefCell::default(),
        }
    }

    pub(super) fn take_driven(&self) -> Driven {
        self.driven.take()
    }

    /// Starts one after the other on a line, as long as there are any.
    pub(super) async fn work_off(&self, mut line: Line) -> anyhow::Result<Line> {
        let mut request = self.request.clone();
        while let Some(turn) = self.next() {
            let late = match turn.due {
                Some(due) => self.wait_for(due).await,
                None => Duration::ZERO,
            };
            request.set(turn.send);
            let due = turn.due.unwrap_or_else(Instant::now);
            let answer = line.ask(&request.ready).await?;
            let took = due.elapsed();
            ensure!(
                answer.status == CREATED,
                "a start was answered {}",
                refusal(answer.status, &answer.body)
            );
            let mut driven = self.driven.borrow_mut();
            driven.answered += 1;
            driven.answer_bytes = answer.body.len();
            driven.sends.push((turn.send, due));
            driven.replies.record(took);
            driven.late.record(late);
            if turn.is_id_kept {
                let verification = Verification::read(&answer.body);
                let id = verification.context("an answer has no id")?.id;
                driven.ids.push((turn.send, id.to_owned()));
            }
        }
        Ok(line)
    }

    fn next(&self) -> Option<Turn> {
        let count = self.begun.get();
        if count >= SENDS_PER_SLICE_MAX {
            return None;
        }
        let (due, is_id_kept) = match &mut *self.turns.borrow_mut() {
            Turns::Until(end) if Instant::now() < *end => (None, false),
            Turns::Until(_) => return None,
            Turns::Count(wanted) if count < *wanted => (None, true),
            Turns::Count(_) => return None,
            Turns::At(moments) => (Some(moments.pop_front()?), false),
        };
        self.begun.set(count + 1);
        Some(Turn {
            send: self.notes.next_send(),
            due,
            is_id_kept,
        })
    }

    /// How late the generator was. That no line was free before is the program's
    /// doing, and not counted here but in the latency.
    async fn wait_for(&self, due: Instant) -> Duration {
        let free_at = Instant::now();
        self.timer.until(due).await;
        free_at.max(due).elapsed()
    }
}
