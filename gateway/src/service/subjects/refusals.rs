//! Why a subject's record refuses something, as callers know it.

use crate::service::error::ServiceError;
use crate::subjects::command::Refusal;
use crate::subjects::model::ChangeStatus;

/// The record's own refusal.
pub(crate) fn refused(refusal: Refusal, now_ms: u64) -> ServiceError {
    let code = match refusal {
        Refusal::NotFound => return ServiceError::NotFound,
        Refusal::ChangesLimit { available_at_ms } => {
            return limited("change_limit", Some(available_at_ms), now_ms);
        }
        Refusal::ChangeInProgress { available_at_ms } => {
            return ServiceError::refused_until("change_in_progress", available_at_ms, now_ms);
        }
        Refusal::TooManyTries { available_at_ms } => {
            return limited("too_many_failures", available_at_ms, now_ms);
        }
        Refusal::MethodOnHold { until_ms } => {
            return ServiceError::refused_until("method_on_hold", until_ms, now_ms);
        }
        Refusal::ChangeEnded { status } => match status {
            ChangeStatus::Undone => "already_undone",
            ChangeStatus::Requested
            | ChangeStatus::NewVerified
            | ChangeStatus::Holding
            | ChangeStatus::Completed
            | ChangeStatus::Rejected
            | ChangeStatus::Expired => "change_ended",
        },
        Refusal::LastMethod => "last_method",
        Refusal::IsDefault => "is_default",
        Refusal::RoleTaken => "role_taken",
        Refusal::NeedsPrimary => "needs_primary",
        Refusal::TooManyMethods => "too_many_methods",
        Refusal::SubjectFull => "subject_full",
        // A proof counts once: used again it proves nothing.
        Refusal::StepUpRequired | Refusal::ProofUsed => "step_up_required",
        Refusal::NotPending => "method_changed",
        Refusal::MethodPending => "method_pending",
        Refusal::MethodSuspended => "method_suspended",
        Refusal::UndoOver => "undo_over",
        Refusal::Frozen => "subject_frozen",
        Refusal::SameOperator => "same_operator",
        Refusal::OwnSubject => "own_subject",
        Refusal::ApprovalExpired => "approval_expired",
        Refusal::SealedCodeNotNeeded => "sealed_code_not_needed",
        Refusal::TooManyActions => "too_many_actions",
        Refusal::InvalidLifetime => "invalid_lifetime",
        Refusal::InvalidLength => "invalid_length",
        Refusal::NumberUnchanged => "number_unchanged",
        Refusal::AlreadyEnrolled => "already_enrolled",
    };
    ServiceError::refused(code)
}

fn limited(code: &'static str, available_at_ms: Option<u64>, now_ms: u64) -> ServiceError {
    ServiceError::Limited {
        code,
        available_at_ms,
        now_ms,
        alternatives: Vec::new(),
    }
}
