//! How a walk ends: what follows when no provider took the message, or when
//! dispatch was told to stop, and writing it down.

use std::time::Duration;

use tokio::time::Instant;

use super::hops::is_after_receipt;
use super::{Insistence, Walk};
use crate::delivery::{
    AttemptRecord, Finality, Next, Outcome, Settle, Settled, SettledAttempt, Stop, delivery_mut,
};
use crate::dispatch::plan::{OUTCOME_UNKNOWN, after_walk, is_final_by_receipt};
use crate::dispatch::{Dispatcher, Work};
use crate::store::StoreError;

impl Dispatcher {
    /// What follows a walk that no provider has ended.
    pub(super) fn next_after(&self, work: &Work, walk: &Walk<'_>) -> Next {
        let dispatch = &walk.live.dispatch;
        let Some(state) = work.state() else {
            return Next::Close {
                reason: "no_route".into(),
            };
        };
        if is_after_receipt(work.why) && walk.errors.is_empty() {
            // No hop was left: what was submitted stays so.
            let finality = if is_final_by_receipt(state) {
                Finality::Channel
            } else {
                Finality::Open
            };
            return Next::Fail {
                reason: "undelivered".into(),
                finality,
            };
        }
        if walk.composed.has_budget {
            return walk.end_within(work, state);
        }
        if self.stopping.is_cancelled() && walk.errors.len() < walk.hops.len() {
            return Next::Retry {
                after_ms: 0,
                reason: "handover".into(),
            };
        }
        let bound = dispatch.policy.submissions_max;
        after_walk(state, &walk.errors, &dispatch.retry_waits, bound)
    }

    /// Dispatch was told not to go on.
    pub(super) async fn stopped(
        &self,
        work: &mut Work,
        attempt: Option<SettledAttempt>,
        stop: Stop,
    ) -> Option<Settled> {
        let known = |work: &Work, otherwise: &str| -> Box<str> {
            let state = work.state();
            let is_unknown = |attempt: &AttemptRecord| attempt.outcome == Outcome::Unknown;
            if state.is_some_and(|state| state.attempts.iter().any(is_unknown)) {
                return OUTCOME_UNKNOWN.into();
            }
            state
                .and_then(|state| state.reason.clone())
                .unwrap_or_else(|| otherwise.into())
        };
        let next = match stop {
            Stop::FenceLost => {
                self.shared.metrics.lease_lost();
                return None;
            }
            Stop::Gone => return None,
            Stop::Closed(status) => {
                return Some(Settled {
                    status,
                    due: None,
                    fallback: None,
                });
            }
            Stop::NotPending(_) => Next::Close {
                reason: known(work, "not_pending"),
            },
            Stop::TooLate => Next::Close {
                reason: known(work, "too_late"),
            },
            Stop::TooManySubmissions => Next::Fail {
                reason: known(work, "refused"),
                finality: Finality::Open,
            },
        };
        self.close(work, attempt, next).await
    }

    async fn settle(
        &self,
        work: &mut Work,
        ask: &Settle,
    ) -> Result<Result<Settled, Stop>, StoreError> {
        let (store, delivery) = (&self.shared.store, work.delivery);
        let is_submitted = matches!(ask.next, Next::Submitted { .. });
        if std::mem::take(&mut work.is_as_created) && is_submitted {
            return store.settle_created(delivery, ask, &mut work.record).await;
        }
        let settled = store.settle(delivery, ask).await;
        if let Some(attempt) = &ask.attempt {
            work.note_settled(attempt);
        }
        settled
    }

    /// Writes down how it ended. Asks until the record means nothing any more:
    /// a *submitted* that is forgotten becomes a second message.
    pub(in crate::dispatch) async fn close(
        &self,
        work: &mut Work,
        attempt: Option<SettledAttempt>,
        next: Next,
    ) -> Option<Settled> {
        let policy = self.policy();
        if let (Some(state), Next::Fail { reason, .. } | Next::Retry { reason, .. }) =
            (delivery_mut(&mut work.record, work.delivery.ordinal), &next)
        {
            state.reason = Some(reason.clone());
        }
        let ask = Settle {
            fence: work.state()?.fence,
            attempt,
            next,
            policy,
        };
        let left_ms = work
            .record
            .expires_at_ms
            .saturating_sub(self.shared.store_now_ms());
        let worth = Duration::from_millis(left_ms.max(policy.lease_ms));
        let mut patience = Insistence::until(Instant::now() + worth);
        loop {
            match self.settle(work, &ask).await {
                Ok(Err(Stop::FenceLost)) => {
                    self.shared.metrics.lease_lost();
                    return None;
                }
                Ok(settled) => return settled.ok(),
                Err(error) => self.shared.store_failed("settle", &error),
            }
            patience.pause().await?;
        }
    }
}
