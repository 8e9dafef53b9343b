//! Twilio's error codes, in answers and in status callbacks alike.

use std::time::Duration;

use crate::{ProviderCode, RefusalScope, SubmitError};

/// What one of Twilio's error codes means for dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Number,
    Provider,
    Now,
    Fraud,
    Throttled,
    Credentials,
}

impl Verdict {
    /// `None` for codes that say no more than the HTTP status does.
    pub(super) fn of(code: u64) -> Option<Self> {
        match code {
            // To: invalid, opted out, not mobile, landline; the handset or the line unknown.
            21211 | 21610 | 21614 | 21635 | 30005 | 30006 => Some(Self::Number),
            // Region not enabled for the account; no way from this sender to this number.
            21408 | 21612 => Some(Self::Provider),
            // The sender's own queue is full.
            21611 => Some(Self::Now),
            // Held for SMS pumping.
            30450 | 60410 => Some(Self::Fraud),
            20429 => Some(Self::Throttled),
            20003 => Some(Self::Credentials),
            _ => None,
        }
    }

    pub(super) fn into_error(
        self,
        code: Option<ProviderCode>,
        retry_after: impl FnOnce() -> Option<Duration>,
    ) -> SubmitError {
        let refused = |scope, code| SubmitError::Refused { scope, code };
        match self {
            Self::Number => refused(RefusalScope::Number, code),
            Self::Provider => refused(RefusalScope::Provider, code),
            Self::Now => refused(RefusalScope::Now, code),
            Self::Fraud => SubmitError::Fraud { code },
            Self::Throttled => SubmitError::Throttled {
                retry_after: retry_after(),
            },
            Self::Credentials => SubmitError::Credentials { code },
        }
    }

    pub(super) fn is_final_for_number(self) -> bool {
        match self {
            Self::Number | Self::Fraud => true,
            Self::Provider | Self::Now | Self::Throttled | Self::Credentials => false,
        }
    }
}
