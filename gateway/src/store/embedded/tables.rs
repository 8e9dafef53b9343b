//! What the embedded store keeps and where. A record is only written through
//! here, and with it its ledger entries: the two cannot come apart.

use redb::{ReadableTable, StorageError, Table, TableDefinition, TableError, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::{
    self, Kept, LedgerKey, SlotKey, decode, encode, ledger_value, record_key, slot_key,
};
use crate::delivery::{DeliveryRecord, Due};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::store::{Meta, StoreError};
use crate::subjects::model::SubjectKey;
use crate::verification::{FAILURES_KEPT_MS, NumberRecord, NumberTag, OperationId, Record};

pub(super) type Raw = TableDefinition<'static, &'static [u8], &'static [u8]>;
type RawTable<'t> = Table<'t, &'static [u8], &'static [u8]>;

pub(super) const RECORDS: Raw = TableDefinition::new("records");
pub(super) const NUMBERS: Raw = TableDefinition::new("numbers");
pub(super) const META: Raw = TableDefinition::new("meta");
const IDEMPOTENCY: Raw = TableDefinition::new("idempotency");
const LIMITS: Raw = TableDefinition::new("limits");
const MESSAGES: Raw = TableDefinition::new("messages");
const CALLS: Raw = TableDefinition::new("calls");
const TURNS: Raw = TableDefinition::new("turns");
pub(super) const COUNTS: Raw = TableDefinition::new("counts");
pub(super) const LEDGER: Raw = TableDefinition::new("ledger");
const WATCHES: Raw = TableDefinition::new("watches");
const WATCH_LEDGER: Raw = TableDefinition::new("watch_ledger");
const EXPIRY: Raw = TableDefinition::new("expiry");
pub(super) const SUBJECTS: Raw = TableDefinition::new("subjects");
const SUBJECT_LEDGER: Raw = TableDefinition::new("subject_ledger");
const SUBJECT_DUES: Raw = TableDefinition::new("subject_dues");
pub(super) const SUBJECT_AUDIT: Raw = TableDefinition::new("subject_audit");
pub(super) const SUBJECT_NUMBERS: Raw = TableDefinition::new("subject_numbers");

/// All whose entries expire.
#[cfg(test)]
pub(super) const PERISHABLE: [Raw; 12] = [
    RECORDS,
    NUMBERS,
    IDEMPOTENCY,
    LIMITS,
    MESSAGES,
    CALLS,
    TURNS,
    COUNTS,
    LEDGER,
    WATCHES,
    WATCH_LEDGER,
    EXPIRY,
];

/// Those of subjects, whose entries stay until they are removed.
#[cfg(test)]
pub(super) const LASTING: [Raw; 5] = [
    SUBJECTS,
    SUBJECT_DUES,
    SUBJECT_LEDGER,
    SUBJECT_AUDIT,
    SUBJECT_NUMBERS,
];

const META_KEY: &[u8] = b"meta";
const SEQUENCE_KEY: &[u8] = b"sequence";

/// Why a step came to no answer.
#[derive(Debug)]
pub(super) enum StepError {
    /// Of this step alone; it has written nothing.
    Step(StoreError),
    /// The whole transaction is lost.
    Storage(StorageError),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Step(error)
    }
}

impl From<StorageError> for StepError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// What the writer remembers between transactions.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) retention_ms: u64,
    pub(super) epoch: u32,
    /// Ledger entries per shard.
    pub(super) depths: BTreeMap<u16, u64>,
    /// What was last taken of each shard, to answer the same asking again.
    pub(super) taken: Arc<BTreeMap<Shard, TakenSubjects>>,
}

/// Subjects that were taken.
#[derive(Clone, Debug)]
pub(super) struct TakenSubjects {
    pub(super) asking: OperationId,
    /// By then all of them are due again.
    pub(super) until_ms: u64,
    pub(super) keys: Vec<SubjectKey>,
}

/// All tables, open for writing, and the time of the step at hand.
pub(super) struct Tables<'t> {
    pub(super) now_ms: u64,
    pub(super) memory: Memory,
    /// Whether the step at hand has changed anything.
    pub(super) is_changed: bool,
    records: RawTable<'t>,
    numbers: RawTable<'t>,
    pub(super) idempotency: RawTable<'t>,
    pub(super) limits: RawTable<'t>,
    pub(super) messages: RawTable<'t>,
    pub(super) calls: RawTable<'t>,
    pub(super) turns: RawTable<'t>,
    pub(super) counts: RawTable<'t>,
    pub(super) ledger: RawTable<'t>,
    pub(super) watches: RawTable<'t>,
    pub(super) watch_ledger: RawTable<'t>,
    pub(super) expiry: RawTable<'t>,
    meta: RawTable<'t>,
    transaction: &'t WriteTransaction,
}

/// The tables of subjects, which only their own steps open. Nothing in them expires.
pub(super) struct SubjectTables<'t> {
    pub(super) subjects: RawTable<'t>,
    /// When each is due, to find its entry in the ledger.
    pub(super) dues: RawTable<'t>,
    pub(super) ledger: RawTable<'t>,
    pub(super) audit: RawTable<'t>,
    pub(super) numbers: RawTable<'t>,
}

/// A record to be changed, with what its ledger entries were.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) id: RecordId,
    pub(super) record: Record,
    before: Option<(Vec<Option<Due>>, Vec<u8>)>,
}

impl Loaded {
    pub(super) fn new(id: RecordId, record: Record) -> Self {
        Self {
            id,
            record,
            before: None,
        }
    }
}

/// A number to be changed.
#[derive(Debug)]
pub(super) struct LoadedNumber {
    shard: Shard,
    tag: NumberTag,
    pub(super) number: NumberRecord,
    before: Option<(u64, Vec<u8>)>,
}

/// A number as stored: never kept for less long than was promised once.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredNumber {
    pub(super) kept_until_ms: u64,
    pub(super) number: NumberRecord,
}

/// `meta` as stored.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredMeta {
    pub(super) revision: u64,
    pub(super) meta: Meta,
}

impl<'t> Tables<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        memory: Memory,
    ) -> Result<Self, StorageError> {
        let open = |definition| transaction.open_table(definition).map_err(of_table);
        Ok(Self {
            now_ms: 0,
            memory,
            is_changed: false,
            records: open(RECORDS)?,
            numbers: open(NUMBERS)?,
            idempotency: open(IDEMPOTENCY)?,
            limits: open(LIMITS)?,
            messages: open(MESSAGES)?,
            calls: open(CALLS)?,
            turns: open(TURNS)?,
            counts: open(COUNTS)?,
            ledger: open(LEDGER)?,
            watches: open(WATCHES)?,
            watch_ledger: open(WATCH_LEDGER)?,
            expiry: open(EXPIRY)?,
            meta: open(META)?,
            transaction,
        })
    }

    /// Opens the tables of subjects, for one step.
    pub(super) fn open_subjects(&self) -> Result<SubjectTables<'t>, StorageError> {
        let open = |definition| self.transaction.open_table(definition).map_err(of_table);
        Ok(SubjectTables {
            subjects: open(SUBJECTS)?,
            dues: open(SUBJECT_DUES)?,
            ledger: open(SUBJECT_LEDGER)?,
            audit: open(SUBJECT_AUDIT)?,
            numbers: open(SUBJECT_NUMBERS)?,
        })
    }

    /// The record, unless it does not exist or its retention is over.
    pub(super) fn record(&self, id: RecordId) -> Result<Option<Loaded>, StepError> {
        let Some(bytes) = read(&self.records, &record_key(id))? else {
            return Ok(None);
        };
        let record: Record = decode(&bytes)?;
        if self.now_ms >= kept_until_ms(&record, self.memory.retention_ms) {
            return Ok(None);
        }
        let dues = record.deliveries.iter().map(|d| d.due).collect();
        Ok(Some(Loaded {
            id,
            record,
            before: Some((dues, bytes)),
        }))
    }

    /// Writes a record and the difference in its ledger entries.
    pub(super) fn write_record(&mut self, loaded: &Loaded) -> Result<(), StorageError> {
        let bytes = encode(self.memory.epoch, &loaded.record);
        let key = record_key(loaded.id);
        let none = Vec::new();
        let dues = match &loaded.before {
            Some((_, before)) if *before == bytes => return Ok(()),
            Some((dues, _)) => dues,
            None => {
                let at_ms = kept_until_ms(&loaded.record, self.memory.retention_ms);
                self.expire_at(at_ms, Kept::Record, &key)?;
                &none
            }
        };
        for (index, delivery) in loaded.record.deliveries.iter().enumerate() {
            let before = dues.get(index).copied().flatten();
            self.move_due(loaded.id, index, (before, delivery.due))?;
        }
        self.is_changed = true;
        self.records.insert(key.as_slice(), bytes.as_slice())?;
        Ok(())
    }

    /// Forgets a record and whatever is due for it.
    pub(super) fn delete_record(
        &mut self,
        id: RecordId,
        deliveries: &[DeliveryRecord],
    ) -> Result<(), StorageError> {
        for (index, delivery) in deliveries.iter().enumerate() {
            self.move_due(id, index, (delivery.due, None))?;
        }
        self.is_changed = true;
        self.records.remove(record_key(id).as_slice())?;
        Ok(())
    }

    fn move_due(
        &mut self,
        record: RecordId,
        index: usize,
        (before, after): (Option<Due>, Option<Due>),
    ) -> Result<(), StorageError> {
        if before == after {
            return Ok(());
        }
        let ordinal = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let delivery = DeliveryId { record, ordinal };
        let key = |due: Due| LedgerKey {
            due_at_ms: due.at_ms,
            delivery,
        };
        if let Some(before) = before {
            self.remove_due(key(before))?;
        }
        if let Some(after) = after {
            let value = ledger_value(after.kind);
            let added = self
                .ledger
                .insert(key(after).to_bytes().as_slice(), value.as_slice())?
                .is_none();
            if added {
                *self.depth_of(record.shard) += 1;
            }
        }
        Ok(())
    }

    /// Removes a ledger entry.
    pub(super) fn remove_due(&mut self, key: LedgerKey) -> Result<(), StorageError> {
        self.is_changed = true;
        let removed = self.ledger.remove(key.to_bytes().as_slice())?.is_some();
        if removed {
            let depth = self.depth_of(key.delivery.record.shard);
            *depth = depth.saturating_sub(1);
        }
        Ok(())
    }

    pub(super) fn depth_of(&mut self, shard: Shard) -> &mut u64 {
        self.memory.depths.entry(shard.number()).or_default()
    }

    /// What is known about a number; a new one is known by nothing.
    pub(super) fn number(&self, shard: Shard, tag: NumberTag) -> Result<LoadedNumber, StepError> {
        let stored = read(&self.numbers, &slot_key(shard, &tag.0))?;
        let (number, before) = match stored {
            Some(bytes) => {
                let stored: StoredNumber = decode(&bytes)?;
                let before = Some((stored.kept_until_ms, bytes));
                if stored.kept_until_ms <= self.now_ms {
                    (NumberRecord::default(), before)
                } else {
                    (stored.number, before)
                }
            }
            None => (NumberRecord::default(), None),
        };
        Ok(LoadedNumber {
            shard,
            tag,
            number,
            before,
        })
    }

    pub(super) fn write_number(&mut self, loaded: LoadedNumber) -> Result<(), StorageError> {
        let key = slot_key(loaded.shard, &loaded.tag.0);
        let needed_ms = self.number_needed_until_ms(&loaded.number);
        let before_ms = loaded.before.as_ref().map(|(until_ms, _)| *until_ms);
        let stored = StoredNumber {
            kept_until_ms: before_ms.unwrap_or(0).max(needed_ms),
            number: loaded.number,
        };
        let bytes = encode(self.memory.epoch, &stored);
        if loaded.before.is_some_and(|(_, before)| before == bytes) {
            return Ok(());
        }
        if before_ms.is_none() {
            self.expire_at(stored.kept_until_ms, Kept::Number, &key)?;
        }
        self.is_changed = true;
        self.numbers.insert(key.as_slice(), bytes.as_slice())?;
        Ok(())
    }

    fn number_needed_until_ms(&self, number: &NumberRecord) -> u64 {
        let lives = number.live.iter().map(|live| live.expires_at_ms);
        let listed_ms = lives.max().unwrap_or(0).max(self.now_ms) + self.memory.retention_ms;
        let sends = number.sends.known.iter().chain(&number.sends.unknown);
        let sends_ms = sends.map(|gcra| gcra.0.div_ceil(1000)).max().unwrap_or(0);
        let failures = [&number.failures.known, &number.failures.unknown];
        let failures_ms = failures
            .iter()
            .filter(|failures| failures.count > 0)
            .map(|failures| failures.last_at_ms + FAILURES_KEPT_MS + 1)
            .max();
        listed_ms.max(sends_ms).max(failures_ms.unwrap_or(0))
    }

    /// Has the reaper look at it then. It looks again if it finds it still needed.
    pub(super) fn expire_at(
        &mut self,
        at_ms: u64,
        kept: Kept,
        key: &SlotKey,
    ) -> Result<(), StorageError> {
        let expiry = codec::expiry_key(at_ms, kept, key);
        self.is_changed = true;
        self.expiry.insert(expiry.as_slice(), [].as_slice())?;
        Ok(())
    }

    pub(super) fn meta(&self) -> Result<Option<StoredMeta>, StepError> {
        read_meta(&self.meta)
    }

    pub(super) fn write_meta(&mut self, stored: &StoredMeta) -> Result<(), StorageError> {
        self.memory.epoch = stored.meta.epoch;
        self.is_changed = true;
        let bytes = encode(stored.meta.epoch, stored);
        self.meta.insert(META_KEY, bytes.as_slice())?;
        Ok(())
    }

    /// Numbers the transaction, to see later whether it has come through.
    pub(super) fn write_sequence(&mut self, sequence: u64) -> Result<(), StorageError> {
        let bytes = sequence.to_be_bytes();
        self.meta.insert(SEQUENCE_KEY, bytes.as_slice())?;
        Ok(())
    }

    pub(super) fn raw_record(&self, key: &SlotKey) -> Result<Option<Vec<u8>>, StorageError> {
        read(&self.records, key)
    }

    pub(super) fn raw_number(&self, key: &SlotKey) -> Result<Option<Vec<u8>>, StorageError> {
        read(&self.numbers, key)
    }

    pub(super) fn delete_number(&mut self, key: &SlotKey) -> Result<(), StorageError> {
        self.is_changed = true;
        self.numbers.remove(key.as_slice())?;
        Ok(())
    }
}

/// Until when a record is kept.
pub(super) fn kept_until_ms(record: &Record, retention_ms: u64) -> u64 {
    record.expires_at_ms.saturating_add(retention_ms)
}

/// Reads one entry, as it is.
pub(super) fn read(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(table.get(key)?.map(|guard| guard.value().to_vec()))
}

/// Reads one entry and what is in it.
pub(super) fn read_as<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<T>, StepError> {
    let bytes = read(table, key)?;
    Ok(bytes.map(|bytes| decode(&bytes)).transpose()?)
}

pub(super) fn read_meta(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Option<StoredMeta>, StepError> {
    read_as(table, META_KEY)
}

pub(super) fn read_sequence(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<u64, StorageError> {
    let bytes = read(table, SEQUENCE_KEY)?;
    let number = bytes.and_then(|bytes| bytes.try_into().ok());
    Ok(number.map_or(0, u64::from_be_bytes))
}

/// A table that cannot be opened is one the file does not hold as we left it.
pub(super) fn of_table(error: TableError) -> StorageError {
    if let TableError::Storage(error) = error {
        error
    } else {
        StorageError::Corrupted(error.to_string())
    }
}
