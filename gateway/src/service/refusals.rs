//! Why a send is refused: by the store, or by a limit of another slot after the
//! store had made it; and the form in which an idempotency record keeps that.

use serde::{Deserialize, Serialize};

use super::error::ServiceError;
use super::limits::{NamedLimit, limited};
use crate::admission::gcra::Denied;
use crate::verification::SendRefusal;

/// Why a send that was made has to be undone.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    /// The limit's name; `None` if the limits did not answer.
    pub(super) limit: Option<[u8; 16]>,
    pub(super) available_at_ms: u64,
}

impl Refusal {
    /// Limits fail closed: without their answer nothing is sent.
    pub(super) fn unanswered() -> Self {
        Self {
            code: "store_unavailable",
            limit: None,
            available_at_ms: 0,
        }
    }

    pub(super) fn error(&self, now_ms: u64) -> ServiceError {
        if self.limit.is_some() {
            limited(self.code, self.available_at_ms, now_ms)
        } else {
            ServiceError::Unavailable {
                code: self.code,
                retry_after_s: 1,
            }
        }
    }
}

/// The refusal that holds longest.
pub(super) fn first_refusal(
    limits: &[NamedLimit],
    answers: &[Result<(), Denied>],
) -> Option<Refusal> {
    let refusal = |(named, answer): (&NamedLimit, &Result<(), Denied>)| {
        answer.err().map(|denied| Refusal {
            code: named.code,
            limit: Some(named.ask.key.tag),
            available_at_ms: denied.available_at_ms,
        })
    };
    limits
        .iter()
        .zip(answers)
        .filter_map(refusal)
        .max_by_key(|refusal| refusal.available_at_ms)
}

/// A refusal as the idempotency record keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRefusal {
    code: String,
    available_at_ms: u64,
}

/// The limits whose refusals may be stored.
const STORED_CODES: [&str; 5] = [
    "number_limit",
    "prefix_limit",
    "address_limit",
    "submission_cap",
    "tenant_ramp",
];

impl StoredRefusal {
    pub(super) fn of(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.to_owned(),
            available_at_ms: refusal.available_at_ms,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).unwrap_or_default()
    }

    /// The answer that was given before, given again.
    pub(super) fn decode(stored: &[u8], now_ms: u64) -> ServiceError {
        let known = rmp_serde::from_slice::<Self>(stored)
            .ok()
            .and_then(|stored| {
                let code = STORED_CODES.into_iter().find(|code| *code == stored.code)?;
                Some(limited(code, stored.available_at_ms, now_ms))
            });
        known.unwrap_or(ServiceError::Unavailable {
            code: "unknown_format",
            retry_after_s: 5,
        })
    }
}

/// The store's own refusal, as callers know it.
pub(super) fn refused(refusal: SendRefusal, now_ms: u64) -> ServiceError {
    match refusal {
        SendRefusal::ResendTooEarly { available_at_ms } => {
            limited("resend_too_early", available_at_ms, now_ms)
        }
        SendRefusal::SendsExhausted { available_at_ms } => {
            limited("sends_exhausted", available_at_ms, now_ms)
        }
        SendRefusal::SendLimit {
            available_at_ms,
            rule: _,
        } => limited("send_limit", available_at_ms, now_ms),
        SendRefusal::TooManyPending { available_at_ms } => {
            limited("too_many_pending", available_at_ms, now_ms)
        }
        SendRefusal::ResendTooLate => ServiceError::ResendTooLate,
        SendRefusal::NotPending { status } => ServiceError::NotPending { status },
        SendRefusal::NotFound => ServiceError::NotFound,
        SendRefusal::MethodChanged => ServiceError::refused("method_changed"),
    }
}
