//! A delivery and its attempts in JSON, of a verification or send-only.

use std::borrow::Cow;

use serde::Serialize;
use watchword_providers::Channel;

use super::{Numbers, Shown, Time};
use crate::id::DeliveryId;
use crate::service::view::{AttemptView, DeliveryView, SendOnlyView};
use crate::verification::Conversion;

/// The word callers report and read.
pub(super) fn conversion(conversion: Conversion) -> Option<&'static str> {
    match conversion {
        Conversion::Unreported => None,
        Conversion::Converted => Some("used"),
        Conversion::NotConverted => Some("not_used"),
    }
}

#[derive(Serialize)]
pub(super) struct DeliveryJson<'a> {
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
    pub(super) fn new(view: &'a DeliveryView) -> Self {
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
pub(in crate::api) struct SendOnlyJson<'a> {
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
    pub(in crate::api) fn new(view: &'a SendOnlyView, numbers: Numbers) -> Self {
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
