//! The store as a subject sees it: one slot in which everything happens in an
//! order, one thing after another.

use crate::id::{RecordId, Shard};
use crate::subjects::model::{MethodId, Subject};

/// A subject's record and the verifications in its shard.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) record: Option<Record>,
    pub(super) verifications: Vec<Verification>,
    serial: u64,
}

pub(super) struct Record {
    pub(super) revision: u64,
    pub(super) operation: u64,
    pub(super) subject: Subject,
}

/// A code on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verification {
    pub(super) id: RecordId,
    pub(super) method: MethodId,
    pub(super) purpose: Purpose,
    pub(super) status: Status,
    pub(super) approved_at_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    SignIn,
    /// A new number is to be proved.
    Confirm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Live,
    Approved,
    Superseded,
}

/// A whole record, to be written over the one it was made of.
#[derive(Clone)]
pub(super) struct Write {
    pub(super) revision: u64,
    pub(super) operation: u64,
    /// `None`: the record goes.
    pub(super) subject: Option<Subject>,
    pub(super) ends_codes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// It had been written already: nothing happened.
    Repeated,
    Conflict,
}

impl Cell {
    /// The record and its revision; 0: there is none.
    pub(super) fn read(&self) -> (u64, Option<&Subject>) {
        let record = self.record.as_ref();
        let revision = record.map_or(0, |record| record.revision);
        (revision, record.map(|record| &record.subject))
    }

    pub(super) fn generation(&self) -> u64 {
        self.read().1.map_or(0, |subject| subject.generation)
    }

    /// Writes over exactly the revision that was read, unless the build is
    /// broken and looks at none.
    pub(super) fn write(&mut self, write: &Write, looks_at_revision: bool) -> Written {
        let (revision, _) = self.read();
        let record = self.record.as_ref();
        if record.is_some_and(|record| record.operation == write.operation) {
            return Written::Repeated;
        }
        if looks_at_revision && revision != write.revision {
            return Written::Conflict;
        }
        if write.ends_codes {
            for one in &mut self.verifications {
                if one.status == Status::Live {
                    one.status = Status::Superseded;
                }
            }
        }
        self.record = write.subject.clone().map(|subject| Record {
            revision: revision + 1,
            operation: write.operation,
            subject,
        });
        Written::Done
    }

    /// Starts a verification, if the subject still has the generation by which
    /// the start was judged.
    pub(super) fn start(
        &mut self,
        judged: u64,
        method: MethodId,
        purpose: Purpose,
    ) -> Option<RecordId> {
        if self.generation() != judged {
            return None;
        }
        let is_same = |one: &&Verification| {
            one.method == method && one.purpose == purpose && one.status == Status::Live
        };
        if let Some(sent_again) = self.verifications.iter().find(is_same) {
            return Some(sent_again.id);
        }
        let id = RecordId {
            shard: Shard::FIRST,
            random: self.random(),
        };
        self.verifications.push(Verification {
            id,
            method,
            purpose,
            status: Status::Live,
            approved_at_ms: 0,
        });
        Some(id)
    }

    /// Types a code back; whether that approved it.
    pub(super) fn check(&mut self, id: RecordId, now_ms: u64) -> bool {
        let mut verifications = self.verifications.iter_mut();
        match verifications.find(|one| one.id == id) {
            Some(one) if one.status == Status::Live => {
                one.status = Status::Approved;
                one.approved_at_ms = now_ms;
                true
            }
            Some(one) => one.status == Status::Approved,
            None => false,
        }
    }

    /// Names nothing had before.
    pub(super) fn random(&mut self) -> [u8; 16] {
        self.serial += 1;
        let mut random = [0xee; 16];
        random[..8].copy_from_slice(&self.serial.to_be_bytes());
        random
    }
}
