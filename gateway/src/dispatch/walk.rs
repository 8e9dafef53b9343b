//! One walk along the route: for each hop wait for room, write the attempt
//! down, submit, and go on if it failed.

mod end;
mod hops;
mod insistence;
mod unheard;
mod within;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, debug_span};
use watchword_providers::{MessageId, SubmitError, Submitted};

use self::hops::{hops, is_begun_by_create};
pub(super) use self::insistence::Insistence;
use super::bind::Reports;
use super::compose::Composed;
use super::plan::{BUDGET_OVER, end_for, outcome_of, reason_of};
use super::within::Budget;
use super::{Dispatcher, WithinEnd, Work};
use crate::delivery::{
    Begin, DeliveryRecord, Finality, Next, Outcome, Settled, SettledAttempt, Stop, delivery_mut,
};
use crate::live::Live;
use crate::stack::{Patience, ProviderStack, Ready, Submission};
use crate::tally::Became;
use crate::telemetry::events;

/// Where a walk stands.
pub(super) struct Walk<'a> {
    live: &'a Live,
    composed: Composed,
    hops: Vec<Arc<ProviderStack>>,
    /// What the hops of this walk failed with, in order.
    errors: Vec<SubmitError>,
    /// From then on the delivery may be somebody else's.
    lease_ends: Instant,
    deadline: Instant,
    budget: Option<Budget>,
    /// How many hops stand behind the one at hand.
    hops_behind: usize,
}

/// How a hop ended for the walk.
enum HopEnd {
    /// On to the next hop; what was begun here is to be written down on the way.
    GoOn(Option<SettledAttempt>),
    /// The walk is over: this is to be written down.
    Settle(Option<SettledAttempt>, Next),
    /// A provider has it: this is to be written down, and whose receipts will come.
    Submitted(SettledAttempt, Next, Reports),
    /// Dispatch was told not to go on; what was begun never left us.
    Stopped(Option<SettledAttempt>, Stop),
}

/// A first attempt that the create step began may go out without asking again
/// for so long: within it nothing can have changed that matters.
const FRESH: Duration = Duration::from_millis(250);
/// What an attempt leaves of its lease for writing its end down.
const LEASE_MARGIN: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Walks the route once. `None` if the delivery is no longer ours, or the
    /// store cannot be reached: the ledger has it then.
    pub(super) async fn walk(
        self: &Arc<Self>,
        live: &Live,
        composed: Composed,
        work: &mut Work,
    ) -> Option<Settled> {
        let span = debug_span!("dispatch", delivery.id = %work.delivery);
        let deadline = Instant::now() + live.dispatch.deadline;
        let last_start = work.budget.map(Budget::last_start);
        let mut walk = Walk {
            hops: hops(live, &composed, work),
            deadline: last_start.map_or(deadline, |last| last.min(deadline)),
            budget: work.budget,
            hops_behind: 0,
            lease_ends: Instant::now() + self.lease_left(work),
            live,
            composed,
            errors: Vec::new(),
        };
        if let Some(next) = self.held_back(work, &walk) {
            return self.close(work, None, next).instrument(span).await;
        }
        let settled = self.walk_hops(work, &mut walk).instrument(span).await;
        self.give_back(std::mem::take(&mut work.prepaid));
        settled
    }

    async fn walk_hops(self: &Arc<Self>, work: &mut Work, walk: &mut Walk<'_>) -> Option<Settled> {
        let mut unsettled: Option<SettledAttempt> = None;
        for position in 0..walk.hops.len() {
            let hop = Arc::clone(walk.hops.get(position)?);
            walk.hops_behind = walk.hops.len() - position - 1;
            // A budget ends with this node: nobody else goes on.
            let hands_over = self.stopping.is_cancelled() && walk.budget.is_none();
            if position > 0 && (hands_over || walk.is_over(self.shared.store_now_ms())) {
                break;
            }
            match self.hop(work, walk, &hop, unsettled.take()).await? {
                HopEnd::GoOn(attempt) => unsettled = attempt,
                HopEnd::Settle(attempt, next) => return self.close(work, attempt, next).await,
                HopEnd::Submitted(attempt, next, reports) => {
                    let closed = self.close(work, Some(attempt), next);
                    let (settled, ()) = tokio::join!(closed, self.bind(reports));
                    return settled;
                }
                HopEnd::Stopped(attempt, stop) => return self.stopped(work, attempt, stop).await,
            }
        }
        let next = self.next_after(work, walk);
        self.close(work, unsettled, next).await
    }

    /// One hop. `settling` is the end of the attempt before, not yet written down.
    async fn hop(
        &self,
        work: &mut Work,
        walk: &mut Walk<'_>,
        hop: &ProviderStack,
        mut settling: Option<SettledAttempt>,
    ) -> Option<HopEnd> {
        let asked = Instant::now();
        let is_begun = is_begun_by_create(work, hop);
        let Ok(ready) = self.ready(work, walk, hop, &mut settling).await? else {
            walk.errors.push(SubmitError::Shed);
            let shed =
                is_begun.then(|| self.settled(work, walk, (hop, asked), &Err(SubmitError::Shed)));
            return Some(HopEnd::GoOn(shed.or(settling)));
        };
        let Ok(paid) = self.pay(work, walk).await? else {
            let capped = Next::Fail {
                reason: "submission_cap".into(),
                finality: Finality::Open,
            };
            return Some(HopEnd::Settle(settling, capped));
        };
        if walk.is_over(self.shared.store_now_ms()) {
            work.prepaid = paid;
            let shed =
                is_begun.then(|| self.settled(work, walk, (hop, asked), &Err(SubmitError::Shed)));
            let over = end_for(work.state()?, BUDGET_OVER);
            return Some(HopEnd::Settle(shed.or(settling), over));
        }
        if !is_begun || asked.elapsed() > FRESH {
            let begun_at = Instant::now();
            if let Err(stop) = self.begin(work, walk, (hop, is_begun), settling).await? {
                work.prepaid = paid;
                let shed = is_begun
                    .then(|| self.settled(work, walk, (hop, asked), &Err(SubmitError::Shed)));
                return Some(HopEnd::Stopped(shed, stop));
            }
            let lease = Duration::from_millis(walk.live.dispatch.policy.lease_ms);
            walk.lease_ends = begun_at + lease;
        }
        let end = self.submit(work, walk, hop, ready).await?;
        if let HopEnd::GoOn(Some(attempt)) | HopEnd::Settle(Some(attempt), _) = &end
            && !attempt.outcome.counts_as_submission()
        {
            // What was no submission pays for the next hop.
            work.prepaid = paid;
        }
        Some(end)
    }

    /// Waits for room and our turn at this hop. If that takes time, the attempt
    /// before is written down first: it has ended, whatever becomes of us.
    async fn ready(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
        hop: &ProviderStack,
        settling: &mut Option<SettledAttempt>,
    ) -> Option<Result<Ready, SubmitError>> {
        let at_once = walk.ready_at_once(hop).await;
        if at_once.is_ok() || walk.hops_behind > 0 {
            return Some(at_once);
        }
        if let Some(ended) = settling.take() {
            self.close(work, Some(ended), Next::Continue).await?;
        }
        Some(hop.ready(patience(walk, hop)).await)
    }

    /// Records that an attempt at this hop begins, and in the same step how the
    /// one before ended.
    async fn begin(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
        (hop, is_begun): (&ProviderStack, bool),
        settling: Option<SettledAttempt>,
    ) -> Option<Result<(), Stop>> {
        let policy = walk.policy();
        let state = work.state()?;
        let begin = Begin {
            fence: state.fence,
            attempt: state.last_number() + u32::from(!is_begun),
            provider: (&*hop.id).into(),
            settled: settling,
            policy,
        };
        work.is_as_created = false;
        let (store, delivery) = (&self.shared.store, work.delivery);
        let mut patience = Insistence::until(walk.asks_until());
        let begun = loop {
            match store.begin(delivery, &begin).await {
                Ok(begun) => break begun,
                Err(error) => self.shared.store_failed("begin", &error),
            }
            patience.pause().await?;
        };
        let now_ms = self.shared.store_now_ms();
        if begun.is_ok()
            && !is_begun
            && let Some(state) = delivery_mut(&mut work.record, delivery.ordinal)
        {
            state.note_begun(&hop.id, now_ms);
        }
        Some(begun)
    }

    /// Submits to one hop and says what follows from its answer.
    async fn submit(
        &self,
        work: &mut Work,
        walk: &mut Walk<'_>,
        hop: &ProviderStack,
        ready: Ready,
    ) -> Option<HopEnd> {
        let number = work.state()?.last_number();
        let started = Instant::now();
        if walk.is_over(self.shared.store_now_ms()) {
            let shed = self.settled(work, walk, (hop, started), &Err(SubmitError::Shed));
            let over = end_for(work.state()?, BUDGET_OVER);
            return Some(HopEnd::Settle(Some(shed), over));
        }
        walk.composed.begun_at(self.shared.store_now_ms());
        let message = Arc::new(walk.composed.message(walk.live, hop, number));
        if work.state()?.submissions() > 1 {
            let name = work.delivery.to_string();
            let duplicate = events::PossibleDuplicate {
                delivery: &name,
                provider: &hop.id,
            };
            duplicate.emit(&self.shared.metrics);
        }
        let started = Instant::now();
        if started >= walk.lease_ends {
            // This process stood still for so long that somebody else has it now.
            return None;
        }
        let cut_off = walk.cut_off(work.state()?.submissions());
        let result = ready.submit(Submission { message, cut_off }).await;
        let settled = self.attempt_ended(work, walk, (hop, started), &result);
        if result.is_err() {
            work.note_settled(&settled);
        }
        Some(match result {
            Ok(submitted) => {
                if walk.budget.is_some() {
                    // A store that does not answer now must not cost the caller theirs.
                    work.tell(WithinEnd::Accepted);
                }
                if hop.feedback.is_some() {
                    let (record, work) = (work.delivery.record, &work.record);
                    self.feedback.expect(record, work.expires_at_ms);
                }
                let reports = Reports::on(walk.live, &walk.composed, hop, (number, &submitted));
                let receipt_within_ms = reports.deadline(hop, walk.composed.reach()).map(ms);
                HopEnd::Submitted(settled, Next::Submitted { receipt_within_ms }, reports)
            }
            Err(error) if error.is_final_for_number() => {
                let finality = if matches!(error, SubmitError::Fraud { .. }) {
                    self.block(walk.composed.number(walk.live));
                    Finality::Number
                } else {
                    Finality::Channel
                };
                let reason = reason_of(&error).into();
                HopEnd::Settle(Some(settled), Next::Fail { reason, finality })
            }
            Err(error) => {
                walk.errors.push(error);
                HopEnd::GoOn(Some(settled))
            }
        })
    }

    /// How long the delivery is still ours, by the store's time.
    fn lease_left(&self, work: &Work) -> Duration {
        let due = work.state().and_then(|state| state.due);
        let ends_at_ms = due.map_or(0, |due| due.at_ms);
        Duration::from_millis(ends_at_ms.saturating_sub(self.shared.store_now_ms()))
    }

    /// An attempt's end: logged, counted, and noted in our copy of the record.
    fn settled(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
        (hop, started): (&ProviderStack, Instant),
        result: &Result<Submitted, SubmitError>,
    ) -> SettledAttempt {
        let settled = self.attempt_ended(work, walk, (hop, started), result);
        work.note_settled(&settled);
        settled
    }

    /// An attempt's end: logged and counted.
    fn attempt_ended(
        &self,
        work: &Work,
        walk: &Walk<'_>,
        (hop, started): (&ProviderStack, Instant),
        result: &Result<Submitted, SubmitError>,
    ) -> SettledAttempt {
        let took = started.elapsed();
        let number = work.state().map_or(0, DeliveryRecord::last_number);
        let settled = settled_attempt(number, result, took);
        if result.is_ok() {
            let to = (&hop.id, walk.composed.channel, walk.composed.area());
            let [spread, ..] = work.delivery.record.random;
            self.shared.tally.count(spread, to, Became::Submitted);
        }
        let name = work.delivery.to_string();
        events::AttemptEnded {
            tenant: &walk.composed.tenant,
            delivery: &name,
            attempt: number,
            provider: &hop.id,
            channel: walk.composed.channel,
            to: &walk.composed.to,
            outcome: settled.outcome.as_str(),
            code: result.as_ref().err().and_then(SubmitError::code),
            took,
        }
        .emit(&self.shared.metrics);
        settled
    }
}

impl Walk<'_> {
    pub(super) fn live(&self) -> &Live {
        self.live
    }

    pub(super) fn composed(&self) -> &Composed {
        &self.composed
    }

    /// Until when the store is asked again that does not answer.
    pub(super) fn asks_until(&self) -> Instant {
        let last_start = self.budget.map(Budget::last_start);
        last_start.map_or(self.lease_ends, |last| last.min(self.lease_ends))
    }
}

/// The last hop waits, but never so long that its attempt would outlast the lease.
fn patience(walk: &Walk<'_>, hop: &ProviderStack) -> Patience {
    let attempt = hop.attempt_timeout + LEASE_MARGIN;
    match walk.lease_ends.checked_sub(attempt) {
        Some(latest) if latest > Instant::now() => Patience::WaitUntil(latest.min(walk.deadline)),
        Some(_) | None => Patience::Shed,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn settled_attempt(
    number: u32,
    result: &Result<Submitted, SubmitError>,
    took: Duration,
) -> SettledAttempt {
    let (outcome, code, message_id) = match result {
        Ok(submitted) => {
            let message_id = submitted.message_id.as_ref().and_then(MessageId::code);
            (Outcome::Submitted, None, message_id)
        }
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
