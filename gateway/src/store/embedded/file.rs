//! The storage behind the embedded store: opening it, opening it again after
//! it has failed, reading from it, and who holds its file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    TableError, TransactionError, WriteTransaction,
};

use super::codec::LedgerKey;
use super::tables::{self, Memory, Raw, StepError, Tables, of_table};
use super::writer::unavailable;
use super::{Clock, OpenError};
use crate::store::StoreError;

/// Opens the storage, as often as it has to be.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// What readers and the writer have in common.
pub(super) struct Shared {
    opener: Opener,
    /// `None` from a failure until it has been opened again.
    database: RwLock<Option<Database>>,
    /// Set by whoever sees it fail; the writer opens it again.
    has_failed: AtomicBool,
    clock: Clock,
    /// The latest time given out.
    last_ms: AtomicU64,
    /// Dropped last: another process may come in when the file is closed.
    holder: Mutex<Option<Holder>>,
}

impl Shared {
    pub(super) fn open(opener: Opener, clock: Clock) -> Result<Arc<Self>, DatabaseError> {
        let database = opener()?;
        Ok(Arc::new(Self {
            opener,
            database: RwLock::new(Some(database)),
            has_failed: AtomicBool::new(false),
            clock,
            last_ms: AtomicU64::new(0),
            holder: Mutex::new(None),
        }))
    }

    /// Keeps the note of who holds the file for as long as it is held.
    pub(super) fn held_by(&self, holder: Holder) {
        let mut held = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(holder);
    }

    /// The store's time: the clock's, but it never goes back.
    pub(super) fn now_ms(&self) -> u64 {
        let now_ms = (self.clock)();
        self.last_ms
            .fetch_max(now_ms, Ordering::Relaxed)
            .max(now_ms)
    }

    /// How far the store's time is ahead of the clock's.
    pub(super) fn skew_ms(&self) -> i64 {
        let ahead_ms = self.now_ms().saturating_sub((self.clock)());
        i64::try_from(ahead_ms).unwrap_or(i64::MAX)
    }

    /// Notes that the storage has failed.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Opens the storage again if it has failed; `false` if it has not.
    pub(super) fn reopen(&self) -> Result<bool, StoreError> {
        if !self.has_failed() {
            return Ok(false);
        }
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The old one holds the file's lock.
        *database = None;
        let opened = (self.opener)().map_err(|error| {
            if let DatabaseError::Storage(error) = error {
                failed(&error)
            } else {
                unavailable(&error.to_string())
            }
        })?;
        *database = Some(opened);
        self.has_failed.store(false, Ordering::Relaxed);
        Ok(true)
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(unavailable("its storage has failed"));
        };
        database
            .begin_write()
            .map_err(|error| failed(&of_transaction(error)))
    }

    /// Reads from one snapshot. Short: it does not wait for the writer.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, StepError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(unavailable("its storage has failed"));
        };
        let begun = database.begin_read().map_err(of_transaction);
        let answer = begun
            .map_err(StepError::Storage)
            .and_then(|transaction| read(&Snapshot(transaction)));
        answer.map_err(|error| match error {
            StepError::Step(error) => error,
            StepError::Storage(error) => {
                self.fail();
                failed(&error)
            }
        })
    }
}

/// One state of the storage, unmoved by what is written meanwhile.
pub(super) struct Snapshot(pub(super) ReadTransaction);

impl Snapshot {
    pub(super) fn get(&self, table: Raw, key: &[u8]) -> Result<Option<Vec<u8>>, StepError> {
        let table = self.0.open_table(table).map_err(of_table)?;
        Ok(tables::read(&table, key)?)
    }

    pub(super) fn meta(&self) -> Result<Option<tables::StoredMeta>, StepError> {
        let table = self.0.open_table(tables::META).map_err(of_table)?;
        tables::read_meta(&table)
    }

    /// The store's epoch, the ledger's depths, and the last transaction's number.
    pub(super) fn remembered(&self) -> Result<(u32, BTreeMap<u16, u64>, u64), StepError> {
        let meta = self.0.open_table(tables::META).map_err(of_table)?;
        let epoch = match tables::read_meta(&meta) {
            Ok(stored) => stored.map_or(0, |stored| stored.meta.epoch),
            // Whoever asks for `meta` is told; records of ours can still be read.
            Err(StepError::Step(_)) => 0,
            Err(error) => return Err(error),
        };
        let mut depths = BTreeMap::new();
        let ledger = self.0.open_table(tables::LEDGER).map_err(of_table)?;
        for entry in ledger.iter()? {
            if let Some(key) = LedgerKey::parse(entry?.0.value()) {
                *depths
                    .entry(key.delivery.record.shard.number())
                    .or_default() += 1;
            }
        }
        Ok((epoch, depths, tables::read_sequence(&meta)?))
    }
}

/// What a storage error means for who asked.
pub(super) fn failed(error: &StorageError) -> StoreError {
    if let StorageError::Io(error) = error
        && let ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge =
            error.kind()
    {
        return StoreError::Full;
    }
    unavailable(&error.to_string())
}

fn of_transaction(error: TransactionError) -> StorageError {
    if let TransactionError::Storage(error) = error {
        error
    } else {
        StorageError::Corrupted(error.to_string())
    }
}

/// Makes the tables of a new file, and those that an older release did not know,
/// so that reading finds them.
pub(super) fn with_tables(database: Database) -> Result<Database, DatabaseError> {
    let read = database.begin_read().map_err(of_transaction)?;
    let lacks_tables = match read.open_table(tables::SUBJECTS) {
        Ok(_) => false,
        Err(TableError::TableDoesNotExist(_)) => true,
        Err(error) => return Err(of_table(error).into()),
    };
    drop(read);
    if lacks_tables {
        let transaction = database.begin_write().map_err(of_transaction)?;
        drop(Tables::open(&transaction, Memory::default())?.open_subjects()?);
        transaction
            .commit()
            .map_err(|error| StorageError::Io(io::Error::other(error)))?;
    }
    Ok(database)
}

/// Opens or makes the file, for us alone.
pub(super) fn open_file(path: &Path) -> Result<File, io::Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    // It may be older than this rule.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// The note beside the file that says who holds it. The lock is the file's own.
pub(super) struct Holder(PathBuf);

impl Holder {
    fn path_for(store: &Path) -> PathBuf {
        let mut name = store.as_os_str().to_owned();
        name.push(".holder");
        PathBuf::from(name)
    }

    /// Writes the note. Only who has the lock may.
    pub(super) fn write(store: &Path, now_ms: u64) -> io::Result<Self> {
        let path = Self::path_for(store);
        let since = i64::try_from(now_ms)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        io::Write::write_all(
            &mut file,
            format!("process {} since {since}\n", std::process::id()).as_bytes(),
        )?;
        Ok(Self(path))
    }

    /// Who holds the file, as the note says.
    pub(super) fn read(store: &Path) -> OpenError {
        let note = std::fs::read_to_string(Self::path_for(store)).unwrap_or_default();
        let note: String = note.trim().chars().take(80).collect();
        OpenError::Held {
            path: store.to_owned(),
            holder: if note.is_empty() {
                "another process".to_owned()
            } else {
                note
            },
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // A note left behind says nothing false: the lock decides.
        drop(std::fs::remove_file(&self.0));
    }
}
