//! What callers see of a subject: its record, opened, without what nobody is
//! shown again.

use std::fmt;

use watchword_providers::{Channel, Extension, PhoneNumber};
use zeroize::Zeroizing;

use crate::subjects::evidence::{Class, FactKind};
use crate::subjects::model::{ActionId, ChangeId, ChangeStatus, GrantId, MethodId, Role};

/// `GET /v1/subjects/{subject}`.
#[derive(Clone, Debug)]
pub struct SubjectView {
    pub subject: String,
    /// `None`: the tenant's.
    pub locale: Option<String>,
    /// Why, if it is.
    pub frozen: Option<&'static str>,
    pub is_privileged: bool,
    pub methods: Vec<MethodView>,
    /// The open one, or the completed one that can still be undone.
    pub number_change: Option<ChangeView>,
    pub recovery_code_created_at_ms: Option<u64>,
    pub bypass_code: Option<BypassCodeView>,
    pub grants: Vec<GrantView>,
    pub actions: Vec<PendingActionView>,
    /// Stable words: what an operator or the person should look at.
    pub warnings: Vec<&'static str>,
}

/// `GET /v1/subjects/{subject}/methods`.
#[derive(Clone, Debug, Default)]
pub struct MethodsView {
    pub methods: Vec<MethodView>,
    pub fallback_order: Vec<MethodId>,
}

/// A method as answered.
#[derive(Clone, Debug)]
pub struct MethodView {
    pub id: MethodId,
    pub role: Role,
    /// `pending`, `on_hold`, `active`, `suspended` or `opted_out`.
    pub status: &'static str,
    pub number: PhoneNumber,
    pub channels: Vec<Channel>,
    pub extension: Option<Extension>,
    pub is_default: bool,
    /// Not confirmed for so long that it should be confirmed again.
    pub is_stale: bool,
    pub added_at_ms: u64,
    pub verified_at_ms: Option<u64>,
    pub last_used_at_ms: Option<u64>,
    /// The end of its hold.
    pub available_at_ms: Option<u64>,
    /// Why it is suspended.
    pub reason: Option<&'static str>,
}

/// A number change as answered.
#[derive(Clone, Debug)]
pub struct ChangeView {
    pub id: ChangeId,
    pub status: ChangeStatus,
    /// Gone with the numbers once the change is over.
    pub from: Option<MethodId>,
    pub to: Option<PhoneNumber>,
    pub class: Class,
    pub evidence: Vec<FactKind>,
    pub requested_at_ms: u64,
    pub new_verified_at_ms: Option<u64>,
    pub hold_until_ms: Option<u64>,
    pub undo_until_ms: Option<u64>,
    pub completed_at_ms: Option<u64>,
    pub is_in_review: bool,
}

/// An open recovery.
#[derive(Clone, Copy, Debug)]
pub struct GrantView {
    pub id: GrantId,
    pub class: Class,
    pub expires_at_ms: u64,
}

/// `POST /v1/subjects/{subject}/recoveries`.
#[derive(Debug)]
pub struct RecoveryView {
    pub id: GrantId,
    pub class: Class,
    /// How long a number enrolled by it waits.
    pub hold_s: u64,
    pub expires_at_ms: u64,
    /// Takes the place of the one that was used.
    pub recovery_code: Option<ShownOnce>,
}

/// A secret that is told in this answer and never again.
pub struct ShownOnce {
    pub code: Zeroizing<String>,
    pub created_at_ms: u64,
}

impl fmt::Debug for ShownOnce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ShownOnce(..)")
    }
}

/// `POST /v1/subjects/{subject}/bypass-codes`. For a privileged subject the
/// code is good once a second operator has approved.
pub struct BypassView {
    pub code: Zeroizing<String>,
    /// `None` while it waits: its life begins with the approval.
    pub expires_at_ms: Option<u64>,
    pub one_time: bool,
    pub action: ActionView,
}

impl fmt::Debug for BypassView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BypassView(..)")
    }
}

/// What is shown of a live bypass code.
#[derive(Clone, Debug)]
pub struct BypassCodeView {
    pub expires_at_ms: u64,
    pub one_time: bool,
    pub issued_by: String,
    pub issued_at_ms: u64,
}

/// What became of what an operator asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionView {
    Done,
    /// For a second operator.
    Waiting {
        id: ActionId,
        expires_at_ms: u64,
    },
    /// By the sealed code, unless withdrawn.
    Scheduled {
        id: ActionId,
        acts_at_ms: u64,
    },
    Withdrawn {
        id: ActionId,
    },
}

/// An action that waits inside a subject's record.
#[derive(Clone, Debug)]
pub struct PendingActionView {
    pub id: ActionId,
    /// A stable word: `reset`, `unfreeze`, ..
    pub action: &'static str,
    pub wanted: WantedView,
    pub reason: String,
    pub ticket: Option<String>,
    pub by: String,
    pub asked_at_ms: u64,
    pub expires_at_ms: u64,
    pub acts_at_ms: Option<u64>,
}

/// What exactly an action is to do: whoever approves it has to know.
#[derive(Clone, Debug, Default)]
pub struct WantedView {
    /// Of a reset.
    pub scope: Option<&'static str>,
    pub change: Option<ChangeId>,
    pub privileged: Option<bool>,
    /// Of a bypass code, as `one_time`.
    pub lifetime_s: Option<u64>,
    pub one_time: Option<bool>,
    /// To be imported.
    pub methods: Vec<WantedMethodView>,
}

/// A number that is to be imported.
#[derive(Clone, Debug)]
pub struct WantedMethodView {
    pub role: Role,
    pub number: PhoneNumber,
    pub extension: Option<Extension>,
}

/// `GET /v1/subjects/{subject}/audit`.
#[derive(Clone, Debug, Default)]
pub struct AuditView {
    pub lines: Vec<AuditLineView>,
    /// The link of the last line ever written.
    pub head: [u8; 32],
    /// How many lines were ever written.
    pub count: u64,
    /// Every line from the first to the last is here and links to the one before.
    pub is_complete: bool,
}

/// One line of a subject's trail.
#[derive(Clone, Debug)]
pub struct AuditLineView {
    pub number: u64,
    pub at_ms: u64,
    /// `tenant:a1`, `operator:ada`, `person` or `system`.
    pub actor: String,
    pub what: String,
    pub method: Option<String>,
    /// Masked when it was written.
    pub phone: Option<String>,
    pub change: Option<String>,
    pub status: Option<String>,
    pub class: Option<Class>,
    pub evidence: Vec<FactKind>,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    pub previous: [u8; 32],
    pub hash: [u8; 32],
}

/// What a message to our numbers has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundEffect {
    OptedOut,
    OptedIn,
    None,
}

/// `GET /v1/admin/readiness`.
#[derive(Clone, Debug)]
pub struct ReadinessView {
    pub checks: Vec<CheckView>,
    /// What happened last, oldest first: each moment, and who did what.
    pub log: Vec<(u64, String)>,
}

/// One thing that has to be right before recovery can be relied on.
#[derive(Clone, Debug)]
pub struct CheckView {
    pub name: &'static str,
    pub is_green: bool,
    pub detail: String,
}
