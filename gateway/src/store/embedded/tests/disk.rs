//! A disk that loses power, fills up and stalls when a test says so.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use redb::{Builder, DatabaseError, StorageBackend};

use crate::store::embedded::file::{Opener, Shared, with_tables};
use crate::store::embedded::{EmbeddedStore, Settings};

use super::Hand;

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<(Mutex<Platter>, Condvar)>);

#[derive(Debug, Default)]
struct Platter {
    /// What a loss of power leaves for certain.
    synced: Vec<u8>,
    /// What is read.
    current: Vec<u8>,
    /// What may or may not survive, each write by itself.
    unsynced: Vec<Write>,
    writes_fail: Option<ErrorKind>,
    syncs_fail: bool,
    is_stalled: bool,
    syncing: u32,
    syncs: u64,
}

#[derive(Clone, Debug)]
enum Write {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Write {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Bytes(at, bytes) => {
                if image.len() < at + bytes.len() {
                    image.resize(at + bytes.len(), 0);
                }
                image[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.0.lock().unwrap()
    }

    /// The disk after a loss of power now: of what was not synced, the writes
    /// that `survives` names by their place.
    pub(super) fn after_power_loss(&self, survives: impl Fn(usize) -> bool) -> Self {
        let platter = self.platter();
        let mut image = platter.synced.clone();
        for (place, write) in platter.unsynced.iter().enumerate() {
            if survives(place) {
                write.apply(&mut image);
            }
        }
        let after = Self::default();
        after.platter().synced.clone_from(&image);
        after.platter().current = image;
        after
    }

    pub(super) fn fail_writes(&self, kind: Option<ErrorKind>) {
        self.platter().writes_fail = kind;
    }

    pub(super) fn fail_syncs(&self, fail: bool) {
        self.platter().syncs_fail = fail;
    }

    /// Lets no sync end until it is released.
    pub(super) fn stall(&self) {
        self.platter().is_stalled = true;
    }

    pub(super) fn release(&self) {
        self.platter().is_stalled = false;
        self.0.1.notify_all();
    }

    /// Waits until a sync has begun.
    pub(super) fn wait_for_sync_begun(&self) {
        self.wait_while(|platter| platter.syncing == 0);
    }

    /// Syncs that have ended well.
    pub(super) fn syncs(&self) -> u64 {
        self.platter().syncs
    }

    /// Waits for one more sync than there were.
    pub(super) fn wait_for_sync_after(&self, before: u64) {
        self.wait_while(|platter| platter.syncs == before);
    }

    fn wait_while(&self, waits: impl FnMut(&mut Platter) -> bool) {
        let (platter, limit) = (self.platter(), Duration::from_secs(10));
        let (platter, waited) = self.0.1.wait_timeout_while(platter, limit, waits).unwrap();
        drop(platter);
        assert!(!waited.timed_out(), "the disk was never asked to sync");
    }

    pub(super) fn open(&self, hand: &Hand) -> Result<EmbeddedStore, DatabaseError> {
        let disk = self.clone();
        let opener: Opener = Box::new(move || {
            let mut builder = Builder::new();
            builder.set_cache_size(1 << 20);
            builder.set_check_integrity_on_open(true);
            with_tables(builder.create_with_backend(disk.clone())?)
        });
        let shared = Shared::open(opener, hand.clock())?;
        let settings = Settings {
            queue_max: 1,
            ..Settings::default()
        };
        let store = EmbeddedStore::on_disk(shared, &settings);
        Ok(store.unwrap())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.platter().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let at = usize::try_from(offset).unwrap();
        let platter = self.platter();
        let bytes = platter.current.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.write_down(Write::Length(usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut platter = self.platter();
        platter.syncing += 1;
        self.0.1.notify_all();
        platter = self.0.1.wait_while(platter, |p| p.is_stalled).unwrap();
        platter.syncing -= 1;
        if platter.syncs_fail {
            return Err(io::Error::other("the disk is gone"));
        }
        platter.synced = platter.current.clone();
        platter.unsynced.clear();
        platter.syncs += 1;
        self.0.1.notify_all();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let at = usize::try_from(offset).unwrap();
        self.write_down(Write::Bytes(at, data.to_vec()))
    }
}

impl Disk {
    fn write_down(&self, write: Write) -> Result<(), io::Error> {
        let mut platter = self.platter();
        if let Some(kind) = platter.writes_fail {
            return Err(kind.into());
        }
        write.apply(&mut platter.current);
        platter.unsynced.push(write);
        Ok(())
    }
}
