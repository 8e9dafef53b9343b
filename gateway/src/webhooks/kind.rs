//! What a tenant can be told: the names in bodies and in `events` of a webhook.

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryStatus;
use crate::verification::Status;

/// Declares the kinds with their names, so that no list can miss one.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// What an event reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)+
        }

        impl EventKind {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// Its name in bodies and filters.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

event_kinds! {
    Approved = "verification.approved",
    Exhausted = "verification.exhausted",
    Expired = "verification.expired",
    Canceled = "verification.canceled",
    Superseded = "verification.superseded",
    Failed = "verification.failed",
    /// The person said that they had not asked for the code.
    Reported = "verification.reported",
    DeliverySubmitted = "delivery.submitted",
    DeliveryDelivered = "delivery.delivered",
    DeliveryUndelivered = "delivery.undelivered",
    DeliveryFailed = "delivery.failed",
    DeliveryExpired = "delivery.expired",
    DeliveryCanceled = "delivery.canceled",

    MethodAdded = "method.added",
    MethodActive = "method.active",
    MethodRemoved = "method.removed",
    MethodDefaultChanged = "method.default_changed",
    MethodStale = "method.stale",
    MethodSuspended = "method.suspended",
    MethodOptedOut = "method.opted_out",
    MethodOptedIn = "method.opted_in",
    /// A new SIM was seen before a sign-in, and the code went all the same.
    MethodSwapSeen = "method.swap_seen",

    ChangeRequested = "number_change.requested",
    ChangeNewVerified = "number_change.new_verified",
    ChangeHolding = "number_change.holding",
    ChangeCompleted = "number_change.completed",
    ChangeUndone = "number_change.undone",
    ChangeRejected = "number_change.rejected",
    ChangeExpired = "number_change.expired",
    /// For the tenant's own mail: it carries the tokens.
    ChangeNotice = "number_change.notice",

    SubjectFrozen = "subject.frozen",
    SubjectUnfrozen = "subject.unfrozen",
    SubjectReset = "subject.reset",
    /// Sessions that were open before are not to be trusted any more.
    SecurityChanged = "subject.security_changed",
    RecoveryOpened = "subject.recovery_opened",
    RecoveryCodeCreated = "subject.recovery_code_created",
    BypassCodeIssued = "subject.bypass_code_issued",
    BypassCodeUsed = "subject.bypass_code_used",
    ActionWaiting = "subject.action_waiting",
    ActionApproved = "subject.action_approved",
    SealedCodeUsed = "subject.sealed_code_used",
    SubjectErased = "subject.erased",
}

impl EventKind {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it says how a number change stands.
    pub fn is_of_a_change(self) -> bool {
        matches!(
            self,
            Self::ChangeRequested
                | Self::ChangeNewVerified
                | Self::ChangeHolding
                | Self::ChangeCompleted
                | Self::ChangeUndone
                | Self::ChangeRejected
                | Self::ChangeExpired
        )
    }

    pub(super) fn of_status(status: Status) -> Option<Self> {
        match status {
            Status::Pending => None,
            Status::Approved => Some(Self::Approved),
            Status::Canceled => Some(Self::Canceled),
            Status::Expired => Some(Self::Expired),
            Status::Exhausted => Some(Self::Exhausted),
            Status::Superseded => Some(Self::Superseded),
            Status::Failed => Some(Self::Failed),
        }
    }

    pub(super) fn of_delivery(status: DeliveryStatus) -> Option<Self> {
        match status {
            DeliveryStatus::Queued => None,
            DeliveryStatus::Submitted => Some(Self::DeliverySubmitted),
            DeliveryStatus::Delivered => Some(Self::DeliveryDelivered),
            DeliveryStatus::Undelivered => Some(Self::DeliveryUndelivered),
            DeliveryStatus::Failed => Some(Self::DeliveryFailed),
            DeliveryStatus::Expired => Some(Self::DeliveryExpired),
            DeliveryStatus::Canceled => Some(Self::DeliveryCanceled),
        }
    }
}
