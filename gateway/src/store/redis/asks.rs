//! What each script is asked with: the terms of the call, and what its step
//! needs, packed into one array. Only starts and limits are cut finer, for speed.

use watchword_providers::Channel;

use super::first::{FirstStart, Packed};
use super::format::{
    CHANNELS, CLIENTS, CONVERSIONS, KINDS, OUTCOMES, RECEIPT_STATUSES, place_of, random_text,
};
use super::pack::{NUMBER_MAX, Packer};
use crate::admission::gcra::GcraRule;
use crate::admission::limits::{LimitAsk, LimitRule, LimitState, LimitStep};
use crate::admission::turns::TurnsAsk;
use crate::calls::CallAsk;
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, Finality, NewDelivery, Next, Settle,
    SettledAttempt,
};
use crate::id::DeliveryId;
use crate::receipts::ReceiptReference;
use crate::routing::CountRoutes;
use crate::store::{FORMAT_VERSION, Idempotency, Sweep, Undo};
use crate::verification::{Check, Conversion, Resend, SendPolicy, Start, TenantTag};

/// What every script is told: how late it may run, whose clocks to compare,
/// and what it writes into every record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// In the server's time.
    pub(super) not_after_ms: u64,
    pub(super) gateway_now_ms: u64,
    /// A moment of the server's time that has come, and has not long been over.
    pub(super) server_now_ms: u64,
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

    pub(super) fn with(self, packer: Packer) -> Vec<Vec<u8>> {
        vec![self.header(), packer.finish()]
    }

    pub(super) fn plain(self) -> Vec<Vec<u8>> {
        vec![self.header()]
    }

    /// A moment of the store's time that has come, and has not long been over.
    pub(super) fn at_ms(self) -> u64 {
        self.server_now_ms.saturating_add_signed(self.shift_ms)
    }

    /// See `start_first.lua` for what stands where. `limits` are part of the
    /// step; `None` if they are asked apart.
    pub(super) fn start(
        self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: Option<&[LimitAsk]>,
        first: Option<&FirstStart>,
    ) -> Vec<Vec<u8>> {
        let is_first = first.is_some() && idempotency.is_none();
        let due_at_ms = self.at_ms().saturating_add(ask.policy.lease_ms);
        let made = DeliveryId {
            record: ask.id,
            ordinal: 1,
        };
        let member = member_of(made, self.epoch);
        let mut known = start_known(ask, idempotency, limits.unwrap_or_default());
        let moments = first.map_or(&[][..], |first| &first.moments);
        known.array(2 * moments.len());
        for (place, moment_ms) in moments {
            // Lua counts from 1.
            known
                .number(u64::try_from(*place + 1).unwrap_or(u64::MAX))
                .number(moment_ms.saturating_sub(self.at_ms()));
        }
        let mut arguments = Vec::with_capacity(16);
        arguments.push(self.header());
        arguments.push(self.start_numbers(ask, limits, is_first));
        arguments.extend(first.map_or_else(Default::default, |first| {
            let [record, record_for] = packed(&first.packed_record);
            let [number, number_for] = packed(&first.packed_number);
            [record, record_for, number, number_for]
        }));
        arguments.extend([
            due_at_ms.to_string().into_bytes(),
            member.into_bytes(),
            known.finish(),
        ]);
        if let Some(first) = first {
            arguments.extend(first.limits.iter().flat_map(packed));
        }
        arguments
    }

    fn start_numbers(self, ask: &Start, limits: Option<&[LimitAsk]>, is_first: bool) -> Vec<u8> {
        let place = |place: u64| u8::try_from(place).unwrap_or(u8::MAX);
        let mut numbers = Vec::with_capacity(30);
        for number in [self.at_ms(), ask.lifetime_ms, ask.policy.lease_ms] {
            numbers.extend_from_slice(&number.min(NUMBER_MAX).to_be_bytes());
        }
        numbers.extend_from_slice(&[
            place(place_of(&KINDS, &ask.kind)),
            place(place_of(&CLIENTS, &ask.client)),
            u8::from(ask.delivery.is_some()),
            u8::from(is_first),
            u8::from(limits.is_some()),
            u8::try_from(limits.map_or(0, <[LimitAsk]>::len)).unwrap_or(u8::MAX),
        ]);
        numbers
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

    /// `check_first.lua` knows the places up to the first digest's end.
    pub(super) fn check(self, ask: &Check, limits: &[LimitAsk]) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .bytes(&ask.tenant.0)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client))
            .array(2 * ask.digests.len());
        for digest in &ask.digests {
            packer.bytes(digest.key_id.as_bytes()).bytes(&digest.mac);
        }
        questions(&mut packer, limits);
        let mut arguments = self.with(packer);
        let refuses = |ask| LimitState::default().apply(ask, self.at_ms()).is_err();
        if limits.iter().any(refuses) {
            arguments.push(Vec::new());
        }
        arguments
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
        let mut packer = array(6);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.fence))
            .number(u64::from(ask.attempt))
            .bytes(ask.provider.as_bytes());
        dispatch_policy(&mut packer, &ask.policy);
        settled_attempt(&mut packer, ask.settled.as_ref());
        self.with(packer)
    }

    pub(super) fn settle(self, ordinal: u8, ask: &Settle) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.fence));
        settled_attempt(&mut packer, ask.attempt.as_ref());
        next(&mut packer, &ask.next);
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn receipt(self, ordinal: u8, ask: &ApplyReceipt) -> Vec<Vec<u8>> {
        let mut packer = array(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.attempt));
        attempt_receipt(&mut packer, &ask.receipt);
        match ask.redispatch_after_ms {
            Some(after_ms) => packer.number(after_ms),
            None => packer.nothing(),
        };
        dispatch_policy(&mut packer, &ask.policy);
        self.with(packer)
    }

    pub(super) fn bind_message(self, target: &ReceiptReference) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer
            .bytes(&target.to_bytes())
            .number(target.expires_at_ms());
        self.with(packer)
    }

    pub(super) fn match_receipt(self, receipt: &AttemptReceipt) -> Vec<Vec<u8>> {
        let mut packer = array(1);
        attempt_receipt(&mut packer, receipt);
        self.with(packer)
    }

    pub(super) fn bind_call(self, ask: &CallAsk) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer.bytes(&ask.call).number(ask.kept_until_ms);
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

    pub(super) fn count_routes(self, ask: &CountRoutes) -> Vec<Vec<u8>> {
        let mut packer = array(3);
        packer
            .number(ask.kept_until_ms())
            .bytes(&ask.operation.0)
            .array(4 * ask.rows.len());
        for (key, counts) in &ask.rows {
            packer
                .bytes(&key.to_bytes())
                .number(counts.submitted)
                .number(counts.delivered)
                .number(counts.approved);
        }
        self.with(packer)
    }

    pub(super) fn write_meta(self, revision: u64, meta: &[u8]) -> Vec<Vec<u8>> {
        let mut packer = array(2);
        packer.number(revision).bytes(meta);
        self.with(packer)
    }
}

pub(super) fn array(length: usize) -> Packer {
    let mut packer = Packer::with_capacity(256);
    packer.array(length);
    packer
}

/// The ledger's member for a delivery: format, epoch, record, ordinal.
pub(super) fn member_of(delivery: DeliveryId, epoch: u32) -> String {
    let record = random_text(delivery.record);
    format!("{FORMAT_VERSION}:{epoch}:{record}{:x}", delivery.ordinal)
}

/// What only a start needs about whose number, limits or idempotency key
/// something is known.
fn start_known(ask: &Start, idempotency: Option<&Idempotency>, limits: &[LimitAsk]) -> Packer {
    let mut packer = Packer::with_capacity(320);
    packer
        .array(9)
        .flag(ask.wants_new_code)
        .bytes(&ask.id.random)
        .bytes_or_nothing(idempotency.map(|key| key.fingerprint.as_slice()))
        .bytes(&ask.identity.0)
        .bytes_or_nothing(ask.custom_code.as_ref().map(|tag| tag.0.as_slice()));
    new_delivery(&mut packer, ask.delivery.as_ref());
    send_policy(&mut packer, &ask.policy);
    questions(&mut packer, limits);
    packer
}

/// A value and its time to live.
fn packed(packed: &Packed) -> [Vec<u8>; 2] {
    [
        packed.bytes.clone(),
        packed.for_ms.min(NUMBER_MAX).to_string().into_bytes(),
    ]
}

fn questions(packer: &mut Packer, limits: &[LimitAsk]) {
    packer.array(limits.len());
    for limit in limits {
        packer.bytes(&limit_question(limit));
    }
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

fn attempt_receipt(packer: &mut Packer, receipt: &AttemptReceipt) {
    packer
        .array(4)
        .number(place_of(&RECEIPT_STATUSES, &receipt.status))
        .number(receipt.at_ms)
        .bytes_or_nothing(receipt.code.as_ref().map(|code| code.as_bytes()))
        .flag(receipt.is_final_for_number);
}

fn dispatch_policy(packer: &mut Packer, policy: &DispatchPolicy) {
    packer
        .array(4)
        .number(u64::from(policy.submissions_max))
        .number(policy.lease_ms)
        .number(policy.quiet_ms)
        .number(u64::from(policy.lost_leases_max));
}

fn settled_attempt(packer: &mut Packer, settled: Option<&SettledAttempt>) {
    let Some(settled) = settled else {
        packer.nothing();
        return;
    };
    packer
        .array(5)
        .number(u64::from(settled.number))
        .number(place_of(&OUTCOMES, &settled.outcome))
        .number(u64::from(settled.duration_ms))
        .bytes_or_nothing(settled.code.as_ref().map(|code| code.as_bytes()))
        .bytes_or_nothing(settled.message_id.as_ref().map(|id| id.as_bytes()));
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
