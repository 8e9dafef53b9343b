//! Whether a tenant may send to a number over a channel at all, and what else
//! would do.

use watchword_providers::{Channel, Extension};

use super::Answer;
use super::error::ServiceError;
use crate::details::Details;
use crate::live::Live;
use crate::number::{NumberRefusal, ParsedNumber};
use crate::routing::Destination;
use crate::subjects::keeper::{CONFIRM_METHOD, NUMBER_CHANGE};
use crate::subjects::model::MethodId;
use crate::tenants::Tenant;

/// A number that a tenant would send to, and why.
#[derive(Clone, Copy)]
pub(crate) struct Aim<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) to: &'a ParsedNumber,
    pub(crate) purpose: &'a str,
    /// What the number is as a subject's, where it is addressed as that.
    pub(crate) method: Option<MethodId>,
    /// To dial once the call is taken.
    pub(crate) extension: Option<&'a Extension>,
}

/// Why a channel is closed, whatever providers there are.
enum Closed {
    Region,
    Prefix,
    Unconfirmed,
    Line(NumberRefusal),
    Voice,
    /// An extension is reached by a call alone.
    Extension,
}

impl Closed {
    fn code(&self) -> &'static str {
        match self {
            Self::Region => "region_not_enabled",
            Self::Prefix => "prefix_blocked",
            Self::Unconfirmed => "unconfirmed_not_enabled",
            Self::Line(refusal) => refusal.code(),
            Self::Voice => "voice_not_enabled",
            Self::Extension => "invalid_extension",
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            Self::Region => "the number's region is not enabled for this tenant",
            Self::Prefix => "numbers that begin so are blocked",
            Self::Unconfirmed => {
                "the number's region is enabled only for numbers that subjects have proved"
            }
            Self::Line(_) => "this kind of number may not be sent to over this channel",
            Self::Voice => "voice to the number's region is not enabled for this tenant",
            Self::Extension => "an extension is reached by a call alone",
        }
    }
}

impl<'a> Aim<'a> {
    /// What a record is sent to.
    pub(crate) fn of(tenant: &'a Tenant, to: &'a ParsedNumber, details: &'a Details) -> Self {
        Self {
            tenant,
            to,
            purpose: &details.purpose,
            method: details.whom.method,
            extension: details.whom.extension.as_ref(),
        }
    }

    /// Whether it may be sent to.
    pub(crate) fn may_send(self, live: &Live, channel: Channel) -> Answer<()> {
        let Some(closed) = self.closed(channel) else {
            return self.has_hop(live, channel);
        };
        let (code, detail) = (closed.code(), closed.detail());
        let alternatives = self.others(live, channel);
        Err(match closed {
            Closed::Line(_) | Closed::Extension => ServiceError::Invalid {
                code,
                field: if matches!(closed, Closed::Line(_)) {
                    "to"
                } else {
                    "extension"
                },
                detail,
                alternatives,
            },
            Closed::Region | Closed::Prefix | Closed::Unconfirmed | Closed::Voice => {
                ServiceError::Forbidden {
                    code,
                    detail,
                    alternatives,
                }
            }
        })
    }

    /// Whether a channel would do, all rules considered.
    pub(crate) fn is_open(self, live: &Live, channel: Channel) -> bool {
        self.closed(channel).is_none()
            && self.has_route(live, channel)
            && self.is_dialled(live, channel)
    }

    /// The word for why a channel is closed, whatever providers there are.
    pub(crate) fn closed_by(self, channel: Channel) -> Option<&'static str> {
        self.closed(channel).map(|closed| closed.code())
    }

    pub(crate) fn destination(self, channel: Channel) -> Destination<'a> {
        Destination {
            tenant: &self.tenant.name,
            channel,
            region: self.to.region.as_str(),
            e164: self.to.number.expose(),
            purpose: self.purpose,
            has_extension: self.extension.is_some(),
        }
    }

    fn closed(self, channel: Channel) -> Option<Closed> {
        let (tenant, region) = (self.tenant, self.to.region.as_str());
        if !tenant.regions.contains(region) {
            Some(Closed::Region)
        } else if tenant.blocks(self.to.number.expose()) {
            Some(Closed::Prefix)
        } else if !self.is_confirmed() && !tenant.unconfirmed_regions.contains(region) {
            Some(Closed::Unconfirmed)
        } else if let Err(refusal) = self.to.may_receive(channel) {
            Some(Closed::Line(refusal))
        } else if channel == Channel::Voice && !tenant.voice_regions.contains(region) {
            Some(Closed::Voice)
        } else if channel == Channel::Sms && self.extension.is_some() {
            Some(Closed::Extension)
        } else {
            None
        }
    }

    /// Whether a subject has proved the number before. Of any other number nobody
    /// here knows whether it is anybody's.
    fn is_confirmed(self) -> bool {
        self.method.is_some() && ![CONFIRM_METHOD, NUMBER_CHANGE].contains(&self.purpose)
    }

    /// Whether there is a provider to send over.
    fn has_hop(self, live: &Live, channel: Channel) -> Answer<()> {
        let alternatives = || self.others(live, channel);
        if !self.has_route(live, channel) {
            return Err(ServiceError::NoRoute {
                alternatives: alternatives(),
            });
        }
        if !self.is_dialled(live, channel) {
            return Err(ServiceError::Invalid {
                code: "extension_unsupported",
                field: "extension",
                detail: "no provider of the route dials extensions",
                alternatives: alternatives(),
            });
        }
        Ok(())
    }

    /// Whether a hop dials the extension, where there is one.
    fn is_dialled(self, live: &Live, channel: Channel) -> bool {
        if self.extension.is_none() {
            return true;
        }
        let route = live.routing.route(self.destination(channel));
        route.is_some_and(|route| route.hops.iter().any(|id| live.dials_extensions(id)))
    }

    fn has_route(self, live: &Live, channel: Channel) -> bool {
        live.routing.route(self.destination(channel)).is_some()
    }

    fn others(self, live: &Live, channel: Channel) -> Vec<Channel> {
        let mut others = vec![Channel::Sms, Channel::Voice];
        others.retain(|other| *other != channel && self.is_open(live, *other));
        others
    }
}
