//! One walk along the route: begin, submit, settle, fail over.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, debug_span, warn};
use watchword_providers::{SubmitError, Submitted};

use super::compose::Composed;
use super::plan::{
    after_walk, is_final_by_receipt, is_left_out, only_provider, outcome_of, reason_of,
};
use super::{Dispatcher, Work};
use crate::admission::limits::{LimitAsk, LimitStep};
use crate::delivery::{
    Begin, DueKind, Next, Outcome, Settle, Settled, SettledAttempt, Stop, delivery_mut,
};
use crate::live::Live;
use crate::stack::{Patience, ProviderStack, Submission};
use crate::telemetry::events;

/// Where a walk stands.
struct Walk<'a> {
    live: &'a Live,
    composed: Composed,
    hops: Vec<Arc<ProviderStack>>,
    errors: Vec<SubmitError>,
    /// Everything is written down by then, or somebody else's turn has come.
    lease_ends: Instant,
    deadline: Instant,
}

impl HopEnd {
    fn attempt(&self) -> &SettledAttempt {
        match self {
            Self::Settle(attempt, _) | Self::GoOn(attempt) => attempt,
        }
    }
}

/// How a hop ended for the walk.
enum HopEnd {
    /// The walk is over: this is to be written down.
    Settle(SettledAttempt, Next),
    /// On to the next hop, once this is written down.
    GoOn(SettledAttempt),
}

impl Dispatcher {
    /// Walks the route once. `None` if the delivery is no longer ours, or the
    /// store cannot be reached: the ledger has it then.
    pub(super) async fn deliver(&self, work: &mut Work) -> Option<Settled> {
        let live = self.shared.live.load_full();
        let composed = match Composed::of(&live, work, self.shared.store_now_ms()) {
            Ok(composed) => composed,
            Err(unreadable) => {
                warn!(delivery.id = %work.delivery, "cannot dispatch: {unreadable}");
                if unreadable.is_final() {
                    return self.close(work, None, fail("unreadable", false)).await;
                }
                // Another node may have the key, or the tenant: it is theirs at
                // once, and no lost lease counts against it.
                self.hand_back(work).await;
                return None;
            }
        };
        let span = debug_span!("dispatch", delivery.id = %work.delivery);
        let hops = hops(&live, &composed, work);
        let mut walk = Walk {
            deadline: Instant::now() + live.dispatch.deadline,
            lease_ends: Instant::now() + self.lease_left(work),
            live: &live,
            composed,
            hops,
            errors: Vec::new(),
        };
        self.walk(work, &mut walk).instrument(span).await
    }

    async fn walk(&self, work: &mut Work, walk: &mut Walk<'_>) -> Option<Settled> {
        let mut unsettled: Option<SettledAttempt> = None;
        for position in 0..walk.hops.len() {
            let hop = Arc::clone(walk.hops.get(position)?);
            let is_last = position + 1 == walk.hops.len();
            if self.stopping.is_cancelled() && position > 0 {
                break;
            }
            let settling = unsettled.take();
            let Ok(paid) = self.pay(work, walk).await? else {
                return self
                    .close(work, settling, fail("submission_cap", false))
                    .await;
            };
            match self.begin(work, walk, (&hop, settling)).await? {
                Ok(()) => {}
                Err(stop) => {
                    self.pay_back(paid);
                    return self.stopped(work, stop).await;
                }
            }
            walk.lease_ends =
                Instant::now() + Duration::from_millis(walk.live.dispatch.policy.lease_ms);
            let end = self.attempt(work, walk, &hop, is_last).await?;
            if !end.attempt().outcome.counts_as_submission() {
                self.pay_back(paid);
            }
            match end {
                HopEnd::Settle(attempt, next) => {
                    return self.close(work, Some(attempt), next).await;
                }
                HopEnd::GoOn(attempt) => unsettled = Some(attempt),
            }
        }
        let next = self.next_after(work, walk);
        self.close(work, unsettled, next).await
    }

    /// How long the delivery is still ours, by the store's time.
    fn lease_left(&self, work: &Work) -> Duration {
        let due = work.state().and_then(|state| state.due);
        let ends_at_ms = due.map_or(0, |due| due.at_ms);
        Duration::from_millis(ends_at_ms.saturating_sub(self.shared.store_now_ms()))
    }

    /// Takes one from the tenant's cap on submissions, if it has one and the
    /// send has not paid already. `Some(Err(()))`: the cap is reached.
    async fn pay(&self, work: &mut Work, walk: &Walk<'_>) -> Option<Result<Option<LimitAsk>, ()>> {
        if let Some(prepaid) = work.prepaid.take() {
            return Some(Ok(Some(prepaid)));
        }
        let Some(ask) = walk.composed.submission_cap(walk.live) else {
            return Some(Ok(None));
        };
        let mut patience = Insistence::until(walk.lease_ends);
        loop {
            match self.shared.store.limits(std::slice::from_ref(&ask)).await {
                Ok(answers) if answers.iter().all(Result::is_ok) => return Some(Ok(Some(ask))),
                Ok(_) => return Some(Err(())),
                Err(error) => self.shared.store_failed("limits", &error),
            }
            patience.pause().await?;
        }
    }

    /// Gives back what was paid for an attempt that was no submission. Nobody
    /// waits for it, and losing it only makes the cap a little stricter.
    fn pay_back(&self, paid: Option<LimitAsk>) {
        let Some(ask) = paid else {
            return;
        };
        let shared = self.shared.clone();
        self.spawn(async move {
            let back = LimitAsk {
                step: LimitStep::GiveBack,
                ..ask
            };
            if let Err(error) = shared.store.limits(&[back]).await {
                shared.store_failed("limits", &error);
            }
        });
    }

    /// Records that an attempt at this hop begins, and how the one before ended,
    /// in one flush.
    async fn begin(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
        (hop, settling): (&ProviderStack, Option<SettledAttempt>),
    ) -> Option<Result<(), Stop>> {
        let policy = walk.live.dispatch.policy;
        let state = work.state()?;
        let fence = state.fence;
        let is_begun = state.attempts.last().is_some_and(|attempt| {
            attempt.outcome == Outcome::Begun && *attempt.provider == *hop.id
        });
        if is_begun && work.why.is_none() && settling.is_none() {
            // The create script has recorded it.
            return Some(Ok(()));
        }
        let settle = settling.map(|attempt| Settle {
            fence,
            attempt: Some(attempt),
            next: Next::Continue,
            policy,
        });
        let begin = Begin {
            fence,
            attempt: u8::try_from(state.attempts.len() + 1).unwrap_or(u8::MAX),
            provider: (&*hop.id).into(),
            policy,
        };
        let store = &self.shared.store;
        let delivery = work.delivery;
        let mut patience = Insistence::until(walk.lease_ends);
        let begun = loop {
            let settled = async {
                match &settle {
                    Some(settle) => store.settle(delivery, settle).await.map(drop),
                    None => Ok(()),
                }
            };
            let (settled, begun) = tokio::join!(settled, store.begin(delivery, &begin));
            match settled.and(begun) {
                Ok(begun) => break begun,
                Err(error) => self.shared.store_failed("begin", &error),
            }
            patience.pause().await?;
        };
        if begun.is_ok()
            && let Some(state) = delivery_mut(&mut work.record, delivery.ordinal)
        {
            state.note_begun(&hop.id, self.shared.store_now_ms());
        }
        Some(begun)
    }

    /// Submits to one hop and says what follows from its answer.
    async fn attempt(
        &self,
        work: &mut Work,
        walk: &mut Walk<'_>,
        hop: &ProviderStack,
        is_last: bool,
    ) -> Option<HopEnd> {
        let number = u8::try_from(work.state()?.attempts.len()).unwrap_or(u8::MAX);
        let submission = Submission {
            message: Arc::new(walk.composed.message(walk.live, hop, number)),
            patience: if is_last {
                Patience::WaitUntil(walk.deadline)
            } else {
                Patience::Shed
            },
        };
        if work.state()?.submissions() > 1 {
            let name = work.delivery.to_string();
            events::PossibleDuplicate {
                delivery: &name,
                provider: &hop.id,
            }
            .emit(&self.shared.metrics);
        }
        let started = Instant::now();
        if started >= walk.lease_ends {
            // This process stood still for so long that somebody else has it now.
            return None;
        }
        let result = hop.submit(submission).await;
        let took = started.elapsed();
        let settled = settled_attempt(number, &result, took);
        self.attempt_ended(work, walk, (hop, &settled, &result), took);
        if let Some(state) = delivery_mut(&mut work.record, work.delivery.ordinal) {
            state.note_settled(&settled);
        }
        Some(match result {
            Ok(_) => {
                let receipt_within_ms = hop.receipt_deadline.map(ms);
                HopEnd::Settle(settled, Next::Submitted { receipt_within_ms })
            }
            Err(error) if error.is_final_for_number() => {
                if matches!(error, SubmitError::Fraud { .. }) {
                    self.block(work.record.number);
                }
                HopEnd::Settle(settled, fail(reason_of(&error), true))
            }
            Err(error) => {
                walk.errors.push(error);
                HopEnd::GoOn(settled)
            }
        })
    }

    /// What follows a walk that no provider has ended.
    fn next_after(&self, work: &Work, walk: &Walk<'_>) -> Next {
        let dispatch = &walk.live.dispatch;
        let Some(state) = work.state() else {
            return fail("no_route", false);
        };
        let after_receipt = matches!(work.why, Some(DueKind::Receipt | DueKind::Undelivered));
        if after_receipt && walk.errors.is_empty() {
            // No hop was left: what was submitted stays so.
            return fail("undelivered", is_final_by_receipt(state));
        }
        if self.stopping.is_cancelled() && walk.errors.len() < walk.hops.len() {
            return Next::Retry {
                after_ms: 0,
                reason: "handover".into(),
            };
        }
        after_walk(
            state,
            &walk.errors,
            &dispatch.retry_waits,
            dispatch.policy.submissions_max,
        )
    }

    /// Dispatch was told not to go on.
    async fn stopped(&self, work: &mut Work, stop: Stop) -> Option<Settled> {
        let reason = match stop {
            Stop::FenceLost | Stop::Gone => return None,
            Stop::Closed(status) => {
                return Some(Settled {
                    status,
                    due: None,
                    fallback: None,
                });
            }
            Stop::NotPending(_) => "not_pending",
            Stop::TooLate => "too_late",
            Stop::TooManySubmissions => {
                return self
                    .close(work, None, fail(super::plan::OUTCOME_UNKNOWN, false))
                    .await;
            }
        };
        let reason = work
            .state()
            .and_then(|state| state.reason.clone())
            .unwrap_or(reason.into());
        self.close(work, None, Next::Close { reason }).await
    }

    /// Writes down how it ended.
    async fn close(
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
        let deadline = Instant::now() + Duration::from_millis(policy.lease_ms);
        let store = &self.shared.store;
        let delivery = work.delivery;
        let mut patience = Insistence::until(deadline);
        loop {
            match store.settle(delivery, &ask).await {
                Ok(settled) => return settled.ok(),
                Err(error) => self.shared.store_failed("settle", &error),
            }
            patience.pause().await?;
        }
    }

    fn attempt_ended(
        &self,
        work: &Work,
        walk: &Walk<'_>,
        (hop, settled, result): (
            &ProviderStack,
            &SettledAttempt,
            &Result<Submitted, SubmitError>,
        ),
        took: Duration,
    ) {
        let name = work.delivery.to_string();
        events::AttemptEnded {
            tenant: &walk.composed.tenant,
            delivery: &name,
            attempt: u32::from(settled.number),
            provider: &hop.id,
            channel: walk.composed.channel,
            to: &walk.composed.to,
            outcome: settled.outcome.as_str(),
            code: result.as_ref().err().and_then(SubmitError::code),
            took,
        }
        .emit(&self.shared.metrics);
    }
}

/// Paces the questions to a store that does not answer: what happened must be
/// written down, and nothing may be sent before it is, as long as the lease lasts.
struct Insistence {
    wait: Duration,
    deadline: Instant,
}

impl Insistence {
    fn until(deadline: Instant) -> Self {
        Self {
            wait: FIRST_WAIT,
            deadline,
        }
    }

    /// Waits a little longer each time; `None` when the time is over.
    async fn pause(&mut self) -> Option<()> {
        if Instant::now() + self.wait >= self.deadline {
            return None;
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Some(())
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

fn fail(reason: &str, is_final_for_number: bool) -> Next {
    Next::Fail {
        reason: reason.into(),
        is_final_for_number,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The hops of this walk, in order.
fn hops(live: &Live, composed: &Composed, work: &Work) -> Vec<Arc<ProviderStack>> {
    let Some(state) = work.state() else {
        return Vec::new();
    };
    let is_begun = |attempt: &crate::delivery::AttemptRecord| attempt.outcome == Outcome::Begun;
    let begun = state
        .attempts
        .last()
        .filter(|attempt| is_begun(attempt) && work.why.is_none());
    let after_receipt = matches!(work.why, Some(DueKind::Receipt | DueKind::Undelivered));
    if after_receipt && is_final_by_receipt(state) {
        return Vec::new();
    }
    if let Some(only) = only_provider(state, work.why) {
        return live
            .providers
            .get(only)
            .map(Arc::clone)
            .into_iter()
            .collect();
    }
    let was_tried = |provider: &str| {
        let earlier = |delivery: &crate::delivery::DeliveryRecord| {
            delivery.channel == state.channel
                && delivery
                    .attempts
                    .iter()
                    .any(|attempt| *attempt.provider == *provider)
        };
        work.record.deliveries.iter().any(earlier) && begun.is_none()
    };
    let ordered = live.hops(composed.destination(), was_tried);
    // The one that the create step has begun goes first, whatever has changed since.
    let first = begun.map(|attempt| &*attempt.provider);
    let rest = ordered
        .iter()
        .map(|id| &**id)
        .filter(|id| Some(*id) != first && !is_left_out(state, work.why, id));
    first
        .into_iter()
        .chain(rest)
        .filter_map(|id| live.providers.get(id).map(Arc::clone))
        .collect()
}

fn settled_attempt(
    number: u8,
    result: &Result<Submitted, SubmitError>,
    took: Duration,
) -> SettledAttempt {
    let (outcome, code, message_id) = match result {
        Ok(submitted) => (Outcome::Submitted, None, submitted.message_id.as_ref()),
        Err(error) => (outcome_of(error), error.code(), None),
    };
    SettledAttempt {
        number,
        outcome,
        duration_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        code: code.map(|code| code.as_str().into()),
        message_id: message_id.map(|id| id.as_str().into()),
    }
}
