//! Reading, canceling, and noting outcomes: what needs no code and no message.

use super::error::ServiceError;
use super::fields;
use super::render::{self, Context};
use super::view::{TimelineEntry, VerificationView};
use super::{Answer, Service};
use crate::details::Details;
use crate::id::{RecordId, Shard, VerificationId};
use crate::live::Live;
use crate::store::Found;
use crate::subjects::model::Actor;
use crate::tenants::{Caller, Operator};
use crate::verification::{ClientClass, Conversion, NumberRecord, NumberTag, Record, SendRefusal};
use crate::webhooks::{Replay, ReplayError, Replayed, replay};

impl Service {
    /// A verification with its story. Never proof of anything: only a check is.
    ///
    /// While it is pending, the number's record is read too: failed checks of
    /// its other verifications may make the next check wait.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] also for another tenant's.
    pub async fn verification(
        &self,
        caller: &Caller,
        id: VerificationId,
    ) -> Answer<(VerificationView, Vec<TimelineEntry>)> {
        let live = self.shared.live.load_full();
        let (record, details, now_ms) = self.record_of(&live, caller, id.0).await?;
        if !record.is_verification() {
            return Err(ServiceError::NotFound);
        }
        let context = Context {
            live: &live,
            tenant: &caller.tenant,
            now_ms,
        };
        let mut view = render::verification(context, id.0, &record, &details, None)?;
        if view.status.is_open() {
            let number = self.shared.store.number(id.0.shard, record.number).await;
            let (number, _) = number.map_err(|error| self.store_error("number", &error))?;
            view.next_check_at_ms = next_check_at(&number, now_ms);
        }
        Ok((view, render::timeline(&record, now_ms)))
    }

    /// The last verifications of a number, newest first, at most 20.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Invalid`] if it is no number.
    pub async fn verifications_of(
        &self,
        caller: &Caller,
        to: &str,
        region: Option<&str>,
    ) -> Answer<Vec<VerificationView>> {
        let live = self.shared.live.load_full();
        let to = fields::number(to, region, "to")?;
        let index = live.ring.index();
        let account = index.number(caller.tenant.tag, to.number.expose());
        self.recent(&live, caller, account).await
    }

    /// The last verifications addressed to a subject, newest first.
    pub async fn verifications_of_subject(
        &self,
        caller: &Caller,
        subject: &str,
    ) -> Answer<Vec<VerificationView>> {
        let live = self.shared.live.load_full();
        let key = live.ring.index().subject(caller.tenant.tag, subject);
        self.recent(&live, caller, (key.0.shard, key.account()))
            .await
    }

    /// The last verifications of a number, or of the account of a subject.
    async fn recent(
        &self,
        live: &Live,
        caller: &Caller,
        (shard, number): (Shard, NumberTag),
    ) -> Answer<Vec<VerificationView>> {
        let tenant = &caller.tenant;
        let store = &self.shared.store;
        let (of_number, _) = store
            .number(shard, number)
            .await
            .map_err(|error| self.store_error("number", &error))?;
        let found = store
            .get_all(&of_number.recent)
            .await
            .map_err(|error| self.store_error("get_all", &error))?;
        let own = found
            .into_iter()
            .filter(|found| found.record.tenant == tenant.tag);
        own.map(|found| {
            let details = render::open(live, found.id, &found.record)?;
            let context = Context {
                live,
                tenant,
                now_ms: found.now_ms,
            };
            let mut view = render::verification(context, found.id, &found.record, &details, None)?;
            if view.status.is_open() {
                view.next_check_at_ms = next_check_at(&of_number, found.now_ms);
            }
            Ok(view)
        })
        .collect()
    }

    /// Cancels a pending verification.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotPending`] if it ended otherwise.
    pub async fn cancel(&self, caller: &Caller, id: VerificationId) -> Answer<VerificationView> {
        let live = self.shared.live.load_full();
        let canceled = self
            .shared
            .store
            .cancel(id.0, caller.tenant.tag)
            .await
            .map_err(|error| self.store_error("cancel", &error))?;
        self.shown(&live, caller, canceled.map_err(not_done)?)
    }

    /// Notes whether the code was used, as the tenant says.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] also for another tenant's.
    pub async fn report_outcome(
        &self,
        caller: &Caller,
        id: VerificationId,
        was_used: bool,
    ) -> Answer<VerificationView> {
        let live = self.shared.live.load_full();
        let conversion = if was_used {
            Conversion::Converted
        } else {
            Conversion::NotConverted
        };
        let found = self.note_outcome(caller, id.0, conversion).await?;
        let details = render::open(&live, found.id, &found.record)?;
        self.count_approval(&live, &found, &details);
        self.shown(&live, caller, found)
    }

    /// An operator forgives a number's failed checks.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if no tenant has this name.
    pub async fn lift_failures(
        &self,
        operator: &Operator,
        tenant: &str,
        number: &str,
    ) -> Answer<()> {
        let live = self.shared.live.load_full();
        let tenant = live.tenants.by_name(tenant).ok_or(ServiceError::NotFound)?;
        let to = fields::number(number, None, "number")?;
        let account = live.ring.index().number(tenant.tag, to.number.expose());
        self.lift(account).await?;
        tracing::info!(
            operator = %operator.name,
            tenant = %tenant.name,
            to = %to.number,
            "failed checks of a number forgiven"
        );
        Ok(())
    }

    /// An operator forgives the failed checks of what was addressed to a subject.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if no tenant has this name.
    pub async fn lift_subject_failures(
        &self,
        operator: &Operator,
        tenant: &str,
        subject: &str,
    ) -> Answer<()> {
        let live = self.shared.live.load_full();
        let tenant = live.tenants.by_name(tenant).ok_or(ServiceError::NotFound)?;
        let actor = Actor::Operator {
            name: operator.name.to_string(),
        };
        // First: what is done stands in the trail.
        let noted = self.keeper.failures_lifted((tenant, subject), actor);
        noted.await?;
        let key = live.ring.index().subject(tenant.tag, subject);
        self.lift((key.0.shard, key.account())).await?;
        tracing::info!(
            operator = %operator.name,
            tenant = %tenant.name,
            "failed checks of a subject forgiven"
        );
        Ok(())
    }

    async fn lift(&self, (shard, tag): (Shard, NumberTag)) -> Answer<()> {
        let store = &self.shared.store;
        let lifted = store.lift_failures(shard, tag).await;
        lifted.map_err(|error| self.store_error("lift_failures", &error))
    }

    /// An operator has events of a tenant told again.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if no tenant has this name, or no event this id.
    pub async fn replay_webhooks(
        &self,
        operator: &Operator,
        tenant: &str,
        (what, endpoint): (&Replay, Option<&str>),
    ) -> Answer<Replayed> {
        let live = self.shared.live.load_full();
        let tenant = live.tenants.by_name(tenant).ok_or(ServiceError::NotFound)?;
        let replayed = replay(&self.shared, tenant.tag, (what, endpoint))
            .await
            .map_err(|error| match error {
                ReplayError::NotFound => ServiceError::NotFound,
                ReplayError::Store(error) => self.store_error("replay", &error),
            })?;
        tracing::info!(
            operator = %operator.name,
            tenant = %tenant.name,
            events = replayed.events,
            "webhooks are told again"
        );
        Ok(replayed)
    }

    pub(super) async fn note_outcome(
        &self,
        caller: &Caller,
        id: RecordId,
        conversion: Conversion,
    ) -> Answer<Found> {
        let noted = self
            .shared
            .store
            .report_outcome(id, caller.tenant.tag, conversion)
            .await;
        let found = noted
            .map_err(|error| self.store_error("outcome", &error))?
            .map_err(not_done)?;
        self.feed_back(&found, conversion);
        Ok(found)
    }

    /// Tells the providers what the tenant says, unless a check has said it.
    fn feed_back(&self, found: &Found, conversion: Conversion) {
        if found.record.conversion != conversion {
            return;
        }
        let feedback = &self.dispatcher.feedback;
        let of = (found.id, &*found.record);
        match conversion {
            Conversion::Converted => feedback.used(&self.shared, of),
            Conversion::NotConverted => feedback.unused(&self.shared, of),
            Conversion::Unreported => {}
        }
    }

    /// A record of the caller's, opened, with the store's time. Another
    /// tenant's answers exactly like one that does not exist.
    pub(super) async fn record_of(
        &self,
        live: &Live,
        caller: &Caller,
        id: RecordId,
    ) -> Answer<(Box<Record>, Details, u64)> {
        let found = self.shared.store.get(id).await;
        let found = found
            .map_err(|error| self.store_error("get", &error))?
            .filter(|found| found.record.tenant == caller.tenant.tag)
            .ok_or(ServiceError::NotFound)?;
        let details = render::open(live, id, &found.record)?;
        Ok((found.record, details, found.now_ms))
    }

    fn shown(&self, live: &Live, caller: &Caller, found: Found) -> Answer<VerificationView> {
        if !found.record.is_verification() {
            return Err(ServiceError::NotFound);
        }
        let details = render::open(live, found.id, &found.record)?;
        let context = Context {
            live,
            tenant: &caller.tenant,
            now_ms: found.now_ms,
        };
        render::verification(context, found.id, &found.record, &details, None)
    }
}

/// When a client that is not known may check next. The failures of known ones
/// are counted apart, so their wait is another; who reads has not said which
/// client it reads for.
fn next_check_at(number: &NumberRecord, now_ms: u64) -> Option<u64> {
    number
        .failures
        .of(ClientClass::Unknown)
        .next_check_at(now_ms)
}

fn not_done(refusal: SendRefusal) -> ServiceError {
    match refusal {
        SendRefusal::NotPending { status } => ServiceError::NotPending { status },
        SendRefusal::NotFound
        | SendRefusal::ResendTooEarly { .. }
        | SendRefusal::SendsExhausted { .. }
        | SendRefusal::ResendTooLate
        | SendRefusal::SendLimit { .. }
        | SendRefusal::TooManyPending { .. }
        | SendRefusal::MethodChanged => ServiceError::NotFound,
    }
}
