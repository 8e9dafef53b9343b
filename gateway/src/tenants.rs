//! Who calls: tenants, their API keys and scopes, and the operators.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use watchword_providers::Channel;

use crate::admission::ramp::Ramp;
use crate::admission::watch::CheckWatch;
use crate::code::Code;
use crate::config::RegionSet;
use crate::message::{Brand, Catalog, Locale, Notices};
use crate::subjects::model::Actor;
use crate::subjects::policy::SubjectPolicy;
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
    /// Who they are themselves, where they are tenants' subjects too.
    pub subjects: Arc<[(TenantTag, String)]>,
}

impl Operator {
    /// Whether a subject is this very person.
    pub fn is(&self, tenant: TenantTag, subject: &str) -> bool {
        let mut own = self.subjects.iter();
        own.any(|(of, name)| *of == tenant && name == subject)
    }
}

/// Who asks about a subject: the identity service, or an operator for the tenant
/// they name.
#[derive(Clone)]
pub enum Asker {
    Tenant(Caller),
    Operator { operator: Operator, tenant: String },
}

impl Asker {
    /// Whose subjects are meant; `None` if an operator names a tenant that is not.
    pub fn tenant<'a>(&'a self, directory: &'a Directory) -> Option<&'a Arc<Tenant>> {
        match self {
            Self::Tenant(caller) => Some(&caller.tenant),
            Self::Operator { tenant, .. } => directory.by_name(tenant),
        }
    }

    /// How records and the audit trail name them.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Tenant(caller) => Actor::Tenant {
                key: (*caller.key_id).to_owned(),
            },
            Self::Operator { operator, .. } => Actor::Operator {
                name: (*operator.name).to_owned(),
            },
        }
    }
}

/// An identity service that uses our API.
pub struct Tenant {
    pub name: Arc<str>,
    pub tag: TenantTag,
    /// What the message calls it.
    pub brand: Brand,
    /// For requests that ask for none.
    pub locale: Locale,
    /// The texts of its messages: the common ones, with its own over them.
    pub catalog: Arc<Catalog>,
    /// What is told when a number or a method changes, made alike.
    pub notices: Arc<Notices>,
    /// What phones show as the sender of an SMS.
    pub sms_sender: Option<Arc<str>>,
    pub voice_sender: Option<Arc<str>>,
    pub regions: RegionSet,
    /// Where voice may go, landlines and fallback too.
    pub voice_regions: RegionSet,
    /// Where numbers may be sent to that no subject has proved.
    pub unconfirmed_regions: RegionSet,
    /// Beginnings of E.164 numbers that are sent nothing.
    pub blocked_prefixes: Box<[Box<str>]>,
    /// Hosts whose pages a message may hand its code to.
    pub origins: HashSet<String>,
    /// Android apps a message may hand its code to.
    pub app_hashes: HashSet<String>,
    pub submission_caps: Vec<SubmissionCap>,
    pub ramp: Option<Ramp>,
    /// Never sent anything; each has a fixed code.
    pub test_numbers: HashMap<String, Code>,
    pub checks: CheckWatch,
    /// How changes of its subjects' numbers are judged.
    pub subjects: Arc<SubjectPolicy>,
}

/// A bound on what traffic to a region may cost in a day.
#[derive(Clone, Debug)]
pub struct SubmissionCap {
    /// `None`: every region without a cap of its own.
    pub region: Option<Box<str>>,
    /// `None`: each channel has this bound.
    pub channel: Option<Channel>,
    pub max: u32,
}

impl Tenant {
    /// Whether a number begins as none may that is sent to.
    pub fn blocks(&self, e164: &str) -> bool {
        let mut blocked = self.blocked_prefixes.iter();
        blocked.any(|prefix| e164.starts_with(&**prefix))
    }

    /// The bound on submissions a day to a region over a channel.
    pub fn submission_cap(&self, region: &str, channel: Channel) -> Option<u32> {
        self.submission_caps
            .iter()
            .find(|cap| {
                cap.region.as_ref().is_none_or(|named| **named == *region)
                    && cap.channel.is_none_or(|named| named == channel)
            })
            .map(|cap| cap.max)
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// All tenants and operators, found by the SHA-256 of the key presented.
///
/// A digest of a key says nothing about the key, so looking it up in a map
/// tells no more by its time than the digest itself would.
#[derive(Default)]
pub struct Directory {
    pub callers: HashMap<[u8; 32], Caller>,
    pub operators: HashMap<[u8; 32], Operator>,
    pub by_tag: HashMap<TenantTag, Arc<Tenant>>,
}

impl Directory {
    pub fn caller(&self, key_sha256: &[u8; 32]) -> Option<&Caller> {
        self.callers.get(key_sha256)
    }

    pub fn operator(&self, key_sha256: &[u8; 32]) -> Option<&Operator> {
        self.operators.get(key_sha256)
    }

    pub fn by_tag(&self, tag: TenantTag) -> Option<&Arc<Tenant>> {
        self.by_tag.get(&tag)
    }

    pub fn by_name(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.by_tag.values().find(|tenant| *tenant.name == *name)
    }

    /// The operators there are now, each once, however many keys they have.
    pub fn operator_names(&self) -> Vec<Arc<str>> {
        let names = self.operators.values().map(|operator| &operator.name);
        let unique: BTreeSet<&Arc<str>> = names.collect();
        unique.into_iter().map(Arc::clone).collect()
    }

    /// For logs; a tenant that is gone from the configuration has no name any more.
    pub fn name_of(&self, tag: TenantTag) -> &str {
        self.by_tag
            .get(&tag)
            .map_or("unconfigured", |tenant| &tenant.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_what_was_given_and_nothing_else() {
        let scopes = Scopes::of([Scope::Verify, Scope::ReadPii]);
        for scope in Scope::ALL {
            let given = matches!(scope, Scope::Verify | Scope::ReadPii);
            assert_eq!(scopes.contains(scope), given, "{scope:?}");
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
    }
}
