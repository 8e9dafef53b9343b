//! The store for one machine: one file, one writer, the pure transitions within
//! its transactions. Also the store that forgets, for tests.

mod codec;
mod contract;
mod file;
mod reaper;
mod steps;
mod subjects;
mod tables;
#[cfg(test)]
mod tests;
mod webhooks;
mod writer;

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, DatabaseError};
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::file::{Holder, Opener, Shared};
use self::tables::{StepError, Tables};
use self::writer::{Asked, Job, Promise, Writer, unavailable};
use crate::store::{Durability, StoreError};

/// Unix time in ms.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How an embedded store works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an ended record stays readable.
    pub retention_ms: u64,
    /// Steps that may wait for the writer; one more is refused.
    pub queue_max: usize,
    /// Memory for pages of the file.
    pub cache_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_ms: 86_400_000,
            queue_max: 4096,
            cache_bytes: 64 << 20,
        }
    }
}

/// Why an embedded store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{path} is held by {holder}: stop that process, or give this one a store path of its own",
        path = .path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error("{path} cannot be opened", path = .path.display())]
    Storage {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The store in one file, or in memory.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    queue: Queue,
    durability: Durability,
    retention_ms: u64,
}

/// The way to the writer.
enum Queue {
    /// A thread of its own: syncing a file takes milliseconds.
    Thread {
        /// `None` only while it is dropped.
        steps: Option<SyncSender<Box<dyn Job>>>,
        thread: Option<JoinHandle<()>>,
    },
    /// In the caller's thread: memory takes microseconds, and a paused clock
    /// does not run on meanwhile.
    Here(Mutex<Writer>),
}

/// Every call has ended by then, one way or the other.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
const ANSWER_WITHIN_MS: u64 = 1000;

/// Ledger entries looked at in one transaction at start.
const END_LEASES_STEP: usize = 512;

impl EmbeddedStore {
    /// Opens the file, or makes it, and takes over what its last process held.
    ///
    /// Blocks: a file that was not closed cleanly is looked through first.
    ///
    /// # Errors
    ///
    /// [`OpenError::Held`] if a process has it open.
    pub fn open(path: &Path, settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        let storage = |source| OpenError::Storage {
            path: path.to_owned(),
            source,
        };
        let (file_path, cache_bytes) = (path.to_owned(), settings.cache_bytes);
        let opener: Opener = Box::new(move || {
            let file = file::open_file(&file_path)?;
            let mut builder = Builder::new();
            builder.set_cache_size(cache_bytes);
            // What was altered from outside is refused, not believed.
            builder.set_check_integrity_on_open(true);
            file::with_tables(builder.create_with_backend(FileBackend::new(file)?)?)
        });
        let now_ms = clock();
        let shared = Shared::open(opener, clock).map_err(|error| {
            if let DatabaseError::DatabaseAlreadyOpen = error {
                Holder::read(path)
            } else {
                storage(error.into())
            }
        })?;
        let holder = Holder::write(path, now_ms).map_err(|error| storage(error.into()))?;
        shared.held_by(holder);
        Self::on_disk(shared, settings).map_err(|error| storage(error.into()))
    }

    /// A store that forgets everything when it is dropped.
    ///
    /// # Errors
    ///
    /// [`OpenError::Storage`] if there is no memory for it.
    pub fn in_memory(settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        let storage = |source| OpenError::Storage {
            path: PathBuf::from("memory"),
            source,
        };
        let cache_bytes = settings.cache_bytes;
        let opener: Opener = Box::new(move || {
            let mut builder = Builder::new();
            builder.set_cache_size(cache_bytes);
            file::with_tables(builder.create_with_backend(InMemoryBackend::new())?)
        });
        let shared = Shared::open(opener, clock).map_err(|error| storage(error.into()))?;
        let writer = Writer::new(Arc::clone(&shared), settings.retention_ms)
            .map_err(|error| storage(error.into()))?;
        Ok(Self {
            shared,
            queue: Queue::Here(Mutex::new(writer)),
            durability: Durability::Memory,
            retention_ms: settings.retention_ms,
        })
    }

    fn on_disk(shared: Arc<Shared>, settings: &Settings) -> Result<Self, StoreError> {
        let mut writer = Writer::new(Arc::clone(&shared), settings.retention_ms)?;
        end_leases(&mut writer)?;
        let (steps, queue) = mpsc::sync_channel(settings.queue_max);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.serve(&queue))
            .map_err(|error| unavailable(&error.to_string()))?;
        Ok(Self {
            shared,
            queue: Queue::Thread {
                steps: Some(steps),
                thread: Some(thread),
            },
            durability: Durability::Disk,
            retention_ms: settings.retention_ms,
        })
    }

    /// Has the writer run a step, and waits for the end of its transaction.
    async fn ask<A: Send + 'static>(
        &self,
        promise: Promise,
        step: impl FnOnce(&mut Tables<'_>) -> Result<A, StepError> + Send + 'static,
    ) -> Result<A, StoreError> {
        let (caller, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Asked {
            promise,
            not_after_ms: self.shared.now_ms() + ANSWER_WITHIN_MS,
            step: Some(step),
            answer: None,
            caller,
        });
        self.hand_over(job)?;
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::OutcomeUnknown {
                reason: "its writer gave the transaction up".into(),
            }),
            Err(_) => Err(StoreError::OutcomeUnknown {
                reason: "the disk took more than a second".into(),
            }),
        }
    }

    fn hand_over(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        match &self.queue {
            Queue::Here(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                writer.run(vec![job]);
                Ok(())
            }
            Queue::Thread { steps, .. } => {
                let sent = steps.as_ref().map(|steps| steps.try_send(job));
                match sent {
                    Some(Ok(())) => Ok(()),
                    Some(Err(TrySendError::Full(_))) => Err(unavailable("too many steps wait")),
                    Some(Err(TrySendError::Disconnected(_))) | None => {
                        Err(unavailable("its writer has ended"))
                    }
                }
            }
        }
    }
}

/// Makes every lease of the last process due.
fn end_leases(writer: &mut Writer) -> Result<(), StoreError> {
    let mut from = Some(Bound::Unbounded);
    while let Some(next) = from {
        let (caller, mut answer) = oneshot::channel();
        writer.run(vec![Box::new(Asked {
            promise: Promise::Durable,
            not_after_ms: u64::MAX,
            step: Some(move |tables: &mut Tables<'_>| {
                steps::deliveries::end_leases(tables, next, END_LEASES_STEP)
            }),
            answer: None,
            caller,
        })]);
        from = answer
            .try_recv()
            .map_err(|_| unavailable("its leases could not be ended"))??;
    }
    Ok(())
}

impl Drop for EmbeddedStore {
    /// Waits until all that was handed over is on disk.
    fn drop(&mut self) {
        if let Queue::Thread { steps, thread } = &mut self.queue {
            drop(steps.take());
            if let Some(thread) = thread.take() {
                // A writer that panicked has said so.
                drop(thread.join());
            }
        }
    }
}
