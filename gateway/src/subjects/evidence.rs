//! What somebody has proved who asks for a change, and how long that makes them
//! wait.

use serde::{Deserialize, Serialize};

use super::model::{GrantId, MethodId};
use super::policy::Holds;
use crate::id::RecordId;

/// How good the evidence is; a worse class is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    A,
    B,
    C,
    D,
}

/// What a signal says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Finding {
    Clear,
    Raised,
    /// Nobody to ask, no answer in time, or not served for this number.
    Unknown,
}

/// One thing proved, after everything that can be checked was checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Signed in, and nothing else.
    Session,
    /// A passkey, an app: as the identity service says.
    StrongerFactor {
        kind: String,
    },
    /// A password, say: as the identity service says.
    SingleFactor,
    /// A code of ours, sent to a method a short while ago and typed back.
    Method {
        id: MethodId,
        proof: RecordId,
        swap: Finding,
        recycled: Finding,
    },
    /// The saved one, compared by us.
    RecoveryCode,
    /// A code the identity service sent to another address.
    IssuedCode,
    /// A signed statement that the person's identity was proved.
    Idv {
        assertion: [u8; 16],
    },
    BypassCode,
    /// A recovery opened before.
    Grant {
        id: GrantId,
        class: Class,
    },
}

/// A [`Fact`] without what it names: as it is kept, told and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FactKind {
    Session,
    StrongerFactor,
    SingleFactor,
    Method,
    RecoveryCode,
    IssuedCode,
    Idv,
    BypassCode,
    Grant,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
        }
    }
}

impl Fact {
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Session => FactKind::Session,
            Self::StrongerFactor { .. } => FactKind::StrongerFactor,
            Self::SingleFactor => FactKind::SingleFactor,
            Self::Method { .. } => FactKind::Method,
            Self::RecoveryCode => FactKind::RecoveryCode,
            Self::IssuedCode => FactKind::IssuedCode,
            Self::Idv { .. } => FactKind::Idv,
            Self::BypassCode => FactKind::BypassCode,
            Self::Grant { .. } => FactKind::Grant,
        }
    }
}

impl FactKind {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::StrongerFactor => "stronger_factor",
            Self::SingleFactor => "single_factor",
            Self::Method => "method",
            Self::RecoveryCode => "recovery_code",
            Self::IssuedCode => "issued_code",
            Self::Idv => "idv",
            Self::BypassCode => "bypass_code",
            Self::Grant => "recovery",
        }
    }
}

/// The class of the evidence; `None` if it shows no more than a session does.
///
/// More evidence never makes it worse.
pub fn class_of(facts: &[Fact]) -> Option<Class> {
    let has = |kind: FactKind| facts.iter().any(|fact| fact.kind() == kind);
    let has_method = facts.iter().any(is_method);
    let has_code = has(FactKind::RecoveryCode);
    let by_code = if has_code && (has_method || has(FactKind::SingleFactor)) {
        Some(Class::B)
    } else if has_code && has(FactKind::IssuedCode) {
        Some(Class::C)
    } else {
        None
    };
    let alone = facts.iter().filter_map(class_alone);
    alone.chain(by_code).min()
}

/// What a fact is worth with nothing beside it.
fn class_alone(fact: &Fact) -> Option<Class> {
    match fact {
        Fact::StrongerFactor { .. } => Some(Class::A),
        Fact::Method { swap, .. } if is_method(fact) => Some(match swap {
            Finding::Clear => Class::A,
            // Honest people are not refused, thieves are slowed beyond the notices.
            Finding::Unknown => Class::B,
            Finding::Raised => Class::C,
        }),
        Fact::Grant { class, .. } => Some(*class),
        Fact::Idv { .. } => Some(Class::B),
        Fact::BypassCode => Some(Class::C),
        Fact::Method { .. }
        | Fact::Session
        | Fact::SingleFactor
        | Fact::RecoveryCode
        | Fact::IssuedCode => None,
    }
}

/// A number that belongs to somebody else by now proves nothing.
fn is_method(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Method {
            recycled: Finding::Clear | Finding::Unknown,
            ..
        }
    )
}

/// How long a new number waits before it receives sign-in codes.
///
/// A fresh SIM in it is what an honest person with a new phone has, so it
/// matters only where the evidence is weak.
pub fn hold_ms(class: Class, new_number_swap: Finding, holds: &Holds) -> u64 {
    match (class, new_number_swap) {
        (Class::A, _) => holds.a_ms,
        (Class::B, _) => holds.b_ms,
        (Class::C, Finding::Clear | Finding::Unknown) => holds.c_ms,
        (Class::C, Finding::Raised) | (Class::D, _) => holds.d_ms,
    }
}
