//! A verification in JSON, with its deliveries, and its timeline for who asks.

use std::borrow::Cow;

use serde::Serialize;
use watchword_providers::Channel;

use super::deliveries::{DeliveryJson, conversion};
use super::{Numbers, OtherMethodJson, Shown, Time};
use crate::id::VerificationId;
use crate::service::view::{TimelineEntry, VerificationView};
use crate::subjects::model::MethodId;

#[derive(Serialize)]
pub(in crate::api) struct VerificationJson<'a> {
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
    pub(in crate::api) fn new(view: &'a VerificationView, numbers: Numbers) -> Self {
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

    pub(in crate::api) fn with_timeline(mut self, timeline: &'a [TimelineEntry]) -> Self {
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
