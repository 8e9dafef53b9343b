//! Why a request is refused or fails, in terms of what its caller can do.

use std::time::Duration;

use watchword_providers::Channel;

use crate::subjects::model::{MethodId, Role};
use crate::verification::Status;

/// What the API answers instead of doing what was asked. The edge turns each
/// into a status and a problem document in one function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A field's content is not acceptable; `code` is stable, `field` a JSON name.
    #[error("{field}: {detail}")]
    Invalid {
        code: &'static str,
        field: &'static str,
        detail: &'static str,
        alternatives: Vec<Channel>,
    },
    /// The tenant may not do this: `region_not_enabled`, `voice_not_enabled`,
    /// `unconfirmed_not_enabled`, `prefix_blocked`, `origin_not_listed`,
    /// `app_hash_not_listed`, `blocked`.
    #[error("forbidden: {code}")]
    Forbidden {
        code: &'static str,
        detail: &'static str,
        alternatives: Vec<Channel>,
    },
    /// Over a limit: `send_limit`, `resend_too_early`, `sends_exhausted`,
    /// `too_many_pending`, `number_limit`, `prefix_limit`, `address_limit`,
    /// `submission_cap`, `tenant_ramp`,
    /// `lookup_limit` and `explain_limit` (both per tenant), `too_many_failures` (then `available_at_ms` may be `None`: until an operator lifts it).
    #[error("limited: {code}")]
    Limited {
        code: &'static str,
        available_at_ms: Option<u64>,
        now_ms: u64,
        alternatives: Vec<Channel>,
    },
    /// What the subject is does not allow it, or not yet: `method_on_hold`,
    /// `step_up_required`, `last_method`, ...
    #[error("refused: {code}")]
    Refused {
        code: &'static str,
        /// From when on it is allowed, where time alone helps.
        available_at_ms: Option<u64>,
        now_ms: u64,
        others: Box<Others>,
    },
    #[error("wrong code")]
    CodeMismatch { checks_remaining: u8 },
    /// The verification has ended.
    #[error("not pending: {}", status.as_str())]
    NotPending { status: Status },
    /// In the last minute of a code; start again instead.
    #[error("too late to resend")]
    ResendTooLate,
    #[error("not found")]
    NotFound,
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    #[error("a request with this idempotency key is in progress")]
    IdempotencyInProgress,
    /// No route carries this channel to this number.
    #[error("no route")]
    NoRoute { alternatives: Vec<Channel> },
    /// `store_unavailable`, `store_outcome_unknown`, `store_full`, `unknown_key`,
    /// `unknown_format`, `record_damaged`, `overloaded`: try again.
    #[error("unavailable: {code}")]
    Unavailable {
        code: &'static str,
        retry_after_s: u64,
    },
}

/// What else would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Of the same method.
    pub channels: Vec<Channel>,
    pub methods: Vec<OtherMethod>,
}

/// Another method of the subject that receives codes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherMethod {
    pub id: MethodId,
    pub role: Role,
    /// Those that are open to it now.
    pub channels: Vec<Channel>,
}

impl ServiceError {
    /// A refusal that nothing but another request gets around.
    pub(crate) fn refused(code: &'static str) -> Self {
        Self::Refused {
            code,
            available_at_ms: None,
            now_ms: 0,
            others: Box::default(),
        }
    }

    /// A refusal that ends by itself.
    pub(crate) fn refused_until(code: &'static str, available_at_ms: u64, now_ms: u64) -> Self {
        Self::Refused {
            code,
            available_at_ms: Some(available_at_ms),
            now_ms,
            others: Box::default(),
        }
    }

    /// How long until asking again makes sense, if it ever does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited {
                available_at_ms,
                now_ms,
                ..
            }
            | Self::Refused {
                available_at_ms,
                now_ms,
                ..
            } => available_at_ms.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(*now_ms))),
            Self::Unavailable { retry_after_s, .. } => Some(Duration::from_secs(*retry_after_s)),
            Self::IdempotencyInProgress => Some(Duration::from_secs(1)),
            Self::Invalid { .. }
            | Self::Forbidden { .. }
            | Self::CodeMismatch { .. }
            | Self::NotPending { .. }
            | Self::ResendTooLate
            | Self::NotFound
            | Self::IdempotencyKeyReused
            | Self::NoRoute { .. } => None,
        }
    }

    /// The stable word that callers, logs and metrics know it by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. }
            | Self::Forbidden { code, .. }
            | Self::Limited { code, .. }
            | Self::Refused { code, .. }
            | Self::Unavailable { code, .. } => code,
            Self::CodeMismatch { .. } => "code_mismatch",
            Self::NotPending { status } => match status {
                Status::Approved => "already_approved",
                Status::Exhausted => "checks_exhausted",
                Status::Pending
                | Status::Canceled
                | Status::Expired
                | Status::Superseded
                | Status::Failed => status.as_str(),
            },
            Self::ResendTooLate => "resend_too_late",
            Self::NotFound => "not_found",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyInProgress => "idempotency_in_progress",
            Self::NoRoute { .. } => "no_route",
        }
    }
}
