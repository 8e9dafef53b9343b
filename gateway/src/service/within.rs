//! Send-only deliveries whose caller waits for the end, and no longer than a
//! budget: by then a provider has the message, or nothing goes out any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;

use super::error::ServiceError;
use super::render;
use super::request::DeliverRequest;
use super::send::Accepted;
use super::{Answer, Service};
use crate::delivery::DeliveryStatus;
use crate::dispatch::{Budget, WithinEnd};
use crate::live::Live;
use crate::tenants::Tenant;

impl Service {
    /// Sends the tenant's own text within `budget`, a few seconds at most, and
    /// says what came of it, no later than that. It waits whatever
    /// [`DeliverRequest::wait`] says.
    ///
    /// A request with the idempotency key of an earlier one sends nothing: it
    /// waits for the end of that one, and is told the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the delivery goes on without its caller, within the budget.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is sent, not after
    /// `store_outcome_unknown` either.
    pub async fn deliver_within(
        &self,
        tenant: &Arc<Tenant>,
        request: DeliverRequest,
        budget: Duration,
    ) -> Answer<WithinEnd> {
        let budget = Budget::from_now(budget, self.shared.store_now_ms());
        let ended = self.ended_within(tenant, &request, budget);
        match timeout_at(budget.answer_by(), ended).await {
            Ok(ended) => ended,
            Err(_) => Ok(WithinEnd::TimedOut),
        }
    }

    async fn ended_within(
        &self,
        tenant: &Tenant,
        request: &DeliverRequest,
        budget: Budget,
    ) -> Answer<WithinEnd> {
        let live = self.shared.live.load_full();
        let (to, send) = self.own_text(&live, tenant, (request, Some(budget)))?;
        // A repeated request is asked for: a refusal remembered since is not its answer.
        let remembered = match &send.idempotency {
            None => self.remembered_refusal(&send.limits),
            Some(_) => None,
        };
        let made = match remembered {
            Some(refusal) => Err(refusal),
            None => self.make(send).await,
        };
        let (accepted, ended) = match made {
            Ok(made) => made,
            // Another request has the key and is not decided: what it comes to is not known.
            Err(ServiceError::IdempotencyInProgress) => return Ok(WithinEnd::TimedOut),
            Err(error) => {
                self.refused(tenant, &to.number, &error);
                return Err(error);
            }
        };
        match ended.await {
            Ok(end) => Ok(end),
            Err(_) => self.end_of(&live, accepted).await,
        }
    }

    /// The end of a delivery that is not in our hands, read from its record.
    async fn end_of(&self, live: &Live, accepted: Accepted) -> Answer<WithinEnd> {
        let (id, mut record, mut now_ms) = (accepted.id, accepted.record, accepted.now_ms);
        let budget_ms = render::open(live, id, &record)?.budget_ms.unwrap_or(0);
        let over_at_ms = record.created_at_ms + u64::from(budget_ms) + SETTLED_WITHIN_MS;
        loop {
            let delivery = record.delivery(1).ok_or(ServiceError::NotFound)?;
            if delivery.status != DeliveryStatus::Queued || now_ms >= over_at_ms {
                return Ok(WithinEnd::of(delivery));
            }
            tokio::time::sleep(LOOK_PAUSE).await;
            match self.shared.store.get(id).await {
                Ok(Some(found)) => (record, now_ms) = (found.record, found.now_ms),
                Ok(None) => return Err(ServiceError::NotFound),
                Err(error) => self.shared.store_failed("get", &error),
            }
        }
    }
}

/// How far apart a record is looked at whose end is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// An end that came in time is written down by then.
const SETTLED_WITHIN_MS: u64 = 500;

#[cfg(test)]
mod tests;
