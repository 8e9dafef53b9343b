//! Which of a subject's methods may get the code, by its record alone, and which
//! others there are.

use std::sync::Arc;

use watchword_providers::Channel;

use crate::live::Live;
use crate::number::{self, ParsedNumber};
use crate::service::Answer;
use crate::service::aim::Aim;
use crate::service::error::{OtherMethod, Others, ServiceError};
use crate::subjects::evidence::Class;
use crate::subjects::keeper::{Opened, RECOVER_ACCOUNT};
use crate::subjects::model::{Method, MethodId, MethodStatus};
use crate::tenants::Tenant;

/// The subject as it was read, and what of it may be used.
#[derive(Clone, Copy)]
pub(super) struct Looked<'a> {
    pub(super) live: &'a Live,
    pub(super) tenant: &'a Arc<Tenant>,
    pub(super) purpose: &'a str,
    pub(super) opened: &'a Opened,
}

impl<'a> Looked<'a> {
    pub(super) fn may_receive_codes(&self) -> Answer<()> {
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
    pub(super) fn method(&self, named: Option<MethodId>) -> Answer<&'a Method> {
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

    pub(super) fn aim<'b>(&'b self, method: &'b Method, to: &'b ParsedNumber) -> Aim<'b> {
        Aim {
            tenant: self.tenant,
            to,
            purpose: self.purpose,
            method: Some(method.id),
            extension: method.extension.as_ref(),
        }
    }

    pub(super) fn refused(&self, code: &'static str, method: &Method) -> ServiceError {
        with_others(ServiceError::refused(code), &self.others_alone(method.id))
    }

    pub(super) fn other_than(&self, id: MethodId) -> Option<&'a Method> {
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
    pub(super) fn others(&self, id: MethodId) -> Vec<OtherMethod> {
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

pub(super) fn open_channels(
    looked: &Looked<'_>,
    method: &Method,
    to: &ParsedNumber,
) -> Vec<Channel> {
    let aim = looked.aim(method, to);
    let open = |channel: &Channel| aim.is_open(looked.live, *channel);
    method.channels().iter().copied().filter(open).collect()
}

pub(super) fn parsed(method: &Method) -> Answer<ParsedNumber> {
    number::parse(&method.number.e164, None).map_err(|_| ServiceError::Unavailable {
        code: "record_damaged",
        retry_after_s: 5,
    })
}

impl Others {
    /// What a limit leaves open: one of the subject, of the client's address or of
    /// the tenant's first days holds whatever is asked for instead, one of the
    /// number holds over its other channels too.
    pub(super) fn left_by(&self, error: &ServiceError) -> Self {
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

/// Says beside a refusal what else would do.
pub(super) fn with_others(error: ServiceError, others: &Others) -> ServiceError {
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
