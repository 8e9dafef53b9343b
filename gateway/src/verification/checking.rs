//! Checking, canceling, and noting outcomes: what ends a verification.

use super::{
    CheckVerdict, ClientClass, CodeDigest, Conversion, Failures, NumberRecord, OperationId, Record,
    RecordKind, SendRefusal, Status, TenantTag,
};
use crate::id::RecordId;

/// Asks whether a code is right. Consumes a guess.
#[derive(Clone, Debug)]
pub struct Check {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub operation: OperationId,
    pub client: ClientClass,
    /// The digest of what was typed, under every live key.
    pub digests: Vec<CodeDigest>,
}

/// What a check is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckAnswer {
    Approved,
    Mismatch {
        checks_remaining: u8,
    },
    /// Not evaluated: the verification is no longer pending.
    NotPending {
        status: Status,
    },
    /// Not evaluated; `None` until an operator lifts it.
    TooManyFailures {
        available_at_ms: Option<u64>,
    },
    /// Not evaluated: this node lacks the key the code was digested with.
    UnknownKey,
    /// Not evaluated: the idempotency key came with another code before.
    KeyReused,
    NotFound,
}

/// Evaluates a check. `record` and `number` are written back by the caller.
pub fn check(
    ask: &Check,
    record: &mut Record,
    number: &mut NumberRecord,
    now_ms: u64,
) -> CheckAnswer {
    if record.tenant != ask.tenant || record.kind != RecordKind::Verification {
        return CheckAnswer::NotFound;
    }
    if let Some((_, verdict)) = record
        .checks
        .iter()
        .find(|(seen, _)| *seen == ask.operation)
    {
        return match *verdict {
            CheckVerdict::Approved => CheckAnswer::Approved,
            CheckVerdict::Mismatch { checks_remaining } => {
                CheckAnswer::Mismatch { checks_remaining }
            }
        };
    }
    if record
        .checks
        .iter()
        .any(|(seen, _)| ask.operation.reuses_key_of(*seen))
    {
        return CheckAnswer::KeyReused;
    }
    record.expire_if_due(number, ask.id, now_ms);
    let Some(digest) = record.digest.as_ref().filter(|_| record.status.is_open()) else {
        return CheckAnswer::NotPending {
            status: record.status,
        };
    };
    let Some(typed) = ask
        .digests
        .iter()
        .find(|typed| typed.key_id == digest.key_id)
    else {
        return CheckAnswer::UnknownKey;
    };
    let failures = number.failures.of_mut(ask.client);
    failures.forget_if_old(now_ms);
    if let Some(refusal) = failures.refusal(now_ms) {
        return refusal;
    }
    record.checks_used += 1;
    // Both sides are keyed MACs of 32 bytes: where they first differ says nothing
    // about the code.
    let is_right = typed.mac == digest.mac;
    if is_right {
        *failures = Failures::default();
        record.decide(Status::Approved, now_ms);
        record.conversion = Conversion::Converted;
        number.remove_live(ask.id);
        record.checks.push((ask.operation, CheckVerdict::Approved));
        return CheckAnswer::Approved;
    }
    failures.add(now_ms);
    let checks_remaining = record.checks_max.saturating_sub(record.checks_used);
    if checks_remaining == 0 {
        record.decide(Status::Exhausted, now_ms);
        number.remove_live(ask.id);
    }
    let verdict = CheckVerdict::Mismatch { checks_remaining };
    record.checks.push((ask.operation, verdict));
    CheckAnswer::Mismatch { checks_remaining }
}

/// Cancels a pending verification; canceling a canceled one changes nothing.
///
/// # Errors
///
/// [`SendRefusal::NotFound`] or [`SendRefusal::NotPending`] with any other status.
pub fn cancel(
    record: &mut Record,
    number: &mut NumberRecord,
    (id, tenant): (RecordId, TenantTag),
    now_ms: u64,
) -> Result<(), SendRefusal> {
    if record.tenant != tenant || record.kind != RecordKind::Verification {
        return Err(SendRefusal::NotFound);
    }
    record.expire_if_due(number, id, now_ms);
    match record.status {
        Status::Pending => {
            record.decide(Status::Canceled, now_ms);
            number.remove_live(id);
            Ok(())
        }
        Status::Canceled => Ok(()),
        status @ (Status::Approved
        | Status::Expired
        | Status::Exhausted
        | Status::Superseded
        | Status::Failed) => Err(SendRefusal::NotPending { status }),
    }
}

/// Notes what the tenant reports. Decides a pending verification only if the
/// tenant drew its code; one whose code we drew is decided by a check alone.
///
/// # Errors
///
/// [`SendRefusal::NotFound`].
pub fn report_outcome(
    record: &mut Record,
    number: &mut NumberRecord,
    (id, tenant): (RecordId, TenantTag),
    (conversion, now_ms): (Conversion, u64),
) -> Result<(), SendRefusal> {
    if record.tenant != tenant {
        return Err(SendRefusal::NotFound);
    }
    record.expire_if_due(number, id, now_ms);
    let decides = record.kind == RecordKind::Verification && record.has_custom_code;
    if decides && record.status.is_open() && conversion == Conversion::Converted {
        record.decide(Status::Approved, now_ms);
        record.conversion = conversion;
        number.remove_live(id);
    }
    if record.status != Status::Approved {
        record.conversion = conversion;
    }
    Ok(())
}
