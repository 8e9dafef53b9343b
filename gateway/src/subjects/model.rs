//! What is kept of a subject: one record, sealed, written as a whole.

mod ids;
mod lookups;
mod names;
mod tries;

use std::fmt;

use serde::{Deserialize, Serialize};
use watchword_providers::{Channel, Extension, PhoneNumber};

pub use self::ids::{ActionId, ChangeId, GrantId, MethodId, SubjectKey};
use super::command::OperatorAction;
use super::evidence::{Class, FactKind};
use crate::id::RecordId;

/// Methods that are retired but still needed, at most.
pub const RETIRED_MAX: usize = 10;
/// Ended changes kept for who asks after them.
pub const ENDED_CHANGES_MAX: usize = 8;
pub const GRANTS_MAX: usize = 4;
pub const USED_PROOFS_MAX: usize = 32;
pub const ACTIONS_MAX: usize = 8;
pub const NOTICES_MAX: usize = 64;
/// The longest record, before it is sealed.
pub const SUBJECT_BYTES_MAX: usize = 32 * 1024;

/// Everything about one subject. New fields go to the end: a release reads what
/// the one before it wrote.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// The tenant's id for it; kept nowhere else.
    pub name: String,
    pub tenant: String,
    /// Raised whenever a number loses the right to sign-in codes.
    pub generation: u64,
    pub created_at_ms: u64,
    pub locale: Option<String>,
    pub methods: Vec<Method>,
    pub fallback_order: Vec<MethodId>,
    /// The open one, or a completed one that can still be undone.
    pub change: Option<NumberChange>,
    pub ended_changes: Vec<EndedChange>,
    pub frozen: Option<Freeze>,
    /// Operators act on it by two.
    pub privileged: bool,
    /// The right to enrol a number after a reset.
    pub enrolment: Option<Window>,
    /// Open recoveries.
    pub grants: Vec<Grant>,
    pub recovery_code: Option<RecoveryCode>,
    pub bypass_code: Option<BypassCode>,
    pub tries: Tries,
    /// Verifications and assertions that have proved something, for as long as
    /// they could prove it again.
    pub used_proofs: Vec<UsedProof>,
    /// What waits for a second operator, or has waited in vain.
    pub actions: Vec<PendingAction>,
    pub notices: Vec<Notice>,
    pub audit_count: u64,
    pub audit_head: [u8; 32],
    /// When changes were asked for in the last 24 hours.
    pub changes_at_ms: Vec<u64>,
    /// When its first method was proved; 0: never. From then on a session
    /// alone enrols nothing, even when all methods are gone.
    pub enrolled_at_ms: u64,
    /// The number of the last notice.
    pub last_notice: u32,
    /// Wrong tokens, which somebody types who knows nothing but the subject's
    /// name: they must not use up the tries of the codes, nor those its tokens.
    pub token_tries: Tries,
    /// Until when the audit trail says something, whatever else is left.
    pub kept_until_ms: u64,
    /// Seals the audit trail. It goes with the record, which is sealed anew under
    /// each master key: so the lines need not be.
    pub audit_key: [u8; 32],
    /// What notices are still written in, and since when codes are not.
    pub locale_before: Option<String>,
    /// 0: never set anew.
    pub locale_set_at_ms: u64,
}

/// A number bound to the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub id: MethodId,
    pub number: Number,
    pub role: Role,
    /// Whether the tenant named the role: then it decides about the channels.
    pub role_named: bool,
    pub status: MethodStatus,
    pub is_default: bool,
    /// The preferred one.
    pub channel: Channel,
    /// Of an office number.
    pub extension: Option<Extension>,
    pub added_at_ms: u64,
    pub verified_at_ms: u64,
    /// 0: never.
    pub last_used_at_ms: u64,
    /// Of a holding one.
    pub held_until_ms: u64,
    /// Of a pending one.
    pub verify_by_ms: u64,
    /// The verification that is to prove it, or has; `None` where a number change
    /// did.
    pub proof: Option<RecordId>,
    /// Stays while a suspended number is proved again, or retired.
    pub suspended: Option<SuspendReason>,
    /// It was told that the method is stale.
    pub stale_told: bool,
    pub retired_at_ms: u64,
    /// Of the evidence it was added on; `None` for a subject's first number.
    pub class: Option<Class>,
}

/// A phone number. Prints masked.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number {
    pub e164: String,
    pub country_code_digits: u8,
    pub region: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    Primary,
    Alternate,
    Office,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MethodStatus {
    /// Its code was not typed back yet.
    Pending,
    /// Proved, and waiting for the hold of its evidence to end.
    Holding,
    Active,
    Suspended,
    /// Kept only for what is still to be told to it, or for an undo.
    Retired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SuspendReason {
    /// The number has another holder by now.
    Recycled,
    SimSwap,
    Operator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeStatus {
    Requested,
    /// The code was typed back; those who must hear of it first are being told.
    NewVerified,
    Holding,
    Completed,
    Undone,
    Rejected,
    Expired,
}

/// The one operation that moves a subject from an old number to a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberChange {
    pub id: ChangeId,
    pub status: ChangeStatus,
    pub from: MethodId,
    pub to: Number,
    /// What the new number is called once it is a method.
    pub to_method: MethodId,
    pub to_channel: Channel,
    pub class: Class,
    pub facts: Vec<FactKind>,
    pub hold_ms: u64,
    pub requested_by: Actor,
    pub requested_at_ms: u64,
    pub verify_by_ms: u64,
    /// The verification that proves the new number.
    pub proof: Option<RecordId>,
    pub new_verified_at_ms: u64,
    pub hold_until_ms: u64,
    /// The later of the hold's end and the undo window's.
    pub undo_until_ms: u64,
    pub completed_at_ms: u64,
    /// Somebody asked to undo it whose number may not be theirs any more.
    pub in_review: bool,
}

/// A verification or an assertion that counts no second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedProof {
    pub name: [u8; 16],
    /// From then on it is too old to prove anything.
    pub until_ms: u64,
}

/// What is left of a change: no numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedChange {
    pub id: ChangeId,
    pub status: ChangeStatus,
    pub class: Class,
    pub requested_at_ms: u64,
    pub ended_at_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub at_ms: u64,
    pub by: Actor,
    pub why: FreezeReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FreezeReason {
    /// The person said that a change was not theirs.
    Reported,
    /// The person said so in a call.
    CallReported,
    /// An undo came from a number that may have another holder.
    Review,
    /// The identity service or an operator asked for it.
    Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub until_ms: u64,
    pub class: Class,
}

/// A recovery: a right to enrol, never a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub class: Class,
    pub until_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCode {
    pub hash: SlowHash,
    pub created_at_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BypassCode {
    pub hash: SlowHash,
    pub until_ms: u64,
    pub one_time: bool,
    pub length: u8,
    pub issued_by: String,
    pub at_ms: u64,
}

/// PBKDF2-HMAC-SHA-256 of a code. Prints masked.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowHash {
    pub salt: [u8; 16],
    pub rounds: u32,
    pub hash: [u8; 32],
}

/// Wrong recovery codes, bypass codes and tokens together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub count: u32,
    pub next_at_ms: u64,
    pub last_at_ms: u64,
}

/// What an operator asked for and another one has to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAction {
    pub id: ActionId,
    pub action: OperatorAction,
    pub reason: String,
    pub ticket: Option<String>,
    pub by: String,
    /// Who used the sealed code for it.
    pub approved_by: Option<String>,
    pub at_ms: u64,
    pub expires_at_ms: u64,
    /// When the sealed code's wait ends; 0: it was not used.
    pub acts_at_ms: u64,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    Tenant {
        key: String,
    },
    Operator {
        name: String,
    },
    /// Whoever holds a token or a handset.
    Person,
    /// Time, or a signal.
    System,
}

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Never used twice for a subject.
    pub number: u32,
    pub kind: NoticeKind,
    pub to: Recipient,
    pub due_at_ms: u64,
    pub change: Option<ChangeId>,
    /// Which repetition it is, from 0 on.
    pub round: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    ChangeRequested,
    MethodAdded,
    MethodRemoved,
    MethodsReset,
    RecoveryOpened,
    SealedCodeUsed,
    Frozen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Recipient {
    Method(MethodId),
    /// A webhook event, for the identity service's own mail.
    Mail,
}

impl Number {
    /// `None` only if the record was damaged in a way its seal did not show.
    pub fn phone(&self) -> Option<PhoneNumber> {
        PhoneNumber::from_e164(&self.e164, self.country_code_digits)
    }

    /// Country code and last two digits.
    pub fn masked(&self) -> String {
        self.phone()
            .map_or_else(String::new, |phone| phone.masked())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.masked())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.masked())
    }
}

impl fmt::Debug for SlowHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SlowHash(…)")
    }
}

/// Without the name: whose record it is stands nowhere but in it.
impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subject")
            .field("generation", &self.generation)
            .field("methods", &self.methods)
            .field("change", &self.change)
            .field("frozen", &self.frozen)
            .field("privileged", &self.privileged)
            .field("grants", &self.grants)
            .field("actions", &self.actions)
            .field("notices", &self.notices)
            .finish_non_exhaustive()
    }
}
