//! The words for a subject's parts, as the API, the audit trail and metric
//! labels have them.

use super::{ChangeStatus, FreezeReason, MethodStatus, NoticeKind, Role, SuspendReason};

impl Role {
    pub const ALL: [Self; 3] = [Self::Primary, Self::Alternate, Self::Office];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Alternate => "alternate",
            Self::Office => "office",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl MethodStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Holding => "on_hold",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        }
    }
}

impl SuspendReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recycled => "recycled",
            Self::SimSwap => "sim_swap",
            Self::Operator => "operator",
        }
    }
}

impl ChangeStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::NewVerified => "new_verified",
            Self::Holding => "holding",
            Self::Completed => "completed",
            Self::Undone => "undone",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Whether the change is still to come.
    pub fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::NewVerified | Self::Holding => true,
            Self::Completed | Self::Undone | Self::Rejected | Self::Expired => false,
        }
    }
}

impl FreezeReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::CallReported => "call_reported",
            Self::Review => "review",
            Self::Asked => "asked",
        }
    }
}

impl NoticeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChangeRequested => "change_requested",
            Self::MethodAdded => "method_added",
            Self::MethodRemoved => "method_removed",
            Self::MethodsReset => "methods_reset",
            Self::RecoveryOpened => "recovery_opened",
            Self::SealedCodeUsed => "sealed_code_used",
            Self::Frozen => "frozen",
        }
    }
}
