//! What is known about one (tenant, number) across its verifications.

use serde::{Deserialize, Serialize};

use super::{CheckAnswer, ClientClass, CustomCodeTag, IdentityTag};
use crate::admission::gcra::Gcra;
use crate::id::RecordId;

/// One verification of a number that may still be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    pub id: RecordId,
    pub identity: IdentityTag,
    pub custom_code: Option<CustomCodeTag>,
    pub expires_at_ms: u64,
    pub client: ClientClass,
}

/// Consecutive failed checks of one number by one class of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub count: u32,
    /// No check before this moment.
    pub next_check_at_ms: u64,
    pub last_at_ms: u64,
}

/// From this many consecutive failures on, each check waits.
pub const FAILURES_FREE: u32 = 15;
/// At this many, checks stop until an operator lifts it (NIST SP 800-63B).
pub const FAILURES_MAX: u32 = 100;
/// Failures are forgotten after 90 days without one.
pub const FAILURES_KEPT_MS: u64 = 90 * 24 * 3_600_000;
const FAILURE_WAIT_FIRST_MS: u64 = 30_000;
const FAILURE_WAIT_MAX_MS: u64 = 3_600_000;

impl Failures {
    pub(super) fn forget_if_old(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.last_at_ms) > FAILURES_KEPT_MS {
            *self = Self::default();
        }
    }

    pub(super) fn add(&mut self, now_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.last_at_ms = now_ms;
        self.next_check_at_ms = if self.count < FAILURES_FREE {
            0
        } else {
            // 30 s, doubled with every further failure, one hour at most.
            let doublings = (self.count - FAILURES_FREE).min(16);
            now_ms + (FAILURE_WAIT_FIRST_MS << doublings).min(FAILURE_WAIT_MAX_MS)
        };
    }

    /// The next moment at which a check is evaluated; `None` if an operator has
    /// to lift it.
    pub fn next_check_at(mut self, now_ms: u64) -> Option<u64> {
        self.forget_if_old(now_ms);
        self.wait_ends_at(now_ms)
    }

    fn wait_ends_at(&self, now_ms: u64) -> Option<u64> {
        (self.count < FAILURES_MAX).then_some(self.next_check_at_ms.max(now_ms))
    }

    /// Why a check may not be evaluated now.
    pub(super) fn refusal(&self, now_ms: u64) -> Option<CheckAnswer> {
        let available_at_ms = self.wait_ends_at(now_ms);
        (available_at_ms != Some(now_ms))
            .then_some(CheckAnswer::TooManyFailures { available_at_ms })
    }
}

/// One value for known clients, one for unknown ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerClass<T> {
    pub known: T,
    pub unknown: T,
}

impl<T> PerClass<T> {
    pub fn of(&self, client: ClientClass) -> &T {
        match client {
            ClientClass::Known => &self.known,
            ClientClass::Unknown => &self.unknown,
        }
    }

    pub fn of_mut(&mut self, client: ClientClass) -> &mut T {
        match client {
            ClientClass::Known => &mut self.known,
            ClientClass::Unknown => &mut self.unknown,
        }
    }
}

/// What is known about one (tenant, number) across its verifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberRecord {
    /// The last verifications, newest first: at most [`RECENT_MAX`].
    pub recent: Vec<RecordId>,
    pub live: Vec<Live>,
    /// One state per configured send rule.
    pub sends: PerClass<Vec<Gcra>>,
    pub failures: PerClass<Failures>,
}

/// So many verifications of a number can be listed.
pub const RECENT_MAX: usize = 20;

impl NumberRecord {
    pub fn remove_live(&mut self, id: RecordId) {
        self.live.retain(|live| live.id != id);
    }

    pub(super) fn remember(&mut self, id: RecordId) {
        self.recent.insert(0, id);
        self.recent.truncate(RECENT_MAX);
    }
}
