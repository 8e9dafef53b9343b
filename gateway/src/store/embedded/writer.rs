//! The one writer: what waits is written as one transaction, and the next one
//! starts when that has ended. Nobody waits for a batch to fill.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use redb::{CommitError, Durability, StorageError, WriteTransaction};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, warn};

use super::file::{Shared, failed};
use super::reaper::{self, Reaped};
use super::tables::{Memory, StepError, Tables};
use crate::store::StoreError;

/// Steps of one transaction at most.
const BATCH_MAX: usize = 256;
/// What needs no sync of its own is synced no later than this.
const SYNC_WITHIN: Duration = Duration::from_millis(100);
/// An idle writer looks for what has expired as often as this.
const REAP_EVERY: Duration = Duration::from_secs(1);
const REAP_EVERY_MS: u64 = 1000;

/// What the caller of a step may believe when it has the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// It survives a loss of power.
    Durable,
    /// It is done, and survives a loss of power soon.
    Done,
}

/// A step that waits for the writer, and its caller for the answer.
pub(super) trait Job: Send {
    fn promise(&self) -> Promise;
    /// Runs the step and keeps its answer until the transaction has ended.
    fn run(&mut self, tables: &mut Tables<'_>) -> Result<(), StorageError>;
    /// Tells the caller, whether it still listens or not.
    fn reply(self: Box<Self>, end: Result<(), StoreError>);
}

pub(super) struct Asked<A, F> {
    pub(super) promise: Promise,
    /// Done no later than this by the store's clock, or never.
    pub(super) not_after_ms: u64,
    pub(super) step: Option<F>,
    pub(super) answer: Option<Result<A, StoreError>>,
    pub(super) caller: oneshot::Sender<Result<A, StoreError>>,
}

impl<A, F> Job for Asked<A, F>
where
    A: Send,
    F: FnOnce(&mut Tables<'_>) -> Result<A, StepError> + Send,
{
    fn promise(&self) -> Promise {
        self.promise
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> Result<(), StorageError> {
        let Some(step) = self.step.take() else {
            return Ok(());
        };
        if tables.now_ms > self.not_after_ms {
            self.answer = Some(Err(unavailable("it waited too long to be written")));
            return Ok(());
        }
        match step(tables) {
            Ok(answer) => self.answer = Some(Ok(answer)),
            Err(StepError::Step(error)) => self.answer = Some(Err(error)),
            Err(StepError::Storage(error)) => return Err(error),
        }
        Ok(())
    }

    fn reply(self: Box<Self>, end: Result<(), StoreError>) {
        let answer = match (end, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(unavailable("the step was not run")),
            (Err(error), _) => Err(error),
        };
        // Who hung up meanwhile has lost the answer, not the step.
        drop(self.caller.send(answer));
    }
}

pub(super) fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.into(),
    }
}

/// Runs steps in transactions.
pub(super) struct Writer {
    shared: Arc<Shared>,
    memory: Memory,
    /// The number of the last transaction.
    sequence: u64,
    reap_at_ms: u64,
    unsynced_since: Option<Instant>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, retention_ms: u64) -> Result<Self, StoreError> {
        let mut writer = Self {
            shared,
            memory: Memory {
                retention_ms,
                ..Memory::default()
            },
            sequence: 0,
            reap_at_ms: 0,
            unsynced_since: None,
        };
        writer.remember()?;
        Ok(writer)
    }

    /// Serves the queue until nobody can ask any more.
    pub(super) fn serve(mut self, queue: &Receiver<Box<dyn Job>>) {
        loop {
            let patience = match (self.unsynced_since, self.shared.now_ms() >= self.reap_at_ms) {
                (Some(_), _) => SYNC_WITHIN,
                (None, true) => Duration::ZERO,
                (None, false) => REAP_EVERY,
            };
            let mut jobs = Vec::new();
            match queue.recv_timeout(patience) {
                Ok(first) => jobs.push(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.run_caught(Vec::new());
                    return;
                }
            }
            while jobs.len() < BATCH_MAX
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            self.run_caught(jobs);
        }
    }

    /// A step that panics takes its batch along, not the writer.
    fn run_caught(&mut self, jobs: Vec<Box<dyn Job>>) {
        if catch_unwind(AssertUnwindSafe(|| self.run(jobs))).is_err() {
            error!("a step of the embedded store panicked; its transaction was given up");
            self.shared.fail();
        }
    }

    /// Runs the steps as one transaction, with no steps: the housekeeping alone.
    pub(super) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let end = self.transact(&mut jobs);
        if let Err(error) = &end {
            warn!(
                error.kind = error.kind(),
                "the embedded store could not write: {error}"
            );
        }
        for job in jobs {
            job.reply(end.clone());
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        match self.write(&transaction, jobs) {
            Ok(None) => {
                // Nothing to keep: a refusal costs no sync.
                drop(transaction.abort());
                Ok(())
            }
            Ok(Some(written)) => self.commit(transaction, written),
            Err(error) => {
                drop(transaction);
                self.shared.fail();
                Err(failed(&error))
            }
        }
    }

    /// Opens the storage again first if it has failed.
    fn begin(&mut self) -> Result<WriteTransaction, StoreError> {
        if self.shared.reopen()? {
            self.remember()?;
        }
        let begun = self.shared.begin_write();
        if begun.is_err() {
            self.shared.fail();
        }
        begun
    }

    /// Reads what is remembered between transactions.
    fn remember(&mut self) -> Result<(), StoreError> {
        self.unsynced_since = None;
        let remembered = self.shared.read(|read| read.remembered());
        match remembered {
            Ok((epoch, depths, sequence)) => {
                self.memory.epoch = epoch;
                self.memory.depths = depths;
                self.sequence = sequence;
                Ok(())
            }
            Err(error) => {
                self.shared.fail();
                Err(error)
            }
        }
    }

    /// Runs the steps and the housekeeping; `None` if nothing has changed.
    fn write(
        &mut self,
        transaction: &WriteTransaction,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<Option<Written>, StorageError> {
        let mut tables = Tables::open(transaction, self.memory.clone())?;
        let mut is_changed = false;
        let mut must_sync = self
            .unsynced_since
            .is_some_and(|since| jobs.is_empty() || since.elapsed() >= SYNC_WITHIN);
        for job in jobs {
            tables.is_changed = false;
            tables.now_ms = self.shared.now_ms();
            job.run(&mut tables)?;
            is_changed |= tables.is_changed;
            must_sync |= tables.is_changed && job.promise() == Promise::Durable;
        }
        tables.is_changed = false;
        tables.now_ms = self.shared.now_ms();
        if tables.now_ms >= self.reap_at_ms {
            self.reap_at_ms = match reap(&mut tables)? {
                Reaped::All => tables.now_ms + REAP_EVERY_MS,
                Reaped::MoreWaits => tables.now_ms,
            };
        }
        if !is_changed && !tables.is_changed && !must_sync {
            return Ok(None);
        }
        tables.write_sequence(self.sequence + 1)?;
        Ok(Some(Written {
            memory: tables.memory,
            must_sync,
        }))
    }

    fn commit(
        &mut self,
        mut transaction: WriteTransaction,
        written: Written,
    ) -> Result<(), StoreError> {
        if !written.must_sync {
            transaction
                .set_durability(Durability::None)
                .expect("we never make savepoints and share the file with no other process");
        }
        match transaction.commit() {
            Ok(()) => {
                self.sequence += 1;
                self.memory = written.memory;
                self.unsynced_since = if written.must_sync {
                    None
                } else {
                    self.unsynced_since.or_else(|| Some(Instant::now()))
                };
                Ok(())
            }
            Err(error) => {
                let error = if let CommitError::Storage(error) = error {
                    failed(&error)
                } else {
                    unavailable(&error.to_string())
                };
                Err(self.after_failed_commit(error))
            }
        }
    }

    /// Opens the storage again to see whether the commit has come through.
    fn after_failed_commit(&mut self, error: StoreError) -> StoreError {
        let asked = self.sequence + 1;
        self.shared.fail();
        let found = self.shared.reopen().and_then(|_| self.remember());
        if found.is_ok() && self.sequence < asked {
            return error;
        }
        StoreError::OutcomeUnknown {
            reason: error.to_string().into(),
        }
    }
}

/// What a transaction leaves behind once it has committed.
struct Written {
    memory: Memory,
    must_sync: bool,
}

fn reap(tables: &mut Tables<'_>) -> Result<Reaped, StorageError> {
    reaper::reap(tables).map_err(|error| match error {
        StepError::Storage(error) => error,
        StepError::Step(error) => StorageError::Corrupted(error.to_string()),
    })
}
