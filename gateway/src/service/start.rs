//! Starting a verification, and sending it again.

mod addressed;
mod plan;

use watchword_providers::{Channel, PhoneNumber};

pub(in crate::service) use self::plan::Addressee;
use self::plan::StartPlan;
use super::aim::Aim;
use super::error::ServiceError;
use super::fields::{self, client_class};
use super::limits::{NamedLimit, of_send, of_tenant_number};
use super::render::{self, Context};
use super::request::{Client, ResendRequest, StartRequest};
use super::send::{Send, SendAsk};
use super::subjects::numbers::by_voice_alone;
use super::view::VerificationView;
use super::{Answer, OVERLOADED, Service};
use crate::delivery::NewDelivery;
use crate::keys::random;
use crate::live::Live;
use crate::telemetry::events;
use crate::tenants::{Caller, Tenant};
use crate::verification::{OperationId, Resend};

impl Service {
    /// Starts a verification, or sends a pending one of the same identity again.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is sent, but for `store_outcome_unknown`.
    pub async fn start(&self, caller: &Caller, request: StartRequest) -> Answer<VerificationView> {
        let started = tokio::time::Instant::now();
        let live = self.shared.live.load_full();
        let tenant = &caller.tenant;
        let Some(to) = &request.to else {
            // Boxed: what a start of a number holds must not grow by it.
            return Box::pin(self.start_addressed(&live, caller, &request)).await;
        };
        let to = fields::number(to, request.region.as_deref(), "to")?;
        let plan = StartPlan::of(&live, tenant, (&to, None), &request)?;
        self.start_planned(&live, tenant, (&plan, started)).await
    }

    /// Makes a start that was judged, and shows what came of it.
    async fn start_planned(
        &self,
        live: &Live,
        tenant: &Tenant,
        (plan, started): (&StartPlan<'_>, tokio::time::Instant),
    ) -> Answer<VerificationView> {
        let to = plan.to;
        if !plan.is_test() {
            self.not_blocked(&plan.blocked_as(live).0)?;
        }
        // Looked at before anything is drawn and sealed: under overload refusals
        // are most of the work, and must not cost what a send costs.
        let accepted = if self.dispatcher.room() == 0 {
            Err(OVERLOADED)
        } else {
            self.send(plan.send(live, self.shared.store_now_ms())).await
        };
        let accepted = accepted.inspect_err(|error| self.refused(tenant, &to.number, error))?;
        let context = Context {
            live,
            tenant,
            now_ms: accepted.now_ms,
        };
        let (id, record) = (accepted.id, &*accepted.record);
        let view = match &accepted.opened {
            Some(opened) => render::verification(context, id, record, &opened.details, Some(to))?,
            None => {
                let details = render::open(live, id, record)?;
                render::verification(context, id, record, &details, Some(to))?
            }
        };
        self.start_accepted(tenant, &view, started.elapsed());
        Ok(view)
    }

    /// Sends a verification again.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is sent.
    pub async fn resend(
        &self,
        caller: &Caller,
        request: ResendRequest,
    ) -> Answer<VerificationView> {
        let started = tokio::time::Instant::now();
        let live = self.shared.live.load_full();
        let tenant = &caller.tenant;
        let id = request.id.0;
        // What it is sent over hangs on the number, which only the record knows.
        let (record, details, _) = self.record_of(&live, caller, id).await?;
        let to = fields::number(&details.e164, None, "to")?;
        let latest = record.deliveries.last().map(|delivery| delivery.channel);
        let channel = request.channel.or(latest).unwrap_or(Channel::Sms);
        let limits = if details.is_test {
            Vec::new()
        } else {
            let aim = Aim::of(tenant, &to, &details);
            self.not_stopped(&live, aim, channel).await?;
            self.resend_limits(&live, aim, (channel, request.client))?
        };
        let resend = Resend {
            id,
            tenant: tenant.tag,
            operation: OperationId(random()),
            client: client_class(request.client),
            delivery: (!details.is_test).then(|| NewDelivery {
                channel,
                fallback: Vec::new(),
                first_provider: None,
            }),
            policy: match details.whom.method {
                None => live.sends.clone(),
                Some(_) => live.subject_sends.clone(),
            },
        };
        let idempotency = request.idempotency.as_ref().map(|named| {
            let scope: [&[u8]; 3] = [&tenant.tag.0, b"resend", &id.random];
            live.ring
                .index()
                .idempotency(&scope, &named.key, &named.content)
        });
        let send = Send {
            ask: SendAsk::Resend(Box::new(resend)),
            idempotency,
            opened: None,
            limits,
            // A code that has lost its right is superseded: that is asked with it.
            guard: None,
            wait: request.wait,
            budget: None,
        };
        let accepted = self.send(send).await;
        let accepted = if details.whom.method.is_some() {
            accepted.map_err(addressed::of_account)
        } else {
            accepted
        };
        let accepted = accepted.inspect_err(|error| self.refused(tenant, &to.number, error))?;
        let context = Context {
            live: &live,
            tenant,
            now_ms: accepted.now_ms,
        };
        let view = render::verification(context, id, &accepted.record, &details, Some(&to))?;
        self.start_accepted(tenant, &view, started.elapsed());
        Ok(view)
    }

    /// Whoever has a subject's number may have said STOP since the code first went out.
    async fn not_stopped(&self, live: &Live, aim: Aim<'_>, channel: Channel) -> Answer<()> {
        if channel == Channel::Voice || aim.method.is_none() {
            return Ok(());
        }
        let e164 = aim.to.number.expose();
        if self.keeper.is_stopped(live, aim.tenant, e164).await? {
            return Err(by_voice_alone("opted_out", aim.to));
        }
        Ok(())
    }

    /// What a resend is limited by, if it may go there at all.
    fn resend_limits(
        &self,
        live: &Live,
        aim: Aim<'_>,
        (channel, client): (Channel, Client),
    ) -> Answer<Vec<NamedLimit>> {
        let (tenant, to) = (aim.tenant, aim.to);
        aim.may_send(live, channel)?;
        let number = live.ring.index().number(tenant.tag, to.number.expose()).1;
        self.not_blocked(&number.0)?;
        let now_ms = self.shared.store_now_ms();
        let mut limits = of_send(live, tenant, (to, channel), (client, now_ms));
        if aim.method.is_some() {
            limits.extend(of_tenant_number(live, tenant, to, client));
        }
        Ok(limits)
    }

    /// A number that a provider called fraud is left alone for a while.
    pub(super) fn not_blocked(&self, number: &[u8; 16]) -> Answer<()> {
        let now_ms = self.shared.store_now_ms();
        match self.dispatcher.blocked.refused_until(number, now_ms) {
            None => Ok(()),
            Some(_) => Err(ServiceError::Forbidden {
                code: "blocked",
                detail: "a provider holds traffic to this number for fraud",
                alternatives: Vec::new(),
            }),
        }
    }

    fn start_accepted(&self, tenant: &Tenant, view: &VerificationView, took: std::time::Duration) {
        let name = view.id.to_string();
        if view.deliveries.len() > 1 {
            events::Resent {
                tenant: &tenant.name,
                verification: &name,
                to: &view.to,
                channel: view.channel,
                send_count: u32::try_from(view.deliveries.len()).unwrap_or(u32::MAX),
                took,
            }
            .emit(&self.shared.metrics);
        } else {
            events::Started {
                tenant: &tenant.name,
                verification: &name,
                to: &view.to,
                channel: view.channel,
                took,
            }
            .emit(&self.shared.metrics);
        }
    }

    pub(super) fn refused(&self, tenant: &Tenant, to: &PhoneNumber, error: &ServiceError) {
        events::Refused {
            tenant: &tenant.name,
            to: Some(to),
            limit: error.code(),
            retry_after: error.retry_after(),
        }
        .emit(&self.shared.metrics);
    }
}
