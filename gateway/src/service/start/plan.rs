//! A start before it is made: what is sealed, hashed and asked for it. Pure but
//! for chance.

use std::sync::Arc;

use watchword_providers::Channel;

use crate::code::Code;
use crate::delivery::NewDelivery;
use crate::details::{Details, Opened, PaymentDetails, RecordPlace, seal_code};
use crate::id::{RecordId, Shard};
use crate::keys::random;
use crate::live::Live;
use crate::number::ParsedNumber;
use crate::routing::Draw;
use crate::service::Answer;
use crate::service::aim::Aim;
use crate::service::fields::{self, DEFAULT_PURPOSE, bind_bytes, client_class};
use crate::service::limits::{NamedLimit, of_send, of_tenant_number};
use crate::service::request::{Bind, StartRequest};
use crate::service::send::{Send, SendAsk};
use crate::store::Idempotency;
use crate::store::subjects::Guard;
use crate::subjects::model::MethodId;
use crate::tenants::Tenant;
use crate::verification::{IdentityTag, NumberTag, RecordKind, SendPolicy, Start};

/// The subject's method that a start is addressed to.
pub(in crate::service) struct Addressee {
    /// What it was judged by.
    pub guard: Guard,
    pub subject: String,
    pub method: MethodId,
}

/// A start, judged: everything that is sealed, hashed and asked.
pub(super) struct StartPlan<'a> {
    tenant: &'a Arc<Tenant>,
    pub(super) to: &'a ParsedNumber,
    shard: Shard,
    /// What it is counted under: a number, or a subject's account.
    number: NumberTag,
    addressee: Option<&'a Addressee>,
    request: &'a StartRequest,
    channel: Channel,
    purpose: &'a str,
    fallback: Vec<Channel>,
    custom_code: Option<Code>,
    /// The fixed code of a test number.
    test_code: Option<Code>,
}

impl<'a> StartPlan<'a> {
    /// Nothing is ever sent to a test number.
    pub(super) fn is_test(&self) -> bool {
        self.test_code.is_some()
    }

    pub(super) fn of(
        live: &Live,
        tenant: &'a Arc<Tenant>,
        (to, addressee): (&'a ParsedNumber, Option<&'a Addressee>),
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
        let (shard, number) = match addressee {
            None => live.ring.index().number(tenant.tag, to.number.expose()),
            Some(Addressee { guard, .. }) => (guard.key.0.shard, guard.key.account()),
        };
        let plan = Self {
            tenant,
            to,
            shard,
            number,
            addressee,
            request,
            channel,
            purpose,
            fallback,
            custom_code,
            test_code,
        };
        if !plan.is_test() {
            let aim = plan.aim();
            aim.may_send(live, channel)?;
            for other in &plan.fallback {
                aim.may_send(live, *other)?;
            }
        }
        Ok(plan)
    }

    /// What its number is called where fraud was seen.
    pub(super) fn blocked_as(&self, live: &Live) -> NumberTag {
        match self.addressee {
            None => self.number,
            Some(_) => {
                let index = live.ring.index();
                index.number(self.tenant.tag, self.to.number.expose()).1
            }
        }
    }

    pub(super) fn send(&self, live: &Live, now_ms: u64) -> Send {
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
            identity: self.identity(live, &bind),
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
            policy: self.policy(live).clone(),
        };
        Send {
            idempotency: self.idempotency(live),
            ask: SendAsk::Start(Box::new(start)),
            opened: Some(Arc::new(Opened {
                details,
                code: Some(code),
            })),
            limits: self.limits(live, now_ms),
            guard: self.addressee.map(|addressee| addressee.guard),
            wait: self.request.wait,
        }
    }

    fn aim(&self) -> Aim<'_> {
        Aim {
            tenant: self.tenant,
            to: self.to,
            purpose: self.purpose,
            method: self.addressee.map(|addressee| addressee.method),
        }
    }

    /// What a later start must have in common with this one to be a resend of it.
    fn identity(&self, live: &Live, bind: &[u8]) -> IdentityTag {
        let index = live.ring.index();
        match self.addressee {
            None => index.identity(self.purpose, self.request.subject.as_deref(), bind),
            Some(Addressee {
                subject, method, ..
            }) => {
                let whom = format!("{subject}\0{method}");
                index.identity(self.purpose, Some(&whom), bind)
            }
        }
    }

    fn policy<'b>(&self, live: &'b Live) -> &'b SendPolicy {
        match self.addressee {
            None => &live.sends,
            Some(_) => &live.subject_sends,
        }
    }

    fn limits(&self, live: &Live, now_ms: u64) -> Vec<NamedLimit> {
        if self.test_code.is_some() {
            return Vec::new();
        }
        let client = self.request.client;
        let to = (self.to, self.channel);
        let mut limits = of_send(live, self.tenant, to, (client, now_ms));
        // The account counts for the subject; the number counts beside it.
        if self.addressee.is_some() {
            limits.extend(of_tenant_number(live, self.tenant, self.to, client));
        }
        limits
    }

    fn idempotency(&self, live: &Live) -> Option<Idempotency> {
        let named = self.request.idempotency.as_ref()?;
        let to = match self.addressee {
            None => self.to.number.expose().as_bytes(),
            Some(addressee) => &addressee.guard.key.0.random,
        };
        let scope: [&[u8]; 3] = [&self.tenant.tag.0, b"verifications", to];
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
        let to = self.aim().destination(self.channel);
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
            method: self.addressee.map(|addressee| addressee.method),
        }
    }
}
