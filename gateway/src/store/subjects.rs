//! What the store is asked about subjects: the sealed record of each, when to
//! look at it again, and which numbers lead to it.
//!
//! The store does not look into a subject's record. It keeps a *revision*, by
//! which a change is written only over what it was decided from, and a
//! *generation*, by which a code is sent only under the methods it was decided
//! by. Both only ever rise while the record lives. Nothing here expires.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{Idempotency, Sent, StoreError};
use crate::admission::limits::LimitAsk;
use crate::id::{RecordId, Shard};
use crate::subjects::model::SubjectKey;
use crate::verification::{NumberTag, OperationId, Start, TenantTag};

/// As many events may be told of one change.
pub const EVENTS_MAX: usize = 16;
/// As many subjects may be linked to one number.
pub const LINKS_MAX: usize = 64;
/// So many writes of a subject are known again. The scripts say the same.
pub const OPERATIONS_KEPT: usize = 4;
/// A subject that this release cannot read is looked at again after so long.
pub const UNREADABLE_AGAIN_MS: u64 = 3_600_000;

/// What is stored of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSubject {
    pub revision: u64,
    pub generation: u64,
    pub tenant: TenantTag,
    pub sealed: Vec<u8>,
}

/// Some subjects, and where to go on looking for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPage {
    pub found: Vec<SubjectKey>,
    /// Of the store's own making; `None`: that was all.
    pub next: Option<Vec<u8>>,
}

/// A subject as read, with the store's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRead {
    pub stored: Option<StoredSubject>,
    pub now_ms: u64,
}

/// Asks for a subject to be written, and with it, in the same step or not at
/// all, everything that its change brings about.
#[derive(Clone, Debug)]
pub struct WriteSubject {
    pub key: SubjectKey,
    pub tenant: TenantTag,
    /// The one it was read with; 0: there must be none.
    pub revision: u64,
    /// Drawn for this decision: asked again, it is answered [`Written::Written`],
    /// unless [`OPERATIONS_KEPT`] others have been written since.
    pub operation: OperationId,
    /// In the store's time, should a second from now be too late; later, nothing
    /// is written.
    pub not_after_ms: Option<u64>,
    /// No less than the stored one.
    pub generation: u64,
    /// `None` deletes the record, its audit lines and its entry in the ledger.
    pub sealed: Option<Vec<u8>>,
    pub due_at_ms: Option<u64>,
    /// Supersedes every verification that lives in the subject's account.
    pub ends_codes: bool,
    /// Put behind the ones there are, of which the last `audit_keep` stay.
    pub audit: Vec<Vec<u8>>,
    pub audit_keep: u16,
    /// At most [`EVENTS_MAX`].
    pub events: Vec<EventWatch>,
}

/// Something to be told by webhook, complete as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventWatch {
    /// In the subject's shard.
    pub id: RecordId,
    pub state: Vec<u8>,
    pub keep_for_ms: u64,
}

/// Asks for the subjects of a shard that are due.
#[derive(Clone, Copy, Debug)]
pub struct TakeSubjects {
    pub shard: Shard,
    pub count_max: u16,
    /// Each is due again in so long unless somebody writes it.
    pub again_ms: u64,
    /// Drawn for this asking: within `again_ms` it is answered once more as it was
    /// answered first, for an answer may be lost on its way.
    pub asking: OperationId,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Written,
    /// Somebody else has written since: read again and decide again.
    Conflict,
}

/// What a start was judged by. A subject without a record has generation 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub key: SubjectKey,
    pub generation: u64,
}

/// A (tenant, number), in the shard of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberKey {
    pub shard: Shard,
    pub tag: NumberTag,
}

/// What is noted of a number, whoever it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberNote {
    /// Since when its holder wants no messages; 0: they are welcome.
    pub opted_out_at_ms: u64,
    /// In the order of their subjects.
    pub links: Vec<Link>,
}

/// A subject that a number leads to. It need not have the number: a link is made
/// before the subject is written, and taken away after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub subject: SubjectKey,
    /// When it was made, or made again.
    pub since_ms: u64,
}

/// A change to what is noted of a number. Asked twice, it happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteNumber {
    Link(SubjectKey),
    Unlink(SubjectKey),
    /// Unlinks, if it was not linked again.
    Forget(Link),
    OptOut,
    OptIn,
}

impl NumberNote {
    /// The subjects that the number leads to, in the order of their keys.
    pub fn subjects(&self) -> Vec<SubjectKey> {
        self.links.iter().map(|link| link.subject).collect()
    }

    /// Notes it; `false` if [`LINKS_MAX`] subjects are linked already. The scripts
    /// say the same.
    pub(super) fn apply(&mut self, note: &NoteNumber, now_ms: u64) -> bool {
        match note {
            NoteNumber::Link(subject) => {
                let link = Link {
                    subject: *subject,
                    since_ms: now_ms,
                };
                match self
                    .links
                    .binary_search_by_key(subject, |link| link.subject)
                {
                    Err(_) if self.links.len() >= LINKS_MAX => return false,
                    Err(place) => self.links.insert(place, link),
                    Ok(place) => self.links.splice(place..=place, [link]).for_each(drop),
                }
                true
            }
            NoteNumber::Unlink(subject) => {
                self.links.retain(|link| link.subject != *subject);
                true
            }
            NoteNumber::Forget(gone) => {
                self.links.retain(|link| link != gone);
                true
            }
            NoteNumber::OptOut => {
                if self.opted_out_at_ms == 0 {
                    self.opted_out_at_ms = now_ms;
                }
                true
            }
            NoteNumber::OptIn => {
                self.opted_out_at_ms = 0;
                true
            }
        }
    }
}

/// The part of [`super::Store`] that subjects need.
#[async_trait]
pub trait SubjectStore: Send + Sync + 'static {
    /// Reads a subject.
    async fn subject(&self, key: SubjectKey) -> Result<SubjectRead, StoreError>;

    /// Writes a subject if its revision is still the one named, which is raised by
    /// one. Done no later than a second from now, or never.
    async fn write_subject(&self, ask: &WriteSubject) -> Result<Written, StoreError>;

    /// Takes the subjects of a shard that are due, oldest first.
    async fn take_subjects(&self, ask: &TakeSubjects) -> Result<Vec<SubjectKey>, StoreError>;

    /// Subjects of a shard whose record another key than the named one seals: of
    /// about `count` that are looked at, from where the last page ended. One that
    /// was there from the first page to the last is found, perhaps twice; one without
    /// a moment to look at it may be left out.
    async fn subjects_under_other_keys(
        &self,
        shard: Shard,
        key_id: &str,
        (from, count): (Option<&[u8]>, u16),
    ) -> Result<SubjectPage, StoreError>;

    /// Audit lines, the oldest that is kept first; `from` counts from there.
    async fn subject_audit(
        &self,
        key: SubjectKey,
        from: u32,
        count: u16,
    ) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Reads what is noted of a number.
    async fn number_note(&self, key: NumberKey) -> Result<NumberNote, StoreError>;

    /// Notes something of a number; `false` if [`LINKS_MAX`] subjects are linked
    /// already.
    async fn note_number(&self, key: NumberKey, note: &NoteNumber) -> Result<bool, StoreError>;

    /// As [`super::Store::start_within`], under the generation it was judged by:
    /// [`crate::verification::SendRefusal::MethodChanged`] if it is another by now.
    async fn start_guarded(
        &self,
        ask: &Start,
        guard: &Guard,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent;
}

/// A subject as the embedded store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SubjectEntry {
    pub(super) tenant: TenantTag,
    pub(super) revision: u64,
    /// Those that wrote it, the last first, as far as they are remembered.
    pub(super) operations: Vec<OperationId>,
    pub(super) generation: u64,
    pub(super) sealed: ByteBuf,
}

/// What a write means for what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteDecision {
    Write,
    /// It has been done before.
    Done,
    Conflict,
}

impl WriteSubject {
    /// What becomes of it over what is stored. The scripts say the same.
    ///
    /// A generation that would fall is one of an earlier record of the same name,
    /// which has been erased since it was read.
    pub(super) fn over(&self, stored: Option<&SubjectEntry>) -> WriteDecision {
        let Some(stored) = stored else {
            return match (&self.sealed, self.revision) {
                (None, _) => WriteDecision::Done,
                (Some(_), 0) => WriteDecision::Write,
                (Some(_), _) => WriteDecision::Conflict,
            };
        };
        let since = stored.revision.checked_sub(self.revision.saturating_add(1));
        let since = since.and_then(|since| usize::try_from(since).ok());
        if since.and_then(|since| stored.operations.get(since)) == Some(&self.operation) {
            return WriteDecision::Done;
        }
        if stored.revision != self.revision || stored.generation > self.generation {
            return WriteDecision::Conflict;
        }
        WriteDecision::Write
    }
}
