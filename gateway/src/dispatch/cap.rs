//! The tenant's cap on submissions: paid before an attempt, paid back if it was
//! no submission.

use super::walk::{Insistence, Walk};
use super::{Dispatcher, Work};
use crate::admission::limits::{LimitAsk, LimitRule, LimitStep};
use crate::keys::random;
use crate::live::Live;
use crate::tenants::Tenant;
use crate::verification::OperationId;
use watchword_providers::Channel;

/// The cap is reached.
pub(super) struct CapReached;

impl Dispatcher {
    /// Takes one from the cap, if there is one and the send has not paid
    /// already. `None` if the store does not answer while the lease lasts.
    pub(super) async fn pay(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
    ) -> Option<Result<Option<LimitAsk>, CapReached>> {
        if let Some(prepaid) = work.prepaid.take() {
            return Some(Ok(Some(prepaid)));
        }
        let Some(ask) = walk.composed().submission_cap(walk.live()) else {
            return Some(Ok(None));
        };
        let mut patience = Insistence::until(walk.asks_until());
        loop {
            match self.shared.store.limits(std::slice::from_ref(&ask)).await {
                Ok(answers) if answers.iter().all(Result::is_ok) => return Some(Ok(Some(ask))),
                Ok(_) => return Some(Err(CapReached)),
                Err(error) => self.shared.store_failed("limits", &error),
            }
            patience.pause().await?;
        }
    }

    /// Gives back what was paid.
    pub(super) fn pay_back(&self, paid: Option<LimitAsk>) {
        self.give_back(paid.into_iter().collect());
    }

    /// Gives back what was taken from limits. Nobody waits for it, and losing it
    /// only makes them a little stricter.
    pub(crate) fn give_back(&self, taken: Vec<LimitAsk>) {
        if taken.is_empty() {
            return;
        }
        let back: Vec<LimitAsk> = taken
            .into_iter()
            .map(|ask| LimitAsk {
                step: LimitStep::GiveBack,
                ..ask
            })
            .collect();
        let shared = self.shared.clone();
        self.spawn(async move {
            if let Err(error) = shared.store.limits(&back).await {
                shared.store_failed("limits", &error);
            }
        });
    }
}

/// Takes one from a tenant's cap on submissions to a region over a channel.
pub(crate) fn submission_cap(
    live: &Live,
    tenant: &Tenant,
    region: &str,
    channel: Channel,
) -> Option<LimitAsk> {
    let max = tenant.submission_cap(region, channel)?;
    let index = live.ring.index();
    Some(LimitAsk {
        key: index.submission_limit(tenant.tag, region, channel.as_str()),
        rules: vec![LimitRule::Daily { max }],
        step: LimitStep::Take,
        operation: OperationId(random()),
    })
}
