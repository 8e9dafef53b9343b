//! What each script is asked with: the terms of the call, and what its step
//! needs, packed into one array. Only starts and limits are cut finer, for speed.

use watchword_providers::Channel;

use super::format::{CHANNELS, CLIENTS, CONVERSIONS, KINDS, OUTCOMES, RECEIPT_STATUSES, place_of};
use super::pack::{NUMBER_MAX, Packer};
use super::template;
use crate::admission::gcra::GcraRule;
use crate::admission::limits::{LimitAsk, LimitRule, LimitStep};
use crate::admission::turns::TurnsAsk;
use crate::delivery::{ApplyReceipt, Begin, DispatchPolicy, Finality, NewDelivery, Next, Settle};
use crate::store::{Idempotency, Sweep, Undo};
use crate::verification::{Check, Conversion, Resend, SendPolicy, Start, TenantTag};

/// What every script is told: how late it may run, whose clocks to compare,
/// and what it writes into every record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// In the server's time.
    pub(super) not_after_ms: u64,
    pub(super) gateway_now_ms: u64,
    /// By how much the store's clock is ahead of the server's.
    pub(super) shift_ms: i64,
    pub(super) epoch: u32,
    pub(super) retention_ms: u64,
}

impl Terms {
    fn header(self) -> Vec<u8> {
        let mut header = Vec::with_capacity(40);
        header.extend_from_slice(&self.not_after_ms.min(NUMBER_MAX).to_be_bytes());
        header.extend_from_slice(&self.gateway_now_ms.min(NUMBER_MAX).to_be_bytes());
        header.extend_from_slice(&self.shift_ms.to_be_bytes());
        header.extend_from_slice(&u64::from(self.epoch).to_be_bytes());
        header.extend_from_slice(&self.retention_ms.min(NUMBER_MAX).to_be_bytes());
        header
    }

    fn with(self, packer: Packer) -> Vec<Vec<u8>> {
        vec![self.header(), packer.finish()]
    }

    pub(super) fn plain(self) -> Vec<Vec<u8>> {
        vec![self.header()]
    }

    /// See `start_asked.lua` for what stands where. `limits` are part of the step;
    /// `None` if they are asked apart.
    pub(super) fn start(
        self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: Option<&[LimitAsk]>,
    ) -> Vec<Vec<u8>> {
        let mut arguments = vec![
            self.header(),
            start_numbers(ask, limits),
            start_identity(ask),
            start_known(ask, idempotency),
        ];
        arguments.extend(template::of_record(ask, self.epoch));
        arguments.extend(limits.unwrap_or_default().iter().map(limit_question));
        arguments
    }

    pub(super) fn resend(self, ask: &Resend, idempotency: Option<&Idempotency>) -> Vec<Vec<u8>> {
        let mut packer = array(6);
        packer
            .bytes(&ask.tenant.0)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client));
        new_delivery(&mut packer, ask.delivery.as_ref());
        send_policy(&mut packer, &ask.policy);
        let fingerprint = idempotency.map(|key| key.fingerprint.as_slice());
        packer.bytes_or_nothing(fingerprint);
        self.with(packer)
    }

    pub(super) fn undo(self, ask: &Undo) -> Vec<Vec<u8>> {
        let mut packer = array(7);
        packer
            .flag(ask.was_created)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client));
        send_policy(&mut packer, &ask.policy);
        let fingerprint = ask.idempotency.as_ref().map(|key| key.fingerprint);
        packer
            .bytes_or_nothing(fingerprint.as_ref().map(<[u8; 16]>::as_slice))
            .bytes(&ask.refusal)
            .number(ask.available_at_ms);
        self.with(packer)
    }

    pub(super) fn confirm(self, idempotency: &Idempotency) -> Vec<Vec<u8>> {
        let mut packer = array(1);
        packer.bytes(&idempotency.fingerprint);
        self.with(packer)
    }

    pub(super) fn check(self, ask: &Check) -> Vec<Vec<u8>> {
        let mut packer = array(4);
        packer
            .bytes(&ask.tenant.0)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client))
            .array(2 * ask.digests.len());
        for digest in &ask.digests {
            packer.bytes(digest.key_id.as_bytes()).bytes(&digest.mac);
        }
        self.with(packer)
    }

    pub(super) fn cancel(self, tenant: TenantTag) -> Vec<Vec<u8>> {
        let mut packer = array(1);
        packer.bytes(&tenant.0);
        self.with(packer)
    }

    pub(super) fn outcome(self, tenant: TenantTag, conversion: Conversion) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer
            .bytes(&tenant.0)
            .number(place_of(&CONVERSIONS, &conversion));
        self.with(packer)
    }

    pub(super) fn begin_attempt(self, ordinal: u8, ask: &Begin) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.fence))
            .number(u64::from(ask.attempt))
            .bytes(ask.provider.as_bytes());
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn settle(self, ordinal: u8, ask: &Settle) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.fence));
        match &ask.attempt {
            Some(attempt) => packer
                .array(5)
                .number(u64::from(attempt.number))
                .number(place_of(&OUTCOMES, &attempt.outcome))
                .number(u64::from(attempt.duration_ms))
                .bytes_or_nothing(attempt.code.as_ref().map(|code| code.as_bytes()))
                .bytes_or_nothing(attempt.message_id.as_ref().map(|id| id.as_bytes())),
            None => packer.nothing(),
        };
        next(&mut packer, &ask.next);
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn receipt(self, ordinal: u8, ask: &ApplyReceipt) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.attempt))
            .array(4)
            .number(place_of(&RECEIPT_STATUSES, &ask.receipt.status))
            .number(ask.receipt.at_ms)
            .bytes_or_nothing(ask.receipt.code.as_ref().map(|code| code.as_bytes()))
            .flag(ask.receipt.is_final_for_number)
            .flag(ask.may_redispatch);
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn take(self, ordinal: u8, policy: &DispatchPolicy) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer.number(u64::from(ordinal));
        dispatch_policy(&mut packer, policy);
        self.with(packer)
    }

    /// Looks at `window` due entries from the `skip`th on.
    pub(super) fn sweep(self, ask: &Sweep, skip: u64, window: u64) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ask.count_max))
            .number(ask.grace_ms)
            .number(skip)
            .number(window);
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn hand_back(self, ordinal: u8, fence: u32, after_ms: u64) -> Vec<Vec<u8>> {
        let mut packer = array(3);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(fence))
            .number(after_ms);
        self.with(packer)
    }

    pub(super) fn limit(self, ask: &LimitAsk) -> Vec<Vec<u8>> {
        vec![self.header(), limit_question(ask)]
    }

    pub(super) fn turns(self, ask: &TurnsAsk) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .bytes(&ask.operation.0)
            .number(u64::from(ask.count))
            .number(ask.rule.interval_ns.max(1))
            .number(ask.rule.behind_us)
            .number(ask.rule.ahead_us);
        self.with(packer)
    }

    pub(super) fn write_meta(self, revision: u64, meta: &[u8]) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer.number(revision).bytes(meta);
        self.with(packer)
    }
}

fn array(length: usize) -> Packer {
    let mut packer = Packer::with_capacity(256);
    packer.array(length);
    packer
}

/// The numbers that every start needs, and the intervals of its send rules.
fn start_numbers(ask: &Start, limits: Option<&[LimitAsk]>) -> Vec<u8> {
    let first_provider = ask
        .delivery
        .as_ref()
        .and_then(|delivery| delivery.first_provider.as_ref());
    let flags = [
        byte(place_of(&KINDS, &ask.kind)),
        byte(place_of(&CLIENTS, &ask.client)),
        u8::from(ask.delivery.is_some()),
        u8::from(first_provider.is_some()),
        u8::from(limits.is_some()),
        u8::try_from(limits.map_or(0, <[LimitAsk]>::len)).unwrap_or(u8::MAX),
    ];
    let first_wait_ms = ask.policy.resend_waits_ms.first().copied();
    let times = [
        ask.lifetime_ms,
        ask.policy.lease_ms,
        first_wait_ms.unwrap_or(0),
    ];
    let intervals = ask.policy.rules.iter().map(|rule| rule.interval_us());
    let mut numbers = Vec::with_capacity(64);
    numbers.extend_from_slice(&flags);
    for number in times.into_iter().chain(intervals) {
        numbers.extend_from_slice(&number.min(NUMBER_MAX).to_be_bytes());
    }
    numbers
}

/// The identity and the caller-supplied code's tag, as they stand in a number.
fn start_identity(ask: &Start) -> Vec<u8> {
    let mut packer = Packer::with_capacity(32);
    packer
        .bytes(&ask.identity.0)
        .bytes_or_nothing(ask.custom_code.as_ref().map(|tag| tag.0.as_slice()));
    packer.finish()
}

/// What only a start needs about whose number or idempotency key something is known.
fn start_known(ask: &Start, idempotency: Option<&Idempotency>) -> Vec<u8> {
    let mut packer = Packer::with_capacity(192);
    packer
        .array(7)
        .flag(ask.wants_new_code)
        .bytes(&ask.id.random)
        .bytes_or_nothing(idempotency.map(|key| key.fingerprint.as_slice()))
        .bytes(&ask.identity.0)
        .bytes_or_nothing(ask.custom_code.as_ref().map(|tag| tag.0.as_slice()));
    new_delivery(&mut packer, ask.delivery.as_ref());
    send_policy(&mut packer, &ask.policy);
    packer.finish()
}

/// A question to one limit, as `limit_state.lua` reads it.
fn limit_question(ask: &LimitAsk) -> Vec<u8> {
    let mut question = Vec::with_capacity(17 + 17 * ask.rules.len());
    question.push(match ask.step {
        LimitStep::Take => 0,
        LimitStep::Peek => 1,
        LimitStep::GiveBack => 2,
    });
    question.extend_from_slice(&ask.operation.0);
    for rule in &ask.rules {
        let (kind, first, second) = match rule {
            LimitRule::Rate(rate) => (0, rate.interval_us(), rate.tolerance_us()),
            LimitRule::Daily { max } => (1, u64::from(*max), 0),
        };
        question.push(kind);
        question.extend_from_slice(&first.min(NUMBER_MAX).to_be_bytes());
        question.extend_from_slice(&second.min(NUMBER_MAX).to_be_bytes());
    }
    question
}

fn byte(place: u64) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}

fn new_delivery(packer: &mut Packer, delivery: Option<&NewDelivery>) {
    let Some(delivery) = delivery else {
        packer.nothing();
        return;
    };
    packer
        .array(3)
        .number(place_of(&CHANNELS, &delivery.channel))
        .bytes(channels(&delivery.fallback).as_bytes())
        .bytes_or_nothing(delivery.first_provider.as_ref().map(|name| name.as_bytes()));
}

/// Channels, one digit each.
pub(super) fn channels(channels: &[Channel]) -> String {
    let digits = channels.iter();
    digits
        .map(|channel| place_of(&CHANNELS, channel).to_string())
        .collect()
}

fn send_policy(packer: &mut Packer, policy: &SendPolicy) {
    packer.array(6).array(2 * policy.rules.len());
    for rule in &policy.rules {
        rate(packer, *rule);
    }
    packer.array(policy.resend_waits_ms.len());
    for wait_ms in &policy.resend_waits_ms {
        packer.number(*wait_ms);
    }
    packer
        .number(u64::from(policy.sends_max))
        .number(u64::from(policy.live_max))
        .number(policy.quiet_ms)
        .number(policy.lease_ms);
}

fn rate(packer: &mut Packer, rule: GcraRule) {
    packer
        .number(rule.interval_us())
        .number(rule.tolerance_us());
}

fn dispatch_policy(packer: &mut Packer, policy: &DispatchPolicy) {
    packer
        .array(4)
        .number(u64::from(policy.submissions_max))
        .number(policy.lease_ms)
        .number(policy.quiet_ms)
        .number(u64::from(policy.lost_leases_max));
}

fn next(packer: &mut Packer, next: &Next) {
    match next {
        Next::Continue => packer.array(1).number(0),
        Next::Submitted {
            receipt_within_ms: None,
        } => packer.array(2).number(1).nothing(),
        Next::Submitted {
            receipt_within_ms: Some(within_ms),
        } => packer.array(2).number(1).number(*within_ms),
        Next::Retry { after_ms, reason } => packer
            .array(3)
            .number(2)
            .number(*after_ms)
            .bytes(reason.as_bytes()),
        Next::Fail { reason, finality } => packer
            .array(3)
            .number(3)
            .bytes(reason.as_bytes())
            .number(match finality {
                Finality::Open => 0,
                Finality::Channel => 1,
                Finality::Number => 2,
            }),
        Next::Close { reason } => packer.array(2).number(4).bytes(reason.as_bytes()),
    };
}
