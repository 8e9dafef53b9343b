//! Which numbers a subject may have, and how they are kept.

use watchword_providers::Channel;

use super::super::error::ServiceError;
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
        Some(Channel::Sms) if !has_sms => Err(ServiceError::refused("channel_not_supported")),
        Some(Channel::Sms) if is_stopped => Err(ServiceError::refused("opted_out")),
        Some(channel) => Ok(channel),
        None if has_sms && !is_stopped && to.may_receive(Channel::Sms).is_ok() => Ok(Channel::Sms),
        None => Ok(Channel::Voice),
    }
}

pub(super) fn kept(to: &ParsedNumber) -> Number {
    Number {
        e164: to.number.expose().to_owned(),
        country_code_digits: to.number.country_code_digits(),
        region: to.region.as_str().to_owned(),
    }
}
