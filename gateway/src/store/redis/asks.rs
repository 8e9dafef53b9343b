//! What each script is asked with: one packed array, whose first five values
//! are every script's and whose others its step names.

use super::format::{
    CHANNELS, CLIENTS, CONVERSIONS, KINDS, OUTCOMES, RECEIPT_STATUSES, number_text, place_of,
};
use super::pack::Packer;
use crate::admission::gcra::GcraRule;
use crate::admission::limits::{LimitAsk, LimitRule, LimitStep};
use crate::delivery::{ApplyReceipt, Begin, DispatchPolicy, NewDelivery, Next, Settle};
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
    /// Begins an argument of `further` values beyond these.
    fn begin(self, further: usize) -> Packer {
        let mut packer = Packer::with_capacity(512);
        packer
            .array(5 + further)
            .number(self.not_after_ms)
            .number(self.gateway_now_ms)
            .signed(self.shift_ms)
            .number(u64::from(self.epoch))
            .number(self.retention_ms);
        packer
    }

    pub(super) fn plain(self) -> Vec<u8> {
        self.begin(0).finish()
    }

    pub(super) fn start(self, ask: &Start, idempotency: Option<&Idempotency>) -> Vec<u8> {
        let mut packer = self.begin(16);
        packer
            .number(place_of(&KINDS, &ask.kind))
            .bytes(&ask.tenant.0)
            .bytes(number_text(ask.number).as_bytes())
            .bytes(&ask.identity.0)
            .bytes_or_nothing(ask.custom_code.as_ref().map(|tag| tag.0.as_slice()))
            .flag(ask.wants_new_code)
            .number(place_of(&CLIENTS, &ask.client))
            .number(ask.lifetime_ms)
            .number(u64::from(ask.checks_max));
        match &ask.digest {
            Some(digest) => {
                let key_id = digest.key_id.as_bytes();
                packer.array(2).bytes(key_id).bytes(&digest.mac)
            }
            None => packer.nothing(),
        };
        packer
            .bytes(&ask.details)
            .bytes_or_nothing(ask.code.as_deref());
        new_delivery(&mut packer, ask.delivery.as_ref());
        send_policy(&mut packer, &ask.policy);
        packer.bytes(&ask.id.random);
        packer.bytes_or_nothing(idempotency.map(|idempotency| idempotency.fingerprint.as_slice()));
        packer.finish()
    }

    pub(super) fn resend(self, ask: &Resend) -> Vec<u8> {
        let mut packer = self.begin(5);
        packer
            .bytes(&ask.tenant.0)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client));
        new_delivery(&mut packer, ask.delivery.as_ref());
        send_policy(&mut packer, &ask.policy);
        packer.finish()
    }

    pub(super) fn undo(self, ask: &Undo) -> Vec<u8> {
        let mut packer = self.begin(7);
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
        packer.finish()
    }

    pub(super) fn confirm(self, idempotency: &Idempotency) -> Vec<u8> {
        let mut packer = self.begin(1);
        packer.bytes(&idempotency.fingerprint);
        packer.finish()
    }

    pub(super) fn check(self, ask: &Check) -> Vec<u8> {
        let mut packer = self.begin(4);
        packer
            .bytes(&ask.tenant.0)
            .bytes(&ask.operation.0)
            .number(place_of(&CLIENTS, &ask.client))
            .array(2 * ask.digests.len());
        for digest in &ask.digests {
            packer.bytes(digest.key_id.as_bytes()).bytes(&digest.mac);
        }
        packer.finish()
    }

    pub(super) fn cancel(self, tenant: TenantTag) -> Vec<u8> {
        let mut packer = self.begin(1);
        packer.bytes(&tenant.0);
        packer.finish()
    }

    pub(super) fn outcome(self, tenant: TenantTag, conversion: Conversion) -> Vec<u8> {
        let mut packer = self.begin(2);
        packer
            .bytes(&tenant.0)
            .number(place_of(&CONVERSIONS, &conversion));
        packer.finish()
    }

    pub(super) fn begin_attempt(self, ordinal: u8, ask: &Begin) -> Vec<u8> {
        let mut packer = self.begin(5);
        packer
            .number(u64::from(ordinal))
            .number(u64::from(ask.fence))
            .number(u64::from(ask.attempt))
            .bytes(ask.provider.as_bytes());
        dispatch_policy(&mut packer, &ask.policy);
        packer.finish()
    }

    pub(super) fn settle(self, ordinal: u8, ask: &Settle) -> Vec<u8> {
        let mut packer = self.begin(5);
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
        packer.finish()
    }

    pub(super) fn receipt(self, ordinal: u8, ask: &ApplyReceipt) -> Vec<u8> {
        let mut packer = self.begin(5);
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
        packer.finish()
    }

    pub(super) fn take(self, ordinal: u8, policy: &DispatchPolicy) -> Vec<u8> {
        let mut packer = self.begin(2);
        packer.number(u64::from(ordinal));
        dispatch_policy(&mut packer, policy);
        packer.finish()
    }

    /// Looks at `window` due entries from the `skip`th on.
    pub(super) fn sweep(self, ask: &Sweep, skip: u64, window: u64) -> Vec<u8> {
        let mut packer = self.begin(5);
        packer
            .number(u64::from(ask.count_max))
            .number(ask.grace_ms)
            .number(skip)
            .number(window);
        dispatch_policy(&mut packer, &ask.policy);
        packer.finish()
    }

    pub(super) fn hand_back(self, ordinal: u8, fence: u32) -> Vec<u8> {
        let mut packer = self.begin(2);
        packer.number(u64::from(ordinal)).number(u64::from(fence));
        packer.finish()
    }

    pub(super) fn limit(self, ask: &LimitAsk) -> Vec<u8> {
        let mut packer = self.begin(3);
        packer
            .number(match ask.step {
                LimitStep::Take => 0,
                LimitStep::Peek => 1,
                LimitStep::GiveBack => 2,
            })
            .bytes(&ask.operation.0)
            .array(3 * ask.rules.len());
        for rule in &ask.rules {
            match rule {
                LimitRule::Rate(rate) => packer
                    .number(0)
                    .number(rate.interval_us())
                    .number(rate.tolerance_us()),
                LimitRule::Daily { max } => packer.number(1).number(u64::from(*max)).number(0),
            };
        }
        packer.finish()
    }

    pub(super) fn write_meta(self, revision: u64, meta: &[u8]) -> Vec<u8> {
        let mut packer = self.begin(2);
        packer.number(revision).bytes(meta);
        packer.finish()
    }
}

fn new_delivery(packer: &mut Packer, delivery: Option<&NewDelivery>) {
    let Some(delivery) = delivery else {
        packer.nothing();
        return;
    };
    let fallback = delivery.fallback.iter();
    let digits: String = fallback
        .map(|channel| place_of(&CHANNELS, channel).to_string())
        .collect();
    packer
        .array(3)
        .number(place_of(&CHANNELS, &delivery.channel))
        .bytes(digits.as_bytes())
        .bytes_or_nothing(delivery.first_provider.as_ref().map(|name| name.as_bytes()));
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
        Next::Fail {
            reason,
            is_final_for_number,
        } => packer
            .array(3)
            .number(3)
            .bytes(reason.as_bytes())
            .flag(*is_final_for_number),
        Next::Close { reason } => packer.array(2).number(4).bytes(reason.as_bytes()),
    };
}
