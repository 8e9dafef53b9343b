//! Deliveries that must have ended within their caller's budget: how its time
//! is given out to hops, and what the caller is told.
//!
//! The budget is kept by the node that took the request, in memory. Whoever
//! takes such a delivery over sends nothing: its caller has been answered.

use std::time::Duration;

use tokio::time::Instant;

use super::plan::{BUDGET_OVER, OUTCOME_UNKNOWN};
use crate::delivery::{AttemptRecord, DeliveryRecord, Outcome};

/// Left for writing the end down and answering.
const TO_ANSWER: Duration = Duration::from_millis(50);
/// With less time left an attempt would hardly be answered, and nobody could say
/// whether its message went.
const ATTEMPT_MIN: Duration = Duration::from_millis(100);
/// A hop gets so long, whoever stands behind it.
const SHARE_MIN: Duration = Duration::from_millis(300);
/// Attempts that may have reached the person: after the second one nobody knows
/// any better, and two messages are enough.
pub(super) const SUBMISSIONS_MAX: u8 = 2;

/// The time within which a delivery must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    whole: Duration,
    answer_by: Instant,
    /// An attempt that has no answer by then is cut off.
    attempts_end: Instant,
    last_start: Instant,
    /// The same by the store's time, which goes on while the machine sleeps.
    last_start_at_ms: u64,
}

/// What one attempt may have of the time that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Another hop may have to follow.
    Half,
    All,
}

impl Budget {
    /// So much from now on. `now_ms` is the store's time.
    pub fn from_now(budget: Duration, now_ms: u64) -> Self {
        let now = Instant::now();
        let attempts = budget.saturating_sub(TO_ANSWER);
        let starts = attempts.saturating_sub(ATTEMPT_MIN);
        Self {
            whole: budget,
            answer_by: now + budget,
            attempts_end: now + attempts,
            last_start: now + starts,
            last_start_at_ms: now_ms.saturating_add(ms(starts)),
        }
    }

    /// As its delivery's record keeps it.
    pub fn whole_ms(self) -> u32 {
        u32::try_from(ms(self.whole)).unwrap_or(u32::MAX)
    }

    pub fn answer_by(self) -> Instant {
        self.answer_by
    }

    /// From then on no attempt begins.
    pub(super) fn last_start(self) -> Instant {
        self.last_start
    }

    /// Whether no attempt may begin any more. `now_ms` is the store's time.
    pub(super) fn is_over(self, now_ms: u64) -> bool {
        Instant::now() >= self.last_start || now_ms >= self.last_start_at_ms
    }

    /// When an attempt is cut off that begins now.
    pub(super) fn attempt_ends(self, now: Instant, share: Share) -> Instant {
        match share {
            Share::All => self.attempts_end,
            Share::Half => {
                let half = self.attempts_end.saturating_duration_since(now) / 2;
                self.attempts_end.min(now + half.max(SHARE_MIN))
            }
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a delivery came to, for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithinEnd {
    /// A provider has it.
    Accepted,
    /// A provider holds the traffic for fraud.
    Blocked,
    /// Providers take no more just now, or the tenant's cap is reached.
    Throttled,
    /// A provider refuses our credentials.
    Credentials,
    /// A provider will not take this message.
    Refused,
    /// No provider could be reached, or none had room.
    Unreachable,
    /// Its time is over, or an attempt may have gone: nobody can say.
    TimedOut,
}

impl WithinEnd {
    /// By the attempts, and where none may have gone, by the reason of the last
    /// refusal: any node that reads the record says the same.
    pub fn of(delivery: &DeliveryRecord) -> Self {
        let has = |is: fn(&AttemptRecord) -> bool| delivery.attempts.iter().any(is);
        if has(|attempt| attempt.outcome == Outcome::Submitted) {
            return Self::Accepted;
        }
        if has(|attempt| attempt.outcome.counts_as_submission()) {
            return Self::TimedOut;
        }
        match delivery.reason.as_deref() {
            Some("fraud") => Self::Blocked,
            Some("throttled" | "submission_cap") => Self::Throttled,
            Some("credentials_refused") => Self::Credentials,
            Some("refused") => Self::Refused,
            Some("unreachable" | "shed" | "no_route") => Self::Unreachable,
            Some(BUDGET_OVER | OUTCOME_UNKNOWN | _) | None => Self::TimedOut,
        }
    }

    /// How soon another try may do better.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Throttled => Some(THROTTLED_RETRY_AFTER),
            Self::Accepted
            | Self::Blocked
            | Self::Credentials
            | Self::Refused
            | Self::Unreachable
            | Self::TimedOut => None,
        }
    }
}

/// Providers' rates are per second; what they name themselves is not kept.
const THROTTLED_RETRY_AFTER: Duration = Duration::from_secs(2);
