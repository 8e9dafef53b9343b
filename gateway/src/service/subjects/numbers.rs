//! Which numbers a subject may have, and how they are kept.

use super::super::error::ServiceError;
use crate::number::{LineType, ParsedNumber};
use crate::service::Answer;
use crate::subjects::model::Number;
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

pub(super) fn kept(to: &ParsedNumber) -> Number {
    Number {
        e164: to.number.expose().to_owned(),
        country_code_digits: to.number.country_code_digits(),
        region: to.region.as_str().to_owned(),
    }
}
