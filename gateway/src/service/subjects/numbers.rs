//! Which numbers a subject may have, and how they are kept.

use watchword_providers::Channel;

use super::super::error::{Others, ServiceError};
use crate::number::{LineType, ParsedNumber};
use crate::service::Answer;
use crate::subjects::model::{Number, Role};
use crate::subjects::policy::VoipPolicy;
use crate::tenants::Tenant;

/// Whether the tenant lets its subjects have such a number.
pub(super) fn may_be_kept(tenant: &Tenant, to: &ParsedNumber) -> Answer<()> {
    match tenant.subjects.voip {
        VoipPolicy::Deny if to.line_type == LineType::Voip => {
            Err(ServiceError::refused("voip_denied"))
        }
        VoipPolicy::Deny | VoipPolicy::Allow => Ok(()),
    }
}

/// Whether a number that is added for a role takes SMS.
pub(super) fn has_sms(role: Option<Role>) -> bool {
    match role {
        None | Some(Role::Primary) => true,
        Some(Role::Alternate | Role::Office) => false,
    }
}

/// Over which channel a number is proved, and preferred from then on; whether the
/// place it is to take has SMS, and whether its holder said STOP.
pub(super) fn channel(
    to: &ParsedNumber,
    asked: Option<Channel>,
    (has_sms, is_stopped): (bool, bool),
) -> Answer<Channel> {
    match asked {
        Some(Channel::Sms) if !has_sms => Err(by_voice_alone("channel_not_supported", to)),
        Some(Channel::Sms) if is_stopped => Err(by_voice_alone("opted_out", to)),
        Some(channel) => Ok(channel),
        None if has_sms && !is_stopped && to.may_receive(Channel::Sms).is_ok() => Ok(Channel::Sms),
        None => Ok(Channel::Voice),
    }
}

/// A refusal of SMS, with what is left.
pub(in crate::service) fn by_voice_alone(code: &'static str, to: &ParsedNumber) -> ServiceError {
    let takes_calls = to.may_receive(Channel::Voice).is_ok();
    let channels = takes_calls.then_some(Channel::Voice).into_iter().collect();
    ServiceError::Refused {
        code,
        available_at_ms: None,
        now_ms: 0,
        others: Box::new(Others {
            channels,
            methods: Vec::new(),
        }),
    }
}

pub(super) fn kept(to: &ParsedNumber) -> Number {
    Number {
        e164: to.number.expose().to_owned(),
        country_code_digits: to.number.country_code_digits(),
        region: to.region.as_str().to_owned(),
    }
}
