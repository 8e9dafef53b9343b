//! The tenant's caps on submissions: paid before an attempt, paid back if it was
//! no submission.

use super::walk::{Insistence, Walk};
use super::{Dispatcher, Work};
use crate::admission::limits::{LimitAsk, LimitRule, LimitStep};
use crate::keys::random;
use crate::live::{Live, Shared};
use crate::tenants::Tenant;
use crate::verification::OperationId;
use watchword_providers::Channel;

/// A cap is reached.
pub(super) struct CapReached;

impl Dispatcher {
    /// Takes one from each cap there is, unless the send has paid already. `None`
    /// if the store does not answer while the lease lasts.
    pub(super) async fn pay(
        &self,
        work: &mut Work,
        walk: &Walk<'_>,
    ) -> Option<Result<Vec<LimitAsk>, CapReached>> {
        if !work.prepaid.is_empty() {
            return Some(Ok(std::mem::take(&mut work.prepaid)));
        }
        let now_ms = self.shared.store_now_ms();
        let asks = walk.composed().submission_caps(walk.live(), now_ms);
        if asks.is_empty() {
            return Some(Ok(asks));
        }
        let mut patience = Insistence::until(walk.lease_ends());
        loop {
            match self.shared.store.limits(&asks).await {
                Ok(answers) if answers.iter().all(Result::is_ok) => return Some(Ok(asks)),
                Ok(answers) => {
                    let taken = asks.into_iter().zip(answers);
                    let taken = taken.filter(|(_, answer)| answer.is_ok());
                    put_back(&self.shared, taken.map(|(ask, _)| ask).collect()).await;
                    return Some(Err(CapReached));
                }
                Err(error) => self.shared.store_failed("limits", &error),
            }
            patience.pause().await?;
        }
    }

    /// Gives back what was taken from limits. Nobody waits for it, and losing it
    /// only makes them a little stricter.
    pub(crate) fn give_back(&self, taken: Vec<LimitAsk>) {
        if taken.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        self.spawn(async move { put_back(&shared, taken).await });
    }
}

async fn put_back(shared: &Shared, taken: Vec<LimitAsk>) {
    if taken.is_empty() {
        return;
    }
    let back = taken.into_iter().map(|ask| LimitAsk {
        step: LimitStep::GiveBack,
        ..ask
    });
    let back: Vec<LimitAsk> = back.collect();
    if let Err(error) = shared.store.limits(&back).await {
        shared.store_failed("limits", &error);
    }
}

/// What bounds a tenant's submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// A region over a channel, for good.
    OfRegion,
    /// All of them, in the tenant's first days.
    OfRamp,
}

/// Takes one from each of a tenant's caps on submissions to a region over a
/// channel. `now_ms` is the store's time.
pub(crate) fn submission_caps(
    live: &Live,
    tenant: &Tenant,
    (region, channel): (&str, Channel),
    now_ms: u64,
) -> Vec<(Cap, LimitAsk)> {
    let index = live.ring.index();
    let take = |key, max| LimitAsk {
        key,
        rules: vec![LimitRule::Daily { max }],
        step: LimitStep::Take,
        operation: OperationId(random()),
    };
    let of_region = tenant.submission_cap(region, channel).map(|max| {
        let key = index.submission_limit(tenant.tag, region, channel.as_str());
        (Cap::OfRegion, take(key, max))
    });
    let ramp = tenant.ramp.as_ref();
    let of_ramp = ramp.and_then(|ramp| ramp.max_at(now_ms)).map(|max| {
        let key = index.tenant_limit(tenant.tag, "ramp");
        (Cap::OfRamp, take(key, max))
    });
    of_region.into_iter().chain(of_ramp).collect()
}
