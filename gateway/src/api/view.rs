//! Answers in JSON: the service's views, with times as text and numbers in
//! full or masked.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Serialize, Serializer};
use watchword_providers::{Channel, Extension, Moment, PhoneNumber};

use super::problem::{Problem, ProblemJson};
use crate::id::{DeliveryId, VerificationId};
use crate::service::error::OtherMethod;
use crate::service::view::{
    AttemptView, DeliveryView, ExplainView, LookupView, RouteView, SendOnlyView, TimelineEntry,
    VerificationView,
};
use crate::subjects::model::MethodId;
use crate::tenants::{Asker, Caller, Scope};
use crate::verification::Conversion;

/// A moment in ms since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub u64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Moment::of_ms(self.0).serialize(serializer)
    }
}

/// Written as it displays itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown<T>(pub T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Another method of a subject that would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OtherMethodJson {
    method: Shown<MethodId>,
    role: &'static str,
    channels: Vec<Channel>,
}

impl OtherMethodJson {
    pub(super) fn new(other: &OtherMethod) -> Self {
        Self {
            method: Shown(other.id),
            role: other.role.as_str(),
            channels: other.channels.clone(),
        }
    }
}

/// How much of a number an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Full,
    Masked,
}

impl Numbers {
    /// Operators see numbers masked: what they do needs none in full.
    pub(super) fn for_asker(asker: &Asker) -> Self {
        match asker {
            Asker::Tenant(caller) => Self::for_reader(caller),
            Asker::Operator { .. } => Self::Masked,
        }
    }

    /// For answers to callers who have not just sent the number themselves.
    pub(super) fn for_reader(caller: &Caller) -> Self {
        if caller.scopes.contains(Scope::ReadPii) {
            Self::Full
        } else {
            Self::Masked
        }
    }

    /// For the answers of a start, a resend and a check: their caller has named the
    /// number itself, or only the subject whose number it is.
    pub(super) fn for_caller(caller: &Caller, view: &VerificationView) -> Self {
        match view.method {
            None => Self::Full,
            Some(_) => Self::for_reader(caller),
        }
    }

    pub(super) fn show(self, number: &PhoneNumber) -> Cow<'_, str> {
        match self {
            Self::Full => Cow::Borrowed(number.expose()),
            Self::Masked => Cow::Owned(number.masked()),
        }
    }

    pub(super) fn show_extension(self, extension: &Extension) -> Cow<'_, str> {
        match self {
            Self::Full => Cow::Borrowed(extension.expose()),
            Self::Masked => Cow::Owned("*".repeat(extension.expose().len())),
        }
    }
}

/// The word callers report and read.
fn conversion(conversion: Conversion) -> Option<&'static str> {
    match conversion {
        Conversion::Unreported => None,
        Conversion::Converted => Some("used"),
        Conversion::NotConverted => Some("not_used"),
    }
}

#[derive(Serialize)]
pub(super) struct VerificationJson<'a> {
    id: Shown<VerificationId>,
    status: &'static str,
    to: Cow<'a, str>,
    channel: Channel,
    purpose: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    locale: &'a str,
    created_at: Time,
    expires_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Time>,
    checks_remaining: u8,
    sends_remaining: u8,
    next: NextJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<&'static str>,
    /// Only for configured test numbers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    deliveries: Vec<DeliveryJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Shown<MethodId>>,
    /// Of a start that is addressed to a subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternatives: Vec<OtherMethodJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<TimelineJson<'a>>>,
}

#[derive(Serialize)]
struct NextJson {
    sms_at: Option<Time>,
    voice_at: Option<Time>,
    check_at: Option<Time>,
}

impl<'a> VerificationJson<'a> {
    pub(super) fn new(view: &'a VerificationView, numbers: Numbers) -> Self {
        Self {
            id: Shown(view.id),
            status: view.status.as_str(),
            to: numbers.show(&view.to),
            channel: view.channel,
            purpose: &view.purpose,
            subject: view.subject.as_deref(),
            reference: view.reference.as_deref(),
            locale: &view.locale,
            created_at: Time(view.created_at_ms),
            expires_at: Time(view.expires_at_ms),
            decided_at: view.decided_at_ms.map(Time),
            checks_remaining: view.checks_remaining,
            sends_remaining: view.sends_remaining,
            next: NextJson {
                sms_at: view.next_sms_at_ms.map(Time),
                voice_at: view.next_voice_at_ms.map(Time),
                check_at: view.next_check_at_ms.map(Time),
            },
            conversion: conversion(view.conversion),
            test: view.is_test,
            deliveries: view.deliveries.iter().map(DeliveryJson::new).collect(),
            method: view.method.map(Shown),
            alternatives: view.others.iter().map(OtherMethodJson::new).collect(),
            timeline: None,
        }
    }

    pub(super) fn with_timeline(mut self, timeline: &'a [TimelineEntry]) -> Self {
        self.timeline = Some(timeline.iter().map(TimelineJson::new).collect());
        self
    }
}

#[derive(Serialize)]
struct TimelineJson<'a> {
    at: Time,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> TimelineJson<'a> {
    fn new(entry: &'a TimelineEntry) -> Self {
        Self {
            at: Time(entry.at_ms),
            event: entry.event,
            provider: entry.provider.as_deref(),
            detail: entry.detail.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct DeliveryJson<'a> {
    id: Shown<DeliveryId>,
    channel: Channel,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Time>,
    attempts: Vec<AttemptJson<'a>>,
    #[serde(skip_serializing_if = "is_none_folded")]
    attempts_folded: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_none_folded(count: &u32) -> bool {
    *count == 0
}

impl<'a> DeliveryJson<'a> {
    fn new(view: &'a DeliveryView) -> Self {
        Self {
            id: Shown(view.id),
            channel: view.channel,
            status: view.status.as_str(),
            reason: view.reason.as_deref(),
            created_at: Time(view.created_at_ms),
            due: view.due,
            due_at: view.due_at_ms.map(Time),
            attempts: view.attempts.iter().map(AttemptJson::new).collect(),
            attempts_folded: view.attempts_folded,
        }
    }
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    attempt: u32,
    provider: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    started_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptJson<'a>>,
}

#[derive(Serialize)]
struct ReceiptJson<'a> {
    status: &'static str,
    at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

impl<'a> AttemptJson<'a> {
    fn new(view: &'a AttemptView) -> Self {
        Self {
            attempt: view.number,
            provider: &view.provider,
            outcome: view.outcome.as_str(),
            code: view.code.as_deref(),
            started_at: Time(view.started_at_ms),
            duration_ms: view.duration_ms,
            receipt: view.receipt.as_ref().map(|receipt| ReceiptJson {
                status: receipt.status,
                at: Time(receipt.at_ms),
                code: receipt.code.as_deref(),
            }),
        }
    }
}

/// A send-only delivery: the delivery itself, and what it has of its own.
#[derive(Serialize)]
pub(super) struct SendOnlyJson<'a> {
    #[serde(flatten)]
    delivery: DeliveryJson<'a>,
    to: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    expires_at: Time,
    segments: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<&'static str>,
}

impl<'a> SendOnlyJson<'a> {
    pub(super) fn new(view: &'a SendOnlyView, numbers: Numbers) -> Self {
        Self {
            delivery: DeliveryJson::new(&view.delivery),
            to: numbers.show(&view.to),
            reference: view.reference.as_deref(),
            expires_at: Time(view.expires_at_ms),
            segments: view.segments,
            conversion: conversion(view.conversion),
        }
    }
}

#[derive(Serialize)]
pub(super) struct LookupJson<'a> {
    e164: &'a str,
    region: &'a str,
    r#type: &'static str,
    channels: Vec<ChannelJson>,
}

#[derive(Serialize)]
struct ChannelJson {
    channel: Channel,
    allowed: bool,
    /// The code a start over this channel would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl<'a> LookupJson<'a> {
    pub(super) fn new(view: &'a LookupView) -> Self {
        let channels = view.channels.iter();
        Self {
            // The caller has just sent it.
            e164: view.e164.expose(),
            region: &view.region,
            r#type: view.line_type,
            channels: channels
                .map(|(channel, reason)| ChannelJson {
                    channel: *channel,
                    allowed: reason.is_none(),
                    reason: *reason,
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ExplainJson<'a> {
    number: LookupJson<'a>,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<ProblemJson<'a>>,
    routes: Vec<RouteJson<'a>>,
    limits: Vec<LimitJson>,
    live_count: u8,
}

#[derive(Serialize)]
struct RouteJson<'a> {
    channel: Channel,
    strategy: &'static str,
    hops: Vec<HopJson<'a>>,
}

#[derive(Serialize)]
struct HopJson<'a> {
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u32>,
    breaker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
}

#[derive(Serialize)]
struct LimitJson {
    limit: &'static str,
    client: &'static str,
    count: u32,
    per_s: u64,
    left: u32,
}

impl<'a> ExplainJson<'a> {
    pub(super) fn new(view: &'a ExplainView, refusal: Option<&'a Problem>) -> Self {
        let limits = view.limits.iter();
        Self {
            number: LookupJson::new(&view.lookup),
            accepted: refusal.is_none(),
            refusal: refusal.map(|problem| problem.to_json(None)),
            routes: view.routes.iter().map(RouteJson::new).collect(),
            limits: limits
                .map(|limit| LimitJson {
                    limit: limit.limit,
                    client: limit.client,
                    count: limit.count,
                    per_s: limit.per_s,
                    left: limit.left,
                })
                .collect(),
            live_count: view.live_count,
        }
    }
}

impl<'a> RouteJson<'a> {
    fn new(view: &'a RouteView) -> Self {
        let hops = view.hops.iter();
        Self {
            channel: view.channel,
            strategy: view.strategy,
            hops: hops
                .map(|hop| HopJson {
                    provider: &hop.provider,
                    share: hop.share,
                    breaker: hop.breaker,
                    skipped: hop.skipped,
                })
                .collect(),
        }
    }
}
