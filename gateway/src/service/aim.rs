//! Whether a tenant may send to a number over a channel at all, and what else
//! would do.

use watchword_providers::Channel;

use super::Answer;
use super::error::ServiceError;
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
}

/// Why a channel is closed, whatever providers there are.
enum Closed {
    Region,
    Prefix,
    Unconfirmed,
    Line(NumberRefusal),
    Voice,
}

impl Closed {
    fn code(&self) -> &'static str {
        match self {
            Self::Region => "region_not_enabled",
            Self::Prefix => "prefix_blocked",
            Self::Unconfirmed => "unconfirmed_not_enabled",
            Self::Line(refusal) => refusal.code(),
            Self::Voice => "voice_not_enabled",
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
        }
    }
}

impl<'a> Aim<'a> {
    /// Whether it may be sent to.
    pub(crate) fn may_send(self, live: &Live, channel: Channel) -> Answer<()> {
        let Some(closed) = self.closed(channel) else {
            return if self.has_route(live, channel) {
                Ok(())
            } else {
                Err(ServiceError::NoRoute {
                    alternatives: self.others(live, channel),
                })
            };
        };
        let (code, detail) = (closed.code(), closed.detail());
        let alternatives = self.others(live, channel);
        Err(match closed {
            Closed::Line(_) => ServiceError::Invalid {
                code,
                field: "to",
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
        self.closed(channel).is_none() && self.has_route(live, channel)
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
        } else {
            None
        }
    }

    /// Whether a subject has proved the number before. Of any other number nobody
    /// here knows whether it is anybody's.
    fn is_confirmed(self) -> bool {
        self.method.is_some() && ![CONFIRM_METHOD, NUMBER_CHANGE].contains(&self.purpose)
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
