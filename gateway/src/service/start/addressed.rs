//! A start addressed to a subject: which of its methods gets the code now, if any
//! may, and what else there is if none.

use std::sync::Arc;

use tokio::time::Instant;
use watchword_providers::Channel;

use super::plan::{Addressee, StartPlan};
use crate::live::Live;
use crate::number::{self, ParsedNumber};
use crate::service::aim::Aim;
use crate::service::error::{OtherMethod, Others, ServiceError};
use crate::service::fields::DEFAULT_PURPOSE;
use crate::service::request::StartRequest;
use crate::service::view::VerificationView;
use crate::service::{Answer, OVERLOADED, Service};
use crate::subjects::evidence::Class;
use crate::subjects::keeper::{
    Advice, CONFIRM_METHOD, NUMBER_CHANGE, Opened, RECOVER_ACCOUNT, Swapped,
};
use crate::subjects::model::{Method, MethodId, MethodStatus};
use crate::tenants::{Caller, Tenant};

/// How often a start is judged anew because the subject has changed meanwhile.
const TRIES: usize = 3;

/// The subject as it was read, and what of it may be used.
#[derive(Clone, Copy)]
struct Looked<'a> {
    live: &'a Live,
    tenant: &'a Tenant,
    purpose: &'a str,
    opened: &'a Opened,
}

/// Where the code goes.
struct Chosen {
    to: ParsedNumber,
    channel: Channel,
    /// What the person could take instead of this channel.
    others: Others,
    /// It is a call that somebody else may get.
    is_forwarded: bool,
}

impl Service {
    /// Starts a verification of one of a subject's methods.
    pub(super) async fn start_addressed(
        &self,
        live: &Live,
        caller: &Caller,
        request: &StartRequest,
    ) -> Answer<VerificationView> {
        let invalid = |code, field, detail| ServiceError::Invalid {
            code,
            field,
            detail,
            alternatives: Vec::new(),
        };
        let missing = "give `to`, or `subject` for one of its methods";
        let subject = request.subject.as_deref();
        let subject = subject.ok_or(invalid("missing_field", "to", missing))?;
        if request.extension.is_some() {
            let detail = "is of `to`: a subject's method has its own";
            return Err(invalid("invalid_extension", "extension", detail));
        }
        let purpose = request.purpose.as_deref().unwrap_or(DEFAULT_PURPOSE);
        if [CONFIRM_METHOD, NUMBER_CHANGE].contains(&purpose) {
            let detail = "codes of this purpose are sent by adding a method or changing a number";
            return Err(invalid("invalid_purpose", "purpose", detail));
        }
        for _ in 0..TRIES {
            let started = self.start_once(live, caller, (subject, purpose), request);
            match started.await {
                Err(error) if error.code() == "method_changed" => {}
                started => return started,
            }
        }
        Err(OVERLOADED)
    }

    async fn start_once(
        &self,
        live: &Live,
        caller: &Caller,
        (subject, purpose): (&str, &str),
        request: &StartRequest,
    ) -> Answer<VerificationView> {
        let started = Instant::now();
        let tenant = &caller.tenant;
        let opened = self.keeper.read(tenant, subject).await?;
        let opened = opened.ok_or_else(|| ServiceError::refused("no_method"))?;
        let looked = Looked {
            live,
            tenant,
            purpose,
            opened: &opened,
        };
        looked.may_receive_codes()?;
        let (method, swapped) = self.picked(&looked, tenant, request).await?;
        let (method, chosen) = self.chosen(&looked, method, request).await?;
        let addressee = Addressee {
            guard: opened.guard(),
            subject: subject.to_owned(),
            method: method.id,
        };
        let to = (&chosen.to, Some(&addressee));
        let mut request = request.clone();
        request.channel = Some(chosen.channel);
        request.extension.clone_from(&method.extension);
        request.locale = request.locale.or_else(|| opened.subject.locale.clone());
        request
            .fallback
            .retain(|other| chosen.others.channels.contains(other));
        let plan = StartPlan::of(live, tenant, to, &request)?;
        let answer = self.start_planned(live, tenant, (&plan, started)).await;
        let mut view = answer.map_err(|error| {
            let error = of_account(error);
            let left = chosen.others.left_by(&error);
            with_others(error, &left)
        })?;
        view.others = chosen.others_than(method);
        if let Some(swapped) = swapped {
            let seen = (method.id, swapped);
            self.keeper.swap_seen(tenant, &opened, seen).await;
        }
        Ok(view)
    }

    /// The method that was named or comes first, or another one if signals advise
    /// so; what is new about it all the same.
    async fn picked<'a>(
        &self,
        looked: &Looked<'a>,
        tenant: &Arc<Tenant>,
        request: &StartRequest,
    ) -> Answer<(&'a Method, Option<Swapped>)> {
        let method = looked.method(request.method)?;
        // Asked only now: a refusal by the record costs nobody's signal.
        let about = (method, looked.purpose);
        match self.keeper.advice(tenant, looked.opened, about).await? {
            Advice::Send => Ok((method, None)),
            Advice::SendThoughSwapped(swapped) => {
                let other = looked.other_than(method.id);
                let other = other.filter(|_| request.method.is_none());
                Ok(other.map_or((method, Some(swapped)), |other| (other, None)))
            }
            Advice::Suspended(now) => {
                let now = Looked {
                    opened: &now,
                    ..*looked
                };
                Err(now.refused("method_suspended", method))
            }
        }
    }

    /// The channel of the method, or another method where its calls are forwarded
    /// and the caller left the choice to us.
    async fn chosen<'a>(
        &self,
        looked: &Looked<'a>,
        method: &'a Method,
        request: &StartRequest,
    ) -> Answer<(&'a Method, Chosen)> {
        let chosen = self.choose(looked, method, request.channel).await?;
        let is_ours = request.method.is_none() && request.channel.is_none();
        if chosen.is_forwarded
            && is_ours
            && let Some(other) = looked.other_than(method.id)
            && let Ok(better) = self.choose(looked, other, None).await
            && !better.is_forwarded
        {
            return Ok((other, better));
        }
        Ok((method, chosen))
    }

    /// The channel that is open to a method, and what else is.
    async fn choose(
        &self,
        looked: &Looked<'_>,
        method: &Method,
        asked: Option<Channel>,
    ) -> Answer<Chosen> {
        let (live, tenant) = (looked.live, looked.tenant);
        let to = parsed(method)?;
        let is_stopped = self
            .keeper
            .is_stopped(live, tenant, &method.number.e164)
            .await?;
        let mut open = open_channels(looked, method, &to);
        let others = looked.others(method.id);
        let preferred = if method.channels().contains(&method.channel) {
            method.channel
        } else {
            Channel::Voice
        };
        let mut channel = asked.unwrap_or(preferred);
        if asked.is_none() && !open.contains(&channel) {
            channel = open.first().copied().unwrap_or(channel);
        }
        // Who wants no texts is not called instead, unless the person chooses that.
        if is_stopped {
            open.retain(|channel| *channel != Channel::Sms);
        }
        let alternatives = Others {
            channels: open.iter().copied().filter(|one| *one != channel).collect(),
            methods: others,
        };
        if !method.channels().contains(&channel) {
            return Err(with_others(
                ServiceError::refused("channel_not_supported"),
                &alternatives,
            ));
        }
        if channel == Channel::Sms && is_stopped {
            return Err(with_others(
                ServiceError::refused("opted_out"),
                &alternatives,
            ));
        }
        looked
            .aim(method, &to)
            .may_send(live, channel)
            .map_err(|error| with_others(error, &alternatives))?;
        let mut is_forwarded = false;
        if channel == Channel::Voice {
            let about = (method.number.e164.as_str(), looked.purpose);
            is_forwarded = self.keeper.is_forwarded((live, tenant), about).await;
        }
        if is_forwarded && open.contains(&Channel::Sms) {
            (channel, is_forwarded) = (Channel::Sms, false);
        }
        Ok(Chosen {
            to,
            channel,
            others: Others {
                channels: open.into_iter().filter(|one| *one != channel).collect(),
                methods: alternatives.methods,
            },
            is_forwarded,
        })
    }

    /// Sends the code that proves a number to be a subject's: only its record can
    /// have asked for it.
    pub(in crate::service) async fn send_proof(
        &self,
        (live, tenant): (&Live, &Arc<Tenant>),
        (to, addressee): (&ParsedNumber, &Addressee),
        request: &StartRequest,
    ) -> Answer<VerificationView> {
        let plan = StartPlan::of(live, tenant, (to, Some(addressee)), request)?;
        let sent = self.start_planned(live, tenant, (&plan, Instant::now()));
        sent.await.map_err(of_account)
    }
}

impl Chosen {
    /// What else may get the code: the method's other channels first, which lead
    /// to the same phone.
    fn others_than(self, method: &Method) -> Vec<OtherMethod> {
        let own = OtherMethod {
            id: method.id,
            role: method.role,
            channels: self.others.channels,
        };
        let own = Some(own).filter(|own| !own.channels.is_empty());
        own.into_iter().chain(self.others.methods).collect()
    }
}

impl<'a> Looked<'a> {
    fn may_receive_codes(&self) -> Answer<()> {
        let subject = &self.opened.subject;
        if subject.frozen.is_some() {
            return Err(ServiceError::refused("subject_frozen"));
        }
        let now_ms = self.opened.now_ms;
        let may_recover = |class| match class {
            Class::A | Class::B | Class::C => true,
            Class::D => false,
        };
        let mut grants = subject.grants.iter();
        let has_grant = grants.any(|grant| grant.until_ms > now_ms && may_recover(grant.class));
        if self.purpose == RECOVER_ACCOUNT && !has_grant {
            return Err(ServiceError::refused("step_up_required"));
        }
        Ok(())
    }

    /// The method that was named, or the default one, or the next that may.
    fn method(&self, named: Option<MethodId>) -> Answer<&'a Method> {
        let subject = &self.opened.subject;
        if let Some(id) = named {
            return self.named(id);
        }
        let default = subject.default_method();
        let active = default.filter(|method| method.status == MethodStatus::Active);
        let ordered = subject.fallback_order.iter();
        let mut ordered = ordered.filter_map(|id| subject.method(*id));
        let next = active
            .or_else(|| ordered.find(|method| method.status == MethodStatus::Active))
            .or_else(|| subject.sign_in_methods().next());
        if let Some(method) = next {
            return Ok(method);
        }
        let mut listed = subject.listed_methods();
        match listed.find(|method| method.status == MethodStatus::Holding) {
            Some(held) => self.named(held.id),
            None => Err(ServiceError::refused("no_method")),
        }
    }

    fn named(&self, id: MethodId) -> Answer<&'a Method> {
        let subject = &self.opened.subject;
        let on_hold = |until_ms| {
            let error = ServiceError::refused_until("method_on_hold", until_ms, self.opened.now_ms);
            with_others(error, &self.others_alone(id))
        };
        let change = subject.open_change();
        if let Some(change) = change.filter(|change| change.to_method == id) {
            return Err(on_hold(change.hold_until_ms));
        }
        let Some(method) = subject.method(id) else {
            return Err(with_others(
                ServiceError::refused("no_method"),
                &self.others_alone(id),
            ));
        };
        match method.status {
            MethodStatus::Active => Ok(method),
            MethodStatus::Holding => Err(on_hold(method.held_until_ms)),
            MethodStatus::Pending => Err(self.refused("method_pending", method)),
            MethodStatus::Suspended => Err(self.refused("method_suspended", method)),
            MethodStatus::Retired => Err(self.refused("no_method", method)),
        }
    }

    fn aim<'b>(&'b self, method: &'b Method, to: &'b ParsedNumber) -> Aim<'b> {
        Aim {
            tenant: self.tenant,
            to,
            purpose: self.purpose,
            method: Some(method.id),
            extension: method.extension.as_ref(),
        }
    }

    fn refused(&self, code: &'static str, method: &Method) -> ServiceError {
        with_others(ServiceError::refused(code), &self.others_alone(method.id))
    }

    fn other_than(&self, id: MethodId) -> Option<&'a Method> {
        let mut others = self.opened.subject.sign_in_methods();
        others.find(|method| method.id != id)
    }

    fn others_alone(&self, id: MethodId) -> Others {
        Others {
            channels: Vec::new(),
            methods: self.others(id),
        }
    }

    /// The other methods that may receive codes, with the channels open to them.
    fn others(&self, id: MethodId) -> Vec<OtherMethod> {
        let others = self.opened.subject.sign_in_methods();
        others
            .filter(|method| method.id != id)
            .filter_map(|method| {
                let channels = open_channels(self, method, &parsed(method).ok()?);
                (!channels.is_empty()).then_some(OtherMethod {
                    id: method.id,
                    role: method.role,
                    channels,
                })
            })
            .collect()
    }
}

fn open_channels(looked: &Looked<'_>, method: &Method, to: &ParsedNumber) -> Vec<Channel> {
    let aim = looked.aim(method, to);
    let open = |channel: &Channel| aim.is_open(looked.live, *channel);
    method.channels().iter().copied().filter(open).collect()
}

fn parsed(method: &Method) -> Answer<ParsedNumber> {
    number::parse(&method.number.e164, None).map_err(|_| ServiceError::Unavailable {
        code: "record_damaged",
        retry_after_s: 5,
    })
}

impl Others {
    /// What a limit leaves open: one of the subject, of the client's address or of
    /// the tenant's first days holds whatever is asked for instead, one of the
    /// number holds over its other channels too.
    fn left_by(&self, error: &ServiceError) -> Self {
        let ServiceError::Limited { code, .. } = error else {
            return self.clone();
        };
        match *code {
            "subject_limit" | "too_many_pending" | "address_limit" | "tenant_ramp" => {
                Self::default()
            }
            "resend_too_early" | "sends_exhausted" | "number_limit" | "prefix_limit" => Self {
                channels: Vec::new(),
                methods: self.methods.clone(),
            },
            _ => self.clone(),
        }
    }
}

/// The account's limit is the subject's.
pub(super) fn of_account(mut error: ServiceError) -> ServiceError {
    if let ServiceError::Limited { code, .. } = &mut error
        && *code == "send_limit"
    {
        *code = "subject_limit";
    }
    error
}

/// Says beside a refusal what else would do.
fn with_others(error: ServiceError, others: &Others) -> ServiceError {
    let refused = |code, available_at_ms, now_ms| ServiceError::Refused {
        code,
        available_at_ms,
        now_ms,
        others: Box::new(others.clone()),
    };
    match error {
        ServiceError::Refused {
            code,
            available_at_ms,
            now_ms,
            ..
        }
        | ServiceError::Limited {
            code,
            available_at_ms,
            now_ms,
            ..
        } => refused(code, available_at_ms, now_ms),
        ServiceError::Forbidden { code, .. } => refused(code, None, 0),
        ServiceError::NoRoute { .. } => refused("no_route", None, 0),
        ServiceError::Invalid {
            code: code @ "extension_unsupported",
            ..
        } => refused(code, None, 0),
        ServiceError::Invalid { .. }
        | ServiceError::CodeMismatch { .. }
        | ServiceError::NotPending { .. }
        | ServiceError::ResendTooLate
        | ServiceError::NotFound
        | ServiceError::IdempotencyKeyReused
        | ServiceError::IdempotencyInProgress
        | ServiceError::Unavailable { .. } => error,
    }
}
