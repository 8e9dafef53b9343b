//! Starting a verification, and sending it again.

use std::sync::Arc;

use watchword_providers::{Channel, PhoneNumber};

use super::error::ServiceError;
use super::fields::{self, DEFAULT_PURPOSE, bind_bytes, client_class};
use super::limits::of_send;
use super::render::{self, Context};
use super::request::{Bind, ResendRequest, StartRequest};
use super::send::{Send, SendAsk};
use super::view::VerificationView;
use super::{Answer, OVERLOADED, Service};
use crate::code::Code;
use crate::delivery::NewDelivery;
use crate::details::{Details, Opened, PaymentDetails, RecordPlace, seal_code};
use crate::id::{RecordId, Shard};
use crate::keys::random;
use crate::live::Live;
use crate::number::ParsedNumber;
use crate::routing::Draw;
use crate::store::Idempotency;
use crate::telemetry::events;
use crate::tenants::{Caller, Tenant};
use crate::verification::{NumberTag, OperationId, RecordKind, Resend, Start};

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
        let to = request.to.as_deref().ok_or(ServiceError::NotFound)?;
        let to = fields::number(to, request.region.as_deref(), "to")?;
        let plan = StartPlan::of(&live, tenant, &to, &request)?;
        if plan.test_code.is_none() {
            self.not_blocked(&plan.number.0)?;
        }
        // Looked at before anything is drawn and sealed: under overload refusals
        // are most of the work, and must not cost what a send costs.
        let accepted = if self.dispatcher.room() == 0 {
            Err(OVERLOADED)
        } else {
            self.send(plan.send(&live)).await
        };
        let accepted = accepted.inspect_err(|error| self.refused(tenant, &to.number, error))?;
        let context = Context {
            live: &live,
            tenant,
            now_ms: accepted.now_ms,
        };
        let (id, record) = (accepted.id, &*accepted.record);
        let view = match &accepted.opened {
            Some(opened) => render::verification(context, id, record, &opened.details, Some(&to))?,
            None => {
                let details = render::open(&live, id, record)?;
                render::verification(context, id, record, &details, Some(&to))?
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
        if !details.is_test {
            fields::may_send(&live, tenant, &to, channel, &details.purpose)?;
            self.not_blocked(&record.number.0)?;
        }
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
            policy: live.sends.clone(),
        };
        let limits = if details.is_test {
            Vec::new()
        } else {
            of_send(&live, tenant, (&to, channel), request.client)
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
            wait: request.wait,
        };
        let accepted = self.send(send).await;
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

/// A start, judged: everything that is sealed, hashed and asked.
struct StartPlan<'a> {
    tenant: &'a Arc<Tenant>,
    to: &'a ParsedNumber,
    shard: Shard,
    number: NumberTag,
    request: &'a StartRequest,
    channel: Channel,
    purpose: &'a str,
    fallback: Vec<Channel>,
    custom_code: Option<Code>,
    /// The fixed code of a test number.
    test_code: Option<Code>,
}

impl<'a> StartPlan<'a> {
    fn of(
        live: &Live,
        tenant: &'a Arc<Tenant>,
        to: &'a ParsedNumber,
        request: &'a StartRequest,
    ) -> Answer<Self> {
        let channel = request.channel.unwrap_or(Channel::Sms);
        let purpose = request.purpose.as_deref().unwrap_or(DEFAULT_PURPOSE);
        fields::locale(request.locale.as_deref())?;
        fields::bind(request.bind.as_ref())?;
        fields::listed(
            tenant,
            request.origin.as_deref(),
            request.app_hash.as_deref(),
        )?;
        let custom_code = fields::custom_code(request.code.as_deref())?;
        let test_code = tenant.test_numbers.get(to.number.expose()).cloned();
        let mut fallback = request.fallback.clone();
        fallback.retain(|other| *other != channel);
        fallback.dedup();
        if test_code.is_none() {
            fields::may_send(live, tenant, to, channel, purpose)?;
            for other in &fallback {
                fields::may_send(live, tenant, to, *other, purpose)?;
            }
        }
        let (shard, number) = live.ring.index().number(tenant.tag, to.number.expose());
        Ok(Self {
            tenant,
            to,
            shard,
            number,
            request,
            channel,
            purpose,
            fallback,
            custom_code,
            test_code,
        })
    }

    fn send(&self, live: &Live) -> Send {
        let (index, newest) = (live.ring.index(), live.ring.newest());
        let number = self.number;
        let id = RecordId {
            shard: self.shard,
            random: random(),
        };
        let bind = bind_bytes(self.request.bind.as_ref());
        let drawn = || Code::draw(live.codes.digits);
        let code = self
            .test_code
            .clone()
            .or(self.custom_code.clone())
            .unwrap_or_else(drawn);
        let place = RecordPlace {
            id,
            tenant: self.tenant.tag,
            kind: RecordKind::Verification,
        };
        let details = self.details();
        let sealer = place.sealer(&live.ring);
        let start = Start {
            id,
            kind: RecordKind::Verification,
            tenant: self.tenant.tag,
            number,
            identity: index.identity(self.purpose, self.request.subject.as_deref(), &bind),
            custom_code: self
                .custom_code
                .as_ref()
                .map(|code| index.custom_code(number, code.expose())),
            wants_new_code: false,
            client: client_class(self.request.client),
            lifetime_ms: live.codes.lifetime_ms,
            checks_max: live.codes.checks_for(code.expose().len()),
            digest: Some(newest.digest(id, code.expose(), &bind)),
            details: details.seal(&sealer),
            code: Some(seal_code(&sealer, &code)),
            delivery: self.delivery(live),
            policy: live.sends.clone(),
        };
        let limits = if self.test_code.is_some() {
            Vec::new()
        } else {
            of_send(
                live,
                self.tenant,
                (self.to, self.channel),
                self.request.client,
            )
        };
        Send {
            idempotency: self.idempotency(live),
            ask: SendAsk::Start(Box::new(start)),
            opened: Some(Arc::new(Opened {
                details,
                code: Some(code),
            })),
            limits,
            wait: self.request.wait,
        }
    }

    fn idempotency(&self, live: &Live) -> Option<Idempotency> {
        let named = self.request.idempotency.as_ref()?;
        let e164 = self.to.number.expose().as_bytes();
        let scope: [&[u8]; 3] = [&self.tenant.tag.0, b"verifications", e164];
        Some(
            live.ring
                .index()
                .idempotency(&scope, &named.key, &named.content),
        )
    }

    /// Nothing is ever sent to a test number.
    fn delivery(&self, live: &Live) -> Option<NewDelivery> {
        if self.test_code.is_some() {
            return None;
        }
        let to = fields::destination(self.tenant, self.to, self.channel, self.purpose);
        Some(NewDelivery {
            channel: self.channel,
            fallback: self.fallback.clone(),
            first_provider: live
                .hops(to, Draw::Take, |_| false)
                .first()
                .map(|hop| (**hop).into()),
        })
    }

    fn details(&self) -> Details {
        let payment = match &self.request.bind {
            Some(Bind::Payment {
                amount,
                currency,
                payee,
            }) => Some(PaymentDetails {
                amount: amount.clone(),
                currency: currency.clone(),
                payee: payee.clone(),
            }),
            Some(Bind::Session(_)) | None => None,
        };
        Details {
            tenant: self.tenant.name.to_string(),
            e164: self.to.number.expose().to_owned(),
            country_code_digits: self.to.number.country_code_digits(),
            region: self.to.region.as_str().to_owned(),
            purpose: self.purpose.to_owned(),
            subject: self.request.subject.clone(),
            locale: self.request.locale.clone(),
            payment,
            origin: self.request.origin.clone(),
            app_hash: self.request.app_hash.clone(),
            reference: self.request.reference.clone(),
            text: None,
            speech: None,
            is_test: self.test_code.is_some(),
            method: None,
        }
    }
}
