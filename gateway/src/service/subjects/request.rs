//! What callers ask about subjects, as fields. The edge bounds every text; what
//! is proved by them is judged behind it.

use std::fmt;
use std::time::Duration;

use watchword_providers::Channel;
use zeroize::Zeroizing;

use crate::id::VerificationId;
use crate::service::{Client, IdempotencyKey};
use crate::subjects::command::OperatorAction;
use crate::subjects::model::{GrantId, MethodId, Role};

/// One thing a caller says was proved; not yet believed.
pub enum EvidenceItem {
    Session,
    /// A passkey, an app, ..: what it was, if the caller says.
    StrongerFactor {
        kind: Option<String>,
    },
    SingleFactor,
    IssuedCode,
    /// A verification addressed to a method of the subject.
    Method {
        verification: VerificationId,
    },
    RecoveryCode {
        code: Zeroizing<String>,
    },
    BypassCode {
        code: Zeroizing<String>,
    },
    /// A signed statement of a provider of identity proofs.
    Idv {
        assertion: Zeroizing<String>,
    },
    /// A recovery that was opened before.
    Recovery {
        id: GrantId,
    },
}

/// By its type alone: what it carries are secrets.
impl fmt::Debug for EvidenceItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Session => "session",
            Self::StrongerFactor { .. } => "stronger_factor",
            Self::SingleFactor => "single_factor",
            Self::IssuedCode => "issued_code",
            Self::Method { .. } => "method",
            Self::RecoveryCode { .. } => "recovery_code",
            Self::BypassCode { .. } => "bypass_code",
            Self::Idv { .. } => "idv",
            Self::Recovery { .. } => "recovery",
        })
    }
}

/// `POST /v1/subjects/{subject}/methods`.
#[derive(Debug)]
pub struct AddMethodRequest {
    pub phone: String,
    pub region: Option<String>,
    pub channel: Option<Channel>,
    /// A role that is named is the only one of its kind, and bounds the channels.
    pub role: Option<Role>,
    /// Digits to dial after the call is taken; of an office number only.
    pub extension: Option<String>,
    pub locale: Option<String>,
    pub client: Client,
    pub evidence: Vec<EvidenceItem>,
    pub idempotency: Option<IdempotencyKey>,
    /// How long the answer waits for the code's submission.
    pub wait: Option<Duration>,
}

/// `POST /v1/subjects/{subject}/number-changes`.
#[derive(Debug)]
pub struct ChangeRequest {
    pub to: String,
    pub region: Option<String>,
    /// The method to replace; `None`: the default one.
    pub from: Option<MethodId>,
    pub channel: Option<Channel>,
    pub locale: Option<String>,
    pub client: Client,
    pub evidence: Vec<EvidenceItem>,
    pub idempotency: Option<IdempotencyKey>,
    /// How long the answer waits for the code's submission.
    pub wait: Option<Duration>,
}

/// A code typed back for a pending method or an open change.
#[derive(Debug)]
pub struct CheckRequestParts {
    pub code: String,
    pub client: Client,
}

/// What a notice gave its reader, as typed: undoes or reports one change.
pub struct Token(pub Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// `POST /v1/subjects/{subject}/bypass-codes`.
#[derive(Clone, Debug)]
pub struct BypassRequest {
    pub lifetime_s: Option<u64>,
    pub one_time: bool,
    pub length: Option<u8>,
    pub reason: String,
    pub ticket: Option<String>,
}

/// `POST /v1/subjects/{subject}/import`.
#[derive(Debug)]
pub struct ImportRequest {
    pub methods: Vec<ImportedNumber>,
    pub reason: String,
    pub ticket: Option<String>,
}

/// A number that another system has proved, as it was written there.
#[derive(Debug)]
pub struct ImportedNumber {
    pub phone: String,
    pub region: Option<String>,
    pub role: Role,
    pub channel: Option<Channel>,
    pub extension: Option<String>,
}

/// What an operator wants done to a subject, and why.
#[derive(Clone, Debug)]
pub struct OperatorAsk {
    pub action: OperatorAction,
    pub reason: String,
    pub ticket: Option<String>,
}
