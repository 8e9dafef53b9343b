//! A walk that must have ended within its caller's budget.

use tokio::time::{Instant, timeout_at};
use watchword_providers::SubmitError;

use super::Walk;
use crate::delivery::{DeliveryRecord, DispatchPolicy, Next};
use crate::dispatch::Work;
use crate::dispatch::plan::{BUDGET_OVER, end_for, reason_of};
use crate::dispatch::within::{SUBMISSIONS_MAX, Share};
use crate::stack::{Patience, ProviderStack, Ready};

impl Walk<'_> {
    /// Whether no attempt may begin any more. `now_ms` is the store's time.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.budget.is_some_and(|budget| budget.is_over(now_ms))
    }

    pub(super) fn policy(&self) -> DispatchPolicy {
        let policy = self.live.dispatch.policy;
        let submissions_max = match self.budget {
            None => policy.submissions_max,
            Some(_) => policy.submissions_max.min(SUBMISSIONS_MAX),
        };
        DispatchPolicy {
            submissions_max,
            ..policy
        }
    }

    /// Asks whether there is room and it is our turn. The answer about turns may
    /// have to be waited for, and that has its end too.
    pub(super) async fn ready_at_once(&self, hop: &ProviderStack) -> Result<Ready, SubmitError> {
        let ready = hop.ready(Patience::Shed);
        match self.budget {
            None => ready.await,
            Some(budget) => timeout_at(budget.last_start(), ready)
                .await
                .unwrap_or(Err(SubmitError::Shed)),
        }
    }

    /// When the attempt at hand is cut off, one of so many that may have gone.
    pub(super) fn cut_off(&self, submissions: u8) -> Option<Instant> {
        let is_last = self.hops_behind == 0 || submissions >= self.policy().submissions_max;
        let share = if is_last { Share::All } else { Share::Half };
        let budget = self.budget?;
        Some(budget.attempt_ends(Instant::now(), share))
    }

    /// What follows a walk that no provider has ended: nothing more.
    pub(super) fn end_within(&self, work: &Work, state: &DeliveryRecord) -> Next {
        let was_taken_over = work.budget.is_none();
        let was_cut_short = self.errors.len() < self.hops.len();
        if was_taken_over || was_cut_short {
            return end_for(state, BUDGET_OVER);
        }
        end_for(state, self.errors.last().map_or("no_route", reason_of))
    }
}
