//! What can be asked of a subject, and what comes of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use watchword_providers::{Channel, Extension};

use super::evidence::{Class, Fact, FactKind, Finding};
use super::model::{
    ActionId, Actor, ChangeId, ChangeStatus, FreezeReason, GrantId, MethodId, Number, Recipient,
    Role, SlowHash, SuspendReason,
};
use super::policy::SubjectPolicy;
use crate::id::RecordId;
use crate::webhooks::EventKind;

/// What whoever asked for something said of it, for the audit trail.
#[derive(Clone, Debug)]
pub struct Said {
    pub reason: String,
    pub ticket: Option<String>,
}

/// One thing to decide about a subject.
#[derive(Clone, Debug)]
pub enum Command {
    /// Binds a number once the code sent to it was typed back.
    AddMethod(AddMethod),
    MethodProved {
        method: MethodId,
        proof: RecordId,
    },
    /// Too many wrong codes.
    MethodDiscarded {
        method: MethodId,
        proof: RecordId,
    },
    SetDefault {
        method: MethodId,
        fallback_order: Option<Vec<MethodId>>,
    },
    RemoveMethod {
        method: MethodId,
        facts: Vec<Fact>,
    },
    /// `None`: the tenant's.
    SetLocale {
        locale: Option<String>,
    },
    RequestChange(RequestChange),
    ChangeProved {
        change: ChangeId,
        proof: RecordId,
    },
    /// Too many wrong codes.
    ChangeGivenUp {
        change: ChangeId,
        proof: RecordId,
    },
    /// Whoever asked for it takes it back, before its number is proved.
    CancelChange {
        change: ChangeId,
    },
    Undo {
        change: ChangeId,
        by: TokenHolder,
    },
    /// "This was not me."
    Report {
        change: ChangeId,
        by: TokenHolder,
    },
    OpenRecovery {
        id: GrantId,
        facts: Vec<Fact>,
        /// Takes the place of a recovery code that is used.
        fresh_code: Option<SlowHash>,
    },
    NewRecoveryCode {
        hash: SlowHash,
        facts: Vec<Fact>,
    },
    UseBypassCode,
    /// A recovery code or bypass code was none.
    WrongSecret,
    /// A token was none.
    WrongToken,
    Freeze {
        why: FreezeReason,
        said: Option<Said>,
    },

    /// A sign-in code sent to it was typed back.
    MethodUsed {
        method: MethodId,
    },
    SuspendMethod {
        method: MethodId,
        why: SuspendReason,
    },
    /// Told and noted only: the number's own record decides.
    OptOut {
        e164: String,
    },
    OptIn {
        e164: String,
    },
    /// Durably on their way.
    NoticesQueued {
        numbers: Vec<u32>,
    },
    /// The number has another holder by now.
    NoticesStopped {
        to: MethodId,
    },
    /// Nothing but time.
    Advance,

    /// An operator wants something done.
    Ask {
        id: ActionId,
        action: OperatorAction,
        reason: String,
        ticket: Option<String>,
    },
    Approve {
        action: ActionId,
    },
    ApproveBySealedCode {
        action: ActionId,
    },
    Withdraw {
        action: ActionId,
    },
}

/// A number that is to become a method.
#[derive(Clone, Debug)]
pub struct AddMethod {
    pub id: MethodId,
    pub number: Number,
    /// `None`: the first number is the primary one, all others are alternates.
    pub role: Option<Role>,
    pub channel: Channel,
    pub extension: Option<Extension>,
    /// Of a subject's first number: the person's language.
    pub locale: Option<String>,
    pub facts: Vec<Fact>,
    /// The verification whose code was sent.
    pub proof: RecordId,
    /// The number takes no SMS: its holder said STOP.
    pub stopped: bool,
}

/// A number that is to take another one's place.
#[derive(Clone, Debug)]
pub struct RequestChange {
    pub id: ChangeId,
    /// `None`: the default method.
    pub from: Option<MethodId>,
    pub to: Number,
    /// What the new number is called once it is a method.
    pub to_method: MethodId,
    pub channel: Channel,
    pub facts: Vec<Fact>,
    /// Whether the new number has a fresh SIM.
    pub new_swap: Finding,
    /// The verification whose code was sent.
    pub proof: RecordId,
    /// Takes the place of a recovery code that is used.
    pub fresh_code: Option<SlowHash>,
}

/// Who came with a token, and what signals say of the number it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHolder {
    pub recipient: Recipient,
    pub swap: Finding,
    pub recycled: Finding,
}

/// What an operator may have done; kept as asked until it is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorAction {
    Reset {
        scope: ResetScope,
    },
    Unfreeze,
    UndoChange {
        change: ChangeId,
    },
    CompleteChange {
        change: ChangeId,
    },
    RejectChange {
        change: ChangeId,
    },
    SetPrivileged {
        privileged: bool,
    },
    IssueBypassCode {
        hash: SlowHash,
        lifetime_ms: u64,
        one_time: bool,
        length: u8,
    },
    RevokeBypassCode,
    Erase,
    /// Numbers that another system has proved.
    ImportMethods {
        methods: Vec<ImportedMethod>,
    },
}

/// A number that another system has proved, as a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedMethod {
    pub id: MethodId,
    pub number: Number,
    pub role: Role,
    pub channel: Channel,
    pub extension: Option<Extension>,
}

impl OperatorAction {
    /// Its name in the API and the audit trail.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reset { .. } => "reset",
            Self::Unfreeze => "unfreeze",
            Self::UndoChange { .. } => "undo_change",
            Self::CompleteChange { .. } => "complete_change",
            Self::RejectChange { .. } => "reject_change",
            Self::SetPrivileged { .. } => "set_privileged",
            Self::IssueBypassCode { .. } => "issue_bypass_code",
            Self::RevokeBypassCode => "revoke_bypass_code",
            Self::Erase => "erase",
            Self::ImportMethods { .. } => "import_methods",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResetScope {
    Methods,
    /// Recovery and bypass codes and open recoveries too.
    All,
}

impl ResetScope {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Methods => "methods",
            Self::All => "all",
        }
    }
}

/// Under which terms it is decided.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    pub policy: &'a SubjectPolicy,
    pub actor: Actor,
    /// The names configured now.
    pub operators: &'a [Arc<str>],
    /// The subject is the asking operator.
    pub own_subject: bool,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is the last method that receives codes")]
    LastMethod,
    #[error("it is the default method and there are others")]
    IsDefault,
    #[error("another method has this role")]
    RoleTaken,
    #[error("there is no primary method yet")]
    NeedsPrimary,
    #[error("the subject has as many methods as it may")]
    TooManyMethods,
    #[error("the subject's record is full")]
    SubjectFull,
    #[error("the evidence is not enough")]
    StepUpRequired,
    #[error("there is no such thing")]
    NotFound,
    #[error("it is not in the status this needs")]
    NotPending,
    #[error("its code was not typed back yet")]
    MethodPending,
    #[error("its hold has not ended")]
    MethodOnHold { until_ms: u64 },
    #[error("it receives no codes")]
    MethodSuspended,
    /// The time is that of its end, if nobody ends it earlier.
    #[error("a number change is open or can still be undone")]
    ChangeInProgress { available_at_ms: u64 },
    #[error("the change has ended")]
    ChangeEnded { status: ChangeStatus },
    #[error("the change can no longer be undone")]
    UndoOver,
    /// Of changes asked for, or of things proved.
    #[error("too many changes were asked for")]
    ChangesLimit { available_at_ms: u64 },
    /// `None`: an operator has to unfreeze the subject.
    #[error("too many wrong codes")]
    TooManyTries { available_at_ms: Option<u64> },
    #[error("the subject is frozen")]
    Frozen,
    #[error("the proof was used already")]
    ProofUsed,
    #[error("a second operator has to approve")]
    SameOperator,
    #[error("operators do not do this for themselves")]
    OwnSubject,
    #[error("the action has expired")]
    ApprovalExpired,
    #[error("there are operators enough to approve")]
    SealedCodeNotNeeded,
    #[error("too many actions wait")]
    TooManyActions,
    #[error("a bypass code cannot live so long or so short")]
    InvalidLifetime,
    #[error("a bypass code cannot have this length")]
    InvalidLength,
    #[error("the subject has this number already")]
    NumberUnchanged,
    #[error("the subject has numbers of its own")]
    AlreadyEnrolled,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub told: Vec<Telling>,
    pub action: Option<ActionState>,
    /// The record is to be deleted.
    pub erased: bool,
}

/// What became of an operator's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionState {
    Done,
    Waiting { id: ActionId, expires_at_ms: u64 },
    Scheduled { id: ActionId, acts_at_ms: u64 },
}

/// One thing that happened: a line of the audit trail, and an event if it has a
/// kind of event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    pub what: &'static str,
    pub event: Option<EventKind>,
    pub method: Option<MethodId>,
    pub number: Option<Number>,
    pub change: Option<ChangeId>,
    pub status: Option<&'static str>,
    pub class: Option<Class>,
    pub facts: Vec<FactKind>,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    pub available_at_ms: Option<u64>,
}
