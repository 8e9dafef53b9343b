//! Answers in JSON: the service's views, with times as text and numbers in
//! full or masked. Here is what all of them share.

mod deliveries;
mod numbers;
mod verifications;

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Serialize, Serializer};
use watchword_providers::{Channel, Extension, Moment, PhoneNumber};

pub(super) use self::deliveries::SendOnlyJson;
pub(super) use self::numbers::{ExplainJson, LookupJson};
pub(super) use self::verifications::VerificationJson;
use crate::service::error::OtherMethod;
use crate::service::view::VerificationView;
use crate::subjects::model::MethodId;
use crate::tenants::{Asker, Caller, Scope};

/// A moment in ms since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub u64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Moment::of_ms(self.0).serialize(serializer)
    }
}

/// Written as it displays itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown<T>(pub T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Another method of a subject that would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OtherMethodJson {
    method: Shown<MethodId>,
    role: &'static str,
    channels: Vec<Channel>,
}

impl OtherMethodJson {
    pub(super) fn new(other: &OtherMethod) -> Self {
        Self {
            method: Shown(other.id),
            role: other.role.as_str(),
            channels: other.channels.clone(),
        }
    }
}

/// How much of a number an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Full,
    Masked,
}

impl Numbers {
    /// Operators see numbers masked: what they do needs none in full.
    pub(super) fn for_asker(asker: &Asker) -> Self {
        match asker {
            Asker::Tenant(caller) => Self::for_reader(caller),
            Asker::Operator { .. } => Self::Masked,
        }
    }

    /// For answers to callers who have not just sent the number themselves.
    pub(super) fn for_reader(caller: &Caller) -> Self {
        if caller.scopes.contains(Scope::ReadPii) {
            Self::Full
        } else {
            Self::Masked
        }
    }

    /// For the answers of a start, a resend and a check: their caller has named the
    /// number itself, or only the subject whose number it is.
    pub(super) fn for_caller(caller: &Caller, view: &VerificationView) -> Self {
        match view.method {
            None => Self::Full,
            Some(_) => Self::for_reader(caller),
        }
    }

    pub(super) fn show(self, number: &PhoneNumber) -> Cow<'_, str> {
        match self {
            Self::Full => Cow::Borrowed(number.expose()),
            Self::Masked => Cow::Owned(number.masked()),
        }
    }

    pub(super) fn show_extension(self, extension: &Extension) -> Cow<'_, str> {
        match self {
            Self::Full => Cow::Borrowed(extension.expose()),
            Self::Masked => Cow::Owned("*".repeat(extension.expose().len())),
        }
    }
}
