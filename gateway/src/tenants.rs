//! Who calls: tenants, their API keys and scopes, and the operators.

use std::fmt;
use std::sync::Arc;

use crate::verification::TenantTag;

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Start, check, resend, cancel, outcome.
    Verify,
    /// `GET`, lookup.
    Read,
    /// Send the tenant's own text.
    Deliver,
    Explain,
    Subjects,
    /// See numbers in full in `GET`.
    ReadPii,
}

impl Scope {
    pub const ALL: [Self; 6] = [
        Self::Verify,
        Self::Read,
        Self::Deliver,
        Self::Explain,
        Self::Subjects,
        Self::ReadPii,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Read => "read",
            Self::Deliver => "deliver",
            Self::Explain => "explain",
            Self::Subjects => "subjects",
            Self::ReadPii => "read_pii",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(
            scopes
                .into_iter()
                .fold(0, |set, scope| set | (1 << scope as u8)),
        )
    }

    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

/// Who made a request: found by the key it presented.
#[derive(Clone)]
pub struct Caller {
    pub tenant: Arc<Tenant>,
    pub key_id: Arc<str>,
    pub scopes: Scopes,
}

/// An operator: a named person, whichever of their keys they used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub name: Arc<str>,
}

/// An identity service that uses our API.
pub struct Tenant {
    pub name: Arc<str>,
    pub tag: TenantTag,
    /// What the message calls it.
    pub brand: Arc<str>,
}

impl fmt::Debug for Tenant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
